"""IIP's tiles (JTL, TIL): resolution 0 is the smallest, tiles are indexed row by row."""

from __future__ import annotations

from dataclasses import dataclass

from iipserve.errors import TileNotFound, TooLarge
from iipserve.geometry import Region, Size, TileGrid, ceil_div, new_tuple
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import Bundle, Encoding, LaterPlans, RenderPlan
from iipserve.processing import pipeline
from iipserve.processing.tone import SampleRange
from iipserve.protocols import Server
from iipserve.protocols.encodings import raw_encoding, tile_encoding
from iipserve.protocols.iip.arguments import Rotation
from iipserve.protocols.iip.commands import TileQuery, TileRangeQuery
from iipserve.protocols.iip.modification import apply_modifiers
from iipserve.protocols.iip.modifiers import DEFAULT_VIEW, View
from iipserve.protocols.iip.objects import NETFPX
from iipserve.protocols.tiles import plan_tile

MAX_TILES = 1024
"""Tiles per TIL."""
UPSIDE_DOWN = Rotation(mirrored=False, degrees=180.0)
AS_STORED = SampleRange(((None, 0.0, 65535.0),))
"""Leaves 16-bit samples unchanged."""
JPEG_FRAME = b"\x02\0\0\0\0\x11\0\0"
"""Compression type 2 and its subtype."""
RAW_FRAME = b"\x03\0\0\0\0\x11\0\0"
"""16-bit samples in the server's byte order (iipsrv)."""


def resolution_size(info: ImageInfo, resolution: int) -> Size:
    """The size of a resolution.

    Raises:
        TileNotFound: the image has no such resolution.
    """
    sizes = info.resolution_sizes
    if not 0 <= resolution < len(sizes):
        raise TileNotFound(f"resolution {resolution} does not exist; the image has 0 to {len(sizes) - 1}")
    return sizes[len(sizes) - 1 - resolution]


def indexed_tile_region(info: ImageInfo, grid_size: Size, tile: int) -> Region:
    """The pixels of a tile in a resolution of `grid_size`.

    Raises:
        TileNotFound: the resolution has no such tile.
    """
    grid = new_tuple(TileGrid, (grid_size, info.tile))
    row, column = divmod(tile, grid.columns)
    region = grid.region(column, row)
    if region is None:
        count = grid.tile_count
        raise TileNotFound(f"tile {tile} does not exist; this resolution has 0 to {count - 1}")
    return region


def plan_query_tile(query: TileQuery, info: ImageInfo, server: Server) -> RenderPlan:
    """The plan for one tile."""
    return _plan(query, tile_encoding(query.format, info, server), info, server)


def _plan(query: TileQuery, encoding: Encoding, info: ImageInfo, server: Server) -> RenderPlan:
    view = query.view
    grid_size = resolution_size(info, query.resolution)
    region = indexed_tile_region(info, grid_size, query.tile)
    if view is DEFAULT_VIEW:
        return plan_tile(info, server.config, grid_size, region, encoding)
    if view.rotation == UPSIDE_DOWN:
        # iipsrv: indices are those of the rotated image, but only at 180 degrees
        region = indexed_tile_region(
            info, grid_size, TileGrid(grid_size, info.tile).tile_count - 1 - query.tile
        )
    return apply_modifiers(plan_tile(info, server.config, grid_size, region, encoding), view, info, server)


def plan_tile_range(query: TileRangeQuery, info: ImageInfo, server: Server) -> Bundle:
    """The rectangle spanned by two tiles, column by column (iipsrv).

    Raises:
        TooLarge: it has too many tiles.
    """
    grid_size = resolution_size(info, query.resolution)
    columns = ceil_div(grid_size.width, info.tile.width)
    for tile in (query.first, query.last):
        indexed_tile_region(info, grid_size, tile)  # raises if it does not exist
    (row, column), (other_row, other_column) = divmod(query.first, columns), divmod(query.last, columns)
    across = range(min(column, other_column), max(column, other_column) + 1)
    down = range(min(row, other_row), max(row, other_row) + 1)
    if len(across) * len(down) > MAX_TILES:
        raise TooLarge(f"{len(across) * len(down)} tiles requested; the maximum is {MAX_TILES} per TIL")
    tiles = tuple(row * columns + column for column in across for row in down)
    encoding, view, frame = _framing(query.view, info, server)

    def plan(index: int) -> RenderPlan:
        return _plan(TileQuery(query.names, "", query.resolution, tiles[index], view), encoding, info, server)

    plan(0)  # what is wrong with one is with all, and refused before any is rendered
    return Bundle(LaterPlans(len(tiles), plan), NETFPX, TileFrame(query.resolution, tiles, frame))


def _framing(view: View, info: ImageInfo, server: Server) -> tuple[Encoding, View, bytes]:
    """How the tiles of TIL are encoded, their modifiers, and the frame's type and subtype.

    16-bit images are sent as samples (iipsrv), unless the client requests 8 bits.
    """
    if info.dtype != "uint16" or view.bits == 8:
        return tile_encoding("jpeg", info, server), view, JPEG_FRAME
    if info.color_space in (ColorSpace.GRAY, ColorSpace.SRGB) and not _has_whole_range(info):
        view = view._replace(operations=pipeline.ordered((AS_STORED, *view.operations)))
    return raw_encoding(), view, RAW_FRAME


def _has_whole_range(info: ImageInfo) -> bool:
    return info.bits == 16 and all(found == (0, 65535) for found in info.band_ranges)


@dataclass(frozen=True, slots=True)
class TileFrame:
    """The frame of each tile in an answer to TIL."""

    resolution: int
    tiles: tuple[int, ...]
    kind: bytes
    """Compression type and subtype."""

    def __call__(self, position: int, body: bytes) -> bytes:
        """The tile after its address, length and kind."""
        address = f"Tile,{self.resolution},{self.tiles[position]},0/{len(body) + 8}:".encode()
        return b"".join((address, self.kind, body, b"\r\n"))
