"""A collection on both sides of the antimeridian, and one of several reference systems, in every service."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from iipserve import app, registry
from iipserve.collections.store import open_store
from iipserve.collections.values import Collection
from iipserve.config import Config
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.image_items import ItemOptions, read_item
from iipserve.engine.library import Library
from iipserve.image import ImageName
from tests.geo_rasters import from_origin, write_geotiff
from tests.published import NAME, service_file
from tests.test_app import ask, body, picture


def published(folder: Path) -> app.Application:
    """The images of a folder as a collection."""
    config = Config(filesystem_prefix=f"{folder / 'images'}/", services=str(service_file(folder)))
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    store = open_store(str(folder / "store.sqlite"))
    store.create(Collection(name=NAME))
    names = sorted(path.name for path in (folder / "images").iterdir())
    options = ItemOptions(collection=NAME)
    store.add_items(
        NAME, [read_item(ImageName(name), library, Georeferences(config), options) for name in names]
    )
    store.close()
    return app.build(config)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    return tmp_path


def gray(application: app.Application, crs: str, box: str, width: int, height: int) -> np.ndarray:
    """Gray of the middle row, 0 where it is clear."""
    address = (
        f"/wms?SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&LAYERS={NAME}&STYLES=&SRS={crs}&BBOX={box}&WIDTH={width}"
        f"&HEIGHT={height}&FORMAT=image/png&TRANSPARENT=TRUE"
    )
    shown = np.asarray(picture(ask(application, address)).convert("RGBA"))[height // 2].astype(int)
    return np.where(shown[:, 3] == 255, shown[:, 0], 0)


def test_maps_across_the_antimeridian_show_both_sides(folder: Path) -> None:
    for name, west, value in (("west", 178.0, 100), ("east", -180.0, 200)):
        pixels = np.full((100, 200), value, np.uint8)
        write_geotiff(
            folder / "images" / f"{name}.tif",
            pixels,
            crs="EPSG:4326",
            transform=from_origin(west, 1, 0.01, 0.01),
        )
    application = published(folder)
    both = np.repeat([0, 100, 200, 0], [10, 20, 20, 10])
    np.testing.assert_array_equal(gray(application, "EPSG:4326", "177,0.2,183,0.8", 60, 6), both)
    np.testing.assert_array_equal(gray(application, "EPSG:4326", "-183,0.2,-177,0.8", 60, 6), both)
    np.testing.assert_array_equal(gray(application, "EPSG:4326", "-181,0.2,-177,0.8", 40, 6), both[20:])
    root = etree.fromstring(body(ask(application, "/wms?SERVICE=WMS&REQUEST=GetCapabilities")))
    for box in root.iter("{*}BoundingBox"):
        assert all(np.isfinite(float(box.get(side))) for side in ("minx", "miny", "maxx", "maxy"))
    tiles = json.loads(body(ask(application, f"/xyz/{NAME}/tiles.json")))
    assert tiles["bounds"][0] == pytest.approx(178, abs=0.01)
    for column, value in ((63, 100), (0, 200)):
        tile = np.asarray(picture(ask(application, f"/xyz/{NAME}/6/{column}/31.png")).convert("RGBA"))
        assert set(tile[..., 0][tile[..., 3] == 255]) == {value}


def test_images_of_several_systems_are_one_layer(folder: Path) -> None:
    """One grid in UTM 33, one in degrees to its east: each is where it is in its own system."""
    utm = np.full((128, 128), 100, np.uint8)
    write_geotiff(folder / "images" / "utm.tif", utm, transform=from_origin(500000, 5000000, 20, 20))
    degrees = np.full((100, 100), 200, np.uint8)
    place = from_origin(15.05, 45.16, 0.0005, 0.0005)
    write_geotiff(folder / "images" / "degrees.tif", degrees, crs="EPSG:4326", transform=place)
    application = published(folder)
    row = gray(application, "EPSG:4326", "14.99,45.135,15.11,45.145", 240, 20)
    # degrees of the first end where 2560 m of its row do
    steps = np.flatnonzero(np.diff(row)) + 1
    assert [*row[[0, *steps]]] == [0, 100, 0, 200, 0]
    assert [*(14.99 + steps * 0.0005)] == pytest.approx([15.0, 15.0325, 15.05, 15.10], abs=0.0008)
    for address in (
        f"/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=DescribeCoverage&COVERAGEID={NAME}",
        "/wmts?SERVICE=WMTS&REQUEST=GetCapabilities",
    ):
        assert ask(application, address).status == 200
