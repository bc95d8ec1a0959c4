"""How a level of a TIFF file is stored, as far as that decides how fast it is read."""

from __future__ import annotations

from collections.abc import Sequence

from iipserve.containers.tags import compression_name
from iipserve.geometry import ceil_div
from iipserve.image import LevelStorage
from iipserve.sources.tiff.layout import Layout

MEASURED = 256
"""Tiles or strips whose lengths are read."""


def storage_of(layout: Layout, counts: Sequence[int], *, is_tiled: bool) -> LevelStorage:
    """How a level is stored.

    Args:
        layout: of the level; strips count as tiles.
        counts: length in bytes of each tile or strip.
        is_tiled: it is in tiles.
    """
    step = ceil_div(len(counts), MEASURED)
    written = [count for index in range(0, len(counts), step) if (count := int(counts[index]))]
    mean = sum(written) / len(written) if written else None
    name = compression_name(layout.compression)
    return LevelStorage(name, layout.tile, is_tiled, len(counts), layout.planes, mean)
