"""Tiles of maps: in which sets and formats layers are offered, whatever service is asked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import NamedTuple

from iipserve.errors import Forbidden, IIPServeError, TileNotFound, UnsupportedEncoding
from iipserve.formats import Formats
from iipserve.geo.collection_settings import REST, WMTS
from iipserve.geo.crs import WGS84
from iipserve.geo.georeference import PIXEL_SPACE, in_pixel_space
from iipserve.geo.grid import Bounds
from iipserve.geo.layer import Catalog, Layer, LayerEntry, ServiceMetadata, Style
from iipserve.geo.linked_sets import find_set, sets_of, shared_sets
from iipserve.geo.matrixset import LinkedSet, TileMatrix
from iipserve.geo.ows.addresses import endpoint
from iipserve.http import Routed
from iipserve.http.public_address import ascii_address, public_root
from iipserve.image import ImageInfo, ImageName
from iipserve.plan import RenderPlan
from iipserve.processing.compositing import WHITE
from iipserve.protocols import Images, Server
from iipserve.protocols.collection_maps import plan_layer
from iipserve.protocols.maps import MapView

USUAL_FORMATS = ("png", "jpeg", "webp", "tiff")
"""Names of the formats of tiles that are offered unless the service file says which."""


class NotThere(IIPServeError, LookupError):
    """The address names a layer, style or set that does not exist."""

    status = HTTPStatus.NOT_FOUND


class TileName(NamedTuple):
    """A tile as a path names it."""

    layer: Layer
    matrix_set: str
    matrix: str
    row: int
    column: int
    format: str
    """Name of the output format."""
    style: str = ""
    """Empty: the default one."""
    scale: int = 1
    """Pixels of the answer in the width of a pixel of the set."""
    transparent: bool = True
    """Pixels without data are clear where the format has opacity."""
    background: tuple[int, int, int] = WHITE
    """Shown in place of pixels without data where these are not clear."""


# -- what is offered -------------------------------------------------------------------------------


def public_address(metadata: ServiceMetadata) -> str:
    """The address of the server that its documents state; empty for that of the request."""
    return str(metadata.options.get("service.public_address", ""))


def check_offered(metadata: ServiceMetadata, operation: str = "") -> None:
    """See that the service file lets map tiles be answered.

    Args:
        metadata: of the service.
        operation: `GetTile`; empty for documents.

    Raises:
        Forbidden: it does not.
    """
    if not metadata.options.get("wmts.enabled", True):
        raise Forbidden("map tiles are switched off by the service file")
    if operation and operation not in metadata.options.get("wmts.operations", (operation,)):
        raise Forbidden(f"{operation} is switched off by the service file")


def service_root(routed: Routed, server: Server, segment: str) -> str:
    """The absolute address below which a service has its paths, with a slash at its end.

    Args:
        routed: a request of the service, by a path.
        server: its settings and catalog.
        segment: the path of the service: `ogc`.

    Raises:
        InvalidRequest: the Host header, or a forwarded one that is trusted, is malformed.
    """
    stated = public_address(server.catalog().metadata)
    # an address with parameters has no paths below it
    found = endpoint(routed, server.config, segment, stated).rest
    return found or public_root(
        routed.request.environ, trusted=server.config.trust_forwarded
    ) + ascii_address(routed.mount)


def formats(metadata: ServiceMetadata, known: Formats) -> dict[str, str]:
    """The formats of tiles: name by media type, in the order of documents."""
    return formats_by_media_type(metadata.options.get("wmts.formats", USUAL_FORMATS), known)


def formats_by_media_type(names: Iterable[str], known: Formats) -> dict[str, str]:
    """Output formats that files can have: name by media type, in this order; without those that are not known."""
    offered = {}
    for name in names:
        format = known.by_name.get(name) or known.by_extension.get(name)
        if format is not None and format.extension:
            offered[format.media_type] = format.name
    return offered


def answers_empty_tiles(metadata: ServiceMetadata) -> bool:
    """Whether a tile outside the limits of its layer is an empty picture, and not an error."""
    return bool(metadata.options.get("wmts.tile_outside", "error") == "empty")


def entry_of(layer: Layer, images: Images, server: Server) -> LayerEntry:
    """The layer with what is known of its image; of a collection, with what stands for all of its images.

    Args:
        layer: of a request.
        images: those of its query, which notes that the answer depends on the collection.
        server: locates images.
    """
    index = layer.index
    if index is None:
        return image_entry(layer, images[layer.name], server)
    images.depend_on(index)
    return LayerEntry(layer, index.info, index.geo)


def first_entry(layer: Layer, images: Images, server: Server) -> LayerEntry:
    """The layer with what is known of its image, of a collection with the first one: for legends, which show its samples."""
    if layer.index is not None:
        images.depend_on(layer.index)
    return image_entry(layer, images[layer.name], server)


def image_entry(layer: Layer, info: ImageInfo, server: Server) -> LayerEntry:
    """The layer with what is known of one of its images."""
    return LayerEntry(layer, info, server.geo_image(info) or in_pixel_space(info))


def offered_sets(entry: LayerEntry, metadata: ServiceMetadata) -> tuple[LayerEntry, tuple[LinkedSet, ...]]:
    """A layer and its sets, in the order of documents.

    An image that has a place in none of them, because it is of another body or its coordinate reference system has no
    code, is offered as a plain picture: by its pixels.
    """
    linked = sets_of(entry, metadata)
    if linked or entry.geo.georeference.crs == PIXEL_SPACE:
        return entry, linked
    plain = entry.in_pixel_space()
    return plain, sets_of(plain, metadata)


def offered_set(
    entry: LayerEntry, metadata: ServiceMetadata, identifier: str
) -> tuple[LayerEntry, LinkedSet | None]:
    """The layer, as `offered_sets` gives it, and its set of that identifier or alias; None where it has none."""
    if found := find_set(entry, metadata, identifier):
        return entry, found
    plain, linked = offered_sets(entry, metadata)
    return plain, find_set(plain, metadata, identifier) if linked and plain is not entry else None


def lon_lat(entry: LayerEntry) -> Bounds | None:
    """The box of a layer in degrees of WGS 84, `min_x` above `max_x` across the antimeridian; None if not on Earth."""
    place = entry.place_in(WGS84)
    return place.bounds if place and all(map(math.isfinite, place.bounds)) else None


def image_names(layers: Iterable[Layer]) -> tuple[ImageName, ...]:
    """The images that a request for layers needs, each once."""
    return tuple(dict.fromkeys(name for layer in layers for name in layer.names))


# -- tiles by their paths --------------------------------------------------------------------------


def tile_layer(identifier: str, catalog: Catalog, service: str = WMTS) -> Layer | None:
    """The layer of that identifier, if a service offers it as tiles."""
    layer = catalog.find(identifier)
    return layer if layer is not None and layer.has_tiles and layer.is_in(service) else None


def find_layer(identifier: str, server: Server, *, tiled: bool = False, service: str = REST) -> Layer:
    """The layer of that identifier, if a service offers it; only one that is offered as tiles, if `tiled`.

    Raises:
        NotThere: there is none.
    """
    catalog = server.catalog()
    layer = tile_layer(identifier, catalog, service) if tiled else catalog.find(identifier)
    if layer is None or not layer.is_in(service):
        raise NotThere(f"there is no layer {identifier!r}")
    return layer


def style_of(layer: Layer, name: str) -> Style:
    """The style of that name; empty is the default.

    Raises:
        NotThere: the layer has no such style.
    """
    style = layer.style(name)
    if style is None:
        known = ", ".join(each.name for each in layer.styles)
        raise NotThere(f"layer {layer.identifier!r} has no style {name!r}; it has {known}")
    return style


def format_of(text: str, server: Server) -> str:
    """The name of the output format of an extension or a media type, in any case.

    Raises:
        UnsupportedEncoding: it is not offered.
    """
    offered = formats(server.catalog().metadata, server.formats)
    word = text.strip().lower()
    known = server.formats.by_tile_extension.get(word) or server.formats.by_name.get(word)
    name = known.name if known else offered.get(word.partition(";")[0].strip())
    if name is None or name not in offered.values():
        names = ", ".join(server.formats.by_name[each].extension for each in offered.values())
        raise UnsupportedEncoding(f"format {text!r} is not offered; {names} are")
    return name


def plan_tile(
    tile: TileName, images: Images, server: Server, *, is_outside_allowed: bool = False
) -> RenderPlan:
    """The plan of a tile: the same for the same square, whatever service is asked.

    Args:
        tile: what is asked for.
        images: those of the query.
        server: locates images.
        is_outside_allowed: a tile outside the limits of the layer is an empty picture, as the service file may say too.

    Raises:
        Forbidden: the service file does not let tiles be answered.
        NotThere: the layer has no such style or set.
        TileNotFound: the set has no such tile, or it is outside the limits of the layer.
    """
    view, entry = tile_view(tile, images, server, is_outside_allowed=is_outside_allowed)
    return plan_layer(view, entry, images, server)


def tile_view(
    tile: TileName, images: Images, server: Server, *, is_outside_allowed: bool = False
) -> tuple[MapView, LayerEntry]:
    """A tile as a map, and its layer as it is shown there. Raises the same as `plan_tile`."""
    metadata = server.catalog().metadata
    check_offered(metadata, "GetTile")
    style = style_of(tile.layer, tile.style)
    entry, linked = offered_set(entry_of(tile.layer, images, server), metadata, tile.matrix_set)
    if linked is None:
        _, sets = offered_sets(entry, metadata)
        known = ", ".join(each.set.identifier for each in sets)
        raise NotThere(
            f"layer {tile.layer.identifier!r} has no tile matrix set {tile.matrix_set!r}; it has {known}"
        )
    matrix = _matrix(tile, linked, is_outside_allowed=is_outside_allowed or answers_empty_tiles(metadata))
    grid = linked.set.grid(matrix, tile.column, tile.row, tile.scale)
    view = MapView(
        tile.layer, style, grid, tile.format, transparent=tile.transparent, background=tile.background
    )
    return view, entry


def as_tile(view: MapView, server: Server) -> MapView:
    """The map as tile services plan it, if it is one of their tiles: one picture is one entry of the caches."""
    target = view.target
    for each in shared_sets(server.catalog().metadata):
        target = each.as_tile(target)
    return replace(view, target=target)


def _matrix(tile: TileName, linked: LinkedSet, *, is_outside_allowed: bool) -> TileMatrix:
    """The matrix of a tile that exists."""
    matrix = linked.set.matrix(tile.matrix)
    if matrix is None:
        raise TileNotFound(f"{linked.set.identifier} has no tile matrix {tile.matrix!r}")
    if not matrix.has_tile(tile.column, tile.row):
        raise TileNotFound(
            f"tile at column {tile.column}, row {tile.row} does not exist; matrix {matrix.identifier!r} has columns "
            f"0 to {matrix.columns - 1} and rows 0 to {matrix.rows - 1}"
        )
    if is_outside_allowed:
        return matrix
    limits = linked.limits_of(tile.matrix)
    if limits is None:
        finest = linked.limits[-1].matrix.identifier
        raise TileNotFound(f"the layer has tiles up to matrix {finest!r}; {matrix.identifier!r} is finer")
    if not limits.has_tile(tile.column, tile.row):
        raise TileNotFound(
            f"tile at column {tile.column}, row {tile.row} is outside of the layer, which has columns "
            f"{limits.min_column} to {limits.max_column} and rows {limits.min_row} to {limits.max_row} of matrix "
            f"{matrix.identifier!r}"
        )
    return matrix
