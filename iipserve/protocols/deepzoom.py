"""DeepZoom: a descriptor and tiles; level 0 is one pixel, the last level is full size."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from iipserve.errors import InvalidRequest
from iipserve.geometry import Size
from iipserve.http import Routed
from iipserve.image import ImageName
from iipserve.plan import Answer, Document
from iipserve.protocols import Images, PathRoute, Protocol, QueryRoute, Server
from iipserve.protocols.tiles import TileQuery, plan_zoom, square_tile, tile_query
from iipserve.protocols.url_text import image_names, path_target

NAMESPACE = "http://schemas.microsoft.com/deepzoom/2008"
TILE = re.compile(r"(.+)_files/([0-9]{1,9})/([0-9]{1,9})_([0-9]{1,9})\.([A-Za-z0-9]{1,8})", re.DOTALL)
DESCRIPTOR = re.compile(r"(.+)\.(dzi|xml|js|json)", re.DOTALL)


class DescriptorQuery(NamedTuple):
    """The description of the image."""

    names: tuple[ImageName, ...]
    kind: str
    """The requested extension, a key of `DESCRIPTORS`."""


Query: TypeAlias = TileQuery | DescriptorQuery


def parse(routed: Routed, server: Server) -> Query:
    """Read `NAME.dzi` or `NAME_files/LEVEL/COLUMN_ROW.FORMAT`.

    Raises:
        InvalidRequest: it is neither.
    """
    target = path_target(routed)
    if tile := TILE.fullmatch(target):
        return tile_query(tile, server.formats)
    if descriptor := DESCRIPTOR.fullmatch(target):
        return DescriptorQuery(image_names(descriptor[1]), descriptor[2])
    raise InvalidRequest(
        f"DeepZoom address {target!r} is neither NAME.dzi nor NAME_files/LEVEL/COLUMN_ROW.FORMAT"
    )


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The tile or the descriptor.

    Raises:
        TileNotFound: the image has no such level, or the level no such tile.
    """
    info = images.only()
    if isinstance(query, TileQuery):
        return Answer(plan_zoom(query, info.power_of_two_sizes, info, server))
    write = DESCRIPTORS[query.kind]
    return Answer(write(info.size, square_tile(info).width))


def _xml(size: Size, tile: int) -> Document:
    # IIPMooViewer reads this with regular expressions: keep spelling, order and double quotes.
    text = (
        f'<Image xmlns="{NAMESPACE}" TileSize="{tile}" Overlap="0" Format="jpg">'
        f'<Size Width="{size.width}" Height="{size.height}"/></Image>'
    )
    return Document(text.encode(), "application/xml")


def _json(size: Size, tile: int) -> Document:
    image = {
        "xmlns": NAMESPACE,
        "Format": "jpg",
        "Overlap": "0",
        "TileSize": str(tile),
        "Size": {"Width": str(size.width), "Height": str(size.height)},
    }
    return Document(json.dumps({"Image": image}).encode(), "application/json")


DESCRIPTORS: Mapping[str, Callable[[Size, int], Document]] = {
    "dzi": _xml,
    "xml": _xml,
    "js": _json,
    "json": _json,
}
"""By requested extension."""

PROTOCOL = Protocol("deepzoom", (PathRoute("deepzoom"), QueryRoute("deepzoom")), parse, plan)
