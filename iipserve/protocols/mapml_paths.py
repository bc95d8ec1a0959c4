"""MapML documents by path: `/mapml/LAYER/PROJECTION`, of the tiles that WMTS has by its paths.

`style` names a style, `format` the extension of tiles, `dialect=rfc123` the form of MapServer's RFC 123.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from iipserve.geo import require
from iipserve.geo.layer import Layer, LayerEntry, Style
from iipserve.geo.matrixset import LinkedSet
from iipserve.geo.ows import kvp
from iipserve.http import Routed
from iipserve.http.public_address import headers_read, public_root
from iipserve.image import ImageInfo, ImageName
from iipserve.plan import Answer, Document
from iipserve.protocols import Images, PathRoute, Protocol, Server
from iipserve.protocols.feature_info.formats import EXTENSIONS
from iipserve.protocols.map_tiles import (
    NotThere,
    check_offered,
    entry_of,
    find_layer,
    format_of,
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
from iipserve.protocols.mapml.projections import DEFAULT, PROJECTIONS, Projection, within_viewer
from iipserve.protocols.url_text import decoded

SEGMENT = "mapml"
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


def parse(routed: Routed, server: Server) -> Query:
    """Read a path; slashes in the identifier of the layer may be encoded or not.

    Raises:
        InvalidRequest: a parameter is malformed.
        NotThere: there is no such layer or projection.
        UnsupportedEncoding: the format is not offered.
        NotInstalled: the extra `geo` is not.
        Forbidden: the service file switches map tiles off.
    """
    require()
    check_offered(server.catalog().metadata, "GetTile")
    parameters = kvp.read(routed.request)
    layer, projection = _named(routed.target, server)
    dialect = Dialect.of(parameters.get("dialect"))
    format = format_of(parameters.get("format", "png"), server)
    base = _base(routed, server)
    return Query((layer.name,), layer, projection, parameters.get("style"), format, dialect, base)


def _named(target: str, server: Server) -> tuple[Layer, Projection]:
    """The layer and the projection of a path; without a projection, the default one."""
    path, _, last = target.rstrip("/").rpartition("/")
    if projection := PROJECTIONS.get(decoded(last).upper()) if path else None:
        return find_layer(decoded(path), server), projection
    identifier, projection = decoded(target.rstrip("/")), PROJECTIONS[DEFAULT]
    if path and server.catalog().find(identifier) is None and server.catalog().find(decoded(path)):
        raise NotThere(f"there is no projection {decoded(last)!r}; {', '.join(PROJECTIONS)} are known")
    return find_layer(identifier, server), projection


def _base(routed: Routed, server: Server) -> str:
    """The address of all services, beside which this one is unless another path leads to it."""
    root = service_root(routed, server, SEGMENT)
    if root.endswith(f"/{SEGMENT}/"):
        return root.removesuffix(f"{SEGMENT}/")
    return public_root(routed.request.environ, trusted=server.config.trust_forwarded) + "/"


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The document.

    Raises:
        NotThere: the layer has no such style, or no place in this projection.
    """
    style, info = style_of(query.layer, query.style), images.only()
    linked = linked_in(query.projection, query.layer, info, server)
    if linked is None:
        raise NotThere(_why_not(query, info, server))
    body = write(_sheet(query, style, linked, info, server), query.dialect)
    return Answer(Document(body, f"{MEDIA_TYPE}; charset=utf-8", ", ".join(headers_read(server.config))))


def linked_in(projection: Projection, layer: Layer, info: ImageInfo, server: Server) -> LinkedSet | None:
    """The tiles of a layer in a projection; None where it has none."""
    entry: LayerEntry = entry_of(layer, info, server)
    _, found = offered_set(entry, server.catalog().metadata, projection.matrix_set)
    return found and within_viewer(found, projection)


def _why_not(query: Query, info: ImageInfo, server: Server) -> str:
    name, matrix_set = query.projection.name, query.projection.matrix_set
    others = [each for each in PROJECTIONS.values() if linked_in(each, query.layer, info, server)]
    if not others:
        return f"layer {query.layer.identifier!r} has no place on a map of MapML"
    known = ", ".join(each.name for each in others)
    return f"layer {query.layer.identifier!r} has no tiles of {matrix_set}, so none of {name}; it has {known}"


def _sheet(query: Query, style: Style, linked: LinkedSet, info: ImageInfo, server: Server) -> Sheet:
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
            if linked_in(each, layer, info, server)
        ),
        tuple(_styles(query, style)),
        f"{resource}/legend.png",
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


PROTOCOL = Protocol(SEGMENT, (PathRoute(SEGMENT),), parse, plan)
