"""Footprints of rasters anywhere on the Earth, whose pixels PROJ places one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.engine.footprints import footprint
from iipserve.engine.valid_area import ValidCells
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine
from iipserve.geometry import Size

pyproj = pytest.importorskip("pyproj")
shapely = pytest.importorskip("shapely")
pytest.importorskip("antimeridian")
from shapely.geometry import shape  # noqa: E402

from tests.projections import transformer  # noqa: E402

FAR = 4e6
SYSTEMS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "EPSG:4326": ((-180, 200), (-60, 90), (-3, 0)),
    "EPSG:4490": ((-180, 200), (-60, 90), (-3, 0)),
    "EPSG:3857": ((-2e7, 2e7), (-FAR, FAR), (1, 4.3)),
    "EPSG:32601": ((3e5, 7e5), (1e5, 8e6), (1, 3.5)),
    "EPSG:32660": ((3e5, 7e5), (1e5, 8e6), (1, 3.5)),
    "EPSG:3832": ((-3e6, 4e6), (-FAR, FAR), (1, 4.7)),
    "EPSG:32661": ((-FAR, FAR), (-FAR, FAR), (1, 4.7)),
    "EPSG:3031": ((-FAR, FAR), (-FAR, FAR), (1, 4.7)),
    "EPSG:3413": ((-FAR, FAR), (-FAR, FAR), (1, 4.7)),
    "EPSG:3571": ((-FAR, FAR), (-FAR, FAR), (1, 4.7)),
}
"""x and y of the first pixel, and powers of ten of sides of pixels: around 180 degrees and the poles too."""


def raster(key: str, chance: np.random.Generator) -> Georeference:
    xs, ys, powers = SYSTEMS[key]
    width, height = (int(side) for side in chance.integers(5, 60, 2))
    side, x, y = 10 ** chance.uniform(*powers), chance.uniform(*xs), chance.uniform(*ys)
    degrees = pyproj.CRS(key).is_geographic
    angle = 0.0 if degrees else math.radians(chance.choice([0.0, chance.uniform(-180, 180)]))
    if degrees:
        side = min(side, (y + 90) / height)
    across, down = side * math.cos(angle), side * math.sin(angle)
    return Georeference(key, Affine(across, down, x, down, -across, y), Size(width, height))


def pixels_with_data(size: Size, chance: np.random.Generator) -> NDArray[np.bool_]:
    """All, some scattered ones, or a corner."""
    valid = np.ones((size.height, size.width), bool)
    match chance.integers(3):
        case 1:
            valid = chance.random(valid.shape) < chance.uniform(0.05, 0.9)
        case 2:
            valid[: chance.integers(size.height), : chance.integers(size.width)] = False
    valid[0, 0] = True
    return valid


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("key", SYSTEMS)
def test_every_pixel_with_data_is_inside(key: str, seed: int) -> None:
    chance = np.random.default_rng(seed)
    georeference = raster(key, chance)
    valid = pixels_with_data(georeference.size, chance)
    located = footprint(georeference, None if valid.all() else ValidCells(valid, (1.0, 1.0), True))
    rows, columns = np.nonzero(valid)
    assert isinstance(georeference.mapping, Affine)
    xs, ys = georeference.mapping.apply(columns + 0.5, rows + 0.5)
    lon, lat = transformer(key, "OGC:CRS84").transform(xs, ys)
    there = np.isfinite(lon) & np.isfinite(lat)
    if located is None:
        assert not there.any()
        return
    polygons = shape(located.geometry)
    assert polygons.is_valid
    west, south, east, north = polygons.bounds
    assert -180 <= west <= east <= 180
    assert -90 <= south <= north <= 90
    places = shapely.points((lon[there] + 180) % 360 - 180, lat[there])
    assert shapely.covers(polygons, places).all()
    assert shapely.union_all([shapely.box(*box) for box in located.boxes]).covers(polygons)
