"""Zoomify: ImageProperties.xml and tiles; tier 0 is the whole image in one tile, the last is full size.

Clients disagree on the sizes of tiers: halves rounded down (the original tools, iipsrv, OpenLayers' `truncated`) or up
(libvips, OpenLayers' `default`). ZOOMIFY_ROUNDING says which of the two the number of tiers and NUMTILES follow; of an
image of 513 pixels they are 2 and 3 tiers. The tiles of a tier are always those of the grid that is rounded up, which
contains the other. A tile that exists only by the other number of tiers is served as well.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from iipserve.errors import InvalidRequest, TileNotFound
from iipserve.geometry import Size, TileGrid
from iipserve.http import Routed
from iipserve.image import ImageInfo, ImageName
from iipserve.plan import Answer, Document, RenderPlan
from iipserve.protocols import Images, PathRoute, Protocol, QueryRoute, Server
from iipserve.protocols.tiles import EXTENSION, TileQuery, plan_zoom, square_tile, tile_query
from iipserve.protocols.url_text import image_names, path_target

# Clients count tile groups in different ways, so the number is ignored.
TILE = re.compile(
    rf"(.+)/TileGroup[0-9]{{0,9}}/([0-9]{{1,9}})-([0-9]{{1,9}})-([0-9]{{1,9}}){EXTENSION}",
    re.DOTALL | re.IGNORECASE,
)
PROPERTIES = re.compile(r"(.+)/ImageProperties\.xml(?:\?.*)?", re.DOTALL | re.IGNORECASE)


class PropertiesQuery(NamedTuple):
    """The description of the image."""

    names: tuple[ImageName, ...]


Query: TypeAlias = TileQuery | PropertiesQuery


def parse(routed: Routed, server: Server) -> Query:
    """Read `NAME/ImageProperties.xml` or `NAME/TileGroupN/TIER-COLUMN-ROW.FORMAT`, in either case.

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
    rounds_up = server.config.zoomify_rounding == "up"
    if isinstance(query, TileQuery):
        return Answer(_plan_tile(query, info, server, rounds_up=rounds_up))
    return Answer(_properties(info, rounds_up=rounds_up))


def _plan_tile(query: TileQuery, info: ImageInfo, server: Server, *, rounds_up: bool) -> RenderPlan:
    """The plan for a tile, by the other number of tiers where it does not exist by the configured one.

    Raises:
        TileNotFound: it exists by neither.
    """
    own, other = (
        tier_count(info.size, square_tile(info), rounds_up=way) for way in (rounds_up, not rounds_up)
    )
    try:
        return plan_zoom(query, info.power_of_two_sizes[:own], info, server)
    except TileNotFound:
        if own == other:
            raise
        with suppress(TileNotFound):
            return plan_zoom(query, info.power_of_two_sizes[:other], info, server)
        raise


def _halved(size: Size, *, rounds_up: bool) -> Size:
    return size.ceil_scaled(2) if rounds_up else size.floor_halved()


def tier_sizes(size: Size, tile: Size, *, rounds_up: bool) -> list[Size]:
    """The sizes of the tiers, full size first: halves, until one fits in a tile."""
    sizes = [size]
    while not sizes[-1].fits_in(tile):
        sizes.append(_halved(sizes[-1], rounds_up=rounds_up))
    return sizes


def tier_count(size: Size, tile: Size, *, rounds_up: bool) -> int:
    """Number of tiers: the halves until one fits in a tile."""
    return len(tier_sizes(size, tile, rounds_up=rounds_up))


def _properties(info: ImageInfo, *, rounds_up: bool) -> Document:
    tile = square_tile(info)
    count = sum(TileGrid(size, tile).tile_count for size in tier_sizes(info.size, tile, rounds_up=rounds_up))
    # IIPMooViewer splits this at the quotes and counts: keep order and quotes.
    text = (
        f'<IMAGE_PROPERTIES WIDTH="{info.size.width}" HEIGHT="{info.size.height}" NUMTILES="{count}" '
        f'NUMIMAGES="1" VERSION="1.8" TILESIZE="{tile.width}" />'
    )
    return Document(text.encode(), "application/xml")


PROTOCOL = Protocol("zoomify", (PathRoute("zoomify"), QueryRoute("zoomify")), parse, plan)
