"""Pages that draw a raster in a window of Web Mercator, and whether it is where GDAL draws it.

The rasters are a gradient from left to right in red and from top to bottom in green. GDAL warps the file to the grid
of the window; the difference of the colors, divided by their slope, is by how many pixels the map is off.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser

from tests.end_to_end.browsing import new_context, watch
from tests.end_to_end.viewer_pages import DELIVERY, Site, content, named

rasterio = pytest.importorskip("rasterio")
from rasterio.transform import Affine, from_bounds  # noqa: E402
from rasterio.warp import Resampling, reproject, transform_bounds  # noqa: E402

from tests.geo_rasters import GRIDS, write_geotiff  # noqa: E402

WINDOW = 512
"""Side of the maps, in pixels."""
SIZE = (300, 200)
"""Columns and rows of the rasters."""
SECONDS = 120_000
OFF = 0.75
"""Pixels by which a map may be off: nearest pixels are half a pixel of the source away at most."""
HALF_EQUATOR = 20_037_508.342789244

MAP_PAGE = """<!doctype html>
<meta charset="utf-8"><title>drawing</title>
<link rel="stylesheet" href="{style}">
<style>body {{ margin: 0 }} #map {{ width: {window}px; height: {window}px; background: #000 }}</style>
<div id="map"></div>
<script src="{script}"></script>
<script type="module">
const asked = {options};
{code}
</script>
"""
MAPS = ["utm", "wgs84", "mercator", "cgcs2000"]
"""Kinds of `geo_rasters.GRIDS` that Web Mercator shows."""


class View(NamedTuple):
    """A square window of Web Mercator."""

    center: tuple[float, float]
    zoom: int

    @property
    def resolution(self) -> float:
        """Metres of a pixel, at the equator."""
        return 2 * HALF_EQUATOR / 256 / 2**self.zoom

    @property
    def transform(self) -> Affine:
        """Of the window's pixels."""
        half = self.resolution * WINDOW / 2
        x, y = self.center
        return from_bounds(x - half, y - half, x + half, y + half, WINDOW, WINDOW)

    @property
    def place(self) -> tuple[float, float]:
        """Latitude and longitude of the center."""
        x, y, _, _ = transform_bounds("EPSG:3857", "EPSG:4326", *self.center, *self.center)
        return y, x


def gradient() -> NDArray[np.uint8]:
    """Red grows from 50 to 249 along a row, green down a column. Shape (3, rows, columns)."""
    columns, rows = SIZE
    red = np.broadcast_to(np.linspace(50, 249, columns), (rows, columns))
    green = np.broadcast_to(np.linspace(50, 249, rows)[:, np.newaxis], (rows, columns))
    return np.stack([red, green, np.full((rows, columns), 180)]).astype(np.uint8)


def write_rasters(folder: Path, kinds: Iterable[str], **further: str) -> Path:
    """Write a raster for each kind of `geo_rasters.GRIDS`, called by it; `further` ones by their kinds. Returns `folder`."""
    for name, kind in ({kind: kind for kind in kinds} | further).items():
        path = folder / f"{name}.tif"
        path.parent.mkdir(exist_ok=True)
        crs, transform = GRIDS[kind]
        write_geotiff(path, gradient(), crs=crs, transform=transform, tile=64, photometric="RGB")
    return folder


def view_of(path: Path) -> View:
    """The view in which a raster takes about the whole window."""
    with rasterio.open(path) as file:
        west, south, east, north = transform_bounds(file.crs, "EPSG:3857", *file.bounds)
    pixels = [2 * HALF_EQUATOR / side * (WINDOW - 40) / 256 for side in (east - west, north - south)]
    return View(((west + east) / 2, (south + north) / 2), int(np.log2(min(pixels))))


def drawn_by_gdal(path: Path, view: View) -> NDArray[np.uint8]:
    """The window as GDAL draws it: RGB and opacity."""
    result = np.zeros((4, WINDOW, WINDOW), np.uint8)
    with rasterio.open(path) as file:
        source = np.concatenate([file.read(), np.full((1, file.height, file.width), 255, np.uint8)])
        reproject(
            source, result, src_transform=file.transform, src_crs=file.crs, dst_transform=view.transform,
            dst_crs="EPSG:3857", resampling=Resampling.nearest,
        )  # fmt: skip
    return np.moveaxis(result, 0, 2)


def shown(browser: Browser, documents: Site, origin: str, page: str) -> NDArray[np.uint8]:
    """The map of a page, once it is drawn. Nothing may fail on the way."""
    documents.hold("/map.html", page, origin)
    opened = new_context(browser, viewport={"width": WINDOW, "height": WINDOW}).new_page()
    answered: list[str] = []
    mistakes: list[str] = []
    watch(opened, answered, mistakes)
    opened.goto(f"{documents.origin}/map.html")
    opened.wait_for_function("document.title !== 'drawing'", timeout=SECONDS)
    assert opened.title() == "done"
    picture = Image.open(io.BytesIO(opened.screenshot())).convert("RGB")
    opened.context.close()
    # the console repeats answers, which are noted themselves
    harmless = ("favicon.ico", "Failed to load resource")
    assert [line for line in mistakes if not line.endswith(harmless[0]) and harmless[1] not in line] == []
    return np.asarray(picture)


def page_of(package: str, script: str, style: str, code: str, **options: Any) -> str:
    """A page that draws a map with a package from npm."""
    content(named(package))
    delivered = f"{DELIVERY}/{named(package)}"
    return MAP_PAGE.format(
        script=f"{delivered}/{script}", style=f"{delivered}/{style}", code=code, window=WINDOW, options=json.dumps(options),
    )  # fmt: skip


def assert_in_place(picture: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    """The map has data where GDAL has, and its colors are off by less than `OFF` pixels on average."""
    has_data, wanted = picture[..., 2] > 90, expected[..., 3] > 0
    assert wanted.mean() > 0.1
    assert (has_data != wanted).mean() < 0.01
    both = has_data & wanted
    for band, axis in ((0, 1), (1, 0)):
        difference = picture[..., band].astype(float) - expected[..., band]
        slope = np.abs(np.gradient(expected[..., band].astype(float), axis=axis))[both].mean()
        assert abs(difference[both].mean()) / slope < OFF
        assert np.abs(difference[both]).mean() / slope < 2 * OFF
