"""GetMap: the plan of a map of one layer or several."""

from __future__ import annotations

from dataclasses import replace

from iipserve.geo.layer import Layer, LayerEntry, Style
from iipserve.plan import Answer, RenderPlan
from iipserve.protocols import Images, Server
from iipserve.protocols import map_options as options
from iipserve.protocols.collection_maps import shown_layer
from iipserve.protocols.map_layers import plan_maps
from iipserve.protocols.map_scales import is_drawn
from iipserve.protocols.map_tiles import as_tile, entry_of
from iipserve.protocols.maps import MapView, plan_blank
from iipserve.protocols.wms import vendor
from iipserve.protocols.wms.dimension_values import checked
from iipserve.protocols.wms.query import MapQuery
from iipserve.protocols.wms.sld_styles import shown_style


def plan_get_map(query: MapQuery, images: Images, server: Server) -> Answer:
    """The plan of a map.

    Raises:
        NoTransformation: a layer cannot be shown in the coordinate reference system.
        OwsError: a layer does not have what TIME or another dimension states.
    """
    headers = checked(query.layers, query.dimensions)
    shown = []
    for index, layer in enumerate(query.layers):
        entry = shown_entry(query, layer, images, server)
        view = as_tile(view_of(query, layer, shown_style(query, index, entry)), server)
        if is_drawn(layer, query.target):
            shown.append(shown_layer(view, entry, images, server))
    return Answer(plan_maps(shown, server) if shown else _nothing(query, server), headers)


def _nothing(query: MapQuery, server: Server) -> RenderPlan:
    """The map of a scale at which none of its layers is drawn."""
    background, transparent = query.background, query.transparent
    return plan_blank(query.size, query.format, server, transparent=transparent, background=background)


def view_of(query: MapQuery, layer: Layer, style: Style) -> MapView:
    """One layer of a map."""
    style = replace(style, operations=vendor.applied(style, query.vendor)) if query.vendor else style
    return MapView(
        layer, style, query.target, query.format, query.resampling, query.transparent, query.background
    )


def shown_entry(query: MapQuery, layer: Layer, images: Images, server: Server) -> LayerEntry:
    """The layer as a map in the system of the request shows it.

    Raises:
        NoTransformation: it is not offered in that system, or has no place in it.
    """
    entry = entry_of(layer, images, server)
    return options.shown_in(query.crs.key, query.crs.text, entry, server.catalog().metadata)
