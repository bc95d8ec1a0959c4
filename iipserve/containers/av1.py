"""The sequence header of AV1 bitstreams (AV1 Bitstream & Decoding Process Specification, section 5.5)."""

from __future__ import annotations

from iipserve.errors import DecodeError

SEQUENCE_HEADER = 1
"""Type of an OBU (section 6.2.2)."""
SRGB = (1, 13, 0)
"""Color primaries, transfer and matrix that imply full range."""


class Bits:
    """Reads bits, highest first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int) -> int:
        """The next bits as a number.

        Raises:
            DecodeError: the data end.
        """
        self._left -= count
        if self._left < 0:
            raise DecodeError("the AV1 sequence header is cut off")
        return self._value >> self._left & ((1 << count) - 1)

    def uvlc(self) -> int:
        """A number of variable length (section 4.10.3)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
        return self.read(zeros) + (1 << zeros) - 1


def is_limited(data: bytes) -> bool:
    """Whether the first sequence header says that samples have limited range; False without such a header.

    Args:
        data: OBUs from the beginning of a bitstream.
    """
    try:
        return _is_limited(data)
    except DecodeError:
        return False


def _is_limited(data: bytes) -> bool:
    bits = Bits(data)
    at = 0
    while at < len(data):
        header, at = data[at], at + 1 + (data[at] >> 2 & 1)
        if not header & 2:  # without a length it is the last one
            length = len(data) - at
        else:
            length, at = _leb128(data, at)
        if header >> 3 & 15 == SEQUENCE_HEADER:
            bits = Bits(data[at : at + length])
            return _read_header(bits)
        at += length
    return False


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number (section 4.10.5), and the offset after it."""
    value = 0
    for index, byte in enumerate(data[at : at + 8]):
        value |= (byte & 127) << 7 * index
        if not byte & 128:
            return value, at + index + 1
    raise DecodeError("an AV1 OBU has no length")


def _read_header(bits: Bits) -> bool:
    """Skip to color_config (section 5.5.2), which states the range."""
    profile, _still, is_reduced = bits.read(3), bits.read(1), bits.read(1)
    if is_reduced:
        bits.read(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.read(4) + 1, bits.read(4) + 1
    bits.read(wide)
    bits.read(high)
    if not is_reduced and bits.read(1):
        bits.read(7)
    bits.read(3)
    if not is_reduced:
        _skip_tools(bits)
    bits.read(3)
    return _is_limited_color(bits, profile)


def _skip_operating_points(bits: Bits) -> None:
    delay_bits = 0
    if bits.read(1):  # timing information
        bits.read(64)
        if bits.read(1):
            bits.uvlc()
        if bits.read(1):
            delay_bits = bits.read(5) + 1
            bits.read(42)
    has_display_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if has_display_delay and bits.read(1):
            bits.read(4)


def _skip_tools(bits: Bits) -> None:
    bits.read(4)
    has_order_hint = bits.read(1)
    if has_order_hint:
        bits.read(2)
    forces_screen = 2 if bits.read(1) else bits.read(1)
    if forces_screen and not bits.read(1):
        bits.read(1)
    if has_order_hint:
        bits.read(3)


def _is_limited_color(bits: Bits, profile: int) -> bool:
    if bits.read(1) and profile == 2:
        bits.read(1)
    is_gray = profile != 1 and bits.read(1)
    described = tuple(bits.read(8) for _ in range(3)) if bits.read(1) else ()
    if not is_gray and described == SRGB:
        return False
    return not bits.read(1)
