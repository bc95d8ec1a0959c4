"""Any request is answered with a plan that is within the limits, or with an exception of the tables."""

from __future__ import annotations

import math
import re
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")

from iipserve.plan import CatalogPlan, CoveragePlan, Document
from iipserve.protocols import ErrorAnswer
from tests.protocols.wcs.services import COVERAGE_1_0, COVERAGE_1_1, COVERAGE_2_0, kvp
from tests.protocols.wcs.test_coverages import asked
from tests.protocols.wmts.services import ENTRIES

NAMES = [entry.layer.identifier for entry in ENTRIES]
CODES = {
    "MissingParameterValue", "InvalidParameterValue", "NoSuchCoverage", "InvalidAxisLabel", "InvalidSubsetting",
    "InvalidEncodingSyntax", "InvalidScaleFactor", "InvalidExtent", "ScaleAxisUndefined", "NoSuchField",
    "IllegalFieldSequence", "InterpolationMethodNotSupported", "NotACrs", "SubsettingCrs-NotSupported",
    "OutputCrs-NotSupported", "NoApplicableCode", "CompressionInvalid", "CompressionNotSupported", "JpegQualityInvalid",
    "PredictorInvalid", "PredictorNotSupported", "InterleavingInvalid", "TilingInvalid", "OperationNotSupported",
}  # fmt: skip
NUMBERS = st.one_of(
    st.floats(-200, 200).map(repr),
    st.integers(-100, 6_000_000).map(str),
    st.floats(400000, 6000000).map(repr),
    st.sampled_from(
        [
            "*",
            "",
            "nan",
            "inf",
            "-1e308",
            "1.7976931348623157e308",
            "1e-320",
            "0",
            "-0",
            "1e10",
            "x",
            "1" * 70,
            "\x01",
            "\u0661",
        ]
    ),
)
SYSTEMS = st.sampled_from(
    ["EPSG:4326", "CRS:84", "EPSG:3857", "EPSG:32633", "imageCRS", "EPSG:3413", "EPSG:1", "nothing", "EPSG:2056",
     "http://www.opengis.net/def/crs/EPSG/0/4326", "urn:ogc:def:crs:EPSG::3035", "CRS:1", "EPSG:32661", ""]
)  # fmt: skip
AXES = st.sampled_from(["x", "y", "Long", "Lat", "i", "j", "time", "z", "E", "N", ""])
INTERVALS = st.builds(lambda axis, low, high: f"{axis}({low},{high})", AXES, NUMBERS, NUMBERS)
SCALES = st.builds(lambda axis, value: f"{axis}({value})", AXES, NUMBERS)
BANDS = st.sampled_from(["1", "band2", "3:1", "1:3", "band1,band1", "4", "", ",", "1:65535", ":"])
METHODS = st.sampled_from(
    ["", "nearest", "linear", "bicubic", "average", "mode", "quadratic", "nearest neighbor"]
)
FORMATS = st.sampled_from(
    ["", "image/tiff", "GeoTIFF", "image/png", "image/jpeg", "COG", "nothing", "text/plain; a=b"]
)
TEXTS = st.text(max_size=12)


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values, TEXTS) if values is not TEXTS else values


QUERIES_2_0 = st.fixed_dictionaries(
    {
        "coverageid": st.sampled_from([*NAMES, "nothing"]),
        "subset": st.one_of(st.lists(INTERVALS, max_size=3), st.lists(SCALES, max_size=2), TEXTS),
        "subsettingcrs": st.one_of(st.none(), SYSTEMS),
        "outputcrs": st.one_of(st.none(), SYSTEMS),
    },
    optional={
        "scalefactor": NUMBERS, "scaleaxes": SCALES, "scalesize": SCALES, "scaleextent": INTERVALS, "size": SCALES,
        "resolution": SCALES, "rangesubset": BANDS, "interpolation": METHODS, "format": FORMATS,
        "compression": optional(st.sampled_from(["lzw", "JPEG"])), "jpeg_quality": NUMBERS, "tilewidth": NUMBERS,
        "time": TEXTS,
    },
)  # fmt: skip
FOUR = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS).map(",".join)
QUERIES_1_1 = st.fixed_dictionaries(
    {
        "identifier": st.sampled_from([*NAMES, "nothing"]),
        "boundingbox": st.builds(lambda box, crs: f"{box},{crs}", FOUR, SYSTEMS),
        "format": FORMATS,
    },
    optional={
        "gridbasecrs": SYSTEMS,
        "gridorigin": st.tuples(NUMBERS, NUMBERS).map(",".join),
        "gridoffsets": st.one_of(st.tuples(NUMBERS, NUMBERS).map(",".join), FOUR),
        "rangesubset": st.one_of(BANDS.map(lambda keys: f"range:linear[bands[{keys}]]"), TEXTS),
        "store": TEXTS,
    },
)
QUERIES_1_0 = st.fixed_dictionaries(
    {
        "coverage": st.sampled_from([*NAMES, "nothing"]),
        "crs": SYSTEMS,
        "bbox": FOUR,
        "width": st.one_of(st.none(), NUMBERS, st.just("10")),
        "height": st.one_of(st.none(), NUMBERS, st.just("10")),
        "format": FORMATS,
    },
    optional={
        "resx": NUMBERS,
        "resy": NUMBERS,
        "response_crs": SYSTEMS,
        "bands": BANDS,
        "interpolation": METHODS,
    },
)


def check(query: str, **options: Any) -> None:
    """See that a request ends in a plan within the limits, or in a documented exception."""
    answer = asked(query, **options)
    if isinstance(answer, ErrorAnswer):
        assert answer.status < 500 or answer.status == 501
        code = re.search(rb'(?:exceptionCode| code)="([^"]*)"', answer.document.body)
        assert code is not None
        assert code[1].decode() in CODES
        return
    plan = answer.content
    if not isinstance(plan, CoveragePlan):
        assert isinstance(plan, (Document, CatalogPlan))
        return
    assert max(plan.size) <= 32768
    assert all(map(math.isfinite, plan.grid.affine))
    assert plan.bands
    assert set(plan.bands) <= {0, 1, 2}


@settings(max_examples=300, deadline=None)
@given(QUERIES_2_0)
def test_any_request_of_2_0(fields: dict[str, Any]) -> None:
    check(kvp(COVERAGE_2_0, **fields))


@settings(max_examples=200, deadline=None)
@given(QUERIES_1_1)
def test_any_request_of_1_1(fields: dict[str, Any]) -> None:
    check(kvp(COVERAGE_1_1, **fields))


@settings(max_examples=200, deadline=None)
@given(QUERIES_1_0)
def test_any_request_of_1_0(fields: dict[str, Any]) -> None:
    check(kvp(COVERAGE_1_0, **fields))


ELEMENTS = [
    "CoverageId", "Identifier", "sourceCoverage", "DimensionTrim", "DimensionSlice", "Dimension", "TrimLow", "TrimHigh",
    "SlicePoint", "format", "mediaType", "Extension", "Scaling", "ScaleByFactor", "scaleFactor", "ScaleToExtent",
    "TargetAxisExtent", "axis", "low", "high", "RangeSubset", "RangeItem", "RangeComponent", "RangeInterval",
    "startComponent", "FieldSubset", "AxisSubset", "Key", "axisSubset", "singleValue", "interval", "min", "max",
    "subsettingCrs", "outputCrs", "Interpolation", "globalInterpolation", "InterpolationPerAxis", "parameters",
    "compression", "DomainSubset", "BoundingBox", "LowerCorner", "UpperCorner", "TemporalSubset", "TimePeriod",
    "timePosition", "Envelope", "pos", "Grid", "GridEnvelope", "offsetVector", "Output", "output", "GridCRS",
    "GridBaseCRS", "GridOffsets", "GridOrigin", "Resolution", "Size", "AcceptVersions", "Version", "Sections", "section",
]  # fmt: skip
WORDS = st.one_of(NUMBERS, st.sampled_from(NAMES), SYSTEMS, AXES, BANDS, FORMATS, TEXTS)
ATTRIBUTES = st.sampled_from(["", "crs", "srsName", "name", "format", "store", "dimension"])


def as_element(name: str, attribute: str, value: str, content: list[str]) -> str:
    stated = f" {attribute}={quoteattr(printable(value))}" if attribute else ""
    return f"<{name}{stated}>{''.join(content)}</{name}>"


def printable(text: str) -> str:
    """Without what XML cannot have."""
    return "".join(character for character in text if character.isprintable())


CONTENT = st.recursive(
    WORDS.map(printable).map(escape),
    lambda inner: st.builds(
        as_element, st.sampled_from(ELEMENTS), ATTRIBUTES, WORDS, st.lists(inner, max_size=4)
    ),
    max_leaves=12,
)
ROOTS = st.tuples(
    st.sampled_from(["GetCoverage", "DescribeCoverage", "GetCapabilities"]),
    st.sampled_from([("2.0.1", "/2.0"), ("1.1.2", "/1.1"), ("1.0.0", "")]),
    st.sampled_from(NAMES[:2]),
)


@settings(max_examples=300, deadline=None)
@given(ROOTS, st.lists(CONTENT, max_size=6))
def test_any_request_in_xml(root: tuple[str, tuple[str, str], str], content: list[str]) -> None:
    name, (version, space), layer = root
    coverage = {"2.0.1": "CoverageId", "1.1.2": "Identifier", "1.0.0": "sourceCoverage"}[version]
    text = (
        f'<{name} service="WCS" version="{version}" xmlns="http://www.opengis.net/wcs{space}"><{coverage}>{layer}</{coverage}>'
        f"{''.join(content)}</{name}>"
    )
    check("", body=text.encode("utf-8", "replace"))
