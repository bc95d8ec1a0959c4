"""Formats of the answer, by the media types that requests name them by."""

from __future__ import annotations

import re
from types import MappingProxyType

from iipserve.errors import InvalidRequest
from iipserve.protocols.feature_info.geojson import write_json
from iipserve.protocols.feature_info.gml import MEDIA_TYPE, write_gml
from iipserve.protocols.feature_info.mapml import write_mapml
from iipserve.protocols.feature_info.planning import Write
from iipserve.protocols.feature_info.texts import write_html, write_layers, write_text

EXTENSIONS = MappingProxyType(
    {
        "html": "text/html",
        "xml": "text/xml",
        "txt": "text/plain",
        "json": "application/json",
        "gml": MEDIA_TYPE,
    }
)
"""Media types, as documents list them, by the extension in paths."""
DEFAULT = "text/xml"
WRITERS = MappingProxyType(
    {
        "text/html": write_html,
        "text/xml": write_layers,
        "application/xml": write_layers,
        "text/plain": write_text,
        "application/json": write_json,
        "application/geo+json": write_json,
        "application/gml+xml": write_gml,
        "application/vnd.ogc.gml": write_gml,
        "application/vnd.ogc.gml/3.1.1": write_gml,
        "text/mapml": write_mapml,
        "html": write_html,
        "xml": write_layers,
        "txt": write_text,
        "json": write_json,
        "gml": write_gml,
    }
)
"""By media type without parameters, and by extension."""
GML = re.compile(r"subtype=.?gml")


class UnknownInfoFormat(InvalidRequest):
    """The answer is not written in such a format."""


def is_written(media_type: str) -> bool:
    """Whether answers are written in a format."""
    return media_type.partition(";")[0] in WRITERS


def writer(text: str) -> Write:
    """What writes an answer of a media type, in any case and spacing, with any parameters; empty for the default.

    A plus that a client left unescaped arrives as a space, and counts as a plus.

    Raises:
        UnknownInfoFormat: there is no such format.
    """
    name, _, parameters = (text.strip() or DEFAULT).lower().partition(";")
    if GML.search(parameters):
        return write_gml
    found = WRITERS.get(re.sub(r"\s+", "+", name.strip()))
    if found is None:
        raise UnknownInfoFormat(
            f"{text[:100]!r} is no format of feature info; {', '.join(EXTENSIONS.values())} are"
        )
    return found
