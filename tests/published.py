"""A collection that is published by all services, for tests of layers of collections.

Three images of one row, 128 x 128 pixels of 20 m in UTM each, which overlap by half, each of one gray and of one summer:

    gray at columns 0 to 63, 64 to 127, 128 to 255 of the mosaic, the newest uppermost: 40, 120, 200
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iipserve import app, registry
from iipserve.collections.store import Store, open_store
from iipserve.collections.values import Collection, Item
from iipserve.config import Config
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.image_items import read_item
from iipserve.engine.library import Library
from iipserve.image import ImageName
from tests.geo_rasters import from_origin, write_geotiff

pytest.importorskip("sqlalchemy")

YEARS = (2014, 2015, 2016)
GRAYS = {2014: 40, 2015: 120, 2016: 200}
SIDE, STEP = 128, 20
WEST, NORTH = 500000, 5000000
SERVICES = ("rest", "wmts", "wmts-china", "wms", "wcs", "mapml")
NAME = "aerial"
STORE = "store.sqlite"


def summer(year: int) -> datetime:
    return datetime(year, 7, 1, tzinfo=UTC)


def write_images(folder: Path) -> None:
    """The files `2014.tif`, `2015.tif` and `2016.tif`."""
    for index, year in enumerate(YEARS):
        transform = from_origin(WEST + index * SIDE // 2 * STEP, NORTH, STEP, STEP)
        pixels = np.full((SIDE, SIDE), GRAYS[year], np.uint8)
        write_geotiff(folder / f"{year}.tif", pixels, transform=transform, tile=64)


def items(folder: Path, years: Iterable[int] = YEARS) -> list[Item]:
    """What the files say, with the time of each."""
    config = Config(filesystem_prefix=f"{folder}/")
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    located = Georeferences(config)
    read = {year: read_item(ImageName(f"{year}.tif"), library, located) for year in years}
    return [
        replace(item, collection=NAME, datetime=summer(year), start=None, end=None)
        for year, item in read.items()
    ]


def service_file(folder: Path, services: Iterable[str] = SERVICES, store: str = STORE) -> Path:
    """A service file with a store: a file next to it, or an address."""
    listed = ", ".join(f'"{name}"' for name in services)
    path = folder / "services.toml"
    path.write_text(f'[collections]\nstore = "{store}"\nservices = [{listed}]\n')
    return path


class Published:
    """Images in a folder, the store of their collection, and the service."""

    def __init__(
        self, folder: Path, services: Iterable[str] = SERVICES, store: str = STORE, **fields: Any
    ) -> None:
        """Write the images and publish all of them.

        Args:
            folder: for everything.
            services: that show the collection.
            store: a file in the folder, or an address.
            fields: of the collection.
        """
        self.images = folder / "images"
        self.images.mkdir()
        write_images(self.images)
        self.config = Config(
            filesystem_prefix=f"{self.images}/", services=str(service_file(folder, services, store))
        )
        self.store: Store = open_store(store if "://" in store else str(folder / store))
        self.store.create(Collection(name=NAME, title="Aerial images", **fields))
        self.add(YEARS)

    def add(self, years: Iterable[int]) -> None:
        """Add the images of these years."""
        self.store.add_items(NAME, items(self.images, years))

    def application(self) -> app.Application:
        """A worker of the service."""
        return app.build(self.config)
