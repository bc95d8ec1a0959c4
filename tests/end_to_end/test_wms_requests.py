"""GetMap by a running server, over FastCGI behind nginx and over HTTP: methods, conditions, exceptions."""

from __future__ import annotations

import http.client
import io
from collections.abc import Iterator
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import numpy as np
import pytest

pytest.importorskip("rasterio")
pytest.importorskip("lxml")

from PIL import Image

from tests.end_to_end.running import daemon, nginx
from tests.geo_rasters import KINDS
from tests.ports import free_port
from tests.schemas import validated, validated_by_dtd

COMMON = {
    "SERVICE": "WMS", "REQUEST": "GetMap", "LAYERS": "utm,scaled", "STYLES": "", "BBOX": "500000,4998400,502400,5000000",
    "WIDTH": "120", "HEIGHT": "80", "FORMAT": "image/png", "RANGE": "0,100",
}  # fmt: skip
MAPS = {
    "1.3.0": {**COMMON, "VERSION": "1.3.0", "CRS": "EPSG:32633"},
    "1.1.1": {**COMMON, "VERSION": "1.1.1", "SRS": "EPSG:32633"},
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Answer(NamedTuple):
    """A response."""

    status: int
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, work = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("work")
    for kind in ("utm", "scaled"):
        KINDS[kind](folder)
    ports = [free_port(), free_port()]
    fastcgi, http_address = (f"127.0.0.1:{port}" for port in ports)
    with (
        daemon(folder, work, "--bind", fastcgi, "--http", http_address, ports=ports),
        nginx(work, fastcgi=fastcgi, http=http_address) as address,
    ):
        yield address


@pytest.fixture(params=["", "/below/a/prefix"], ids=["fastcgi", "http"])
def site(server: str, request: pytest.FixtureRequest) -> str:
    return f"{server}{request.param}"


@pytest.fixture(params=["1.3.0", "1.1.1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(
    address: str, method: str = "GET", body: str | None = None, headers: dict[str, str] | None = None
) -> Answer:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=120)
    try:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, names, answer.read())
    finally:
        connection.close()


def test_a_map_by_both_methods(site: str, version: str) -> None:
    query = urlencode(MAPS[version])
    by_address = ask(f"{site}/wms?{query}")
    assert by_address.status == HTTPStatus.OK
    assert by_address.headers["content-type"] == "image/png"
    assert "max-age" in by_address.headers["cache-control"]
    pixels = np.asarray(Image.open(io.BytesIO(by_address.body)))
    assert pixels.shape[:2] == (80, 120)
    assert len(np.unique(pixels)) > 10
    for path in ("/wms", "/ows"):
        by_form = ask(f"{site}{path}", "POST", query, FORM)
        assert (by_form.status, by_form.body) == (HTTPStatus.OK, by_address.body)
    other = "1.1.1" if version == "1.3.0" else "1.3.0"
    assert ask(f"{site}/ows?{urlencode(MAPS[other])}").headers["etag"] == by_address.headers["etag"]


def test_conditions_and_head(site: str, version: str) -> None:
    address = f"{site}/wms?{urlencode(MAPS[version])}"
    whole = ask(address)
    head = ask(address, "HEAD")
    assert head.body == b""
    assert head.headers["content-length"] == str(len(whole.body))
    assert head.headers["etag"] == whole.headers["etag"]
    for condition in (
        {"If-None-Match": whole.headers["etag"]},
        {"If-Modified-Since": whole.headers["last-modified"]},
    ):
        unchanged = ask(address, headers=condition)
        assert (unchanged.status, unchanged.body) == (HTTPStatus.NOT_MODIFIED, b"")
        assert unchanged.headers["etag"] == whole.headers["etag"]
    assert ask(address, headers={"If-None-Match": '"other"'}).status == HTTPStatus.OK


def test_documents_vary_with_what_their_addresses_are_made_of(site: str, version: str) -> None:
    address = f"{site}/wms?SERVICE=WMS&REQUEST=GetCapabilities&VERSION={version}"
    whole = ask(address)
    assert "X-Forwarded-Host".lower() in whole.headers["vary"].lower()
    assert f"{site}/wms?".encode() in whole.body
    assert ask(address, headers={"If-None-Match": whole.headers["etag"]}).status == HTTPStatus.NOT_MODIFIED


def test_exceptions_are_valid_and_not_kept(site: str, version: str) -> None:
    query = urlencode({**MAPS[version], "LAYERS": "utm,nothing"})
    for answer in (ask(f"{site}/wms?{query}"), ask(f"{site}/ows", "POST", query, FORM)):
        assert answer.status == HTTPStatus.OK
        assert answer.headers["cache-control"] == "no-store"
        root = (validated if version == "1.3.0" else validated_by_dtd)(answer.body)
        assert root[0].get("code") == "LayerNotDefined"
    shown = ask(f"{site}/wms?{query}&EXCEPTIONS=INIMAGE")
    assert shown.headers["cache-control"] == "no-store"
    assert Image.open(io.BytesIO(shown.body)).size == (120, 80)
    refused = ask(f"{site}/wms", "POST", "{}", {"Content-Type": "application/json"})
    assert refused.status == HTTPStatus.OK
    assert b"ServiceException" in refused.body
