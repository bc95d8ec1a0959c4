"""Mosaics of files of every kind of georeference: each shows on its part of a map what it shows alone, at seams too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from iipserve import registry
from iipserve.config import Config
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.library import Library
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geometry import Size
from iipserve.plan import Crop, Mosaic, MosaicPart, RenderPlan, Resampling, image_ref
from iipserve.processing.layout import with_full_opacity
from iipserve.protocols.maps import place_image, plan_map
from tests.engine.mosaics import in_color, map_view, reader
from tests.engine.test_warping_files import GAPS, SHOWN, extent
from tests.geo_rasters import KINDS
from tests.protocols.client import SERVER

pytest.importorskip("pyproj")
from tests.projections import transformer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rasters")
    for kind in (*SHOWN, *GAPS, "world", "polar", "palette", "rgba"):
        KINDS[kind](path)
    return path


def around(folder: Path, kind: str, crs: str, turns: int) -> GridRef:
    """A map of 300 x 280 pixels in which an image covers about a third, some turns around the globe away."""
    own, box = extent(folder, kind)
    xs, ys = np.meshgrid(np.linspace(box.min_x, box.max_x, 9), np.linspace(box.min_y, box.max_y, 9))
    if crs != "own":
        xs, ys = transformer(own, crs).transform(xs, ys)
        limit = {"EPSG:3857": 19e6, "EPSG:4326": 85}[crs]
        ys = np.clip(ys, -limit, limit)
    x, y = float(np.median(xs)), float(np.median(ys))
    side = 0.8 * max(float(np.ptp(xs)), float(np.ptp(ys)))
    x += turns * {"EPSG:3857": 40075016.68557849, "EPSG:4326": 360.0}.get(crs, 0.0)
    bounds = Bounds(x - side / 2, y - side, x + side * 1.1, y + side * 0.5)
    return GridRef.of_bounds(own if crs == "own" else crs, bounds, Size(300, 280))


MAPS = [("own", 0), ("EPSG:3857", 0), ("EPSG:3857", 1), ("EPSG:4326", 0), ("EPSG:4326", 1)]
RESAMPLED = [(kind, Resampling.NEAREST) for kind in (*SHOWN, *GAPS, "world", "polar", "palette", "rgba")]
RESAMPLED += [(kind, Resampling.BILINEAR) for kind in ("utm", "antimeridian", "rotated", "mask")]


@pytest.mark.parametrize(("crs", "turns"), MAPS)
@pytest.mark.parametrize(("kind", "resampling"), RESAMPLED)
def test_an_image_shows_in_a_mosaic_what_it_shows_alone(
    folder: Path, kind: str, crs: str, turns: int, resampling: Resampling
) -> None:
    config = Config(filesystem_prefix=f"{folder}/")
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    info = library.info(f"{kind}.tif")
    geo = Georeferences(config)(info)
    assert geo is not None
    view = map_view(around(folder, kind, crs, turns), resampling)
    alone = plan_map(view, info, geo, SERVER)
    placed = place_image(view, info, geo, SERVER)
    assert placed is not None
    part = MosaicPart(placed.view, placed.operations, placed.x, placed.y)
    mosaic = RenderPlan(Mosaic((part, part), view.target.size), alone.encoding)
    source = library.source(image_ref(info, 0, geo.mask))
    expected = in_color(with_full_opacity(reader([source], alone).read()))
    pixels = in_color(reader([source], mosaic).read())
    if resampling is Resampling.NEAREST:
        np.testing.assert_array_equal(pixels, expected)
    else:
        # what is partly clear shows twice
        opaque = (expected[..., 3] == 255) | (expected[..., 3] == 0)
        np.testing.assert_array_equal(pixels[opaque], expected[opaque])


def test_aligned_images_of_degrees_are_shown_on_every_turn(folder: Path) -> None:
    config = Config(filesystem_prefix=f"{folder}/")
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    info = library.info("degrees_360.tif")
    geo = Georeferences(config)(info)
    assert geo is not None
    mapping = geo.georeference.mapping
    assert isinstance(mapping, Affine)
    for turns in (-1, 0, 1):
        target = GridRef(
            "EPSG:4326", mapping._replace(c=mapping.c + 360 * turns).shifted(-20, 10), Size(100, 50)
        )
        placed = place_image(map_view(target), info, geo, SERVER)
        assert placed is not None
        assert isinstance(placed.view, Crop) is (turns == 0)
        mosaic = RenderPlan(
            Mosaic((MosaicPart(placed.view, placed.operations, placed.x, placed.y),), target.size),
            plan_map(map_view(target), info, geo, SERVER).encoding,
        )
        pixels = reader([library.source(image_ref(info))], mosaic).read()
        assert pixels[:, :20, -1].max() == 0
        assert pixels[:, 20:, -1].min() == 255
