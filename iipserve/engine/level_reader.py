"""Regions of one level: joined from a source's tiles, converted for display, scaled; and what that costs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.engine.admission import Cost
from iipserve.engine.scaling import scale
from iipserve.geometry import Region, Size
from iipserve.image import Level
from iipserve.processing import Pixels, Stage
from iipserve.processing.display import DisplayTransform
from iipserve.processing.layout import first_bands, has_alpha, with_full_opacity, with_opacity
from iipserve.processing.missing import Mask, missing_pixels
from iipserve.sources import Source
from iipserve.sources.tiles import PartReader, TileReader, join_tiles


class LevelReader(NamedTuple):
    """Reads regions of one level of a source, converts them for display and scales them."""

    source: Source
    level: int
    read_tile: TileReader
    to_display: DisplayTransform | None = None
    """None to keep the samples as the source reads them, also where these can be displayed without conversion."""
    nearest: bool = False
    """Scale by repeating and dropping pixels."""
    marks_missing: bool = False
    """Append opacity to display pixels of images that may miss some: 0 where they do."""
    read_part: PartReader | None = None
    """As of `join_tiles`."""
    read_samples: Callable[[Region], Pixels] | None = None
    """Reads the samples of a region of the level in place of its tiles."""

    @property
    def geometry(self) -> Level:
        """Sizes of the level and of its tiles."""
        return self.source.info.levels[self.level]

    def __call__(self, region: Region, size: Size) -> Pixels:
        """The pixels of a region, scaled.

        Args:
            region: in pixels of the level, inside it.
            size: of the result, in pixels.
        """
        if self.to_display is None:
            if self.source.reads_regions:
                samples = self.source.read_region(self.level, region, size)
                return self._scaled(samples, samples, size)
            samples = self._join(region)
            return self._scaled(samples, samples, size)
        if self.source.reads_regions:
            return self._scaled(*self._display_reduced(self.to_display, region, size), size)
        return self._scaled(*self._display(self.to_display, region), size)

    @property
    def reads_places(self) -> bool:
        """Whether `at` can read pixels by themselves: none depends on those around it, and tiles are decoded one by one."""
        depends_on_others = self.to_display is not None and self.to_display.apron
        return not (self.source.reads_regions or self.read_samples is not None or depends_on_others)

    def at(self, columns: NDArray[np.intp], rows: NDArray[np.intp]) -> Pixels:
        """The pixels at some places, unscaled: of each tile only the box around them is read.

        Args:
            columns: of the places, in pixels of the level, inside it; at least one.
            rows: of the places.

        Returns:
            As of a region of one row: shape (1, places, bands).
        """
        info, (level, tile) = self.source.info, (self.geometry.size, self.geometry.tile)
        samples: Pixels = np.empty((1, len(columns), info.bands), info.dtype)
        across = level.width // tile.width + 1
        numbers = rows // tile.height * across + columns // tile.width
        for number in np.unique(numbers):
            those = np.flatnonzero(numbers == number)
            xs, ys = columns[those], rows[those]
            x, y = int(xs.min()), int(ys.min())
            box = Region(x, y, int(xs.max()) - x + 1, int(ys.max()) - y + 1)
            samples[0, those] = self._join(box)[ys - y, xs - x]
        displayed = samples if self.to_display is None else self.to_display(samples)
        return self._scaled(samples, displayed, Size(len(columns), 1))

    def clear_pixel(self) -> Pixels:
        """A display pixel of this reader's kind, with opacity, which shows nothing; shape (1, 1, bands)."""
        info = self.source.info
        return _clear_pixel(info.bands, info.dtype, self.to_display)

    def _join(self, region: Region) -> Pixels:
        """The samples of a region."""
        if self.read_samples is not None:
            return self.read_samples(region)
        return join_tiles(self.source.info, self.level, region, self.read_tile, self.read_part)

    def _scaled(self, samples: Pixels, displayed: Pixels, size: Size) -> Pixels:
        """Display pixels, scaled. Those without samples count in no mean, and are clear where there is opacity."""
        height, width, bands = displayed.shape
        unscaled = self.nearest or (width, height) == (size.width, size.height)
        matters = self.marks_missing or not unscaled or self.source.info.has_alpha
        missing = missing_pixels(samples, self.source.info) if matters else None
        if missing is None:
            return scale(displayed, size, nearest=self.nearest)
        if has_alpha(bands):
            displayed = displayed.copy()
            displayed[missing, -1] = 0
            return scale(displayed, size, nearest=self.nearest)
        return self._around_gaps(displayed, missing, size)

    def _around_gaps(self, displayed: Pixels, missing: Mask, size: Size) -> Pixels:
        """Opaque display pixels, scaled without those that are missing, which all look alike."""
        opaque = np.iinfo(displayed.dtype.name).max
        present = np.where(missing, 0, opaque).astype(displayed.dtype)
        scaled = scale(with_opacity(displayed, present), size, nearest=self.nearest)
        if self.marks_missing:
            return scaled
        result = first_bands(scaled, displayed.shape[2])
        result[scaled[..., -1] == 0] = displayed[missing][0]
        return result

    def cost(self, region: Region, size: Size, held: int | None = None, held_made: int | None = None) -> Cost:
        """What reading a region takes.

        Args:
            region: in pixels of the level.
            size: of the result, in pixels.
            held: pixels of the level in memory at the same time; by default the whole region.
            held_made: pixels of the result in memory at the same time, copies included; by default the result, once.
        """
        source = self.source
        info = source.info
        read, made, pixel_bytes = region.width * region.height, size.area, self._pixel_bytes()
        read_bytes = info.bands * np.dtype(info.dtype).itemsize
        if self.to_display is not None:
            read_bytes += pixel_bytes
        memory = (read if held is None else held) * read_bytes
        memory += (made if held_made is None else held_made) * pixel_bytes
        decoded, decoding = (
            source.decoded_pixels(self.level, region),
            source.decoding_memory(self.level, region),
        )
        expensive = source.keeps_decoded or source.reads_regions
        return Cost(
            info.identifier, size, read, decoded, expensive, made, pixel_bytes, memory + decoding, decoding
        )

    def _pixel_bytes(self) -> int:
        """Bytes of one pixel of what is read, at most."""
        info, to_display = self.source.info, self.to_display
        if to_display is None:
            return info.bands * np.dtype(info.dtype).itemsize
        makes_colors = any(operation.stage is Stage.NORMALIZED for operation in to_display.operations)
        return (4 if makes_colors or self.marks_missing else min(info.bands, 4)) * to_display.bits // 8

    def _display(self, to_display: DisplayTransform, region: Region) -> tuple[Pixels, Pixels]:
        """Samples of a region, and its display pixels. The surrounding pixels that its edges depend on are read with it."""
        level, apron = self.geometry.size, to_display.apron
        if not apron:
            samples = self._join(region)
            return samples, to_display(samples)
        left, top = min(apron, region.x), min(apron, region.y)
        right = min(apron, level.width - region.right)
        bottom = min(apron, level.height - region.bottom)
        around = Region(
            region.x - left, region.y - top, left + region.width + right, top + region.height + bottom
        )
        samples = self._join(around)
        return _inner(samples, left, top, region.size), _inner(to_display(samples), left, top, region.size)

    def _display_reduced(
        self, to_display: DisplayTransform, region: Region, size: Size
    ) -> tuple[Pixels, Pixels]:
        """As `_display`, from a source that scales by itself, at the next power of two above `size`."""
        shrink = shrink_factor(region.size, size)
        level, within = self.geometry.size, reduced(region.size, size)
        left, top = min(to_display.apron, region.x // shrink), min(to_display.apron, region.y // shrink)
        right = min(to_display.apron, (level.width - region.right) // shrink)
        bottom = min(to_display.apron, (level.height - region.bottom) // shrink)
        around = Region(
            region.x - left * shrink, region.y - top * shrink,
            region.width + (left + right) * shrink, region.height + (top + bottom) * shrink,
        )  # fmt: skip
        scaled = Size(left + within.width + right, top + within.height + bottom)
        samples = self.source.read_region(self.level, around, scaled)
        return _inner(samples, left, top, within), _inner(to_display(samples), left, top, within)


@lru_cache(maxsize=64)
def _clear_pixel(bands: int, dtype: str, to_display: DisplayTransform | None) -> Pixels:
    pixel: Pixels = np.zeros((1, 1, bands), dtype)
    displayed = pixel if to_display is None else to_display(pixel)
    return np.zeros_like(with_full_opacity(displayed))


def shrink_factor(region: Size, size: Size) -> int:
    """The largest power of two by which a region can be divided before it is scaled down to `size`."""
    shrink = 1
    while 2 * shrink * size.width <= region.width and 2 * shrink * size.height <= region.height:
        shrink *= 2
    return shrink


def reduced(region: Size, size: Size) -> Size:
    """What a source that scales by itself reads of a region that is then scaled to `size`."""
    return region.ceil_scaled(shrink_factor(region, size))


def _inner(pixels: Pixels, x: int, y: int, size: Size) -> Pixels:
    """The rectangle of `size` at `x, y`, contiguous."""
    return np.ascontiguousarray(pixels[y : y + size.height, x : x + size.width])
