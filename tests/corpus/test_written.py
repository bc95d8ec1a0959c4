"""The files themselves: what the makers say they hold is what tifffile reads from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from tests.tiff_corpus import KINDS

Stored: TypeAlias = NDArray[Any]
Reading: TypeAlias = Callable[[Stored, tifffile.TiffPage], Stored]


def as_stored(samples: Stored, page: tifffile.TiffPage) -> Stored:
    """Samples that are shown as they are."""
    return samples


def negative(samples: Stored, page: tifffile.TiffPage) -> Stored:
    """White is zero."""
    return (2**page.bitspersample - 1) - samples


def colors(samples: Stored, page: tifffile.TiffPage) -> Stored:
    """Indexes into a table of 16 bits."""
    return (page.colormap[:, samples[:, :, 0]] >> 8).transpose(1, 2, 0)


def all_of_eight(samples: Stored, page: tifffile.TiffPage) -> Stored:
    """One, two or four bits, over the range of eight."""
    return samples.astype(np.int64) * 255 // (2**page.bitspersample - 1)


READINGS: Mapping[str, Reading | None] = {
    "white-is-zero(8|16)": negative,
    "palette[48]": colors,
    "(gray[124]|rgb4|bits-reversed|ccitt-.*)": all_of_eight,
    "(gray6|gray24.*|white-is-zero.*|jpeg-.*|palette.*|icclab.*|itulab.*|ycc.*)": None,
    "(.*premultiplied|rgb8-mask|rgb16-opacity-and-band|orientation.*)": None,
    ".*": as_stored,
}
"""By regular expression for the kind's name: how it is to be read; None for what needs more than a line."""
PLAIN = {name: next(read for kind, read in READINGS.items() if re.fullmatch(kind, name)) for name in KINDS}
READ = {name: read for name, read in PLAIN.items() if read is not None}


@pytest.mark.parametrize("name", READ)
def test_levels_are_what_tifffile_reads(tmp_path: Path, name: str) -> None:
    written = KINDS[name](tmp_path / name)
    levels = written.levels[:1] if written.layers else written.levels
    with tifffile.TiffFile(tmp_path / name) as file:
        for page, level in zip(file.pages, levels, strict=False):
            stored = READ[name](in_bands(page), page)
            np.testing.assert_array_equal(stored.astype(level.dtype), level)


def in_bands(page: tifffile.TiffPage) -> Stored:
    """A page as (height, width, bands)."""
    samples = page.asarray()
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3:
        return np.moveaxis(samples, 0, 2)
    return samples.reshape(*samples.shape[:2], -1)
