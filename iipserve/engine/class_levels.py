"""Which levels of images with a palette show nothing but classes of the full size.

Tools that average colors for smaller levels, or write those with palettes of their own, put classes there that no pixel
around has. The colors of some parts of each level are compared with those of the same parts of the full size, once per
version of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.engine.library import Library
from iipserve.errors import DecodeError
from iipserve.geometry import Region, Size
from iipserve.image import ImageInfo, ImageVersion, Selector
from iipserve.leader import hand_over
from iipserve.lru import LRU
from iipserve.plan import image_ref
from iipserve.processing import Pixels
from iipserve.pyramid import level_scale
from iipserve.sources import Source
from iipserve.sources.tiles import join_tiles

MAX_AREA = 1 << 22
"""Pixels of the full size of images that are compared as a whole."""
PART_SIDE = 512
"""Pixels of the full size across and down a part of larger ones; more, so that it has `LEAST` of the smaller level."""
LEAST = 4
MAX_SIDE = 2048
"""Pixels of the full size across and down all compared parts of a level; levels so small that this is not enough for one
count as the next larger one."""
MAX_IMAGES = 4096
"""Images whose levels are remembered."""
Colors: TypeAlias = NDArray[np.uint64]


class ClassLevels:
    """Finds the levels whose classes are those of the full size. Safe for many threads."""

    def __init__(self, library: Library) -> None:
        """Compare images of a library."""
        self._library = library
        self._known: LRU[tuple[str, Selector, ImageVersion], int] = LRU(MAX_IMAGES)

    def __call__(self, info: ImageInfo) -> int:
        """How many levels, from the full size on, show nothing but its classes.

        Raises:
            ImageChanged: the file has been replaced or written.
            ImageUnavailable: it cannot be read at present.
        """
        key = info.identifier, info.selector, info.version
        count = self._known.get(key)
        if count is None:
            hand_over()
            source = self._library.source(image_ref(info))
            # sources that scale by themselves make smaller levels of the full size
            count = len(info.levels)
            if not source.reads_regions:
                # what is damaged is reported where a map shows it
                with suppress(DecodeError):
                    count = _count(source)
            self._known.set(key, count)
        return count


def _count(source: Source) -> int:
    levels = range(1, len(source.info.levels))
    colors = cache(partial(_colors, source))
    return next(
        (level for level in levels if not _has_same_classes(source.info, level, colors)), len(levels) + 1
    )


def _has_same_classes(info: ImageInfo, level: int, colors: Callable[[int, Region], Colors]) -> bool:
    """Whether no compared part of a level has a color that the same part of the full size has not."""
    return all(
        bool(np.isin(colors(level, small), colors(0, full)).all()) for full, small in _parts(info, level)
    )


def _parts(info: ImageInfo, level: int) -> Iterator[tuple[Region, Region]]:
    """Parts of the full size, and the pixels of a level that are inside of them."""
    full, small = info.levels[0].size, info.levels[level].size
    if full.area <= MAX_AREA:
        yield Region.of_size(full), Region.of_size(small)
        return
    scale = level_scale(info, level)
    side = max(PART_SIDE, *(int((LEAST + 2) / each) + 1 for each in scale))
    for y in _starts(full.height, side):
        for x in _starts(full.width, side):
            part = Region(x, y, min(side, full.width - x), min(side, full.height - y))
            yield part, _inside(part, scale, small)


def _starts(length: int, side: int) -> list[int]:
    """Where parts begin, spread evenly; nowhere if one is too long."""
    room, count = max(0, length - side), MAX_SIDE // side
    return sorted({room * (2 * index + 1) // (2 * count) for index in range(count)})


def _inside(part: Region, scale: tuple[float, float], level: Size) -> Region:
    """The pixels of a level that are inside of a part, but for those at its edges, which may show its neighbors."""
    x, y = int(part.x * scale[0]) + 2, int(part.y * scale[1]) + 2
    right, bottom = int(part.right * scale[0]) - 1, int(part.bottom * scale[1]) - 1
    return Region(min(x, level.width - 1), min(y, level.height - 1), max(1, right - x), max(1, bottom - y))


def _colors(source: Source, level: int, region: Region) -> Colors:
    """The colors of a region, each once, as numbers; those of clear pixels do not count."""
    info = source.info
    pixels: Pixels = join_tiles(info, level, region, source.read_tile)
    if info.has_alpha:
        pixels = pixels[np.greater(pixels[..., -1], 0)]
    flat = pixels.reshape(-1, info.bands)
    packed = np.zeros(len(flat), np.uint64)
    for band in range(info.color_bands):
        packed = packed << np.uint64(16) | flat[:, band].astype(np.uint64)
    # classes come in runs, and to leave out what is repeated takes less time than to sort it
    is_other = np.r_[True, packed[1:] != packed[:-1]]
    return np.unique(packed[is_other[: len(packed)]])
