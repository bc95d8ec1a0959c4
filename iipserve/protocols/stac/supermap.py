"""Resources of collections as the client of SuperMap's image services asks for them (npm `@supermapgis/iclient-common`).

`/collections/NAME/tile.png?x=&y=&z=`, `legend`, `statistics` and `tileInfo`; the client adds `.json` to all but tiles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

from iipserve.collections.access import Access
from iipserve.collections.values import Collection
from iipserve.errors import InvalidRequest, NotFound, TileNotFound
from iipserve.geo.image_index import Selection
from iipserve.geo.layer import Layer
from iipserve.geo.ows import kvp
from iipserve.geo.ows.kvp import Parameters
from iipserve.http import READING_METHODS, Routed
from iipserve.http.public_address import headers_read
from iipserve.image import ImageName
from iipserve.plan import Answer, Document, StoreAnswer, StorePlan
from iipserve.protocols import Images, Server
from iipserve.protocols.legends import plan_legend, plan_legend_document
from iipserve.protocols.map_tiles import (
    NotThere,
    TileName,
    entry_of,
    find_layer,
    first_entry,
    format_of,
    plan_tile,
)
from iipserve.protocols.map_tiles import offered_set as offered
from iipserve.protocols.resource_links import JSON, Json
from iipserve.protocols.stac.rendering_rules import RenderingRule, rendering_rule
from iipserve.protocols.stac.site import path_of
from iipserve.protocols.tilejson import TILEJSON_SET
from iipserve.protocols.url_text import decoded

TILE = "tile."
LEGEND, STATISTICS, TILE_INFO = "legend", "statistics", "tileInfo"
RESOURCES = (LEGEND, STATISTICS, TILE_INFO)
SUFFIX = ".json"
MAX_DIGITS = 9
"""Of numbers of tiles."""
MAX_IDS = 100
"""Numbers or names of images in one request."""


class Shown(NamedTuple):
    """A resource of a collection."""

    kind: str
    """One of `RESOURCES`, or `TILE`."""
    collection: str
    layer: Layer | None = None
    """The collection as it is to be shown."""
    tile: TileName | None = None
    format: str = ""
    """Of a picture of a legend."""
    names: tuple[ImageName, ...] = ()


def parsed_resource(routed: Routed, server: Server) -> Shown | None:
    """What a request asks for; None for requests of others.

    Raises:
        NotThere: no service of this server shows the collection.
        InvalidRequest: a parameter is malformed.
        UnsupportedEncoding: the format is not offered.
    """
    match [decoded(part) for part in path_of(routed).split("/")]:
        case ["collections", collection, last] if routed.request.method in READING_METHODS:
            pass
        case _:
            return None
    kind, dot, extension = last.removesuffix(SUFFIX).partition(".")
    if kind == TILE.removesuffix(".") and extension:
        parameters = kvp.read(routed.request)
        layer = _shown(collection, parameters, server)
        column, row, zoom = (_number(parameters, name) for name in "xyz")
        tile = TileName(layer, TILEJSON_SET, str(zoom), row, column, format_of(extension, server))
        is_clear = parameters.get("transparent", "true").lower() != "false"
        tile = tile._replace(transparent=is_clear)
        rule = _rule(parameters)
        if rule is not None and rule.background is not None:
            tile = tile._replace(transparent=False, background=rule.background)
        return Shown(TILE, collection, layer, tile, names=layer.names)
    if kind == LEGEND:
        layer = _shown(collection, kvp.read(routed.request), server)
        return Shown(LEGEND, collection, layer, format=format_of(extension, server) if dot else "")
    if kind == TILE_INFO and not dot:
        return Shown(TILE_INFO, collection, find_layer(collection, server))
    return Shown(STATISTICS, collection) if kind == STATISTICS and not dot else None


def plan_resource(asked: Shown, images: Images, server: Server) -> Answer:
    """The answer. Raises what planning tiles and legends raises."""
    if asked.kind == STATISTICS:
        return Answer(StorePlan(FindCollection(asked.collection), statistics))
    layer = asked.layer
    assert layer is not None
    if asked.tile is not None:
        # the client knows no limits, and asks for every tile in view
        return Answer(plan_tile(asked.tile, images, server, is_outside_allowed=True))
    if asked.kind == TILE_INFO:
        document = json.dumps(_tile_info(layer, images, server), ensure_ascii=False).encode()
        return Answer(Document(document, JSON, ", ".join(headers_read(server.config))))
    entry = first_entry(layer, images, server)
    if asked.format:
        return Answer(plan_legend(entry, layer.styles[0], asked.format, server))
    return Answer(plan_legend_document(entry, layer.styles[0]))


# -- parameters ------------------------------------------------------------------------------------


def _number(parameters: Parameters, name: str) -> int:
    """A number of a tile.

    Raises:
        InvalidRequest: it is none.
        TileNotFound: no tile has it.
    """
    text = parameters.get(name).strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidRequest(f"{name} of a tile is {text[:40]!r}; a whole number from 0 is needed")
    if digits != text or len(digits) > MAX_DIGITS:
        raise TileNotFound(f"{name} of a tile is {text[:40]}; there is none")
    return int(digits)


def _shown(collection: str, parameters: Parameters, server: Server) -> Layer:
    """The layer of a collection with the images and the style of a request."""
    layer = find_layer(collection, server)
    if layer.index is not None:
        selection = Selection(
            filter=parameters.get("sqlFilter").strip(), ids=_items(collection, parameters, server)
        )
        if selection != layer.index.selection:
            layer = replace(layer, index=layer.index.selected(selection))
    rule = _rule(parameters)
    return layer if rule is None else rule.applied(layer)


def _rule(parameters: Parameters) -> RenderingRule | None:
    text = parameters.get("renderingRule").strip()
    return rendering_rule(text) if text else None


def _items(collection: str, parameters: Parameters, server: Server) -> tuple[str, ...]:
    """Identifiers of the items that a request names, by their numbers or by their names."""
    names = _listed(parameters, "names")
    numbers = _listed(parameters, "ids")
    if not all(number.isascii() and number.isdigit() and len(number) < 19 for number in numbers):
        raise InvalidRequest("ids has something other than numbers of images; names has names of images")
    found = tuple(_numbered(collection, map(int, numbers), server)) if numbers else ()
    if numbers and not found:
        raise NotThere(f"collection {collection!r} has no images of the numbers {','.join(numbers)[:80]}")
    return (*names, *found)


def _listed(parameters: Parameters, name: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in parameters.get(name).split(",") if part.strip())
    if len(parts) > MAX_IDS:
        raise InvalidRequest(f"{name} has {len(parts)} entries; at most {MAX_IDS} are read")
    return parts


def _numbered(collection: str, numbers: Iterator[int], server: Server) -> Iterator[str]:
    """Identifiers of items by their numbers in the store; of those that there are."""
    store = server.store()
    if store is None:
        return
    for number in numbers:
        for item in islice(store.items(collection, after=number - 1), 1):
            if item.sequence == number:
                yield item.id


# -- documents -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FindCollection:
    """Finds a collection: the action of a plan."""

    name: str

    def __call__(self, access: Access) -> Collection:
        """The collection. Raises `NotFound`."""
        return access.store.collection(self.name)


def statistics(collection: Collection) -> StoreAnswer:
    """How many images a collection has, how long their files are, and where they are."""
    summary = collection.summary
    value: Json = {
        "collectionId": collection.name,
        "count": summary.count,
        "totalSize": summary.bytes,
        "extent": [list(box) for box in summary.bounds],
        "pixelSize": {"finest": summary.gsd_min, "coarsest": summary.gsd_max},
    }
    return StoreAnswer(json.dumps(value, ensure_ascii=False).encode(), JSON, str(collection.version))


def _tile_info(layer: Layer, images: Images, server: Server) -> Json:
    """The grid of the tiles of a layer, and where it has some."""
    entry, linked = offered(entry_of(layer, images, server), server.catalog().metadata, TILEJSON_SET)
    if linked is None:
        raise NotFound(f"collection {layer.identifier!r} has no place in {TILEJSON_SET}")
    place = entry.place_in(linked.set.crs)
    matrices = [limits.matrix for limits in linked.limits]
    found: Json = {
        "collectionId": layer.identifier,
        "epsgCode": 3857,
        "tileWidth": matrices[0].tile.width,
        "tileHeight": matrices[0].tile.height,
        "origin": {"x": matrices[0].top_left[0], "y": matrices[0].top_left[1]},
        "resolutions": [matrix.cell_size for matrix in matrices],
        "scaleDenominators": [matrix.scale_denominator for matrix in matrices],
        "levels": [
            {"level": level, "resolution": matrix.cell_size, "scaleDenominator": matrix.scale_denominator}
            for level, matrix in enumerate(matrices)
        ],
    }
    if place is not None:
        found["bounds"] = _bounds(*place.bounds)
    return found


def _bounds(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    return {
        "left": west, "bottom": south, "right": east, "top": north,
        "leftBottom": {"x": west, "y": south}, "rightTop": {"x": east, "y": north},
    }  # fmt: skip
