"""One picture, one value: what a map shows at a pixel is what is said of it there, for every kind of raster."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")

from PIL import Image

from iipserve.config import Config
from iipserve.engine.georeferencing import Georeferences
from iipserve.geo import crs
from iipserve.geo.georeference import GeoImage, in_pixel_space
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.layer import LayerEntry, Style
from iipserve.geo.mapping import to_ground
from iipserve.geometry import Size
from iipserve.processing.tone import SampleRange
from iipserve.protocols.feature_info.places import pixel_of_grid
from iipserve.protocols.maps import MapView, plan_map
from tests.geo_rasters import KINDS
from tests.protocols.feature_info.asking import Rasters
from tests.protocols.test_legends import SERVER

GRAY = Style("gray", operations=(SampleRange(((None, 0.0, 255.0),)),))
"""Shows samples from 0 to 255 as they are."""
COLORS = {"rgba", "palette"}
CLASSES = {1: [200, 0, 0], 5: [0, 200, 0], 9: [0, 0, 200]}
"""Of the raster `palette`."""
SIDE = 64
OWN = "own"
"""The image's own coordinate reference system."""


@pytest.fixture(scope="module")
def rasters(tmp_path_factory: pytest.TempPathFactory) -> Rasters:
    folder = tmp_path_factory.mktemp("rasters")
    for make in KINDS.values():
        make(folder)
    return Rasters(folder)


def entry_of(rasters: Rasters, kind: str) -> LayerEntry:
    path = rasters.folder / f"{kind}.tif"
    info = rasters.info(path)
    found: GeoImage | None = Georeferences(Config(filesystem_prefix=f"{rasters.folder}/"))(info)
    return rasters.layer(path, found or in_pixel_space(info))


def map_around(entry: LayerEntry, key: str, column: float, row: float) -> GridRef:
    """A map around a pixel of the image, of pixels a bit smaller than the image's."""
    georeference = entry.geo.georeference
    target = georeference.crs if key == OWN else key
    places = np.array([[column, row], [column + 1, row], [column, row + 1]]).T
    xs, ys = crs.transformer(georeference.crs, target)(*to_ground(georeference.mapping, *places))
    across = SIDE * 0.35 * max(abs(xs[1] - xs[0]), abs(xs[2] - xs[0]))
    down = SIDE * 0.35 * max(abs(ys[1] - ys[0]), abs(ys[2] - ys[0]))
    bounds = Bounds(*map(float, (xs[0] - across, ys[0] - down, xs[0] + across, ys[0] + down)))
    return GridRef.of_bounds(target, bounds, Size(SIDE, SIDE))


def shown(rasters: Rasters, entry: LayerEntry, grid: GridRef, style: Style) -> NDArray[np.uint8]:
    """Bands and opacity of the map."""
    plan = plan_map(MapView(entry.layer, style, grid, "png"), entry.info, entry.geo, SERVER)
    body: Any = rasters.renderer.render(plan).body
    return np.asarray(Image.open(BytesIO(body)).convert("RGBA"))


@pytest.mark.parametrize("key", [OWN, "EPSG:3857", "EPSG:4326"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_value_is_that_of_the_picture(kind: str, key: str, rasters: Rasters) -> None:
    entry = entry_of(rasters, kind)
    if key != OWN and entry.geo.georeference.crs == "image":
        assert kind in ("plain", "rpcs")
        return
    if key != OWN and kind == "europa":
        return
    for column, row in ((2.3, 1.6), (45.4, 18.2), (110.0, 60.7)):
        grid = map_around(entry, key, column, row)
        picture = shown(rasters, entry, grid, Style("default") if kind in COLORS else GRAY)
        seen = set()
        for i, j in np.random.default_rng(4).integers(0, SIDE, (24, 2)).tolist():
            place = pixel_of_grid(grid, i, j)
            found = rasters.document(entry, place._replace(area=Bounds(*place.point, *place.point)))  # type: ignore[misc]
            values = raw_values(found.body)
            seen.add(values is None)
            if values is None:
                assert picture[j, i, 3] == 0
            else:
                expected = (
                    CLASSES[values[0]]
                    if kind == "palette"
                    else values[:3]
                    if kind in COLORS
                    else [values[0]] * 3
                )
                assert picture[j, i].tolist() == [*expected, 255]
        assert seen == {True, False} or (column, row) != (2.3, 1.6) or kind == "world"


def raw_values(body: bytes) -> list[Any] | None:
    """Samples in the order of the file; None where there are none."""
    features = json.loads(body)["features"]
    if not features or features[0]["properties"]["nodata"]:
        return None
    return [each["raw"] for each in reversed(features[0]["properties"]["bands"])]


@pytest.mark.parametrize("key", [OWN, "EPSG:3857"])
def test_nothing_is_said_of_what_is_not_shown(key: str, rasters: Rasters) -> None:
    entry = entry_of(rasters, "utm")
    part = Bounds(500033.0, 4999691.0, 500409.0, 4999949.0)
    layer = rasters.layer(rasters.folder / "utm.tif", entry.geo, extent=part)
    grid = map_around(layer, key, 2.3, 4.6)
    opaque = shown(rasters, layer, grid, GRAY)[..., 3] > 0
    assert opaque.any()
    assert not opaque.all()
    for j, i in np.argwhere(opaque[1:] != opaque[:-1])[::3].tolist():
        for row in (j, j + 1):
            place = pixel_of_grid(grid, i, row)
            found = rasters.document(layer, place._replace(area=Bounds(*place.point, *place.point)))  # type: ignore[misc]
            assert (raw_values(found.body) is not None) == opaque[row, i]
