"""Pictures that come in strips: full width, from top to bottom, contiguous."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from iipserve.processing import Pixels


def regrouped(strips: Iterable[Pixels], rows: int) -> Iterator[Pixels]:
    """The same picture in strips of `rows` rows, the last of what remains; whole ones are not copied."""
    held: list[Pixels] = []
    missing = rows
    for strip in strips:
        start = 0
        while strip.shape[0] - start >= missing:
            yield _joined([*held, strip[start : start + missing]])
            start += missing
            held, missing = [], rows
        if start < strip.shape[0]:
            # a copy, or the whole strip would stay in memory for its last rows
            held.append(strip[start:].copy())
            missing -= strip.shape[0] - start
        del strip
    if held:
        yield _joined(held)


def with_bits(strips: Iterable[Pixels]) -> tuple[int, Iterator[Pixels]]:
    """Bits per sample of a picture in strips, of which there is at least one, and all its strips."""
    rest = iter(strips)
    first = next(rest)
    return first.dtype.itemsize * 8, chain((first,), rest)


def _joined(strips: list[Pixels]) -> Pixels:
    return strips[0] if len(strips) == 1 else np.concatenate(strips)
