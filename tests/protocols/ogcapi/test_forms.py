"""Documents of OGC API as JSON and as pages, their addresses, and refusals."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from typing import Any

import pytest

from iipserve.config import Config
from tests.protocols.ogcapi.services import ROOT, document, linked, read, refusal
from tests.protocols.wmts.catalogs import FakeCatalog, layer
from tests.protocols.wmts.services import CATALOG, ENTRIES

# -- forms and addresses ---------------------------------------------------------------------------

PATHS = [
    "", "conformance", "api", "tileMatrixSets", "tileMatrixSets/WebMercatorQuad", "collections", "collections/utm",
    "collections/utm/map/tiles", "collections/utm/map/tiles/WebMercatorQuad", "collections/utm/styles/default/map/tiles",
]  # fmt: skip


class Links(HTMLParser):
    """Collects what a page links to, and sees that elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.title = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name == "href" and value]


@pytest.mark.parametrize("path", PATHS)
def test_every_document_is_a_page_too(path: str) -> None:
    answer = document(f"/ogc/{path}?f=html")
    assert answer.media_type == "text/html; charset=utf-8"
    text = answer.body.decode()
    ElementTree.fromstring(
        text.removeprefix("<!doctype html>\n")
        .replace('<meta charset="utf-8">', "")
        .replace('<meta name="viewport" content="width=device-width,initial-scale=1">', "")
    )
    assert "<script" not in text
    own = [
        href
        for href in Links(text).found
        if href.startswith(ROOT) and not re.search(r"/(map|coverage)\?", href)
    ]
    for href in own:
        assert document(href).body
    config = Config(trust_forwarded=False)
    accepted = document(
        f"/ogc/{path}", CATALOG, config, HTTP_ACCEPT="text/html,application/xhtml+xml,*/*;q=0.8"
    )
    assert accepted.media_type == "text/html; charset=utf-8"
    assert accepted.vary == "Accept"
    assert document(f"/ogc/{path}", HTTP_ACCEPT="*/*").media_type != "text/html; charset=utf-8"
    assert document(f"/ogc/{path}?f=json", CATALOG, config).vary == ""


def test_pages_escape_what_they_show() -> None:
    text = document("/ogc/collections/utm?f=html").body.decode()
    assert "<map>" not in text
    assert "A &lt;map&gt; &amp; more" in text
    page = document("/ogc/collections/utm/map/tiles/WebMercatorQuad?f=html").body.decode()
    assert "{tileMatrix}" in page


def test_the_link_to_itself_is_that_of_the_form() -> None:
    value = read("/ogc/collections/utm?f=json")
    assert linked(value, "self") == [f"{ROOT}collections/utm?f=json"]
    assert linked(value, "alternate") == [f"{ROOT}collections/utm?f=html"]
    page = document("/ogc/collections/utm?f=html").body.decode()
    assert f'<a href="{ROOT}collections/utm?f=html">This document as HTML</a> (self' in page


@pytest.mark.parametrize(
    ("config", "environ", "root"),
    [
        (Config(), {"HTTPS": "on"}, "https://a.example/"),
        (Config(base_url="https://maps.example/img/iiif/"), {}, "https://maps.example/img/"),
        (
            Config(trust_forwarded=True),
            {
                "HTTP_X_FORWARDED_PROTO": "https",
                "HTTP_X_FORWARDED_HOST": "maps.example",
                "HTTP_X_FORWARDED_PREFIX": "/img",
            },
            "https://maps.example/img/",
        ),
        (
            Config(trust_forwarded=True),
            {"HTTP_FORWARDED": "proto=https;host=maps.example"},
            "https://maps.example/",
        ),
    ],
)
def test_addresses_behind_proxies(config: Config, environ: dict[str, str], root: str) -> None:
    for path in PATHS:
        answer = document(f"/ogc/{path}", CATALOG, config, **environ)
        for href in _hrefs(json.loads(answer.body)):
            assert href.startswith(f"{root}ogc/"), path
            assert href.count("ogc/") == 1
        if not config.base_url:
            assert "Forwarded" in answer.vary
    (template,) = read("/xyz/utm/tiles.json", CATALOG, config, **environ)["tiles"]
    assert template == f"{root}xyz/utm/{{z}}/{{x}}/{{y}}.png"


def test_the_address_that_the_service_file_states() -> None:
    catalog = FakeCatalog([layer("utm")])
    catalog.metadata = CATALOG.metadata.__class__(
        "Maps", options={"service.public_address": "https://b.example/m/"}
    )  # type: ignore[arg-type]
    assert linked(read("/ogc/", catalog), "data") == ["https://b.example/m/ogc/collections"]


def _hrefs(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["href"]] if "href" in value else []
        return own + [href for each in value.values() for href in _hrefs(each)]
    return [href for each in value for href in _hrefs(each)] if isinstance(value, list) else []


# -- errors ----------------------------------------------------------------------------------------

REFUSED = [
    ("/ogc/nothing", 404, "there is no resource 'nothing'"),
    ("/ogc/conformance/more", 404, "there is no resource"),
    ("/ogc/collections/none", 404, "there is no layer 'none'"),
    ("/ogc/collections/none/map/tiles", 404, "there is no layer 'none'"),
    ("/ogc/collections/utm/maps", 404, "there is no layer 'utm/maps'"),
    ("/ogc/collections/utm/map/tiles/none", 404, "has no tile matrix set 'none'"),
    ("/ogc/collections/plain/map/tiles/WebMercatorQuad", 404, "has no tile matrix set"),
    ("/ogc/tileMatrixSets/none", 404, "there is no tile matrix set 'none'; WebMercatorQuad, WorldCRS84Quad"),
    ("/ogc/tileMatrixSets/none:native", 404, "there is no layer 'none'"),
    ("/ogc/tileMatrixSets/:native", 404, "there is no tile matrix set"),
    ("/ogc/tileMatrixSets/%FF", 400, "is not UTF-8"),
    ("/ogc/collections/a%00", 400, "zero byte"),
    ("/ogc/?f=xml", 400, "f='xml' is not a form of this resource; json and html are"),
    ("/ogc/collections/utm?f=png", 400, "json and html are"),
    ("/ogc/?f=%FF", 400, "is not UTF-8"),
]


@pytest.mark.parametrize(("address", "status", "detail"), REFUSED)
def test_refusals(address: str, status: int, detail: str) -> None:
    found = refusal(address)
    assert found[0] == status
    assert detail in found[1]


def test_forms_that_a_client_does_not_accept() -> None:
    status, detail = refusal("/ogc/", HTTP_ACCEPT="application/xml")
    assert status == 406
    assert "application/json, text/html" in detail
    assert (
        refusal("/ogc/collections/degrees/map/tiles/WorldCRS84Quad/6/14/67", HTTP_ACCEPT="video/mp4")[0]
        == 406
    )


def test_services_that_are_switched_off() -> None:
    layers = [each.layer for each in ENTRIES]
    off = FakeCatalog(layers, entries=ENTRIES, enabled=False)
    for path in PATHS:
        assert refusal(f"/ogc/{path}", off) == (403, "map tiles are switched off by the service file")
    tile = "/ogc/collections/mercator/map/tiles/native/0/0/0"
    assert refusal(tile, off)[0] == 403
    without_tiles = FakeCatalog(layers, entries=ENTRIES, operations=("GetFeatureInfo",))
    assert refusal(tile, without_tiles) == (403, "GetTile is switched off by the service file")
    assert read("/ogc/collections", without_tiles)["collections"]
