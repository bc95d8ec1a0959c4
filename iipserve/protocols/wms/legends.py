"""GetLegendGraphic: the legend of a style of a layer (SLD 05-078r4, section 10)."""

from __future__ import annotations

from dataclasses import replace

from iipserve.geo.crs import quoted
from iipserve.geo.layer import LayerEntry, Style
from iipserve.geo.ows.exceptions import OwsError
from iipserve.plan import Answer
from iipserve.protocols import Images, Server, legends
from iipserve.protocols import map_options as options
from iipserve.protocols.map_tiles import first_entry
from iipserve.protocols.sld import document
from iipserve.protocols.sld.styles import style_of
from iipserve.protocols.wms import vendor
from iipserve.protocols.wms.faults import INVALID_FORMAT, STYLE_NOT_DEFINED
from iipserve.protocols.wms.query import LegendQuery

JSON = "application/json"
DEFAULT = "image/png"


def plan_get_legend(query: LegendQuery, images: Images, server: Server) -> Answer:
    """The plan of a legend, as a picture or as JSON.

    Raises:
        OwsError: InvalidFormat, or StyleNotDefined: the SLD is not understood.
    """
    entry = options.offered(first_entry(query.layer, images, server), server.catalog().metadata)
    style = _style(query, entry)
    if query.vendor:
        style = replace(style, operations=vendor.applied(style, query.vendor))
    media_type = query.format.partition(";")[0].strip().lower() or DEFAULT
    if media_type == JSON:
        return Answer(legends.plan_legend_document(entry, style))
    offered = options.legend_formats(server.catalog().metadata, server.formats)
    if media_type not in offered:
        known = ", ".join((*offered, JSON))
        raise OwsError(INVALID_FORMAT, f"format {quoted(query.format)} is not offered; {known} are", "format")
    return Answer(legends.plan_legend(entry, style, offered[media_type], server, query.size))


def _style(query: LegendQuery, entry: LayerEntry) -> Style:
    """The style that is asked for, or what an SLD has instead."""
    if not query.sld_body:
        return query.style
    layer, name = query.layer, query.parameters.get("style").strip()
    found = document.style_named(document.read(query.sld_body), layer.identifier, name)
    named = layer.style(found) if isinstance(found, str) else found and style_of(found, entry, None)
    if not isinstance(named, Style):
        text = f"SLD_BODY has no style {quoted(name)} of layer {quoted(layer.identifier)}"
        raise OwsError(STYLE_NOT_DEFINED, text, "sld_body")
    return named
