"""Faults of requests as each version reports them: code, locator and status."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytest.importorskip("pyproj")
pytest.importorskip("lxml")

from tests.protocols.wcs.services import COVERAGE_1_0, COVERAGE_1_1, COVERAGE_2_0, kvp, refusal

CODE_2_0 = re.compile(r'exceptionCode="([^"]*)"(?: locator="([^"]*)")?')
CODE_1_0 = re.compile(r'<ServiceException code="([^"]*)"(?: locator="([^"]*)")?')


def reported(answer: Any, pattern: re.Pattern[str] = CODE_2_0) -> tuple[str, str, int]:
    """Code, locator and status of a refusal."""
    found = pattern.search(answer.document.body.decode())
    assert found is not None, answer.document.body
    return found[1], found[2] or "", int(answer.status)


MISSING, INVALID, SYNTAX = "MissingParameterValue", "InvalidParameterValue", "InvalidEncodingSyntax"
FAULTS_2_0 = [
    ({"coverageid": None}, MISSING, "coverageid", 400),
    ({"coverageid": ""}, MISSING, "coverageid", 400),
    ({"coverageid": "nothing"}, "NoSuchCoverage", "nothing", 404),
    ({"version": None}, MISSING, "version", 400),
    ({"version": "2.1.0"}, INVALID, "version", 400),
    ({"request": None}, MISSING, "request", 400),
    ({"request": "GetNothing"}, "OperationNotSupported", "request", 501),
    ({"service": "WFS"}, INVALID, "service", 400),
    ({"subset": "Long(1,2,3)"}, "InvalidSubsetting", "Long(1,2,3)", 404),
    ({"subset": "Long()"}, "InvalidSubsetting", "Long()", 404),
    ({"subset": "Long"}, SYNTAX, "subset", 400),
    ({"subset": "Long(11,12"}, SYNTAX, "subset", 400),
    ({"subset": "(11,12)"}, SYNTAX, "subset", 400),
    ({"subset": "x(11,12),"}, SYNTAX, "subset", 400),
    ({"subset": "x(11,12)y(1,2)"}, SYNTAX, "subset", 400),
    ({"subset": "x" + " " * 6000 + "1"}, SYNTAX, "subset", 400),
    ({"subsettingcrs": "nothing"}, "NotACrs", "nothing", 404),
    ({"outputcrs": "nothing"}, "NotACrs", "nothing", 404),
    ({"subsettingcrs": "EPSG:1"}, "SubsettingCrs-NotSupported", "EPSG:1", 404),
    ({"outputcrs": "EPSG:1"}, "OutputCrs-NotSupported", "EPSG:1", 404),
    ({"subset": ["x,EPSG:4326(11,12)", "y,EPSG:3857(1,2)"]}, "InvalidSubsetting", "x,EPSG:4326(11,12),y,EPSG:3857(1,2)", 404),
    ({"scalefactor": "0"}, "InvalidScaleFactor", "0", 404),
    ({"scalefactor": "-1"}, "InvalidScaleFactor", "-1", 404),
    ({"scalefactor": "inf"}, "InvalidScaleFactor", "inf", 404),
    ({"scalefactor": "x"}, "InvalidScaleFactor", "x", 404),
    ({"scaleaxes": "x(0)"}, "InvalidScaleFactor", "0", 404),
    ({"scaleaxes": "2"}, SYNTAX, "scaleaxes", 400),
    ({"scalesize": "x(0)"}, "InvalidExtent", "0", 404),
    ({"scalesize": "x(1.5)"}, "InvalidExtent", "1.5", 404),
    ({"scaleextent": "x(20:10)"}, "InvalidExtent", "20:10", 404),
    ({"scaleextent": "x(20)"}, SYNTAX, "scaleextent", 400),
    ({"size": "x(-1)"}, "InvalidExtent", "-1", 404),
    ({"resolution": "x(0)"}, INVALID, "resolution", 400),
    ({"resolution": "x(-1)"}, INVALID, "resolution", 400),
    ({"resolution": "x(nan)"}, INVALID, "resolution", 400),
    ({"resolution": "x(inf)"}, INVALID, "resolution", 400),
    ({"scalefactor": "2", "scalesize": "x(3)"}, INVALID, "scalesize", 400),
    ({"rangesubset": "a,,b"}, SYNTAX, "rangesubset", 400),
    ({"rangesubset": "a:"}, SYNTAX, "rangesubset", 400),
    ({"mediatype": "text/plain"}, INVALID, "mediatype", 400),
    ({"interpolationperaxis": ["x,nearest", "y,linear"]}, "InterpolationMethodNotSupported", "nearest", 404),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "code", "locator", "status"), FAULTS_2_0)
def test_faults_of_coverages_of_2_0(fields: dict[str, Any], code: str, locator: str, status: int) -> None:
    answer = refusal(kvp(COVERAGE_2_0, **fields))
    assert reported(answer) == (code, locator, status)
    assert b'xmlns:ows="http://www.opengis.net/ows/2.0"' in answer.document.body


DESCRIBE = {"SERVICE": "WCS", "VERSION": "2.0.1", "REQUEST": "DescribeCoverage"}
FAULTS_OF_DESCRIPTIONS = [
    ({}, "emptyCoverageIdList", "coverageid", 404),
    ({"coverageid": ""}, "emptyCoverageIdList", "coverageid", 404),
    ({"coverageid": "degrees,no,nothing"}, "NoSuchCoverage", "no,nothing", 404),
    ({"coverageid": ",".join(["degrees"] * 501)}, "NoApplicableCode", "", 400),
    ({"version": "1.1.1"}, MISSING, "identifier", 400),
    ({"version": "1.1.1", "identifiers": "no"}, INVALID, "identifier", 400),
    ({"version": "3.0.0", "coverageid": "degrees"}, INVALID, "version", 400),
]


@pytest.mark.parametrize(("fields", "code", "locator", "status"), FAULTS_OF_DESCRIPTIONS)
def test_faults_of_descriptions(fields: dict[str, Any], code: str, locator: str, status: int) -> None:
    assert reported(refusal(kvp(DESCRIBE, **fields))) == (code, locator, status)


FAULTS_1_1 = [
    ({"identifier": None}, MISSING, "identifier"),
    ({"identifier": "nothing"}, INVALID, "identifier"),
    ({"format": None}, MISSING, "format"),
    ({"boundingbox": None}, MISSING, "BoundingBox"),
    ({"boundingbox": "1,2,3"}, INVALID, "BoundingBox"),
    ({"boundingbox": "1,2,3,x"}, INVALID, "BoundingBox"),
    ({"boundingbox": "1,2,3,inf"}, INVALID, "BoundingBox"),
    ({"boundingbox": "47,11,48,12,nothing"}, INVALID, "BoundingBox"),
    ({"gridbasecrs": "nothing"}, INVALID, "GridBaseCRS"),
    ({"gridtype": "urn:ogc:def:method:WCS:1.1:other"}, INVALID, "GridType"),
    ({"gridorigin": "1"}, INVALID, "GridOrigin"),
    ({"gridoffsets": "1,x"}, INVALID, "GridOffsets"),
    ({"rangesubset": "[bands"}, INVALID, "RangeSubset"),
    ({"rangesubset": "a:nearest;b:linear"}, INVALID, "RangeSubset"),
    ({"rangesubset": "a" + " " * 2500 + ":" + " " * 2500 + "b" + " " * 2500 + "["}, INVALID, "RangeSubset"),
    ({"store": "true"}, INVALID, "store"),
    ({"version": "1.1.3"}, INVALID, "version"),
]


@pytest.mark.parametrize(("fields", "code", "locator"), FAULTS_1_1)
def test_faults_of_1_1(fields: dict[str, Any], code: str, locator: str) -> None:
    answer = refusal(kvp(COVERAGE_1_1, **fields))
    assert reported(answer) == (code, locator, 400)
    assert b'xmlns:ows="http://www.opengis.net/ows/1.1"' in answer.document.body
    assert b'version="1.1.2"' in answer.document.body


FAULTS_1_0 = [
    ({"coverage": None}, MISSING, "coverage"),
    ({"coverage": "nothing"}, INVALID, "coverage"),
    ({"crs": None}, MISSING, "crs"),
    ({"crs": "nothing"}, INVALID, "crs"),
    ({"response_crs": "nothing"}, INVALID, "response_crs"),
    ({"bbox": None}, MISSING, "bbox/time"),
    ({"bbox": "12,47,12,48"}, INVALID, "bbox"),
    ({"bbox": "11,48,12,47"}, INVALID, "bbox"),
    ({"bbox": "11,47,12"}, INVALID, "bbox"),
    ({"bbox": "11,47,12,nan"}, INVALID, "bbox"),
    ({"width": None, "height": None}, MISSING, "width/height/resx/resy"),
    ({"width": None}, MISSING, "width/height/resx/resy"),
    ({"width": None, "height": None, "resx": "1"}, MISSING, "width/height/resx/resy"),
    ({"width": "0"}, INVALID, "width"),
    ({"height": "2000000000"}, INVALID, "height"),
    ({"width": None, "height": None, "resx": "0", "resy": "1"}, INVALID, "resx"),
    ({"format": None}, MISSING, "format"),
    ({"bands": "1/2/0"}, INVALID, "bands"),
    ({"request": "GetNothing"}, INVALID, "request"),
]


@pytest.mark.parametrize(("fields", "code", "locator"), FAULTS_1_0)
def test_faults_of_1_0(fields: dict[str, Any], code: str, locator: str) -> None:
    answer = refusal(kvp(COVERAGE_1_0, **fields))
    assert reported(answer, CODE_1_0) == (code, locator, 200)
    assert answer.document.media_type.startswith("application/vnd.ogc.se_xml")
    assert (
        b'<ServiceExceptionReport version="1.2.0" xmlns="http://www.opengis.net/ogc"' in answer.document.body
    )


CAPABILITIES = [
    ("ACCEPTVERSIONS=3.0.0,1.2.0", "VersionNegotiationFailed", ""),
    ("SECTIONS=Nothing", INVALID, "sections"),
]


@pytest.mark.parametrize(("query", "code", "locator"), CAPABILITIES)
def test_faults_of_capabilities(query: str, code: str, locator: str) -> None:
    assert reported(refusal(f"SERVICE=WCS&REQUEST=GetCapabilities&{query}")) == (code, locator, 400)


def test_faults_of_sections_of_1_0() -> None:
    answer = refusal("SERVICE=WCS&VERSION=1.0.0&REQUEST=GetCapabilities&SECTION=/Nothing")
    assert reported(answer, CODE_1_0) == (INVALID, "section", 200)


def test_capabilities_have_to_name_the_service() -> None:
    assert reported(refusal("REQUEST=GetCapabilities")) == (MISSING, "service", 400)
