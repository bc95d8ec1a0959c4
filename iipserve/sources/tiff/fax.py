"""A decoder of CCITT fax compression: modified Huffman, Group 3 and Group 4 (ITU-T T.4, T.6; TIFF 6.0 sections 10, 11).

Scanners and fax servers end pages early: the rest is paper. What libtiff makes of rows that are missing differs between
its versions: an error, white as coded (which is black in a file whose zeros are black), or data read again from the
beginning. So it never gets to the end of the data: rows of one color follow them, and two colors show what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iipserve.containers import tags
from iipserve.containers.ifd import Directory
from iipserve.containers.tags import T4_OPTIONS, T6_OPTIONS, Compression, Photometric
from iipserve.errors import UnsupportedImage
from iipserve.geometry import ceil_div
from iipserve.sources.color import Samples
from iipserve.sources.tiff.image_codecs import DamagedTile, TileDecoder
from iipserve.sources.tiff.layout import Layout
from iipserve.sources.tiff.strip_file import Fields, strip_fields, strip_reader

Bits: TypeAlias = NDArray[np.uint8]
"""One bit of coded data each, in the order in which they are read."""

TERMINATING_CODES = (
    "00110101 0000110111 000111 010 0111 11 1000 10 1011 011 1100 0011 1110 0010 1111 00011 10011 000101 "
    "10100 000100 00111 0000100 01000 0000101 001000 0000111 000011 00000100 110100 00000111 "
    "110101 000011000 101010 0000010111 101011 0000011000 0100111 0000001000 0001100 00001100111 "
    "0001000 00001101000 0010111 00001101100 0000011 00000110111 0000100 00000101000 0101000 00000010111 "
    "0101011 00000011000 0010011 000011001010 0100100 000011001011 0011000 000011001100 "
    "00000010 000011001101 00000011 000001101000 00011010 000001101001 00011011 000001101010 "
    "00010010 000001101011 00010011 000011010010 00010100 000011010011 00010101 000011010100 "
    "00010110 000011010101 00010111 000011010110 00101000 000011010111 00101001 000001101100 "
    "00101010 000001101101 00101011 000011011010 00101100 000011011011 00101101 000001010100 "
    "00000100 000001010101 00000101 000001010110 00001010 000001010111 00001011 000001100100 "
    "01010010 000001100101 01010011 000001010010 01010100 000001010011 01010101 000000100100 "
    "00100100 000000110111 00100101 000000111000 01011000 000000100111 01011001 000000101000 "
    "01011010 000001011000 01011011 000001011001 01001010 000000101011 01001011 000000101100 "
    "00110010 000001011010 00110011 000001100110 00110100 000001100111"
)
"""Of 0 to 63 white pixels, and of as many black ones (T.4 table 2)."""
WHITE, BLACK = TERMINATING_CODES.split()[::2], TERMINATING_CODES.split()[1::2]
WHITE_64, BLACK_64 = "11011", "0000001111"
"""Codes of 64 pixels, which more pixels of the same color follow (T.4 table 3a)."""
HORIZONTAL_MODE = "001"
"""A run of either color follows (T.4 table 4)."""
END_OF_LINE = "000000000001"
"""No other sequence of codes contains it, and more zeros may precede it (T.4 section 4.1.2)."""
ENDS: Mapping[int, re.Pattern[bytes]] = {
    Compression.CCITT_GROUP3: re.compile(rb"\0{11}\x01\x01?(?:\0{11,}\x01|\0*\Z)"),
    Compression.CCITT_GROUP4: re.compile(rb"\0{11}\x01"),
}
"""By compression: where pages end, in a byte for each bit. Group 3 has empty lines there, or none after the last end of
line (T.4 section 4.1.4), Group 4 has an end of line (T.6 section 2.4.1.1). A tag bit may follow it."""
NO_CODE: Bits = np.zeros(16, np.uint8)
"""Ends a row that is cut off."""
TWO_DIMENSIONAL = 1
"""The bit of T4Options that says that a tag bit follows each end of line."""
MAX_CODE_BITS = 13
"""Length of the longest code."""


def fax_decoder(layout: Layout, directory: Directory) -> TileDecoder:
    """A decoder of tiles; rows that are not coded are white.

    Raises:
        UnsupportedImage: the samples are not single bits.
    """
    if layout.type.bits != 1 or layout.stored_bands != 1:
        raise UnsupportedImage("TIFF with fax compression of more than 1 bit per pixel")
    fields = strip_fields(layout, layout.tile.width, layout.tile.height, (1,))
    fields |= {tag: directory.integer(tag, 0) & 0xFFFF for tag in (T4_OPTIONS, T6_OPTIONS)}
    tagged = layout.compression == Compression.CCITT_GROUP3 and bool(fields[T4_OPTIONS] & TWO_DIMENSIONAL)
    paper = layout.bands.photometric != Photometric.WHITE_IS_ZERO
    fax = _Fax(layout, fields, tagged, *(_row(layout, tagged, black) for black in (False, True)))

    def decode(data: bytes) -> Samples:
        if not data.lstrip(b"\0"):
            raise DamagedTile("no code")
        try:
            result = fax.read(data + fax.following)
        except imagecodecs.TiffError:
            result = fax.completed(data, paper)
        else:
            if paper and not result[-1].any():
                result = fax.completed(data, paper)
        return result.view(np.uint8)

    return decode


@dataclass(frozen=True, eq=False)
class _Fax:
    """How the rows of a tile are coded."""

    layout: Layout
    fields: Fields
    tagged: bool
    """A tag bit follows each end of line."""
    white: Bits
    """The code of a row of one color."""
    black: Bits

    @property
    def order(self) -> Literal["little", "big"]:
        """Of the bits in a byte, as in `numpy.packbits`."""
        return "little" if self.layout.bits_reversed else "big"

    @cached_property
    def following(self) -> bytes:
        """What keeps libtiff from the end of data that end early; Group 4 has a mark of its own."""
        if self.layout.compression == Compression.CCITT_GROUP4:
            return b""
        ended = NO_CODE if self.layout.compression == Compression.CCITT_RLE else NO_CODE[:0]
        return self.followed(ended, self.white)

    def followed(self, bits: Bits, row: Bits) -> bytes:
        """Coded data as they are stored, followed by a row as many times as the tile has rows, and a few times more."""
        packed = np.packbits(np.concatenate((bits, np.tile(row, 16))), bitorder=self.order)
        # each eight rows are whole bytes, wherever they begin
        start = ceil_div(len(bits), 8)
        again = packed[start : start + len(row)].tobytes()
        return packed[:start].tobytes() + again * ceil_div(self.layout.tile.height + 2, 8)

    def read(self, data: bytes, more: int = 0) -> NDArray[np.bool_]:
        """The rows of the tile, and `more` after them.

        Raises:
            imagecodecs.TiffError: the data are damaged, or end earlier.
        """
        rows = self.layout.tile.height + more
        fields = self.fields | {tags.IMAGE_LENGTH: rows, tags.ROWS_PER_STRIP: rows}
        return strip_reader(fields, "<", np.dtype(bool))(data).reshape(rows, *self.layout.shape[1:])

    def completed(self, data: bytes, paper: bool) -> NDArray[np.bool_]:
        """The rows of the tile, with `paper` in place of pixels that are not in the data.

        The data are decoded twice, followed by rows of either color: what differs was missing.

        Raises:
            DamagedTile: not one row is in the data.
        """
        height, width = self.layout.tile.height, self.layout.tile.width
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder=self.order)
        best, end = None, height * width
        for beginning in self._beginnings(bits):
            try:
                white, black = [
                    self.read(self.followed(beginning, row), 1) for row in (self.white, self.black)
                ]
            except imagecodecs.TiffError:
                continue
            differs = (white != black).reshape(-1)
            first = int(differs.argmax())
            if differs[first] and (best is None or first < end):
                best, end = white[:height], first
            if differs[first] and first % width == 0:
                break
        if best is None or end < width:
            raise DamagedTile("not one row of fax can be read")
        best.reshape(-1)[end:] = paper
        return best

    def _beginnings(self, bits: Bits) -> Iterator[Bits]:
        """Coded data without the mark of their end, so that rows can follow.

        Data that are cut off may end within a code, which is left out.
        """
        compression = self.layout.compression
        if compression in ENDS and (end := ENDS[compression].search(bits.data)):
            yield bits[: end.start()]
            return
        yield bits
        if compression == Compression.CCITT_RLE:
            yield np.append(bits, NO_CODE)
        elif compression == Compression.CCITT_GROUP4:
            yield from (bits[:-dropped] for dropped in range(1, min(MAX_CODE_BITS, len(bits)) + 1))


def _row(layout: Layout, tagged: bool, black: bool) -> Bits:
    """The code of a row of one color."""
    many, few = divmod(layout.tile.width, 64)
    runs = [WHITE[0], BLACK_64 * many + BLACK[few]] if black else [WHITE_64 * many + WHITE[few]]
    if layout.compression == Compression.CCITT_GROUP4:
        runs = [HORIZONTAL_MODE, *runs, *[BLACK[0]] * (not black)]
    elif layout.compression == Compression.CCITT_GROUP3:
        runs = [END_OF_LINE + "1" * tagged, *runs]
    else:
        runs.append("0" * (-sum(map(len, runs)) % 8))
    return np.array([int(bit) for bit in "".join(runs)], np.uint8)
