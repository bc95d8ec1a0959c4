"""GetStyles: the styles of layers as a StyledLayerDescriptor (SLD 02-070, 6.9)."""

from __future__ import annotations

from iipserve.plan import Answer, Document
from iipserve.protocols import Images, Server
from iipserve.protocols.map_tiles import entry_of
from iipserve.protocols.sld.writing import SLD_1_0, SLD_1_1, written
from iipserve.protocols.wms.query import V1_1, StylesQuery


def plan_get_styles(query: StylesQuery, images: Images, server: Server) -> Answer:
    """The document: SLD 1.0.0 for WMS 1.1.1, else 1.1.0."""
    entries = [entry_of(layer, images, server) for layer in query.layers]
    dialect = SLD_1_0 if query.version == V1_1 else SLD_1_1
    return Answer(Document(written(entries, dialect), "text/xml; charset=utf-8"))
