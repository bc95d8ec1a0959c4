"""Descriptions of coverages of WCS 2.0.1 (09-110r4, section 8.3; GMLCOV 09-146r2; wcsDescribeCoverage.xsd)."""

from __future__ import annotations

from collections.abc import Iterable

from iipserve.geo import gmlcov
from iipserve.geo.layer import LayerEntry, ServiceMetadata
from iipserve.geo.ows.xml import NOTHING, Xml, element, joined, optional
from iipserve.protocols.coverage_bands import OfferedBand, sample_text
from iipserve.protocols.coverage_offerings import Offering, offering
from iipserve.protocols.wcs import parts
from iipserve.protocols.wcs.parts import ROOT_2_0 as ROOT

ATTRIBUTES = {**ROOT, "xsi:schemaLocation": ROOT["xsi:schemaLocation"]}


def description(entries: Iterable[LayerEntry], metadata: ServiceMetadata) -> Xml:
    """The root element."""
    described = joined(coverage_description(offering(entry, metadata), metadata) for entry in entries)
    return element("wcs:CoverageDescriptions", described, attributes=ROOT)


def coverage_description(shown: Offering, metadata: ServiceMetadata, further: Xml = NOTHING) -> Xml:
    """The element of one coverage, with further metadata after its box and its name."""
    (native,) = parts.media_types((shown.native_format,), metadata)
    return element(
        "wcs:CoverageDescription",
        parts.layer_warning("label", shown, metadata),
        optional("gml:description", shown.description),
        element("gml:name", shown.title),
        gmlcov.bounded_by(shown.grid, parts.time_positions(shown)),
        element("wcs:CoverageId", shown.coverage_id),
        further,
        element("gml:domainSet", gmlcov.grid_element(shown.grid, shown.coverage_id)),
        gmlcov.range_type(joined(map(field, shown.bands))),
        element(
            "wcs:ServiceParameters",
            element("wcs:CoverageSubtype", gmlcov.subtype(shown.grid)),
            element("wcs:nativeFormat", native),
        ),
        attributes={"gml:id": shown.coverage_id},
    )


def field(band: OfferedBand) -> Xml:
    """`swe:field` of a band."""
    nils = joined(
        element("swe:nilValue", nil.value, attributes={"reason": nil.reason}) for nil in band.nil_values
    )
    quantity = element(
        "swe:Quantity",
        optional("swe:label", band.interpretation),
        optional("swe:description", band.description),
        element("swe:nilValues", element("swe:NilValues", nils)) if nils else NOTHING,
        element("swe:uom", attributes={"code": gmlcov.unit_code(band.unit)}),
        _constraint(band),
        attributes={"definition": band.definition} if band.definition else {},
    )
    return element("swe:field", quantity, attributes={"name": band.name})


def _constraint(band: OfferedBand) -> Xml:
    """`swe:constraint` with what is known of the values of a band."""
    interval, figures = band.interval, band.significant_figures
    content = joined(
        (
            element("swe:interval", " ".join(map(sample_text, interval))) if interval else NOTHING,
            element("swe:significantFigures", str(figures))
            if figures and figures <= parts.MAX_FIGURES
            else NOTHING,
        )
    )
    return element("swe:constraint", element("swe:AllowedValues", content)) if content else NOTHING
