"""The head of a JPEG XL codestream, with another statement of how its colors are to be read (ISO/IEC 18181-1).

imagecodecs 2026.3 states linear light for samples of 16 bits, whatever they are, and takes no ICC profile.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from iipserve.codecs.jxl_profile import BitWriter, written_profile

MARK = b"\xff\x0a"
MAX_HEAD = 256
"""Bytes from the start that are looked at; libjxl's heads have less than 20."""
RGB, GRAY, D65, SRGB_TRANSFER, RELATIVE_INTENT = 0, 1, 1, 13, 1

Ways: TypeAlias = tuple[tuple[int, int], ...]
"""Ways to write a number, chosen by two bits: how many bits follow, and what is added to them (section 9.2)."""

SIDE: Ways = ((9, 1), (13, 1), (18, 1), (30, 1))
BIT_DEPTH: Ways = ((0, 8), (0, 10), (0, 12), (6, 1))
ENUMERATION: Ways = ((0, 0), (0, 1), (4, 2), (6, 18))
CHANNELS: Ways = ((0, 0), (0, 1), (4, 2), (12, 1))
CHANNEL_SHIFT: Ways = ((0, 0), (0, 3), (0, 4), (3, 1))


class Head(NamedTuple):
    """Where the statement of colors stands, in bits from the start."""

    colors_start: int
    colors_end: int
    end: int
    """Where a profile follows; the frames begin at the next whole byte."""
    gray: bool


class BitReader:
    """Reads numbers from the first bytes of a codestream, lowest bits first."""

    def __init__(self, body: bytes) -> None:
        self._bits = int.from_bytes(body[:MAX_HEAD], "little")
        self.position = 0

    def take(self, count: int) -> int:
        """The number in the next `count` bits."""
        value = (self._bits >> self.position) & ((1 << count) - 1)
        self.position += count
        return value

    def choose(self, ways: Ways) -> int:
        """A number written in one of four ways."""
        bits, added = ways[self.take(2)]
        return self.take(bits) + added

    def expect(self, value: int, count: int, what: str) -> None:
        """Pass over bits of a known value.

        Raises:
            ValueError: they have another.
        """
        if self.take(count) != value:
            raise ValueError(f"unknown layout of a JPEG XL head: {what}")


def with_colors_stated(codestream: bytes, icc: bytes | None = None) -> bytes:
    """The codestream with the statement that its colors are the profile's, or sRGB (gray with its curve).

    No sample changes. A profile can be stated only where samples are coded as they are, without loss:
    those coded as the eye's own colors (XYB) are converted by readers to what is stated.

    Args:
        codestream: as libjxl writes it, with samples of 8 or 16 bits.
        icc: the profile.

    Raises:
        ValueError: the head is of another layout.
    """
    found = _read_head(codestream)
    bits = int.from_bytes(codestream[:MAX_HEAD], "little")
    head = BitWriter()
    head.add(bits & ((1 << found.colors_start) - 1), found.colors_start)
    _state_colors(head, gray=found.gray, profile=icc is not None)
    head.add(
        bits >> found.colors_end & ((1 << found.end - found.colors_end) - 1), found.end - found.colors_end
    )
    if icc is not None:
        head.add(*written_profile(icc))
    return head.to_bytes() + codestream[-(-found.end // 8) :]


def _read_head(codestream: bytes) -> Head:
    """Find the statement of colors in the signature, the size and the image's metadata (annex D)."""
    bits = BitReader(codestream)
    bits.expect(int.from_bytes(MARK, "little"), 16, "another mark")
    _pass_size(bits)
    bits.expect(0, 1, "nothing but defaults")
    bits.expect(0, 1, "an orientation, a preview or an animation")
    bits.expect(0, 1, "samples of floating point")
    bits.choose(BIT_DEPTH)
    bits.take(1)  # whether 16 bits are enough for what is computed
    for _ in range(bits.choose(CHANNELS)):
        _pass_channel(bits)
    bits.take(1)  # XYB
    start = bits.position
    gray = _pass_colors(bits)
    end = bits.position
    bits.expect(0, 2, "extensions")
    bits.expect(1, 1, "upsampling of its own")
    return Head(start, end, bits.position, gray)


def _pass_size(bits: BitReader) -> None:
    """The height, the ratio, and the width where there is no ratio; sides of whole eights are short."""
    short = bits.take(1)
    _pass_side(bits, short)
    if not bits.take(3):
        _pass_side(bits, short)


def _pass_side(bits: BitReader, short: int) -> None:
    if short:
        bits.take(5)
    else:
        bits.choose(SIDE)


def _pass_channel(bits: BitReader) -> None:
    """Opacity: of 8 bits by default."""
    if bits.take(1):
        return
    bits.choose(ENUMERATION)
    bits.take(1)
    bits.choose(BIT_DEPTH)
    bits.choose(CHANNEL_SHIFT)
    bits.expect(0, 2, "a channel with a name")
    bits.take(1)  # premultiplied


def _pass_colors(bits: BitReader) -> bool:
    """Whether they are gray."""
    if bits.take(1):
        return False
    bits.expect(0, 1, "a profile")
    gray = bits.choose(ENUMERATION) == GRAY
    bits.choose(ENUMERATION)  # white
    if not gray:
        bits.choose(ENUMERATION)  # primaries
    bits.expect(0, 1, "a plain gamma")
    bits.choose(ENUMERATION)
    bits.choose(ENUMERATION)  # intent
    return gray


def _state_colors(head: BitWriter, *, gray: bool, profile: bool) -> None:
    """Write a color encoding (annex E.2): all defaults are sRGB; a profile needs only its number of colors."""
    is_default = not gray and not profile
    head.add(is_default, 1)
    if is_default:
        return
    head.add(profile, 1)
    _write_enumeration(head, GRAY if gray else RGB)
    if not profile:
        _write_enumeration(head, D65)
        head.add(0, 1)  # no plain gamma
        _write_enumeration(head, SRGB_TRANSFER)
        _write_enumeration(head, RELATIVE_INTENT)


def _write_enumeration(head: BitWriter, value: int) -> None:
    """A value below 18, by `ENUMERATION`."""
    if value < 2:
        head.add(value, 2)
    else:
        head.add(2 | value - 2 << 2, 6)
