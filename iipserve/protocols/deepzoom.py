"""DeepZoom: a descriptor and tiles; level 0 is one pixel, the last level is full size.

OpenSeadragon requests `NAME.js?callback=NAME` with a script element: the answer is a script that calls this function.
"""

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
from iipserve.protocols.tiles import EXTENSION, TileQuery, plan_zoom, square_tile, tile_query
from iipserve.protocols.url_text import decoded, image_names, path_target

NAMESPACE = "http://schemas.microsoft.com/deepzoom/2008"
TILE = re.compile(
    rf"(.+)_files/([0-9]{{1,9}})/([0-9]{{1,9}})_([0-9]{{1,9}}){EXTENSION}", re.DOTALL | re.IGNORECASE
)
DESCRIPTOR = re.compile(r"(.+)\.(dzi|xml|js|json)(?:\?.*)?", re.DOTALL | re.IGNORECASE)
FUNCTION_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,99}")
"""An identifier of JavaScript (ECMA-262 section 12.7), in ASCII."""
NO_SNIFFING = ("X-Content-Type-Options", "nosniff")
"""A script must not be taken for anything else (WHATWG Fetch section 3.6)."""


class DescriptorQuery(NamedTuple):
    """The description of the image."""

    names: tuple[ImageName, ...]
    kind: str
    """The requested extension in lower case, a key of `DESCRIPTORS`."""
    callback: str | None = None
    """The JavaScript function to call with the description; None for the bare description."""


Query: TypeAlias = TileQuery | DescriptorQuery


def parse(routed: Routed, server: Server) -> Query:
    """Read `NAME.dzi` or `NAME_files/LEVEL/COLUMN_ROW.FORMAT`, in either case.

    Raises:
        InvalidRequest: it is neither.
    """
    target = path_target(routed)
    if tile := TILE.fullmatch(target):
        return tile_query(tile, server.formats)
    if descriptor := DESCRIPTOR.fullmatch(target):
        kind = descriptor[2].lower()
        callback = _callback(routed.request.query) if kind == "js" else None
        return DescriptorQuery(image_names(descriptor[1]), kind, callback)
    raise InvalidRequest(
        f"DeepZoom address {target!r} is neither NAME.dzi nor NAME_files/LEVEL/COLUMN_ROW.FORMAT"
    )


def _callback(query: str) -> str | None:
    """The value of the last parameter `callback`; None without one.

    Raises:
        InvalidRequest: it is not an identifier: anything else would let a link put a script into this site.
    """
    values = [
        value for name, _, value in (part.partition("=") for part in query.split("&")) if name == "callback"
    ]
    if not values:
        return None
    name = decoded(values[-1])
    if not FUNCTION_NAME.fullmatch(name):
        raise InvalidRequest(
            f"callback {name!r} is not the name of a JavaScript function: letters, digits, _ and $, at most 100"
        )
    return name


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The tile or the descriptor.

    Raises:
        TileNotFound: the image has no such level, or the level no such tile.
    """
    info = images.only()
    if isinstance(query, TileQuery):
        return Answer(plan_zoom(query, info.power_of_two_sizes, info, server))
    document = DESCRIPTORS[query.kind](info.size, square_tile(info).width)
    return (
        Answer(document)
        if query.callback is None
        else Answer(_script(query.callback, document), (NO_SNIFFING,))
    )


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


def _script(function: str, document: Document) -> Document:
    """A call of the function with the JSON document (JSONP); the comment keeps the name from being the first bytes."""
    return Document(b"/**/%s(%s);" % (function.encode(), document.body), "text/javascript")


DESCRIPTORS: Mapping[str, Callable[[Size, int], Document]] = {
    "dzi": _xml,
    "xml": _xml,
    "js": _json,
    "json": _json,
}
"""By requested extension."""

PROTOCOL = Protocol("deepzoom", (PathRoute("deepzoom"), QueryRoute("deepzoom")), parse, plan)
