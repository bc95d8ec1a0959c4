"""Coverages in GML: grids, what samples are, samples (OGC 09-146r2; GML 3.2.1, 19; SWE Common 2.0, 7)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from typing import Protocol as Interface

from iipserve.geo import crs
from iipserve.geo.coverage_axes import TIME, axis_labels
from iipserve.geo.georeference import PIXEL_SPACE
from iipserve.geo.grid import GridRef
from iipserve.geo.ows.capabilities import corner
from iipserve.geo.ows.xml import DECLARATION, NOTHING, Xml, element, joined, nc_name, optional

ROOT = {
    "xmlns:gml": "http://www.opengis.net/gml/3.2",
    "xmlns:gmlcov": "http://www.opengis.net/gmlcov/1.0",
    "xmlns:swe": "http://www.opengis.net/swe/2.0",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": "http://www.opengis.net/gmlcov/1.0 http://schemas.opengis.net/gmlcov/1.0/gmlcovAll.xsd",
}
"""Attributes of a root element."""
NODATA_REASON = "http://www.opengis.net/def/nil/OGC/0/unknown"
"""Of samples that files declare as missing data (OGC 08-094r1, table 25)."""
NOT_IN_UNIT = re.compile(r"[:\s]+")
"""What the code of a unit does not have (SWE Common 2.0, basic_types.xsd)."""
UNITLESS = "10^0"
"""The unit of samples of which no unit is known, in the Unified Code for Units of Measure; MapServer writes the same."""
MARK = Xml("samples")
"""Stands for the samples of a document that is being made."""


class FieldBand(Interface):
    """What documents say of a band."""

    @property
    def name(self) -> str:
        """As the file says."""

    @property
    def unit(self) -> str:
        """Empty for none."""

    @property
    def nodata(self) -> float | None:
        """The sample that represents missing data."""

    @property
    def description(self) -> str:
        """For people; may be empty."""


class CoverageDocument(NamedTuple):
    """A coverage around its samples."""

    head: bytes
    tail: bytes


def coverage_document(identifier: str, grid: GridRef, bands: Iterable[FieldBand]) -> CoverageDocument:
    """A coverage with its samples inline: tuples with commas, separated by spaces (GML 3.2.1, 19.3.14).

    Args:
        identifier: an NCName, its `gml:id`.
        grid: of its samples; its system has a code, or is pixel space.
        bands: of its samples.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    tuples = element("gml:tupleList", MARK, attributes={"cs": ",", "ts": " ", "decimal": "."})
    block = element("gml:DataBlock", element("gml:rangeParameters"), tuples)
    root = coverage(identifier, grid, block, _fields(bands))
    head, _, tail = root.partition(f">{MARK}<")
    return CoverageDocument(f"{DECLARATION}{head}>".encode(), f"<{tail}\n".encode())


def coverage(identifier: str, grid: GridRef, values: Xml, fields: Xml, times: Sequence[str] = ()) -> Xml:
    """The root element of a coverage.

    Args:
        identifier: an NCName, its `gml:id`.
        grid: of its samples.
        values: `gml:DataBlock` or `gml:File`.
        fields: `swe:field` of each band.
        times: as of `bounded_by`.
    """
    return element(
        f"gmlcov:{subtype(grid)}",
        bounded_by(grid, times),
        element("gml:domainSet", grid_element(grid, identifier)),
        element("gml:rangeSet", values),
        range_type(fields),
        attributes={**ROOT, "gml:id": identifier},
    )


def subtype(grid: GridRef) -> str:
    """The kind of coverage: of a grid in a coordinate reference system, or of pixels without a place."""
    return "GridCoverage" if grid.crs == PIXEL_SPACE else "RectifiedGridCoverage"


def bounded_by(grid: GridRef, times: Sequence[str] = ()) -> Xml:
    """`gml:boundedBy`: the outer edges, in the order of the authority; in pixel space rows run downward.

    Args:
        grid: of the samples.
        times: those that there are, the first and the last of which are stated.
    """
    axes, bounds, swapped = axis_labels(grid.crs), grid.bounds, crs.swaps_axes(grid.crs)
    lower, upper = (
        corner(bounds.min_x, bounds.min_y, swapped),
        corner(bounds.max_x, bounds.max_y, swapped),
    )
    if grid.crs == PIXEL_SPACE:
        lower, upper = "0 0", f"{grid.size.width} {grid.size.height}"
    labels, units = (axes.labels, axes.units) if not times else ((*axes.labels, TIME), (*axes.units, "s"))
    attributes = {
        "srsName": crs.uri(grid.crs) or "",
        "axisLabels": " ".join(labels),
        "uomLabels": " ".join(units),
        "srsDimension": "2",
    }
    corners = joined((element("gml:lowerCorner", lower), element("gml:upperCorner", upper)))
    if not times:
        return element("gml:boundedBy", element("gml:Envelope", corners, attributes=attributes))
    ends = element("gml:beginPosition", times[0]), element("gml:endPosition", times[-1])
    envelope = element("gml:EnvelopeWithTimePeriod", corners, *ends, attributes=attributes)
    return element("gml:boundedBy", envelope)


def grid_element(grid: GridRef, identifier: str) -> Xml:
    """`gml:RectifiedGrid`, from the center of the first pixel along columns and rows; `gml:Grid` in pixel space.

    Args:
        grid: of pixels.
        identifier: that of the coverage, an NCName.
    """
    width, height = grid.size
    ends = element("gml:low", "0 0"), element("gml:high", f"{width - 1} {height - 1}")
    limits = element("gml:limits", element("gml:GridEnvelope", *ends))
    labels = element("gml:axisLabels", "i j")
    attributes = {"dimension": "2", "gml:id": f"grid_{identifier}"}
    if grid.crs == PIXEL_SPACE:
        return element("gml:Grid", limits, labels, attributes=attributes)
    system, swapped = {"srsName": crs.uri(grid.crs) or ""}, crs.swaps_axes(grid.crs)
    affine = grid.affine
    point = element(
        "gml:Point",
        element("gml:pos", corner(*affine.apply(0.5, 0.5), swapped)),
        attributes={"gml:id": f"grid_origin_{identifier}", **system},
    )
    vectors = corner(affine.a, affine.d, swapped), corner(affine.b, affine.e, swapped)
    steps = joined(element("gml:offsetVector", vector, attributes=system) for vector in vectors)
    return element(
        "gml:RectifiedGrid", limits, labels, element("gml:origin", point), steps, attributes=attributes
    )


def range_type(fields: Xml) -> Xml:
    """`gmlcov:rangeType` with `swe:field` of each band."""
    return element("gmlcov:rangeType", element("swe:DataRecord", fields))


def _fields(bands: Iterable[FieldBand]) -> Xml:
    """`swe:field` of each band: a quantity."""
    listed = list(bands)
    names = field_names([band.name for band in listed])
    return joined(
        element("swe:field", _quantity(band), attributes={"name": name})
        for name, band in zip(names, listed, strict=True)
    )


def _quantity(band: FieldBand) -> Xml:
    nils = NOTHING
    if band.nodata is not None:
        value = element("swe:nilValue", number(band.nodata), attributes={"reason": NODATA_REASON})
        nils = element("swe:nilValues", element("swe:NilValues", value))
    unit = element("swe:uom", attributes={"code": unit_code(band.unit)})
    return element("swe:Quantity", optional("swe:description", band.description or band.name), nils, unit)


def unit_code(unit: str) -> str:
    """The code of a unit, or that of numbers without one."""
    return NOT_IN_UNIT.sub("_", unit.strip()) or UNITLESS


def number(value: float) -> str:
    """A number as XML Schema writes it: `NaN`, `INF`, `-INF`."""
    if math.isnan(value):
        return "NaN"
    return str(value) if math.isfinite(value) else "INF" if value > 0 else "-INF"


def field_names(names: Sequence[str]) -> list[str]:
    """NCNames of bands; one that is there already gets the number of its band."""
    found: list[str] = []
    for index, name in enumerate(map(nc_name, names)):
        found.append(f"{name}_{index + 1}" if name in found else name)
    return found
