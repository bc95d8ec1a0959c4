"""Headers of JPEG XL codestreams (ISO/IEC 18181-1 annexes D and E), in a container or bare (18181-2)."""

from __future__ import annotations

from dataclasses import dataclass

from iipserve.containers.boxes import Read, walk
from iipserve.errors import DecodeError

BARE = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
"""Start of a bare codestream, and the signature box of a container."""
MAX_HEADER = 4096
"""Bytes of a codestream in which its headers are read, without a profile."""
RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
"""Width to height (D.2)."""
ALPHA, SPOT, CFA = 0, 2, 5
"""Types of extra channels (E.3)."""
GRAY, RGB = 1, 0
D65, SRGB_PRIMARIES, SRGB_TRANSFER = 1, 1, 13
"""Values of the color encoding (E.2)."""


@dataclass(slots=True)
class Header:
    """The fields before the pixels of an image."""

    width: int
    """Of the stored image, in pixels."""
    height: int
    orientation: int = 1
    """As in Exif; decoders apply it."""
    is_animated: bool = False
    has_preview: bool = False
    bits: int = 8
    is_float: bool = False
    extra_channels: int = 0
    has_alpha: bool = False
    """The only extra channel is opacity."""
    is_premultiplied: bool = False
    is_gray: bool = False
    is_srgb: bool = True
    """The colors are those of sRGB, without a profile."""


class _Bits:
    """Reads bits, lowest first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise DecodeError("the header of the JPEG XL file is cut off")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        return value

    def u32(self, *choices: tuple[int, int]) -> int:
        """A number of one of four distributions: offset and count of bits (B.2.2)."""
        offset, count = choices[self.read(2)]
        return offset + self.read(count)

    def enum(self) -> int:
        return self.u32((0, 0), (1, 0), (2, 4), (18, 6))


def read_header(read: Read, length: int) -> Header:
    """The header of a file.

    Args:
        read: reads the file.
        length: of the file, in bytes.

    Raises:
        DecodeError: it is damaged.
    """
    data = _codestream(read, length)
    if data[:2] != BARE:
        raise DecodeError("the JPEG XL file has no codestream")
    bits = _Bits(data[2:])
    header = Header(*_size(bits))
    if not bits.read(1):
        _read_metadata(bits, header)
    return header


def _codestream(read: Read, length: int) -> bytes:
    """The beginning of the codestream; pieces in several boxes are joined."""
    if read(2, 0) == BARE:
        return read(MAX_HEADER, 0)
    data = b""
    for box in walk(read, 0, length):
        start = box.start + (4 if box.kind == b"jxlp" else 0)  # a part has its number before it
        if box.kind in (b"jxlc", b"jxlp"):
            data += read(min(MAX_HEADER - len(data), max(0, box.end - start)), start)
        if box.kind == b"jxlc" or len(data) >= MAX_HEADER:
            break
    return data


def _size(bits: _Bits) -> tuple[int, int]:
    """SizeHeader: width and height."""
    is_small = bits.read(1)

    def side() -> int:
        if is_small:
            return (bits.read(5) + 1) * 8
        return bits.u32((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    ratio = bits.read(3)
    if ratio == 0:
        return side(), height
    across, down = RATIOS[ratio]
    return height * across // down, height


def _read_metadata(bits: _Bits, header: Header) -> None:
    """ImageMetadata (E.1)."""
    if bits.read(1):
        _read_extra_fields(bits, header)
    header.bits, header.is_float = _depth(bits)
    bits.read(1)
    header.extra_channels = bits.u32((0, 0), (1, 0), (2, 4), (1, 12))
    for _ in range(header.extra_channels):
        _read_channel(bits, header)
    bits.read(1)
    if not bits.read(1):
        _read_colors(bits, header)


def _read_extra_fields(bits: _Bits, header: Header) -> None:
    header.orientation = bits.read(3) + 1
    if bits.read(1):  # intrinsic size
        _size(bits)
    if bits.read(1):
        header.has_preview = True
        _skip_preview(bits)
    if bits.read(1):
        header.is_animated = True
        bits.u32((100, 0), (1000, 0), (1, 10), (1, 30))
        bits.u32((1, 0), (1001, 0), (1, 8), (1, 10))
        bits.u32((0, 0), (0, 3), (0, 16), (0, 32))
        bits.read(1)


def _skip_preview(bits: _Bits) -> None:
    by_eight = bits.read(1)

    def skip_side() -> None:
        if by_eight:
            bits.u32((16, 0), (32, 0), (1, 5), (33, 9))
        else:
            bits.u32((1, 6), (65, 8), (321, 10), (1345, 12))

    skip_side()
    if bits.read(3) == 0:
        skip_side()


def _depth(bits: _Bits) -> tuple[int, bool]:
    """BitDepth: bits per sample, and whether they are floating point."""
    if bits.read(1):
        count = bits.u32((32, 0), (16, 0), (24, 0), (1, 6))
        bits.read(4)
        return count, True
    return bits.u32((8, 0), (10, 0), (12, 0), (1, 6)), False


def _read_channel(bits: _Bits, header: Header) -> None:
    """ExtraChannelInfo; all default is opacity of 8 bits."""
    if bits.read(1):
        header.has_alpha = header.extra_channels == 1
        return
    kind = bits.enum()
    _depth(bits)
    bits.u32((0, 0), (3, 0), (4, 0), (1, 3))
    bits.read(8 * bits.u32((0, 0), (0, 4), (16, 5), (48, 10)))
    if kind == ALPHA:
        header.has_alpha = header.extra_channels == 1
        header.is_premultiplied = bool(bits.read(1))
    elif kind == SPOT:
        bits.read(64)
    elif kind == CFA:
        bits.u32((1, 0), (0, 2), (3, 4), (19, 8))


def _read_colors(bits: _Bits, header: Header) -> None:
    """ColourEncoding (E.2)."""
    has_profile, space = bits.read(1), bits.enum()
    header.is_gray = space == GRAY
    header.is_srgb = not has_profile and space in (GRAY, RGB) and _is_srgb(bits, header.is_gray)


def _is_srgb(bits: _Bits, is_gray: bool) -> bool:
    if bits.enum() != D65 or not (is_gray or bits.enum() == SRGB_PRIMARIES):
        return False
    return not bits.read(1) and bits.enum() == SRGB_TRANSFER
