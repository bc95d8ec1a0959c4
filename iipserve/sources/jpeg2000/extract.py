"""Extraction of tiles from a JPEG 2000 codestream.

An extract is a codestream of its own that holds a rectangle of tiles of a larger one, bit for bit: the main header
with a smaller image area, then the tile-parts, renumbered. OpenJPEG decodes it without reading the whole file, and
without allocating 65,535 tiles. Fields: ISO/IEC 15444-1 Annex A.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from iipserve.errors import DecodeError
from iipserve.sources.jpeg2000.codestream import SOT, START, Header, Span

EOC = b"\xff\xd9"
MAX_TILE_PARTS = 1_000_000


class TilePart(NamedTuple):
    """Where a tile-part is in the file, from SOT on."""

    position: int
    length: int
    part: int
    """TPsot: among the parts of its tile."""
    parts: int
    """TNsot: number of parts of the tile; 0 if it is not given."""


@dataclass(slots=True)
class _Tile:
    parts: list[TilePart] = field(default_factory=list)
    cut_off: bool = False


class TileParts:
    """Where the data of each tile is, found by following the SOT markers once."""

    def __init__(self, descriptor: int, header: Header) -> None:
        """Follow the SOT markers; damage is reported when a tile is asked for."""
        self._tiles: dict[int, _Tile] = {}
        position = header.first_tile_part
        for _ in range(MAX_TILE_PARTS):
            if position >= header.end:
                return
            marker, _, tile, length, index, count = struct.unpack(
                ">HHHIBB", os.pread(descriptor, 12, position).ljust(12, b"\0")
            )
            if marker != SOT:
                return
            if length == 0:  # up to EOC (A.4.2)
                length = _end_of_data(descriptor, header.end) - position
            if length < 12:
                return
            known = self._tiles.setdefault(tile, _Tile())
            known.parts.append(TilePart(position, length, index, count))
            position += length
            known.cut_off |= position > header.end

    def of_tile(self, index: int) -> list[TilePart]:
        """All parts of a tile in order.

        Raises:
            DecodeError: the file ends before the tile does.
        """
        tile = self._tiles.get(index)
        if tile is None or tile.cut_off or len(tile.parts) < max(part.parts for part in tile.parts):
            raise DecodeError(f"tile {index} of the codestream is cut off or missing")
        return tile.parts


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
            for part in parts.of_tile(row * header.columns + column):
                pieces.append(struct.pack(">HHHIBB", SOT, 10, index, part.length, part.part, part.parts))
                pieces.append((part.position + 12, part.length - 12))
            index += 1
    pieces.append(EOC)
    return TileStream(descriptor, pieces)


def whole_stream(descriptor: int, header: Header) -> TileStream:
    """The codestream as it is in the file."""
    return TileStream(descriptor, [(header.start, header.end - header.start)])


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
