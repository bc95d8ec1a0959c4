"""Headers of PBM, PGM, PPM and PAM (netpbm manual, pages pbm, pgm, ppm and pam)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from iipserve.errors import UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import ColorSpace
from iipserve.sources import OpenFile

MAX_HEADER = 64 * 1024
"""Bytes of a header with its comments."""
MAX_BANDS = 1000
GAP = rb"(?:\s|#[^\r\n]*[\r\n])++"
"""White space, and comments to the end of their line."""
NUMBER = rb"(\d{1,10})"
BITMAP = re.compile(rb"P([14])" + GAP + NUMBER + GAP + NUMBER + rb"(?:#[^\r\n]*[\r\n]|\s)")
MAP = re.compile(rb"P([2356])" + (GAP + NUMBER) * 3 + rb"(?:#[^\r\n]*[\r\n]|\s)")
PAM = re.compile(rb"P7[^\S\n]*\n(.*?)^ENDHDR[^\S\n]*\n", re.DOTALL | re.MULTILINE)
PAM_LINE = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL|TUPLTYPE)\s+(.*?)\s*$", re.MULTILINE)

PLAIN = frozenset({1, 2, 3})
"""Kinds whose samples are written as text."""
TUPLE_TYPES = {
    "BLACKANDWHITE": ColorSpace.GRAY,
    "GRAYSCALE": ColorSpace.GRAY,
    "RGB": ColorSpace.SRGB,
    "CMYK": ColorSpace.CMYK,
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says."""

    kind: int
    """The digit of the signature."""
    size: Size
    bands: int
    maximum: int
    """The highest sample, as stored."""
    raster: int
    """Offset of the samples in the file."""
    color_space: ColorSpace
    has_alpha: bool = False

    @property
    def dtype(self) -> str:
        """Of the samples."""
        return "uint8" if self.maximum < 256 else "uint16"

    @property
    def bits(self) -> int:
        """Bits per sample."""
        if self.kind in (1, 4):
            return 1
        return 8 if self.maximum < 256 else 16

    @property
    def full_scale(self) -> int:
        """The highest sample of the type."""
        return 255 if self.maximum < 256 else 65535

    @property
    def is_scaled(self) -> bool:
        """Samples are scaled to the range of their type: bits, opacity and ink have no other range."""
        return self.kind in (1, 4) or self.has_alpha or self.color_space is ColorSpace.CMYK

    @property
    def white(self) -> int:
        """The highest output sample."""
        return self.full_scale if self.is_scaled else self.maximum


def read_header(file: OpenFile) -> Header:
    """The header of a file.

    Raises:
        UnsupportedImage: it is damaged, or of a kind that netpbm does not define.
    """
    data = os.pread(file.descriptor, MAX_HEADER, 0)
    header = _pam(data) if data.startswith(b"P7") else _bitmap(data) or _map(data)
    if header is None or header.size.area == 0:
        raise UnsupportedImage("the file has no complete netpbm header: width, height and highest sample")
    if not 0 < header.maximum < 65536:
        raise UnsupportedImage(f"the highest sample is {header.maximum}; 1 to 65535 are defined")
    return header


def _bitmap(data: bytes) -> Header | None:
    found = BITMAP.match(data)
    if found is None:
        return None
    kind, width, height = map(int, found.groups())
    return Header(kind, Size(width, height), 1, 1, found.end(), ColorSpace.GRAY)


def _map(data: bytes) -> Header | None:
    found = MAP.match(data)
    if found is None:
        return None
    kind, width, height, maximum = map(int, found.groups())
    is_color = kind in (3, 6)
    space = ColorSpace.SRGB if is_color else ColorSpace.GRAY
    return Header(kind, Size(width, height), 3 if is_color else 1, maximum, found.end(), space)


def _pam(data: bytes) -> Header | None:
    found = PAM.match(data)
    if found is None:
        return None
    fields = {name.decode(): value.decode("latin-1") for name, value in PAM_LINE.findall(found[1])}
    try:
        width, height, bands, maximum = (int(fields[name]) for name in ("WIDTH", "HEIGHT", "DEPTH", "MAXVAL"))
    except (KeyError, ValueError):
        return None
    if min(width, height) < 0 or not 0 < bands <= MAX_BANDS:
        return None
    space, has_alpha = _meaning(fields.get("TUPLTYPE", ""), bands)
    return Header(7, Size(width, height), bands, maximum, found.end(), space, has_alpha)


def _meaning(tuple_type: str, bands: int) -> tuple[ColorSpace, bool]:
    """Color space, and whether the last band is opacity; bands of unknown types are gray."""
    name, _, suffix = tuple_type.upper().partition("_")
    space = TUPLE_TYPES.get(name, ColorSpace.SRGB if bands == 3 and not name else ColorSpace.GRAY)
    if bands < space.bands:
        return ColorSpace.GRAY, False
    return space, suffix == "ALPHA" and name in TUPLE_TYPES and bands == space.bands + 1
