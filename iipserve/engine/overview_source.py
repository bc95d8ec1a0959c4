"""One level of an image as an image of its own, whose samples are like those of the others in an overview."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.geo.georeference import ControlPoint, ControlPoints, Georeference
from iipserve.geo.grid import Affine
from iipserve.geometry import Size, TileGrid
from iipserve.image import ColorSpace
from iipserve.processing import Pixels
from iipserve.processing.missing import missing_pixels
from iipserve.sources import Source


class OverviewSource(Source):
    """A level with a given number of bands of a given type, and opacity: full where there is data, else none."""

    def __init__(self, source: Source, level: int, bands: int, dtype: str) -> None:
        """Take a level of a source. A gray image becomes one of several equal bands, further bands are left out."""
        self._source = source
        self._level = level
        self._bands = bands
        self._opaque = opaque(dtype)
        info = source.info
        self.info = replace(
            info, levels=(info.levels[level],), bands=bands + 1, dtype=dtype, has_alpha=True, alpha_declared=True,
            band_ranges=(), nodata=(), stored=None, color_space=ColorSpace.SRGB if bands == 3 else ColorSpace.GRAY,
        )  # fmt: skip
        self.holds_descriptor = source.holds_descriptor
        self.keeps_decoded = source.keeps_decoded or source.reads_regions

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """As `Source.read_tile`."""
        pixels = self._pixels(column, row)
        info, (height, width) = self._source.info, pixels.shape[:2]
        missing = missing_pixels(pixels, info)
        valid = np.ones((height, width), np.bool_) if missing is None else ~missing
        if info.has_alpha:
            valid &= pixels[..., -1] != 0
        result: Pixels = np.empty((height, width, self._bands + 1), self.info.dtype)
        colors: NDArray[Any] = pixels[..., : info.color_bands]
        result[..., : self._bands] = (
            colors[..., :1] if info.color_bands < self._bands else colors[..., : self._bands]
        )
        result[..., self._bands] = np.where(valid, self._opaque, 0)
        return result

    def _pixels(self, column: int, row: int) -> Pixels:
        if not self._source.reads_regions:
            return self._source.read_tile(self._level, column, row)
        geometry = self._source.info.levels[self._level]
        region = TileGrid(geometry.size, geometry.tile).region(column, row)
        assert region is not None, "tiles are inside of the level"
        return self._source.read_region(self._level, region, region.size)


def opaque(dtype: str) -> float:
    """The sample of full opacity."""
    return 1.0 if dtype.startswith("float") else float(np.iinfo(dtype).max)


def level_georeference(georeference: Georeference, size: Size) -> Georeference | None:
    """Where a level of `size` is; None if its mapping cannot be had from that of the full size."""
    full, mapping = georeference.size, georeference.mapping
    across, down = full.width / size.width, full.height / size.height
    if size == full:
        return georeference
    if isinstance(mapping, Affine):
        return Georeference(georeference.crs, mapping.scaled(across, down), size)
    if isinstance(mapping, ControlPoints):
        points = (
            ControlPoint(each.column / across, each.row / down, each.x, each.y) for each in mapping.points
        )
        return Georeference(georeference.crs, mapping._replace(points=tuple(points)), size)
    return None
