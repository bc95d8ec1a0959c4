"""Coverages of OGC API through the whole application: formats by the Accept header, headers, conditions, links of all layers."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

rasterio = pytest.importorskip("rasterio")

from rasterio.io import MemoryFile  # noqa: E402

from iipserve import app  # noqa: E402
from iipserve.config import Config  # noqa: E402
from tests.geo_rasters import GRIDS, KINDS  # noqa: E402
from tests.properties.images import ask  # noqa: E402
from tests.test_app import body, header  # noqa: E402

ADDRESS = "/ogc/collections/utm/coverage"
REL = "http://www.opengis.net/def/rel/ogc/1.0/coverage"


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[app.Application]:
    folder = tmp_path_factory.mktemp("coverages")
    for name in (*GRIDS, "palette", "nan", "gcps"):
        KINDS[name](folder)
    made = app.build(Config(filesystem_prefix=f"{folder}/", logfile="-"))
    yield made
    made.clear()


@pytest.mark.parametrize("name", [*GRIDS, "palette", "nan", "gcps"])
def test_links_lead_to_files_of_their_types(application: app.Application, name: str) -> None:
    document: dict[str, Any] = json.loads(body(ask(application, f"/ogc/collections/{name}?f=json")))
    links = [each for each in document["links"] if each["rel"] == REL]
    assert links
    for link in links:
        response = ask(application, "/" + link["href"].split("/", 3)[3])
        if response.status == 200:
            assert header(response, "Content-Type").partition(";")[0] == link["type"].partition(";")[0]
            assert body(response)
        else:
            # samples that the format cannot hold
            assert response.status in (400, 406, 415)
            assert json.loads(body(response))["detail"]


@pytest.mark.parametrize(
    ("accept", "driver"),
    [
        ("image/tiff; application=geotiff", "GTiff"),
        ("image/tiff;application=geotiff", "GTiff"),
        ("*/*", "GTiff"),
        ("image/png", "PNG"),
        ("text/html,image/png;q=0.9,*/*;q=0.1", "PNG"),
    ],
)
def test_the_accept_header_decides(application: app.Application, accept: str, driver: str) -> None:
    response = ask(application, ADDRESS, HTTP_ACCEPT=accept)
    assert response.status == 200
    assert "Accept" in header(response, "Vary")
    with (
        warnings.catch_warnings(action="ignore", category=rasterio.errors.NotGeoreferencedWarning),
        MemoryFile(body(response)) as memory,
        memory.open() as file,
    ):
        assert file.driver == driver
        assert (file.width, file.height) == (120, 80)


def test_what_is_not_acceptable(application: app.Application) -> None:
    assert ask(application, ADDRESS, HTTP_ACCEPT="text/html").status == 406


def test_headers_and_conditions(application: app.Application) -> None:
    whole = ask(application, f"{ADDRESS}?f=geotiff")
    assert header(whole, "Content-Bbox") == "500000,4998400,502400,5000000"
    assert header(whole, "Content-Crs") == "<http://www.opengis.net/def/crs/EPSG/0/32633>"
    assert int(header(whole, "Content-Length")) == len(body(whole))
    head = ask(application, f"{ADDRESS}?f=geotiff", REQUEST_METHOD="HEAD")
    assert header(head, "Content-Length") == header(whole, "Content-Length")
    again = ask(application, f"{ADDRESS}?f=geotiff", HTTP_IF_NONE_MATCH=header(whole, "ETag"))
    assert again.status == 304
    assert header(again, "ETag") == header(whole, "ETag")
