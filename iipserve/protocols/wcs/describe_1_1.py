"""Descriptions of coverages of WCS 1.1 (07-067r5, section 9.3; wcsDescribeCoverage.xsd)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from iipserve.geo import crs
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.layer import LayerEntry, ServiceMetadata
from iipserve.geo.ows.capabilities import bounding_box, corner, wgs84_bounding_box
from iipserve.geo.ows.xml import NOTHING, Xml, element, joined, optional, several
from iipserve.protocols import coverage_options as options
from iipserve.protocols.coverage_bands import sample_text
from iipserve.protocols.coverage_offerings import Offering, offering
from iipserve.protocols.wcs import parts
from iipserve.protocols.wcs.documents_1_1 import heading, root_attributes, system_names

GRID_TYPE = "urn:ogc:def:method:WCS:1.1:2dSimpleGrid"
GRID_CS = "urn:ogc:def:cs:OGC:0.0:Grid2dSquareCS"
IMAGE_URN = "urn:ogc:def:crs:OGC::imageCRS"


def description(entries: Iterable[LayerEntry], metadata: ServiceMetadata, version: str) -> Xml:
    """The root element. It has no version, since the schema has none."""
    attributes = {name: value for name, value in root_attributes(version).items() if name != "version"}
    described = joined(_description(offering(entry, metadata), metadata) for entry in entries)
    return element("CoverageDescriptions", described, attributes=attributes)


def _description(shown: Offering, metadata: ServiceMetadata) -> Xml:
    return element(
        "CoverageDescription",
        heading(shown, metadata),
        element("Identifier", shown.coverage_id),
        parts.ows_metadata(parts.metadata_links(shown.layer)),
        element("Domain", _spatial_domain(shown), _temporal_domain(shown)),
        element("Range", _field(shown, metadata)),
        several("SupportedCRS", system_names(shown)),
        several("SupportedFormat", parts.media_types(shown.formats, metadata)),
    )


# -- where -----------------------------------------------------------------------------------------


def _spatial_domain(shown: Offering) -> Xml:
    """Boxes of the centers of the outermost samples, and the grid.

    Only plain pictures have a box in pixels: GDAL takes the upper corner of one for the number of pixels, and so leaves out
    the last column and row.
    """
    width, height = shown.grid.size
    return element(
        "SpatialDomain",
        bounding_box(Bounds(0, 0, width - 1, height - 1), IMAGE_URN)
        if shown.is_plain
        else _own_box(shown.grid),
        wgs84_bounding_box(shown.degrees),
        _grid_crs(shown),
    )


def _own_box(grid: GridRef) -> Xml:
    left, top = grid.affine.apply(0.5, 0.5)
    right, bottom = grid.affine.apply(grid.size.width - 0.5, grid.size.height - 0.5)
    box = Bounds(left, bottom, right, top)
    return bounding_box(box, crs.urn(grid.crs) or "", swapped=crs.swaps_axes(grid.crs))


def _grid_crs(shown: Offering) -> Xml:
    """`GridCRS`: of a plain picture the pixels themselves, with rows downward."""
    affine, swapped = shown.grid.affine, crs.swaps_axes(shown.grid.crs)
    origin, offsets = affine.apply(0.5, 0.5), (affine.a, affine.e)
    if shown.is_plain:
        origin, offsets = (0.0, 0.0), (1.0, 1.0)
    return element(
        "GridCRS",
        element("GridBaseCRS", crs.urn(shown.grid.crs) or ""),
        element("GridType", GRID_TYPE),
        element("GridOrigin", corner(*origin, swapped)),
        element("GridOffsets", corner(*offsets, swapped)),
        element("GridCS", GRID_CS),
    )


def _temporal_domain(shown: Offering) -> Xml:
    times = several("gml:timePosition", parts.time_positions(shown))
    if not times:
        return NOTHING
    return element("TemporalDomain", times, attributes={"xmlns:gml": "http://www.opengis.net/gml"})


# -- what ------------------------------------------------------------------------------------------


def _field(shown: Offering, metadata: ServiceMetadata) -> Xml:
    """The one field, whose values are vectors with a component for each band."""
    layer = shown.layer
    return element(
        "Field",
        parts.layer_warning("rangeset_label", shown, metadata),
        element("ows:Title", options.item(layer, "rangeset_label") or shown.title),
        optional("ows:Abstract", options.item(layer, "rangeset_description")),
        parts.layer_warning("rangeset_name", shown, metadata),
        element("Identifier", options.field_identifier(layer)),
        element("Definition", _values(shown)),
        joined(_null_values(shown)),
        _interpolations(shown),
        element(
            "Axis",
            element("AvailableKeys", several("Key", (str(n + 1) for n in range(len(shown.bands))))),
            attributes={"identifier": "bands"},
        ),
    )


def _values(shown: Offering) -> Xml:
    """The values that all bands may have, where they are limited alike."""
    limits = {band.interval for band in shown.bands}
    interval = limits.pop() if len(limits) == 1 else None
    if interval is None:
        return element("ows:AnyValue")
    ends = element("ows:MinimumValue", sample_text(interval[0])) + element(
        "ows:MaximumValue", sample_text(interval[1])
    )
    return element("ows:AllowedValues", element("ows:Range", Xml(ends)))


def _null_values(shown: Offering) -> Iterator[Xml]:
    for nil in parts.null_values(shown):
        yield element(
            "NullValue", nil.value, attributes={"codeSpace": nil.reason} if ":" in nil.reason else {}
        )


def _interpolations(shown: Offering) -> Xml:
    names = [name for method in shown.interpolations if (name := parts.INTERPOLATIONS[method].v1_1)]
    default = names[0] if names else "none"
    return element("InterpolationMethods", several("InterpolationMethod", names), element("Default", default))
