"""Styles written as documents: what is read back shows the same."""

from __future__ import annotations

import io
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")

from PIL import Image

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.http import Body, Request
from iipserve.protocols.sld.document import NamedLayer, UserStyle, read
from tests.geo_rasters import KINDS
from tests.protocols.wmts.services import kvp

MAP = {
    "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": "a", "STYLES": "", "CRS": "EPSG:32633",
    "BBOX": "500000,4998400,502400,5000000", "WIDTH": "120", "HEIGHT": "80", "FORMAT": "image/png",
}  # fmt: skip
STYLES = """
[[style]]
name = "relief & more"
title = "Relief <b>"
bands = [2]
range = [10, 70]
colormap = "viridis"
[[style]]
name = "gray"
bands = [2]
range = [10, 70]
gamma = 0.5
invert = true
[[style]]
name = "brighter"
gamma = 0.5
bands = [1, 2, 1]
[[style]]
name = "three"
range = [10, 70]
bands = [1, 2, 1]
[[layer]]
identifier = "a"
image = "utm"
styles = ["default", "relief & more", "gray", "brighter", "three"]
[[layer]]
identifier = "b"
image = "scaled"
styles = ["gray"]
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Application:
    folder: Path = tmp_path_factory.mktemp("styles")
    for kind in ("utm", "scaled"):
        KINDS[kind](folder)
    (folder / "s.toml").write_text(STYLES)
    return build(Config(filesystem_prefix=f"{folder}/", services=f"{folder}/s.toml"))


def get(app: Application, query: str) -> Any:
    response = app.handle(Request("GET", "/wms", query, {"HTTP_HOST": "a.example"}))
    assert response.status == HTTPStatus.OK
    return response


def post(app: Application, form: str) -> Any:
    environ = {"HTTP_HOST": "a.example", "CONTENT_TYPE": "application/x-www-form-urlencoded"}
    body = form.encode()
    return app.handle(Request("POST", "/wms", "", environ, Body(io.BytesIO(body), len(body))))


def styles(app: Application, version: str, layers: str = "a") -> bytes:
    return bytes(get(app, f"SERVICE=WMS&VERSION={version}&REQUEST=GetStyles&LAYERS={layers}").body)


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_every_style_is_written_or_named(version: str, app: Application) -> None:
    found = read(styles(app, version, "a,b"))
    assert [each.name for each in found] == ["a"] * 5 + ["b"]
    *expressed, named, last = [each.style for each in found]
    assert [
        (each.name, each.title, each.is_default) for each in expressed if isinstance(each, UserStyle)
    ] == [
        ("default", "Default style", True),
        ("relief & more", "Relief <b>", False),
        ("gray", "", False),
        ("brighter", "", False),
    ]
    assert named == "three"
    assert isinstance(last, UserStyle)
    assert found == tuple(NamedLayer(*each) for each in found)


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
@pytest.mark.parametrize("name", ["default", "relief%20%26%20more", "gray", "brighter", "three"])
def test_the_document_shows_what_the_style_shows(version: str, name: str, app: Application) -> None:
    query = kvp(MAP, styles=name)
    document = quote(styles(app, version))
    expected, found = (
        np.asarray(Image.open(io.BytesIO(each.body)).convert("RGB")).astype(int)
        for each in (get(app, query), post(app, f"{query}&SLD_BODY={document}"))
    )
    # between two colors of a table, a ramp has a third one
    np.testing.assert_allclose(found, expected, atol=2)
    assert len(np.unique(expected)) > 2 or name in ("default", "brighter")
