"""From samples as a source reads them to finished pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iipserve.image import ColorSpace, ImageInfo
from iipserve.processing import Operation, Pixels

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SampleKind:
    """How the samples of an image are to be read."""

    dtype: str
    bits: int
    bands: int
    color_space: ColorSpace
    has_alpha: bool
    ranges: tuple[Range, ...]
    """Sample that is black and sample that is white, of each color band."""
    profile: bytes | None = None
    """ICC profile, of CMYK only."""


def sample_kind(info: ImageInfo, ranges: Sequence[Range] = ()) -> SampleKind:
    """How the image's samples are to be read; `ranges` are the measured ones where the image declares none."""
    profile = info.icc if info.color_space is ColorSpace.CMYK else None
    found = tuple(info.band_ranges or ranges)[: info.color_bands]
    return SampleKind(info.dtype, info.bits, info.bands, info.color_space, info.has_alpha, found, profile)


@dataclass(frozen=True, slots=True)
class Development:
    """Turns samples into finished pixels: a frozen value, so that tables made for it can be remembered."""

    kind: SampleKind
    operations: tuple[Operation, ...]
    """Of the stages RANGE and NORMALIZED, bound, in canonical order."""
    bits: int
    """Of the finished samples: 8 or 16."""

    @property
    def apron(self) -> int:
        """Pixels around a region that have to be read with it, so that tiles join."""
        return max((operation.apron for operation in self.operations), default=0)

    def __call__(self, pixels: Pixels) -> Pixels:
        """The finished pixels, of the same height and width."""
        raise TypeError


def development(kind: SampleKind, operations: Sequence[Operation], bits: int = 8) -> Development | None:
    """What makes finished pixels of such samples; None when they are that already."""
    return None
