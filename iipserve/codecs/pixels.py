"""Arranges pixels for output formats: color bands, byte order, strips of full width from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from iipserve.processing import Pixels


def with_colors(pixels: Pixels) -> Pixels:
    """The pixels with three color bands: gray is tripled, alpha is kept; color is returned unchanged."""
    bands = pixels.shape[2]
    if bands >= 3:
        return pixels
    if bands == 1:
        return np.repeat(pixels, 3, axis=2)
    return pixels.take((0, 0, 0, 1), axis=2)


def sample_bytes(pixels: Pixels, order: str) -> Pixels:
    """The samples as bytes, shape (height, bytes per row).

    Args:
        pixels: of 8 or 16 bits.
        order: byte order of 16-bit samples, `<` or `>`.
    """
    samples = pixels.astype(order + "u2", copy=False) if pixels.dtype.itemsize == 2 else pixels
    return np.ascontiguousarray(samples).view(np.uint8).reshape(pixels.shape[0], -1)


def regrouped(strips: Iterable[Pixels], rows: int) -> Iterator[Pixels]:
    """The same image in strips of `rows` rows, the last one of the remaining rows; complete strips are not copied."""
    group, filled = None, 0
    for strip in strips:
        start, end = 0, strip.shape[0]
        while start < end:
            if group is None and end - start >= rows:
                yield strip[start : start + rows]
                start += rows
                continue
            if group is None:
                group, filled = np.empty((rows, *strip.shape[1:]), strip.dtype), 0
            count = min(rows - filled, end - start)
            group[filled : filled + count] = strip[start : start + count]
            start, filled = start + count, filled + count
            if filled == rows:
                yield group
                group = None
        # its memory is free while the next one is made
        del strip
    if group is not None:
        yield group[:filled]


def with_bits(strips: Iterable[Pixels]) -> tuple[int, Iterator[Pixels]]:
    """Bits per sample of an image in at least one strip, and all its strips."""
    rest = iter(strips)
    first = next(rest)
    return first.dtype.itemsize * 8, chain((first,), rest)
