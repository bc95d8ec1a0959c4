"""What is to be converted and what became of it: values that travel to other processes and machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

Report: TypeAlias = Callable[[int], None]
"""Called with a number of rows that are done."""

LOSSLESS = frozenset({"deflate", "zstd", "lzw", "none", "webp-lossless"})
"""Compressions of TIFF after which every sample is the same."""
COMPRESSIONS = ("auto", "jpeg", "webp", *sorted(LOSSLESS))
JPEG2000_ENDINGS = (".jp2",)
TIFF_ENDINGS = (".tif", ".tiff")


class Options(NamedTuple):
    """How images are converted."""

    compression: str = "auto"
    """One of `COMPRESSIONS`; `auto` is JPEG for what is JPEG, WebP or HEIF already, else deflate."""
    quality: int = 85
    """Of JPEG, WebP and JPEG 2000: 1 to 100."""
    tile: int = 256
    """Side of tiles of TIFF, in pixels."""


class Job(NamedTuple):
    """One file to convert."""

    source: str
    """Absolute path."""
    target: str
    """Absolute path."""
    options: Options


class Outcome(NamedTuple):
    """What became of a file."""

    job: Job
    failure: str = ""
    """Why it was not converted; empty if it was."""
    source_state: tuple[int, int] = (0, 0)
    """Length in bytes and time of modification in nanoseconds of the source, before it was read."""
