"""Pictures over each other: composited from the uppermost down, until nothing shows through."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Region, Size
from iipserve.processing import Pixels
from iipserve.processing.layout import as_units, first_bands, from_units, has_alpha, repeated, with_opacity

HELD_BYTES = 64
"""For each pixel, at most: sums of colors and opacity, and as much again three times while a picture is added."""


class Gaps(NamedTuple):
    """Where something below shows through."""

    box: Region
    """Around all of these pixels, in the result."""
    clear: NDArray[np.bool_] | None
    """Which pixels of the box these are; None: all are to be read."""


class Layering:
    """What has been composited. Colors and opacity are copied where every pixel is opaque or clear; otherwise they
    are summed as floats, premultiplied (Porter and Duff 1984, `over`), and rounded once."""

    def __init__(self, size: Size | None = None, bands: int = 4) -> None:
        """Nothing is there yet.

        Args:
            size: of the result, in which pictures have a place; None: that of all pictures.
            bands: of the result: 4, or 2 if all pictures are gray.
        """
        self._size = size
        self._bands = bands
        self._copied: Pixels | None = None
        """Colors and opacity, as long as all pixels are opaque or clear."""
        self._sums: NDArray[np.float32] | None = None
        """Premultiplied colors, and opacity, 0 to 1."""
        self._maximum = 255

    def add_below(
        self,
        pixels: Pixels,
        opacity: float = 1.0,
        place: Region | None = None,
        gaps: NDArray[np.bool_] | None = None,
    ) -> None:
        """Put a picture below the others.

        Args:
            pixels: gray or RGB, with or without opacity, of 8 or 16 bits; all of one type.
            opacity: 0 to 1, of all of it.
            place: where in the result it is; None: everywhere.
            gaps: which pixels of the place these are, row by row, of those in `clear_part`; None: all.
        """
        below = with_bands(pixels, self._bands)
        self._maximum = np.iinfo(below.dtype.name).max
        alpha: NDArray[Any] = below[..., -1]
        # one more than the maximum is 0
        is_binary = opacity >= 1 and bool((alpha + 1 <= 1).all())
        if self._sums is None and is_binary:
            self._copy(below, place, gaps)
            return
        if self._sums is None:
            shape = below.shape if self._size is None else (self._size.height, self._size.width, self._bands)
            self._sums = (
                np.zeros(shape, np.float32) if self._copied is None else self._weighted(self._copied, 1.0)
            )
            self._copied = None
        sums = self._sums[within(place)]
        weighted = self._weighted(below, opacity)
        if gaps is None:
            sums += weighted * (1 - sums[..., -1:])
        else:
            sums[gaps] += weighted[0] * (1 - sums[gaps][..., -1:])

    @property
    def is_empty(self) -> bool:
        """No picture was added."""
        return self._copied is None and self._sums is None

    @property
    def is_opaque(self) -> bool:
        """Nothing below shows through."""
        return not self._clear(None).any()

    def clear_part(self, place: Region) -> Gaps | None:
        """The pixels of a place through which something below shows; None if there is none."""
        if self._copied is None and self._sums is None:
            return Gaps(place, None)
        clear = self._clear(place)
        rows, columns = np.flatnonzero(clear.any(axis=1)), np.flatnonzero(clear.any(axis=0))
        if not len(rows):
            return None
        x, y = int(columns[0]), int(rows[0])
        box = Region(place.x + x, place.y + y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1)
        # of sums, those of the box that are almost opaque change too
        return Gaps(box, clear[y : y + box.height, x : x + box.width] if self._sums is None else None)

    def pixels(self) -> Pixels:
        """Colors and opacity of all pictures that were added, of which there must be one."""
        if self._sums is None:
            assert self._copied is not None
            return self._copied
        result = np.empty(self._sums.shape, np.uint8 if self._maximum == 255 else np.uint16)
        alpha = self._sums[..., -1]
        scale = self._maximum / np.maximum(alpha, np.float32(1e-6))
        for band in range(self._bands - 1):
            result[..., band] = np.clip(np.rint(self._sums[..., band] * scale), 0, self._maximum)
        result[..., -1] = np.clip(np.rint(alpha * self._maximum), 0, self._maximum)
        return result

    def _copy(self, below: Pixels, place: Region | None, gaps: NDArray[np.bool_] | None) -> None:
        """Put opaque and clear pixels below others that are such."""
        if self._size is None:
            self._copied = below if self._copied is None else _chosen(self._copied, below)
            return
        if self._copied is None:
            self._copied = np.zeros((self._size.height, self._size.width, self._bands), below.dtype)
        area = within(place)
        if gaps is not None:
            as_units(self._copied)[area][gaps] = as_units(below)[0]
            return
        np.copyto(as_units(self._copied)[area], as_units(below), where=self._copied[area][..., -1] == 0)

    def _clear(self, place: Region | None) -> NDArray[np.bool_]:
        """Through which pixels something below shows."""
        if self._sums is not None:
            clear: NDArray[np.bool_] = self._sums[within(place)][..., -1] <= 1 - 1 / (4 * self._maximum)
            return clear
        if self._copied is None:
            return np.ones((1, 1), np.bool_)
        return np.not_equal(self._copied[within(place)][..., -1], self._maximum)

    def _weighted(self, pixels: Pixels, opacity: float) -> NDArray[np.float32]:
        """Premultiplied colors and opacity, 0 to 1."""
        result = pixels.astype(np.float32)
        result /= self._maximum
        result[..., -1] *= opacity
        result[..., :-1] *= result[..., -1:]
        return result


def within(place: Region | None) -> tuple[slice, slice]:
    """Where a place is in an array; None is everywhere."""
    if place is None:
        return slice(None), slice(None)
    return slice(place.y, place.bottom), slice(place.x, place.right)


def with_bands(pixels: Pixels, bands: int) -> Pixels:
    """Display pixels with opacity: gray (2 bands), or RGB (4)."""
    found = pixels.shape[2]
    if found == bands:
        return pixels
    color = repeated(pixels, bands - 1) if found <= 2 else first_bands(pixels, 3)
    if has_alpha(found):
        return with_opacity(color, pixels[..., -1])
    return with_opacity(color, np.full(pixels.shape[:2], np.iinfo(pixels.dtype.name).max, pixels.dtype))


def _chosen(upper: Pixels, lower: Pixels) -> Pixels:
    """The upper picture's pixels where they are opaque, else the lower one's."""
    units = np.where(upper[..., -1] != 0, as_units(upper), as_units(lower))
    return from_units(units, upper.dtype)
