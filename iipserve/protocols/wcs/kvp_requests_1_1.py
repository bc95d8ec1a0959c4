"""GetCoverage of 1.1.0, 1.1.1 and 1.1.2 (OGC 07-067r5, table 26)."""

from __future__ import annotations

import re

from iipserve.geo.crs import quoted
from iipserve.geo.ows.exceptions import INVALID_VALUE, MISSING_VALUE, OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.protocols import Server
from iipserve.protocols.coverage_images import image_names
from iipserve.protocols.wcs.boxes import box_of
from iipserve.protocols.wcs.query import BandRange, CoverageQuery, Family, SampleDomain
from iipserve.protocols.wcs.values import chosen_layer, crs_of, is_true, numbers, times_of

BOX, BASE_CRS, ORIGIN, OFFSETS, RANGE = (
    "BoundingBox",
    "GridBaseCRS",
    "GridOrigin",
    "GridOffsets",
    "RangeSubset",
)
"""Parameters as locators have them."""
GRID_TYPES = ("2dsimplegrid", "2dgridin2dcrs", "2dgridin3dcrs")
"""Ends of the URNs of grid types, in lower case; of all the same is understood."""
FIELD = re.compile(
    r"\s*(?P<field>[^:;\[\]]+?)\s*(?::\s*(?P<method>[^;\[\]]+?)\s*)?(?P<axes>(?:\[[^\[\]]*\[[^\[\]]*\]\s*\]\s*)*)"
)
AXIS = re.compile(r"\[\s*(?P<axis>[^\[\]]*?)\s*\[(?P<keys>[^\[\]]*)\]\s*\]")


def read_coverage(parameters: Parameters, server: Server, version: str) -> CoverageQuery:
    """Read a request.

    Raises:
        OwsError: a parameter is missing or malformed, or names what does not exist.
    """
    name = parameters.get("identifiers") or parameters.required("identifier")
    layer, domain = chosen_layer(name, parameters, server, Family.V1_1), _domain(parameters)
    format = parameters.required("format")
    if is_true(parameters, "store"):
        text = "coverages are not stored here; leave STORE out, and the answer has the coverage"
        raise OwsError(INVALID_VALUE, text, "store")
    fields, axes, bands, method = _range(parameters.get("rangesubset"))
    times = times_of(parameters.get("timesequence") or parameters.get("time"))
    return CoverageQuery(
        image_names(layer, times, box_of(domain, layer.images_crs)),
        layer,
        name,
        version,
        domain,
        bands,
        method,
        format,
        times,
        is_multipart=True,
        fields=fields,
        range_axes=axes,
    )


# -- the grid --------------------------------------------------------------------------------------


def _domain(parameters: Parameters) -> SampleDomain:
    text = parameters.get("boundingbox") or parameters.get("bbox")
    if not text and not parameters.get("timesequence"):
        raise OwsError(MISSING_VALUE, f"the parameter {BOX.upper()} is missing", BOX)
    parts = [part.strip() for part in text.split(",")] if text else []
    if parts and len(parts) not in (4, 5):
        raise OwsError(
            INVALID_VALUE,
            f"{BOX.upper()} {quoted(text)} is not four numbers and a coordinate reference system",
            BOX,
        )
    box = numbers(",".join(parts[:4]), BOX) if parts else ()
    if parts and len(box) != 4:
        raise OwsError(INVALID_VALUE, f"{BOX.upper()} {quoted(text)} is not four numbers", BOX)
    base = parameters.get("gridbasecrs")
    _check_type(parameters.get("gridtype"))
    origin = numbers(parameters.get("gridorigin"), ORIGIN)
    if len(origin) not in (0, 2):
        raise OwsError(INVALID_VALUE, f"{ORIGIN.upper()} is not two numbers", ORIGIN)
    return SampleDomain(
        (box[0], box[1], box[2], box[3]) if box else None,
        crs_of(parts[4], BOX) if len(parts) == 5 and parts[4] else None,
        crs_of(base, BASE_CRS) if base else None,
        (origin[0], origin[1]) if origin else None,
        numbers(parameters.get("gridoffsets"), OFFSETS),
    )


def _check_type(text: str) -> None:
    if text and text.rstrip("/").replace("/", ":").rpartition(":")[2].lower() not in GRID_TYPES:
        raise OwsError(
            INVALID_VALUE,
            f"GRIDTYPE {quoted(text)} is not offered; urn:ogc:def:method:WCS:1.1:2dSimpleGrid and 2dGridIn2dCrs are",
            "GridType",
        )


# -- the range -------------------------------------------------------------------------------------


def _range(text: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[BandRange, ...], str]:
    """Fields, their axes, bands, and the interpolation method: `Field:linear[bands[1,3]];Field[bands[2]]`.

    Raises:
        OwsError: InvalidParameterValue: it is malformed, or names several methods.
    """
    fields, axes, bands, methods = [], [], [], set()
    # single spaces, since runs of them can be matched in many ways
    for part in filter(None, (" ".join(part.split()) for part in text.split(";"))):
        match = FIELD.fullmatch(part)
        if match is None:
            raise OwsError(
                INVALID_VALUE,
                f"RANGESUBSET {quoted(text)} is not written as field:method[axis[key,key]]",
                RANGE,
            )
        fields.append(match["field"])
        methods |= {match["method"]} if match["method"] else set()
        for axis in AXIS.finditer(match["axes"]):
            axes.append(axis["axis"])
            bands += [BandRange(key.strip()) for key in axis["keys"].split(",") if key.strip()]
    if len(methods) > 1:
        raise OwsError(INVALID_VALUE, f"RANGESUBSET {quoted(text)} names several methods; state one", RANGE)
    return tuple(fields), tuple(axes), tuple(bands), next(iter(methods), "")
