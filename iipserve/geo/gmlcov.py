"""Coverages in GML: grids, what samples are, samples (OGC 09-146r2; GML 3.2.1, 19; SWE Common 2.0, 7)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from typing import Protocol as Interface

from iipserve.geo import crs
from iipserve.geo.coverage_axes import axis_labels
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
MISSING = "http://www.opengis.net/def/nil/OGC/0/missing"
"""The reason of samples that represent missing data."""
NOT_IN_UNIT = re.compile(r"[: \n\r\t]+")
"""What the code of a unit does not have (SWE Common 2.0, basic_types.xsd)."""
UNITLESS = "1"
"""UCUM's unit of numbers without one."""
MARK = Xml("samples")
"""Stands for the samples of a document that is being made."""


class FieldBand(Interface):
    """What is told of a band."""

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
    is_placed = grid.crs != PIXEL_SPACE
    tuples = element("gml:tupleList", MARK, attributes={"cs": ",", "ts": " ", "decimal": "."})
    root = element(
        f"gmlcov:{'RectifiedGridCoverage' if is_placed else 'GridCoverage'}",
        bounded_by(grid) if is_placed else NOTHING,
        element("gml:domainSet", grid_element(grid, identifier)),
        element("gml:rangeSet", element("gml:DataBlock", element("gml:rangeParameters"), tuples)),
        range_type(bands),
        attributes={**ROOT, "gml:id": identifier},
    )
    head, _, tail = root.partition(f">{MARK}<")
    return CoverageDocument(f"{DECLARATION}{head}>".encode(), f"<{tail}\n".encode())


def bounded_by(grid: GridRef) -> Xml:
    """`gml:boundedBy`: the outer edges of a grid that is not in pixel space."""
    axes, bounds, swapped = axis_labels(grid.crs), grid.bounds, crs.swaps_axes(grid.crs)
    envelope = element(
        "gml:Envelope",
        element("gml:lowerCorner", corner(bounds.min_x, bounds.min_y, swapped)),
        element("gml:upperCorner", corner(bounds.max_x, bounds.max_y, swapped)),
        attributes={
            "srsName": crs.uri(grid.crs) or "",
            "axisLabels": " ".join(axes.labels),
            "uomLabels": " ".join(axes.units),
            "srsDimension": "2",
        },
    )
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


def range_type(bands: Iterable[FieldBand]) -> Xml:
    """`gmlcov:rangeType`: a quantity for each band."""
    listed = list(bands)
    names = field_names([band.name for band in listed])
    fields = (
        element("swe:field", _quantity(band), attributes={"name": name})
        for name, band in zip(names, listed, strict=True)
    )
    return element("gmlcov:rangeType", element("swe:DataRecord", joined(fields)))


def _quantity(band: FieldBand) -> Xml:
    nil = NOTHING
    if band.nodata is not None:
        value = element("swe:nilValue", number(band.nodata), attributes={"reason": MISSING})
        nil = element("swe:nilValues", element("swe:NilValues", value))
    unit = element("swe:uom", attributes={"code": NOT_IN_UNIT.sub("_", band.unit.strip()) or UNITLESS})
    return element("swe:Quantity", optional("swe:description", band.description or band.name), nil, unit)


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
