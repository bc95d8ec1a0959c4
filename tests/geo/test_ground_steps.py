"""Steps of pixels on the ground, against geodesics."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import Geod, Transformer

from iipserve.errors import InvalidRequest
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine
from iipserve.geo.ground_steps import ground_steps
from iipserve.geometry import Region, Size

GEOD = Geod(ellps="WGS84")
GRIDS = {
    "degrees": ("EPSG:4326", Affine(0.25, 0, -180, 0, -0.25, 90), Size(1440, 720)),
    "mercator": ("EPSG:3857", Affine(40000, 0, -2e7, 0, -40000, 1.6e7), Size(1000, 800)),
    "utm": ("EPSG:32633", Affine(100, 0, 300000, 0, -100, 7.1e6), Size(900, 700)),
    "turned": ("EPSG:32633", Affine(30, 40, 500000, 40, -30, 5.1e6), Size(300, 300)),
}


def geodesic(name: str, level: Size, region: Region) -> NDArray[np.float64]:
    """East and north of the next column and row, by way of the geodesic between the edges of each pixel; shape (4, height,
    width)."""
    crs, affine, size = GRIDS[name]
    across, down = size.width / level.width, size.height / level.height
    columns, rows = np.meshgrid(
        region.x + np.arange(region.width) + 0.5, region.y + np.arange(region.height) + 0.5
    )
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    found = []
    for column, row in ((0.5, 0), (0, 0.5)):
        ends = [
            to_degrees.transform(
                *affine.apply((columns + sign * column) * across, (rows + sign * row) * down)
            )
            for sign in (-1, 1)
        ]
        there, back, length = GEOD.inv(*ends[0], *ends[1])
        azimuth = (
            np.radians(there),
            np.radians(back + 180),
        )  # at either end: half of both is that in the middle
        found += [length * sum(map(of, azimuth)) / 2 for of in (np.sin, np.cos)]
    return np.array([found[0], found[2], found[1], found[3]])


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("reduction", [1, 5])
def test_steps_are_as_long_as_geodesics(name: str, reduction: int) -> None:
    crs, affine, size = GRIDS[name]
    level = Size(size.width // reduction, size.height // reduction)
    region = Region(level.width // 8, level.height // 8, level.width // 2, level.height // 2)
    found = np.array(ground_steps(Georeference(crs, affine, size)).steps(level, region))
    expected = geodesic(name, level, region)
    length = np.hypot(expected[:2], expected[2:]).max(axis=0)
    assert np.abs(found - expected).max(axis=0).max() / length.min() < 0.01
    np.testing.assert_allclose(np.hypot(found[0], found[2]), np.hypot(expected[0], expected[2]), rtol=2e-3)


@pytest.mark.parametrize("name", GRIDS)
def test_a_pixel_has_the_same_steps_in_every_region(name: str) -> None:
    crs, affine, size = GRIDS[name]
    of_image = ground_steps(Georeference(crs, affine, size))
    whole = np.array(of_image.steps(size, Region.of_size(size)))
    for region in (Region(0, 0, 1, 1), Region(63, 1, 130, 65), Region(128, 256, 7, 40)):
        part = np.array(of_image.steps(size, region))
        np.testing.assert_array_equal(part, whole[:, region.y : region.bottom, region.x : region.right])


def test_images_without_a_place_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="size of pixels"):
        ground_steps(Georeference("image", Affine(1, 0, 0, 0, -1, 0), Size(9, 9)))
