"""WMS in the whole application: settings of the service file, and forms at an address of several services."""

from __future__ import annotations

import io
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
