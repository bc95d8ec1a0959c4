"""GetCoverage: the plans of coverages, whatever version asks for them."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")

from iipserve.errors import IIPServeError
from iipserve.geo.grid import Affine, GridRef
from iipserve.geometry import Region, Size
from iipserve.plan import Answer, CoveragePlan, Crop, Resampling, Warp
from iipserve.protocols import Images
from iipserve.protocols.wcs import PROTOCOL
from tests.protocols.wcs.services import COVERAGE_1_0, COVERAGE_1_1, COVERAGE_2_0, kvp, routed
from tests.protocols.wcs.test_faults import CODE_1_0, CODE_2_0, reported
from tests.protocols.wmts.services import CATALOG, INFOS, server_of


def asked(query: str, **options: Any) -> Any:
    """The answer to a request, or the error."""
    found, server = routed(query, **options), server_of(CATALOG)
    try:
        parsed = PROTOCOL.parse(found, server)
        return PROTOCOL.plan(parsed, Images({name: INFOS[name] for name in parsed.names}), server)
    except IIPServeError as error:
        return PROTOCOL.error(error, found, server)


def planned(query: str, **options: Any) -> CoveragePlan:
    """The plan of a coverage."""
    answer = asked(query, **options)
    assert isinstance(answer, Answer), answer.document.body
    assert isinstance(answer.content, CoveragePlan)
    return answer.content


WINDOW = Region(100, 200, 100, 100)
"""Of the layer `degrees`: longitudes 11 to 12, latitudes 47 to 48."""
SAME = [
    kvp(COVERAGE_2_0, subset=["Long(11,12)", "Lat(47,48)"]),
    kvp(COVERAGE_2_0, subset=["x(100,199)", "y(200,299)"], subsettingcrs="urn:ogc:def:crs:OGC::imageCRS"),
    kvp(COVERAGE_2_0, subset=["Long,EPSG:4326(11,12)", "Lat(47,48)"], format="IMAGE/TIFF;subtype=\"geotiff\""),
    kvp(COVERAGE_2_0, subset=["Long(11,12)", "Lat(47,48)"], format="image/tiff; application=geotiff", scalefactor="1"),
    kvp(COVERAGE_2_0, subset=["Long(11,12)", "Lat(47,48)"], rangesubset="band1:3", interpolation="NEAREST"),
    kvp(COVERAGE_2_0, subset=["Long(11,12)", "Lat(47,48)"], coverageid="degrees.tif"),
    kvp(COVERAGE_1_0),
    kvp(COVERAGE_1_0, width=None, height=None, resx="0.01", resy="0.01", format="image/tiff"),
    kvp(COVERAGE_1_0, bands="1/3", interpolation="nearest neighbor", response_crs="EPSG:4326"),
    kvp(COVERAGE_1_1, boundingbox="47.005,11.005,47.995,11.995,urn:ogc:def:crs:EPSG::4326"),
    kvp(COVERAGE_1_1, boundingbox="11.005,47.005,11.995,47.995,EPSG:4326", rangesubset="range:nearest[bands[1,2,3]]"),
    kvp(COVERAGE_1_1, boundingbox="100,200,199,299,urn:ogc:def:crs:OGC::imageCRS"),
    kvp(
        COVERAGE_1_1,
        boundingbox="47.005,11.005,47.995,11.995,urn:ogc:def:crs:EPSG::4326",
        gridbasecrs="urn:ogc:def:crs:EPSG::4326",
        gridtype="urn:ogc:def:method:WCS:1.1:2dGridIn2dCrs",
        gridorigin="47.995,11.005",
        gridoffsets="0,0.01,-0.01,0",
    ),
]  # fmt: skip


@pytest.mark.parametrize("query", SAME)
def test_one_file_in_every_spelling(query: str) -> None:
    plan = planned(query).file
    assert plan == planned(SAME[0]).file
    assert isinstance(plan.view, Crop)
    assert plan.view.region == WINDOW
    assert plan.view.size == (100, 100)
    assert plan.grid == GridRef("EPSG:4326", Affine(0.01, 0, 11, 0, -0.01, 48), Size(100, 100))


def test_all_of_a_coverage() -> None:
    plan = planned(kvp(COVERAGE_2_0, coverageid="utm"))
    assert isinstance(plan.view, Crop)
    assert plan.view.region == (0, 0, 600, 400)
    assert plan.bands == (0, 1, 2)


def test_bands_in_any_order() -> None:
    assert planned(kvp(COVERAGE_2_0, rangesubset="band3,1,b2:3")).bands == (2, 0, 1, 2)
    assert planned(kvp(COVERAGE_1_0, bands="3,1")).bands == (2, 0)
    assert planned(kvp(COVERAGE_1_1, rangesubset="range[bands[2]]")).bands == (1,)


def test_other_systems_and_methods() -> None:
    fields = kvp(COVERAGE_2_0, subset=["Long(11,12)", "Lat(47,48)"], outputcrs="EPSG:3857")
    plan = planned(f"{fields}&INTERPOLATION=http://www.opengis.net/def/interpolation/OGC/1/linear")
    assert isinstance(plan.view, Warp)
    assert (plan.grid.crs, plan.grid.size, plan.resampling) == ("EPSG:3857", (100, 100), Resampling.BILINEAR)


def test_encodings() -> None:
    plain = planned(kvp(COVERAGE_2_0)).encoding
    assert plain.format == "geotiff"
    fields = {
        "geotiff__compression": "Deflate",
        "geotiff__predictor": "Horizontal",
        "tiling": "true",
        "tilewidth": "512",
    }
    found = planned(kvp(COVERAGE_2_0, **fields)).encoding
    assert (found.compression, found.predictor, found.tile) == ("deflate", "horizontal", Size(512, 512))
    assert planned(kvp(COVERAGE_2_0, format="image/png", compression="LZW")).encoding.format == "png"


URI_3857 = "http://www.opengis.net/def/crs/EPSG/0/3857"
FAULTS_2_0 = [
    ({"subset": "z(1,2)"}, "InvalidAxisLabel", "z", 404),
    ({"subset": ["x(11,12)", "Long(11,12)"]}, "InvalidAxisLabel", "Long", 404),
    ({"subset": "x(1,2)"}, "InvalidSubsetting", "x(1,2)", 404),
    ({"subset": "x(12,11)"}, "InvalidSubsetting", "x(12,11)", 404),
    ({"subset": "Long(nan,12)"}, "InvalidSubsetting", "Long(nan,12)", 404),
    ({"subset": "time(2020-01-01)"}, "InvalidAxisLabel", "time", 404),
    ({"scaleaxes": "z(2)"}, "ScaleAxisUndefined", "z", 404),
    ({"size": "x(3)", "resolution": "x(3)"}, "InvalidParameterValue", "resolution", 400),
    ({"rangesubset": "nothing"}, "NoSuchField", "nothing", 404),
    ({"rangesubset": "4"}, "NoSuchField", "4", 404),
    ({"rangesubset": "3:1"}, "IllegalFieldSequence", "3:1", 404),
    ({"interpolation": "quadratic"}, "InterpolationMethodNotSupported", "quadratic", 404),
    ({"format": "image/nothing"}, "InvalidParameterValue", "format", 400),
    ({"scalefactor": "1000"}, "NoApplicableCode", "", 400),
    ({"scalefactor": "1e9"}, "NoApplicableCode", "", 400),
    ({"geotiff__compression": "nothing"}, "CompressionInvalid", "nothing", 404),
    ({"geotiff__compression": "Huffman"}, "CompressionNotSupported", "Huffman", 404),
    ({"geotiff__compression": "JPEG", "rangesubset": "1,2"}, "CompressionNotSupported", "JPEG", 404),
    ({"geotiff__jpeg_quality": "101", "compression": "JPEG"}, "JpegQualityInvalid", "101", 404),
    ({"geotiff__jpeg_quality": "50", "compression": "LZW"}, "JpegQualityInvalid", "50", 404),
    ({"geotiff__predictor": "nothing"}, "PredictorInvalid", "nothing", 404),
    ({"geotiff__predictor": "Horizontal", "compression": "PackBits"}, "PredictorNotSupported", "Horizontal", 404),
    ({"geotiff__predictor": "FloatingPoint", "compression": "LZW"}, "PredictorNotSupported", "FloatingPoint", 404),
    ({"geotiff__interleave": "nothing"}, "InterleavingInvalid", "nothing", 404),
    ({"geotiff__tiling": "true", "tilewidth": "17"}, "TilingInvalid", "17", 404),
    ({"geotiff__tiling": "maybe"}, "TilingInvalid", "maybe", 404),
    ({"outputcrs": "EPSG:3857", "coverageid": "mars"}, "OutputCrs-NotSupported", "EPSG:3857", 404),
    ({"outputcrs": URI_3857, "coverageid": "mars"}, "OutputCrs-NotSupported", URI_3857, 404),
    ({"subsettingcrs": "EPSG:4326", "coverageid": "plain"}, "SubsettingCrs-NotSupported", "EPSG:4326", 404),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "code", "locator", "status"), FAULTS_2_0)
def test_faults_of_2_0(fields: dict[str, Any], code: str, locator: str, status: int) -> None:
    assert reported(asked(kvp(COVERAGE_2_0, **fields)), CODE_2_0) == (code, locator, status)


FAULTS_1_1 = [
    ({"boundingbox": "1,1,2,2,urn:ogc:def:crs:EPSG::4326"}, "BoundingBox"),
    ({"boundingbox": "47,12,46,11,urn:ogc:def:crs:EPSG::4326"}, "BoundingBox"),
    ({"gridbasecrs": "imageCRS", "identifier": "mars", "boundingbox": "1,1,2,2,EPSG:4326"}, "BoundingBox"),
    ({"gridoffsets": "0,0"}, "GridOffsets"),
    ({"rangesubset": "range[bands[9]]"}, "RangeSubset"),
    ({"rangesubset": "nothing[bands[1]]"}, "RangeSubset"),
    ({"rangesubset": "range[nothing[1]]"}, "RangeSubset"),
    ({"rangesubset": "range:quadratic"}, "RangeSubset"),
    ({"format": "image/nothing"}, "format"),
]


@pytest.mark.parametrize(("fields", "locator"), FAULTS_1_1)
def test_faults_of_1_1(fields: dict[str, Any], locator: str) -> None:
    assert reported(asked(kvp(COVERAGE_1_1, **fields)), CODE_2_0) == ("InvalidParameterValue", locator, 400)


FAULTS_1_0 = [
    ({"bbox": "1,1,2,2"}, "bbox"),
    ({"bands": "9"}, "bands"),
    ({"bands": "3/1"}, "bands"),
    ({"interpolation": "lost area"}, "interpolation"),
    ({"format": "image/nothing"}, "format"),
    ({"resx": "1", "resy": "1"}, "width/height/resx/resy"),
    ({"response_crs": "EPSG:3857", "coverage": "mars", "crs": "imageCRS", "bbox": "0,0,9,9"}, "response_crs"),
]


@pytest.mark.parametrize(("fields", "locator"), FAULTS_1_0)
def test_faults_of_1_0(fields: dict[str, Any], locator: str) -> None:
    assert reported(asked(kvp(COVERAGE_1_0, **fields)), CODE_1_0) == ("InvalidParameterValue", locator, 200)


def test_a_coverage_that_is_too_large_tells_the_limit() -> None:
    answer = asked(kvp(COVERAGE_1_0, width="40000"))
    assert b"40000 x 100 pixels; 32768 across and down are the limit" in answer.document.body
