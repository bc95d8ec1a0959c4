"""Pixels as codes of 8 or 16 bits, each standing for a sample: what lookup tables are made for."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.image import ColorSpace
from iipserve.processing import Pixels, cmyk, lab
from iipserve.processing.sample_format import SampleFormat


class Coding(NamedTuple):
    """How pixels of one kind become codes."""

    encode: Callable[[Pixels], Pixels]
    """Color bands -> codes, uint8 or uint16."""
    values: NDArray[np.float32]
    """The sample that each code stands for; samples are brought to black and white from there."""
    is_plain: bool
    """The codes are the pixels themselves, and so are the values: no table is needed to get at them."""
    depth: int
    """Bits of codes that are evenly spread from the lowest sample to the highest; 0 where they are not."""


@lru_cache(maxsize=16)
def coding(input_format: SampleFormat) -> Coding | None:
    """The coding of a kind of samples; None for those of 32 bits, which are too many."""
    if input_format.space is ColorSpace.CIELAB:
        return Coding(
            lambda pixels: lab.codes(pixels, input_format.unsigned_bits), lab.code_values(), False, 0
        )
    if input_format.space is ColorSpace.CMYK:
        unit = np.arange(256, dtype=np.float32) * (np.float32(1) / np.float32(255))
        return Coding(lambda pixels: cmyk.to_rgb(pixels, input_format), unit, False, 8)
    if input_format.dtype in ("uint8", "uint16"):
        values = np.arange(1 << input_format.unsigned_bits, dtype=np.float32)
        return Coding(lambda pixels: pixels, values, True, input_format.unsigned_bits)
    if input_format.dtype == "int16":
        values = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.float32)
        return Coding(lambda pixels: pixels.view(np.uint16), values, False, 0)
    return None
