"""Reads maps: a level of an image, resampled to another grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.engine.admission import Cost, bytes_with_opacity
from iipserve.engine.assembly import STRIP_COPIES
from iipserve.engine.binding import Bound, bind
from iipserve.engine.resampling import BIAS, RESAMPLERS, margin
from iipserve.engine.view_reader import RenderServices, ViewReader
from iipserve.engine.warped_level import WarpedLevel, Window
from iipserve.geo.blocks import Block, places_of
from iipserve.geo.coordinates import BLOCK, source_blocks
from iipserve.geo.image_boxes import region_on
from iipserve.geometry import Region, Size, common_region
from iipserve.plan import RenderPlan, Resampling, Warp
from iipserve.processing import Operation, Pixels
from iipserve.processing.layout import as_units, with_equal_bands, with_full_opacity
from iipserve.processing.missing import is_opaque

PART_PIXELS = 1 << 20
"""Pixels of a part of a map, in whole rows of blocks, whose windows are read at once."""
EDGE = 1e-5
"""Pixels by which places on the right and lower edge of an image are moved inside of it."""
MOSTLY = 0.5
"""Share of the pixels of a part that are wanted, from which on all of them are read, or resampled."""
COORDINATE_BYTES = 64
"""Held for each pixel of a part while it is resampled, besides its window: coordinates, indices, sums."""


def map_strips(size: Size) -> list[Region]:
    """The strips in which maps are read: whole rows of blocks, as many at once as are not too large."""
    height = max(1, PART_PIXELS // (BLOCK * size.width)) * BLOCK
    return [
        Region(0, top, size.width, min(height, size.height - top)) for top in range(0, size.height, height)
    ]


class Part(NamedTuple):
    """Rows of a map."""

    region: Region
    blocks: tuple[Block, ...]
    windows: tuple[Window, ...]
    is_sparse: bool = False
    """Its pixels are places here and there in a map, in one row."""


class WarpReader(ViewReader):
    """Reads the map of one plan."""

    def __init__(self, services: RenderServices, plan: RenderPlan, view: Warp) -> None:
        """Open the image.

        Raises:
            ImageChanged: the file has been replaced since the plan was made.
        """
        self._services = services
        self._plan = plan
        self._view = view
        self._source = services.library.source(view.image)

    def stored(self, encoder: Encoder) -> bytes | None:
        return None

    @property
    def after_scaling(self) -> tuple[Operation, ...]:
        return self._bound.after_scaling

    @property
    def is_final(self) -> bool:
        return self._bound.is_final

    def cost(self) -> Cost:
        size = self._view.size
        return self._cost(size.area + max(part.region.area for part in self._parts))

    def read(self) -> Pixels:
        parts = with_equal_bands([self._resampled(part) for part in self._parts])
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=0)

    def strips_cost(self) -> Cost:
        return self._cost(STRIP_COPIES * max(part.region.area for part in self._parts))

    def read_strips(self) -> Iterator[Pixels]:
        for part in self._parts:
            yield with_full_opacity(self._resampled(part))

    def rows_cost(self, strips: Sequence[Region]) -> Cost:
        """The cost of reading the strips of `map_strips` one after the other."""
        return self._cost(max(strip.area for strip in strips))

    def read_area(self, area: Region) -> Pixels:
        """The pixels of an area of one strip of `map_strips`, before `after_scaling`: the same as in all of the strip."""
        part = self._part_at(area)
        return self._resampled(part if area == part.region else self._cut(part, area))

    def read_places(self, area: Region, wanted: NDArray[np.bool_]) -> Pixels:
        """The pixels of an area that are wanted, at least one, row by row: as of `read_area`, shape (1, pixels, bands)."""
        block = places_of(self._part_at(area).blocks, area, wanted)
        margins = margin(self._view.resampling, self._level.reach)
        windows = tuple(self._level.windows((block,), margins))
        return self._resampled(Part(block.region, (block,), windows, is_sparse=True))

    def area(self, strip: Region) -> Region | None:
        """A box around all pixels of a strip of `map_strips` that are inside of the image; None if there is none."""
        return self._area(self._part_at(strip))

    @property
    def is_covered(self) -> bool:
        """Whether all pixels are inside of the image."""
        return all(len(part.windows) == 1 and part.windows[0].is_covered for part in self._parts)

    @property
    def is_opaque(self) -> bool:
        """Whether no pixel inside of the image is clear."""
        return is_opaque(self._source.info, self._plan.operations)

    @property
    def bands(self) -> int:
        """Of display pixels with opacity: 2 (gray) or 4."""
        return self._bound.bands

    def metadata(self) -> Metadata:
        plan, icc = self._plan, None
        if plan.encoding.profile and all(operation.keeps_profile for operation in plan.operations):
            icc = self._source.info.icc
        return Metadata(icc=icc) if icc else NO_METADATA

    @cached_property
    def _bound(self) -> Bound:
        view = self._view
        return bind(
            self._services,
            self._source,
            self._plan,
            view.image,
            view.level,
            nearest=view.resampling is Resampling.MODE,
            marks_missing=True,
            is_map=True,
        )

    @cached_property
    def _level(self) -> WarpedLevel:
        return WarpedLevel(self._view, self._bound.read)

    @cached_property
    def _parts(self) -> list[Part]:
        """The map in strips."""
        size, level = self._view.size, self._level
        around = margin(self._view.resampling, level.reach)
        strips = map_strips(size)
        height = strips[0].height
        blocks = source_blocks(self._view.source, self._view.target)
        parts = []
        for number, group in groupby(blocks, key=lambda block: block.region.y // height):
            those = tuple(group)
            parts.append(Part(strips[number], those, tuple(level.windows(those, around))))
        return parts

    def _part_at(self, area: Region) -> Part:
        """The strip that an area is in."""
        return next(part for part in self._parts if part.region.y <= area.y < part.region.bottom)

    def _cut(self, part: Part, area: Region) -> Part:
        """An area of a strip, with the windows that it needs: fewer pixels if it is not all that the image shows."""
        blocks = tuple(cut for block in part.blocks if (cut := block.cut(area)))
        shown = self._area(part)
        if shown is not None and shown != part.region and area.area >= MOSTLY * shown.area:
            return Part(area, blocks, part.windows)
        margins = margin(self._view.resampling, self._level.reach)
        return Part(area, blocks, tuple(self._level.windows(blocks, margins)))

    @cached_property
    def _place(self) -> Region | None:
        return region_on(self._view.source, self._view.target)

    def _area(self, part: Part) -> Region | None:
        """A box around all pixels of a strip that are inside of the image."""
        if not part.windows or self._place is None:
            return None
        covered = len(part.windows) == 1 and part.windows[0].is_covered
        return part.region if covered else common_region(self._place, part.region)

    def _shift(self, window: Window) -> float:
        """Columns of the level by which a window is further around the globe."""
        return window.turns * self._level.turn if self._level.turn is not None else 0.0

    def _cost(self, held: int) -> Cost:
        """The cost of reading all parts one after the other, with so many pixels of the result held."""
        info, size = self._source.info, self._view.size
        read = decoded = memory = 0
        expensive = False
        pixel_bytes = bytes_with_opacity(3) * self._plan.encoding.bits // 8
        for part in self._parts:
            part_memory = part.region.area * COORDINATE_BYTES
            for window in part.windows:
                costs = list(self._level.costs(window.region))
                read += sum(cost.read for cost in costs)
                decoded += sum(cost.decoded for cost in costs)
                expensive = expensive or any(cost.is_expensive for cost in costs)
                part_memory += sum(cost.memory for cost in costs) + self._weighing(window)
            memory = max(memory, part_memory)
        memory += held * pixel_bytes
        return Cost(info.identifier, size, read, decoded, expensive, size.area, pixel_bytes, memory)

    def _weighing(self, window: Window) -> int:
        """Bytes of a window's sums or weighted planes."""
        planes = {Resampling.AVERAGE: 4 * 8 * 2, Resampling.MODE: 24}.get(self._view.resampling, 4 * 4)
        return 0 if self._view.resampling is Resampling.NEAREST else window.region.area * planes

    # -- one part ----------------------------------------------------------------------------------

    def _resampled(self, part: Part) -> Pixels:
        """The display pixels of a part: with opacity if some of it is outside of the image or has no data."""
        if len(part.windows) == 1 and part.windows[0].is_covered:
            columns, rows = self._places(part, part.windows[0])
            return self._shown(part, part.windows[0], columns, rows)
        pixel = self._bound.read.clear_pixel()
        result = np.zeros((part.region.height, part.region.width, pixel.shape[2]), pixel.dtype)
        for window in part.windows:
            columns, rows = self._places(part, window)
            inside = self._inside(columns, rows, window)
            count = np.count_nonzero(inside)
            if count and len(part.windows) == 1 and count >= MOSTLY * inside.size:
                return self._cleared(part, columns, rows, inside)
            if count:
                places = (
                    np.clip(columns[inside], 0, window.region.width - EDGE)[None],
                    np.clip(rows[inside], 0, window.region.height - EDGE)[None],
                )
                shown = self._shown(part, window, *places)
                as_units(result)[inside] = as_units(with_full_opacity(shown))[0]
        return result

    def _cleared(
        self,
        part: Part,
        columns: NDArray[np.float64],
        rows: NDArray[np.float64],
        inside: NDArray[np.bool_],
    ) -> Pixels:
        """The pixels of a part of one window, clear where it is not inside: quicker than those inside by themselves, if these
        are many."""
        (window,) = part.windows
        for places, side in ((columns, window.region.width), (rows, window.region.height)):
            np.fmin(np.fmax(places, 0, out=places), side - EDGE, out=places)
        nearest = self._view.resampling is Resampling.NEAREST and not part.is_sparse
        if nearest and window.region.area <= 2 * columns.size:
            # elements of 4 bytes are taken quicker than those of 3
            pixels = with_full_opacity(self._level.pixels(window.region))
            shown = RESAMPLERS[Resampling.NEAREST](pixels, columns, rows, self._level.reach)
        else:
            shown = with_full_opacity(self._shown(part, window, columns, rows))
        as_units(shown)[~inside] = 0
        return shown

    def _shown(
        self, part: Part, window: Window, columns: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> Pixels:
        """The pixels at places of a window, all inside of it."""
        if part.is_sparse and self._view.resampling is Resampling.NEAREST and self._bound.read.reads_places:
            return self._level.nearest(window.region, columns[0], rows[0])
        pixels = self._level.pixels(window.region)
        return RESAMPLERS[self._view.resampling](pixels, columns, rows, self._level.reach)

    def _places(self, part: Part, window: Window) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The pixels of a part, in pixel coordinates of a window."""
        level = self._level
        x, y = -self._shift(window) - window.region.x, -window.region.y
        mapped = [block.mapped(level.scale[0], x, level.scale[1], y) for block in part.blocks]
        if len(mapped) == 1:
            return mapped[0].values()
        columns, rows = np.empty((2, part.region.height, part.region.width))
        for block in mapped:
            place = block.region
            left, top = place.x - part.region.x, place.y - part.region.y
            within = np.s_[top : top + place.height, left : left + place.width]
            columns[within], rows[within] = block.values()
        return columns, rows

    def _inside(
        self, columns: NDArray[np.float64], rows: NDArray[np.float64], window: Window
    ) -> NDArray[np.bool_]:
        """Which places are on this turn of the level, and shown."""
        region, (start, stop) = window.region, window.columns
        left, top = -region.x - BIAS, -region.y - BIAS
        first, last = self._level.start[1], self._level.extent[1]
        inside: NDArray[np.bool_] = columns >= left + start
        inside &= columns < left + stop
        inside &= rows >= top + first
        inside &= rows < top + last
        return inside
