"""Asks rasters about places, through library and renderer, without a service in front."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from iipserve import registry
from iipserve.cache import TieredCache
from iipserve.cache.memory import MemoryCache
from iipserve.config import Config
from iipserve.engine.library import Library
from iipserve.engine.renderer import Renderer
from iipserve.geo import crs
from iipserve.geo.georeference import Band, ControlPoint, ControlPoints, GeoImage, Georeference
from iipserve.geo.grid import Affine, Bounds
from iipserve.geo.layer import Layer, LayerEntry
from iipserve.geometry import Size
from iipserve.image import ImageInfo, ImageName
from iipserve.plan import Document
from iipserve.protocols.feature_info import formats
from iipserve.protocols.feature_info.places import Place
from iipserve.protocols.feature_info.planning import plan_feature_info


class Rasters:
    """The rasters of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = Config(filesystem_prefix=f"{folder}/")
        memory = MemoryCache(0)
        self.library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
        encoders = registry.discover("iipserve.codecs", "ENCODER")
        self.renderer = Renderer(config, self.library, encoders, TieredCache(memory, None), memory)

    def layer(self, path: Path, geo: GeoImage | None = None, **fields: Any) -> LayerEntry:
        """A layer of one raster; `fields` are of `Layer`."""
        info = self.info(path)
        layer = Layer(path.stem, ImageName(path.name), **fields)
        return LayerEntry(layer, info, geo or geo_image(path, info))

    def info(self, path: Path) -> ImageInfo:
        """The image of a raster."""
        return self.library.info(path.name, ImageName(path.name).selector)

    def document(
        self,
        layers: LayerEntry | Sequence[LayerEntry],
        place: Place,
        media_type: str = "application/json",
        children: Sequence[str] | None = None,
    ) -> Document:
        """The answer in a format."""
        queried = [layers] if isinstance(layers, LayerEntry) else layers
        plan = plan_feature_info(queried, place, formats.writer(media_type), children)
        return plan.describe(self.renderer.values(plan))

    def properties(self, layer: LayerEntry, place: Place) -> dict[str, Any]:
        """What the answer in JSON says of one layer that has something there."""
        (feature,) = json.loads(self.document(layer, place).body)["features"]
        properties: dict[str, Any] = feature["properties"]
        return properties

    def stored(self, layer: LayerEntry, place: Place) -> list[Any]:
        """The samples under the point, of each band in the order of the file."""
        return [each["raw"] for each in reversed(self.properties(layer, place)["bands"])]


def geo_image(path: Path, info: ImageInfo) -> GeoImage:
    """The georeference of a raster as GDAL reads it."""
    with (
        warnings.catch_warnings(action="ignore", category=rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(path) as file,
    ):
        points, points_crs = file.gcps
        system = file.crs or points_crs
        mapping: Affine | ControlPoints = Affine(*file.transform[:6])
        if points:
            mapping = ControlPoints(tuple(ControlPoint(one.col, one.row, one.x, one.y) for one in points), 1)
        elif system is None:
            mapping = Affine(1, 0, 0, 0, -1, 0)
        key = crs.key_of_wkt(system.to_wkt()) if system else crs.IMAGE
        names = [name or f"band{index}" for index, name in enumerate(file.descriptions, 1)]
        bands = tuple(
            Band(name, unit or "", scale, offset)
            for name, unit, scale, offset in zip(names, file.units, file.scales, file.offsets, strict=True)
        )
        size = Size(file.width, file.height)
    assert key is not None
    return GeoImage(Georeference(key, mapping, size), bands[: info.color_bands])


def at(key: str, x: float, y: float, reach: float = 0.0) -> Place:
    """A point, and the square around it that reaches so far."""
    return Place(key, Bounds(x - reach, y - reach, x + reach, y + reach), (x, y))


def at_pixel(layer: LayerEntry, column: float, row: float, reach: float = 0.0) -> Place:
    """A point by pixel coordinates of a raster, and the pixels around it up to a distance."""
    georeference = layer.geo.georeference
    assert isinstance(georeference.mapping, Affine)
    corners = [
        georeference.mapping.apply(column + x, row + y) for x in (-reach, reach) for y in (-reach, reach)
    ]
    xs, ys = np.array(corners).T.tolist()
    return Place(
        georeference.crs,
        Bounds(min(xs), min(ys), max(xs), max(ys)),
        georeference.mapping.apply(column, row),
    )
