"""Coordinates of a map's pixels in an image, against PROJ on the center of every pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.geo.blocks import Exact
from iipserve.geo.coordinates import EXACT, MAX_EXACT, is_complete, source_blocks, turn_of
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.image_scale import scale_of
from iipserve.geometry import Size

pytest.importorskip("pyproj")
from tests.projections import transformer

M = 20037508.342789244
UTM = Georeference("EPSG:32633", Affine(10.0, 0.0, 500000.0, 0.0, -10.0, 5000000.0), Size(8192, 8192))
WORLD = Georeference("EPSG:4326", Affine(0.125, 0.0, -180.0, 0.0, -0.15, 90.0), Size(2880, 1200))
POLAR = Georeference("EPSG:32661", Affine(5000.0, 0.0, 0.0, 0.0, -5000.0, 4000000.0), Size(800, 800))
SOUTH_UP = Georeference("EPSG:32633", Affine(10.0, 0.0, 500000.0, 0.0, 10.0, 4900000.0), Size(8192, 8192))
ROTATED = Georeference("EPSG:32633", Affine(8.0, 3.0, 500000.0, 3.0, -8.0, 5000000.0), Size(5000, 6000))
HERE = Bounds(1.68e6, 5.60e6, 1.70e6, 5.62e6)

CASES = {
    "utm": (UTM, GridRef.of_bounds("EPSG:3857", HERE, Size(256, 256))),
    "odd size": (UTM, GridRef.of_bounds("EPSG:3857", HERE, Size(301, 77))),
    "one pixel": (UTM, GridRef.of_bounds("EPSG:3857", HERE, Size(1, 1))),
    "one row": (UTM, GridRef.of_bounds("EPSG:3857", HERE, Size(300, 1))),
    "south up": (SOUTH_UP, GridRef.of_bounds("EPSG:3857", HERE, Size(256, 256))),
    "rotated": (ROTATED, GridRef.of_bounds("EPSG:4326", Bounds(15.0, 44.9, 15.2, 45.1), Size(256, 256))),
    "same system": (UTM, GridRef.of_bounds("EPSG:32633", Bounds(510000, 4990000, 515120, 4995120), Size(256, 256))),
    "globe": (WORLD, GridRef.of_bounds("EPSG:3857", Bounds(-M, -M, M, M), Size(256, 256))),
    "beyond the antimeridian": (WORLD, GridRef.of_bounds("EPSG:4326", Bounds(-200, -75, 100, 75), Size(300, 150))),
    "map over the antimeridian": (WORLD, GridRef.of_bounds("EPSG:32660", Bounds(3e5, 1e6, 9e5, 2e6), Size(256, 256))),
    "pole": (WORLD, GridRef.of_bounds("EPSG:32661", Bounds(1e6, 1e6, 3e6, 3e6), Size(256, 256))),
    "polar image": (POLAR, GridRef.of_bounds("EPSG:3857", Bounds(-M, M / 2, 0, M), Size(256, 256))),
}  # fmt: skip


def coordinates(source: Georeference, target: GridRef) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All blocks joined."""
    columns, rows = np.full((2, target.size.height, target.size.width), np.nan)
    for block in source_blocks(source, target):
        region = block.region
        part = np.s_[region.y : region.bottom, region.x : region.right]
        assert np.isnan(columns[part]).all(), "blocks do not overlap"
        columns[part], rows[part] = block.values()
    return columns, rows


def exact(source: Georeference, target: GridRef) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Every pixel center through PROJ, and the inverse of an affine mapping by Cramer's rule."""
    across, down = np.meshgrid(np.arange(target.size.width) + 0.5, np.arange(target.size.height) + 0.5)
    a, b, c, d, e, f = target.affine
    xs, ys = a * across + b * down + c, d * across + e * down + f
    if source.crs != target.crs:
        xs, ys = transformer(target.crs, source.crs).transform(xs, ys)
    assert isinstance(source.mapping, Affine)
    a, b, c, d, e, f = source.mapping
    return ((xs - c) * e - (ys - f) * b) / (a * e - b * d), ((ys - f) * a - (xs - c) * d) / (a * e - b * d)


@pytest.mark.parametrize("name", CASES)
def test_coordinates_are_exact_within_a_thousandth_of_a_pixel(name: str) -> None:
    source, target = CASES[name]
    columns, rows = coordinates(source, target)
    with np.errstate(invalid="ignore"):
        expected_columns, expected_rows = exact(source, target)
        turn = turn_of(source)
        off = columns - expected_columns
        off -= turn * np.rint(off / turn) if turn else 0
    there = np.isfinite(expected_columns) & np.isfinite(expected_rows)
    assert there.any()
    np.testing.assert_array_equal(np.isfinite(columns) & np.isfinite(rows), there)
    assert np.abs(off[there]).max() < 1e-3
    assert np.abs((rows - expected_rows)[there]).max() < 1e-3


def test_smooth_maps_take_one_block() -> None:
    """Even a map of a pole is not computed pixel by pixel except where it is not smooth."""
    assert len(source_blocks(*CASES["utm"])) == 1
    blocks = source_blocks(*CASES["pole"])
    by_pixels = [block for block in blocks if isinstance(block, Exact)]
    assert 0 < len(by_pixels) <= 8
    assert all(block.region.width <= EXACT for block in by_pixels)


def test_parts_of_a_map_have_the_same_coordinates() -> None:
    target = GridRef.of_bounds("EPSG:3857", HERE, Size(512, 512))
    whole = coordinates(UTM, target)
    for y in (0, 256):
        for x in (0, 256):
            part = coordinates(UTM, GridRef("EPSG:3857", target.affine.shifted(x, y), Size(256, 256)))
            cut = [each[y : y + 256, x : x + 256] for each in whole]
            np.testing.assert_allclose(part, cut, rtol=0, atol=1e-7)


def test_scale_is_that_of_neighboring_pixels() -> None:
    """In the middle of the image, against a difference quotient."""
    target = GridRef.of_bounds("EPSG:3857", HERE, Size(256, 256))
    found = scale_of(UTM, target)
    columns, rows = exact(UTM, target)
    expected = (
        math.hypot(columns[128, 129] - columns[128, 128], columns[129, 128] - columns[128, 128]),
        math.hypot(rows[128, 129] - rows[128, 128], rows[129, 128] - rows[128, 128]),
    )
    assert found == pytest.approx(expected, rel=0.02)


def test_scale_is_one_for_tiles_of_all_sizes() -> None:
    """Of an image whose scale depends on the latitude."""
    target = GridRef.of_bounds("EPSG:3857", Bounds(0, M * 3 / 4, M / 4, M), Size(512, 512))
    parts = [
        GridRef("EPSG:3857", target.affine.shifted(x, y), Size(256, 256)) for x in (0, 256) for y in (0, 256)
    ]
    assert {scale_of(WORLD, part) for part in parts} == {scale_of(WORLD, target)}
    equator = scale_of(WORLD, GridRef.of_bounds("EPSG:3857", Bounds(0, 0, M / 4, M / 4), Size(512, 512)))
    assert equator != scale_of(WORLD, target)


def test_maps_that_an_image_has_no_place_in_have_no_scale() -> None:
    """A transverse Mercator projection on the other side of the globe has no coordinates."""
    source = Georeference("EPSG:4326", Affine(0.01, 0.0, -100.0, 0.0, -0.01, 1.0), Size(100, 100))
    target = GridRef.of_bounds("EPSG:32633", Bounds(0, 0, 1e6, 1e6), Size(256, 256))
    columns, _ = coordinates(source, target)
    assert scale_of(source, target) is None or not np.isfinite(columns).all() or columns.min() > 100


@pytest.mark.parametrize("position", [math.inf, math.nan, 1e308])
def test_absurd_places_are_nowhere(position: float) -> None:
    target = GridRef("EPSG:3857", Affine(10.0, 0.0, position, 0.0, -10.0, position), Size(64, 64))
    columns, rows = coordinates(UTM, target)
    inside = (columns >= 0) & (columns < 8192) & (rows >= 0) & (rows < 8192)
    assert not inside.any()


def test_a_map_of_nowhere_is_found_out_soon() -> None:
    """A transverse Mercator projection ends; a map of the other side of the globe takes no coordinates of its pixels."""
    target = GridRef.of_bounds("EPSG:4326", Bounds(-179, -40, -151, 40), Size(2048, 2048))
    source = Georeference("EPSG:31467", Affine(10.0, 0.0, 3500000.0, 0.0, -10.0, 5500000.0), Size(800, 800))
    blocks = source_blocks(source, target)
    assert sum(block.region.area for block in blocks) == 2048 * 2048
    assert is_complete(blocks)
    for block in blocks:
        columns, rows = block.values()
        inside = (columns >= 0) & (columns < 800) & (rows >= 0) & (rows < 800)
        assert not inside.any()


def test_maps_that_are_smooth_nowhere_have_a_limit() -> None:
    """Each pixel a turn around the globe further: as many as are computed one by one have a place."""
    target = GridRef("EPSG:3857", Affine(M * 7.77, 0.0, 0.0, 0.0, -M / 3000, M), Size(2048, 2048))
    source = Georeference("EPSG:32633", Affine(10.0, 0.0, 500000.0, 0.0, -10.0, 5000000.0), Size(800, 800))
    blocks = source_blocks(source, target)
    assert not is_complete(blocks)
    computed = sum(
        block.region.area for block in blocks if isinstance(block, Exact) and any(block.columns.strides)
    )
    assert 0 < computed <= MAX_EXACT
