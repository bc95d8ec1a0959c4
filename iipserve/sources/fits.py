"""FITS: images of astronomy (FITS Standard 4.0, IAU).

Planes of a cube and images in extensions are a stack. Rows are stored from the bottom to the top (section 4.4.1.1 leaves
it open; all viewers show them so).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import ImageNotFound, UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import ColorSpace, StackLayer, full_range
from iipserve.sources import OpenFile, Source, SourceFormat, closed_on_error
from iipserve.sources.rows import RowSource, plain_info, raster_rows

BLOCK, CARD = 2880, 80
"""Bytes (section 3.1 and 4.1)."""
MAX_BLOCKS = 1000
"""Blocks of one header that are read."""
MAX_UNITS = 1000
"""Headers of a file that are read."""
MAX_PLANES = 10_000
STORED = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""numpy's types by BITPIX (section 4.4.1.1)."""
UNSIGNED = {(8, -128.0): "int16", (16, 32768.0): "uint16", (32, 2147483648.0): "uint32"}
"""Output type by BITPIX and BZERO, where BZERO moves signs (section 5.2.5)."""
AS_STORED = {8: "uint8", 16: "int16", 32: "int32"}
VALUE = re.compile(r"\s*(?:'((?:[^']|'')*)'|([^/\s]+))")

Cards = Mapping[str, str]
"""Text of values by keyword."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One image of a file."""

    name: str
    cards: Cards
    """Of its header."""
    size: Size
    bits: int
    """BITPIX."""
    start: int
    """Offset of the samples."""

    def number(self, keyword: str, default: float) -> float:
        """The value of a keyword.

        Raises:
            UnsupportedImage: it is no number.
        """
        return _number(self.cards, keyword, default)

    @property
    def zero(self) -> float:
        """BZERO, added to samples."""
        return self.number("BZERO", 0.0)

    @property
    def scale(self) -> float:
        """BSCALE, by which samples are multiplied first."""
        return self.number("BSCALE", 1.0)

    @property
    def blank(self) -> int | None:
        """The integer that represents a missing sample."""
        return int(self.number("BLANK", 0.0)) if self.bits > 0 and "BLANK" in self.cards else None

    @property
    def dtype(self) -> str:
        """Of the output samples."""
        if self.scale == 1 and self.blank is None:
            if self.zero == 0:
                return AS_STORED.get(self.bits, "float32")
            return UNSIGNED.get((self.bits, self.zero), "float32")
        return "float32"


def _matches(head: bytes) -> bool:
    return re.match(rb"SIMPLE  = +T", head) is not None


def _open(file: OpenFile) -> Source:
    """The image of a file.

    Raises:
        UnsupportedImage: there is no image in the file, or the header is damaged.
        ImageNotFound: the file has no such layer.
    """
    with closed_on_error(file):
        planes = read_planes(file)
        if not 0 <= file.layer < len(planes):
            raise ImageNotFound(f"there is no image {file.layer}; the file has 0 to {len(planes) - 1}")
        plane = planes[file.layer]
        dtype = plane.dtype
        info = plain_info(
            file, "fits", plane.size, dtype, ColorSpace.GRAY, _ranges(plane, dtype),
            bands=1, bits=min(abs(plane.bits), 32),
            stack=tuple(StackLayer(plane.name) for plane in planes) if len(planes) > 1 else (),
            text=_texts(plane.cards),
        )  # fmt: skip

    def strips() -> Iterator[memoryview]:
        row_length = plane.size.width * abs(plane.bits) // 8
        for data in raster_rows(file, plane.start, row_length, plane.size.height, upwards=True):
            yield _samples(np.frombuffer(data, STORED[plane.bits]), plane, dtype).data.cast("B")

    return RowSource(file, info, strips)


def _samples(stored: NDArray[Any], plane: Plane, dtype: str) -> NDArray[Any]:
    """Samples in physical values; missing ones are NaN."""
    if dtype != "float32":
        return (stored.astype(np.int64) + int(plane.zero)).astype(dtype)
    values = stored.astype(np.float64) * plane.scale + plane.zero
    if plane.blank is not None:
        values[stored == plane.blank] = math.nan
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _ranges(plane: Plane, dtype: str) -> tuple[tuple[float, float], ...]:
    """DATAMIN and DATAMAX (section 4.4.2.5), or the range of the type."""
    low, high = plane.number("DATAMIN", math.nan), plane.number("DATAMAX", math.nan)
    if low < high:
        return ((low, high),)
    known = full_range(dtype, plane.bits)
    return (known,) if known else ()


def _texts(cards: Cards) -> Mapping[str, str]:
    meanings = {
        "OBJECT": "title",
        "OBSERVER": "creator",
        "DATE-OBS": "date",
        "INSTRUME": "model",
        "TELESCOP": "make",
    }
    return {meaning: cards[name] for name, meaning in meanings.items() if cards.get(name)}


# -- structure -------------------------------------------------------------------------------------


def read_planes(file: OpenFile) -> list[Plane]:
    """All images of a file.

    Raises:
        UnsupportedImage: there are none, or a header is damaged.
    """
    planes: list[Plane] = []
    kinds: list[str] = []
    offset = 0
    for _ in range(MAX_UNITS):
        cards, start = _read_cards(file, offset)
        if not cards or len(planes) >= MAX_PLANES:
            break
        kind = cards.get("XTENSION", "IMAGE")
        kinds.append("compressed image" if cards.get("ZIMAGE") == "T" else kind)
        sides = [int(_number(cards, f"NAXIS{axis + 1}", 0)) for axis in range(_axes(cards))]
        if kind == "IMAGE" and len(sides) > 1 and min(sides) > 0:
            planes += _planes(cards, sides, start, len(kinds) - 1)
        offset = start + -(-_data_length(cards, sides) // BLOCK) * BLOCK
        if offset >= file.version.length:
            break
    if not planes:
        raise UnsupportedImage(
            f"the FITS file has no image that is supported, but {', '.join(kinds) or 'nothing'}"
        )
    return planes


def _planes(cards: Cards, sides: list[int], start: int, unit: int) -> list[Plane]:
    bits = int(_number(cards, "BITPIX", 0))
    if bits not in STORED:
        raise UnsupportedImage(f"BITPIX of the FITS file is {bits}; 8, 16, 32, 64, -32 and -64 are defined")
    size = Size(sides[0], sides[1])
    count = min(math.prod(sides[2:]), MAX_PLANES)
    name = cards.get("EXTNAME") or f"image{unit}"
    length = size.area * abs(bits) // 8
    return [
        Plane(f"{name} {index}" if count > 1 else name, cards, size, bits, start + index * length)
        for index in range(count)
    ]


def _axes(cards: Cards) -> int:
    count = int(_number(cards, "NAXIS", 0))
    if not 0 <= count <= 999:
        raise UnsupportedImage(f"NAXIS of the FITS file is {count}; 0 to 999 are defined")
    return count


def _data_length(cards: Cards, sides: list[int]) -> int:
    """Bytes of the data after a header (section 4.4.1.2); those of random groups count too."""
    if not sides or min(sides) < 0:
        return 0
    if sides[0] == 0 and cards.get("GROUPS") == "T":
        sides = sides[1:]
    items = int(_number(cards, "PCOUNT", 0)) + math.prod(sides)
    return abs(int(_number(cards, "BITPIX", 8))) // 8 * int(_number(cards, "GCOUNT", 1)) * max(items, 0)


def _read_cards(file: OpenFile, offset: int) -> tuple[dict[str, str], int]:
    """The header at an offset, and the offset of what follows it; empty if there is no complete one."""
    cards: dict[str, str] = {}
    for _ in range(MAX_BLOCKS):
        block = os.pread(file.descriptor, BLOCK, offset).decode("latin-1")
        offset += BLOCK
        for at in range(0, len(block), CARD):
            keyword = block[at : at + 8].rstrip()
            if keyword == "END":
                return cards, offset
            found = VALUE.match(block, at + 10, at + CARD) if block[at + 8 : at + 10] == "= " else None
            if found:
                text = found[2] if found[1] is None else found[1].replace("''", "'").rstrip()
                cards.setdefault(keyword, text)
        if len(block) < BLOCK:
            break
    return {}, offset


def _number(cards: Cards, keyword: str, default: float) -> float:
    if keyword not in cards:
        return default
    try:
        value = float(cards[keyword].replace("D", "E"))
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise UnsupportedImage(f"{keyword} of the FITS file is {cards[keyword]!r}; a number is needed")
    return value


FORMAT = SourceFormat("fits", _matches, _open, optional=True)
