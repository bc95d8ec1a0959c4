"""The capabilities document of WCS 1.1.0 to 1.1.2 (07-067r5, section 8.3; wcsGetCapabilities.xsd)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from iipserve.geo import crs
from iipserve.geo.layer import LayerEntry, ServiceMetadata
from iipserve.geo.ows.addresses import Endpoint
from iipserve.geo.ows.capabilities import (
    ROOT_ATTRIBUTES,
    Operation,
    keywords,
    operations_metadata,
    service_identification,
    service_provider,
    wgs84_bounding_box,
)
from iipserve.geo.ows.xml import Xml, comment, element, enclosed, joined, optional, several
from iipserve.protocols import coverage_options as options
from iipserve.protocols.coverage_offerings import Offering, offering
from iipserve.protocols.wcs import parts
from iipserve.protocols.wcs.layer_texts import CoverageText, texts_of
from iipserve.protocols.wcs.query import V1_1, VERSIONS, Family
from iipserve.protocols.wcs.requests import SECTIONS

NAMESPACE = "http://www.opengis.net/wcs/1.1"
SCHEMA = f"{NAMESPACE} http://schemas.opengis.net/wcs/1.1/wcsAll.xsd"
SERVICE_TYPE = "OGC WCS"
NONE = "NONE"
"""Fees and constraints that there are not (06-121r3, table 11)."""


def root_attributes(version: str) -> Mapping[str, str]:
    """Of documents of a version, without what tells of the state of the layers."""
    return {"xmlns": NAMESPACE, **ROOT_ATTRIBUTES, "xsi:schemaLocation": SCHEMA, "version": version}


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
        attributes: of the root element, `version` among them.
        sections: those that are asked for, out of `requests.SECTIONS`.
    """
    return enclosed(
        "Capabilities", _sections(entries, metadata, endpoint, attributes["version"], sections), attributes
    )


def _sections(
    entries: Iterable[LayerEntry],
    metadata: ServiceMetadata,
    endpoint: Endpoint,
    version: str,
    sections: frozenset[str],
) -> Iterator[str]:
    described = options.described(metadata)
    # OWSLib needs both
    described = replace(
        described,
        fees=described.fees or NONE,
        access_constraints=described.access_constraints or NONE,
    )
    if "ServiceIdentification" in sections:
        yield parts.service_warning(metadata)
        yield service_identification(described, SERVICE_TYPE, VERSIONS)
    if "ServiceProvider" in sections:
        yield service_provider(described)
    if "OperationsMetadata" in sections:
        yield operations_metadata(_operations(metadata, endpoint))
    if "Contents" in sections:
        yield from _contents(entries, metadata, version)


def _operations(metadata: ServiceMetadata, endpoint: Endpoint) -> Iterator[Operation]:
    get, post = ((endpoint.kvp, "KVP"),), ((endpoint.kvp, "XML"),)
    formats = parts.media_types(options.every_format(metadata), metadata)
    parameters: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
        "GetCapabilities": (
            ("service", ("WCS",)),
            ("AcceptVersions", VERSIONS),
            ("Sections", (*SECTIONS[Family.V1_1], "All")),
        ),
        "DescribeCoverage": (("version", V1_1), ("format", ("text/xml",))),
        "GetCoverage": (("version", V1_1), ("format", formats), ("store", ("false",))),
    }
    for name in options.operations(metadata):
        yield Operation(name, get, post, parameters[name])


# -- coverages -------------------------------------------------------------------------------------


def _contents(entries: Iterable[LayerEntry], metadata: ServiceMetadata, version: str) -> Iterator[str]:
    said = repr(tuple(metadata.options.items()))
    texts = list(texts_of(entries, version[:3], said, lambda entry: _summary(entry, metadata)))
    systems = dict.fromkeys(name for each in texts for name in each.systems)
    formats = dict.fromkeys(media for each in texts for media in each.formats)
    yield "<Contents>"
    if not texts and options.warns(metadata):
        yield comment(parts.NO_LAYERS)
    for each in texts:
        yield each.text
    yield several("SupportedCRS", systems)
    yield several("SupportedFormat", formats)
    yield "</Contents>"


def _summary(entry: LayerEntry, metadata: ServiceMetadata) -> CoverageText:
    shown = offering(entry, metadata)
    systems, formats = system_names(shown), parts.media_types(shown.formats, metadata)
    text = element(
        "CoverageSummary",
        heading(shown, metadata),
        parts.ows_metadata(parts.metadata_links(shown.layer)),
        wgs84_bounding_box(shown.degrees),
        several("SupportedCRS", systems),
        several("SupportedFormat", formats),
        element("Identifier", shown.coverage_id),
    )
    return CoverageText(text, systems, formats)


def heading(shown: Offering, metadata: ServiceMetadata) -> Xml:
    """Title, abstract and keywords of a coverage."""
    return joined(
        (
            parts.layer_warning("label", shown, metadata),
            element("ows:Title", shown.title),
            optional("ows:Abstract", shown.description),
            keywords(shown.keywords),
        )
    )


def system_names(shown: Offering) -> tuple[str, ...]:
    """URNs of the systems in which a coverage is offered, and of its pixels."""
    return tuple(dict.fromkeys(filter(None, map(crs.urn, (*shown.crs, crs.IMAGE)))))
