"""GetMap: the plan of a map of one layer or several."""

from __future__ import annotations

from dataclasses import replace

from iipserve.geo import crs
from iipserve.geo.grid import GridRef
from iipserve.geo.layer import Layer, LayerEntry, Style
from iipserve.geo.linked_sets import shared_sets
from iipserve.geo.ows.exceptions import OwsError
from iipserve.plan import Answer
from iipserve.protocols import Images, Server
from iipserve.protocols.map_tiles import entry_of
from iipserve.protocols.maps import MapView, ShownLayer, plan_maps
from iipserve.protocols.wms import options, vendor
from iipserve.protocols.wms.dimension_values import checked
from iipserve.protocols.wms.faults import INVALID_CRS
from iipserve.protocols.wms.query import MapQuery
from iipserve.protocols.wms.sld_styles import shown_style


def plan_get_map(query: MapQuery, images: Images, server: Server) -> Answer:
    """The plan of a map.

    Raises:
        OwsError: a layer cannot be shown in the coordinate reference system, or does not have what TIME or another
            dimension states.
    """
    headers = checked(query.layers, query.dimensions)
    shown = []
    for index, layer in enumerate(query.layers):
        entry = shown_entry(query, entry_of(layer, images[layer.name], server), server)
        view = as_tile(view_of(query, layer, shown_style(query, index, entry)), server)
        shown.append(ShownLayer(view, entry.info, entry.geo))
    return Answer(plan_maps(shown, server), headers)


def view_of(query: MapQuery, layer: Layer, style: Style) -> MapView:
    """One layer of a map."""
    style = replace(style, operations=vendor.applied(style, query.vendor)) if query.vendor else style
    target = GridRef.of_bounds(query.crs.key, query.bounds, query.size)
    return MapView(layer, style, target, query.format, query.resampling, query.transparent, query.background)


def as_tile(view: MapView, server: Server) -> MapView:
    """The map as tile services plan it, if it is one of their tiles: one picture is one entry of the caches."""
    target = view.target
    for each in shared_sets(server.catalog().metadata):
        target = each.as_tile(target)
    return replace(view, target=target)


def shown_entry(query: MapQuery, entry: LayerEntry, server: Server) -> LayerEntry:
    """The layer as a map in the system of the request shows it.

    Raises:
        OwsError: InvalidCRS: the layer is not offered in that system, or has no place in it.
    """
    metadata = server.catalog().metadata
    shown, key = options.offered(entry, metadata), query.crs.key
    if not options.accepts(key, shown, metadata):
        known = ", ".join(options.crs_of(shown, metadata))
        raise OwsError(
            INVALID_CRS,
            f"layer {crs.quoted(entry.layer.identifier)} is not offered in {crs.quoted(query.crs.text)}; it is in {known}",
            "crs",
        )
    try:
        crs.transformer(key, shown.geo.georeference.crs)
    except crs.NoTransformation as error:
        text = f"layer {entry.layer.identifier!r} has no place in {crs.quoted(query.crs.text)}: {error}"
        raise OwsError(INVALID_CRS, text, "crs") from error
    return shown
