"""Coverages of files in a folder, read as arrays."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve import registry
from iipserve.cache import TieredCache
from iipserve.cache.memory import MemoryCache
from iipserve.config import Config
from iipserve.contents import ContentResponder
from iipserve.engine.coverage_reader import CoverageReader, coverage_reader
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.library import Library
from iipserve.engine.output_policy import OutputPolicy
from iipserve.engine.renderer import Renderer
from iipserve.geo.georeference import GeoImage, in_pixel_space
from iipserve.geo.grid import Affine, GridRef
from iipserve.geo.layer import Layer
from iipserve.geometry import Region, Size
from iipserve.http import Request, Response
from iipserve.image import ImageInfo, ImageName
from iipserve.plan import CoverageEncoding, CoveragePlan, Resampling
from iipserve.protocols.coverages import CoverageView, coverage_bands, plan_coverage
from iipserve.responses import ResponseBuilder
from tests.protocols.client import SERVER

rasterio = pytest.importorskip("rasterio")


def grid_of(geo: GeoImage, region: Region, size: Size | None = None) -> GridRef:
    """The grid of a window of an image, scaled."""
    source = geo.georeference
    assert isinstance(source.mapping, Affine)
    wanted = size or region.size
    affine = source.mapping.shifted(region.x, region.y).scaled(
        region.width / wanted.width, region.height / wanted.height
    )
    return GridRef(source.crs, affine, wanted)


class CoverageFolder:
    """Images in a folder, and their coverages."""

    def __init__(self, folder: Path) -> None:
        config = Config(filesystem_prefix=f"{folder}/")
        self.library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
        self.georeferences = Georeferences(config)

    def known(self, name: str) -> tuple[ImageInfo, GeoImage]:
        info = self.library.info(name)
        return info, self.georeferences(info) or in_pixel_space(info)

    def plan(
        self,
        name: str,
        target: GridRef | Region | None = None,
        size: Size | None = None,
        bands: Sequence[int] | None = None,
        resampling: Resampling = Resampling.NEAREST,
        encoding: CoverageEncoding = CoverageEncoding("geotiff"),  # noqa: B008  # frozen
        **layer: Any,
    ) -> CoveragePlan:
        """The plan of a grid, of a window of the image, or of all of it; of all bands by default."""
        info, geo = self.known(name)
        if not isinstance(target, GridRef):
            target = grid_of(geo, target or Region.of_size(info.size), size)
        chosen = tuple(range(len(coverage_bands(info, geo)))) if bands is None else tuple(bands)
        view = CoverageView(Layer(name, ImageName(name), **layer), chosen, target, resampling, encoding)
        return plan_coverage(view, info, geo, SERVER)

    def reader(self, plan: CoveragePlan) -> CoverageReader:
        return coverage_reader(plan, self.library.source(plan.view.image), TileDecoder(MemoryCache(0)))

    def read(self, name: str, *arguments: Any, **options: Any) -> NDArray[Any]:
        """The samples of a coverage, shape (height, width, bands)."""
        plan = self.plan(name, *arguments, **options)
        strips = list(self.reader(plan).strips(lambda: None))
        joined: NDArray[Any] = np.concatenate(strips)
        assert joined.shape == (plan.size.height, plan.size.width, len(plan.bands))
        assert joined.dtype == np.dtype(plan.description.dtype)
        return joined


class Answers:
    """The answers to plans of coverages of one folder."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        config = Config(filesystem_prefix=f"{folder}/", **settings)
        self.folder = CoverageFolder(folder)
        cache = MemoryCache(1 << 24)
        encoders = registry.discover("iipserve.codecs", "ENCODER")
        self.renderer = Renderer(config, self.folder.library, encoders, TieredCache(cache, None), cache)
        self.contents = ContentResponder(self.renderer, OutputPolicy(config), ResponseBuilder(config))

    def __call__(self, plan: CoveragePlan, **environ: str) -> Response:
        request = Request("GET", "/wcs", "", environ)
        return self.contents.by_type[CoveragePlan](request, plan, (), plan.images)


def as_bands_last(path: Path) -> NDArray[Any]:
    """The samples of a file as GDAL reads them, bands last."""
    ignored = rasterio.errors.NotGeoreferencedWarning
    with warnings.catch_warnings(action="ignore", category=ignored), rasterio.open(path) as file:
        return np.moveaxis(file.read(), 0, -1)
