"""Documents of the tiles of a layer, by the paths of WMTS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from iipserve.geo.collection_settings import MAPML
from iipserve.geo.layer import Layer, LayerEntry, Style
from iipserve.geo.matrixset import LinkedSet
from iipserve.http import Routed
from iipserve.http.public_address import headers_read, public_root
from iipserve.image import ImageName
from iipserve.plan import Answer, Document
from iipserve.protocols import Images, Server
from iipserve.protocols.feature_info.formats import EXTENSIONS
from iipserve.protocols.layer_items import stated_legend
from iipserve.protocols.map_tiles import (
    NotThere,
    entry_of,
    offered_set,
    service_root,
    style_of,
)
from iipserve.protocols.mapml.documents import (
    MEDIA_TYPE,
    Alternate,
    Dialect,
    Sheet,
    StyleLink,
    TileLinks,
    write,
)
from iipserve.protocols.mapml.projections import PROJECTIONS, Projection, within_viewer

SEGMENT = "mapml"
"""Of the paths of these documents."""
INFO_ORDER = ("html", "json", "txt", "xml", "gml")
"""Extensions of feature info, those that the viewer shows best first."""


class Query(NamedTuple):
    """A document."""

    names: tuple[ImageName, ...]
    layer: Layer
    projection: Projection
    style: str
    """Empty: the default one."""
    format: str
    """Name of the output format of tiles."""
    dialect: Dialect
    base: str
    """Absolute address below which all services have their paths; ends in a slash."""


def base_of(routed: Routed, server: Server, segment: str) -> str:
    """The address of all services, which that of the segment is next to unless another path leads to it.

    Raises:
        InvalidRequest: the Host header, or a forwarded one that is trusted, is malformed.
    """
    root = service_root(routed, server, segment)
    if root.endswith(f"/{segment}/"):
        return root.removesuffix(f"{segment}/")
    return public_root(routed.request.environ, trusted=server.config.trust_forwarded) + "/"


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The document.

    Raises:
        NotThere: the layer is not answered for, has no such style, or no place in this projection.
    """
    is_answered = "GetMapML" in query.layer.metadata.get("enable_request", "GetMapML").split()
    if not (is_answered and query.layer.is_in(MAPML)):
        raise NotThere(f"there is no layer {query.layer.identifier!r}")
    style = style_of(query.layer, query.style)
    linked = linked_in(query.projection, query.layer, images, server)
    if linked is None:
        raise NotThere(_why_not(query, images, server))
    body = write(_sheet(query, style, linked, images, server), query.dialect)
    return Answer(Document(body, f"{MEDIA_TYPE}; charset=utf-8", ", ".join(headers_read(server.config))))


def linked_in(projection: Projection, layer: Layer, images: Images, server: Server) -> LinkedSet | None:
    """The tiles of a layer in a projection; None where it has none."""
    entry: LayerEntry = entry_of(layer, images, server)
    _, found = offered_set(entry, server.catalog().metadata, projection.matrix_set)
    return found and within_viewer(found, projection)


def _why_not(query: Query, images: Images, server: Server) -> str:
    name, matrix_set = query.projection.name, query.projection.matrix_set
    others = [each for each in PROJECTIONS.values() if linked_in(each, query.layer, images, server)]
    if not others:
        return f"layer {query.layer.identifier!r} has no place on a map of MapML"
    known = ", ".join(each.name for each in others)
    return f"layer {query.layer.identifier!r} has no tiles of {matrix_set}, so none of {name}; it has {known}"


def _sheet(query: Query, style: Style, linked: LinkedSet, images: Images, server: Server) -> Sheet:
    """What the document says."""
    layer, projection, metadata = query.layer, query.projection, query.layer.metadata
    resource = f"{query.base}wmts/{quote(layer.identifier, safe='')}/{quote(style.name, safe='')}"
    tile = f"{resource}/{projection.matrix_set}/{{z}}/{{y}}/{{x}}"
    extension = _info_extension(layer, server)
    others = [each for each in PROJECTIONS.values() if each is not projection]
    return Sheet(
        layer.displayed_title,
        projection,
        TileLinks(
            linked,
            f"{tile}.{server.formats.by_name[query.format].extension}",
            f"{tile}/{{j}}/{{i}}.{extension}" if extension else "",
        ),
        tuple(
            Alternate(each.name, _address(query, each, style))
            for each in others
            if linked_in(each, layer, images, server)
        ),
        tuple(_styles(query, style)),
        stated.address if (stated := stated_legend(layer, style)) else f"{resource}/legend.png",
        metadata.get("attribution_title", ""),
        metadata.get("attribution_onlineresource", ""),
    )


def _styles(query: Query, shown: Style) -> Iterator[StyleLink]:
    """All styles, where there are several."""
    if len(query.layer.styles) > 1:
        for style in query.layer.styles:
            yield StyleLink(
                style.title or style.name, _address(query, query.projection, style), style == shown
            )


def _address(query: Query, projection: Projection, style: Style) -> str:
    """Of a document like this one."""
    options = {
        "style": style.name if style != query.layer.styles[0] else "",
        "format": query.format if query.format != "png" else "",
        "dialect": query.dialect.value if query.dialect is not Dialect.VIEWER else "",
    }
    text = "&".join(f"{key}={quote(value, safe='')}" for key, value in options.items() if value)
    address = f"{query.base}{SEGMENT}/{quote(query.layer.identifier, safe='')}/{projection.name}"
    return f"{address}?{text}" if text else address


def _info_extension(layer: Layer, server: Server) -> str:
    """The format in which clicks are answered; empty where they are not."""
    options = server.catalog().metadata.options
    if not layer.is_queryable or "GetFeatureInfo" not in options.get("wmts.operations", ("GetFeatureInfo",)):
        return ""
    offered = options.get("wmts.info_formats", tuple(EXTENSIONS.values()))
    return next((each for each in INFO_ORDER if EXTENSIONS[each] in offered), "")
