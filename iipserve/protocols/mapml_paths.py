"""MapML documents by path: `/mapml/LAYER/PROJECTION`, of the tiles that WMTS has by its paths.

`style` names a style, `format` the extension of tiles, `dialect=rfc123` the form of MapServer's RFC 123.
"""

from __future__ import annotations

from iipserve.errors import Forbidden
from iipserve.geo import require
from iipserve.geo.collection_settings import MAPML
from iipserve.geo.layer import Layer
from iipserve.geo.ows import kvp
from iipserve.http import Routed
from iipserve.protocols import PathRoute, Protocol, Server
from iipserve.protocols.map_options import answers_mapml
from iipserve.protocols.map_tiles import NotThere, check_offered, find_layer, format_of
from iipserve.protocols.mapml.documents import Dialect
from iipserve.protocols.mapml.projections import DEFAULT, PROJECTIONS, Projection
from iipserve.protocols.mapml.tiles import SEGMENT, Query, base_of, plan
from iipserve.protocols.url_text import decoded


def parse(routed: Routed, server: Server) -> Query:
    """Read a path; slashes in the identifier of the layer may be encoded or not.

    Raises:
        InvalidRequest: a parameter is malformed.
        NotThere: there is no such layer or projection.
        UnsupportedEncoding: the format is not offered.
        NotInstalled: the extra `geo` is not.
        Forbidden: the service file switches map tiles, or documents of MapML, off.
    """
    require()
    metadata = server.catalog().metadata
    check_offered(metadata, "GetTile")
    if not answers_mapml(metadata):
        raise Forbidden("documents of MapML are switched off by the service file")
    parameters = kvp.read(routed.request)
    layer, projection = _named(routed.target, server)
    dialect = Dialect.of(parameters.get("dialect"))
    format = format_of(parameters.get("format", "png"), server)
    base = base_of(routed, server, SEGMENT)
    return Query(layer.names, layer, projection, parameters.get("style"), format, dialect, base)


def _named(target: str, server: Server) -> tuple[Layer, Projection]:
    """The layer and the projection of a path; without a projection, the default one."""
    path, _, last = target.rstrip("/").rpartition("/")
    if projection := PROJECTIONS.get(decoded(last).upper()) if path else None:
        return find_layer(decoded(path), server, service=MAPML), projection
    identifier, projection = decoded(target.rstrip("/")), PROJECTIONS[DEFAULT]
    if path and server.catalog().find(identifier) is None and server.catalog().find(decoded(path)):
        raise NotThere(f"there is no projection {decoded(last)!r}; {', '.join(PROJECTIONS)} are known")
    return find_layer(identifier, server, service=MAPML), projection


PROTOCOL = Protocol(SEGMENT, (PathRoute(SEGMENT),), parse, plan)
