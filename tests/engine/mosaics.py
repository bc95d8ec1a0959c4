"""Images of collections made of arrays, and what a mosaic of them shows by its rules alone: PROJ on the center of every
pixel, and numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.cache.memory import MemoryCache
from iipserve.config import Config
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.renderer import READERS
from iipserve.engine.statistics import StatisticsCache
from iipserve.engine.view_reader import RenderServices, ViewReader
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, GridRef
from iipserve.geo.layer import Layer, Style
from iipserve.geometry import Size
from iipserve.image import ImageName
from iipserve.plan import ImageRef, MosaicRule, RenderPlan, Resampling
from iipserve.processing import Operation, Pixels, pipeline
from iipserve.protocols.maps import MapView
from iipserve.protocols.mosaics import Member, plan_mosaic
from iipserve.sources import Source
from tests.engine.fakes import ArraySource
from tests.engine.maps import geo_image, places
from tests.protocols.client import SERVER

UTM33 = "EPSG:32633"


class CollectionImage(NamedTuple):
    """An image of a collection."""

    source: ArraySource
    georeference: Georeference

    @property
    def member(self) -> Member:
        info = self.source.info
        return Member(info.identifier, info, geo_image(self.georeference, info.color_bands))


class Sources:
    """A library of several images, which remembers which were opened."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = {source.info.identifier: source for source in sources}
        self.opened: list[str] = []

    def source(self, image: ImageRef) -> Source:
        self.opened.append(image.identifier)
        return self._sources[image.identifier]


def collection_image(
    identifier: str,
    pixels: NDArray[Any],
    *,
    crs: str = UTM33,
    corner: tuple[float, float] = (500000.0, 5000000.0),
    step: float = 10.0,
    **fields: Any,
) -> CollectionImage:
    """An image north up, from its upper left corner on, with square pixels."""
    source = ArraySource([pixels])
    source.info = replace(source.info, identifier=identifier, **fields)
    size = Size(pixels.shape[1], pixels.shape[0])
    return CollectionImage(
        source, Georeference(crs, Affine(step, 0.0, corner[0], 0.0, -step, corner[1]), size)
    )


def random_pixels(seed: int, size: tuple[int, int], bands: int, dtype: str = "uint8") -> NDArray[Any]:
    """Random samples; opacity is full or none, in patches."""
    random = np.random.default_rng(seed)
    width, height = size
    pixels = random.integers(0, np.iinfo(dtype).max, (height, width, bands), dtype, endpoint=True)
    if bands in (2, 4):
        patches = random.integers(0, 2, (height // 16 + 1, width // 16 + 1)).repeat(16, 0).repeat(16, 1)
        pixels[..., -1] = patches[:height, :width] * np.iinfo(dtype).max
    return pixels


def map_view(
    target: GridRef,
    resampling: Resampling | None = Resampling.NEAREST,
    *operations: Operation,
    **options: Any,
) -> MapView:
    layer = Layer("collection", ImageName("collection"))
    return MapView(layer, Style("own", operations=operations), target, "png", resampling, **options)


def plan_of(
    images: Sequence[CollectionImage],
    target: GridRef,
    rule: MosaicRule = MosaicRule.FIRST,
    *operations: Operation,
    resampling: Resampling = Resampling.NEAREST,
) -> RenderPlan:
    """The plan of a mosaic, the first image uppermost."""
    view = map_view(target, resampling, *operations)
    return plan_mosaic(view, [image.member for image in images], SERVER, rule)


def reader(sources: Sequence[Source] | Sources, plan: RenderPlan) -> ViewReader:
    """What reads the view of a plan."""
    config = Config()
    decoder = TileDecoder(MemoryCache(0))
    statistics = StatisticsCache(config, AdmissionControl(config), decoder)
    library: Any = sources if isinstance(sources, Sources) else Sources(sources)
    services = RenderServices(library, decoder, statistics, nearest=False)
    return READERS[type(plan.view)](services, plan, plan.view)


def drawn(images: Sequence[CollectionImage], plan: RenderPlan) -> NDArray[Any]:
    """Red, green, blue and opacity of a mosaic."""
    view = reader([image.source for image in images], plan)
    return in_color(pipeline.apply(view.after_scaling, view.read()))


def in_color(pixels: Pixels) -> NDArray[Any]:
    """Red, green, blue and opacity."""
    bands = pixels.shape[2]
    color = pixels[..., :3] if bands >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
    opaque = np.full((*pixels.shape[:2], 1), np.iinfo(pixels.dtype.name).max, pixels.dtype)
    alpha = pixels[..., -1:] if bands in (2, 4) else opaque
    shown = np.concatenate([color, alpha], axis=2)
    return np.where(shown[..., 3:] > 0, shown, 0)


class Shown(NamedTuple):
    """What one image shows on a map."""

    pixels: NDArray[Any]
    """Red, green, blue and opacity."""
    sure: NDArray[np.bool_]
    """Which of them are not within a thousandth of a pixel of an edge."""


def nearest_of(image: CollectionImage, target: GridRef) -> Shown:
    """The nearest pixels of an image of 8 bits: clear outside of it, where it is, and where all bands are nodata."""
    picture, nodata = image.source.levels[0], image.source.info.nodata
    height, width = picture.shape[:2]
    columns, rows = places(image.georeference, target)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    picked = picture[np.where(inside, rows, 0).astype(int), np.where(inside, columns, 0).astype(int)]
    shown = in_color(picked)
    missing = (picked == np.array(nodata)).all(axis=2) if nodata else np.zeros(inside.shape, bool)
    shown[~inside | missing] = 0
    sure = (np.abs(columns - np.rint(columns)) > 1e-3) & (np.abs(rows - np.rint(rows)) > 1e-3)
    return Shown(shown, sure)


def by_the_rules(
    images: Sequence[CollectionImage], target: GridRef, rule: MosaicRule = MosaicRule.FIRST
) -> Shown:
    """What a mosaic shows, of images whose pixels are opaque or clear."""
    shown = [nearest_of(image, target) for image in images]
    stack = np.stack([each.pixels for each in shown]).astype(np.float64)
    valid = stack[..., 3] > 0
    hidden = np.where(valid[..., None], stack, np.nan)
    with np.errstate(all="ignore"):
        if rule is MosaicRule.FIRST:
            first = valid.argmax(axis=0)
            result = np.take_along_axis(stack, first[None, ..., None], axis=0)[0]
        elif rule is MosaicRule.MEAN:
            result = np.rint(np.where(valid[..., None], stack, 0).sum(axis=0) / valid.sum(axis=0)[..., None])
        else:
            extreme = np.fmin if rule is MosaicRule.MIN else np.fmax
            result = extreme.reduce(hidden, axis=0)
    result = np.where(valid.any(axis=0)[..., None], result, 0)
    return Shown(result.astype(np.uint8), np.logical_and.reduce([each.sure for each in shown]))
