"""Tiles by zoom, column and row, as most viewers of the web ask for them, and their description as TileJSON.

`LAYER/Z/X/Y.png` of WebMercatorQuad, `LAYER/Z/X/Y@2x.png` with twice the pixels, `LAYER/Z/X/Y.json` tells which images made a tile, `LAYER/tiles.json`.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

from iipserve.errors import InvalidRequest
from iipserve.geo import require
from iipserve.geo.layer import Layer
from iipserve.geo.ows import kvp
from iipserve.http import Routed
from iipserve.http.public_address import headers_read
from iipserve.image import ImageName
from iipserve.plan import Answer, Document
from iipserve.protocols import Images, PathRoute, Protocol, Server
from iipserve.protocols.collection_selection import selected
from iipserve.protocols.map_tiles import (
    NotThere,
    TileName,
    check_offered,
    entry_of,
    find_layer,
    format_of,
    offered_set,
    plan_tile,
    service_root,
    style_of,
)
from iipserve.protocols.tile_images import EXTENSION, plan_tile_images
from iipserve.protocols.tilejson import TILEJSON_SET, tilejson_document
from iipserve.protocols.url_text import decoded

TILE = re.compile(
    r"(.+)/([0-9]{1,9})/([0-9]{1,9})/([0-9]{1,9})(@2x)?(?:\.([A-Za-z0-9]{1,8}))?", re.ASCII | re.DOTALL
)
DESCRIPTION = re.compile(r"(.+)/tiles\.json", re.DOTALL)
USUAL_EXTENSION = "png"


class TileQuery(NamedTuple):
    """A tile."""

    names: tuple[ImageName, ...]
    tile: TileName
    is_document: bool = False
    """It is asked which images made it."""


class DescriptionQuery(NamedTuple):
    """TileJSON of a layer."""

    names: tuple[ImageName, ...]
    layer: Layer
    style: str
    template: str
    """Address of its tiles, with `{z}`, `{x}`, `{y}`."""


Query: TypeAlias = TileQuery | DescriptionQuery


def parse(routed: Routed, server: Server) -> Query:
    """Read a path; slashes in the identifier of the layer may be encoded or not. `style` names a style.

    Raises:
        InvalidRequest: it is of neither form, or a parameter is malformed.
        NotThere: there is no such layer.
        UnsupportedEncoding: the format is not offered.
        NotInstalled: the extra `geo` is not.
        Forbidden: the service file switches map tiles off.
    """
    require()
    check_offered(server.catalog().metadata)
    parameters = kvp.read(routed.request)
    style = parameters.get("style")
    if match := TILE.fullmatch(routed.target):
        name, zoom, column, row, dense, extension = match.groups()
        layer = selected(find_layer(decoded(name), server, tiled=True), parameters)
        is_document = (extension or "").lower() == EXTENSION
        format = format_of(USUAL_EXTENSION if is_document else extension or USUAL_EXTENSION, server)
        tile = TileName(layer, TILEJSON_SET, zoom, int(row), int(column), format, style, 2 if dense else 1)
        return TileQuery(layer.names, tile, is_document)
    if match := DESCRIPTION.fullmatch(routed.target):
        layer = find_layer(decoded(match[1]), server, tiled=True)
        root, more = service_root(routed, server, "xyz"), f"?style={quote(style, safe='')}" if style else ""
        extension = parameters.get("f", USUAL_EXTENSION)
        format_of(extension, server)
        tiles = (
            f"{root}{quote(layer.identifier, safe='')}/{{z}}/{{x}}/{{y}}.{quote(extension, safe='')}{more}"
        )
        return DescriptionQuery(layer.names, layer, style, tiles)
    raise InvalidRequest(
        f"{decoded(routed.target)!r} is neither LAYER/ZOOM/COLUMN/ROW.png nor LAYER/tiles.json"
    )


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The tile or the description.

    Raises:
        NotThere: the layer has no such style, or no place in this grid.
        TileNotFound: there is no such tile, or it is outside the limits of the layer.
    """
    if isinstance(query, TileQuery):
        if query.is_document:
            return Answer(plan_tile_images(query.tile, images, server))
        return Answer(plan_tile(query.tile, images, server))
    style_of(query.layer, query.style)
    entry, linked = offered_set(
        entry_of(query.layer, images, server), server.catalog().metadata, TILEJSON_SET
    )
    if linked is None:
        raise NotThere(f"layer {query.layer.identifier!r} has no place in {TILEJSON_SET}")
    body = json.dumps(tilejson_document(entry, linked, query.template), ensure_ascii=False).encode()
    return Answer(Document(body, "application/json", ", ".join(headers_read(server.config))))


PROTOCOL = Protocol("xyz", (PathRoute("xyz"),), parse, plan)
