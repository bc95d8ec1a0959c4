"""Samples as decimal digits, from which the same samples are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

PART = 1 << 16
"""Samples that are text at once."""
TEXT_BYTES = 200
"""That Python takes for the text of a sample, at most."""


def parts(strips: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """An image in strips of about `PART` samples, of at least one row."""
    for strip in strips:
        rows = max(1, PART // (strip.shape[1] * strip.shape[2]))
        for start in range(0, strip.shape[0], rows):
            yield strip[start : start + rows]


def held(width: int, bands: int) -> int:
    """Bytes held while a strip of `parts` is text."""
    return TEXT_BYTES * max(PART, width * bands)


def digits(samples: NDArray[Any]) -> list[str]:
    """The shortest digits of each sample, in the order of memory: `7`, `-0.1`, `1e-20`, `nan`, `inf`."""
    if samples.dtype.kind != "f":
        return list(map(str, samples.ravel().tolist()))
    if samples.dtype == np.float64:
        return list(map(repr, samples.ravel().tolist()))
    # digits of the type itself, which are fewer than those of the float64 that it is equal to
    return [str(sample) for sample in samples.ravel()]
