"""DescribeEOCoverageSet of the Earth observation profile of WCS 2.0 (OGC 10-140r1): images of a collection, and the collection
as a series of data sets.

`EOID` names a collection: as a coverage, or with `_series` after it; `SUBSET` limits `Lat`, `Long` and `phenomenonTime`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from iipserve.geo import item_names
from iipserve.geo.collection_settings import WCS, CollectionSettings
from iipserve.geo.crs import quoted
from iipserve.geo.grid import Bounds
from iipserve.geo.image_index import ImageIndex, IndexedImage, Span
from iipserve.geo.layer import Layer, LayerEntry, ServiceMetadata
from iipserve.geo.ows.capabilities import wgs84_bounding_box
from iipserve.geo.ows.exceptions import INVALID_VALUE, MISSING_VALUE, OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.geo.ows.negotiation import words
from iipserve.geo.ows.xml import NOTHING, Xml, document, element, joined
from iipserve.geo.time_extents import full_text
from iipserve.image import ImageName
from iipserve.plan import Document
from iipserve.protocols import Images, Server
from iipserve.protocols.collection_times import parsed
from iipserve.protocols.coverage_offerings import coverage_id, find_layer, offering
from iipserve.protocols.coverage_options import operations
from iipserve.protocols.map_tiles import entry_of
from iipserve.protocols.map_values import finite, invalid
from iipserve.protocols.wcs import describe_2_0
from iipserve.protocols.wcs.kvp_requests_2_0 import subsets_of
from iipserve.protocols.wcs.parts import ROOT_2_0
from iipserve.protocols.wcs.query import Subset
from iipserve.protocols.wcs.values import by_filter

OPERATION = "DescribeEOCoverageSet"
SERIES = "_series"
NAMESPACES = {
    **ROOT_2_0,
    "xmlns:wcseo": "http://www.opengis.net/wcs/wcseo/1.0",
    "xmlns:eop": "http://www.opengis.net/eop/2.0",
    "xmlns:om": "http://www.opengis.net/om/2.0",
}
SECTIONS = ("CoverageDescriptions", "DatasetSeriesDescriptions")
USUAL_COUNT, MAX_COUNT = 50, 200
"""Images that are described in one document."""
MAX_MATCHED = 10_000
"""Images that are counted."""
WORLD = Bounds(-180.0, -90.0, 180.0, 90.0)
LATITUDE, LONGITUDE, TIME = (
    ("lat", "latitude", "y"),
    ("long", "lon", "longitude", "x"),
    ("phenomenontime", "time"),
)


class EoSetQuery(NamedTuple):
    """Descriptions of images of collections."""

    layers: tuple[Layer, ...]
    """Of the collections."""
    box: Bounds
    """In degrees."""
    span: Span
    contains: bool
    """Images have to be inside of these limits, not only to meet them."""
    sections: frozenset[str]
    limit: int
    """Images that are described."""
    soap: str = ""
    """As of `CapabilitiesQuery`."""

    @property
    def names(self) -> tuple[ImageName, ...]:
        """None."""
        return ()


def read_eo_set(parameters: Parameters, server: Server) -> EoSetQuery:
    """Read a request.

    Raises:
        OwsError: a parameter is missing or malformed, or there is no such collection.
    """
    identifiers = [each for text in parameters.every("eoid") for each in words(text)]
    if not identifiers:
        raise OwsError(MISSING_VALUE, "the parameter EOID is missing; it names collections", "eoid")
    subsets, _ = subsets_of(parameters)
    south, north = _limits(subsets, LATITUDE, (WORLD.min_y, WORLD.max_y))
    west, east = _limits(subsets, LONGITUDE, (WORLD.min_x, WORLD.max_x))
    containment = parameters.get("containment", "overlaps").strip().lower()
    if containment not in ("overlaps", "contains"):
        raise OwsError(
            INVALID_VALUE,
            f"containment {quoted(containment)} is unknown; OVERLAPS and CONTAINS are known",
            "containment",
        )
    return EoSetQuery(
        tuple(by_filter(_collection(each, server), parameters) for each in identifiers),
        Bounds(west, south, east, north),
        _span(subsets),
        containment == "contains",
        _sections(parameters),
        _count(parameters),
    )


def _collection(identifier: str, server: Server) -> Layer:
    for name in (identifier, identifier.removesuffix(SERIES)):
        layer = find_layer(name, server)
        if layer is not None and layer.index is not None and layer.is_in(WCS):
            return layer
    raise OwsError(
        "NoSuchDatasetSeriesOrCoverage", f"there is no collection {quoted(identifier)}", identifier
    )


def _limits(
    subsets: Iterable[Subset], names: tuple[str, ...], usual: tuple[float, float]
) -> tuple[float, float]:
    for each in subsets:
        if each.axis.lower() in names:
            low, high = (
                end if text in ("", "*") else finite(text)
                for text, end in zip((each.low, each.high or each.low), usual, strict=True)
            )
            if low is None or high is None or low > high:
                raise OwsError(
                    "InvalidSubsetting", f"the limits of {each.axis[:20]} are no interval", "subset"
                )
            return low, high
    return usual


def _span(subsets: Iterable[Subset]) -> Span:
    for each in subsets:
        if each.axis.lower() in TIME:
            low, high = (text.replace("*", "..") or ".." for text in (each.low, each.high or each.low))
            if low == high == "..":
                return Span(None, None)
            span = parsed(low if each.is_slice else f"{low}/{high}")
            if span is None:
                raise OwsError("InvalidSubsetting", "the limits of phenomenonTime are no times", "subset")
            return span
    return Span(None, None)


def _sections(parameters: Parameters) -> frozenset[str]:
    asked = {word.lower() for word in words(parameters.get("sections"))}
    return frozenset(name for name in SECTIONS if not asked or "all" in asked or name.lower() in asked)


def _count(parameters: Parameters) -> int:
    text = parameters.get("count").strip()
    if text and not (text.isascii() and text.isdecimal()):
        raise invalid(f"COUNT {quoted(text)} is no number", "count")
    return min(int(text[:9]) if text else USUAL_COUNT, MAX_COUNT)


def is_offered(metadata: ServiceMetadata) -> bool:
    """Whether the service has collections that are coverages."""
    settings = CollectionSettings.of(metadata.options)
    return settings is not None and WCS in settings.services and "DescribeCoverage" in operations(metadata)


def summaries(entries: Iterable[LayerEntry]) -> Xml:
    """What capabilities tell of collections (10-140r1, 9.2)."""
    found = [_summary(entry) for entry in entries if entry.layer.index is not None]
    return element("wcs:Extension", *found) if any(found) else NOTHING


def _summary(entry: LayerEntry) -> Xml:
    index, bounds = entry.layer.index, entry.geographic_bounds()
    if index is None or bounds is None or not index.times():
        return NOTHING
    name = f"{coverage_id(entry.layer)}{SERIES}"
    return element(
        "wcseo:DatasetSeriesSummary",
        element("ows:Title", entry.layer.displayed_title),
        wgs84_bounding_box(bounds),
        element("wcseo:DatasetSeriesId", name),
        _period(_extent(index), f"{name}_time"),
        attributes={"xmlns:wcseo": NAMESPACES["xmlns:wcseo"]},
    )


def _extent(index: ImageIndex) -> Span:
    """From the first to the last time of a collection."""
    times = index.times()
    ends = [span.end for span in times if span.end]
    return Span(times[0].start, max(ends)) if ends else Span(None, None)


# -- the document ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """An image that is described."""

    image: IndexedImage
    entry: LayerEntry
    """Of the layer of this image alone."""


def plan_eo_set(query: EoSetQuery, images: Images, server: Server) -> Document:
    """The document.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    metadata, matched = server.catalog().metadata, 0
    found: list[_Found] = []
    for layer in query.layers:
        assert layer.index is not None
        images.depend_on(layer.index)
        there = [each for each in _matching(layer.index, query) if _is_meant(each, query)]
        matched += len(there)
        found.extend(_described(layer, there[: query.limit - len(found)], images, server))
    series = [_series(layer) for layer in query.layers] if SECTIONS[1] in query.sections else []
    descriptions = joined(_description(each, metadata) for each in found)
    parts = []
    if SECTIONS[0] in query.sections:
        parts.append(element("wcs:CoverageDescriptions", descriptions))
    if series:
        parts.append(element("wcseo:DatasetSeriesDescriptions", *series))
    shown = len(found) if SECTIONS[0] in query.sections else 0
    attributes = {"numberMatched": str(matched), "numberReturned": str(shown)}
    root = element("wcseo:EOCoverageSetDescription", *parts, attributes={**NAMESPACES, **attributes})
    return Document(document(root), "text/xml; charset=utf-8")


def _matching(index: ImageIndex, query: EoSetQuery) -> tuple[IndexedImage, ...]:
    spans = () if query.span == Span(None, None) else (query.span,)
    return index.selected(index.selection._replace(spans=spans)).matching(query.box, 0.0, MAX_MATCHED)


def _is_meant(image: IndexedImage, query: EoSetQuery) -> bool:
    """Whether an image that meets the limits is in them, if it has to be."""
    if not query.contains:
        return True
    own, box, span = image.bounds, query.box, _time_of(image)
    is_inside = own.min_x >= box.min_x and own.max_x <= box.max_x and own.min_x <= own.max_x
    is_inside = is_inside and own.min_y >= box.min_y and own.max_y <= box.max_y
    start, end = query.span
    after = start is None or (span is not None and span.start is not None and span.start >= start)
    before = end is None or (span is not None and span.end is not None and span.end <= end)
    return is_inside and after and before


def _time_of(image: IndexedImage) -> Span | None:
    return parsed(image.time) if image.time else None


def _described(
    layer: Layer, chosen: Iterable[IndexedImage], images: Images, server: Server
) -> Iterator[_Found]:
    """Images with their layers; those that cannot be read are left out."""
    for image in chosen:
        assert layer.index is not None
        own = server.catalog().find(item_names.item_name(layer.index.name, image.identifier))
        if own is not None and own.index is not None:
            yield _Found(image, entry_of(own, images, server))


def _description(found: _Found, metadata: ServiceMetadata) -> Xml:
    shown = offering(found.entry, metadata)
    return describe_2_0.coverage_description(shown, metadata, _metadata(found, shown.coverage_id))


def _metadata(found: _Found, name: str) -> Xml:
    """What the profile requires of each image: when and where it was taken (10-140r1, 8.2)."""
    span = _time_of(found.image)
    empty = {"xlink:href": "urn:ogc:def:nil:OGC::unknown"}
    observation = element(
        "eop:EarthObservation",
        element("om:phenomenonTime", _period(span, f"{name}_time") if span else NOTHING),
        element("om:resultTime", _instant(span, f"{name}_result") if span else NOTHING),
        element("om:procedure", attributes=empty),
        element("om:observedProperty", attributes=empty),
        element("om:featureOfInterest", _footprint(found.image.bounds, f"{name}_footprint")),
        element("om:result"),
        element(
            "eop:metaDataProperty",
            element(
                "eop:EarthObservationMetaData",
                element("eop:identifier", name),
                element("eop:acquisitionType", "NOMINAL"),
                element("eop:status", "ARCHIVED"),
            ),
        ),
        attributes={"gml:id": f"{name}_eop"},
    )
    return element("gmlcov:metadata", element("gmlcov:Extension", element("wcseo:EOMetadata", observation)))


def _period(span: Span, name: str) -> Xml:
    ends = [
        element(f"gml:{end}Position", full_text(instant))
        if instant
        else element(f"gml:{end}Position", attributes={"indeterminatePosition": "unknown"})
        for end, instant in zip(("begin", "end"), span, strict=True)
    ]
    return element("gml:TimePeriod", *ends, attributes={"gml:id": name})


def _instant(span: Span, name: str) -> Xml:
    instant = span.end or span.start
    assert instant is not None
    return element(
        "gml:TimeInstant", element("gml:timePosition", full_text(instant)), attributes={"gml:id": name}
    )


def _footprint(bounds: Bounds, name: str) -> Xml:
    """The box of an image, latitude before longitude; in two parts across the antimeridian."""
    split = bounds.min_x > bounds.max_x
    boxes = [bounds._replace(max_x=180.0), bounds._replace(min_x=-180.0)] if split else [bounds]
    members = [
        element("gml:surfaceMember", _polygon(box, f"{name}_{number}")) for number, box in enumerate(boxes, 1)
    ]
    system = {"srsName": "http://www.opengis.net/def/crs/EPSG/0/4326"}
    surface = element("gml:MultiSurface", *members, attributes={"gml:id": f"{name}_surface", **system})
    return element("eop:Footprint", element("eop:multiExtentOf", surface), attributes={"gml:id": name})


def _polygon(box: Bounds, name: str) -> Xml:
    west, south, east, north = box
    ring = ((south, west), (south, east), (north, east), (north, west), (south, west))
    places = " ".join(f"{y!r} {x!r}" for y, x in ring)
    exterior = element("gml:exterior", element("gml:LinearRing", element("gml:posList", places)))
    return element("gml:Polygon", exterior, attributes={"gml:id": name})


def _series(layer: Layer) -> Xml:
    """The collection as a series of data sets."""
    assert layer.index is not None
    name, span = f"{coverage_id(layer)}{SERIES}", _extent(layer.index)
    bounds = LayerEntry(layer, layer.index.info, layer.index.geo).geographic_bounds()
    return element(
        "wcseo:DatasetSeriesDescription",
        element("wcseo:DatasetSeriesId", name),
        _period(span, f"{name}_time"),
        _footprint(bounds, f"{name}_footprint") if bounds else NOTHING,
        attributes={"gml:id": name},
    )
