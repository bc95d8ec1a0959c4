"""A mark laid over every picture, once in each block of it, where the plan's digest says."""

from __future__ import annotations

import hashlib
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Region, Size, TileGrid
from iipserve.processing import Context, Operation, Pixels, Stage

BLOCK_TILES = 2
"""Sides of a block, in the longer sides of tiles (iipsrv)."""


class Mark(ABC):
    """A picture to lay over others, and how. Immutable; made once."""

    def __init__(self, pixels: NDArray[np.uint8], opacity: float) -> None:
        """Take a mark of red, green, blue and opacity, each from 0 to 255, weakened by `opacity` from 0 to 1."""
        self.size = Size(pixels.shape[1], pixels.shape[0])

    @abstractmethod
    def lay(self, pixels: NDArray[Any]) -> None:
        """Change finished pixels: the mark's top left lies on theirs, what is wider or higher is cut off.

        Gray pictures take the mark's red (iipsrv).
        """


class Light(Mark):
    """Adds the mark's colors: pixel = min(highest, pixel + color * opacity); black shows nothing (iipsrv).

    Colors times opacity are cut down to whole bytes; in 16 bits they are worth 257. The picture's own
    opacity stays, so that nothing shows where it is clear.
    """

    def __init__(self, pixels: NDArray[np.uint8], opacity: float) -> None:
        super().__init__(pixels, opacity)
        products = pixels[..., :3].astype(np.uint16) * pixels[..., 3:]
        weakened = (np.arange(255 * 255 + 1) * opacity / 255).astype(np.uint8)
        self._light = weakened.take(products)

    def lay(self, pixels: NDArray[Any]) -> None:
        height, width, bands = pixels.shape
        count = 1 if bands < 3 else 3
        light: NDArray[Any] = self._light[:height, :width, :count]
        if pixels.dtype.itemsize > 1:
            light = light.astype(np.uint16) * np.uint16(257)
        colors = pixels[: light.shape[0], : light.shape[1], :count]
        # no sum is too high if pixels are first cut down to what is missing to the highest sample
        np.minimum(colors, ~light, out=colors)
        colors += light


class Cover(Mark):
    """Lays the mark on the picture: pixel = pixel * (1 - a) + color * a, a its opacity.

    Where the picture has opacity p, the result has a + p * (1 - a), and its colors are weighed by it
    (Porter and Duff's *over*, colors not premultiplied).
    """

    def __init__(self, pixels: NDArray[np.uint8], opacity: float) -> None:
        super().__init__(pixels, opacity)
        self._colors = pixels[..., :3]
        self._opacity = pixels[..., 3:].astype(np.float32) * np.float32(opacity / 255)

    def lay(self, pixels: NDArray[Any]) -> None:
        height, width, bands = pixels.shape
        count = 1 if bands < 3 else 3
        most = np.float32(np.iinfo(pixels.dtype).max)
        cover = self._opacity[:height, :width]
        part = pixels[: cover.shape[0], : cover.shape[1]]
        added = self._colors[:height, :width, :count] * (cover * (most / 255))
        rest = 1 - cover
        if bands == count:
            _put(part, part * rest + added)
            return
        below = part[..., count:] * (rest / most)
        opacity = cover + below
        sums = part[..., :count] * below + added
        # a pixel that stays clear keeps its color
        colors = np.divide(sums, opacity, out=part[..., :count].astype(np.float32), where=opacity > 0)
        _put(part[..., :count], np.minimum(colors, most))
        _put(part[..., count:], opacity * most)


def _put(pixels: NDArray[Any], values: NDArray[np.floating]) -> None:
    """Write values into pixels, rounded."""
    values += 0.5
    pixels[...] = values.astype(pixels.dtype)


BLENDS: Mapping[str, type[Mark]] = MappingProxyType({"additive": Light, "alpha": Cover})
"""By the word in the settings."""


class Chance(NamedTuple):
    """What is left to chance in one block, each from 0 up to, but not, 1."""

    draw: float
    """Below the probability, the block is marked."""
    across: float
    """Of the free space left of the mark."""
    down: float


@dataclass(frozen=True, slots=True)
class Watermark(Operation):
    """A mark in each block of the picture, with a probability, anywhere inside (iipsrv).

    The same plan gives the same picture: chance comes from its digest.
    """

    stage: ClassVar[Stage] = Stage.FINISHED
    works_by_rows: ClassVar[bool] = False

    fingerprint: str
    """Of mark and settings: stands for both in keys."""
    mark: Mark = field(compare=False, repr=False)
    probability: float = field(compare=False, repr=False)
    block: int = field(default=0, compare=False, repr=False)
    """Pictures with a longer side are marked in each square of this side; 0 until bound: they are one block."""
    seed: str = field(default="", compare=False, repr=False)
    """Decides on place and probability; empty until bound."""

    def bound(self, context: Context) -> Watermark:
        tile = context.info.tile
        return replace(self, block=BLOCK_TILES * max(tile.width, tile.height), seed=context.seed)

    def __call__(self, pixels: Pixels) -> Pixels:
        marked = pixels
        for region in self.places(Size(pixels.shape[1], pixels.shape[0])):
            if marked is pixels:
                marked = pixels.copy()
            self.mark.lay(marked[region.y : region.bottom, region.x : region.right])
        return marked

    def places(self, size: Size) -> list[Region]:
        """The parts of a picture that the mark is laid over, cut off at the ends of its blocks."""
        side = self.block or max(size.width, size.height)
        grid = TileGrid(size, Size(side, side))
        found = []
        for row in range(grid.rows):
            for column in range(grid.columns):
                block, chance = grid.region(column, row), _chance(self.seed, column, row)
                if block is not None and chance.draw < self.probability:
                    found.append(_place(block, self.mark.size, chance))
        return found


def _place(block: Region, mark: Size, chance: Chance) -> Region:
    """Where the mark lies in a block; at its top left, and cut off, if it is larger."""
    width, height = min(mark.width, block.width), min(mark.height, block.height)
    x = int(chance.across * (block.width - width + 1))
    y = int(chance.down * (block.height - height + 1))
    return Region(block.x + x, block.y + y, width, height)


def _chance(seed: str, column: int, row: int) -> Chance:
    """The same for the same block of the same plan."""
    digest = hashlib.blake2b(f"{seed} {column} {row}".encode(), digest_size=12).digest()
    draw, across, down = struct.unpack("<3I", digest)
    return Chance(draw / 2**32, across / 2**32, down / 2**32)
