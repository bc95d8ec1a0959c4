"""Functions of heights, against gdaldem."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.geometry import Region, Size
from iipserve.processing.terrain import FLAT, Steps, Terrain, TerrainFunction, extended
from tests.geo_rasters import from_origin, rasterio, write_geotiff

SIDE = 60
PIXEL = 25.0, 40.0
"""Width and height, in metres."""
MISSING = -9999.0


def surface() -> NDArray[np.float32]:
    """Hills, a plain, and heights that are missing, one by one and together."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    heights = 300 * np.sin(columns / 7) * np.cos(rows / 9) + 4 * columns
    heights += np.random.default_rng(3).normal(0, 5, heights.shape)
    heights[40:50, 10:20] = 77
    heights[5, 5] = heights[20:26, 30:34] = MISSING
    return heights.astype(np.float32)


def steps(shape: tuple[int, ...], pixel: tuple[float, float] = PIXEL) -> Steps:
    """Of a grid whose rows go south."""
    zeros = np.zeros(shape)
    return Steps(zeros + pixel[0], zeros, zeros, zeros - pixel[1])


def values(
    terrain: Terrain, heights: NDArray[Any], pixel: tuple[float, float] = PIXEL
) -> NDArray[np.float32]:
    known = np.where(heights == MISSING, np.nan, heights.astype(np.float64))
    return terrain.values(extended(known, True, True, True, True), steps(heights.shape, pixel))


def gdaldem(folder: Path, *arguments: str, pixel: tuple[float, float] = PIXEL) -> NDArray[Any]:
    """What gdaldem makes of the surface; NaN where it is missing."""
    write_geotiff(folder / "dem.tif", surface(), transform=from_origin(500000, 0, *pixel), nodata=MISSING)
    command = (
        "gdaldem",
        *arguments,
        "-compute_edges",
        str(folder / "dem.tif"),
        str(folder / "of.tif"),
        "-q",
    )
    subprocess.run(command, check=True)
    with rasterio.open(folder / "of.tif") as found:
        return np.where(found.read(1) == found.nodata, np.nan, found.read(1).astype(float))


def without_corners(field: NDArray[Any]) -> NDArray[Any]:
    """gdaldem takes other heights around the four corner pixels than along the edges."""
    field = field.copy()
    field[np.ix_((0, -1), (0, -1))] = 0
    return field


def test_slopes_are_those_of_gdaldem(tmp_path: Path) -> None:
    found = values(Terrain(TerrainFunction.SLOPE, factor=2.0), surface())
    expected = gdaldem(tmp_path, "slope", "-s", "0.5")
    assert np.isnan(expected).sum() == 25
    np.testing.assert_allclose(without_corners(found), without_corners(expected), atol=1e-3)


def test_aspects_are_those_of_gdaldem(tmp_path: Path) -> None:
    """Which takes pixels for squares."""
    square = 25.0, 25.0
    found = values(Terrain(TerrainFunction.ASPECT), surface(), square)
    expected = gdaldem(tmp_path, "aspect", pixel=square)
    is_flat = np.isnan(expected) & (surface() != MISSING)
    assert is_flat.sum() == 64
    assert (found[is_flat] == FLAT).all()
    turned = np.abs(without_corners(found - expected))[~np.isnan(expected)]
    assert np.minimum(turned, 360 - turned).max() < 1e-2


@pytest.mark.parametrize("light", [(315, 45), (90, 10), (200, 90)])
def test_hillshades_are_those_of_gdaldem(tmp_path: Path, light: tuple[int, int]) -> None:
    """Which has 1 for black, and whole numbers."""
    azimuth, altitude = light
    found = values(Terrain(TerrainFunction.HILLSHADE, azimuth=azimuth, altitude=altitude), surface())
    expected = gdaldem(tmp_path, "hillshade", "-az", str(azimuth), "-alt", str(altitude))
    expected[expected == 0] = np.nan  # its nodata
    np.testing.assert_allclose(
        without_corners(found), without_corners((expected - 1) / 254 * 255), atol=0.51 * 255 / 254
    )


def test_a_turned_grid_has_the_slopes_of_the_ground() -> None:
    """A plane that rises by 0.3 to the east and by 0.4 to the north, on a grid whose columns go to the north-east."""
    shape, side = (4, 5), np.sqrt(0.5) * 10
    grid = Steps(*(np.full(shape, step) for step in (side, side, side, -side)))
    rows, columns = np.mgrid[: shape[0] + 2, : shape[1] + 2]
    heights = 0.3 * (columns + rows) * side + 0.4 * (columns - rows) * side
    np.testing.assert_allclose(
        Terrain(TerrainFunction.SLOPE).values(heights, grid), np.degrees(np.arctan(0.5)), rtol=1e-6
    )
    np.testing.assert_allclose(
        Terrain(TerrainFunction.ASPECT).values(heights, grid),
        np.degrees(np.arctan2(-0.3, -0.4)) % 360,
        rtol=1e-6,
    )


def test_pixels_without_an_extent_have_no_value() -> None:
    none = Steps(*np.zeros((4, 1, 1)))
    for function in TerrainFunction:
        found = Terrain(function).values(np.arange(9.0).reshape(3, 3), none)
        assert np.isnan(found).all(), function


def test_one_pixel_is_flat() -> None:
    found = values(Terrain(TerrainFunction.SLOPE), np.full((1, 1), 5.0))
    assert found.tolist() == [[0]]
    assert Region.of_size(Size(1, 1)).area == found.size
