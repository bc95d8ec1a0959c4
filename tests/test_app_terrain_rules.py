"""Slope, aspect and hillshade of collections of heights, as SuperMap's client asks for them, against numpy and geodesics."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import Geod, Transformer

from iipserve import app
from tests.geo_rasters import from_origin, write_geotiff
from tests.published import NAME, YEARS, Published
from tests.test_app import ask, picture
from tests.test_app_mosaics import add

ZOOM, X, Y = 10, 554, 367
TILE = 256
STEP = 2 * math.pi * 6378137 / (TILE << ZOOM)
WEST, NORTH = X * TILE * STEP - math.pi * 6378137, math.pi * 6378137 - Y * TILE * STEP
SIDE = 2 * TILE
SLOPE = {"gridFunctions": [{"girdFuncName": "GFSlope", "ZFactor": 3}]}
SHADE = {"gridFunctions": [{"girdFuncName": "GFHillShade", "Azimuth": 300, "Altitude": 30, "ZFactor": 3}]}
ASPECT = {"gridFunctions": [{"girdFuncName": "GFAspect"}]}


def surface() -> NDArray[np.float64]:
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    rough = np.random.default_rng(8).normal(0, 20, (SIDE, SIDE))
    return np.asarray(900 * np.sin(columns / 40) * np.cos(rows / 30) + rough + 3 * rows).astype(np.float32)


def pixel_sides() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Width and height of the pixels of each row on the ground, in metres."""
    to_degrees = Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True)
    rows = np.arange(SIDE)
    _, edges = to_degrees.transform(np.full(SIDE + 1, WEST), NORTH - np.arange(SIDE + 1) * STEP)
    _, middles = to_degrees.transform(np.full(SIDE, WEST), NORTH - (rows + 0.5) * STEP)
    geod, turn = Geod(ellps="WGS84"), 360 / (TILE << ZOOM)
    none = np.zeros(SIDE)
    return geod.inv(none, middles, none + turn, middles)[2], geod.inv(none, edges[:-1], none, edges[1:])[2]


def rise() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """To the east and to the north, by Horn's weights, of all pixels but those along the edges: of the heights times 3."""
    heights, (width, height) = surface() * 3.0, pixel_sides()
    around = {
        (down, across): heights[1 + down : SIDE - 1 + down, 1 + across : SIDE - 1 + across]
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
    }
    weights = {-1: 1, 0: 2, 1: 1}
    east = sum(weights[k] * (around[k, 1] - around[k, -1]) for k in weights) / 8 / width[1:-1, None]
    north = sum(weights[k] * (around[-1, k] - around[1, k]) for k in weights) / 8 / height[1:-1, None]
    return np.asarray(east), np.asarray(north)


class Heights:
    """A collection of heights on the grid of four tiles."""

    def __init__(self, folder: Path, names: dict[str, slice], crs: str = "EPSG:3857", **more: Any) -> None:
        """Write images of some columns of the surface."""
        self.published = Published(folder)
        self.published.store.delete_items(NAME, [f"{year}.tif" for year in YEARS])
        for name, columns in names.items():
            place = from_origin(WEST + columns.start * STEP, NORTH, STEP, STEP)
            pixels = surface()[:, columns].astype(np.float32)
            write_geotiff(self.published.images / name, pixels, crs=crs, transform=place, **more)
            add(self.published, [name], 2020)
        self.application: app.Application = self.published.application()

    def whole(self, rule: dict[str, Any]) -> NDArray[np.uint8]:
        """All four tiles, red and opacity."""
        tiles = [[self.tile(rule, X + column, Y + row) for column in (0, 1)] for row in (0, 1)]
        return np.concatenate([np.concatenate(row, axis=1) for row in tiles], axis=0)

    def tile(self, rule: dict[str, Any], x: int, y: int, zoom: int = ZOOM) -> NDArray[np.uint8]:
        address = (
            f"/stac/collections/{NAME}/tile.png?z={zoom}&x={x}&y={y}&renderingRule={quote(json.dumps(rule))}"
        )
        return np.asarray(picture(ask(self.application, address)).convert("RGBA"))[..., [0, 3]]


@pytest.fixture(scope="module")
def heights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heights]:
    found = Heights(tmp_path_factory.mktemp("heights"), {"all.tif": slice(0, SIDE)}, tile=64)
    yield found
    found.published.store.close()


def test_slopes_of_tiles_join(heights: Heights) -> None:
    """All pixels are those of the whole surface, also next to the edges of tiles."""
    found = heights.whole(SLOPE)
    assert (found[..., 1] == 255).all()
    expected = np.degrees(np.arctan(np.hypot(*rise()))) / 90 * 255
    assert np.ptp(expected) > 150
    assert np.abs(found[1:-1, 1:-1, 0] - np.floor(expected)).max() <= 1
    assert (found[1:-1, 1:-1, 0] == np.floor(expected)).mean() > 0.95  # the ground is interpolated


def test_hillshades_have_the_light_of_the_rule(heights: Heights) -> None:
    east, north = rise()
    around, up = np.radians(300), np.radians(30)
    light = np.array([np.sin(around) * np.cos(up), np.cos(around) * np.cos(up), np.sin(up)])
    normal = np.stack([-east, -north, np.ones_like(east)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    found = heights.whole(SHADE)[1:-1, 1:-1, 0]
    assert np.abs(found - np.floor((normal @ light).clip(0) * 255)).max() <= 1


def test_aspects_are_clockwise_from_north(heights: Heights) -> None:
    east, north = rise()
    found = heights.whole(ASPECT)[1:-1, 1:-1, 0]
    turned = np.abs(found / 255 * 360 - np.degrees(np.arctan2(-east, -north)) % 360)
    assert np.minimum(turned, 360 - turned).max() < 360 / 255 + 0.1


def test_colors_are_of_degrees(heights: Heights) -> None:
    table = [f"{degrees}: {color}" for degrees, color in ((0, "0,0,0"), (45, "200,0,0"), (90, "200,0,0"))]
    plain, found = heights.tile(SLOPE, X, Y), heights.tile({**SLOPE, "colorTable": table}, X, Y)
    expected = np.minimum(plain[..., 0] / 255 * 90, 45) / 45 * 200
    assert np.abs(found[..., 0] - expected).max() <= 3


def test_tiles_of_a_warped_image_are_its_nearest_pixels(tmp_path: Path) -> None:
    """One zoom finer: each pixel four times."""
    shown = Heights(tmp_path, {"all.tif": slice(0, SIDE)})
    try:
        coarse = shown.tile(SLOPE, X, Y)
        fine = shown.tile(SLOPE, 2 * X, 2 * Y, ZOOM + 1)
    finally:
        shown.published.store.close()
    np.testing.assert_array_equal(fine, coarse[: TILE // 2, : TILE // 2].repeat(2, axis=0).repeat(2, axis=1))


def test_aspects_of_images_that_overlap_are_not_averaged(tmp_path: Path) -> None:
    """Planes that descend a little west and a little east of north: the mean of their aspects is south."""
    shown = Heights(tmp_path, {})
    try:
        rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
        place = from_origin(WEST, NORTH, STEP, STEP)
        for name, lean in (("a.tif", 0.5), ("b.tif", -0.5)):
            heights = (100 * rows + lean * columns).astype(np.float32)
            write_geotiff(shown.published.images / name, heights, crs="EPSG:3857", transform=place)
            add(shown.published, [name], 2020)
        collection = shown.published.store.collection(NAME)
        shown.published.store.replace(replace(collection, rule="mean"))
        found = shown.published.application()
        shown.application = found
        tile = shown.tile(ASPECT, X, Y)[..., 0]
    finally:
        shown.published.store.close()
    assert ((tile < 3) | (tile > 252)).all()


def test_images_next_to_each_other_differ_from_one_along_their_edge_only(
    heights: Heights, tmp_path: Path
) -> None:
    names = {"left.tif": slice(0, 200), "right.tif": slice(200, SIDE)}
    shown = Heights(tmp_path, names, nodata=-9999)
    try:
        found, one = shown.whole(SLOPE), heights.whole(SLOPE)
    finally:
        shown.published.store.close()
    assert (found[..., 1] == 255).all()
    away = np.delete(found, (199, 200), axis=1)
    np.testing.assert_allclose(away, np.delete(one, (199, 200), axis=1), atol=1)
