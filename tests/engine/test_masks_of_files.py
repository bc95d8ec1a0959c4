"""Masks that GDAL writes next to images (`scene.tif.msk`) make pixels of maps clear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve import app
from iipserve.app import Application
from iipserve.config import Config
from iipserve.geometry import Size
from iipserve.http import Request
from iipserve.plan import Resampling

rasterio = pytest.importorskip("rasterio")
from tests.engine.coverages import CoverageFolder  # noqa: E402
from tests.geo_rasters import copy, write_geotiff  # noqa: E402

SIDE, STEP = 256, 10.0
CORNER = 500000.0, 5000000.0
MASK = np.add(*np.indices((SIDE, SIDE))) > 200
"""All but the upper left corner."""


def write(folder: Path, name: str = "scene.tif", pixels: NDArray[Any] | None = None, **options: Any) -> Path:
    """An image with a mask next to it, made by GDAL."""
    if pixels is None:
        pixels = np.random.default_rng(2).integers(1, 255, (3, SIDE, SIDE), np.uint8)
    place = rasterio.transform.from_origin(*CORNER, STEP, STEP)
    path = write_geotiff(folder / name, pixels, transform=place, tile=64, overviews=(2, 4), **options)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False, GDAL_PAM_ENABLED=False),
        rasterio.open(path, "r+") as file,
    ):
        file.write_mask(MASK)
    assert path.with_name(f"{name}.msk").exists()
    return path


def box(reduction: float = 1.0, shift: float = 0.0, count: int = 64) -> str:
    x, y = CORNER[0] + shift, CORNER[1] - shift
    return f"{x},{y - count * reduction * STEP},{x + count * reduction * STEP},{y}"


def ask(application: Application, **fields: str) -> bytes:
    """The answer of WMS about 64 x 64 pixels."""
    asked = {
        "SERVICE": "WMS", "VERSION": "1.1.1", "REQUEST": "GetMap", "LAYERS": "scene", "STYLES": "", "SRS": "EPSG:32633",
        "FORMAT": "image/png", "TRANSPARENT": "TRUE", "BBOX": box(), "WIDTH": "64", "HEIGHT": "64", **fields,
    }  # fmt: skip
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    response = application.handle(Request("GET", "/wms", query, {"HTTP_HOST": "a"}))
    assert response.status == 200
    assert isinstance(response.body, bytes)
    return response.body


def drawn(application: Application, **fields: str) -> NDArray[Any]:
    pixels: NDArray[Any] = imagecodecs.png_decode(ask(application, **fields))
    return pixels


def application_of(folder: Path) -> Application:
    return app.build(Config(filesystem_prefix=f"{folder}/"))


def test_pixels_are_clear_where_gdal_says_so(tmp_path: Path) -> None:
    with rasterio.open(write(tmp_path)) as file:
        colors, mask = file.read(), file.dataset_mask()
    assert ((mask > 0) == MASK).all()
    found = drawn(application_of(tmp_path), BBOX=box(count=SIDE), WIDTH=str(SIDE), HEIGHT=str(SIDE))
    np.testing.assert_array_equal(found[..., 3], mask)
    np.testing.assert_array_equal(found[MASK][:, :3], np.moveaxis(colors, 0, 2)[MASK])


@pytest.mark.parametrize(
    ("reduction", "shift"), [(1.0, 804.0), (1.5, 603.0), (2.0, 0.0), (4.0, 0.0), (4.0, 7.0)]
)
@pytest.mark.parametrize("nearest", [True, False], ids=["nearest", "bilinear"])
def test_maps_of_any_scale(tmp_path: Path, reduction: float, shift: float, nearest: bool) -> None:
    """Two pixels of the map away from the edge of the mask."""
    write(tmp_path)
    count = 60
    found = drawn(
        application_of(tmp_path), BBOX=box(reduction, shift, count), WIDTH=str(count), HEIGHT=str(count),
        RESAMPLING="nearest" if nearest else "bilinear",
    )  # fmt: skip
    place = ((np.arange(count) + 0.5) * reduction * STEP + shift) / STEP
    sums = np.add.outer(place, place) - 1
    around = 4 * reduction
    assert (found[sums > 200 + around][:, 3] == 255).all()
    assert (found[sums < 200 - around][:, 3] == 0).all()
    assert (sums > 200 + around).any()


def test_values_of_hidden_pixels_are_not_told(tmp_path: Path) -> None:
    write(tmp_path, pixels=np.full((1, SIDE, SIDE), 123, np.uint8))
    application = application_of(tmp_path)
    fields = {"REQUEST": "GetFeatureInfo", "QUERY_LAYERS": "scene", "INFO_FORMAT": "text/plain"}
    hidden = ask(application, **fields, X="20", Y="20")
    shown = ask(application, **fields, X="20", Y="20", BBOX=box(shift=1500.0))
    assert b"123" in shown
    assert b"123" not in hidden


def test_stored_tiles_are_sent_unless_a_pixel_is_hidden(tmp_path: Path) -> None:
    write(tmp_path, compress="jpeg", photometric="ycbcr")
    application = application_of(tmp_path)
    jpeg = {"FORMAT": "image/jpeg", "TRANSPARENT": "FALSE"}
    hidden = imagecodecs.jpeg8_decode(ask(application, **jpeg))
    assert (hidden[:40, :40] > 250).all()
    shown = ask(application, **jpeg, BBOX=box(shift=3 * 64 * STEP))
    (tmp_path / "scene.tif.msk").unlink()
    without = application_of(tmp_path)
    assert shown == ask(without, **jpeg, BBOX=box(shift=3 * 64 * STEP))
    assert (imagecodecs.jpeg8_decode(ask(without, **jpeg))[:40, :40] < 250).any()


@pytest.mark.parametrize("dtype", ["int16", "uint16", "float32"])
def test_samples_of_other_types(tmp_path: Path, dtype: str) -> None:
    write(
        tmp_path,
        pixels=np.linspace(0, 65535 if dtype == "uint16" else 1000, SIDE * SIDE)
        .reshape(1, SIDE, SIDE)
        .astype(dtype),
    )
    found = drawn(application_of(tmp_path), BBOX=box(count=SIDE), WIDTH=str(SIDE), HEIGHT=str(SIDE))
    np.testing.assert_array_equal(found[..., -1] > 0, MASK)
    assert found[-1, -1, 0] > 250


def test_masks_that_come_and_go(tmp_path: Path) -> None:
    mask = write(tmp_path).with_name("scene.tif.msk")
    application = application_of(tmp_path)
    assert (drawn(application)[..., 3] == 0).all()
    aside = mask.rename(tmp_path / "aside")
    assert drawn(application).shape[2] == 3
    aside.rename(mask)
    application.clear()
    assert (drawn(application)[..., 3] == 0).all()


@pytest.mark.parametrize("content", [b"", b"no image", b"II*\0\x08\0\0\0\0\0\0\0\0\0"])
def test_what_is_no_mask_hides_nothing(tmp_path: Path, content: bytes) -> None:
    write(tmp_path).with_name("scene.tif.msk").write_bytes(content)
    assert drawn(application_of(tmp_path)).shape[2] == 3


def test_masks_of_other_sizes_hide_nothing(tmp_path: Path) -> None:
    path = write(tmp_path).with_name("scene.tif.msk")
    write_geotiff(path, np.zeros((1, 50, 50), np.uint8))
    assert drawn(application_of(tmp_path)).shape[2] == 3


def test_deep_zoom_shows_all_pixels(tmp_path: Path) -> None:
    write(tmp_path)
    address = "/iiif/scene.tif/0,0,64,64/64,64/0/default.png"
    response = application_of(tmp_path).handle(Request("GET", address, "", {"HTTP_HOST": "a"}))
    assert isinstance(response.body, bytes)
    assert imagecodecs.png_decode(response.body).shape == (64, 64, 3)


def test_levels_without_a_mask_of_their_size_have_the_next_larger_one(tmp_path: Path) -> None:
    write(tmp_path)
    found = drawn(application_of(tmp_path), BBOX=box(4.0, count=64))
    np.testing.assert_array_equal(found[..., 3] > 0, MASK[2::4, 2::4])


@pytest.mark.parametrize("suffix", [".tif", ".jp2"])
@pytest.mark.parametrize("resampling", [Resampling.AVERAGE, Resampling.BILINEAR])
def test_hidden_samples_weigh_in_no_mean_of_coverages(
    tmp_path: Path, suffix: str, resampling: Resampling
) -> None:
    pixels = np.where(MASK, 100, 200).astype(np.uint8)[np.newaxis].repeat(3, axis=0)
    path = write(tmp_path, pixels=pixels)
    if suffix != path.suffix:
        copied = path.with_suffix(suffix)
        copy(path, copied, driver="JP2OpenJPEG", QUALITY="100", REVERSIBLE="YES")
        copied.with_name(f"{copied.name}.msk").write_bytes(path.with_name(f"{path.name}.msk").read_bytes())
        path.unlink()
    folder = CoverageFolder(tmp_path)
    np.testing.assert_array_equal(np.moveaxis(folder.read(f"scene{suffix}"), -1, 0), pixels)
    found = folder.read(f"scene{suffix}", None, Size(150, 90), resampling=resampling)
    assert found.shape[2] == 3
    assert set(np.unique(found)) == {100, 200}
