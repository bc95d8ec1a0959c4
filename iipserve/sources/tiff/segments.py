"""What tiles and strips have in common: their bytes in the file, and masks that become opacity."""

from __future__ import annotations

import numpy as np

from iipserve.containers.ifd import Reader
from iipserve.sources.color import Samples

MIN_OFFSET = 8
"""Length of the file header; no tile or strip begins inside it."""
MASK_THRESHOLD = 127
"""Samples of a mask above this are opaque where opacity has more than 8 bits."""


def read_segment(reader: Reader, offset: int, count: int, maximum: int) -> bytes | None:
    """The bytes of a tile or strip; None if it was never written, which a byte count of 0 says.

    Args:
        reader: the open file.
        offset: in the file, in bytes.
        count: in bytes.
        maximum: a larger `count` is taken for damage.

    Raises:
        ValueError: the bytes are not in the file, or too many.
    """
    if count == 0:
        return None
    if offset < MIN_OFFSET or count > maximum or offset + count > reader.length:
        raise ValueError(f"{count} bytes at {offset}")
    data = reader.read(count, offset)
    if len(data) != count:
        raise ValueError(f"{len(data)} bytes of {count}")
    return data


def with_opacity(pixels: Samples, mask: Samples, full_scale: float) -> Samples:
    """The pixels with a mask as their last band.

    Args:
        pixels: of any sample type.
        mask: uint8, of one band; taken as it is for pixels of 8 bits, and as all or nothing for others.
        full_scale: the sample that is fully opaque.
    """
    result = np.empty((*pixels.shape[:2], pixels.shape[2] + 1), pixels.dtype)
    result[:, :, :-1] = pixels
    result[:, :, -1:] = mask if pixels.dtype == np.uint8 else np.where(mask > MASK_THRESHOLD, full_scale, 0)
    return result
