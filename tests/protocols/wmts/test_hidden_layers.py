"""Layers that are no maps but coverages: WMTS and XYZ do not know them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest

pytest.importorskip("rasterio")

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.http import Request
from tests.geo_rasters import KINDS

MAP = """MAP
WEB METADATA "ows_enable_request" "*" END END
LAYER NAME shown TYPE RASTER DATA "mercator.tif" END
LAYER NAME hidden TYPE RASTER DATA "mercator.tif" METADATA "wms_enable_request" "!*" END END
END"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Application:
    folder = tmp_path_factory.mktemp("images")
    KINDS["mercator"](folder)
    (folder / "s.map").write_text(MAP)
    return build(Config(filesystem_prefix=f"{folder}/", services=str(folder / "s.map")))


def get(app: Application, path: str, query: str = "") -> Any:
    return app.handle(Request("GET", path, query, {"HTTP_HOST": "a.example"}))


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/wmts/{}/default/WebMercatorQuad/10/355/550.png", ""),
        ("/xyz/{}/10/550/355.png", ""),
        (
            "/wmts",
            "SERVICE=WMTS&VERSION=1.0.0&REQUEST=GetTile&LAYER={}&STYLE=default&FORMAT=image/png"
            "&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX=10&TILEROW=355&TILECOL=550",
        ),
        ("/wcs", "SERVICE=WCS&VERSION=2.0.1&REQUEST=DescribeCoverage&COVERAGEID={}"),
    ],
)
def test_tiles_are_answered_of_layers_that_are_maps(app: Application, path: str, query: str) -> None:
    """And coverages of both."""
    assert get(app, path.format("shown"), query.format("shown")).status == HTTPStatus.OK
    status = get(app, path.format("hidden"), query.format("hidden")).status
    if path == "/wcs":
        assert status == HTTPStatus.OK
    else:
        assert status in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST)


def test_documents_list_layers_that_are_maps(app: Application) -> None:
    for service, has_hidden in (("WMTS", False), ("WMS", False), ("WCS", True)):
        body = get(app, "/ows", f"SERVICE={service}&REQUEST=GetCapabilities").body
        assert b"shown" in body
        assert (b"hidden" in body) is has_hidden
