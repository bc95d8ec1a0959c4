"""GetFeatureInfo: what the layers of a map hold at the center of one of its pixels (06-042, 7.4; 01-068r3, 7.3)."""

from __future__ import annotations

from iipserve.geo.crs import quoted
from iipserve.geo.ows.exceptions import OwsError
from iipserve.plan import Answer
from iipserve.protocols import Images, Server
from iipserve.protocols import map_options as options
from iipserve.protocols.feature_info.collections import queried
from iipserve.protocols.feature_info.formats import UnknownInfoFormat, writer
from iipserve.protocols.feature_info.places import pixel_of_grid
from iipserve.protocols.feature_info.planning import Write, plan_feature_info
from iipserve.protocols.map_scales import is_drawn
from iipserve.protocols.map_values import invalid
from iipserve.protocols.wms.faults import INVALID_FORMAT
from iipserve.protocols.wms.maps import shown_entry
from iipserve.protocols.wms.query import V1_1, FeatureInfoQuery

DEFAULT_1_1 = "text/plain"
"""The format, where it is offered, of requests of 1.1.1 that state none; 1.3.0 requires one."""


def plan_get_feature_info(query: FeatureInfoQuery, images: Images, server: Server) -> Answer:
    """The plan of what there is at a pixel of a map: a layer has something there, or nothing at all, outside of it
    and at scales at which it is not drawn.

    Raises:
        OwsError: InvalidFormat.
        NoTransformation: as of `maps.shown_entry`.
    """
    write = _writer(query, server)
    shown = query.map
    grid = shown.target
    place = pixel_of_grid(grid, query.i, query.j)
    entries = (shown_entry(shown, layer, images, server) for layer in query.queried if is_drawn(layer, grid))
    asked = [queried(entry, place, grid, images, server) for entry in entries]
    return Answer(plan_feature_info(asked, place, write))


def _writer(query: FeatureInfoQuery, server: Server) -> Write:
    """What writes the format that is asked for, which has to be offered, under any of its names."""
    metadata = server.catalog().metadata
    of_layers = [options.layer_info_formats(layer, metadata) for layer in query.queried]
    offered = [media for media in options.info_formats(metadata) if all(media in each for each in of_layers)]
    usual = DEFAULT_1_1 if DEFAULT_1_1 in offered else next(iter(offered), "")
    text = query.info_format or (usual if query.version == V1_1 else "")
    if not text:
        raise invalid("the parameter INFO_FORMAT is missing", "info_format")
    try:
        write = writer(text)
    except UnknownInfoFormat:
        write = None
    if write is None or write not in map(writer, offered):
        raise OwsError(
            INVALID_FORMAT,
            f"info_format {quoted(text)} is not offered; {', '.join(offered)} are",
            "info_format",
        )
    return write
