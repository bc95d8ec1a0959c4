"""Reads where the images of a folder are located."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import tifffile

from iipserve import registry
from iipserve.config import Config
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.library import Library
from iipserve.geo.georeference import GeoImage
from tests.geo_rasters import rasterio


class Reader:
    """Reads images of one folder."""

    def __init__(self, folder: Path) -> None:
        config = Config(filesystem_prefix=f"{folder}/")
        self.library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
        self.georeferences = Georeferences(config)

    def __call__(self, name: str) -> GeoImage | None:
        return self.georeferences(self.library.info(name))


def placed(image: GeoImage | None) -> GeoImage:
    assert image is not None
    return image


def opened(path: Path) -> Any:
    with warnings.catch_warnings(action="ignore"):
        return rasterio.open(path)


def geo_fields(path: Path) -> list[tuple[int, int, int, Any, bool]]:
    """The georeference of a file, for tifffile."""
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        found = [tags[code] for code in (33550, 33922, 34264, 34735, 34736, 34737) if code in tags]
        return [(tag.code, tag.dtype, tag.count, tag.value, True) for tag in found]
