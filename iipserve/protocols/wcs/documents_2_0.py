"""The capabilities document of WCS 2.0.1 (09-110r4, section 8.2; wcsGetCapabilities.xsd)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from iipserve.geo import crs, gmlcov
from iipserve.geo.layer import LayerEntry, ServiceMetadata
from iipserve.geo.ows.addresses import Endpoint
from iipserve.geo.ows.capabilities import (
    Operation,
    bounding_box,
    keywords,
    operations_metadata,
    service_identification,
    service_provider,
    wgs84_bounding_box,
)
from iipserve.geo.ows.xml import NOTHING, Xml, comment, element, enclosed, optional, several
from iipserve.protocols import coverage_options as options
from iipserve.protocols.coverage_offerings import Offering, offering
from iipserve.protocols.wcs import eo_sets, parts
from iipserve.protocols.wcs.layer_texts import CoverageText, texts_of
from iipserve.protocols.wcs.query import VERSIONS

VERSION = "2.0.1"
ROOT: Mapping[str, str] = parts.ROOT_2_0
SERVICE_TYPE = "urn:ogc:service:wcs"
SPECIFICATIONS = "http://www.opengis.net/spec/"
PROFILES = tuple(
    SPECIFICATIONS + name
    for name in (
        "WCS/2.0/conf/core",
        "WCS_protocol-binding_get-kvp/1.0/conf/get-kvp",
        "WCS_protocol-binding_post-xml/1.0/conf/post-xml",
        "WCS_protocol-binding_soap/1.0/conf/soap",
        "GMLCOV/1.0/conf/gml-coverage",
        "GMLCOV/1.0/conf/multipart",
        "GMLCOV/1.0/conf/special-format",
        "GMLCOV_geotiff-coverages/1.0/conf/geotiff-coverage",
        "WCS_service-extension_crs/1.0/conf/crs",
        "WCS_service-extension_scaling/1.0/conf/scaling",
        "WCS_service-extension_range-subsetting/1.0/conf/record-subsetting",
        "WCS_service-extension_interpolation/1.0/conf/interpolation",
    )
)
"""Conformance classes."""
EARTH_OBSERVATION = SPECIFICATIONS + "WCS_application-profile_earth-observation/1.0/conf/eowcs"
"""That of services with collections."""
INTERPOLATION = "http://www.opengis.net/WCS_service-extension_interpolation/1.0"
CRS_EXTENSION = "http://www.opengis.net/wcs/crs/1.0"
POST_ENCODINGS = ("XML", "SOAP")


def capabilities(
    entries: Iterable[LayerEntry],
    metadata: ServiceMetadata,
    endpoint: Endpoint,
    attributes: Mapping[str, str],
    sections: frozenset[str],
) -> Iterator[str]:
    """The root element, in parts.

    Args:
        entries: the layers to list.
        metadata: of the service.
        endpoint: of the service.
        attributes: of the root element.
        sections: those that are asked for, out of `requests.SECTIONS`.
    """
    return enclosed("wcs:Capabilities", _sections(entries, metadata, endpoint, sections), attributes)


def _sections(
    entries: Iterable[LayerEntry], metadata: ServiceMetadata, endpoint: Endpoint, sections: frozenset[str]
) -> Iterator[str]:
    described = options.described(metadata)
    if eo_sets.is_offered(metadata):
        entries = list(entries)
    if "ServiceIdentification" in sections:
        yield parts.service_warning(metadata)
        yield service_identification(described, SERVICE_TYPE, VERSIONS, _profiles(metadata))
    if "ServiceProvider" in sections:
        yield service_provider(described)
    if "OperationsMetadata" in sections:
        yield operations_metadata(_operations(metadata, endpoint), (("PostEncoding", POST_ENCODINGS),))
    listed = list(_texts(entries, metadata)) if sections & {"ServiceMetadata", "Contents"} else []
    if "ServiceMetadata" in sections:
        yield _service_metadata(listed, metadata)
    if "Contents" in sections:
        yield "<wcs:Contents>"
        if not listed and options.warns(metadata):
            yield comment(parts.NO_LAYERS)
        yield from (each.text for each in listed)
        if eo_sets.is_offered(metadata):
            yield eo_sets.summaries(entries)
        yield "</wcs:Contents>"


def _profiles(metadata: ServiceMetadata) -> tuple[str, ...]:
    return (*PROFILES, EARTH_OBSERVATION) if eo_sets.is_offered(metadata) else PROFILES


def _operations(metadata: ServiceMetadata, endpoint: Endpoint) -> Iterator[Operation]:
    get = ((endpoint.kvp, "KVP"),)
    post = tuple((endpoint.kvp, encoding) for encoding in POST_ENCODINGS)
    for name in options.operations(metadata):
        yield Operation(name, get, post)
    if eo_sets.is_offered(metadata):
        yield Operation(eo_sets.OPERATION, get, post)


def _service_metadata(listed: Iterable[CoverageText], metadata: ServiceMetadata) -> Xml:
    """Formats, methods of interpolation and systems of all coverages."""
    methods = several(
        "int:interpolationSupported",
        (parts.INTERPOLATIONS[name].v2_0 for name in options.interpolations(metadata)),
    )
    stated = options.service_systems(metadata)
    systems = dict.fromkeys(
        (*filter(None, map(crs.uri, stated)), *(name for each in listed for name in each.systems))
    )
    return element(
        "wcs:ServiceMetadata",
        several("wcs:formatSupported", parts.media_types(options.every_format(metadata), metadata)),
        element(
            "wcs:Extension",
            element("int:InterpolationMetadata", methods, attributes={"xmlns:int": INTERPOLATION}),
            element(
                "crs:CrsMetadata",
                several("crs:crsSupported", systems),
                attributes={"xmlns:crs": CRS_EXTENSION},
            ),
        ),
    )


# -- coverages -------------------------------------------------------------------------------------


def _texts(entries: Iterable[LayerEntry], metadata: ServiceMetadata) -> Iterator[CoverageText]:
    said = repr(tuple(metadata.options.items()))
    return texts_of(entries, VERSION, said, lambda entry: _summary(entry, metadata))


def _summary(entry: LayerEntry, metadata: ServiceMetadata) -> CoverageText:
    shown = offering(entry, metadata)
    text = element(
        "wcs:CoverageSummary",
        parts.layer_warning("label", shown, metadata),
        element("ows:Title", shown.title),
        optional("ows:Abstract", shown.description),
        keywords(shown.keywords),
        wgs84_bounding_box(shown.degrees),
        element("wcs:CoverageId", shown.coverage_id),
        element("wcs:CoverageSubtype", gmlcov.subtype(shown.grid)),
        NOTHING if shown.is_plain else _box(shown),
        parts.ows_metadata(parts.metadata_links(shown.layer)),
    )
    return CoverageText(text, tuple(filter(None, map(crs.uri, shown.crs))))


def _box(shown: Offering) -> Xml:
    key = shown.grid.crs
    return bounding_box(shown.grid.bounds, crs.uri(key) or "", swapped=crs.swaps_axes(key))
