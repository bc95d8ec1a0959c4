"""Boxes in other systems, compared with PROJ's transformation of many points inside, and with known cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iipserve.geo import crs
from iipserve.geo.extents import bounds_in, geographic_bounds, transform_bounds
from iipserve.geo.georeference import ControlPoint, ControlPoints, Georeference
from iipserve.geo.grid import Affine, Bounds
from iipserve.geometry import Size

pyproj = pytest.importorskip("pyproj")

LIMIT = 20037508.342789244
WORLD = Bounds(-180, -90, 180, 90)


def _points(bounds: Bounds, count: int = 101) -> tuple[np.ndarray, np.ndarray]:
    xs, ys = np.meshgrid(
        np.linspace(bounds.min_x, bounds.max_x, count), np.linspace(bounds.min_y, bounds.max_y, count)
    )
    return xs.ravel(), ys.ravel()


ORDINARY = [
    ("EPSG:32633", "EPSG:3857", Bounds(500000, 4990000, 512000, 5000000)),
    ("EPSG:32633", "EPSG:4326", Bounds(300000, 4000000, 700000, 5000000)),
    ("EPSG:32633", "EPSG:4490", Bounds(300000, 4000000, 700000, 5000000)),
    ("EPSG:32633", "EPSG:3035", Bounds(300000, 5000000, 700000, 6000000)),
    ("EPSG:4326", "EPSG:32633", Bounds(12, 40, 19, 60)),
    ("EPSG:4326", "EPSG:4807", Bounds(0, 42, 5, 50)),
    ("EPSG:4326", "EPSG:3031", Bounds(-50, -80, 100, -65)),
    ("EPSG:4326", "EPSG:3413", Bounds(-180, 60, 180, 90)),
    ("EPSG:3857", "EPSG:4326", Bounds(-5e6, -5e6, 2e6, 9e6)),
    ("EPSG:3857", "EPSG:32618", Bounds(-8.8e6, 2e6, -8.2e6, 3e6)),
    ("EPSG:3413", "EPSG:32661", Bounds(-1e6, -2e6, 2e6, 1e6)),
    ("EPSG:2263", "EPSG:3857", Bounds(980000, 190000, 990000, 200000)),
]


@pytest.mark.parametrize(("source", "target", "bounds"), ORDINARY)
def test_the_box_fits_around_all_points(source: str, target: str, bounds: Bounds) -> None:
    found = transform_bounds(source, target, bounds)
    assert found is not None
    xs, ys = pyproj.Transformer.from_crs(source, target, always_xy=True).transform(*_points(bounds))
    exact = Bounds(xs.min(), ys.min(), xs.max(), ys.max())
    # what is between two sample points of an edge may stand out a little
    off = 2e-3 * max(exact.width, exact.height)
    assert found == pytest.approx(exact, abs=off)


def test_degrees_stay_as_they_are() -> None:
    assert transform_bounds("EPSG:4326", "EPSG:4490", Bounds(1.1, 2.2, 3.3, 4.4)) == (1.1, 2.2, 3.3, 4.4)
    assert transform_bounds("EPSG:4326", "EPSG:4326", Bounds(-0.1, -0.2, 179.9, 0.3)) == (
        -0.1,
        -0.2,
        179.9,
        0.3,
    )


# -- the antimeridian and the poles ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (Bounds(190, -10, 210, 10), (-170, -10, -150, 10)),
        (Bounds(170, -10, 190, 10), (170, -10, -170, 10)),
        (Bounds(170, -10, -170, 10), (170, -10, -170, 10)),
        (Bounds(0, -90, 360, 90), (-180, -90, 180, 90)),
        (Bounds(-180, -90.25, 180, 90.25), (-180, -90, 180, 90)),
        (Bounds(-200, -5, -190, 5), (160, -5, 170, 5)),
        (Bounds(180, -5, 190, 5), (-180, -5, -170, 5)),
        (Bounds(170, -5, 180, 5), (170, -5, 180, 5)),
        (Bounds(5, 5, 5, 5), (5, 5, 5, 5)),
    ],
)
def test_longitudes_are_within_180_degrees(bounds: Bounds, expected: tuple[float, ...]) -> None:
    assert transform_bounds("EPSG:4326", "EPSG:4326", bounds) == expected


def test_utm_across_the_antimeridian() -> None:
    bounds = Bounds(700000, 5840000, 1000000, 6000000)
    found = transform_bounds("EPSG:32660", "EPSG:4326", bounds)
    assert found is not None
    lons, lats = pyproj.Transformer.from_crs("EPSG:32660", "EPSG:4326", always_xy=True).transform(
        *_points(bounds)
    )
    lons = np.where(lons < 0, lons + 360, lons)
    assert found.min_x > found.max_x
    assert (found.min_x, found.max_x + 360) == pytest.approx((lons.min(), lons.max()), abs=1e-6)
    assert (found.min_y, found.max_y) == pytest.approx((lats.min(), lats.max()), abs=1e-3)
    on_both_sides = transform_bounds("EPSG:32660", "EPSG:3857", bounds)
    assert on_both_sides is not None
    assert (on_both_sides.min_x, on_both_sides.max_x) == (-LIMIT, LIMIT)


@pytest.mark.parametrize(
    ("key", "bounds", "south", "north"),
    [
        ("EPSG:32661", Bounds(1400000, 1600000, 2600000, 2400000), 83.5116, 90),
        ("EPSG:5041", Bounds(1400000, 1600000, 2600000, 2400000), 83.5116, 90),
        ("EPSG:3031", Bounds(-1e6, -1e6, 1e6, 1e6), -90, -77.0374),
        ("EPSG:3574", Bounds(-1e6, -1e6, 1e6, 1e6), 77.3105, 90),
    ],
)
def test_a_pole_inside_is_all_around_the_globe(key: str, bounds: Bounds, south: float, north: float) -> None:
    found = transform_bounds(key, "EPSG:4326", bounds)
    assert found == pytest.approx((-180, south, 180, north), abs=1e-3)
    on_map = transform_bounds(key, "EPSG:3857", bounds)
    assert on_map is not None
    assert (on_map.min_x, on_map.max_x) == (-LIMIT, LIMIT)
    assert LIMIT in (on_map.max_y, -on_map.min_y)


def test_a_polar_square_reaches_further_south_at_its_corners() -> None:
    """The box that PROJ gives for the area of EPSG:32661, from 60 degrees on."""
    square = Bounds(-1371213.76, -1405880.72, 5371213.76, 5405880.72)
    assert transform_bounds("EPSG:32661", "EPSG:4326", square) == pytest.approx(
        (-180, 48.6564, 180, 90), abs=1e-4
    )
    around = transform_bounds("EPSG:4326", "EPSG:32661", Bounds(-180, 60, 180, 90))
    assert around == pytest.approx((-1405880.72, -1405880.72, 5405880.72, 5405880.72), abs=0.01)


def test_a_corner_at_the_pole_is_a_quarter_of_the_globe() -> None:
    found = transform_bounds("EPSG:3031", "EPSG:4326", Bounds(0, 0, 1e6, 1e6))
    assert found == pytest.approx((0, -90, 90, -77.0374), abs=1e-3)


def test_the_world_is_clipped_to_the_square_of_the_web() -> None:
    assert transform_bounds("EPSG:4326", "EPSG:3857", WORLD) == (-LIMIT, -LIMIT, LIMIT, LIMIT)
    back = transform_bounds("EPSG:3857", "EPSG:4326", Bounds(-LIMIT, -LIMIT, LIMIT, LIMIT))
    assert back == pytest.approx((-180, -85.0511287798066, 180, 85.0511287798066), abs=1e-12)
    mollweide = transform_bounds("ESRI:54009", "EPSG:3857", Bounds(-18040095, -9020047, 18040095, 9020047))
    assert mollweide == (-LIMIT, -LIMIT, LIMIT, LIMIT)


@pytest.mark.parametrize(
    "target", ["EPSG:32633", "EPSG:3035", "EPSG:3031", "EPSG:3395", "EPSG:3832", "EPSG:2154", "ESRI:54009"]
)
@pytest.mark.parametrize("bounds", [WORLD, Bounds(0, -90, 360, 90), Bounds(-180, -10, 180, 80)])
def test_the_world_has_a_sensible_box_in_every_system(target: str, bounds: Bounds) -> None:
    found = transform_bounds("EPSG:4326", target, bounds)
    if target == "EPSG:3031" and bounds.min_y > -30:
        assert found is None
        return
    assert found is not None
    assert all(abs(value) < 6e7 for value in found)
    area = crs.area_of_use(target) or WORLD
    inside = area._replace(max_x=area.max_x + 360 if area.max_x < area.min_x else area.max_x)
    xs, ys = _points(
        inside._replace(min_y=max(inside.min_y, bounds.min_y), max_y=min(inside.max_y, bounds.max_y)), 25
    )
    xs, ys = pyproj.Transformer.from_crs("EPSG:4326", target, always_xy=True).transform(xs, ys)
    known = np.isfinite(xs)
    size = max(found.width, found.height)
    assert xs[known].min() > found.min_x - size * 0.02
    assert xs[known].max() < found.max_x + size * 0.02
    assert ys[known].min() > found.min_y - size * 0.02
    assert ys[known].max() < found.max_y + size * 0.02


# -- what has no place -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "bounds"),
    [
        ("EPSG:4326", "EPSG:3857", Bounds(math.nan, 0, 1, 1)),
        ("EPSG:4326", "EPSG:3857", Bounds(0, 0, math.inf, 1)),
        ("EPSG:4326", "EPSG:3857", Bounds(0, 1, 1, 0)),
        ("EPSG:32633", "EPSG:3857", Bounds(1, 0, 0, 1)),
        ("EPSG:4326", "EPSG:32633", Bounds(100, -10, 120, 10)),
        ("EPSG:4326", "EPSG:3857", Bounds(0, 88, 10, 90)),
        ("image", "EPSG:3857", Bounds(0, -10, 10, 0)),
        ("EPSG:4326", "image", Bounds(0, 0, 1, 1)),
    ],
)
def test_there_is_no_box(source: str, target: str, bounds: Bounds) -> None:
    assert transform_bounds(source, target, bounds) is None


@pytest.mark.parametrize(
    "source", ["EPSG:4326", "EPSG:3857", "EPSG:32633", "EPSG:3031", "EPSG:3035", "ESRI:54009"]
)
@pytest.mark.parametrize("target", ["EPSG:4326", "EPSG:3857", "EPSG:32661", "EPSG:3035"])
@pytest.mark.parametrize("size", [1e-300, 1e-9, 1e7, 1e20, 1e300, 1.7e308])
def test_absurd_boxes_give_finite_ones_or_none(source: str, target: str, size: float) -> None:
    found = transform_bounds(source, target, Bounds(-size, -size, size, size))
    assert found is None or all(map(math.isfinite, found))


# -- images ----------------------------------------------------------------------------------------


def _image(key: str, mapping: Affine) -> Georeference:
    return Georeference(key, mapping, Size(120, 80))


def test_an_image_has_its_outer_edges_in_its_own_system() -> None:
    east_of_180 = _image("EPSG:4326", Affine(0.5, 0, 190, 0, -0.5, 10))
    assert bounds_in(east_of_180, "EPSG:4326") == (190, -30, 250, 10)
    assert geographic_bounds(east_of_180) == (-170, -30, -110, 10)
    south_up = _image("EPSG:4326", Affine(0.5, 0, 0, 0, 0.5, -10))
    assert bounds_in(south_up, "EPSG:4326") == geographic_bounds(south_up) == (0, -10, 60, 30)


def test_an_extent_cuts_the_box() -> None:
    image = _image("EPSG:4326", Affine(0.5, 0, 0, 0, -0.5, 40))
    assert bounds_in(image, "EPSG:4326", Bounds(-10, 10, 20, 30)) == (0, 10, 20, 30)
    assert geographic_bounds(image, Bounds(-10, 10, 20, 30)) == (0, 10, 20, 30)
    assert bounds_in(image, "EPSG:4326", Bounds(-10, 10, -5, 30)) is None
    part = bounds_in(image, "EPSG:3857", Bounds(-10, 10, 20, 30))
    assert part == transform_bounds("EPSG:4326", "EPSG:3857", Bounds(0, 10, 20, 30))


def test_a_rotated_image_has_the_box_around_its_corners() -> None:
    rotated = _image("EPSG:32633", Affine(17.32, -10, 500000, -10, -17.32, 5000000))
    corners = [
        (17.32 * c - 10 * r + 500000, -10 * c - 17.32 * r + 5000000) for c in (0, 120) for r in (0, 80)
    ]
    lons, lats = pyproj.Transformer.from_crs(32633, 4326, always_xy=True).transform(
        *zip(*corners, strict=True)
    )
    assert geographic_bounds(rotated) == pytest.approx((min(lons), min(lats), max(lons), max(lats)), abs=1e-6)


def test_control_points_lead_to_the_box() -> None:
    corners = [
        ControlPoint(c, r, 10 + c * 0.01 + r * 0.002, 50 - r * 0.01) for c in (0, 60, 120) for r in (0, 80)
    ]
    found = geographic_bounds(Georeference("EPSG:4326", ControlPoints(tuple(corners), 1), Size(120, 80)))
    assert found == pytest.approx((10, 49.2, 11.36, 50), abs=1e-9)


def test_other_bodies_and_pictures_have_no_geographic_box() -> None:
    europa = crs.key_of_wkt(pyproj.CRS.from_user_input("+proj=eqc +R=1560800 +type=crs").to_wkt())
    assert europa is not None
    image = _image(europa, Affine(500, 0, 300000, 0, -500, 500000))
    assert geographic_bounds(image) is None
    assert bounds_in(image, "EPSG:3857") is None
    assert bounds_in(image, europa) == (300000, 460000, 360000, 500000)
    assert geographic_bounds(_image("image", Affine(1, 0, 0, 0, -1, 0))) is None
    assert bounds_in(_image("image", Affine(1, 0, 0, 0, -1, 0)), "image") == (0, -80, 120, 0)


@pytest.mark.parametrize(
    ("crs", "pixel", "corner", "side"),
    [
        ("EPSG:3035", 100.0, (2600000.0, 5400000.0), 40000),
        ("EPSG:3035", 10.0, (3600000.0, 3400000.0), 60000),
        ("EPSG:32633", 30.0, (399960.0, 6200000.0), 7800),
        ("EPSG:3413", 500.0, (500000.0, -500000.0), 4000),
    ],
)
@pytest.mark.parametrize("target", ["EPSG:3857", "EPSG:4326"])
def test_edges_that_bulge_are_inside(
    crs: str, pixel: float, corner: tuple[float, float], side: int, target: str
) -> None:
    """Against 20,000 points along each edge: off by less than a fifth of a pixel, however large the image."""
    affine = Affine(pixel, 0.0, corner[0], 0.0, -pixel, corner[1])
    found = bounds_in(Georeference(crs, affine, Size(side, side)), target)
    along, start = np.linspace(0, side, 20_000), np.zeros(20_000)
    columns = np.concatenate([along, along, start, start + side])
    rows = np.concatenate([start, start + side, along, along])
    project = pyproj.Transformer.from_crs(crs, target, always_xy=True).transform
    xs, ys = project(*affine.apply(columns, rows))
    expected = (xs.min(), ys.min(), xs.max(), ys.max())
    size = (expected[2] - expected[0]) / side, (expected[3] - expected[1]) / side
    assert found is not None
    for side_found, side_expected, unit in zip(found, expected, size * 2, strict=True):
        assert abs(side_found - side_expected) < 0.2 * unit
