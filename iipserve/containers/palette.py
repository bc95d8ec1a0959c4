"""The palette of a TIFF directory (TIFF 6.0 section 5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iipserve.containers.ifd import Directory
from iipserve.containers.tags import COLOR_MAP
from iipserve.errors import DecodeError


def read_palette(directory: Directory, bits: int) -> NDArray[np.uint8]:
    """The colors of indices of so many bits, shape (count, 3).

    Raises:
        DecodeError: it has too few.
    """
    if directory.count(COLOR_MAP) < 3 << bits:
        raise DecodeError("the TIFF file's palette is too short for its indices; the file is damaged")
    values = np.array(directory.table(COLOR_MAP, 3 << bits), np.uint16).reshape(3, -1).T
    # 0 to 65535 (TIFF 6.0 section 5); 0 to 255 by some writers (libtiff detects these too)
    scaled = values if np.max(values) < 256 else values >> 8
    return np.ascontiguousarray(scaled.astype(np.uint8))
