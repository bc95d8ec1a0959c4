"""Descriptions of coverages of WCS 2.0.1 (09-110r4, section 8.3; GMLCOV 09-146r2; wcsDescribeCoverage.xsd)."""

from __future__ import annotations

from collections.abc import Iterable

from iipserve.geo import crs
from iipserve.geo.coverage_axes import TIME, axis_labels
from iipserve.geo.layer import LayerEntry, ServiceMetadata
from iipserve.geo.ows.capabilities import corner
from iipserve.geo.ows.xml import NOTHING, Xml, element, joined, optional
from iipserve.protocols.coverage_bands import OfferedBand, sample_text
from iipserve.protocols.coverage_offerings import Offering, offering
from iipserve.protocols.wcs import parts
from iipserve.protocols.wcs.documents_2_0 import ROOT, subtype

GRID_LABELS = "i j"
"""Of columns and rows."""
ATTRIBUTES = {**ROOT, "xsi:schemaLocation": ROOT["xsi:schemaLocation"]}


def description(entries: Iterable[LayerEntry], metadata: ServiceMetadata) -> Xml:
    """The root element."""
    described = joined(_description(offering(entry, metadata), metadata) for entry in entries)
    return element("wcs:CoverageDescriptions", described, attributes=ROOT)


def _description(shown: Offering, metadata: ServiceMetadata) -> Xml:
    (native,) = parts.media_types((shown.native_format,), metadata)
    return element(
        "wcs:CoverageDescription",
        parts.layer_warning("label", shown, metadata),
        optional("gml:description", shown.description),
        element("gml:name", shown.title),
        bounded_by(shown),
        element("wcs:CoverageId", shown.coverage_id),
        element("gml:domainSet", grid(shown)),
        element("gmlcov:rangeType", element("swe:DataRecord", joined(map(field, shown.bands)))),
        element(
            "wcs:ServiceParameters",
            element("wcs:CoverageSubtype", subtype(shown)),
            element("wcs:nativeFormat", native),
        ),
        attributes={"gml:id": shown.coverage_id},
    )


# -- where -----------------------------------------------------------------------------------------


def bounded_by(shown: Offering) -> Xml:
    """`gml:boundedBy` with the outer edges, in the order of the authority; with the times, if there are several."""
    key, times = shown.grid.crs, parts.time_positions(shown)
    bounds, swapped = shown.grid.bounds, crs.swaps_axes(key)
    if shown.is_plain:
        width, height = shown.grid.size
        lower, upper = "0 0", f"{width} {height}"
    else:
        lower, upper = (
            corner(bounds.min_x, bounds.min_y, swapped),
            corner(bounds.max_x, bounds.max_y, swapped),
        )
    labels, units = axis_labels(key)
    more = ((TIME,), ("s",)) if times else ((), ())
    attributes = {
        "srsName": crs.uri(key) or "",
        "axisLabels": " ".join((*labels, *more[0])),
        "uomLabels": " ".join((*units, *more[1])),
        "srsDimension": "2",
    }
    corners = element("gml:lowerCorner", lower) + element("gml:upperCorner", upper)
    if not times:
        return element("gml:boundedBy", element("gml:Envelope", Xml(corners), attributes=attributes))
    ends = element("gml:beginPosition", times[0]) + element("gml:endPosition", times[-1])
    envelope = element("gml:EnvelopeWithTimePeriod", Xml(corners + ends), attributes=attributes)
    return element("gml:boundedBy", envelope)


def grid(shown: Offering) -> Xml:
    """`gml:RectifiedGrid` from the center of the first pixel on, or `gml:Grid` of a plain picture."""
    affine, (width, height) = shown.grid.affine, shown.grid.size
    limits = element(
        "gml:limits",
        element(
            "gml:GridEnvelope", element("gml:low", "0 0"), element("gml:high", f"{width - 1} {height - 1}")
        ),
    )
    labels = element("gml:axisLabels", GRID_LABELS)
    attributes = {"dimension": "2", "gml:id": f"grid_{shown.coverage_id}"}
    if shown.is_plain:
        return element("gml:Grid", limits, labels, attributes=attributes)
    key = shown.grid.crs
    system = {"srsName": crs.uri(key) or ""}
    swapped = crs.swaps_axes(key)
    point = element(
        "gml:Point",
        element("gml:pos", corner(*affine.apply(0.5, 0.5), swapped)),
        attributes={"gml:id": f"grid_origin_{shown.coverage_id}", **system},
    )
    vectors = (corner(affine.a, affine.d, swapped), corner(affine.b, affine.e, swapped))
    return element(
        "gml:RectifiedGrid",
        limits,
        labels,
        element("gml:origin", point),
        joined(element("gml:offsetVector", vector, attributes=system) for vector in vectors),
        attributes=attributes,
    )


# -- what ------------------------------------------------------------------------------------------


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
        element("swe:uom", attributes={"code": parts.unit_code(band.unit)}),
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
