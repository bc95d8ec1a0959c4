"""Legends of the styles of layers, by their paths."""

from __future__ import annotations

from iipserve.geo.ows.exceptions import INVALID_VALUE, NoSuchResource
from iipserve.plan import Document, RenderPlan, StatisticsPlan
from iipserve.protocols import Images, Server, legends
from iipserve.protocols.map_tiles import first_entry
from iipserve.protocols.wmts.faults import FORMAT
from iipserve.protocols.wmts.query import LegendQuery
from iipserve.protocols.wmts.tiles import style_of

JSON = "json"
"""Extension of the document of values and colors."""


def plan_legend(query: LegendQuery, images: Images, server: Server) -> RenderPlan | StatisticsPlan | Document:
    """The plan of a legend.

    Raises:
        NoSuchResource: the layer has no such style, or legends have no such format.
    """
    style, entry = (
        style_of(query.layer, query.style, is_restful=True),
        first_entry(query.layer, images, server),
    )
    extension = query.extension.lower()
    if extension == JSON:
        return legends.plan_legend_document(entry, style)
    format = server.formats.by_tile_extension.get(extension)
    if format is None:
        raise NoSuchResource(
            INVALID_VALUE,
            f"legends are not written as {extension[:100]!r}; ask for legend.png or legend.{JSON}",
            FORMAT,
        )
    return legends.plan_legend(entry, style, format.name, server)
