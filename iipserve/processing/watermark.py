"""A mark laid over every picture, once in each block of it, where the plan's digest says."""

from __future__ import annotations

import hashlib
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Region, Size, TileGrid
from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.layout import color_bands

BLOCK_TILES = 2
"""Sides of a block, in the longer sides of tiles (iipsrv)."""


class Mark(ABC):
    """A picture to lay over others, and how. Immutable; made once."""

    def __init__(self, pixels: NDArray[np.uint8], opacity: float) -> None:
        """Take a mark of red, green, blue and opacity, each from 0 to 255, weakened by `opacity` from 0 to 1."""
        self.size = Size(pixels.shape[1], pixels.shape[0])

    @abstractmethod
    def blend_onto(self, pixels: NDArray[Any]) -> None:
        """Change finished pixels: the mark's top left lies on theirs, what is wider or higher is cut off.

        Gray pictures take the mark's red (iipsrv).
        """


class AdditiveMark(Mark):
    """Adds the mark's colors: pixel = min(highest, pixel + color * opacity); black shows nothing (iipsrv).

    Colors times opacity are cut down to whole bytes; in 16 bits they are worth 257. The picture's own
    opacity stays, so that nothing shows where it is clear.
    """

    def __init__(self, pixels: NDArray[np.uint8], opacity: float) -> None:
        super().__init__(pixels, opacity)
        products = pixels[..., :3].astype(np.uint16) * pixels[..., 3:]
        weakened = (np.arange(255 * 255 + 1) * opacity / 255).astype(np.uint8)
        self._light = weakened.take(products)
        self._fitted: dict[int, NDArray[np.uint8]] = {3: self._light}

    def blend_onto(self, pixels: NDArray[Any]) -> None:
        height, width, bands = pixels.shape
        light: NDArray[Any] = self._for_bands(bands)[:height, :width]
        if pixels.dtype.itemsize > 1:
            light = light.astype(np.uint16) * np.uint16(257)
        part = pixels[: light.shape[0], : light.shape[1]]
        # no sum is too high if pixels are first cut down to what is missing to the highest sample
        np.minimum(part, ~light, out=part)
        part += light

    def _for_bands(self, bands: int) -> NDArray[np.uint8]:
        """The light of pixels of so many bands, none on their opacity; remembered, as it is faster in one piece."""
        light = self._fitted.get(bands)
        if light is None:
            colors = self._light[..., : color_bands(bands)]
            light = np.zeros((*colors.shape[:2], bands), np.uint8)
            light[..., : colors.shape[2]] = colors
            self._fitted[bands] = light
        return light


class OverMark(Mark):
    """Lays the mark on the picture: pixel = pixel * (1 - a) + color * a, a its opacity.

    Where the picture has opacity p, the result has a + p * (1 - a), and its colors are weighed by it
    (Porter and Duff's *over*, colors not premultiplied).
    """

    def __init__(self, pixels: NDArray[np.uint8], opacity: float) -> None:
        super().__init__(pixels, opacity)
        self._opacity = np.multiply(pixels[..., 3], opacity / 255, dtype=np.float32)
        self._rest = 1 - self._opacity
        self._colors: list[NDArray[np.float32]] = [
            np.multiply(pixels[..., band], self._opacity / 255, dtype=np.float32) for band in range(3)
        ]

    def blend_onto(self, pixels: NDArray[Any]) -> None:
        height, width, bands = pixels.shape
        part = pixels[: self.size.height, : self.size.width]
        rest = self._rest[:height, :width]
        colors = [color[:height, :width] for color in self._colors[: color_bands(bands)]]
        most = np.float32(np.iinfo(pixels.dtype).max)
        if bands != len(colors):
            self._blend_onto_opacity(part, colors, most)
            return
        # band by band, since numpy is slow where the last axis is short
        for band, color in enumerate(colors):
            part[..., band] = part[..., band] * rest + color * most + np.float32(0.5)

    def _blend_onto_opacity(
        self, part: NDArray[Any], colors: Sequence[NDArray[np.float32]], most: np.float32
    ) -> None:
        height, width, _ = part.shape
        below = part[..., -1] * (self._rest[:height, :width] / most)
        opacity = self._opacity[:height, :width] + below
        seen = opacity > 0
        weight = np.divide(1, opacity, out=np.zeros_like(opacity), where=seen)
        for band, color in enumerate(colors):
            mixed = (part[..., band] * below + color * most) * weight
            # a pixel that stays clear keeps its color
            np.copyto(
                part[..., band], np.minimum(mixed, most) + np.float32(0.5), where=seen, casting="unsafe"
            )
        part[..., -1] = opacity * most + np.float32(0.5)


BLENDS: Mapping[str, type[Mark]] = MappingProxyType({"additive": AdditiveMark, "alpha": OverMark})
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

    stage: ClassVar[Stage] = Stage.DISPLAY
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
            self.mark.blend_onto(marked[region.y : region.bottom, region.x : region.right])
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
