"""Samples as decimal digits, from which the same samples are read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def digits(samples: NDArray[Any]) -> list[str]:
    """The shortest digits of each sample, in the order of memory: `7`, `-0.1`, `1e-20`, `nan`, `inf`."""
    if samples.dtype.kind != "f":
        return list(map(str, samples.ravel().tolist()))
    if samples.dtype == np.float64:
        return list(map(repr, samples.ravel().tolist()))
    # digits of the type itself, which are fewer than those of the float64 that it is equal to
    return [str(sample) for sample in samples.ravel()]
