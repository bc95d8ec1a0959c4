"""Mosaics of the benchmark: tiles of one image and of ten that make it up, through the whole application.

The ten are five columns and two rows of small images next to each other; a tile shows some of each. No tile is kept, and the next is
another one: of the images' own pixels, or in another system, warped.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.warp import transform

from iipserve import app, registry
from iipserve.collections.store import Store, open_store
from iipserve.collections.values import Collection
from iipserve.config import Config
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.image_items import read_item
from iipserve.engine.library import Library
from iipserve.geo.grid import Bounds
from iipserve.http import Request
from iipserve.image import ImageName
from scripts.benchmark.images import TILE
from scripts.benchmark.rasters import CRS, METRES, NORTH, WEST, write_raster

PART = (64, 160)
"""Width and height of each of the ten images: a tile begins in the first column and row, and ends in the last."""
COLUMNS, ROWS = 5, 2
CODECS: dict[str, Any] = {"compress": "DEFLATE", "predictor": "YES"}
MERCATOR = "EPSG:3857"
chance = random.Random(2)


def write_images(folder: Path) -> dict[str, list[str]]:
    """The files of each collection, by its name."""
    width, height = PART
    rows, columns = np.mgrid[: height * ROWS, : width * COLUMNS]
    whole = np.stack([columns // 2, rows // 2, (columns + rows) // 4], axis=2).astype(np.uint8)
    write_raster(folder / "whole.tif", [whole], **CODECS)
    names = []
    for column, row in product(range(COLUMNS), range(ROWS)):
        x, y = column * width, row * height
        names.append(f"part{column}{row}.tif")
        corner = (WEST + x * METRES, NORTH - y * METRES)
        write_raster(folder / names[-1], [whole[y : y + height, x : x + width]], corner=corner, **CODECS)
    return {"one": ["whole.tif"], "ten": names}


def publish(folder: Path) -> app.Application:
    """A worker of a service of these collections, which keeps no tiles.

    Args:
        folder: for everything.
    """
    images = folder / "images"
    images.mkdir()
    named = write_images(images)
    services = folder / "services.toml"
    services.write_text('[collections]\nstore = "store.sqlite"\nservices = ["rest", "wms"]\n')
    config = Config(filesystem_prefix=f"{images}/", services=str(services), max_image_cache_size=0)
    store = open_store(str(folder / "store.sqlite"))
    try:
        for name, files in named.items():
            _fill(store, config, name, files)
    finally:
        store.close()
    return app.build(config)


def _fill(store: Store, config: Config, name: str, files: list[str]) -> None:
    """Make a collection of some files."""
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    located = Georeferences(config)
    store.create(Collection(name=name))
    store.add_items(
        name, [replace(read_item(ImageName(file), library, located), collection=name) for file in files]
    )


def tiles(application: app.Application) -> Iterator[tuple[str, Callable[[], object]]]:
    """What asks for another tile each time, by the name of the row."""
    for crs, kind in ((CRS, "not warped"), (MERCATOR, "warped")):
        boxes = list(_boxes(crs))
        for name in ("one", "ten"):
            addresses = cycle([_address(name, crs, box) for box in boxes])
            yield (
                f"tile of {name} image{'s' * (name == 'ten')}, {kind}",
                lambda addresses=addresses: _ask(application, next(addresses)),  # type: ignore[misc]
            )


def _boxes(crs: str) -> Iterator[Bounds]:
    """Of tiles that show some of each image; on the grid of the images if it has the same system."""
    corners = [(x, y) for x in range(4, PART[0] - 4) for y in range(4, PART[0] - 4)]
    chance.shuffle(corners)
    wests = [WEST + x * METRES for x, _ in corners]
    norths = [NORTH - y * METRES for _, y in corners]
    if crs == CRS:
        easts = [west + TILE * METRES for west in wests]
    else:
        easts, _ = transform(CRS, crs, [west + TILE * METRES for west in wests], norths)
        wests, norths = transform(CRS, crs, wests, norths)
    for west, north, east in zip(wests, norths, easts, strict=True):
        yield Bounds(west, north - (east - west), east, north)


def _address(layer: str, crs: str, box: Bounds) -> str:
    return (
        f"/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS={layer}&STYLES=&CRS={crs}&BBOX={','.join(map(str, box))}"
        f"&WIDTH={TILE}&HEIGHT={TILE}&FORMAT=image/jpeg"
    )


def _ask(application: app.Application, address: str) -> None:
    response = application.handle(Request.from_environ({"REQUEST_METHOD": "GET", "REQUEST_URI": address}))
    assert response.status == 200, response.body
