"""Feature info as MapML, which its viewer shows in a popup: a feature for each layer, with a table of its values."""

from __future__ import annotations

from collections.abc import Sequence

from iipserve.geo.ows.xml import NOTHING, Xml, document, element, joined
from iipserve.plan import Document
from iipserve.protocols.feature_info.locating import Spot
from iipserve.protocols.feature_info.measuring import Measured
from iipserve.protocols.feature_info.planning import LayerAnswer
from iipserve.protocols.feature_info.texts import number_text

MEDIA_TYPE = "text/mapml"
NAMESPACE = {"xmlns": "http://www.w3.org/1999/xhtml"}
NOTHING_HERE = "no data here"


def write_mapml(answers: Sequence[LayerAnswer]) -> Document:
    """A document with a `map-feature`, the pixel of the file, for each layer that has something there."""
    features = joined(_feature(each, each.measured) for each in answers if each.measured)
    head = element(
        "map-head",
        element("map-title", "Feature info"),
        element("map-meta", attributes={"charset": "utf-8"}),
        element("map-meta", attributes={"name": "projection", "content": "WGS84"}),
        element("map-meta", attributes={"name": "cs", "content": "gcrs"}),
    )
    root = element("mapml-", head, element("map-body", features), attributes=NAMESPACE)
    return Document(document(root), f"{MEDIA_TYPE}; charset=utf-8")


def _feature(answer: LayerAnswer, found: Measured) -> Xml:
    """A feature with its values, and where it is."""
    spot = found.spot
    place = [("x", spot.x), ("y", spot.y), ("column", spot.column), ("row", spot.row)]
    rows = [_row(name, number_text(number), answer.crs_name if name == "x" else "") for name, number in place]
    values = [
        _row(each.band.name, number_text(each.value) or NOTHING_HERE, each.band.unit) for each in found.bands
    ]
    if answer.images:
        rows.append(_row("images", " ".join(answer.images), ""))
    table = element("table", element("tbody", *values, *rows))
    return element(
        "map-feature",
        element("map-featurecaption", answer.layer.displayed_title),
        _geometry(spot),
        element("map-properties", table),
    )


def _geometry(spot: Spot) -> Xml:
    """The pixel as a polygon, longitude first; the point where that is not known, and nothing off the Earth."""
    if spot.longitude is None or spot.latitude is None:
        return NOTHING
    ring = (*spot.outline, *spot.outline[:1]) or ((spot.longitude, spot.latitude),)
    text = " ".join(number_text(number) for place in ring for number in place)
    shape = element("map-polygon" if spot.outline else "map-point", element("map-coordinates", text))
    return element("map-geometry", shape, attributes={"cs": "gcrs"})


def _row(name: str, value: str, unit: str) -> Xml:
    heading = element("th", name, attributes={"scope": "row"})
    return element("tr", heading, element("td", f"{value} {unit}".rstrip()))
