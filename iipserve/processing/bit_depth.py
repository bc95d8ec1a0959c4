"""Conversion of normalized samples, and of integers of any depth, to 8 or 16 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Pixels, Samples
from iipserve.processing.layout import copy_bands
from iipserve.processing.sample_format import Range, SampleFormat

DTYPES: dict[int, type[np.uint8 | np.uint16]] = {8: np.uint8, 16: np.uint16}
"""Sample types of display pixels, by bits."""


def white(bits: int) -> np.float32:
    """The maximum sample of display pixels."""
    return np.float32((1 << bits) - 1)


def quantize(samples: Samples, factor: np.float32, bits: int) -> Pixels:
    """Multiply normalized samples by `factor`, clip them and truncate them to `bits` (iipsrv). Overwrites them.

    NaN, which only absurdly large factors lead to, becomes black.
    """
    samples *= factor
    np.clip(samples, 0, white(bits), out=samples)
    if np.isnan(np.max(samples, initial=0)):
        np.nan_to_num(samples, copy=False, nan=0)
    if samples.flags.c_contiguous:
        return samples.astype(DTYPES[bits])
    result = np.empty(samples.shape, DTYPES[bits])
    copy_bands(samples, result, samples.shape[2])
    return result


def convert_depth(samples: Pixels, bits: int, to_bits: int) -> Pixels:
    """Convert unsigned samples of `bits` bits to 8 or 16: drop low bits, or fill them with the high ones (iipsrv)."""
    dtype = DTYPES[to_bits]
    if bits >= to_bits:
        reduced = samples if bits == to_bits else np.right_shift(samples, bits - to_bits)
        return reduced.astype(dtype, copy=False)
    wide: NDArray[np.uint16] = samples.astype(np.uint16)
    return (wide << (to_bits - bits)) | (wide >> (2 * bits - to_bits))


def full_scale(
    samples: Pixels, input_format: SampleFormat, to_bits: int, shown: Range | None = None
) -> Pixels:
    """Convert samples of opacity or ink to 8 or 16 bits.

    The range is `shown`, or else the full depth of unsigned integers, 0 to the maximum of signed ones, 0 to 1 for
    floats.
    """
    if shown is not None:
        low, high = shown
        share = np.nan_to_num((samples.astype(np.float64) - low) / ((high - low) or 1.0), nan=0).clip(0, 1)
        return (share * white(to_bits) + 0.5).astype(DTYPES[to_bits])
    if input_format.dtype == "float32":
        unit = np.nan_to_num(samples, nan=0).clip(0, 1)
        return (unit * white(to_bits) + np.float32(0.5)).astype(DTYPES[to_bits])
    if input_format.unsigned_bits:
        return convert_depth(samples, input_format.unsigned_bits, to_bits)
    bits = np.iinfo(input_format.dtype).bits
    return convert_depth(np.maximum(samples, 0).view(f"uint{bits}"), bits - 1, to_bits)
