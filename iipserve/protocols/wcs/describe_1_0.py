"""Descriptions of coverages of WCS 1.0.0 (03-065r6, section 9; describeCoverage.xsd)."""

from __future__ import annotations

from collections.abc import Iterable

from iipserve.geo import crs
from iipserve.geo.grid import GridRef
from iipserve.geo.layer import LayerEntry, ServiceMetadata
from iipserve.geo.ows.capabilities import between_meridians, corner
from iipserve.geo.ows.xml import NOTHING, Xml, element, joined, optional, several
from iipserve.protocols import coverage_options as options
from iipserve.protocols.coverage_offerings import Offering, offering
from iipserve.protocols.wcs import parts
from iipserve.protocols.wcs.documents_1_0 import NAMESPACE, ROOT, VERSION, brief

SCHEMA = f"{NAMESPACE} http://schemas.opengis.net/wcs/1.0.0/describeCoverage.xsd"


def description(entries: Iterable[LayerEntry], metadata: ServiceMetadata, sequence: str) -> Xml:
    """The root element. What is not on Earth is left out, since the schema requires a box in degrees."""
    offerings = (offering(entry, metadata) for entry in entries)
    number = {"version": VERSION} | ({"updateSequence": sequence} if sequence else {})
    return element(
        "CoverageDescription",
        joined(_offering(shown, metadata) for shown in offerings if shown.degrees is not None),
        attributes={**ROOT, "xmlns:wcs": NAMESPACE, "xsi:schemaLocation": SCHEMA, **number},
    )


def _offering(shown: Offering, metadata: ServiceMetadata) -> Xml:
    return element(
        "CoverageOffering",
        brief(shown, metadata),
        element("domainSet", _spatial_domain(shown), _temporal_domain(shown)),
        element("rangeSet", _range_set(shown, metadata)),
        _systems(shown),
        _formats(shown, metadata),
        _interpolations(shown),
    )


# -- where -----------------------------------------------------------------------------------------


def _spatial_domain(shown: Offering) -> Xml:
    """The envelopes in degrees and in the coverage's own system, and its grid; x is first in all of them."""
    grid, degrees = shown.grid, shown.degrees
    boxes = {crs.WGS84: between_meridians(degrees)} if degrees else {}
    if grid.crs != crs.WGS84:
        boxes[grid.crs] = grid.bounds
    envelopes = (
        element(
            "gml:Envelope",
            several("gml:pos", (corner(box.min_x, box.min_y, False), corner(box.max_x, box.max_y, False))),
            attributes={"srsName": key},
        )
        for key, box in boxes.items()
    )
    return element("spatialDomain", joined(envelopes), _grid(grid))


def _grid(grid: GridRef) -> Xml:
    """`gml:RectifiedGrid`, from the center of the first pixel on."""
    affine, (width, height) = grid.affine, grid.size
    low, high = element("gml:low", "0 0"), element("gml:high", f"{width - 1} {height - 1}")
    return element(
        "gml:RectifiedGrid",
        element("gml:limits", element("gml:GridEnvelope", low, high)),
        several("gml:axisName", ("x", "y")),
        element("gml:origin", element("gml:pos", corner(*affine.apply(0.5, 0.5), False))),
        several("gml:offsetVector", (corner(affine.a, affine.d, False), corner(affine.b, affine.e, False))),
        attributes={"dimension": "2", "srsName": grid.crs},
    )


def _temporal_domain(shown: Offering) -> Xml:
    times = several("gml:timePosition", parts.time_positions(shown))
    return element("temporalDomain", times) if times else NOTHING


# -- what ------------------------------------------------------------------------------------------


def _range_set(shown: Offering, metadata: ServiceMetadata) -> Xml:
    layer = shown.layer
    missing = dict.fromkeys(nil.value for nil in parts.null_values(shown))
    values = several("singleValue", missing)
    return element(
        "RangeSet",
        optional("description", options.item(layer, "rangeset_description")),
        parts.layer_warning("rangeset_name", shown, metadata),
        element("name", options.field_name(layer)),
        parts.layer_warning("rangeset_label", shown, metadata),
        element("label", options.item(layer, "rangeset_label") or shown.title),
        joined(_axis(name, shown, metadata) for name in _axes(shown)),
        element("nullValues", values) if values else NOTHING,
    )


def _axes(shown: Offering) -> tuple[str, ...]:
    """Names of the axes of the range: those of the service file, and that of bands."""
    stated = options.split(options.item(shown.layer, "rangeset_axes"))
    return tuple(dict.fromkeys((*stated, options.band_axis(shown.layer))))


def _axis(name: str, shown: Offering, metadata: ServiceMetadata) -> Xml:
    """`axisDescription`, of the nine items of an axis; nothing for one without values, which the schema does not allow."""

    def said(what: str) -> str:
        return options.item(shown.layer, f"{name.lower()}_{what}")

    is_bands = name == options.band_axis(shown.layer)
    singles = options.split(said("values"))
    if is_bands and not singles and not said("interval"):
        singles = tuple(str(number + 1) for number in range(len(shown.bands)))
    values = _interval(said("interval")) + several("singleValue", singles)
    if not values:
        return NOTHING
    attributes = {"semantic": said("semantic"), "refSys": said("refsys"), "refSysLabel": said("refsyslabel")}
    of_values = {"type": said("values_type"), "semantic": said("values_semantic")}
    label = said("label") or ("Bands/Channels/Samples" if is_bands else name)
    is_warned = not is_bands and not said("label")
    return element(
        "axisDescription",
        element(
            "AxisDescription",
            optional("description", said("description")),
            element("name", name),
            parts.warning(f"{name}_label", metadata, is_missing=is_warned),
            element("label", label),
            element("values", Xml(values), attributes=_stated(of_values)),
            attributes=_stated(attributes),
        ),
    )


def _stated(attributes: dict[str, str]) -> dict[str, str]:
    """Attributes of this schema's own namespace that have a value: some of them are qualified."""
    return {
        f"wcs:{name}" if name in ("semantic", "type") else name: value
        for name, value in attributes.items()
        if value
    }


def _interval(text: str) -> Xml:
    """`interval` of `minimum/maximum/resolution`."""
    parts = [part.strip() for part in text.split("/")] if text else []
    content = joined(
        element(name, part) for name, part in zip(("min", "max", "res"), parts, strict=False) if part
    )
    return element("interval", content) if content else NOTHING


# -- how -------------------------------------------------------------------------------------------


def _systems(shown: Offering) -> Xml:
    return element(
        "supportedCRSs",
        several("requestResponseCRSs", shown.crs),
        element("nativeCRSs", shown.grid.crs),
    )


def _formats(shown: Offering, metadata: ServiceMetadata) -> Xml:
    labels = [parts.format_label(name, metadata) for name in shown.formats]
    native = parts.format_label(shown.native_format, metadata)
    return element("supportedFormats", several("formats", labels), attributes={"nativeFormat": native})


def _interpolations(shown: Offering) -> Xml:
    names = [name for method in shown.interpolations if (name := parts.INTERPOLATIONS[method].v1_0)]
    return element(
        "supportedInterpolations",
        several("interpolationMethod", names),
        attributes={"default": names[0]} if names else {},
    )
