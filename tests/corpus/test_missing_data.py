"""Missing data of GeoTIFF files (GDAL_NODATA, NaN), from the file to what is shown: compared with plain numpy."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.engine import statistics
from iipserve.http import Request
from tests.test_app import ask as respond
from tests.test_app import header

RAMP = np.tile(np.linspace(100, 700, 1024), (1024, 1))
SIZES = [pytest.param({"tile": (256, 256)}, id="tiles"), pytest.param({"rowsperstrip": 64}, id="strips")]


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    application = build(Config(filesystem_prefix=f"{tmp_path}/"))
    yield application
    application.clear()


def ask(application: Application, address: str) -> bytes:
    response = application.handle(Request.from_environ({"REQUEST_URI": address, "HTTP_HOST": "images"}))
    assert response.status == 200
    return response.body if isinstance(response.body, bytes) else b"".join(response.body)


def picture(application: Application, address: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(ask(application, address))))


def write(path: Path, samples: NDArray[Any], nodata: str | None, **options: Any) -> None:
    tags = [(42113, 2, len(nodata) + 1, nodata, True)] if nodata is not None else []
    tifffile.imwrite(path, samples, metadata=None, extratags=tags, **options)


@pytest.mark.parametrize("options", SIZES)
@pytest.mark.parametrize(
    ("dtype", "nodata"), [("i2", "-9999"), ("f4", "-9999"), ("f4", None), ("i4", "-9999")]
)
def test_what_is_missing_does_not_count(
    tmp_path: Path, application: Application, dtype: str, nodata: str | None, options: dict[str, Any]
) -> None:
    there = np.zeros(RAMP.shape, bool)
    there[::4, ::4] = True
    gap = np.nan if nodata is None else float(nodata)
    write(tmp_path / "a.tif", np.where(there, RAMP, gap).astype(dtype), nodata, **options)
    kept = RAMP.astype(dtype)[there]
    said = ask(application, "/iip?FIF=a.tif&OBJ=Min-Max-sample-values").decode().split(":")[1].split()
    assert np.allclose([float(one) for one in said], [kept.min(), kept.max()], rtol=1e-5)
    for side in (256, 128, 100):
        shown = picture(application, f"/iiif/3/a.tif/full/{side},/0/default.png").astype(float)
        x = np.linspace(0, 255, side)
        assert np.abs(shown - x).max() <= 4


@pytest.mark.parametrize("options", SIZES)
def test_missing_pixels_are_clear_where_there_is_opacity(
    tmp_path: Path, application: Application, options: dict[str, Any]
) -> None:
    samples = np.full((512, 512, 4), 200, np.uint8)
    samples[..., 3] = 255
    samples[:200, :, :3] = 0
    write(tmp_path / "a.tif", samples, "0", photometric="rgb", extrasamples=["unassalpha"], **options)
    for size in ("max", "128,"):
        shown = picture(application, f"/iiif/3/a.tif/full/{size}/0/default.png")
        edge = 200 * len(shown) // 512
        assert not shown[:edge, :, 3].any()
        assert (shown[edge:] == (200, 200, 200, 255)).all()


def test_colors_next_to_missing_ones_are_not_mixed_with_them(
    tmp_path: Path, application: Application
) -> None:
    samples = np.full((512, 512, 3), 200, np.uint8)
    samples[::2] = 0
    write(tmp_path / "a.tif", samples, "0", photometric="rgb", tile=(256, 256))
    assert (picture(application, "/iiif/3/a.tif/full/64,/0/default.png") == 200).all()


@pytest.mark.parametrize(
    ("dtype", "nodata", "expected"), [("u1", "255", 255), ("u1", None, 0), ("u1", "none", 0), ("u1", "-1", 0)]
)
def test_what_was_never_written_is_missing(
    tmp_path: Path, application: Application, dtype: str, nodata: str | None, expected: int
) -> None:
    samples = np.full((512, 512), 77, dtype)
    write(tmp_path / "a.tif", samples, nodata, tile=(256, 256))
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        tags = file.pages.first.tags
        tags[324].overwrite([0, *tags[324].value[1:]])
        tags[325].overwrite([0, *tags[325].value[1:]])
    shown = picture(application, "/iiif/3/a.tif/full/max/0/default.png")
    assert (shown[:256, :256] == expected).all()
    assert (shown[256:] == 77).all()


@pytest.mark.parametrize("at_once", [True, False])
def test_a_peak_of_one_pixel_is_within_the_range(
    tmp_path: Path, application: Application, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    background: list[Callable[[], None]] = []

    class Recorded:
        def __init__(self, target: Callable[[], None], **_: Any) -> None:
            self.start = lambda: background.append(target)

    monkeypatch.setattr(statistics, "MAX_PIXELS", 10_000)
    monkeypatch.setattr(statistics, "MAX_AT_ONCE", 1 << 25 if at_once else 10_000)
    monkeypatch.setattr("iipserve.engine.statistics.threading.Thread", Recorded)
    samples = np.full((1024, 1024), 50, np.int16)
    samples[0, :200], samples[600, 700] = 0, 1000
    write(tmp_path / "a.tif", samples, None, tile=(64, 64))
    address, bundle = "/iiif/3/a.tif/600,500,200,200/max/0/default.png", "/iip?FIF=a.tif&TIL=4,0-17"
    earlier = respond(application, address), respond(application, bundle)
    first = picture(application, address)
    for measure in background:
        measure()
    assert len(background) == (not at_once)
    shown = picture(application, address)
    later = respond(application, address), respond(application, bundle)
    kept = Config().cache_control
    for early, late in zip(earlier, later, strict=True):
        assert (header(early, "Cache-Control"), header(late, "Cache-Control")) == (
            kept if at_once else "no-cache",
            kept,
        )
        assert (header(early, "ETag") == header(late, "ETag")) == at_once
        assert (header(early, "Last-Modified") is not None) == at_once
        assert header(late, "Last-Modified") is not None
    assert (shown.max(), shown[0, 0]) == (255, 12)
    assert (first == shown).all() == at_once
