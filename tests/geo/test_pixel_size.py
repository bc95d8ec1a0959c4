from __future__ import annotations

import pytest

from iipserve.geo.georeference import PIXEL_SPACE, Georeference
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.pixel_size import grid_pixel_size, height, pixel_size
from iipserve.geometry import Size

pyproj = pytest.importorskip("pyproj")


@pytest.mark.parametrize(
    ("crs", "affine"),
    [
        ("EPSG:32633", Affine(20, 0, 500000, 0, -20, 5000000)),
        ("EPSG:32633", Affine(10, 10, 500000, 10, -10, 5000000)),
        ("EPSG:3857", Affine(100, 0, 1500000, 0, -100, 9000000)),
        ("EPSG:4326", Affine(0.001, 0, 179.95, 0, -0.001, 60)),
        ("EPSG:4490", Affine(0.001, 0, 110, 0, -0.0005, 40)),
        ("EPSG:2263", Affine(1, 0, 980000, 0, -1, 200000)),
    ],
)
def test_size_is_the_geodesic_length_of_a_side(crs: str, affine: Affine) -> None:
    """By PROJ's geodesics, of the pixel in the middle."""
    size = Size(100, 100)
    transform = pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True).transform
    places = [transform(*affine.apply(*place)) for place in ((50.0, 50.0), (51.0, 50.0), (50.0, 51.0))]
    geod = pyproj.Geod(ellps="WGS84")
    sides = [geod.inv(*places[0], *other)[2] for other in places[1:]]
    assert pixel_size(Georeference(crs, affine, size)) == pytest.approx(min(sides), rel=2e-3)


def test_size_of_a_grid_is_that_of_an_image_there() -> None:
    grid = GridRef.of_bounds("EPSG:3857", Bounds(0, 0, 25600, 25600), Size(256, 256))
    assert grid_pixel_size(grid, Bounds(10.0, 50.0, 11.0, 51.0)) == pytest.approx(100, rel=0.01)


def test_plain_picture_has_no_size_on_the_ground() -> None:
    assert pixel_size(Georeference(PIXEL_SPACE, Affine(1, 0, 0, 0, -1, 0), Size(9, 9))) is None


@pytest.mark.parametrize(("south", "north"), [(0.0, 0.5), (44.8, 45.2), (-70.0, -69.0), (89.0, 90.0)])
def test_height_of_a_box_is_a_length_on_the_meridian(south: float, north: float) -> None:
    _, _, expected = pyproj.Geod(ellps="WGS84").inv(15, south, 15, north)
    assert height(Bounds(15.0, south, 16.0, north)) == pytest.approx(expected, rel=1e-4)
