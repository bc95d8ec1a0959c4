"""What documents of OGC API say of coverages: links, the extent of a grid, the schema of fields (19-087, clause 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from iipserve.geo import crs
from iipserve.protocols.coverage_bands import OfferedBand
from iipserve.protocols.coverage_offerings import Offering
from iipserve.protocols.ogcapi.addresses import REL
from iipserve.protocols.resource_links import Addresses, Json, link

COVERAGES = "http://www.opengis.net/spec/ogcapi-coverages-1/1.0/conf/"
SCHEMAS = "http://www.opengis.net/spec/ogcapi-common-3/1.0/conf/schemas"
CONFORMANCE = (
    *(
        COVERAGES + name
        for name in ("core", "subsetting-spatial", "scaling-spatial", "field-selection", "crs")
    ),
    SCHEMAS,
)
FORMAT_CLASSES = {"geotiff": "geotiff", "netcdf": "netcdf", "png": "png", "jp2": "jpeg2000"}
"""Conformance classes of formats, by their names."""
SCHEMA = "application/schema+json"
TYPES = {"i": "integer", "u": "integer", "f": "number"}
"""Types of JSON by kinds of numpy."""
LINKED_OTHERWISE = {"geotiff": "image/tiff;application=geotiff"}
"""The same, as GDAL's driver does not look for it: it takes every coverage for one in degrees, and reads tiles instead."""
DATA_TYPES = {
    "uint8": "unsignedByte", "int8": "signedByte", "uint16": "unsignedShort", "int16": "signedShort", "uint32": "unsignedInt",
    "int32": "signedInt", "uint64": "unsignedLong", "int64": "signedLong", "float32": "float32", "float64": "double",
}  # fmt: skip
"""Names of sample types (OGC 09-146r6, http://www.opengis.net/def/dataType/OGC/0)."""
LINKED = {
    "geotiff": "image/tiff; application=geotiff",
    "cog": "image/tiff; application=geotiff; profile=cloud-optimized",
}
"""Media types as clients look for them in links (19-087, table 5; GDAL's driver)."""


def conformance(formats: Sequence[str]) -> list[str]:
    """The conformance classes of coverages in these formats; none without formats."""
    of_formats = (COVERAGES + FORMAT_CLASSES[name] for name in formats if name in FORMAT_CLASSES)
    return [*CONFORMANCE, *of_formats] if formats else []


def coverage_links(
    layer: str, addresses: Addresses, formats: dict[str, str], *, in_degrees: bool
) -> list[Json]:
    """The links of a layer to its coverage and its schema (19-087, 7.1).

    Args:
        layer: its identifier.
        addresses: of resources.
        formats: names of formats by media type; none where coverages are not answered.
        in_degrees: the coverage is in degrees of WGS 84.
    """
    if not formats:
        return []
    segments, linked = ("collections", layer, "coverage"), LINKED if in_degrees else LINKED | LINKED_OTHERWISE
    found = [
        link(
            addresses.of(*segments, query=f"f={name}"),
            f"{REL}coverage",
            linked.get(name, media_type),
            f"Samples as {name}",
        )
        for media_type, name in formats.items()
    ]
    schema = addresses.of("collections", layer, "schema")
    return [*found, link(schema, f"{REL}schema", SCHEMA, "Fields of the samples")]


def extent_of(shown: Offering) -> Json:
    """What the extent of a layer says of its grid (20-024, uniform additional dimensions; 19-087, 7.1.2 and 7.1.3)."""
    grid, swapped = shown.grid, crs.swaps_axes(shown.grid.crs)
    bounds = grid.bounds
    axes = [
        _axis(bounds.min_x, grid.affine.a, grid.size.width),
        _axis(bounds.min_y, -grid.affine.e, grid.size.height),
    ]
    low, high = (bounds.min_x, bounds.min_y), (bounds.max_x, bounds.max_y)
    order = reversed if swapped else iter
    return {"storageCrsBbox": [[*order(low), *order(high)]], "grid": list(order(axes))}


def _axis(start: float, step: float, count: int) -> Json:
    """The samples of one axis, by their centers."""
    return {"cellsCount": count, "resolution": step, "firstCoordinate": start + step / 2}


def is_in_degrees(shown: Offering) -> bool:
    """Whether the coverage is in degrees of WGS 84."""
    return shown.grid.crs == crs.WGS84


def described_in_degrees(shown: Offering) -> Json:
    """Domain and fields of a coverage in degrees, as GDAL's driver looks for them (OGC 09-146r6, JSON; earlier drafts)."""
    bounds, affine = shown.grid.bounds, shown.grid.affine
    axes = (("Lon", bounds.min_x, bounds.max_x, affine.a), ("Lat", bounds.min_y, bounds.max_y, -affine.e))
    definition = f"ogcType:{DATA_TYPES.get(shown.dtype, shown.dtype)}"
    return {
        "domainSet": {
            "type": "DomainSet",
            "generalGrid": {
                "type": "GeneralGridCoverage",
                "srsName": crs.CRS84_URI,
                "axisLabels": [name for name, *_ in axes],
                "axis": [_regular_axis(*axis) for axis in axes],
            },
        },
        "rangeType": {
            "type": "DataRecord",
            "field": [
                {"type": "Quantity", "name": band.name, "definition": definition} for band in shown.bands
            ],
        },
    }


def _regular_axis(name: str, low: float, high: float, step: float) -> Json:
    return {
        "type": "RegularAxis",
        "axisLabel": name,
        "lowerBound": low,
        "upperBound": high,
        "resolution": step,
        "uomLabel": "deg",
    }


def schema_document(shown: Offering, addresses: Addresses) -> Json:
    """The fields of a coverage as a schema of JSON (OGC API - Common part 3, 23-058r2; 19-087, 7.1.1)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": addresses.of("collections", shown.layer.identifier, "schema"),
        "title": shown.title,
        "type": "object",
        "properties": {
            band.name: _field(band, number, shown.dtype) for number, band in enumerate(shown.bands, start=1)
        },
        "additionalProperties": False,
    }


def _field(band: OfferedBand, number: int, dtype: str) -> Json:
    kind = np.dtype(dtype)
    found: dict[str, Any] = {
        "title": band.description or band.name,
        "type": TYPES[kind.kind],
        "x-ogc-propertySeq": number,
    }
    if kind.kind == "f":
        found["format"] = "double" if kind.itemsize > 4 else "float"
    if band.interval:
        found["minimum"], found["maximum"] = (int(end) if kind.kind in "iu" else end for end in band.interval)
    if band.unit:
        found["x-ogc-unit"] = band.unit
    if band.definition:
        found["x-ogc-definition"] = band.definition
    if values := [each.value for each in band.nil_values]:
        found["x-ogc-nullValues"] = values
    return found
