"""Extraction of tiles from a JPEG 2000 codestream.

An extract is a codestream of its own that holds a rectangle of tiles of a larger one, bit for bit: the main header
with a smaller image area, then the tile-parts, renumbered. OpenJPEG decodes it without reading the whole file, and
without allocating 65,535 tiles. Fields: ISO/IEC 15444-1 Annex A.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from iipserve.errors import DecodeError
from iipserve.sources.jpeg2000.codestream import (
    PPT,
    SOD,
    SOT,
    START,
    WITHOUT_LENGTH,
    Header,
    Span,
    tile_styles,
)

EOC = b"\xff\xd9"
MAX_TILE_PARTS = 1_000_000
SOT_LENGTH = 12
"""Bytes of the SOT marker segment."""
FIRST_READ, MAX_PART_HEADER = 4096, 4 << 20
"""Bytes of a tile-part's header that are read first, and about at most."""
PPT_MARKER, SOD_MARKER = PPT.to_bytes(2, "big"), SOD.to_bytes(2, "big")
MAX_PACKED = 65535 - 3
"""Bytes of packet headers in one PPT marker segment."""


class TilePart(NamedTuple):
    """Where a tile-part is in the file, from SOT on."""

    position: int
    length: int
    part: int
    """TPsot: among the parts of its tile."""
    parts: int
    """TNsot: number of parts of the tile; 0 if it is not given."""
    has_header: bool
    """Other marker segments follow SOT."""
    packed: bytes
    """Its packet headers, if they are in the codestream's main header."""


@dataclass(slots=True)
class _Tile:
    parts: list[TilePart] = field(default_factory=list)
    cut_off: bool = False
    decompositions: int | None = None
    """Number of times it can be halved, once known."""


class TileParts:
    """Where the data of each tile is, found by following the SOT markers once."""

    def __init__(self, descriptor: int, header: Header) -> None:
        """Follow the SOT markers; damage is reported when a tile is asked for."""
        self._descriptor, self._header = descriptor, header
        self._tiles: dict[int, _Tile] = {}
        self._is_cut_off = self._miscounts = False
        position = header.first_tile_part
        for number in range(MAX_TILE_PARTS):
            if position >= header.end:
                return
            marker, _, tile, length, index, count, following = struct.unpack(
                ">HHHIBBH", os.pread(descriptor, SOT_LENGTH + 2, position).ljust(SOT_LENGTH + 2, b"\0")
            )
            if marker != SOT:
                return
            if length == 0:  # up to EOC (A.4.2)
                length = _end_of_data(descriptor, header.end) - position
            if length < SOT_LENGTH:
                return
            known = self._tiles.setdefault(tile, _Tile())
            packed = (
                header.packed_headers[number : number + 1] if header.packed_headers is not None else (b"",)
            )
            self._miscounts |= index >= count
            known.parts.append(TilePart(position, length, index, count, following != SOD, b"".join(packed)))
            position += length
            known.cut_off |= position > header.end or not packed
            self._is_cut_off |= position > header.end

    def longest(self) -> int:
        """Bytes of the tile that has most."""
        tiles = (sum(part.length for part in tile.parts) for tile in self._tiles.values())
        return max(tiles, default=0)

    def decompositions(self, tiles: Span) -> int:
        """Number of times that all of some tiles can be halved.

        Raises:
            DecodeError: one of them is damaged.
            UnsupportedImage: decoding one would take too much memory.
        """
        header = self._header
        numbers = (
            row * header.columns + column
            for row in range(tiles.top, tiles.bottom)
            for column in range(tiles.left, tiles.right)
        )
        known = (self._tiles.get(number) for number in numbers)
        return min(
            (self._halvings(tile) for tile in known if tile and tile.parts[0].has_header),
            default=header.decompositions,
        )

    def _halvings(self, tile: _Tile) -> int:
        if tile.decompositions is None:
            segments, _ = _part_header(self._descriptor, tile.parts[0])
            tile.decompositions = min(style.levels for style in tile_styles(self._header, segments))
        return tile.decompositions

    def of_tile(self, index: int) -> list[TilePart]:
        """All parts of a tile in order.

        Raises:
            DecodeError: the file ends before the tile does.
        """
        tile = self._tiles.get(index)
        if tile is None or tile.cut_off or len(tile.parts) < self._number_of_parts(tile):
            raise DecodeError(f"tile {index} of the codestream is cut off or missing")
        if not any(part.packed or part.length > SOT_LENGTH + len(SOD_MARKER) for part in tile.parts):
            # each packet has at least one byte of header (B.10); OpenJPEG would make gray of none
            raise DecodeError(f"tile {index} of the codestream is empty")
        return tile.parts

    def _number_of_parts(self, tile: _Tile) -> int:
        """Where the file is cut off, and its writer counts no parts or one too few: as many as any tile has."""
        declared = max(part.parts for part in tile.parts)
        if not (self._is_cut_off and self._miscounts):
            return declared
        return max(declared, *(len(other.parts) for other in self._tiles.values()))


def _end_of_data(descriptor: int, end: int) -> int:
    """Where the last tile-part ends: before EOC, if the codestream has one."""
    has_end_marker = os.pread(descriptor, 2, end - 2) == EOC
    return end - 2 if has_end_marker else end


# -- extracts --------------------------------------------------------------------------------------


class TileStream:
    """Pieces of memory and of a file, read as one stream of bytes. Safe for many threads."""

    def __init__(self, descriptor: int, pieces: Sequence[bytes | tuple[int, int]]) -> None:
        """Join pieces.

        Args:
            descriptor: the file, open for reading.
            pieces: bytes, or (position, length) in the file.
        """
        self._descriptor = descriptor
        self._pieces = pieces
        self._starts = [0]
        for piece in pieces:
            self._starts.append(self._starts[-1] + (len(piece) if isinstance(piece, bytes) else piece[1]))

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self._starts[-1]

    def read_into(self, buffer: memoryview, position: int) -> int:
        """Fill `buffer` from `position` on, and return the number of bytes read, fewer only at the end.

        Raises:
            OSError: the file cannot be read.
        """
        done = 0
        index = bisect_right(self._starts, position) - 1
        while done < len(buffer) and index < len(self._pieces):
            skipped = position + done - self._starts[index]
            count = min(len(buffer) - done, self._starts[index + 1] - self._starts[index] - skipped)
            read = self._read_piece(index, skipped, buffer[done : done + count])
            done += read
            if read < count:
                break
            index += 1
        return done

    def _read_piece(self, index: int, skipped: int, target: memoryview) -> int:
        piece = self._pieces[index]
        if isinstance(piece, bytes):
            target[:] = piece[skipped : skipped + len(target)]
            return len(target)
        return os.preadv(self._descriptor, [target], piece[0] + skipped) if len(target) else 0


def extract_tiles(descriptor: int, header: Header, parts: TileParts, tiles: Span) -> TileStream:
    """A codestream that holds a rectangle of tiles.

    Raises:
        DecodeError: the file ends before one of the tiles does.
    """
    pieces: list[bytes | tuple[int, int]] = [_extract_header(header, tiles)]
    index = 0
    for row in range(tiles.top, tiles.bottom):
        for column in range(tiles.left, tiles.right):
            if header.has_samples(column, row):
                pieces += _tile(descriptor, parts.of_tile(row * header.columns + column), index)
            index += 1
    pieces.append(EOC)
    return TileStream(descriptor, pieces)


def _tile(descriptor: int, parts: Sequence[TilePart], index: int) -> Iterator[bytes | tuple[int, int]]:
    """All tile-parts of a tile, which becomes number `index`."""
    packed = 0
    for part in parts:
        kept, length = [], SOT_LENGTH
        headers = [part.packed] if part.packed else []
        if part.has_header:
            segments, length = _part_header(descriptor, part)
            kept = [segment for segment in segments if not segment.startswith(PPT_MARKER)]
            headers += [segment[5:] for segment in segments if segment.startswith(PPT_MARKER)]
        for data in headers:
            for start in range(0, len(data), MAX_PACKED):
                kept.append(_packed(data[start : start + MAX_PACKED], packed))
                packed += 1
        body = part.length - length
        head = b"".join(kept)
        yield (
            struct.pack(">HHHIBB", SOT, 10, index, SOT_LENGTH + len(head) + body, part.part, part.parts)
            + head
        )
        yield part.position + length, body


def _packed(data: bytes, index: int) -> bytes:
    """A PPT marker segment. OpenJPEG counts them through the whole tile, whatever part they are in."""
    if index > 255:
        raise DecodeError("a tile of the codestream has too many packed packet headers")
    return PPT_MARKER + struct.pack(">HB", 3 + len(data), index) + data


def _part_header(descriptor: int, part: TilePart) -> tuple[list[bytes], int]:
    """The marker segments between SOT and SOD, and where SOD is in the tile-part.

    Raises:
        DecodeError: they are damaged.
    """
    count = FIRST_READ
    while True:
        data = os.pread(descriptor, min(part.length, count), part.position)
        segments, position = _segments(data)
        if data[position : position + 2] == SOD_MARKER:
            return segments, position
        is_broken = position + 4 <= len(data)
        if is_broken or len(data) < count or count > MAX_PART_HEADER:
            raise DecodeError("the header of a tile-part is damaged or cut off")
        count *= 16


def _segments(data: bytes) -> tuple[list[bytes], int]:
    """The marker segments after SOT that are whole or cut off by the end, and where the next one is."""
    segments: list[bytes] = []
    position = SOT_LENGTH
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker in WITHOUT_LENGTH:
            position += 2
            continue
        if marker == SOD or marker < 0xFF00 or length < 2:
            break
        segments.append(data[position : position + 2 + length])
        position += 2 + length
    return segments, position


def _extract_header(header: Header, tiles: Span) -> bytes:
    """SOC and the main header, with the image area reduced to some tiles (A.5.1)."""
    area = header.area_of(tiles)
    (x, y), (width, height) = header.tile_origin, header.tile
    siz = header.segments[0]
    sizes = struct.pack(
        ">8I", area.right, area.bottom, area.left, area.top, width, height,
        x + tiles.left * width, y + tiles.top * height,
    )  # fmt: skip
    return b"".join((START[:2], siz[:6], sizes, siz[38:], *header.segments[1:]))
