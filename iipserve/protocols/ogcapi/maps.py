"""OGC API - Maps 1.0 (20-058): maps of layers, of any box and size."""

from __future__ import annotations

from typing import NamedTuple

from iipserve.errors import Forbidden, InvalidRequest
from iipserve.geo import crs
from iipserve.geo.crs import CRS84_URI, AxisRule, CrsName, Form
from iipserve.geo.extents import transform_bounds
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.layer import Layer, LayerEntry, ServiceMetadata
from iipserve.geo.matrixset import number_text
from iipserve.geo.ows.kvp import Parameters
from iipserve.geo.places import Place
from iipserve.geometry import Size
from iipserve.image import ImageInfo, ImageName
from iipserve.plan import Answer
from iipserve.protocols import Server
from iipserve.protocols import map_options as options
from iipserve.protocols.map_tiles import as_tile, entry_of, style_of
from iipserve.protocols.map_values import box, check_steps, color, switch, whole
from iipserve.protocols.maps import MapView, ShownLayer, plan_maps
from iipserve.protocols.ogcapi.addresses import REL, Addresses, Json, link
from iipserve.protocols.ogcapi.subset import CRS84

MAPS = "http://www.opengis.net/spec/ogcapi-maps-1/1.0/conf/"
CONFORMANCE = tuple(MAPS + name for name in ("core", "collection-map", "crs"))
FORMAT_CLASSES = {"png": "png", "jpeg": "jpeg"}
"""Conformance classes of formats, by their names."""
USUAL_SIDE = 1024
"""Pixels of the longer side of a map whose size is not stated, at most."""


class MapQuery(NamedTuple):
    """A map."""

    names: tuple[ImageName, ...]
    layer: Layer
    style: str
    """Empty: the default one."""
    format: str
    """Name of the output format."""
    is_negotiated: bool
    """The Accept header decided on the format."""
    crs: CrsName | None
    """Of the map; None: the image's own, or CRS84 if that has no name."""
    bounds: Bounds | None
    """x before y, `min_x` above `max_x` across the antimeridian; None: the whole layer."""
    bounds_crs: CrsName
    width: int | None
    """In pixels; None: as follows from the height, or the usual one."""
    height: int | None
    transparent: bool
    background: tuple[int, int, int]
    text: str
    """The box as the client wrote it."""


# -- requests --------------------------------------------------------------------------------------


def read_map(
    parameters: Parameters,
    layer: Layer,
    style: str,
    format: str,
    metadata: ServiceMetadata,
    *,
    is_negotiated: bool,
) -> MapQuery:
    """The map that parameters ask for (20-058, clauses 9, 11, 13 and 16).

    Raises:
        Forbidden: the service file does not let maps be answered.
        OwsError: a value is malformed.
        UnknownCrs: `crs` or `bbox-crs` names no system.
    """
    if not is_offered(metadata, layer):
        raise Forbidden(f"maps of layer {layer.identifier!r} are switched off by the service file")
    stated, bounds_crs = parameters.get("crs"), parameters.get("bbox-crs")
    name = crs.parse(bounds_crs) if bounds_crs else CRS84
    text = parameters.get("bbox")
    return MapQuery(
        (layer.name,),
        layer,
        style,
        format,
        is_negotiated,
        crs.parse(stated) if stated else None,
        _box(text, name) if text else None,
        name,
        _side(parameters, "width", options.max_size(metadata).width),
        _side(parameters, "height", options.max_size(metadata).height),
        switch(parameters, "transparent", default=not parameters.get("bgcolor")),
        color(parameters, options.background(metadata)),
        text,
    )


def is_offered(metadata: ServiceMetadata, layer: Layer | None = None) -> bool:
    """Whether maps are answered, of one layer or at all: where those of WMS are."""
    found = options.operations(metadata) if layer is None else options.layer_operations(layer, metadata)
    return "GetMap" in found


def _box(text: str, name: CrsName) -> Bounds:
    swapped = crs.axis_order(name, AxisRule.OGC_API)
    found = box(text, swapped=swapped, turn=crs.turn(name.key))
    if name.form is Form.ROWS_DOWN:
        return Bounds(found.min_x, -found.max_y, found.max_x, -found.min_y)
    return found


def _side(parameters: Parameters, name: str, limit: int) -> int | None:
    if not parameters.get(name):
        return None
    side = whole(parameters, name, minimum=1)
    if side > limit:
        raise InvalidRequest(f"{name} {side} is more than this server draws; {limit} is the most")
    return side


# -- the map ---------------------------------------------------------------------------------------


def plan_map_of(query: MapQuery, info: ImageInfo, server: Server) -> Answer:
    """The plan of a map: that of WMS for the same box and size.

    Raises:
        NotThere: the layer has no such style.
        NoTransformation: the layer is not offered in the system, or has no place in it.
        InvalidRequest: the box has no place in the system of the map.
    """
    metadata, style = server.catalog().metadata, style_of(query.layer, query.style)
    entry = entry_of(query.layer, info, server)
    name = query.crs or _storage(options.offered(entry, metadata)) or CRS84
    entry = options.shown_in(name.key, name.key, entry, metadata)
    bounds = _bounds_of(query, name.key, entry)
    size = _size_of(query, bounds, entry.place_in(name.key), options.max_size(metadata))
    check_steps(bounds, size, query.text)
    target = GridRef.of_bounds(name.key, bounds, size)
    view = MapView(query.layer, style, target, query.format, None, query.transparent, query.background)
    plan = plan_maps([ShownLayer(as_tile(view, server), entry.info, entry.geo)], server)
    vary = (("Vary", "Accept"),) if query.is_negotiated else ()
    return Answer(plan, (*_place_headers(name, bounds), *vary))


def _storage(shown: LayerEntry) -> CrsName | None:
    """The system of the image; None if it has no name."""
    key = shown.geo.georeference.crs
    return CrsName(key, Form.URI) if crs.has_code(key) else None


def _bounds_of(query: MapQuery, key: str, entry: LayerEntry) -> Bounds:
    """The box of a map in its system, by default that of the layer; `max_x` is above `min_x`."""
    found = query.bounds
    if found is None:
        place = entry.place_in(key)
        found = place and place.bounds
    elif query.bounds_crs.key != key:
        crs.transformer(query.bounds_crs.key, key)
        found = transform_bounds(query.bounds_crs.key, key, found)
    if found is None:
        raise InvalidRequest(f"bbox {crs.quoted(query.text)} has no place in {crs.label(key)}; state another")
    turn = crs.turn(key)
    if found.max_x < found.min_x and turn is not None:
        return found._replace(max_x=found.max_x + turn)
    return found


def _size_of(query: MapQuery, bounds: Bounds, place: Place | None, limit: Size) -> Size:
    """Width and height: what is not stated follows from the sides of the box."""
    width, height = query.width, query.height
    if width and height:
        return Size(width, height)
    ratio = bounds.width / bounds.height
    if width is None and height is None:
        longer = max(bounds.width, bounds.height)
        side = min(USUAL_SIDE, longer / place.resolution) if place else USUAL_SIDE
        if ratio >= 1:
            width = max(1, min(round(side), limit.width))
        else:
            height = max(1, min(round(side), limit.height))
    sides = width or (height or 1) * ratio, height or (width or 1) / ratio
    for name, value, most in zip(("width", "height"), sides, limit, strict=True):
        if not value < most + 1:
            raise InvalidRequest(
                f"the {name} that follows from the box is more than {most}; state {name} too"
            )
    return Size(max(1, round(sides[0])), max(1, round(sides[1])))


def _place_headers(name: CrsName, bounds: Bounds) -> tuple[tuple[str, str], ...]:
    """Where the map is (20-058, requirement /req/core/map-response): in CRS84 without a name of the system."""
    min_x, min_y, max_x, max_y = map(number_text, bounds)
    if (name.key, name.form) == CRS84:
        return (("Content-Bbox", f"{min_x},{min_y},{max_x},{max_y}"),)
    swapped = crs.swaps_axes(name.key)
    sides = (min_y, min_x, max_y, max_x) if swapped else (min_x, min_y, max_x, max_y)
    return (("Content-Crs", f"<{crs.uri(name.key)}>"), ("Content-Bbox", ",".join(sides)))


# -- documents -------------------------------------------------------------------------------------


def map_segments(layer: str, style: str | None = None) -> tuple[str, ...]:
    """The path of the map of a layer, or of one of its styles."""
    styled = () if style is None else ("styles", style)
    return ("collections", layer, *styled, "map")


def map_links(
    entry: LayerEntry, style: str | None, addresses: Addresses, media_types: dict[str, str]
) -> list[Json]:
    """The links to the map of a layer (20-058, requirement /req/collection-map/desc-links).

    Args:
        entry: the layer.
        style: None for the default one.
        addresses: of resources.
        media_types: extension of each format of maps by media type; none where maps are not answered.
    """
    segments = map_segments(entry.layer.identifier, style)
    return [
        link(addresses.of(*segments, query=f"f={extension}"), f"{REL}map", media_type, f"Map as {extension}")
        for media_type, extension in media_types.items()
    ]


def systems(entry: LayerEntry, metadata: ServiceMetadata) -> Json:
    """The systems of a layer, and its own (20-058, requirement /req/collection-map/desc-crs)."""
    shown = options.offered(entry, metadata)
    keys = options.crs_of(shown, metadata)
    uris = [uri for key in keys if (uri := crs.uri(key))]
    named = [CRS84_URI] if crs.WGS84 in keys else []
    storage = crs.uri(shown.geo.georeference.crs)
    return {"crs": named + uris} | ({"storageCrs": storage} if storage else {})
