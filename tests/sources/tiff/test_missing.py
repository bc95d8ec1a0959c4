"""Which pixels of a TIFF file are missing, compared with the mask that GDAL reads of it: nodata, NaN, opacity, masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve import registry
from iipserve.config import Config
from iipserve.engine.library import Library
from iipserve.geometry import Region
from iipserve.plan import ImageRef
from iipserve.processing.missing import missing_pixels
from iipserve.sources.tiles import join_tiles
from tests.geo_rasters import KINDS, positions, rasterio, write_geotiff


def _read(path: Path, level: int = 0) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Samples of a level as (bands, rows, columns) without opacity, and which pixels are valid."""
    library = Library(
        Config(filesystem_prefix=f"{path.parent}/"), registry.discover("iipserve.sources", "FORMAT")
    )
    info = library.info(path.name)
    source = library.source(ImageRef(info.identifier, info.version))
    region = Region(0, 0, *info.levels[level].size)
    pixels = join_tiles(info, level, region, source.read_tile)
    missing = missing_pixels(pixels, info)
    valid = np.ones(pixels.shape[:2], np.bool_) if missing is None else ~missing
    if info.has_alpha:
        valid &= pixels[..., -1] > 0
    return pixels[..., : info.color_bands].transpose(2, 0, 1), valid


def _gdal_mask(path: Path, level: int | None = None) -> NDArray[np.bool_]:
    options = {} if level is None else {"overview_level": level}
    with rasterio.open(path, **options) as dataset:
        valid: NDArray[np.bool_] = dataset.dataset_mask() > 0
        return valid


@pytest.mark.parametrize("tile", [None, 16])
@pytest.mark.parametrize("compress", ["NONE", "DEFLATE", "LZW"])
def test_a_mask_is_opacity_in_every_level(tile: int | None, compress: str, tmp_path: Path) -> None:
    mask = np.ones((80, 120), np.bool_)
    mask[20:50, 30:90] = False
    path = write_geotiff(
        tmp_path / "a.tif",
        positions(),
        mask=mask,
        tile=tile,
        overviews=(2, 4) if tile else (),
        compress=compress,
    )
    samples, valid = _read(path)
    np.testing.assert_array_equal(valid, mask)
    np.testing.assert_array_equal(samples, positions())
    for level in (0, 1) if tile else ():
        _, valid = _read(path, level + 1)
        np.testing.assert_array_equal(valid, _gdal_mask(path, level))


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_masks_of_lossy_colors_are_exact(interleave: str, tmp_path: Path) -> None:
    columns, rows = positions(dtype="uint8")
    mask = columns > rows
    pixels = np.stack([columns, rows, columns])
    options = {"compress": "JPEG", "interleave": interleave}
    if interleave == "pixel":
        options["photometric"] = "YCBCR"
    path = write_geotiff(tmp_path / "a.tif", pixels, mask=mask, tile=16, overviews=(2,), **options)
    np.testing.assert_array_equal(_read(path)[1], mask)
    np.testing.assert_array_equal(_read(path, 1)[1], _gdal_mask(path, 0))


@pytest.mark.parametrize("kind", ["nodata", "rgba"])
def test_missing_pixels_are_those_of_gdal(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path)
    valid = _read(path)[1]
    np.testing.assert_array_equal(valid, _gdal_mask(path))
    assert not valid.all()


@pytest.mark.parametrize("declared", [True, False])
def test_nan_is_missing_whether_it_is_declared_or_not(declared: bool, tmp_path: Path) -> None:
    pixels = positions(dtype="float32")
    pixels[:, 10:20, 40:60] = np.nan
    path = write_geotiff(tmp_path / "a.tif", pixels, nodata=np.nan if declared else None)
    np.testing.assert_array_equal(_read(path)[1], ~np.isnan(pixels[0]))


@pytest.mark.parametrize(
    ("nodata", "dtype"),
    [("-9999", "uint8"), ("65535", "int16"), ("1e400", "uint8"), ("0.5", "uint8"), ("x", "uint8")],
)
def test_nodata_that_no_sample_can_have_hides_nothing(nodata: str, dtype: str, tmp_path: Path) -> None:
    import tifffile

    pixels = positions(dtype=dtype)[0]
    pixels.flat[:3] = (0, 255 if dtype == "uint8" else -1, 1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, extratags=[(42113, 2, len(nodata) + 1, nodata, True)], metadata=None)
    samples, valid = _read(path)
    assert valid.all()
    np.testing.assert_array_equal(samples[0], pixels)


def test_a_color_is_missing_if_all_its_bands_are(tmp_path: Path) -> None:
    pixels = np.full((3, 20, 20), 9, np.uint8)
    pixels[:, 3, 4] = (0, 120, 90)
    pixels[:, 5, 6] = (0, 0, 0)
    valid = _read(write_geotiff(tmp_path / "a.tif", pixels, nodata=0, photometric="RGB"))[1]
    assert valid[3, 4]
    assert not valid[5, 6]
    assert valid.sum() == 399


@pytest.mark.parametrize("tile", [None, 16])
@pytest.mark.parametrize("nodata", [0, 5, 255])
def test_an_index_of_a_palette_is_missing(nodata: int, tile: int | None, tmp_path: Path) -> None:
    """Its color is also that of an index that is not missing."""
    classes = np.array([1, 5, 9, nodata], np.uint8)[positions()[0] // 30]
    colors = {1: (200, 0, 0), 5: (0, 200, 0), 9: (0, 0, 200), 7: (9, 9, 9)}
    colors[nodata] = (200, 0, 0)
    path = write_geotiff(
        tmp_path / "a.tif", classes, colormap={index: (*color, 255) for index, color in colors.items()}, nodata=nodata,
        photometric="palette", tile=tile,
    )  # fmt: skip
    shown, valid = _read(path)
    np.testing.assert_array_equal(valid, classes != nodata)
    expected = np.array([colors.get(index, (0, 0, 0)) for index in range(256)], np.uint8)[classes].transpose(
        2, 0, 1
    )
    np.testing.assert_array_equal(shown[:, valid], expected[:, valid])
    assert np.abs(shown.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("miniswhite", [True, False])
def test_bits_have_the_polarity_of_gdal(miniswhite: bool, tmp_path: Path) -> None:
    bits = (positions()[0] // 7 % 2).astype(np.uint8)
    options = {"nbits": 1, "photometric": "MINISWHITE" if miniswhite else "MINISBLACK"}
    shown, valid = _read(write_geotiff(tmp_path / "a.tif", bits, **options))
    assert valid.all()
    np.testing.assert_array_equal(shown[0], (bits != miniswhite) * np.uint8(255))
