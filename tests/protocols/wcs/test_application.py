"""WCS in the whole application: methods, statuses, headers, and what the service file switches off."""

from __future__ import annotations

import io
from email import message_from_bytes
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")

import numpy as np
from rasterio.io import MemoryFile

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.http import Body, Request
from tests.geo_rasters import KINDS, positions, write_geotiff
from tests.properties.images import body_of
from tests.protocols.wcs.services import kvp
from tests.protocols.wcs.test_answers import enveloped
from tests.schemas import validated

COVERAGE = {
    "SERVICE": "WCS", "VERSION": "2.0.1", "REQUEST": "GetCoverage", "COVERAGEID": "utm",
    "SUBSET": ["E(500200,500400)", "N(4999000,4999500)"],
}  # fmt: skip
"""Columns 10 to 19, rows 25 to 49."""
XML = b"""<GetCoverage xmlns="http://www.opengis.net/wcs/2.0" service="WCS" version="2.0.1"><CoverageId>utm</CoverageId>
<DimensionTrim><Dimension>E</Dimension><TrimLow>500200</TrimLow><TrimHigh>500400</TrimHigh></DimensionTrim>
<DimensionTrim><Dimension>N</Dimension><TrimLow>4999000</TrimLow><TrimHigh>4999500</TrimHigh></DimensionTrim>
</GetCoverage>"""
STRANGE = "\u5f71\u50cf 2024 a,b&c"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("images")
    for kind in ("utm", "wgs84", "palette", "rgba", "plain", "rotated", "world", "degrees_360"):
        KINDS[kind](found)
    write_geotiff(found / f"{STRANGE}.tif", positions())
    return found


@pytest.fixture(scope="module")
def app(folder: Path) -> Application:
    return build(Config(filesystem_prefix=f"{folder}/"))


def get(app: Application, query: str, path: str = "/wcs", method: str = "GET", **environ: str) -> Any:
    return app.handle(Request(method, path, query, {"HTTP_HOST": "a.example", **environ}))


def post(app: Application, body: bytes, path: str = "/wcs", media_type: str = "text/xml") -> Any:
    environ = {"HTTP_HOST": "a.example", "CONTENT_TYPE": media_type}
    return app.handle(Request("POST", path, "", environ, Body(io.BytesIO(body), len(body))))


def samples(body: bytes) -> Any:
    """All bands of a file."""
    with MemoryFile(body) as memory, memory.open() as file:
        return file.read()


def test_every_way_to_ask(app: Application) -> None:
    response = get(app, kvp(COVERAGE))
    assert response.status == HTTPStatus.OK
    headers = dict(response.headers)
    assert headers["Content-Type"] == "image/tiff"
    assert headers["Content-Length"] == str(len(response.body))
    assert headers["Content-Disposition"] == 'inline; filename="utm.tif"'
    np.testing.assert_array_equal(samples(response.body), positions()[:, 25:50, 10:20])
    for path in ("/wcs", "/ows"):
        assert post(app, XML, path).body == response.body
        form = kvp(COVERAGE).encode()
        assert post(app, form, path, "application/x-www-form-urlencoded").body == response.body
    head = get(app, kvp(COVERAGE), method="HEAD")
    assert (head.body, dict(head.headers)) == (b"", headers)
    condition = {"HTTP_IF_NONE_MATCH": headers["ETag"]}
    assert get(app, kvp(COVERAGE), **condition).status == HTTPStatus.NOT_MODIFIED


def test_answers_of_several_parts(app: Application) -> None:
    whole = get(app, kvp(COVERAGE)).body
    queries = (
        kvp(COVERAGE, mediatype="multipart/related"),
        "SERVICE=WCS&VERSION=1.1.1&REQUEST=GetCoverage&IDENTIFIER=utm&FORMAT=image/tiff"
        "&BOUNDINGBOX=500210,4999010,500390,4999490,urn:ogc:def:crs:EPSG::32633",
    )
    for response in (*(get(app, query) for query in queries), post(app, enveloped(XML, "1.2"))):
        headers, body = dict(response.headers), body_of(response)
        assert headers["Content-Length"] == str(len(body))
        head = f"Content-Type: {headers['Content-Type']}\r\nMIME-Version: 1.0\r\n\r\n".encode()
        document, file = message_from_bytes(head + body).get_payload()
        assert document.get_content_type().endswith("xml")
        assert file.get_payload(decode=True) == whole


@pytest.mark.parametrize(
    ("layer", "bands"),
    [("wgs84", 2), ("palette", 1), ("rgba", 4), ("rotated", 2), (STRANGE, 2)],
)
def test_layers_of_every_kind(layer: str, bands: int, app: Application) -> None:
    response = get(app, kvp({**COVERAGE, "COVERAGEID": layer}, subset=None))
    assert response.status == HTTPStatus.OK, response.body
    assert samples(response.body).shape[0] == bands


AROUND = [
    # pixels of 3 degrees from -180 on
    ("world", "171,-9,-171,9", 6, [117, 118, 119, 0, 1, 2]),
    ("world", "171,-9,189,9", 12, [117, 117, 118, 118, 119, 119, 0, 0, 1, 1, 2, 2]),
    ("world", "-189,-9,-171,9", 6, [117, 118, 119, 0, 1, 2]),
    ("world", "190.5,-9,208.5,9", 6, [4, 5, 6, 7, 8, 9]),
    # pixels of 1/6 degree from 190 on
    ("degrees_360", "-170,0,-169,1", 6, [0, 1, 2, 3, 4, 5]),
    ("degrees_360", "190,0,191,1", 6, [0, 1, 2, 3, 4, 5]),
]


@pytest.mark.parametrize(("layer", "box", "width", "columns"), AROUND)
def test_boxes_go_around_the_globe(
    layer: str, box: str, width: int, columns: list[int], app: Application
) -> None:
    query = (
        f"SERVICE=WCS&VERSION=1.0.0&REQUEST=GetCoverage&COVERAGE={layer}&CRS=EPSG:4326&BBOX={box}&WIDTH={width}&HEIGHT=6"
        "&FORMAT=GeoTIFF"
    )
    assert samples(get(app, query).body)[0, 0].tolist() == columns


def test_plain_pictures(app: Application) -> None:
    fields = {**COVERAGE, "COVERAGEID": "plain", "FORMAT": "image/x-aaigrid"}
    query = kvp(fields, subset=["i(10,12)", "j(5,6)"], rangesubset="1")
    lines = get(app, query).body.decode().splitlines()
    assert [line.split() for line in lines[-2:]] == [["10", "11", "12"]] * 2


def test_names_that_no_xml_name_is_like(app: Application) -> None:
    response = get(app, kvp({**COVERAGE, "COVERAGEID": "\u5f71\u50cf_2024_a_b_c"}))
    assert response.body == get(app, kvp({**COVERAGE, "COVERAGEID": STRANGE})).body
    assert "filename*=UTF-8''" in dict(response.headers)["Content-Disposition"]
    described = kvp(COVERAGE, request="DescribeCoverage", subset=None, coverageid=f"utm,{STRANGE}")
    # the comma in the name separates nothing, as one that is there
    assert get(app, described).status == HTTPStatus.NOT_FOUND
    both = f"{kvp(COVERAGE, request='DescribeCoverage', subset=None)}&{kvp({'COVERAGEID': STRANGE})}"
    root = validated(get(app, both).body)
    assert [each.text for each in root.iter("{http://www.opengis.net/wcs/2.0}CoverageId")] == [
        "utm", "\u5f71\u50cf_2024_a_b_c",
    ]  # fmt: skip


def test_statuses(app: Application) -> None:
    assert get(app, kvp(COVERAGE, coverageid="nothing")).status == HTTPStatus.NOT_FOUND
    old = "SERVICE=WCS&VERSION=1.0.0&REQUEST=GetCoverage&COVERAGE=nothing"
    assert get(app, old).status == HTTPStatus.OK
    assert get(app, "SERVICE=WCS&REQUEST=GetNothing").status == HTTPStatus.NOT_IMPLEMENTED
    assert post(app, b"<GetCoverage").status == HTTPStatus.BAD_REQUEST
    assert get(app, "", path="/wcs/nothing").status == HTTPStatus.BAD_REQUEST
    assert get(app, kvp(COVERAGE), method="PUT").status == HTTPStatus.METHOD_NOT_ALLOWED


SETTINGS = """
[wcs]
operations = ["DescribeCoverage"]
exception_status = "error"
"""
LIMITS = """
[wcs]
max_size = 100
formats = ["geotiff"]
crs = ["EPSG:3857"]
interpolations = ["nearest"]
[[layer]]
identifier = "utm"
[[layer]]
identifier = "hidden"
image = "wgs84"
[layer.metadata]
wcs_enable_request = "GetCapabilities,DescribeCoverage"
"""


def test_operations_that_are_switched_off(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(SETTINGS)
    app = build(Config(filesystem_prefix=f"{folder}/", services=str(tmp_path / "s.toml")))
    assert get(app, kvp(COVERAGE)).status == HTTPStatus.NOT_IMPLEMENTED
    old = "SERVICE=WCS&VERSION=1.0.0&REQUEST=DescribeCoverage&COVERAGE=nothing"
    assert get(app, old).status == HTTPStatus.BAD_REQUEST


REFUSED = [
    ({"subset": None}, "NoApplicableCode", "120 x 80 pixels; 100 across and down are the limit"),
    ({"format": "image/png"}, "InvalidParameterValue", "but as geotiff"),
    ({"outputcrs": "EPSG:4326"}, "OutputCrs-NotSupported", "it is in EPSG:32633, EPSG:3857"),
    ({"interpolation": "linear"}, "InterpolationMethodNotSupported", "nearest are"),
    ({"coverageid": "hidden"}, "NoSuchCoverage", "there is no coverage"),
    ({"coverageid": "wgs84"}, "NoSuchCoverage", "there is no coverage"),
]


def test_limits_of_the_service_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(LIMITS)
    app = build(Config(filesystem_prefix=f"{folder}/", services=str(tmp_path / "s.toml")))
    assert get(app, kvp(COVERAGE)).status == HTTPStatus.OK
    assert get(app, kvp(COVERAGE, outputcrs="EPSG:3857")).status == HTTPStatus.OK
    for fields, code, text in REFUSED:
        body = get(app, kvp(COVERAGE, **fields)).body.decode()
        assert f'exceptionCode="{code}"' in body
        assert text in body
    described = kvp(COVERAGE, request="DescribeCoverage", subset=None, coverageid="hidden")
    assert get(app, described).status == HTTPStatus.OK
