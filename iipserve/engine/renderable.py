"""The largest images that can be made of one: what protocols advertise as their limits."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from iipserve.codecs import Encoder
from iipserve.config import MEGABYTE, Config
from iipserve.engine.admission import bytes_with_opacity
from iipserve.engine.assembly import STRIP_PIXELS, held_pixels
from iipserve.engine.level_reader import reduced
from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ImageInfo
from iipserve.plan import RenderableArea
from iipserve.sources import tile_memory


def renderable_area(info: ImageInfo, config: Config, encoders: Iterable[Encoder]) -> RenderableArea:
    """How large images can be made of one, in every advertised format, within MAX_RENDER_MEMORY and MAX_DECODE.

    Args:
        info: the image.
        config: the limits.
        encoders: those of raw samples are left out.
    """
    budget = int(config.max_render_memory * MEGABYTE)
    # some of IIIF's further qualities make colors of gray
    pixel_bytes = 4 if config.iiif_extensions else min(info.bands, 4)
    held, held_turned = budget // pixel_bytes, budget // bytes_with_opacity(pixel_bytes)
    known = [encoder for encoder in encoders if encoder.format.extension]
    upright = min(encoder.max_pixels(held) for encoder in known)
    turned = min(encoder.max_pixels(held_turned) for encoder in known)
    return RenderableArea(min(upright, _readable(info, config, upright, pixel_bytes, budget)), turned)


def _readable(info: ImageInfo, config: Config, made: int, pixel_bytes: int, budget: int) -> int:
    """Pixels of the largest result for which the whole image can be read."""
    for index, level in enumerate(info.levels):
        size = _fitted(level.size, made)
        read_bytes = info.bands * np.dtype(info.dtype).itemsize + pixel_bytes
        memory = _held(info, index, size) * read_bytes + size.area * pixel_bytes + tile_memory(info, index)
        whole_tiles = TileGrid(level.size, level.tile).tile_count * level.tile.area
        if whole_tiles <= config.max_decode * 1_000_000 and memory <= budget:
            return made if index == 0 else _slightly_less(level.size)
    return _slightly_less(info.levels[-1].size)


def _held(info: ImageInfo, index: int, size: Size) -> int:
    """Pixels of a level that are held while it is scaled, as `assembly.region_cost` counts them, at most."""
    level = info.levels[index]
    if level.size.area <= STRIP_PIXELS or size.area >= level.size.area:
        return level.size.area
    strip, _ = held_pixels(level.tile.height, Region.of_size(level.size), size)
    # only sources of one level read regions by themselves
    return strip if len(info.levels) > 1 else max(strip, reduced(level.size, size).area)


def _fitted(size: Size, area: int) -> Size:
    """The size, reduced to an area."""
    if size.area <= area:
        return size
    return size.fitted(Size(max(1, int(size.width * (area / size.area) ** 0.5)), size.height))


def _slightly_less(size: Size) -> int:
    """An area whose sides, in the shape of the image, are not longer than those of a level, which are rounded."""
    return max(1, size.width - 1) * max(1, size.height - 1)
