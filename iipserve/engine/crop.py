"""Reads crops: a region of one level, or the stored tile that is exactly it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.engine import assembly
from iipserve.engine.admission import Cost
from iipserve.engine.binding import Bound, bind
from iipserve.engine.view_reader import RenderServices, ViewReader
from iipserve.geometry import Region
from iipserve.image import ImageInfo, PhysicalResolution
from iipserve.plan import Crop, RenderPlan
from iipserve.processing import Operation, Pixels
from iipserve.processing.missing import is_opaque
from iipserve.processing.transform import Rotate


class CropReader(ViewReader):
    """Reads the crop of one plan."""

    def __init__(
        self, services: RenderServices, plan: RenderPlan, crop: Crop, *, is_map: bool = False
    ) -> None:
        """Open the image.

        Args:
            services: of the renderer.
            plan: whose operations are applied.
            crop: what is read.
            is_map: as of `bind`.

        Raises:
            ImageChanged: the file has been replaced since the plan was made.
        """
        self._services = services
        self._plan = plan
        self._crop = crop
        self._source = services.library.source(crop.image)
        self._is_map = is_map
        self._binding: Bound | None = None

    def stored(self, encoder: Encoder) -> bytes | None:
        _, index, (x, y, width, height), size = self._crop
        level = self._source.info.levels[index]
        (level_width, level_height), (tile_width, tile_height) = level.size, level.tile
        # a whole tile, or what of it is inside the level, and unscaled
        if x % tile_width or y % tile_height or size != (width, height):
            return None
        clipped = width != tile_width or height != tile_height
        if clipped and size != (min(tile_width, level_width - x), min(tile_height, level_height - y)):
            return None
        encoding = self._plan.encoding
        body = self._source.stored_tile(
            index, x // tile_width, y // tile_height, encoding.format, profile=encoding.profile
        )
        if body is None or not clipped:
            return body
        return encoder.crop(body, size) if encoder.crop else None

    @property
    def after_scaling(self) -> tuple[Operation, ...]:
        return self._bound.after_scaling

    @property
    def is_final(self) -> bool:
        return self._binding is None or self._binding.is_final

    def cost(self) -> Cost:
        return assembly.region_cost(self._bound.read, self._crop.region, self._crop.size)

    def read(self) -> Pixels:
        return assembly.read_region(self._bound.read, self._crop.region, self._crop.size)

    def strips_cost(self) -> Cost:
        return assembly.strips_cost(self._bound.read, self._crop.region, self._crop.size)

    def read_strips(self) -> Iterator[Pixels]:
        return assembly.read_strips(self._bound.read, self._crop.region, self._crop.size)

    @property
    def is_opaque(self) -> bool:
        """Whether no pixel is clear."""
        return is_opaque(self._source.info, self._plan.operations)

    @property
    def bands(self) -> int:
        """Of display pixels with opacity: 2 (gray) or 4."""
        return self._bound.bands

    def rows_cost(self, strips: Sequence[Region]) -> Cost:
        """The cost of reading strips, from top to bottom and of full width, one after the other; of unscaled crops."""
        costs = [assembly.region_cost(self._bound.read, self._stored(strip), strip.size) for strip in strips]
        totals = sum(cost.read for cost in costs), sum(cost.decoded for cost in costs)
        memory = max(cost.memory for cost in costs)
        return costs[0]._replace(read=totals[0], decoded=totals[1], memory=memory)

    def read_area(self, area: Region) -> Pixels:
        """The pixels of an area of the result, before `after_scaling`; of an unscaled crop."""
        return assembly.read_region(self._bound.read, self._stored(area), area.size)

    def read_places(self, area: Region, wanted: NDArray[np.bool_]) -> Pixels:
        """The pixels of an area that are wanted, at least one, row by row: as of `read_area`, shape (1, pixels, bands)."""
        if not self._bound.read.reads_places:
            return self.read_area(area)[wanted][None]
        rows, columns = np.nonzero(wanted)
        stored = self._stored(area)
        return self._bound.read.at(columns + stored.x, rows + stored.y)

    def _stored(self, area: Region) -> Region:
        """An area in pixels of the level."""
        x, y, _, _ = self._crop.region
        return Region(x + area.x, y + area.y, area.width, area.height)

    def metadata(self) -> Metadata:
        return metadata_for(self._plan, self._crop, self._source.info)

    @property
    def _bound(self) -> Bound:
        """Bound on first use, which measures the image if necessary."""
        if self._binding is None:
            self._binding = bind(
                self._services,
                self._source,
                self._plan,
                self._crop.image,
                self._crop.level,
                nearest=self._services.nearest,
                marks_missing=False,
                is_map=self._is_map,
            )
        return self._binding


def metadata_for(plan: RenderPlan, crop: Crop, info: ImageInfo) -> Metadata:
    """What is embedded with the pixels: in tiles at most the profile, in exports everything."""
    icc = None
    if plan.encoding.profile and all(operation.keeps_profile for operation in plan.operations):
        icc = info.icc
    if not plan.encoding.metadata:
        return Metadata(icc=icc) if icc else NO_METADATA
    return Metadata(icc, info.xmp, info.exif, _scaled_resolution(plan, crop, info), info.text)


def _scaled_resolution(plan: RenderPlan, crop: Crop, info: ImageInfo) -> PhysicalResolution | None:
    """Pixels per metre of the rendered image: fewer than the original's if it was scaled down."""
    if info.resolution is None:
        return None
    level = info.levels[crop.level].size
    x = info.resolution.x * level.width / info.size.width * crop.size.width / crop.region.width
    y = info.resolution.y * level.height / info.size.height * crop.size.height / crop.region.height
    swaps_axes = any(isinstance(step, Rotate) and step.degrees in (90, 270) for step in plan.operations)
    return PhysicalResolution(y, x) if swaps_axes else PhysicalResolution(x, y)
