"""A mark blended onto every image, at most once per block, at positions derived from the plan's digest."""

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
from iipserve.lru import LRU
from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.layout import color_bands

BLOCK_TILES = 2
"""Side of a block, in longer sides of a tile (iipsrv)."""
MAX_CORNERS = 256
"""Sizes of images for which a mark remembers which part of it they get."""


class Mark(ABC):
    """An image to blend onto others. Immutable."""

    def __init__(self, pixels: NDArray[np.uint8], opacity: float) -> None:
        """Keep a mark.

        Args:
            pixels: red, green, blue and opacity from 0 to 255.
            opacity: from 0 to 1, by which that of the pixels is multiplied.
        """
        self.size = Size(pixels.shape[1], pixels.shape[0])
        self._visible = self.visible(pixels, opacity)
        self._corners: LRU[Size, tuple[int, int]] = LRU(MAX_CORNERS)

    @staticmethod
    @abstractmethod
    def visible(pixels: NDArray[np.uint8], opacity: float) -> NDArray[np.bool_]:
        """Where a mark of these arguments changes an image; shape (height, width)."""

    @abstractmethod
    def blend_onto(self, pixels: NDArray[Any]) -> None:
        """Blend the mark onto display pixels in place, or the part of it that `part` gives, if they are smaller.

        Gray pixels take the mark's red (iipsrv).
        """

    def part(self, size: Size) -> tuple[slice, slice]:
        """Rows and columns of the part of the mark that an image of `size` gets: that in which most is visible.

        The corner of a mark may show nothing, which small regions would be asked for.
        """
        size = Size(min(size.width, self.size.width), min(size.height, self.size.height))
        corner = self._corners.get(size)
        if corner is None:
            corner = densest(self._visible, size)
            self._corners.set(size, corner)
        x, y = corner
        return slice(y, y + size.height), slice(x, x + size.width)


class AdditiveMark(Mark):
    """Adds the mark's colors: pixel = min(maximum, pixel + color * opacity); black is invisible (iipsrv).

    Color times opacity is truncated to 8 bits, and multiplied by 257 for 16 bits. The image's opacity is kept, so
    that the mark is invisible where the image is transparent.
    """

    def __init__(self, pixels: NDArray[np.uint8], opacity: float) -> None:
        super().__init__(pixels, opacity)
        self._light = _light(pixels, opacity)
        self._fitted: dict[int, NDArray[np.uint8]] = {3: self._light}

    @staticmethod
    def visible(pixels: NDArray[np.uint8], opacity: float) -> NDArray[np.bool_]:
        return np.any(_light(pixels, opacity) > 0, axis=2)

    def blend_onto(self, pixels: NDArray[Any]) -> None:
        height, width, bands = pixels.shape
        light: NDArray[Any] = self._for_bands(bands)[self.part(Size(width, height))]
        if pixels.dtype.itemsize > 1:
            light = light.astype(np.uint16) * np.uint16(257)
        part = pixels[: light.shape[0], : light.shape[1]]
        # limiting pixels to (maximum - light) first keeps the sum from overflowing
        np.minimum(part, ~light, out=part)
        part += light

    def _for_bands(self, bands: int) -> NDArray[np.uint8]:
        """The light for pixels of `bands` bands, 0 for opacity; cached, as adding all bands at once is faster."""
        light = self._fitted.get(bands)
        if light is None:
            colors = self._light[..., : color_bands(bands)]
            light = np.zeros((*colors.shape[:2], bands), np.uint8)
            light[..., : colors.shape[2]] = colors
            self._fitted[bands] = light
        return light


class OverMark(Mark):
    """Covers the image with the mark: pixel = pixel * (1 - a) + color * a, with a the mark's opacity.

    Where the image has opacity p, the result has a + p * (1 - a), by which its colors are weighted (Porter and Duff's
    *over*, not premultiplied).
    """

    def __init__(self, pixels: NDArray[np.uint8], opacity: float) -> None:
        super().__init__(pixels, opacity)
        self._opacity = np.multiply(pixels[..., 3], opacity / 255, dtype=np.float32)
        self._rest = 1 - self._opacity
        self._colors: list[NDArray[np.float32]] = [
            np.multiply(pixels[..., band], self._opacity / 255, dtype=np.float32) for band in range(3)
        ]

    @staticmethod
    def visible(pixels: NDArray[np.uint8], opacity: float) -> NDArray[np.bool_]:
        return pixels[..., 3] * opacity >= 1

    def blend_onto(self, pixels: NDArray[Any]) -> None:
        height, width, bands = pixels.shape
        part, shown = pixels[: self.size.height, : self.size.width], self.part(Size(width, height))
        rest = self._rest[shown]
        colors = [color[shown] for color in self._colors[: color_bands(bands)]]
        maximum = np.float32(np.iinfo(pixels.dtype).max)
        if bands != len(colors):
            self._blend_onto_opacity(part, shown, colors, maximum)
            return
        # band by band, since numpy is slow where the last axis is short
        for band, color in enumerate(colors):
            part[..., band] = part[..., band] * rest + color * maximum + np.float32(0.5)

    def _blend_onto_opacity(
        self,
        part: NDArray[Any],
        shown: tuple[slice, slice],
        colors: Sequence[NDArray[np.float32]],
        maximum: np.float32,
    ) -> None:
        below = part[..., -1] * (self._rest[shown] / maximum)
        opacity = self._opacity[shown] + below
        seen = opacity > 0
        weight = np.divide(1, opacity, out=np.zeros_like(opacity), where=seen)
        for band, color in enumerate(colors):
            mixed = (part[..., band] * below + color * maximum) * weight
            # a transparent pixel keeps its color
            np.copyto(
                part[..., band], np.minimum(mixed, maximum) + np.float32(0.5), where=seen, casting="unsafe"
            )
        part[..., -1] = opacity * maximum + np.float32(0.5)


BLENDS: Mapping[str, type[Mark]] = MappingProxyType({"additive": AdditiveMark, "alpha": OverMark})
"""Types of marks by the value of WATERMARK_BLEND."""


def densest(visible: NDArray[np.bool_], size: Size) -> tuple[int, int]:
    """Left and top of the window of `size` in which most is visible; the first of several in order of rows.

    Args:
        visible: shape (height, width).
        size: at most that of `visible`.
    """
    height, width = visible.shape
    if size == Size(width, height):
        return 0, 0
    # a summed-area table (Crow 1984): the sum of any window by its four corners
    sums = np.zeros((height + 1, width + 1), np.uint32)
    np.cumsum(np.cumsum(visible, axis=0, dtype=np.uint32), axis=1, out=sums[1:, 1:])
    below, right = sums[size.height :], slice(size.width, None)
    above = sums[: height + 1 - size.height]
    counts = below[:, right] - above[:, right]
    counts -= below[:, : -size.width]
    counts += above[:, : -size.width]
    y, x = divmod(int(counts.argmax()), counts.shape[1])
    return x, y


def trimmed(pixels: NDArray[np.uint8], visible: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A mark without the rows and columns at its edges that show nothing; empty if none shows anything.

    Args:
        pixels: shape (height, width, 4).
        visible: as of `Mark.visible`.
    """
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    if not len(rows):
        return pixels[:0, :0]
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _light(pixels: NDArray[np.uint8], opacity: float) -> NDArray[np.uint8]:
    """Colors times opacity, truncated to 8 bits; shape (height, width, 3)."""
    products = pixels[..., :3].astype(np.uint16) * pixels[..., 3:]
    weakened = (np.arange(255 * 255 + 1) * opacity / 255).astype(np.uint8)
    return weakened.take(products)


class Chance(NamedTuple):
    """Random numbers of one block, each at least 0 and less than 1."""

    draw: float
    """The block is marked if this is below the probability."""
    across: float
    """The share of the free space that is left of the mark."""
    down: float
    """The share of the free space that is above the mark."""


@dataclass(frozen=True, slots=True)
class Watermark(Operation):
    """Blend a mark onto each block of the image, with a probability, at a random position inside (iipsrv).

    The random numbers come from the plan's digest, so that a plan always gives the same image.
    """

    stage: ClassVar[Stage] = Stage.DISPLAY
    works_by_rows: ClassVar[bool] = False

    fingerprint: str
    """Identifies mark and settings in cache keys."""
    mark: Mark = field(compare=False, repr=False)
    probability: float = field(compare=False, repr=False)
    block: int = field(default=0, compare=False, repr=False)
    """Side of the square blocks, in pixels; 0 until bound: the image is one block."""
    seed: str = field(default="", compare=False, repr=False)
    """Seed of the random numbers; empty until bound."""

    def bound(self, context: Context) -> Watermark:
        tile = context.info.tile
        return replace(self, block=BLOCK_TILES * max(tile.width, tile.height), seed=context.seed)

    def __call__(self, pixels: Pixels) -> Pixels:
        marked = pixels
        for region in self.regions(Size(pixels.shape[1], pixels.shape[0])):
            if marked is pixels:
                marked = pixels.copy()
            self.mark.blend_onto(marked[region.y : region.bottom, region.x : region.right])
        return marked

    def regions(self, size: Size) -> list[Region]:
        """The regions of an image of `size` that the mark is blended onto, clipped to its blocks."""
        side = self.block or max(size.width, size.height)
        grid = TileGrid(size, Size(side, side))
        found = []
        for row in range(grid.rows):
            for column in range(grid.columns):
                block, chance = grid.region(column, row), _chance(self.seed, column, row)
                if block is not None and chance.draw < self.probability:
                    found.append(_region(block, self.mark.size, chance))
        return found


def _region(block: Region, mark: Size, chance: Chance) -> Region:
    """The region of the mark in a block: the whole block where the mark is larger."""
    width, height = min(mark.width, block.width), min(mark.height, block.height)
    x = int(chance.across * (block.width - width + 1))
    y = int(chance.down * (block.height - height + 1))
    return Region(block.x + x, block.y + y, width, height)


def _chance(seed: str, column: int, row: int) -> Chance:
    """The same numbers for the same block of the same plan."""
    digest = hashlib.blake2b(f"{seed} {column} {row}".encode(), digest_size=12).digest()
    draw, across, down = struct.unpack("<3I", digest)
    return Chance(draw / 2**32, across / 2**32, down / 2**32)
