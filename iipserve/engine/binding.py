"""The steps of a plan, bound to what they need of its image."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from weakref import ref

from iipserve.engine.level_reader import LevelReader
from iipserve.engine.redeclared import RedeclaredSource
from iipserve.engine.terrain import TerrainReader, TerrainSource
from iipserve.engine.view_reader import RenderServices
from iipserve.geometry import new_tuple
from iipserve.image import ImageInfo
from iipserve.plan import ImageRef, RenderPlan
from iipserve.processing import Context, Operation, pipeline
from iipserve.processing.display import STRATEGIES, DisplayTransform, display_transform
from iipserve.processing.layout import with_full_opacity
from iipserve.processing.sample_format import Range, sample_format
from iipserve.sources import Source
from iipserve.sources.tiles import PartReader


class Bound(NamedTuple):
    """The steps of one plan for one image."""

    read: LevelReader
    after_scaling: tuple[Operation, ...]
    is_final: bool
    """The same plan always gives the same pixels."""

    @property
    def bands(self) -> int:
        """Of display pixels with opacity, after scaling: 2 (gray) or 4."""
        return with_full_opacity(pipeline.apply(self.after_scaling, self.read.clear_pixel())).shape[2]


def bind(
    services: RenderServices,
    source: Source,
    plan: RenderPlan,
    image: ImageRef,
    level: int,
    *,
    nearest: bool,
    marks_missing: bool,
    is_map: bool = False,
) -> Bound:
    """The reader of a level, and the operations after it; measures the image if necessary.

    Args:
        services: of the renderer.
        source: the image.
        plan: whose operations and depth are applied.
        image: as which the source was opened.
        level: index into `ImageInfo.levels`.
        nearest: scale by repeating and dropping pixels.
        marks_missing: see `LevelReader`; an operation of the plan may ask for it too.
        is_map: neighboring maps need the same tiles in part.
    """
    clear = pipeline.transparency(plan.operations) if plan.operations else None
    if clear is not None and clear.nodata is not None:
        source = RedeclaredSource(source, clear.nodata)
    terrain = pipeline.terrain(plan.operations) if plan.operations else None
    heights = source
    if terrain is not None:
        source = TerrainSource(heights, terrain)
    is_final = not services.statistics.is_provisional(source, image)
    ranges = services.statistics.ranges(source, image)
    before: tuple[Operation, ...] = ()
    after: tuple[Operation, ...] = ()
    if plan.operations:
        context = Context(source.info, lambda: services.statistics.get(source, image), plan.digest)
        operations = pipeline.bound(plan.operations, context)
        before, after = pipeline.before_scaling(operations), pipeline.after_scaling(operations)
    to_display = _transform(ref(source.info), ranges, before, plan.encoding.bits)
    # pixels around a tile are decoded for its neighbors as well
    keep = terrain is not None or (to_display is not None and to_display.apron > 0)
    tiles = services.shared_tiles if is_map and not keep else None
    if tiles is not None and tiles.keeps(source):
        read_tile = tiles.reader(source, image)
        read_part: PartReader | None = tiles.part_reader(source, image)
    else:
        read_tile = services.decoder.reader(heights, image, keep=keep)
        read_part = services.decoder.part_reader(heights, image, keep=keep)
    read_samples = None if terrain is None else TerrainReader(heights, level, terrain, read_tile, read_part)
    read = LevelReader(
        source,
        level,
        read_tile,
        to_display,
        nearest=nearest,
        marks_missing=marks_missing or clear is not None,
        read_part=read_part,
        read_samples=read_samples,
    )
    return new_tuple(Bound, (read, after, is_final))


@lru_cache(maxsize=STRATEGIES)
def _transform(
    image: ref[ImageInfo], ranges: tuple[Range, ...], operations: tuple[Operation, ...], bits: int
) -> DisplayTransform | None:
    """As `display_transform`, of an image that the caller holds: it is remembered, but the image is not held."""
    info = image()
    assert info is not None, "held by the caller"
    return display_transform(sample_format(info, ranges), operations, bits)
