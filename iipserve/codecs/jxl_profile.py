"""An ICC profile as it stands in a JPEG XL codestream (ISO/IEC 18181-1 annex E.4, and C for its symbols)."""

from __future__ import annotations

from functools import lru_cache

HEADER_LENGTH = 128
PREDICTED = bytes.fromhex(
    "0000000000000000 04000000 6d6e7472 52474220 58595a20" + "00" * 12 + "61637370" + "00" * 28 +
    "0000f6d6 00010000 0000d32d" + "00" * 48
)  # fmt: skip
"""What a profile's header is taken to be, but for its length: version 4, mntr, RGB, XYZ, acsp, D50."""
PLATFORMS = (b"APPL", b"MSFT", b"SGI ", b"SUNW")
MAKER, SIGNATURE, PLATFORM, CREATOR = slice(4, 8), slice(36, 40), slice(40, 44), slice(80, 84)
COPY = 1
"""The command that takes bytes as they are."""
SYMBOL_BITS = 8
REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
"""Codes of prefix codes begin with their highest bit, numbers with their lowest."""


class BitWriter:
    """Collects numbers, lowest bits first."""

    def __init__(self) -> None:
        self._bits = 0
        self._length = 0

    def add(self, value: int, count: int) -> None:
        """Write a number in `count` bits."""
        self._bits |= value << self._length
        self._length += count

    def written(self) -> tuple[int, int]:
        """Everything as one number, and its bits."""
        return self._bits, self._length

    def to_bytes(self) -> bytes:
        """Everything, filled up with zeros to whole bytes."""
        return self._bits.to_bytes(-(-self._length // 8), "little")


def is_whole(icc: bytes) -> bool:
    """Whether a profile is as long as it says, and one at all: readers refuse the picture of a damaged one."""
    return (
        len(icc) > HEADER_LENGTH and icc[SIGNATURE] == b"acsp" and int.from_bytes(icc[:4], "big") == len(icc)
    )


@lru_cache(maxsize=8)
def written_profile(icc: bytes) -> tuple[int, int]:
    """The profile as a number and its bits; remembered, because every picture of an image carries it.

    Args:
        icc: whole.
    """
    content = _folded(icc)
    bits = BitWriter()
    _write_length(bits, len(content))
    _write_flat_code(bits)
    bits.add(int.from_bytes(content.translate(REVERSED), "little"), SYMBOL_BITS * len(content))
    return bits.written()


def _folded(icc: bytes) -> bytes:
    """Lengths, commands and data: the header less what it is taken to be, the rest as it is."""
    header = bytes(
        (value - taken) % 256 for value, taken in zip(icc[:HEADER_LENGTH], _predicted(icc), strict=True)
    )
    rest = icc[HEADER_LENGTH:]
    # no tags are listed, the rest is copied
    commands = b"\0" + bytes((COPY,)) + _variable(len(rest))
    return b"".join((_variable(len(icc)), _variable(len(commands)), commands, header, rest))


def _predicted(icc: bytes) -> bytes:
    """What the header is taken to be, as far as reading goes: by what stands before each byte."""
    taken = bytearray(PREDICTED)
    taken[:4] = len(icc).to_bytes(4, "big")
    taken[CREATOR] = icc[MAKER]
    platform = icc[PLATFORM]
    for known in PLATFORMS:
        # told by the first letter, or by two where two begin alike
        sure = 2 if known.startswith(b"S") else 1
        if platform[:sure] == known[:sure]:
            taken[PLATFORM] = bytes(sure) + known[sure:]
    return bytes(taken)


def _variable(value: int) -> bytes:
    """A number in groups of seven bits, lowest first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*groups, value))


def _write_length(bits: BitWriter, value: int) -> None:
    """A number of up to 64 bits (section 9.2.4), in the way that has room for any."""
    bits.add(3, 2)
    bits.add(value & 0xFFF, 12)
    value >>= 12
    while value:
        bits.add(1, 1)
        bits.add(value & 0xFF, 8)
        value >>= 8
    bits.add(0, 1)


def _write_flat_code(bits: BitWriter) -> None:
    """Say that all 41 contexts share one code, which gives each of 256 symbols 8 bits."""
    bits.add(0, 1)  # no repeats
    bits.add(1, 1)  # contexts are listed plainly,
    bits.add(0, 2)  # in no bits: all are of the first code
    bits.add(1, 1)  # a prefix code
    bits.add(SYMBOL_BITS, 4)  # symbols below 256 are numbers themselves,
    bits.add(0, 4 + 4)  # without further bits
    bits.add(1, 1)  # more than one symbol: 1 + 2**7 + 127
    bits.add(7, 4)
    bits.add(127, 7)
    bits.add(0, 2)  # lengths of codes are themselves coded (RFC 7932 section 3.5),
    for length in (1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15):
        # of which only 8 occurs, whose code has therefore no bits
        bits.add(*((1, 2) if length == SYMBOL_BITS else (0, 2)))
