"""Lookup tables, applied in the fastest way numpy offers.

For many codes of 8 bits, a table for two codes at once is used: it halves the time on tiles.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Pixels

MIN_PAIRED = 20_000
"""Number of samples from which looking up pairs is faster."""
WIDER: dict[int, type[np.uint16 | np.uint32]] = {1: np.uint16, 2: np.uint32}
"""Integer types for two values, by bytes per value."""
AXES: tuple[Any, ...] = ((slice(None), np.newaxis), (np.newaxis, slice(None)))
"""The high and the low byte of a 16-bit integer as axes of an array."""


class LookupTable:
    """One value, or the bands of a color, for each code of 8 or 16 bits. Thread-safe."""

    def __init__(self, values: NDArray[Any]) -> None:
        """Keep `values` of shape (codes, bands); codes past the end have the last value."""
        self.values = np.ascontiguousarray(values)
        self.bands = values.shape[1]
        self._pairs: NDArray[Any] | None = None

    def __call__(self, codes: Pixels) -> NDArray[Any]:
        """The value of every code; a table of colors looks up the first band of codes."""
        if self.bands > 1:
            return self._colors(codes[..., 0])
        if not codes.flags.c_contiguous:
            return look_up_by_band([self] * codes.shape[2], codes)
        if codes.size >= MIN_PAIRED and codes.dtype == np.uint8 and self.values.itemsize < 4:
            return self._in_pairs(codes, self._value_pairs())
        return self.plane(codes)

    def plane(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Single values of codes of any shape."""
        return self.values[:, 0].take(codes, mode=self._mode(codes))

    def _mode(self, codes: NDArray[Any]) -> Literal["wrap", "clip"]:
        """numpy's mode for codes past the end: `wrap` is the fastest if the table has an entry for every code."""
        return "wrap" if len(self.values) == 1 << 8 * codes.itemsize else "clip"

    def _colors(self, codes: NDArray[Any]) -> NDArray[Any]:
        if codes.size >= MIN_PAIRED and self.bands == 3 and codes.itemsize == self.values.itemsize == 1:
            return self._in_pairs(codes, self._color_pairs())
        return self.values.take(codes, axis=0, mode=self._mode(codes))

    def _in_pairs(self, codes: NDArray[Any], pairs: NDArray[Any]) -> NDArray[Any]:
        """Look up 8-bit codes in pairs, read as 16-bit integers."""
        flat = np.ascontiguousarray(codes).reshape(-1)
        even = flat.size & ~1
        result = np.empty((flat.size, self.bands), self.values.dtype)
        both = result[:even].reshape(even // 2, -1).view(pairs.dtype)
        pairs.take(flat[:even].view(np.uint16), axis=0, mode="wrap", out=both)
        result[even:] = self.values[flat[even:]]
        return result.reshape(*codes.shape, 3) if self.bands == 3 else result.reshape(codes.shape)

    def _value_pairs(self) -> NDArray[Any]:
        if self._pairs is None:
            wide: NDArray[Any] = self.values[:, 0].astype(WIDER[self.values.itemsize])
            pairs = np.bitwise_or.outer(wide << 8 * self.values.itemsize, wide)
            self._pairs = pairs.reshape(65536, 1)
        return self._pairs

    def _color_pairs(self) -> NDArray[Any]:
        """Two colors as three 16-bit integers: red and green, blue and red, green and blue."""
        if self._pairs is None:
            red_green = np.ascontiguousarray(self.values[:, :2]).view(np.uint16)[:, 0]
            green_blue = np.ascontiguousarray(self.values[:, 1:]).view(np.uint16)[:, 0]
            pairs = np.empty((256, 256, 3), np.uint16)
            # the second byte in memory is the high one on little-endian machines
            first, second = AXES[::-1] if sys.byteorder == "little" else AXES
            pairs[..., 0] = red_green[first]
            pairs[..., 1] = _side_by_side(self.values[:, 2][first], self.values[:, 0][second])
            pairs[..., 2] = green_blue[second]
            self._pairs = pairs.reshape(65536, 3)
        return self._pairs


def _side_by_side(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.uint16]:
    """Two bytes as one integer, in the order they have in memory."""
    low, high = (first, second) if sys.byteorder == "little" else (second, first)
    return low.astype(np.uint16) | (high.astype(np.uint16) << np.uint16(8))


def look_up_by_band(tables: Sequence[LookupTable], codes: Pixels) -> NDArray[Any]:
    """The values of codes with one table per band."""
    result = np.empty((*codes.shape[:2], len(tables)), tables[0].values.dtype)
    for band, table in enumerate(tables):
        result[..., band] = table.plane(codes[..., band])
    return result
