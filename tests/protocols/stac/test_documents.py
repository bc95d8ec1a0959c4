"""Resources of the STAC API: valid for pystac, linked with each other, as JSON and as pages, behind proxies."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pystac = pytest.importorskip("pystac")
validation = pytest.importorskip("pystac.validation")
pytest.importorskip("sqlalchemy")

from iipserve import app  # noqa: E402
from iipserve.config import Config  # noqa: E402
from tests.protocols.stac.services import (  # noqa: E402
    COUNT,
    ROOT,
    application,
    ask,
    linked,
    read,
    refusal,
    service_file,
)
from tests.test_app import body, header  # noqa: E402

GEOJSON = "application/geo+json"
TYPES = {
    "": "application/json",
    "conformance": "application/json",
    "api": "application/vnd.oai.openapi+json;version=3.0",
    "queryables": "application/schema+json",
    "collections": "application/json",
    "collections/squares": "application/json",
    "collections/squares/queryables": "application/schema+json",
    "collections/squares/items": GEOJSON,
    "collections/squares/items/square-03.tif": GEOJSON,
    "search": GEOJSON,
}
"""Media types of resources (STAC API 1.0.0)."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> app.Application:
    return application(tmp_path_factory.mktemp("stac"), "downloadable = true")


def all_items(server: app.Application) -> list[Any]:
    found: list[Any] = read(server, f"{ROOT}search?limit=100")["features"]
    assert len(found) == COUNT + 7
    return found


# -- objects ---------------------------------------------------------------------------------------


def test_objects_are_valid_for_pystac(server: app.Application) -> None:
    """By the schemas of STAC 1.1.0 that it brings along."""
    validation.validate_dict(read(server, ROOT), extensions=[])
    for collection in read(server, f"{ROOT}collections")["collections"]:
        validation.validate_dict(collection, extensions=[])
        assert pystac.Collection.from_dict(collection).id == collection["id"]
    for item in all_items(server):
        validation.validate_dict({**item, "stac_extensions": []})
        assert pystac.Item.from_dict(item).id == item["id"]


@pytest.mark.parametrize("path", TYPES)
def test_media_types(server: app.Application, path: str) -> None:
    for address in (ROOT + path, f"{ROOT}{path}?f=json"):
        assert header(ask(server, address), "Content-Type") == TYPES[path]
    head = ask(server, ROOT + path, "HEAD")
    assert (head.status, head.body) == (200, b"")


def test_a_change_of_nothing_is_not_sent_again(server: app.Application) -> None:
    for path in TYPES:
        tag = header(ask(server, ROOT + path), "ETag")
        again = ask(server, ROOT + path, HTTP_IF_NONE_MATCH=str(tag))
        assert again.status == 304, path


# -- links -----------------------------------------------------------------------------------------


def addresses_in(value: Any) -> set[str]:
    """All addresses of a document that are links or assets."""
    if isinstance(value, list):
        return {href for each in value for href in addresses_in(each)}
    if not isinstance(value, dict):
        return set()
    own = {value["href"]} if isinstance(value.get("href"), str) and value.get("method") != "POST" else set()
    return own | {href for each in value.values() for href in addresses_in(each)}


def test_every_resource_is_reached_by_links(server: app.Application) -> None:
    waiting, seen = [ROOT], set()
    while waiting:
        address = waiting.pop()
        if address in seen or "/assets/" in address or not address.startswith(ROOT):
            continue
        seen.add(address)
        response = ask(server, address)
        assert response.status == 200, address
        if "json" in str(header(response, "Content-Type")):
            waiting += addresses_in(json.loads(body(response)))
    paths = {address.removeprefix(ROOT) for address in seen}
    assert paths >= TYPES.keys()
    assert "collections/strange/items/%E5%BD%B1%E5%83%8F%20a%26b%3Dc%3Fd%23e%2525.json" in paths


def test_each_resource_links_to_itself(server: app.Application) -> None:
    for path in TYPES.keys() - {"api", "conformance", "queryables", "collections/squares/queryables"}:
        value = read(server, ROOT + path)
        assert linked(value, "self") == [ROOT + path]
        assert linked(value, "root") == [ROOT]


def test_the_landing_page_leads_to_collections_and_search(server: app.Application) -> None:
    value = read(server, ROOT)
    assert value["conformsTo"] == read(server, f"{ROOT}conformance")["conformsTo"]
    assert linked(value, "child") == [f"{ROOT}collections/{name}" for name in ("empty", "squares", "strange")]
    methods = [each["method"] for each in value["links"] if each["rel"] == "search"]
    assert methods == ["GET", "POST"]


@pytest.mark.parametrize(
    "path", ["collections", "collections/squares", "collections/squares/items", "search"]
)
def test_collections_and_search_are_at_the_root_too(server: app.Application, path: str) -> None:
    assert read(server, f"http://a.example/{path}") == read(server, ROOT + path)


ITEMS = "collections/squares/items"


@pytest.mark.parametrize(
    ("config", "environ", "root"),
    [
        ({}, {"HTTPS": "on"}, "https://a.example/"),
        ({"base_url": "https://maps.example/img/iiif/"}, {}, "https://maps.example/img/"),
        (
            {"trust_forwarded": True},
            {
                "HTTP_X_FORWARDED_PROTO": "https",
                "HTTP_X_FORWARDED_HOST": "maps.example",
                "HTTP_X_FORWARDED_PREFIX": "/img",
            },
            "https://maps.example/img/",
        ),
        ({"trust_forwarded": True}, {"HTTP_FORWARDED": "proto=https;host=b.example"}, "https://b.example/"),
    ],
)
def test_addresses_behind_proxies(
    tmp_path: Path, config: dict[str, Any], environ: dict[str, str], root: str
) -> None:
    """Those of links to next pages too, by GET and POST, below both paths."""
    server = application(tmp_path, **config)
    documents = [read(server, ROOT + path, **environ) for path in TYPES]
    documents += [
        read(server, f"http://a.example/{path}?limit=2", **environ) for path in ("search", "collections")
    ]
    posted = read(server, f"{ROOT}search", "POST", {"limit": 2}, **environ)
    assert linked(posted, "next") == [f"{root}stac/search"]
    documents += [_second_page(server, f"{ROOT}{path}?limit=2", root, environ) for path in ("search", ITEMS)]
    body = next(link["body"] for link in posted["links"] if link["rel"] == "next")
    back = read(server, f"{ROOT}search", "POST", body, **environ)
    assert linked(back, "prev") == [f"{root}stac/search"]
    for document in (*documents, posted, back):
        for href in addresses_in(document):
            assert re.match(rf"{re.escape(root)}(stac|iiif|xyz|ogc)/(?!.*(stac|img)/)", href), href
    if not config.get("base_url"):
        assert (
            "Forwarded" in str(header(ask(server, ROOT, **environ), "Vary"))
            or "trust_forwarded" not in config
        )


def _second_page(server: app.Application, address: str, root: str, environ: dict[str, str]) -> Any:
    """The page that the link of the first one leads to through a proxy, with a link back to the same items."""
    first = read(server, address, **environ)
    (following,) = linked(first, "next")
    second = read(server, ROOT + following.removeprefix(f"{root}stac/"), **environ)
    (before,) = linked(second, "prev")
    assert before.startswith(f"{root}stac/")
    assert (
        read(server, ROOT + before.removeprefix(f"{root}stac/"), **environ)["features"] == first["features"]
    )
    return second


def test_the_address_that_the_service_file_states(tmp_path: Path) -> None:
    path = service_file(tmp_path)
    text = path.read_text().replace(
        'title = "Maps"', 'title = "Maps"\npublic_address = "https://b.example/m/"'
    )
    path.write_text(text)
    server = app.build(Config(filesystem_prefix=f"{tmp_path}/", services=str(path)))
    value = read(server, f"{ROOT}collections/squares/items?limit=1")
    assert linked(value, "next")[0].startswith(
        "https://b.example/m/stac/collections/squares/items?limit=1&token="
    )
    (item,) = value["features"]
    assert item["assets"]["thumbnail"]["href"].startswith("https://b.example/m/iiif/maps%2Fsquare%20")


# -- forms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TYPES)
def test_every_resource_is_a_page_too(server: app.Application, path: str) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    page, accepted = ask(server, f"{ROOT}{path}?f=html"), ask(server, ROOT + path, HTTP_ACCEPT=browser)
    assert header(page, "Content-Type") == header(accepted, "Content-Type") == "text/html; charset=utf-8"
    assert "Accept" in str(header(accepted, "Vary"))
    assert "<script" not in body(page).decode()
    assert header(page, "ETag") != header(ask(server, f"{ROOT}{path}?f=json"), "ETag")
    refused = ask(server, ROOT + path, HTTP_ACCEPT="image/png")
    assert refused.status == 406


def test_pages_escape_what_they_show(server: app.Application) -> None:
    text = body(ask(server, f"{ROOT}collections/squares?f=html")).decode()
    assert "<squares>" not in text
    assert "&lt;squares&gt; &amp; more" in text


@pytest.mark.parametrize(
    "path", ["collections", "collections/squares", "collections/squares/items/square-03.tif"]
)
def test_addresses_may_end_in_json(server: app.Application, path: str) -> None:
    assert read(server, f"{ROOT}{path}.json") == read(server, ROOT + path)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("nothing", 404),
        ("collections/nothing", 404),
        ("collections/nothing/items", 404),
        ("collections/nothing/queryables", 404),
        ("collections/squares/items/nothing", 404),
        ("collections/strange/items/square-03.tif", 404),
        ("collections/squares/items/a/b", 404),
        ("collections//items", 404),
        ("collections/%ff", 400),
        ("collections/%00", 400),
        ("collections?f=xml", 400),
        ("search?f=png", 400),
    ],
)
def test_what_is_not_there_is_said_in_json(server: app.Application, path: str, status: int) -> None:
    found, description = refusal(server, ROOT + path)
    assert found == status
    assert description


def test_a_service_without_collections(tmp_path: Path) -> None:
    server = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    for path in ("", "collections", "search"):
        status, description = refusal(server, ROOT + path)
        assert status == 404
        assert "[collections]" in description


def test_files_that_may_not_be_fetched_are_no_assets(tmp_path: Path) -> None:
    server = application(tmp_path)
    (item,) = read(server, f"{ROOT}search?ids=square-03.tif")["features"]
    assert item["assets"].keys() == {"thumbnail", "iiif"}
    assert item["assets"]["iiif"]["bands"][0]["data_type"] == "uint16"
    validation.validate_dict({**item, "stac_extensions": []})
