"""Maps that go beyond the ends of the world, contain a pole, or are nowhere."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geometry import Size
from iipserve.processing import Pixels
from tests.engine.maps import M, cost_of, drawn, image_source, plan_of_map
from tests.images import gradient

pyproj = pytest.importorskip("pyproj")

WORLDS = {
    "from -180": Georeference("EPSG:4326", Affine(1.0, 0.0, -180.0, 0.0, -1.0, 90.0), Size(360, 180)),
    "from 0": Georeference("EPSG:4326", Affine(1.0, 0.0, 0.0, 0.0, -1.0, 90.0), Size(360, 180)),
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_degrees_beyond_180_go_around(world: Georeference) -> None:
    source = image_source(world)
    plain = drawn(source, world, GridRef.of_bounds("EPSG:4326", Bounds(-180, -75, 180, 75), Size(360, 150)))
    for left in (-200, -100, 170):
        bounds = Bounds(left, -75, left + 300, 75)
        pixels = drawn(source, world, GridRef.of_bounds("EPSG:4326", bounds, Size(300, 150)))
        columns = (np.arange(300) + left + 180) % 360
        np.testing.assert_array_equal(pixels[..., :3], plain[:, columns, :3])


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_web_mercator_beyond_its_ends_goes_around(world: Georeference) -> None:
    source = image_source(world)
    plain = drawn(source, world, GridRef.of_bounds("EPSG:3857", Bounds(-M, -M / 2, M, M / 2), Size(240, 120)))
    bounds = Bounds(-1.5 * M, -M / 2, 0.5 * M, M / 2)
    pixels = drawn(source, world, GridRef.of_bounds("EPSG:3857", bounds, Size(240, 120)))
    columns = (np.arange(240) - 60) % 240
    same = (pixels[..., :3] == plain[:, columns, :3]).all(axis=2)
    assert same.mean() > 0.99


SYSTEMS = ["EPSG:4326", "EPSG:3857", "EPSG:32633", "EPSG:32661"]
FAR = [1e8, 1e15, 1e300]
PLACES_ANYWHERE = {("EPSG:3857", far) for far in FAR} | {("EPSG:32661", 1e8)}
"""Where projections do not end: coordinates so far away are near a pole, after any number of turns."""


def _drawn(crs: str, bounds: Bounds, side: int = 64) -> Pixels:
    """A map of the world, at a cost that is small."""
    world = WORLDS["from -180"]
    source, target = image_source(world), GridRef.of_bounds(crs, bounds, Size(side, side))
    with warnings.catch_warnings(action="error"):
        assert cost_of(source, plan_of_map(source, world, target)).memory < 50_000_000
        return drawn(source, world, target)


@pytest.mark.parametrize("crs", SYSTEMS)
@pytest.mark.parametrize("far", FAR)
def test_maps_of_nowhere_are_clear(crs: str, far: float) -> None:
    pixels = _drawn(crs, Bounds(far, far, far * 1.5, far * 1.5))
    assert pixels.shape[:2] == (64, 64)
    if (crs, far) not in PLACES_ANYWHERE:
        assert not pixels[..., -1].any()


@pytest.mark.parametrize("crs", SYSTEMS)
@pytest.mark.parametrize("far", FAR)
def test_maps_that_are_wide_or_high_out_of_all_proportion_have_an_end(crs: str, far: float) -> None:
    assert _drawn(crs, Bounds(-far, -80, far, 80)).shape[:2] == (64, 64)
    assert _drawn(crs, Bounds(-170, -far, 180, far)).shape[:2] == (64, 64)


@pytest.mark.parametrize("turns", [1e3, 1e6, 1e12])
def test_the_globe_is_one_pixel_of_a_map_of_more(turns: float) -> None:
    pixels = _drawn("EPSG:4326", Bounds(-180 * turns, -90 * turns, 180 * turns, 90 * turns), 65)
    shown = np.argwhere(pixels[..., -1] > 0)
    assert shown.tolist() == [[32, 32]]


@pytest.mark.parametrize("crs", SYSTEMS)
def test_the_smallest_maps_show_one_pixel(crs: str) -> None:
    x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(10.3, 45.4)
    pixels = _drawn(crs, Bounds(x, y, x + max(1e-12, x * 1e-14), y + max(1e-12, y * 1e-14)))
    expected = gradient((360, 180))[44, 190]
    assert (pixels[..., :3] == expected).all()
