"""Writes TIFF files field by field, as the specification says (TIFF 6.0 section 2): what no library writes.

Nothing of the server and no TIFF library comes into it, so that files made here prove something.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[Any]
"""Shape (height, width, bands), any type."""

BYTE, ASCII, SHORT, LONG, RATIONAL, SIGNED_SHORT, FLOAT, DOUBLE, LONG8 = 1, 2, 3, 4, 5, 8, 11, 12, 16
CODES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 16: "Q"}

Fields: TypeAlias = Mapping[int, tuple[int, Sequence[Any] | bytes]]
"""By tag: field type, and values (of RATIONAL: numerator, denominator, ...)."""


@dataclass(frozen=True)
class Page:
    """One directory."""

    fields: Fields
    """All but those of tiles."""
    tiles: Sequence[bytes] = ()
    """As they are to be stored; empty ones are never written."""
    reduced: Sequence[Page] = field(default_factory=tuple)
    """SubIFDs."""
    striped: bool = False
    """The tiles are strips."""


def write_tiff(path: Path | str, pages: Sequence[Page], *, order: str = "<", big: bool = False) -> None:
    """Write a file of these directories, `order` `<` or `>`, with 64-bit offsets if `big`."""
    mark = b"II" if order == "<" else b"MM"
    head = (
        struct.pack(order + "2sHHHQ", mark, 43, 8, 0, 0) if big else struct.pack(order + "2sHI", mark, 42, 0)
    )
    data = bytearray(head)
    link = len(data) - (8 if big else 4)
    for page in pages:
        link = _append(data, page, link, order, big)
    Path(path).write_bytes(data)


def _append(data: bytearray, page: Page, link: int, order: str, big: bool) -> int:
    """Put a directory at the end, enter its offset at `link`, and return where the next offset is due."""
    word = "Q" if big else "I"
    children = []
    for child in page.reduced:
        place = len(data)
        data += bytes(8)
        _append(data, child, place, order, big)
        children.append(struct.unpack_from(order + word, data, place)[0])
    offsets = []
    for tile in page.tiles:
        data += bytes(len(data) % 2)
        offsets.append(len(data))
        data += tile
    fields = dict(page.fields)
    if page.tiles:
        at, lengths = (273, 279) if page.striped else (324, 325)
        fields |= {at: (LONG8 if big else LONG, offsets), lengths: (LONG, [len(tile) for tile in page.tiles])}
    if children:
        fields[330] = LONG8 if big else LONG, children
    data += bytes(len(data) % 8)
    struct.pack_into(order + word, data, link, len(data))
    return _append_fields(data, fields, order, big)


def _append_fields(data: bytearray, fields: Fields, order: str, big: bool) -> int:
    word, room = ("Q", 8) if big else ("I", 4)
    values_at = len(data) + (8 if big else 2) + len(fields) * (20 if big else 12) + room
    table, values = bytearray(struct.pack(order + ("Q" if big else "H"), len(fields))), bytearray()
    for tag, (kind, numbers) in sorted(fields.items()):
        packed = struct.pack(f"{order}{len(numbers)}{CODES[kind]}", *numbers)
        count = len(numbers) // 2 if kind == RATIONAL else len(numbers)
        table += struct.pack(order + "HH" + word, tag, kind, count)
        if len(packed) <= room:
            table += packed.ljust(room, b"\0")
        else:
            table += struct.pack(order + word, values_at + len(values))
            values += packed + bytes(len(packed) % 2)
    link = len(data) + len(table)
    data += table + bytes(room) + values
    return link


def padded_tiles(pixels: Samples, tile: tuple[int, int]) -> Iterator[Samples]:
    """The tiles (width, height) row by row, those at the edges filled up by repeating the last pixels."""
    width, height = tile
    whole = np.pad(
        pixels, ((0, -pixels.shape[0] % height), (0, -pixels.shape[1] % width), (0, 0)), mode="edge"
    )
    for y in range(0, whole.shape[0], height):
        for x in range(0, whole.shape[1], width):
            yield np.ascontiguousarray(whole[y : y + height, x : x + width])


def packed_bits(tile: Samples, bits: int) -> bytes:
    """Rows of unsigned integers of any depth, most significant bit first, each row begun at a byte."""
    rows = tile.reshape(tile.shape[0], -1).astype(np.uint64)
    single = rows[:, :, None] >> np.arange(bits - 1, -1, -1, dtype=np.uint64) & np.uint64(1)
    return np.packbits(single.reshape(rows.shape[0], -1).astype(np.uint8), axis=1).tobytes()


def differenced(tile: Samples) -> Samples:
    """Predictor 2: each sample less the one left of it, in the width of its type (TIFF 6.0 section 14)."""
    whole = tile.view(f"u{tile.dtype.itemsize}")
    result = whole.copy()
    result[:, 1:] = whole[:, 1:] - whole[:, :-1]
    return result


def float_differenced(tile: Samples) -> Samples:
    """Predictor 3: bytes of a row sorted by significance, then differenced (TIFF Technical Note 3)."""
    height, width, bands = tile.shape
    size = tile.dtype.itemsize
    big_endian = tile.astype(tile.dtype.newbyteorder(">")).reshape(height, width * bands)
    planes = big_endian.view(np.uint8).reshape(height, width * bands, size).transpose(0, 2, 1)
    planes = planes.reshape(height, size * width, bands)
    result = planes.copy()
    result[:, 1:] = planes[:, 1:] - planes[:, :-1]
    return result
