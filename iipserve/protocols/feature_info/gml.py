"""Feature info as GML 3.1.1 (OGC 03-105r1), of the application schema `feature_info.xsd` next to this module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from iipserve.geo import crs
from iipserve.geo.georeference import Band
from iipserve.geo.ows.xml import NOTHING, Xml, document, element, nc_name, optional
from iipserve.plan import Document
from iipserve.protocols.feature_info.locating import Spot
from iipserve.protocols.feature_info.measuring import BandValue, Measured
from iipserve.protocols.feature_info.planning import LayerAnswer
from iipserve.protocols.feature_info.texts import number_text

NAMESPACE = "urn:x-iipserve:feature-info:1.0"
MEDIA_TYPE = "application/gml+xml; version=3.1"
FIELDS = frozenset({"position", "longitude", "latitude", "column", "row", "nodata", "images"})
"""Elements that no band is called by."""


def write_gml(answers: Sequence[LayerAnswer]) -> Document:
    """A `gml:FeatureCollection` with a feature for each layer that has something there."""
    features = [
        element("gml:featureMember", _feature(index, each, each.measured))
        for index, each in enumerate(answers, 1)
        if each.measured
    ]
    namespaces = {"xmlns:gml": "http://www.opengis.net/gml", "xmlns:info": NAMESPACE}
    return Document(document(element("gml:FeatureCollection", *features, attributes=namespaces)), MEDIA_TYPE)


def _feature(index: int, answer: LayerAnswer, found: Measured) -> Xml:
    spot = found.spot
    return element(
        "info:Layer",
        element("gml:name", answer.layer.identifier),
        element("info:position", _point(answer.crs, spot)),
        optional("info:longitude", number_text(spot.longitude)),
        optional("info:latitude", number_text(spot.latitude)),
        element("info:column", str(spot.column)),
        element("info:row", str(spot.row)),
        element("info:nodata", "false" if found.has_data else "true"),
        optional("info:images", " ".join(answer.images)),
        *_values(found),
        attributes={"gml:id": f"layer{index}"},
    )


def _point(key: str, spot: Spot) -> Xml:
    """The point in the authority's order of coordinates; in WGS 84 where the image's system has no name."""
    name, x, y = crs.urn(key), spot.x, spot.y
    if name is None and spot.longitude is not None and spot.latitude is not None:
        key, name, x, y = crs.WGS84, crs.urn(crs.WGS84), spot.longitude, spot.latitude
    first, second = (y, x) if name and crs.swaps_axes(key) else (x, y)
    position = element("gml:pos", f"{number_text(first)} {number_text(second)}")
    return element("gml:Point", position, attributes={"srsName": name} if name else {})


def _values(found: Measured) -> Iterator[Xml]:
    """An element with the value of each band, and others for the rest of what is known of it."""
    names = element_names([each.band for each in found.bands])
    for name, each in zip(names, found.bands, strict=True):
        yield from _band(f"info:{name}", each)


def _band(name: str, found: BandValue) -> Iterator[Xml]:
    unit = {"unit": found.band.unit} if found.band.unit else {}
    yield element(name, number_text(found.value), attributes=unit) if found.value is not None else NOTHING
    for suffix, number in (
        ("stored", found.raw),
        ("minimum", found.minimum),
        ("maximum", found.maximum),
        ("mean", found.mean),
        ("pixels", found.pixels),
    ):
        yield optional(f"{name}_{suffix}", number_text(number))


def element_names(bands: Sequence[Band]) -> list[str]:
    """A name that XML allows for each band, no two the same."""
    names: list[str] = []
    for band in bands:
        name = nc_name(band.name)
        free = (each for each in (name, *(f"{name}_{number}" for number in range(2, len(bands) + 9))))
        names.append(next(each for each in free if each not in names and each not in FIELDS))
    return names
