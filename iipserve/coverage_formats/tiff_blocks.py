"""Strips and tiles of TIFF files: how an image is divided into blocks, and where these are (TIFF 6.0, 3 and 15)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.codecs.pixels import regrouped
from iipserve.geometry import Size, ceil_div

STRIP_BYTES = 1 << 19
"""Approximate size of the samples of one strip."""


class Blocks(NamedTuple):
    """The division of an image into strips or tiles.

    Blocks are numbered as in the tables of a file: row by row, and with separate planes the planes one after another.
    They are written in the order in which rows of the image arrive: of one row of blocks those of all planes.
    """

    size: Size
    """Of the image."""
    bands: int
    block: Size
    """Of a tile, or of every strip but the last; strips have the image's width."""
    is_tiled: bool
    is_planar: bool
    """Each block has samples of one band."""

    @classmethod
    def strips(cls, size: Size, bands: int, itemsize: int, unit: int, *, is_planar: bool) -> Blocks:
        """Strips of about `STRIP_BYTES`.

        Args:
            size: of the image.
            bands: of the image.
            itemsize: bytes of a sample.
            unit: strips have a multiple of so many rows.
            is_planar: as the field.
        """
        row_bytes = size.width * itemsize * (1 if is_planar else bands)
        rows = max(1, STRIP_BYTES // row_bytes // unit) * unit
        return cls(size, bands, Size(size.width, min(rows, size.height)), False, is_planar)

    @property
    def across(self) -> int:
        """Blocks next to each other."""
        return ceil_div(self.size.width, self.block.width)

    @property
    def down(self) -> int:
        """Blocks below each other."""
        return ceil_div(self.size.height, self.block.height)

    @property
    def planes(self) -> int:
        """Of the file."""
        return self.bands if self.is_planar else 1

    @property
    def block_bands(self) -> int:
        """Bands of one block."""
        return 1 if self.is_planar else self.bands

    @property
    def total(self) -> int:
        """Of all blocks."""
        return self.across * self.down * self.planes

    def written(self) -> NDArray[np.int64]:
        """The numbers of all blocks, in the order in which they are written."""
        numbers = np.arange(self.total).reshape(self.planes, self.down, self.across)
        return numbers.transpose(1, 0, 2).ravel()

    def sample_counts(self) -> NDArray[np.int64]:
        """Of all blocks, by number; tiles are padded, the last strip is not."""
        counts = np.full((self.planes, self.down, self.across), self.block.area * self.block_bands)
        if not self.is_tiled:
            rest = self.size.height - (self.down - 1) * self.block.height
            counts[:, -1] = rest * self.size.width * self.block_bands
        return counts.ravel()

    def cut(self, strips: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """The blocks of an image that arrives in strips of any height, as they are written; each in one piece of memory.

        Tiles at the edges repeat the last column and row.
        """
        for rows in regrouped(strips, self.block.height):
            for plane in range(self.planes):
                part = rows[:, :, plane : plane + 1] if self.is_planar else rows
                if not self.is_tiled:
                    yield np.ascontiguousarray(part)
                    continue
                for left in range(0, self.size.width, self.block.width):
                    yield self._padded(part[:, left : left + self.block.width])

    def _padded(self, tile: NDArray[Any]) -> NDArray[Any]:
        height, width, _ = tile.shape
        if (width, height) == self.block:
            return np.ascontiguousarray(tile)
        missing = ((0, self.block.height - height), (0, self.block.width - width), (0, 0))
        return np.pad(tile, missing, mode="edge")
