"""OGC API - Maps 1.0 (20-058): maps of layers, or of all of them, of any area and size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from iipserve.errors import Forbidden
from iipserve.geo import crs
from iipserve.geo.collection_settings import REST
from iipserve.geo.crs import CRS84_URI, CrsName, Form
from iipserve.geo.grid import GridRef
from iipserve.geo.layer import Catalog, Layer, LayerEntry, ServiceMetadata
from iipserve.geo.ows.capabilities import between_meridians
from iipserve.geo.ows.kvp import Parameters
from iipserve.geo.service.keys import LISTED_CRS
from iipserve.image import ImageName
from iipserve.plan import Answer, RenderPlan
from iipserve.protocols import Images, Server
from iipserve.protocols import map_options as options
from iipserve.protocols.collection_maps import shown_layer
from iipserve.protocols.map_layers import plan_maps
from iipserve.protocols.map_scales import PIXEL, is_drawn
from iipserve.protocols.map_tiles import as_tile, entry_of, image_names, lon_lat, style_of
from iipserve.protocols.map_values import check_steps, color, switch
from iipserve.protocols.maps import MapView, plan_blank
from iipserve.protocols.ogcapi import times
from iipserve.protocols.ogcapi.addresses import REL, place_headers
from iipserve.protocols.ogcapi.areas import Area, Whole, around, framed, read_area
from iipserve.protocols.ogcapi.selected_layers import selected_layers
from iipserve.protocols.ogcapi.subset import CRS84, read_subset
from iipserve.protocols.resource_links import Addresses, Json, link

MAPS = "http://www.opengis.net/spec/ogcapi-maps-1/1.0/conf/"
CONFORMANCE = tuple(
    MAPS + name
    for name in (
        "core", "api-operations", "background", "collection-map", "collections-selection", "crs", "dataset-map", "datetime",
        "display-resolution", "scaling", "spatial-subsetting", "styled-map",
    )
)  # fmt: skip
FORMAT_CLASSES = {"png": "png", "jpeg": "jpeg", "tiff": "tiff", "jxl": "jpegxl"}
"""Conformance classes of formats, by their names."""


class MapQuery(NamedTuple):
    """A map."""

    names: tuple[ImageName, ...]
    layers: tuple[Layer, ...]
    """The first is the lowest."""
    style: str
    """Of the only layer; empty: the default one."""
    format: str
    """Name of the output format."""
    is_negotiated: bool
    """The Accept header decided on the format."""
    crs: CrsName | None
    """Of the map; None: the image's own, or CRS84 if that has no name, and for maps of the whole dataset."""
    area: Area
    transparent: bool
    background: tuple[int, int, int]
    dimensions: tuple[times.Stated, ...]
    is_of_dataset: bool


# -- requests --------------------------------------------------------------------------------------


def read_map(
    parameters: Parameters,
    layers: tuple[Layer, ...],
    style: str,
    format: str,
    metadata: ServiceMetadata,
    *,
    is_negotiated: bool,
    is_of_dataset: bool = False,
) -> MapQuery:
    """The map that parameters ask for (20-058, clauses 9 to 16).

    Args:
        parameters: of the request.
        layers: the first is the lowest.
        style: of the only layer; empty: the default one.
        format: name of the output format.
        metadata: of the service.
        is_negotiated: the Accept header decided on the format.
        is_of_dataset: not of one collection.

    Raises:
        Forbidden: the service file does not let maps be answered.
        NotThere: the layers have nothing there.
        OwsError: a value is malformed.
        UnknownCrs: a system is unknown.
    """
    for layer in layers:
        if not is_offered(metadata, layer):
            raise Forbidden(f"maps of layer {layer.identifier!r} are switched off by the service file")
    stated, subset = parameters.get("crs"), read_subset(parameters, times.names_of(layers))
    dimensions = times.read_dimensions(parameters, subset)
    chosen = selected_layers(times.having(layers, dimensions), parameters, times.stated_time(dimensions))
    return MapQuery(
        image_names(chosen),
        chosen,
        style,
        format,
        is_negotiated,
        crs.parse(stated) if stated else None,
        read_area(parameters, subset, options.max_size(metadata)),
        switch(parameters, "transparent", default=not parameters.get("bgcolor")),
        color(parameters, options.background(metadata)),
        dimensions,
        is_of_dataset,
    )


def is_offered(metadata: ServiceMetadata, layer: Layer | None = None) -> bool:
    """Whether maps are answered, of one layer or at all: where those of WMS are."""
    found = options.operations(metadata) if layer is None else options.layer_operations(layer, metadata, REST)
    return "GetMap" in found


def dataset_layers(catalog: Catalog) -> tuple[Layer, ...]:
    """The layers of maps of the whole dataset, the lowest first: as many of those on the Earth as a map may have.

    Args:
        catalog: that has been listed.
    """
    metadata, found = catalog.metadata, list[Layer]()
    for entry in catalog.entries():
        if len(found) == options.max_layers(metadata):
            break
        if is_offered(metadata, entry.layer) and lon_lat(options.offered(entry, metadata)):
            found.append(entry.layer)
    return tuple(found)


# -- the map ---------------------------------------------------------------------------------------


def plan_map_of(query: MapQuery, images: Images, server: Server) -> Answer:
    """The plan of a map: that of WMS for the same box and size.

    Raises:
        NotThere: the layer has no such style.
        NoTransformation: a layer is not offered in the system, or has no place in it.
        InvalidRequest: the box has no place in the system of the map.
    """
    metadata = server.catalog().metadata
    entries = [entry_of(layer, images, server) for layer in query.layers]
    name = query.crs or _usual_system(query, [options.offered(each, metadata) for each in entries])
    shown = [options.shown_in(name.key, name.key, each, metadata) for each in entries]
    area, known = query.area, None
    if area.sides is not None and None in area.sides:
        known = _whole(shown, area.sides_crs.key)
    bounds, size = framed(
        area, name.key, _whole(shown, name.key), known and known.bounds, options.max_size(metadata)
    )
    check_steps(bounds, size, area.text)
    plan = _planned(query, shown, GridRef.of_bounds(name.key, bounds, size), images, server)
    vary = (("Vary", "Accept"),) if query.is_negotiated else ()
    return Answer(plan, (*place_headers(name, bounds), *_time_header(query), *vary))


def _usual_system(query: MapQuery, offered: list[LayerEntry]) -> CrsName:
    """The system of a map that states none."""
    keys = {each.geo.georeference.crs for each in offered}
    key = keys.pop() if len(keys) == 1 else crs.WGS84
    if key == crs.IMAGE or (crs.has_code(key) and not query.is_of_dataset):
        return CrsName(key, Form.URI)
    return CRS84


def _whole(entries: list[LayerEntry], key: str) -> Whole | None:
    """Where layers are in a system, as far as they have a place there."""
    return around([place for each in entries if (place := each.place_in(key))], key)


def _planned(
    query: MapQuery, entries: list[LayerEntry], target: GridRef, images: Images, server: Server
) -> RenderPlan:
    shown = []
    for entry in entries:
        if not is_drawn(entry.layer, target):
            continue
        style = style_of(entry.layer, query.style)
        view = MapView(entry.layer, style, target, query.format, None, query.transparent, query.background)
        shown.append(shown_layer(as_tile(view, server), entry, images, server))
    if shown:
        return plan_maps(shown, server)
    background, transparent = query.background, query.transparent
    return plan_blank(target.size, query.format, server, transparent=transparent, background=background)


def _time_header(query: MapQuery) -> tuple[tuple[str, str], ...]:
    """Of which time the map of one layer is, if it is known (/rec/datetime/actual-datetime)."""
    index = query.layers[0].index
    if index is not None:  # it has a header of its own where it is of a time
        return ()
    found = times.time_interval(query.layers[0]) if len(query.layers) == 1 else None
    if found is None:
        return ()
    first, last = found
    return (("OGCAPI-datetime", first if first == last else f"{first}/{last}"),)


# -- documents -------------------------------------------------------------------------------------

DATASET_SEGMENTS = ("map",)
"""The path of the map of all layers."""


def map_segments(layer: str, style: str | None = None) -> tuple[str, ...]:
    """The path of the map of a layer, or of one of its styles."""
    styled = () if style is None else ("styles", style)
    return ("collections", layer, *styled, "map")


def map_links(segments: tuple[str, ...], addresses: Addresses, media_types: Mapping[str, str]) -> list[Json]:
    """The links to a map (20-058, /req/collection-map/desc-links, /req/dataset-map/landingpage).

    Args:
        segments: its path.
        addresses: of resources.
        media_types: extension of each format of maps by media type; none where maps are not answered.
    """
    return [
        link(addresses.of(*segments, query=f"f={extension}"), f"{REL}map", media_type, f"Map as {extension}")
        for media_type, extension in media_types.items()
    ]


def systems(entry: LayerEntry, metadata: ServiceMetadata) -> Json:
    """The systems of a layer, its own, and the size of its pixels there (20-058, requirement /req/collection-map/desc-crs).

    `scaleDenominator` is what GDAL's driver for OGC API takes the resolution from.
    """
    shown = options.offered(entry, metadata)
    keys = options.crs_of(shown, metadata)
    uris = [uri for key in keys if (uri := crs.uri(key))]
    named = [CRS84_URI] if crs.WGS84 in keys else []
    own = shown.geo.georeference.crs
    found: Json = {"crs": named + uris}
    if storage := crs.uri(own):
        found["storageCrs"] = storage
    place = shown.place_in(own)
    if place and own != crs.IMAGE:
        found["minCellSize"] = place.resolution
        found["minScaleDenominator"] = place.resolution * crs.metres_per_unit(own) / PIXEL
        found["scaleDenominator"] = found["minScaleDenominator"]
    return found


def dataset_description(catalog: Catalog) -> Json:
    """The systems of the map of all layers, and where these are (20-058, /req/dataset-map/desc-crs and desc-extent)."""
    keys = catalog.metadata.options.get("wms.crs") or LISTED_CRS
    found: Json = {"crs": [CRS84_URI, *(uri for key in keys if (uri := crs.uri(key)))]}
    boxes = [between_meridians(bounds) for entry in catalog.entries() if (bounds := lon_lat(entry))]
    if boxes:
        west, south, east, north = zip(*boxes, strict=True)
        around_all = [min(west), min(south), max(east), max(north)]
        found["extent"] = {"spatial": {"bbox": [around_all], "crs": CRS84_URI}}
    return found
