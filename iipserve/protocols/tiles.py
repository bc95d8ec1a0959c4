"""Tiles of an advertised grid, as DeepZoom, Zoomify, IIIF and IIP plan them, and rules these share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from iipserve.config import Config
from iipserve.errors import TileNotFound
from iipserve.formats import Formats
from iipserve.geometry import Region, Size, TileGrid, ceil_div, new_tuple
from iipserve.image import ColorSpace, ImageInfo, ImageName
from iipserve.plan import Crop, Encoding, RenderPlan, image_ref
from iipserve.protocols import Server
from iipserve.protocols.encodings import tile_encoding
from iipserve.protocols.url_text import image_names
from iipserve.pyramid import place_tile

MAX_SQUARE_TILE = 1024
USUAL_TILE = 256
EXTENSION = r"(?:\.([A-Za-z0-9]{1,8}))?(?:\?.*)?"
"""The end of a tile's address. Its extension may be missing, as with iipsrv, which writes JPEG whatever it is; a query
that was appended to an address which is itself in a query string is ignored."""
USUAL_EXTENSION = "jpg"
ANGLE_DECIMALS = 6
"""Precision of angles: a smaller difference moves no pixel visibly."""


class TileQuery(NamedTuple):
    """One tile of a pyramid whose zoom levels are counted from the smallest: DeepZoom, Zoomify."""

    names: tuple[ImageName, ...]
    zoom: int
    """0 is the smallest level that the protocol advertises."""
    column: int
    row: int
    format: str
    """Name of the output format."""


def tile_query(match: re.Match[str], formats: Formats) -> TileQuery:
    """The query in a tile address.

    Args:
        match: five groups: identifier, zoom, column, row, extension or None.
        formats: those of the server.

    Raises:
        InvalidRequest: the identifier is malformed, or no such format is written.
    """
    name, zoom, column, row, extension = match.groups()
    format = formats.of_tile_extension((extension or USUAL_EXTENSION).lower())
    return TileQuery(image_names(name), int(zoom), int(column), int(row), format.name)


def plan_zoom(query: TileQuery, sizes: Sequence[Size], info: ImageInfo, server: Server) -> RenderPlan:
    """The plan for a tile of a pyramid of square tiles.

    Args:
        query: the tile.
        sizes: of all zoom levels, full size first.
        info: the image.
        server: settings and formats.

    Raises:
        TileNotFound: the image has no such zoom level, or the level no such tile.
    """
    last = len(sizes) - 1
    if query.zoom > last:
        raise TileNotFound(f"zoom level {query.zoom} does not exist; the image has 0 to {last}")
    grid_size = sizes[last - query.zoom]
    region = tile_region(grid_size, square_tile(info), query.column, query.row)
    return plan_tile(info, server.config, grid_size, region, tile_encoding(query.format, info, server))


def square_tile(info: ImageInfo) -> Size:
    """The tile of protocols that have only square tiles: the file's own if it is square and not too large."""
    tile = info.tile
    if tile.width == tile.height and tile.width <= MAX_SQUARE_TILE:
        return tile
    return Size(USUAL_TILE, USUAL_TILE)


def tile_region(grid_size: Size, tile: Size, column: int, row: int) -> Region:
    """The pixels of one tile in an advertised level.

    Raises:
        TileNotFound: the level has no such tile.
    """
    grid = new_tuple(TileGrid, (grid_size, tile))
    region = grid.region(column, row)
    if region is None:
        raise TileNotFound(
            f"tile at column {column}, row {row} does not exist; this level has columns 0 to {grid.columns - 1} "
            f"and rows 0 to {grid.rows - 1}"
        )
    return region


def plan_tile(
    info: ImageInfo,
    config: Config,
    grid_size: Size,
    region: Region,
    encoding: Encoding,
) -> RenderPlan:
    """The plan for one tile of an advertised level of `grid_size`."""
    image = image_ref(info, quality_layers(info, config) if info.quality_layers > 1 else 0)
    return RenderPlan(new_tuple(Crop, (image, *place_tile(info, grid_size, region))), encoding)


def quality_layers(info: ImageInfo, config: Config, requested: int = 0) -> int:
    """The number of JPEG 2000 quality layers to decode; 0 is all (iipsrv's MAX_LAYERS and LYR).

    Args:
        info: the image.
        config: MAX_LAYERS: above 0 is the maximum, -1 leaves it to the client, 0 is half unless requested.
        requested: by the client; 0 or less is not requested.
    """
    available, maximum = info.quality_layers, config.max_layers
    if maximum > 0:
        layers = requested if 0 < requested < maximum else maximum
    else:
        layers = requested if requested > 0 else available if maximum < 0 else ceil_div(available, 2)
    return 0 if layers >= available else layers


def has_color(info: ImageInfo) -> bool:
    """Whether the image is displayed in color."""
    return info.color_space is not ColorSpace.GRAY and info.color_bands >= 3


def rounded_angle(degrees: float) -> float:
    """The equivalent angle from 0 to below 360, rounded to `ANGLE_DECIMALS`."""
    return round(degrees % 360, ANGLE_DECIMALS) % 360
