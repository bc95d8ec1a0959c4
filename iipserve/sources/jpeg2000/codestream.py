"""The main header of a JPEG 2000 codestream: sizes, components and coding styles, checked before any decoding.

Marker codes and fields: ISO/IEC 15444-1 Annex A.

Positions are of two kinds. The reference grid is what the codestream counts in. The pixel grid has one point for each
sample of the finest component: where all components are subsampled alike, the image has fewer pixels than the
reference grid has points. Pixel `k` is at point `k * step` of the reference grid.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from iipserve.containers.boxes import Read
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import ceil_div
from iipserve.sources.jpeg2000.coding_style import CodingStyle, count_blocks, styles_of, with_exceptions

START = b"\xff\x4f\xff\x51"
SOT, SOD, COD, COC, PPM, PPT = 0xFF90, 0xFF93, 0xFF52, 0xFF53, 0xFF60, 0xFF61
WITHOUT_LENGTH = range(0xFF30, 0xFF40)
"""Markers that are not followed by a length (A.1.3)."""
LENGTHS_AND_COMMENTS = frozenset((0xFF55, 0xFF57, 0xFF64))
"""TLM, PLM and COM: wrong or useless in an extract."""
MAX_HEADER = 16 << 20
"""Bytes."""
MAX_TILES = 65535
MAX_COMPONENTS = 16384
MAX_SIDE = 2**31 - 1
BLOCK_COST = 600
"""Bytes that OpenJPEG 2.5 allocates for each code-block of a tile, decoded or not."""
MAX_STRUCTURE = 1 << 30
"""Bytes that OpenJPEG may allocate for the code-blocks of one tile."""
MAX_OWN_STRUCTURE = 16 << 20
"""The same of a tile that has more code-blocks by its own header than by the main one, which costs are estimated from."""
MAX_WHOLE_SAMPLES = 100_000_000
"""Samples, of 4 bytes while decoding, of an HT tile, of which OpenJPEG 2.5 decodes no part (the rest is gray)."""
SUSPICIOUS_BLOCKS = 640_000
"""A tile of more code-blocks must have a byte of data for some of them: see `MAX_EMPTY_BLOCKS`."""
MAX_EMPTY_BLOCKS = 64
"""Code-blocks above `SUSPICIOUS_BLOCKS` for each byte of the codestream. One bit can say that many hold nothing (B.10.2)."""


class Span(NamedTuple):
    """Left, top, right and bottom of a rectangle; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


class Component(NamedTuple):
    """One component."""

    bits: int
    signed: bool
    dx: int
    """Columns of the pixel grid per sample."""
    dy: int


@dataclass(frozen=True, slots=True)
class Header:
    """The main header of a codestream, and its position in the file."""

    start: int
    """Offset of SOC in the file."""
    end: int
    """Offset after the last byte of the codestream in the file."""
    first_tile_part: int
    segments: tuple[bytes, ...]
    """The marker segments that an extract needs; SIZ is the first."""
    area: Span
    """The image area on the reference grid."""
    step: tuple[int, int]
    """Columns and rows of the reference grid per pixel."""
    tile_origin: tuple[int, int]
    tile: tuple[int, int]
    """Width and height of a tile on the reference grid."""
    components: tuple[Component, ...]
    layers: int
    styles: tuple[CodingStyle, ...]
    """Of each component."""
    packed_headers: tuple[bytes, ...] | None
    """The packet headers of each tile-part in file order, if they are in the main header (PPM)."""
    high_throughput: bool
    """Code-blocks may be high-throughput (HT) ones (ISO/IEC 15444-15)."""

    @property
    def image(self) -> Span:
        """The image area on the pixel grid."""
        return self._to_pixels(self.area)

    @property
    def columns(self) -> int:
        """Number of tiles across."""
        return ceil_div(self.area.right - self.tile_origin[0], self.tile[0])

    @property
    def rows(self) -> int:
        """Number of tiles down."""
        return ceil_div(self.area.bottom - self.tile_origin[1], self.tile[1])

    @property
    def decompositions(self) -> int:
        """Number of times the resolution of all components can be halved."""
        return min(style.levels for style in self.styles)

    @property
    def longest_tile(self) -> int:
        """Bytes of the tile that has most, estimated: four times the mean."""
        length = self.end - self.start
        return min(length, 4 * length // (self.columns * self.rows))

    @property
    def tile_pixels(self) -> tuple[int, int]:
        """Width and height of a tile on the pixel grid, rounded up."""
        return ceil_div(self.tile[0], self.step[0]), ceil_div(self.tile[1], self.step[1])

    def tiles_under(self, pixels: Span) -> Span:
        """The tiles, in columns and rows, that cover an area of the pixel grid."""
        area = self.on_reference_grid(pixels)
        (x, y), (width, height) = self.tile_origin, self.tile
        return Span(
            (area.left - x) // width, (area.top - y) // height,
            ceil_div(area.right - x, width), ceil_div(area.bottom - y, height),
        )  # fmt: skip

    def pixels_of(self, tiles: Span) -> Span:
        """The part of the pixel grid that a rectangle of tiles covers."""
        return self._to_pixels(self.area_of(tiles))

    def area_of(self, tiles: Span) -> Span:
        """The part of the image that a rectangle of tiles covers, on the reference grid."""
        (x, y), (width, height) = self.tile_origin, self.tile
        return Span(
            max(self.area.left, x + tiles.left * width), max(self.area.top, y + tiles.top * height),
            min(self.area.right, x + tiles.right * width), min(self.area.bottom, y + tiles.bottom * height),
        )  # fmt: skip

    def has_samples(self, column: int, row: int) -> bool:
        """Whether any component has a sample in this tile; encoders leave out tiles without (B-12)."""
        area = self.pixels_of(Span(column, row, column + 1, row + 1))
        return any(
            ceil_div(area.left, component.dx) < ceil_div(area.right, component.dx)
            and ceil_div(area.top, component.dy) < ceil_div(area.bottom, component.dy)
            for component in self.components
        )

    def on_reference_grid(self, pixels: Span) -> Span:
        """The smallest area of the reference grid that holds an area of the pixel grid."""
        dx, dy = self.step
        return Span(
            pixels.left * dx, pixels.top * dy, (pixels.right - 1) * dx + 1, (pixels.bottom - 1) * dy + 1
        )

    def _to_pixels(self, area: Span) -> Span:
        dx, dy = self.step
        return Span(
            ceil_div(area.left, dx),
            ceil_div(area.top, dy),
            ceil_div(area.right, dx),
            ceil_div(area.bottom, dy),
        )


# -- main header -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Segments:
    """The marker segments of the main header as they are in the file."""

    kept: list[bytes] = field(default_factory=list)
    siz: bytes = b""
    cod: bytes = b""
    coc: list[bytes] = field(default_factory=list)
    packed_headers: dict[int, bytes] = field(default_factory=dict)
    """Content of the PPM segments by their index."""
    high_throughput: bool = False
    end: int = 0
    """Offset after the last one."""


def read_header(read: Read, start: int, end: int) -> Header:
    """Read the main header of the codestream at offsets `start` to `end` of the file.

    Raises:
        DecodeError: it is cut off or contradictory.
        UnsupportedImage: decoding it would take too much memory.
    """
    if read(4, start) != START:
        raise DecodeError("the codestream does not begin with SOC and SIZ")
    segments = _read_segments(read, start + 2, end)
    try:
        header = _header(segments, start, end)
    except (struct.error, IndexError) as error:
        raise DecodeError("the codestream's main header is damaged") from error
    _check_size(header)
    _check_cost(header, header.styles)
    return header


def _read_segments(read: Read, position: int, end: int) -> _Segments:
    """All segments up to the first SOT."""
    found = _Segments()
    limit = position + MAX_HEADER
    while position < limit:
        marker, length = struct.unpack(">HH", read(4, position).ljust(4, b"\0"))
        if marker == SOT:
            found.end = position
            return found
        if marker in WITHOUT_LENGTH:
            position += 2
            continue
        if marker < 0xFF00 or length < 2 or position + 2 + length > end:
            break
        if marker not in LENGTHS_AND_COMMENTS:
            _keep(found, marker, read(2 + length, position))
        position += 2 + length
    raise DecodeError("the codestream's main header is damaged or cut off")


def _keep(found: _Segments, marker: int, segment: bytes) -> None:
    if marker == PPM:  # index, then data (A.7.4)
        found.packed_headers[int.from_bytes(segment[4:5], "big")] = segment[5:]
        return
    found.kept.append(segment)
    match marker:
        case 0xFF51:  # SIZ
            found.siz = found.siz or segment
        case 0xFF52:  # COD
            found.cod = segment
        case 0xFF53:  # COC
            found.coc.append(segment)
        case 0xFF50:  # CAP: capabilities of part 15 (A.5.2)
            found.high_throughput = bool(int.from_bytes(segment[4:8], "big") & 1 << 32 - 15)


def _header(segments: _Segments, start: int, end: int) -> Header:
    siz, cod = segments.siz, segments.cod
    right, bottom, left, top, width, height, tile_x, tile_y, count = struct.unpack_from(">8IH", siz, 6)
    if not 1 <= count <= MAX_COMPONENTS:
        raise DecodeError(f"the codestream declares {count} components")
    declared = [struct.unpack_from("BBB", siz, 40 + 3 * index) for index in range(count)]
    if not all(dx and dy for _, dx, dy in declared):
        raise DecodeError("the codestream's components are damaged")
    step = math.gcd(*(dx for _, dx, _ in declared)), math.gcd(*(dy for _, _, dy in declared))
    components = tuple(
        Component((depth & 0x7F) + 1, bool(depth & 0x80), dx // step[0], dy // step[1])
        for depth, dx, dy in declared
    )
    (layers,) = struct.unpack_from(">H", cod, 6)
    return Header(
        start, end, segments.end, tuple(segments.kept), Span(left, top, right, bottom), step, (tile_x, tile_y),
        (width, height), components, layers, styles_of(cod, segments.coc, count),
        _packet_headers(segments.packed_headers), segments.high_throughput,
    )  # fmt: skip


def _packet_headers(segments: dict[int, bytes]) -> tuple[bytes, ...] | None:
    """The packet headers of each tile-part: a length of 4 bytes before each, across all PPM segments (A.7.4)."""
    if not segments:
        return None
    data = b"".join(segments[index] for index in sorted(segments))
    found, position = [], 4
    while position <= len(data):
        length = int.from_bytes(data[position - 4 : position], "big")
        if position + length > len(data):  # the tile-part counts as cut off
            break
        found.append(data[position : position + length])
        position += length + 4
    return tuple(found)


def tile_styles(header: Header, segments: Sequence[bytes]) -> tuple[CodingStyle, ...]:
    """The coding styles of a tile, whose own header overrides the main one (A.6.1).

    Args:
        header: of the codestream.
        segments: marker segments of the tile's first tile-part.

    Raises:
        DecodeError: they are damaged.
        UnsupportedImage: decoding the tile would take too much memory.
    """
    by_marker = [(int.from_bytes(segment[:2], "big"), segment) for segment in segments]
    cod = next((segment for marker, segment in by_marker if marker == COD), None)
    coc = [segment for marker, segment in by_marker if marker == COC]
    try:
        count = len(header.components)
        styles = styles_of(cod, coc, count) if cod else with_exceptions(list(header.styles), coc)
    except IndexError as error:
        raise DecodeError("the header of a tile-part is damaged") from error
    _check_cost(header, styles)
    if count_blocks(_largest_tile(header)[2], styles) * BLOCK_COST > max(
        MAX_OWN_STRUCTURE, structure_bytes(header)
    ):
        raise UnsupportedImage("a tile has far more code-blocks than the main header says")
    return styles


def _check_size(header: Header) -> None:
    """Refuse sizes that A.5.1 forbids."""
    image, (tile_x, tile_y), (width, height) = header.area, header.tile_origin, header.tile
    if not (image.left < image.right <= MAX_SIDE and image.top < image.bottom <= MAX_SIDE):
        raise DecodeError(
            f"the codestream declares an image from ({image.left}, {image.top}) to ({image.right}, {image.bottom})"
        )
    if not (tile_x <= image.left < tile_x + width and tile_y <= image.top < tile_y + height):
        raise DecodeError(f"the codestream's tiles of {width} x {height} pixels do not cover the image")
    if header.columns * header.rows > MAX_TILES:
        raise DecodeError(
            f"the codestream declares {header.columns * header.rows} tiles; at most {MAX_TILES} are possible"
        )
    if header.layers < 1 or any(component.bits > 38 for component in header.components):
        raise DecodeError("the codestream's components or layers are damaged")
    pixels = header.image
    if any(
        ceil_div(pixels.left, part.dx) >= ceil_div(pixels.right, part.dx)
        or ceil_div(pixels.top, part.dy) >= ceil_div(pixels.bottom, part.dy)
        for part in set(header.components)
    ):
        raise DecodeError("a component of the codestream holds no samples")


def _check_cost(header: Header, styles: Sequence[CodingStyle]) -> None:
    """Refuse tiles that would cost OpenJPEG too much memory, or have far more code-blocks than the file has bytes."""
    width, height, sizes = _largest_tile(header)
    blocks = count_blocks(sizes, styles)
    if header.high_throughput and sum(map(math.prod, sizes)) > MAX_WHOLE_SAMPLES:
        raise UnsupportedImage(
            f"high-throughput tiles are decoded whole; one of {width} x {height} pixels takes too much memory"
        )
    if blocks > SUSPICIOUS_BLOCKS + MAX_EMPTY_BLOCKS * (header.end - header.start):
        raise DecodeError(f"the file is too short for one tile of {width} x {height} pixels")
    if blocks * BLOCK_COST > MAX_STRUCTURE:
        raise UnsupportedImage(
            f"one tile of {width} x {height} pixels takes too much memory; an image of this size must be tiled"
        )


def structure_bytes(header: Header) -> int:
    """Bytes that OpenJPEG allocates for the code-blocks of the largest tile, however little of it is decoded."""
    return count_blocks(_largest_tile(header)[2], header.styles) * BLOCK_COST


def _largest_tile(header: Header) -> tuple[int, int, list[tuple[int, int]]]:
    """Width and height of the largest tile, on the pixel grid, and columns and rows of its components."""
    image, (tile_width, tile_height) = header.image, header.tile_pixels
    width, height = min(tile_width, image.right - image.left), min(tile_height, image.bottom - image.top)
    return (
        width,
        height,
        [(ceil_div(width, part.dx), ceil_div(height, part.dy)) for part in header.components],
    )
