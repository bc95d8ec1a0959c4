"""WMS in the whole application: settings of the service file, and forms at an address of several services."""

from __future__ import annotations

import io
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")

from PIL import Image

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.http import Body, Request
from tests.geo_rasters import KINDS
from tests.protocols.wmts.services import kvp

MAP = {
    "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": "utm", "STYLES": "", "CRS": "EPSG:32633",
    "BBOX": "500000,4998400,502400,5000000", "WIDTH": "120", "HEIGHT": "80", "FORMAT": "image/png",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("images")
    KINDS["utm"](found)
    return found


@pytest.fixture(scope="module")
def app(folder: Path) -> Application:
    return build(Config(filesystem_prefix=f"{folder}/"))


def get(app: Application, query: str, path: str = "/wms") -> Any:
    return app.handle(Request("GET", path, query, {"HTTP_HOST": "a.example"}))


def post(app: Application, query: str, form: str, path: str = "/ows") -> Any:
    environ = {"HTTP_HOST": "a.example", "CONTENT_TYPE": "application/x-www-form-urlencoded; charset=UTF-8"}
    body = form.encode()
    return app.handle(Request("POST", path, query, environ, Body(io.BytesIO(body), len(body))))


def picture(response: Any) -> Any:
    assert response.status == HTTPStatus.OK
    return np.asarray(Image.open(io.BytesIO(response.body)).convert("RGBA"))


def test_exceptions_have_the_status_that_the_service_file_states(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[wms]\nexception_status = "error"\n')
    app = build(Config(filesystem_prefix=f"{folder}/", services=str(tmp_path / "s.toml")))
    assert get(app, kvp(MAP)).status == HTTPStatus.OK
    response = get(app, kvp(MAP, layers="nothing"))
    assert response.status == HTTPStatus.BAD_REQUEST
    assert b"LayerNotDefined" in response.body
    response = get(app, kvp(MAP, layers="nothing", exceptions="INIMAGE"))
    assert response.status == HTTPStatus.BAD_REQUEST
    assert Image.open(io.BytesIO(response.body)).size == (120, 80)


@pytest.mark.parametrize(
    ("query", "form"), [("", kvp(MAP)), (kvp(MAP), "DPI=96"), ("map=a", kvp(MAP, service=None))]
)
def test_forms_at_the_address_of_several_services(query: str, form: str, app: Application) -> None:
    expected = get(app, kvp(MAP)).body
    assert post(app, query, form).body == expected
    assert post(app, query, form, "/wms").body == expected


def test_forms_of_other_services_at_that_address(app: Application) -> None:
    response = post(app, "", "SERVICE=WMTS&REQUEST=GetCapabilities")
    assert b"http://www.opengis.net/wmts/1.0" in response.body
    assert b"ows:ExceptionReport" in post(app, "", "SERVICE=WFS&REQUEST=GetCapabilities").body
    assert b"ServiceExceptionReport" in post(app, "", kvp(MAP, layers="nothing")).body


SCALES = """
[[layer]]
identifier = "near"
image = "utm"
[layer.metadata]
minscaledenom = "71000"
maxscaledenom = "72000"
[[layer]]
identifier = "far"
image = "utm"
[layer.metadata]
minscaledenom = "72000"
"""


def test_layers_are_drawn_at_their_scales(folder: Path, tmp_path: Path) -> None:
    # pixels of 20 m: 1 : 71428
    (tmp_path / "s.toml").write_text(SCALES)
    app = build(Config(filesystem_prefix=f"{folder}/", services=str(tmp_path / "s.toml")))
    near, far = kvp(MAP, layers="near"), kvp(MAP, layers="far", bgcolor="0x102030")
    drawn = get(app, near).body
    assert (picture(get(app, near))[..., :3] != 255).any()
    assert (picture(get(app, far)) == (16, 32, 48, 255)).all()
    assert not picture(get(app, f"{far}&TRANSPARENT=TRUE"))[..., 3].any()
    assert get(app, kvp(MAP, layers="near,far")).body == drawn
    assert (picture(get(app, kvp(MAP, layers="near", width="119"))) == 255).all()
    assert get(app, kvp(MAP, layers="far", crs="EPSG:1")).body.count(b"InvalidCRS") == 1
    info = kvp(MAP, request="GetFeatureInfo", query_layers="far", layers="far", i="5", j="5")
    found = json.loads(get(app, f"{info}&INFO_FORMAT=application/json").body)
    assert found["features"] == []
    text = get(app, "SERVICE=WMS&REQUEST=GetCapabilities").body
    assert b"<MinScaleDenominator>71000</MinScaleDenominator>" in text
    assert b"<MaxScaleDenominator>72000</MaxScaleDenominator>" in text


@pytest.mark.parametrize(
    "box", ["-1e300,-1e300,1e300,1e300", "1e299,1e299,1e300,1e300", "0,0,1e300,1e-3", "-1e15,0,1e15,1e15"]
)
@pytest.mark.parametrize("crs", ["CRS:84", "EPSG:4326", "EPSG:3857", "EPSG:32633", "EPSG:2193"])
def test_huge_boxes_are_blank_or_refused(box: str, crs: str, app: Application) -> None:
    response = get(app, kvp(MAP, crs=crs, bbox=box, width="1000", height="1000"))
    if response.body.startswith(b"<"):
        assert b"ServiceException" in response.body
    else:
        assert picture(response).shape == (1000, 1000, 4)
