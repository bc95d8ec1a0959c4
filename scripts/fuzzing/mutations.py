"""Spoils files: fields of TIFF directories, boxes and markers of JPEG 2000, any bytes, lengths."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

ODD_NUMBERS = (
    0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 32, 63, 64, 127, 128, 255, 256, 257, 1000, 4095, 32767, 32768, 50000, 65535,
    65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1,
)  # fmt: skip
TAGS = (
    254, 256, 257, 258, 259, 262, 266, 270, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 286, 292, 296, 301, 317,
    318, 320, 322, 323, 324, 325, 330, 332, 338, 339, 340, 341, 347, 512, 513, 514, 530, 531, 532, 700, 34665, 34675,
    33432, 33550, 33922, 34264, 34735, 34736, 34737, 37439, 42112, 42113, 50844,
)  # fmt: skip
COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 33003, 33005, 34712, 34887, 34925, 50000, 50001, 50002)
JPEG2000_MARKERS = (
    0xFF4F,
    0xFF51,
    0xFF52,
    0xFF53,
    0xFF5C,
    0xFF5D,
    0xFF5F,
    0xFF55,
    0xFF57,
    0xFF58,
    0xFF64,
    0xFF90,
)
HEADER = 600
"""Bytes at the beginning of a file in which most formats say what they are."""


def mutated(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """The file with one to four things wrong."""
    spoiled = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        if len(spoiled) > 16:
            _one_change(spoiled, others, chance)
    return bytes(spoiled)


def _one_change(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    if bytes(data[:2]) in (b"II", b"MM") and chance.random() < 0.7:
        _tiff_field(data, chance)
    elif _is_jpeg2000(data) and chance.random() < 0.6:
        _jpeg2000_part(data, chance)
    else:
        change = chance.choice(CHANGES)
        change(data, others, chance)


# -- TIFF ------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """Where a field of a directory stands, and how it is written."""

    at: int
    order: str
    big: bool

    @property
    def word(self) -> str:
        """Code of counts and offsets."""
        return self.order + ("Q" if self.big else "I")


def entries(data: bytes | bytearray) -> list[Entry]:
    """All fields of all directories that are linked from the head and from SubIFDs, as far as they can be read."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        big = struct.unpack_from(order + "H", data, 2)[0] == 43
        pending = [struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]]
    except (struct.error, OverflowError):
        return []
    found: list[Entry] = []
    seen: set[int] = set()
    while pending and len(seen) < 64:
        start = pending.pop()
        if start and start not in seen:
            seen.add(start)
            _directory(data, start, order, big, found, pending)
    return found


def _directory(
    data: bytes | bytearray, start: int, order: str, big: bool, found: list[Entry], pending: list[int]
) -> None:
    word, length = ("Q", 20) if big else ("I", 12)
    try:
        count = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
        first = start + (8 if big else 2)
        for number in range(min(count, 100)):
            at = first + number * length
            tag = struct.unpack_from(order + "H", data, at)[0]
            found.append(Entry(at, order, big))
            if tag == 330:
                pending.append(struct.unpack_from(order + word, data, at + (12 if big else 8))[0])
        pending.append(struct.unpack_from(order + word, data, first + min(count, 100) * length)[0])
    except (struct.error, OverflowError):
        return


def _tiff_field(data: bytearray, chance: random.Random) -> None:
    found = entries(data)
    if not found:
        _odd_number(data, (), chance)
        return
    entry = chance.choice(found)
    part = chance.choice(("tag", "type", "count", "value", "value", "value", "values", "swap"))
    try:
        _change_entry(data, entry, part, chance.choice(found), chance)
    except (struct.error, OverflowError):
        return


def _change_entry(data: bytearray, entry: Entry, part: str, other: Entry, chance: random.Random) -> None:
    order, word = entry.order, entry.word
    size, length = (8, 20) if entry.big else (4, 12)
    value_at = entry.at + 4 + size
    if part == "tag":
        struct.pack_into(order + "H", data, entry.at, chance.choice((*TAGS, chance.randrange(65536))))
    elif part == "type":
        struct.pack_into(order + "H", data, entry.at + 2, chance.choice((*range(20), 65535)))
    elif part == "count":
        struct.pack_into(word, data, entry.at + 4, chance.choice(ODD_NUMBERS) % 2 ** (8 * size))
    elif part == "swap" and other.at + length <= len(data):
        data[entry.at + 2 : entry.at + length] = data[other.at + 2 : other.at + length]
    elif part == "values":
        offset = struct.unpack_from(word, data, value_at)[0]
        _number_at(data, min(offset + chance.randrange(64), len(data) - 1), chance)
    else:
        _change_value(data, entry, value_at, chance)


def _change_value(data: bytearray, entry: Entry, at: int, chance: random.Random) -> None:
    tag, kind = struct.unpack_from(entry.order + "HH", data, entry.at)
    value = chance.choice((*ODD_NUMBERS, len(data), len(data) - 1, chance.randrange(max(1, len(data)))))
    if tag == 259:
        value = chance.choice(COMPRESSIONS)
    if kind == 3 and chance.random() < 0.9:
        struct.pack_into(entry.order + "H", data, at + 2 * chance.randrange(2), value % 65536)
    else:
        struct.pack_into(entry.word, data, at, value % 2 ** (64 if entry.big else 32))


# -- JPEG 2000 -------------------------------------------------------------------------------------


def _is_jpeg2000(data: bytearray) -> bool:
    return data[4:8] == b"jP  " or data[:4] == b"\xff\x4f\xff\x51"


def _jpeg2000_part(data: bytearray, chance: random.Random) -> None:
    """Change a number in or behind a box's head or a marker of the codestream."""
    places = [at for marker in JPEG2000_MARKERS if (at := data.find(marker.to_bytes(2, "big"))) >= 0]
    places += [at for name in (b"jP2h", b"ihdr", b"colr", b"pclr", b"cmap", b"cdef", b"res ", b"jp2c", b"uuid")
               if (at := data.find(name)) >= 0]  # fmt: skip
    place = chance.choice(places) if places else chance.randrange(len(data))
    at = place + chance.choice((-4, -3, 0, 1, 2, 3, *range(4, 60)))
    _number_at(data, min(max(at, 0), len(data) - 1), chance)


# -- any file --------------------------------------------------------------------------------------


def _place(data: bytearray, chance: random.Random) -> int:
    """Somewhere, rather at the beginning."""
    return chance.randrange(min(len(data), HEADER) if chance.random() < 0.6 else len(data))


def _number_at(data: bytearray, at: int, chance: random.Random) -> None:
    size = chance.choice((1, 1, 2, 2, 4, 4, 8))
    value = chance.choice(ODD_NUMBERS) % 2 ** (8 * size)
    data[at : at + size] = value.to_bytes(size, chance.choice(("little", "big")))


def _odd_number(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    _number_at(data, _place(data, chance), chance)


def _flips(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 4, 16, 64))):
        data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _noise(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at, length = _place(data, chance), chance.choice((4, 16, 100, 1000))
    data[at : at + length] = chance.randbytes(min(length, len(data) - at))


def _zeros(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at, length = _place(data, chance), chance.choice((1, 4, 64, 1000))
    data[at : at + length] = bytes(min(length, len(data) - at))


def _cut(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    del data[chance.choice((_place(data, chance), chance.randrange(len(data)), len(data) - 1)) :]


def _left_out(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 2, 12, 100))]


def _doubled(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at, length = _place(data, chance), chance.choice((1, 12, 100, 1000))
    data[at:at] = data[at : at + length]


def _spliced(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    """The beginning of this file and the end of another."""
    if others:
        other = chance.choice(others)
        at = chance.randrange(len(data))
        data[at:] = other[min(at, len(other)) :]


CHANGES: Sequence[Callable[[bytearray, Sequence[bytes], random.Random], None]] = (
    _odd_number, _odd_number, _flips, _flips, _noise, _zeros, _cut, _left_out, _doubled, _spliced,
)  # fmt: skip
