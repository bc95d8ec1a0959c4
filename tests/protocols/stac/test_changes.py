"""Changes of collections and items over HTTP: the Transaction extensions of the STAC API 1.0.0."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from iipserve import app
from iipserve.config import Config
from iipserve.http import Response
from tests.geo_rasters import KINDS
from tests.protocols.stac.services import HOST, ROOT, ask, read
from tests.test_app import body as body_of
from tests.test_app import header

TOKEN = "a-token-of-the-survey"
NOON = "2024-07-01T12:00:00Z"
SQUARE = {"type": "Polygon", "coordinates": [[[10, 40], [11, 40], [11, 41], [10, 41], [10, 40]]]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images")
    (path / "scenes").mkdir()
    for kind in ("utm", "wgs84", "plain"):
        KINDS[kind](path / "scenes")
    (path / "scenes" / "text.txt").write_text("no image")
    KINDS["utm"](path.parent)
    (path / "link.tif").symlink_to(path.parent / "utm.tif")
    return path


def built(folder: Path, work: Path, **settings: Any) -> app.Application:
    """A service without collections that editors with the token change."""
    (work / "tokens").write_text(f"{hashlib.sha256(TOKEN.encode()).hexdigest()} survey\n")
    file = work / "service.toml"
    file.write_text(
        f'[collections]\nstore = "{work}/c.sqlite"\neditable = true\ndownloadable = true\ntokens = "tokens"\n'
        f'upload_folder = "{folder}/uploads"\noverview_folder = "{folder}/overviews"\n'
    )
    return app.build(Config(filesystem_prefix=f"{folder}/", services=str(file), **settings))


@pytest.fixture
def service(folder: Path, tmp_path: Path) -> app.Application:
    service = built(folder, tmp_path)
    assert change(service, "POST", "collections", {"id": "c", "description": "Scenes"}).status == 201
    return service


def change(service: app.Application, method: str, path: str, content: Any = None, **environ: str) -> Response:
    """The response to a change by an editor."""
    authorized = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}", "HTTP_PREFER": "return=representation"} | environ
    return ask(service, f"{ROOT}{path}", method, content, **authorized)


def value(response: Response, status: int = 200) -> Any:
    assert response.status == status, body_of(response)
    return json.loads(body_of(response))


def feature(id: str, **members: Any) -> dict[str, Any]:
    return {
        "type": "Feature", "stac_version": "1.1.0", "id": id, "geometry": SQUARE, "bbox": [10, 40, 11, 41],
        "properties": {"datetime": NOON, "title": f"Item {id}"}, "assets": {}, "links": [],
    } | members  # fmt: skip


def ids(service: app.Application, collection: str = "c") -> list[str]:
    found = read(service, f"{ROOT}collections/{collection}/items?limit=1000")
    return sorted(item["id"] for item in found["features"])


# -- collections -----------------------------------------------------------------------------------


def test_a_collection_is_created_replaced_patched_and_deleted(service: app.Application) -> None:
    body = {"type": "Collection", "id": "影像 2", "title": "Two", "description": "d", "license": "CC0-1.0",
            "providers": [{"name": "Survey"}], "iipserve:style": {"gamma": 0.5}, "iipserve:order": "finest"}  # fmt: skip
    created = change(service, "POST", "collections", body)
    address = f"{ROOT}collections/{quote('影像 2')}"
    assert (created.status, header(created, "Location")) == (201, address)
    found = read(service, address)
    assert (found["title"], found["license"], found["providers"]) == ("Two", "CC0-1.0", [{"name": "Survey"}])
    assert change(service, "POST", "collections", body).status == 409
    path = f"collections/{quote('影像 2')}"
    patched = value(change(service, "PATCH", path, {"title": "Zwei", "license": None}))
    assert (patched["title"], patched["license"], patched["providers"]) == (
        "Zwei",
        "other",
        [{"name": "Survey"}],
    )
    replaced = value(change(service, "PUT", path, {"description": "other"}))
    assert (replaced["id"], replaced["description"]) == ("影像 2", "other")
    assert "providers" not in replaced
    assert change(service, "DELETE", path).status == 204
    assert ask(service, address).status == 404
    assert change(service, "DELETE", path).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {}, {"id": "a/b"}, {"id": "d", "type": "Feature"}, {"id": "d", "title": 5}, {"id": "d", "keywords": "x"},
        {"id": "d", "iipserve:rule": "magic"}, {"id": "d", "iipserve:style": {"gamma": "x"}},
        {"id": "d", "iipserve:style": {"paint": 1}}, {"id": "d", "iipserve:style": {"colormap": "../../etc/passwd"}},
        {"id": "d", "summaries": []}, {"id": "d", "stac_extensions": "x"},
        {"id": "d", "iipserve:times": {"match": "x"}}, {"id": "d", "links": [{"rel": "x", "href": "javascript:1"}]},
        [], "text", b"{",
    ],
    ids=str,
)  # fmt: skip
def test_malformed_collections_are_refused(service: app.Application, body: Any) -> None:
    found = value(change(service, "POST", "collections", body), 400)
    assert found["code"] == "BadRequest"
    assert "/etc/" not in found["description"] or "passwd" in json.dumps(body)
    assert [each["id"] for each in read(service, f"{ROOT}collections")["collections"]] == ["c"]


def test_a_collection_that_has_changed_is_not_overwritten(service: app.Application) -> None:
    tag = header(ask(service, f"{ROOT}collections/c"), "ETag")
    html = header(ask(service, f"{ROOT}collections/c?f=html"), "ETag")
    assert tag
    assert html not in (None, tag)
    assert change(service, "PATCH", "collections/c", {"title": "1"}, HTTP_IF_MATCH=html).status == 200
    for method, body in (("PATCH", {"title": "2"}), ("PUT", {"description": "2"}), ("DELETE", None)):
        assert change(service, method, "collections/c", body, HTTP_IF_MATCH=tag).status == 412
    assert read(service, f"{ROOT}collections/c")["title"] == "1"


# -- items -----------------------------------------------------------------------------------------


def test_an_image_is_added_by_reference(service: app.Application) -> None:
    created = change(service, "POST", "collections/c/items", {"href": "scenes/utm.tif"})
    found = value(created, 201)
    assert header(created, "Location") == f"{ROOT}collections/c/items/utm.tif"
    assert header(created, "ETag")
    assert (found["id"], found["collection"]) == ("utm.tif", "c")
    assert found["properties"]["proj:code"] == "EPSG:32633"
    west, south, east, north = found["bbox"]
    assert 14.9 < west < east < 15.1
    assert 45.0 < south < north < 45.2
    assert found == read(service, f"{ROOT}collections/c/items/utm.tif")
    again = change(service, "POST", "collections/c/items", {"href": "scenes/utm.tif"})
    assert again.status == 409
    assert (
        change(service, "POST", "collections/c/items?upsert=true", {"href": "scenes/utm.tif"}).status == 200
    )


def test_an_item_of_stac_with_an_image_of_the_server(service: app.Application) -> None:
    body = feature("named.tif", assets={"image": {"href": "scenes/wgs84.tif"}})
    found = value(change(service, "POST", "collections/c/items", body), 201)
    assert found["properties"]["datetime"] == NOON
    assert found["properties"]["proj:code"] == "EPSG:4326"
    assert found["geometry"] == SQUARE
    assert found["properties"]["title"] == "Item named.tif"


def test_an_item_without_an_image_of_the_server(service: app.Application) -> None:
    asset = {"href": "https://example.com/a.tif", "roles": ["data"]}
    found = value(change(service, "POST", "collections/c/items", feature("far", assets={"b": asset})), 201)
    assert found["assets"]["b"] == asset
    assert ids(service) == ["far"]
    assert change(service, "POST", "collections/c/items", feature("x", properties={})).status == 400


@pytest.mark.parametrize(
    ("href", "statuses"),
    [
        ("../utm.tif", {400, 403}),
        ("scenes/../../utm.tif", {400, 403}),
        ("/etc/passwd", {403, 404}),
        ("link.tif", {403}),
        ("scenes/missing.tif", {404}),
        ("", {400}),
        ("scenes/text.txt", {415}),
        ("scenes/utm.tif\0", {400}),
        ("scenes\\utm.tif", {400}),
        ("/vsicurl/http://127.0.0.1/a.tif", {400, 403}),
        ("/vsizip/scenes/a.zip/a.tif", {403}),
        ("http://127.0.0.1/a.tif", {403}),
        ("https://example.com/a.tif", {403}),
        ("ftp://127.0.0.1/a.tif", {403}),
        ("file:///etc/passwd", {403}),
        ("file://example.com/a.tif", {403}),
        ("scenes/a.vrt", {403}),
        ("GTIFF_DIR:1:scenes/utm.tif", {404}),
        ("s3://bucket/a.tif", {403}),
        ("%2e%2e/utm.tif", {404}),
        ("file:///%2e%2e/etc/passwd", {400, 403}),
        ("x" * 5000, {400}),
    ],
)
def test_references_that_lead_elsewhere_are_refused(
    service: app.Application, href: str, statuses: set[int]
) -> None:
    for body in ({"href": href}, feature("f", assets={"image": {"href": href}})):
        response = change(service, "POST", "collections/c/items", body)
        if not isinstance(body.get("assets"), dict):
            assert response.status in statuses, body_of(response)
        elif response.status == 201:
            # kept as an address elsewhere, and not read
            assert "://" in href
            assert "proj:code" not in value(response, 201)["properties"]
        else:
            assert response.status in {*statuses, 400}, body_of(response)
        assert b"/tmp" not in body_of(response)


def test_several_items_at_once_have_a_result_each(service: app.Application) -> None:
    assert change(service, "POST", "collections/c/items", feature("b")).status == 201
    several = [feature("a"), feature("b"), feature("c/d"), feature("e"), feature("e"), {"type": "Feature"}]
    response = change(
        service, "POST", "collections/c/items", {"type": "FeatureCollection", "features": several}
    )
    found = value(response, 409)
    assert [(each["id"], each["status"]) for each in found["results"]] == [
        ("a", "created"), ("b", "refused"), ("c/d", "refused"), ("e", "created"), ("e", "refused"), ("", "refused"),
    ]  # fmt: skip
    assert all(("error" in each) == (each["status"] == "refused") for each in found["results"])
    assert ids(service) == ["a", "b", "e"]
    upserted = change(service, "POST", "collections/c/items?upsert=true", [feature("b"), feature("f")])
    assert [each["status"] for each in value(upserted, 201)["results"]] == ["replaced", "created"]


def test_a_list_of_references(service: app.Application) -> None:
    several = ["scenes/utm.tif", {"href": "scenes/plain.tif", "id": "p"}, {"href": "scenes/missing.tif"}]
    found = value(change(service, "POST", "collections/c/items", several), 400)
    assert [(each["id"], each["status"]) for each in found["results"]] == [
        ("utm.tif", "created"), ("p", "created"), ("missing.tif", "refused"),
    ]  # fmt: skip
    assert ids(service) == ["p", "utm.tif"]


def test_an_item_is_replaced_patched_and_deleted(service: app.Application) -> None:
    value(change(service, "POST", "collections/c/items", {"href": "scenes/utm.tif"}), 201)
    path = "collections/c/items/utm.tif"
    before = read(service, f"{ROOT}{path}")
    body = before | {"properties": before["properties"] | {"datetime": "2020-01-01T00:00:00Z", "title": "T"}}
    replaced = value(change(service, "PUT", path, body))
    assert (replaced["properties"]["datetime"], replaced["properties"]["title"]) == (
        "2020-01-01T00:00:00Z",
        "T",
    )
    assert replaced["bbox"] == before["bbox"]
    assert replaced["properties"]["proj:code"] == "EPSG:32633"
    found = read(service, f"{ROOT}search?datetime=2020-01-01T00:00:00Z")
    assert [item["id"] for item in found["features"]] == ["utm.tif"]
    patched = change(service, "PATCH", path, {"properties": {"title": None, "eo:cloud_cover": 7}})
    assert header(patched, "ETag")
    properties = value(patched)["properties"]
    assert (properties.get("title"), properties["eo:cloud_cover"]) == (None, 7)
    assert properties["datetime"] == "2020-01-01T00:00:00Z"
    assert change(service, "DELETE", path).status == 204
    assert ids(service) == []
    assert change(service, "DELETE", path).status == 204
    assert change(service, "DELETE", path, HTTP_IF_MATCH="*").status == 412
    assert change(service, "DELETE", "collections/d/items/utm.tif").status == 404


def test_changes_are_answered_without_a_body_unless_the_client_prefers_one(service: app.Application) -> None:
    value(change(service, "POST", "collections/c/items", feature("a")), 201)
    for path, body in (("collections/c", {"description": "d"}), ("collections/c/items/a", feature("a"))):
        for method in ("PUT", "PATCH"):
            response = change(service, method, path, body, HTTP_PREFER="handling=lenient, wait=5")
            assert (response.status, response.body) == (204, b"")
            assert header(response, "Content-Location") == f"{ROOT}{path}"
            for preference in ('return="representation"', "handling=lenient, Return = representation;x"):
                assert value(change(service, method, path, body, HTTP_PREFER=preference))["id"] in "ca"


def test_times_are_given_as_they_were_sent(service: app.Application) -> None:
    for number, time in enumerate((NOON, "2023-04-23T06:47:03.048000Z", "2023-04-23T06:47:03.000001Z")):
        item = feature(f"t{number}", properties={"datetime": time})
        assert (
            value(change(service, "POST", "collections/c/items", item), 201)["properties"]["datetime"] == time
        )


def test_the_address_of_an_item_decides(service: app.Application) -> None:
    value(change(service, "POST", "collections/c/items", feature("a")), 201)
    assert change(service, "PUT", "collections/c/items/a", feature("b")).status == 400
    assert change(service, "PUT", "collections/c/items/a", feature("a", collection="d")).status == 400
    assert change(service, "PUT", "collections/c/items/b", feature("b")).status == 404
    assert change(service, "PATCH", "collections/c/items/b", {}).status == 404
    assert change(service, "POST", "collections/d/items", feature("a")).status == 404


def test_an_item_that_has_changed_is_not_overwritten(service: app.Application) -> None:
    value(change(service, "POST", "collections/c/items", feature("a")), 201)
    path = "collections/c/items/a"
    tag = header(ask(service, f"{ROOT}{path}"), "ETag")
    assert tag
    assert change(service, "PUT", path, feature("a"), HTTP_IF_MATCH=tag).status == 200
    for method, body in (("PUT", feature("a")), ("PATCH", {}), ("DELETE", None)):
        assert change(service, method, path, body, HTTP_IF_MATCH=tag).status == 412
    assert change(service, "DELETE", path, HTTP_IF_MATCH="*").status == 204


@pytest.mark.parametrize(
    "id", ["S2A_x.SAFE.v1.tif", "50%25", "影像 a&b=c?d#e", "a.json", "a+b", "x;y=z", "..a"]
)
def test_all_identifiers_can_be_reached(service: app.Application, id: str) -> None:
    created = change(service, "POST", "collections/c/items", feature(id))
    address = header(created, "Location")
    assert created.status == 201
    assert address == f"{ROOT}collections/c/items/{quote(id, safe='')}"
    assert read(service, address)["id"] == id
    assert read(service, f"{address}.json")["id"] == id
    assert change(service, "DELETE", address.removeprefix(ROOT)).status in (200, 204)
    assert ids(service) == []


def test_the_same_identifier_in_two_collections(service: app.Application) -> None:
    value(change(service, "POST", "collections", {"id": "d"}), 201)
    for collection in "cd":
        value(change(service, "POST", f"collections/{collection}/items", feature("a")), 201)
    assert change(service, "DELETE", "collections/d").status == 204
    assert ids(service) == ["a"]


def test_a_client_that_adds_a_suffix_to_every_address_reads_an_object(service: app.Application) -> None:
    value(change(service, "POST", "collections/c/items.json", feature("a")), 201)
    assert value(change(service, "DELETE", "collections/c/items/a.json")) == {"succeed": True}
    assert ids(service) == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "collections", "POST"),
        ("DELETE", "collections", "POST"),
        ("POST", "collections/c", "PUT, PATCH, DELETE"),
        ("DELETE", "collections/c/items", "POST"),
        ("POST", "collections/c/items/a", "PUT, PATCH, DELETE"),
        ("DELETE", "search", "POST"),
        ("POST", "conformance", ""),
    ],
)
def test_methods_of_resources(service: app.Application, method: str, path: str, allowed: str) -> None:
    response = change(service, method, path, {})
    assert response.status == 405
    assert header(response, "Allow") == ", ".join(filter(None, ("GET, HEAD, OPTIONS", allowed)))


def test_bodies_of_other_types_are_refused(service: app.Application) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = change(service, "POST", "collections", b'{"id": "x"}', CONTENT_TYPE=media_type)
        assert response.status == 415
    assert ask(service, f"{ROOT}collections/x").status == 404


def test_addresses_of_resources_at_the_root_of_the_server(service: app.Application) -> None:
    response = ask(service, f"http://{HOST}/collections/c/items", "POST", feature("a"),
                   HTTP_AUTHORIZATION=f"Bearer {TOKEN}")  # fmt: skip
    assert header(response, "Location") == f"{ROOT}collections/c/items/a"


def test_the_log_says_who_changed_what(service: app.Application, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "iipserve.collection_answers")
    value(change(service, "POST", "collections/c/items", feature("a")), 201)
    assert caplog.messages == ["POST /stac/collections/c/items by survey: 201"]
    assert TOKEN not in caplog.text
