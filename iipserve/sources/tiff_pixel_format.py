"""The pixel format of a TIFF image: the type of its samples, and which of them is color, opacity or something else.

The readers of tiles and strips, and libvips' of the rest, share it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from iipserve.containers.ifd import Directory
from iipserve.containers.tags import (
    BITS_PER_SAMPLE,
    CCITT_SCHEMES,
    CMYK_INKS,
    COLOR_MAP,
    COMPRESSION,
    EXTRA_SAMPLES,
    INK_SET,
    LABS,
    LOG_L,
    LOG_LUV,
    PHOTOMETRIC,
    SAMPLE_FORMAT,
    SAMPLES_PER_PIXEL,
    Compression,
    Photometric,
    named,
)
from iipserve.errors import UnreadableSamples, UnsupportedImage
from iipserve.image import ColorSpace

MAX_SAMPLES = 1024
"""Per pixel."""

KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}
"""By SampleFormat: unsigned, signed, floating point; 4 is undefined, and is read as unsigned."""
DEPTHS = {
    "u": frozenset({*range(1, 33), 64}),
    "i": frozenset({8, 16, 32, 64}),
    "f": frozenset({16, 24, 32, 64}),
}
"""Supported bits per sample of each kind."""
OUTPUT_DTYPES = {
    "u": ((8, "uint8"), (16, "uint16"), (32, "uint32"), (64, "float32")),
    "i": ((16, "int16"), (32, "int32"), (64, "float32")),
    "f": ((64, "float32"),),
}
"""By kind: maximum of bits, and the output type. Samples of 64 bits are rounded to floats of 32."""


class SampleType(NamedTuple):
    """The type of all samples of an image."""

    kind: str
    """numpy's code: `u`, `i` or `f`."""
    bits: int
    """As stored."""

    @property
    def is_whole(self) -> bool:
        """The samples have the length of a machine type."""
        return self.bits in (8, 16, 32, 64)

    @property
    def stored(self) -> np.dtype[Any]:
        """The smallest native type that holds the samples."""
        size = next(size for size in (1, 2, 4, 8) if self.bits <= 8 * size)
        return np.dtype(f"{self.kind}{size}")

    @property
    def output_dtype(self) -> str:
        """Name of the type of output samples (`ImageInfo.dtype`)."""
        return next(name for maximum, name in OUTPUT_DTYPES[self.kind] if self.bits <= maximum)

    @property
    def full_scale(self) -> float:
        """The output sample of full opacity."""
        if self.output_dtype == "float32":
            return 1
        return int(np.iinfo(self.output_dtype).max) if self.kind == "i" else max(255, (1 << self.bits) - 1)

    @property
    def full_range(self) -> tuple[float, float] | None:
        """Lowest and highest output sample of unsigned integers of up to 16 bits; None for other types."""
        return (0.0, float(self.full_scale)) if self.kind == "u" and self.bits <= 16 else None


class Alpha(enum.Enum):
    """How opacity relates to colors."""

    NONE = "none"
    STRAIGHT = "straight"
    PREMULTIPLIED = "premultiplied"


EXTRA_SAMPLE_ALPHA = {1: Alpha.PREMULTIPLIED, 2: Alpha.STRAIGHT}
"""By the value of ExtraSamples; 0 is a band of unspecified meaning."""

COLORS = {
    Photometric.RGB: 3,
    Photometric.PALETTE: 1,
    Photometric.YCBCR: 3,
    Photometric.CIELAB: 3,
    Photometric.ICCLAB: 3,
    Photometric.ITULAB: 3,
}
"""Color samples per pixel, by photometric; gray and inks vary."""
COLOR_SPACES = {
    Photometric.RGB: ColorSpace.SRGB,
    Photometric.PALETTE: ColorSpace.SRGB,
    Photometric.YCBCR: ColorSpace.SRGB,
    Photometric.CIELAB: ColorSpace.CIELAB,
    Photometric.ICCLAB: ColorSpace.CIELAB,
    Photometric.ITULAB: ColorSpace.CIELAB,
    Photometric.SEPARATED: ColorSpace.CMYK,
}
"""Of the output samples; all others are gray."""


@dataclass(frozen=True, slots=True)
class Bands:
    """The meaning of the samples of a pixel."""

    photometric: Photometric
    """SEPARATED only if the inks are cyan, magenta, yellow and black."""
    stored: int
    """Samples per pixel."""
    colors: int
    """Samples before the extra ones."""
    alpha: Alpha
    alpha_index: int
    """Index of the sample that is opacity; meaningless without one."""
    alpha_declared: bool = True
    """ExtraSamples says that it is; otherwise it is the fourth sample of RGB without that field."""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compute the hash once: layouts are the keys of several caches."""
        values = self.photometric, self.stored, self.colors, self.alpha, self.alpha_index, self.alpha_declared
        object.__setattr__(self, "_hash", hash(values))

    def __hash__(self) -> int:
        """That of the fields."""
        return self._hash

    @property
    def has_alpha(self) -> bool:
        """One of the samples is opacity."""
        return self.alpha is not Alpha.NONE

    @property
    def count(self) -> int:
        """Number of output bands: a palette's colors, else all samples."""
        return 3 + self.has_alpha if self.photometric == Photometric.PALETTE else self.stored

    @property
    def color_space(self) -> ColorSpace:
        """Of the output bands."""
        return COLOR_SPACES.get(self.photometric, ColorSpace.GRAY)


def read_type(directory: Directory) -> SampleType:
    """The type of the samples.

    Raises:
        UnsupportedImage: the type is not supported, or differs between bands.
    """
    samples = count_samples(directory)
    bits = set(directory.integers(BITS_PER_SAMPLE)[:samples]) or {1}
    formats = set(directory.integers(SAMPLE_FORMAT)[:samples]) or {1}
    if directory.integer(PHOTOMETRIC, -1) in LABS:
        # some writers declare a* and b* signed and L* unsigned; the codes are the same
        formats = {1} if formats <= {1, 2, 4} else formats
    if len(bits) > 1 or len(formats) > 1:
        raise UnsupportedImage("TIFF with bands of different types; one type for all bands is read")
    kind, depth = KINDS.get(formats.pop()), bits.pop()
    if kind is None:
        raise UnreadableSamples("TIFF of complex numbers; integers and floating point are read")
    if depth not in DEPTHS[kind]:
        names = {"u": "unsigned integers", "i": "signed integers", "f": "floating point"}
        raise UnsupportedImage(f"TIFF samples of {depth} bits as {names[kind]}")
    return SampleType(kind, depth)


def count_samples(directory: Directory) -> int:
    """Samples per pixel; where the field is missing, as many as there are numbers of bits, or as the colors need."""
    if SAMPLES_PER_PIXEL in directory:
        return directory.integer(SAMPLES_PER_PIXEL, 1)
    photometric = directory.integer(PHOTOMETRIC, -1)
    usual = next((count for known, count in COLORS.items() if known == photometric), 1)
    return max(1, directory.count(BITS_PER_SAMPLE), usual)


def _read_photometric(directory: Directory, type: SampleType, samples: int) -> int:
    """PhotometricInterpretation; where the field is missing, the one that readers agree on."""
    if PHOTOMETRIC in directory:
        return directory.integer(PHOTOMETRIC, -1)
    compression = directory.integer(COMPRESSION, Compression.NONE)
    if compression in CCITT_SCHEMES:
        return Photometric.WHITE_IS_ZERO
    if samples == 1:
        return Photometric.PALETTE if COLOR_MAP in directory else Photometric.BLACK_IS_ZERO
    if compression == Compression.JPEG and samples == 3:
        return Photometric.YCBCR
    return Photometric.RGB if samples in (3, 4) and type.kind == "u" else Photometric.BLACK_IS_ZERO


def read_bands(directory: Directory, type: SampleType) -> Bands:
    """The meaning of the samples of a pixel.

    Raises:
        UnsupportedImage: it is not supported.
    """
    samples = count_samples(directory)
    if not 0 < samples <= MAX_SAMPLES:
        raise UnsupportedImage(f"TIFF of {samples} bands; 1 to {MAX_SAMPLES} are read")
    photometric = _known_photometric(directory, type, samples)
    meanings = directory.integers(EXTRA_SAMPLES)
    colors = _count_colors(photometric, samples, meanings)
    if samples < colors:
        raise UnsupportedImage(f"TIFF of {samples} bands; its colors need {colors}")
    alpha, alpha_index = _find_alpha(colors, meanings[: samples - colors])
    is_fourth = photometric == Photometric.RGB and samples == 4 and type == SampleType("u", 8)
    undeclared = is_fourth and not meanings
    if undeclared:
        # many writers do not declare the fourth sample
        alpha, alpha_index = Alpha.STRAIGHT, colors
    if photometric in LABS:
        _check_lab(type, alpha)
    return Bands(photometric, samples, colors, alpha, alpha_index, alpha_declared=not undeclared)


def _known_photometric(directory: Directory, type: SampleType, samples: int) -> Photometric:
    """PhotometricInterpretation; that of gray for masks, for other inks than CMYK, and for L* alone.

    Raises:
        UnsupportedImage: it is not supported.
    """
    number = _read_photometric(directory, type, samples)
    if number in (LOG_L, LOG_LUV):
        raise UnreadableSamples(
            f"TIFF of photometric {named('PHOTOMETRIC', number)}: light on a logarithmic scale"
        )
    if number not in Photometric.__members__.values():
        raise UnsupportedImage(f"TIFF of photometric {named('PHOTOMETRIC', number)}")
    photometric = Photometric(number)
    is_gray = (
        photometric == Photometric.MASK
        or (photometric == Photometric.SEPARATED and not _are_cmyk(directory, samples))
        or (photometric in LABS and samples == 1)
    )
    return Photometric.BLACK_IS_ZERO if is_gray else photometric


def _check_lab(type: SampleType, alpha: Alpha) -> None:
    if type.kind != "f" and type.bits > 16:
        raise UnreadableSamples(f"TIFF of CIELAB colors in integers of {type.bits} bits; up to 16 are read")
    if alpha is Alpha.PREMULTIPLIED:
        raise UnsupportedImage("TIFF of CIELAB colors that are multiplied by opacity")


def _are_cmyk(directory: Directory, samples: int) -> bool:
    return samples >= 4 and directory.integer(INK_SET, CMYK_INKS) == CMYK_INKS


def _count_colors(photometric: Photometric, samples: int, meanings: tuple[int, ...]) -> int:
    """Samples before the extra ones."""
    if photometric == Photometric.SEPARATED:
        return 4
    return COLORS.get(photometric) or max(1, samples - len(meanings))


def _find_alpha(colors: int, meanings: tuple[int, ...]) -> tuple[Alpha, int]:
    """How the first extra sample that is opacity relates to colors, and its index."""
    for index, meaning in enumerate(meanings, colors):
        if meaning in EXTRA_SAMPLE_ALPHA:
            return EXTRA_SAMPLE_ALPHA[meaning], index
    return Alpha.NONE, 0
