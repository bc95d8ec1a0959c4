"""Zoomify: ImageProperties.xml and tiles; tier 0 is the whole image in one tile, the last is full size.

Clients disagree on the sizes of tiers: halves rounded down (the original tools, iipsrv) or up
(libvips, OpenSeadragon's columns). The number of tiers and NUMTILES follow the former; the tiles of a tier
follow the latter, whose grid contains the former's.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from iipserve.errors import InvalidRequest
from iipserve.geometry import Size, TileGrid
from iipserve.http import Routed
from iipserve.image import ImageInfo, ImageName
from iipserve.plan import Answer, Document
from iipserve.protocols import Images, PathRoute, Protocol, QueryRoute, Server
from iipserve.protocols.tiles import TileQuery, plan_zoom, square_tile, tile_query
from iipserve.protocols.url_text import image_names, path_target

# Clients count tile groups in different ways, so the number is ignored.
TILE = re.compile(
    r"(.+)/TileGroup[0-9]{1,9}/([0-9]{1,9})-([0-9]{1,9})-([0-9]{1,9})\.([A-Za-z0-9]{1,8})", re.DOTALL
)
PROPERTIES = re.compile(r"(.+)/ImageProperties\.xml", re.DOTALL)


class PropertiesQuery(NamedTuple):
    """The description of the image."""

    names: tuple[ImageName, ...]


Query: TypeAlias = TileQuery | PropertiesQuery


def parse(routed: Routed, server: Server) -> Query:
    """Read `NAME/ImageProperties.xml` or `NAME/TileGroupN/TIER-COLUMN-ROW.FORMAT`.

    Raises:
        InvalidRequest: it is neither.
    """
    target = path_target(routed)
    if tile := TILE.fullmatch(target):
        return tile_query(tile, server.formats)
    if properties := PROPERTIES.fullmatch(target):
        return PropertiesQuery(image_names(properties[1]))
    raise InvalidRequest(
        f"Zoomify address {target!r} is neither NAME/ImageProperties.xml "
        "nor NAME/TileGroupN/TIER-COLUMN-ROW.FORMAT"
    )


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The tile or the properties.

    Raises:
        TileNotFound: the image has no such tier, or the tier no such tile.
    """
    info = images.only()
    if isinstance(query, TileQuery):
        sizes = info.power_of_two_sizes[: tier_count(info.size, square_tile(info))]
        return Answer(plan_zoom(query, sizes, info, server))
    return Answer(_properties(info))


def tier_count(size: Size, tile: Size) -> int:
    """Number of tiers: the full size and its halves, rounded down, until one fits in a tile."""
    width, height, count = size.width, size.height, 1
    while width > tile.width or height > tile.height:
        width, height, count = width // 2, height // 2, count + 1
    return count


def tile_count(size: Size, tile: Size) -> int:
    """Number of tiles of all tiers, each rounded down from the one above."""
    count = 0
    for _ in range(tier_count(size, tile)):
        count += TileGrid(size, tile).count
        size = size.floor_halved()
    return count


def _properties(info: ImageInfo) -> Document:
    tile = square_tile(info)
    # IIPMooViewer splits this at the quotes and counts: keep order and quotes.
    text = (
        f'<IMAGE_PROPERTIES WIDTH="{info.size.width}" HEIGHT="{info.size.height}" NUMTILES="{tile_count(info.size, tile)}" '
        f'NUMIMAGES="1" VERSION="1.8" TILESIZE="{tile.width}" />'
    )
    return Document(text.encode(), "application/xml")


PROTOCOL = Protocol("zoomify", (PathRoute("zoomify"), QueryRoute("zoomify")), parse, plan)
