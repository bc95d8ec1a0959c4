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
    held: list[Pixels] = []
    missing = rows
    for strip in strips:
        start = 0
        while strip.shape[0] - start >= missing:
            yield _joined([*held, strip[start : start + missing]])
            start += missing
            held, missing = [], rows
        if start < strip.shape[0]:
            # a copy, so that the last rows do not keep the whole strip in memory
            held.append(strip[start:].copy())
            missing -= strip.shape[0] - start
        del strip
    if held:
        yield _joined(held)


def with_bits(strips: Iterable[Pixels]) -> tuple[int, Iterator[Pixels]]:
    """Bits per sample of an image in at least one strip, and all its strips."""
    rest = iter(strips)
    first = next(rest)
    return first.dtype.itemsize * 8, chain((first,), rest)


def _joined(strips: list[Pixels]) -> Pixels:
    return strips[0] if len(strips) == 1 else np.concatenate(strips)
