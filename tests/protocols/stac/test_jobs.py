"""Jobs on collections over HTTP: adding folders and patterns, adding many items, checking."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import rasterio

from iipserve import app
from iipserve.http import Response
from tests.geo_rasters import KINDS
from tests.jobs import finished
from tests.protocols.stac.services import HOST, ROOT
from tests.protocols.stac.test_changes import built, change, feature
from tests.test_app import body as body_of
from tests.test_app import header

STATUS_INFO = {
    "processID",
    "type",
    "jobID",
    "status",
    "message",
    "created",
    "started",
    "finished",
    "updated",
    "progress",
}
"""Members of `statusInfo` (18-062r2, section 7.13)."""


@pytest.fixture(scope="module")
def rasters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raster to copy."""
    return KINDS["utm"](tmp_path_factory.mktemp("rasters"))


@pytest.fixture
def folder(tmp_path: Path, rasters: Path) -> Path:
    """Rasters in two folders, a file that is broken, one that is no image, and one above the folder."""
    for name in (
        "images/a/one.tif",
        "images/a/sub/two.tif",
        "images/b/three.tif",
        "images/a/.hidden/four.tif",
        "secret.tif",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(rasters, path)
    (tmp_path / "images/a/broken.tif").write_bytes(b"II*\0 no image")
    (tmp_path / "images/a/readme.txt").write_text("no image")
    return tmp_path / "images"


@pytest.fixture
def service(folder: Path, tmp_path: Path) -> app.Application:
    service = built(folder, tmp_path)
    assert change(service, "POST", "collections", {"id": "c", "description": "Scenes"}).status == 201
    return service


def document(response: Response) -> Any:
    return json.loads(body_of(response))


def done(service: app.Application, response: Response) -> Any:
    """The job that was accepted, once it has ended."""
    assert response.status == 202, body_of(response)
    address = header(response, "Location")
    assert address is not None
    assert address == f"http://{HOST}/stac/collections/c/jobs/{document(response)['jobID']}"
    return finished(lambda: document(change(service, "GET", address.removeprefix(ROOT))))


def ids(service: app.Application) -> list[str]:
    found = document(change(service, "GET", "collections/c/items?limit=1000"))
    return sorted(each["id"] for each in found["features"])


FOLDER = [
    ("jobs", {"kind": "add", "href": "a/"}),
    ("jobs.json", {"kind": "add", "hrefs": ["a"]}),
    ("items", {"href": "a/"}),
    ("items", {"href": "a"}),
    ("items.json", ["a/"]),
    ("items", [{"href": "a/**"}]),
]
"""Requests to add a folder: path and body."""


def empty(service: app.Application) -> None:
    """Take all images out of the collection."""
    for id in ids(service):
        assert change(service, "DELETE", f"collections/c/items/{id}").status == 204


def test_images_of_a_folder_are_added(service: app.Application) -> None:
    for path, content in FOLDER:
        empty(service)
        job = done(service, change(service, "POST", f"collections/c/{path}", content))
        assert job.keys() >= STATUS_INFO
        assert (job["status"], job["progress"]) == ("successful", 100)
        assert (job["done"], job["failed"], job["total"]) == (3, 1, 3)
        assert job["message"] == "2 added, 0 updated, 0 unchanged, 1 failed"
        assert [each["name"] for each in job["failures"]] == ["a/broken.tif"]
        assert ids(service) == ["one.tif", "two.tif"]
    again = done(service, change(service, "POST", "collections/c/jobs", FOLDER[0][1]))
    assert again["message"] == "0 added, 0 updated, 2 unchanged, 1 failed"


def test_patterns_name_files_and_folders(service: app.Application) -> None:
    for pattern, added in (
        ("*/t*.tif", ["three.tif"]),
        ("**/t*.tif", ["three.tif", "two.tif"]),
        ("[ab]/o?e.tif", ["one.tif"]),
        ("*/sub", ["two.tif"]),
        ("./", ["one.tif", "three.tif", "two.tif"]),
    ):
        empty(service)
        job = done(service, change(service, "POST", "collections/c/jobs", {"kind": "add", "href": pattern}))
        assert job["status"] == "successful"
        assert ids(service) == added


def test_ids_may_be_whole_paths_and_dates_stated(service: app.Application) -> None:
    asked = {"kind": "add", "hrefs": ["b/", "a/one.tif"], "paths": True, "date": "2021-05", "whole": True}
    job = done(service, change(service, "POST", "collections/c/jobs", asked))
    assert job["parameters"] == {name: value for name, value in asked.items() if name != "kind"}
    assert ids(service) == ["a:one.tif", "b:three.tif"]
    item = document(change(service, "GET", "collections/c/items/b:three.tif"))
    assert item["properties"]["start_datetime"] == "2021-05-01T00:00:00Z"


REFUSED = [
    ({"kind": "add", "href": ".."}, 400),
    ({"kind": "add", "href": "a/../../secret.tif"}, 400),
    ({"kind": "add", "href": "../*.tif"}, 400),
    ({"kind": "add", "href": "/etc/"}, 403),
    ({"kind": "add", "href": "file:///etc/"}, 403),
    ({"kind": "add", "href": "https://example.org/"}, 403),
    ({"kind": "add", "href": "/vsicurl/a/"}, 403),
    ({"kind": "add", "href": "a/**/*.vrt"}, 403),
    ({"kind": "add", "href": ""}, 400),
    ({"kind": "add", "hrefs": []}, 400),
    ({"kind": "add", "hrefs": ["a", 1]}, 400),
    ({"kind": "add", "href": "a", "hrefs": ["a"]}, 400),
    ({"kind": "add", "href": "a", "date_pattern": "(a+)+b"}, 400),
    ({"kind": "add", "href": "a", "paths": "yes"}, 400),
    ({"kind": "add", "href": "a" * 1025}, 400),
    ({"kind": "add", "hrefs": ["a", "a" * 1025]}, 400),
    ({"kind": "check", "date_field": "a" * 1025}, 400),
    ({"kind": "check", "href": "a"}, 400),
    ({"kind": "watch", "href": "none"}, 400),
    ({"kind": ["add"]}, 400),
    ({"kind": "delete"}, 400),
    ({"kind": "overview", "pixel_size": 0}, 400),
    ({"kind": "overview", "pixel_size": "1"}, 400),
    ({"kind": "overview", "crs": "nowhere"}, 400),
    ({"kind": "overview", "output": "/etc/passwd"}, 400),
    ([], 400),
    (None, 400),
]
"""Bodies of jobs, with the status of the answer."""


def test_other_jobs_are_refused_at_once(service: app.Application) -> None:
    for content, status in REFUSED:
        response = change(service, "POST", "collections/c/jobs", content)
        assert response.status == status, (content, body_of(response))
    assert document(change(service, "GET", "collections/c/jobs"))["jobs"] == []


def test_folders_without_images_and_links_out_of_the_folder(service: app.Application, folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder.parent / "outside").mkdir()
    (folder.parent / "secret.tif").rename(folder.parent / "outside/secret.tif")
    (folder / "linked").symlink_to(folder.parent / "outside")
    for href in ("linked/", "linked/*.tif", "linked/secret.tif"):
        refused = change(service, "POST", "collections/c/jobs", {"kind": "add", "href": href})
        assert refused.status == 403
    for href, words in (
        ("empty/", "holds no image"),
        ("nothing*", "no file matches"),
    ):
        job = done(service, change(service, "POST", "collections/c/jobs", {"kind": "add", "href": href}))
        assert job["status"] == "failed"
        assert words in job["message"]
    done(service, change(service, "POST", "collections/c/jobs", {"kind": "add", "href": "**"}))
    assert ids(service) == ["one.tif", "three.tif", "two.tif"]


def test_a_folder_has_many_images_of_which_nothing_else_can_be_said(service: app.Application) -> None:
    refused = change(service, "POST", "collections/c/items", {"href": "a/", "id": "x"})
    assert refused.status == 400
    assert "folders and patterns" in document(refused)["description"]


def test_many_items_are_added_after_the_answer(
    service: app.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iipserve.protocols.stac.change_requests.MAX_ITEMS", 2)
    names = [feature(f"i{number}") for number in range(120)]
    many = {
        "type": "FeatureCollection",
        "features": [*names, feature("i5"), {"type": "Point"}, {"href": "a/one.tif"}],
    }
    job = done(service, change(service, "POST", "collections/c/items", many))
    assert job["message"] == "121 added, 0 updated, 0 unchanged, 2 failed"
    assert "has an item" in job["failures"][0]["reason"] or "there is" in job["failures"][0]["reason"]
    assert job["parameters"] == {"upsert": False}
    assert len(ids(service)) == 121
    again = done(service, change(service, "POST", "collections/c/items?upsert=true", many))
    assert again["message"] == "0 added, 122 updated, 0 unchanged, 1 failed"


def test_a_client_may_prefer_the_answer_at_once(
    service: app.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    preferred = change(
        service, "POST", "collections/c/items", ["a/one.tif"], HTTP_PREFER="respond-async, wait=5"
    )
    assert done(service, preferred)["status"] == "successful"
    monkeypatch.setattr("iipserve.protocols.stac.change_requests.MAX_FILES", 1)
    many = ["b/three.tif", "a/sub/two.tif"]
    assert done(service, change(service, "POST", "collections/c/items", many))["status"] == "successful"
    assert ids(service) == ["one.tif", "three.tif", "two.tif"]


def test_files_that_a_request_has_no_time_to_read_are_read_after_the_answer(
    folder: Path, tmp_path: Path
) -> None:
    service = built(folder, tmp_path, request_timeout=1e-9)
    assert change(service, "POST", "collections", {"id": "c"}).status == 201
    several = [feature("a"), "a/one.tif", {"href": "b/three.tif", "id": "p"}]
    assert done(service, change(service, "POST", "collections/c/items", several))["status"] == "successful"
    assert ids(service) == ["a", "one.tif", "p"]


def test_check_finds_and_repairs(service: app.Application, folder: Path, rasters: Path) -> None:
    done(service, change(service, "POST", "collections/c/items", ["a/one.tif", "a/sub/", "b/"]))
    (folder / "a/one.tif").unlink()
    os.utime(folder / "b/three.tif", (1, 1))
    for asked, words in (({}, "not as they were"), ({"repair": True}, "repaired")):
        job = done(service, change(service, "POST", "collections/c/jobs", {"kind": "check", **asked}))
        assert job["message"] == f"3 items, 2 {words}"
        found = {each["name"]: each["reason"] for each in job["failures"]}
        assert found == {"one.tif": "missing", "three.tif": "changed"}
    item = document(change(service, "GET", "collections/c/items/one.tif"))
    assert item["properties"]["iipserve:status"] == "missing"
    again = done(service, change(service, "POST", "collections/c/jobs", {"kind": "check"}))
    assert {each["name"] for each in again["failures"]} == {"one.tif"}


def test_an_overview_is_built(service: app.Application, folder: Path) -> None:
    done(service, change(service, "POST", "collections/c/items", ["a/one.tif", "b/"]))
    asked = {"kind": "overview", "pixel_size": 1000, "crs": "urn:ogc:def:crs:EPSG::3857"}
    job = done(service, change(service, "POST", "collections/c/jobs", asked))
    assert job["status"] == "successful", job
    assert job["parameters"] == {"pixel_size": 1000, "crs": "EPSG:3857"}
    with rasterio.open(folder / "overviews/c.tif") as file:
        assert job["message"] == f"{file.width} x {file.height} pixels, 0 images left out"
        assert file.crs.to_epsg() == 3857
        assert file.res == (1000, 1000)
    empty(service)
    job = done(service, change(service, "POST", "collections/c/jobs", {"kind": "overview"}))
    assert (job["status"], "no image" in job["message"]) == ("failed", True)


def exported(service: app.Application, query: str, **environ: str) -> bytes:
    response = change(service, "GET", f"collections/c/items{query}", **environ)
    assert response.status == 200
    assert header(response, "Content-Length") is None
    return b"".join(response.body)  # type: ignore[arg-type]


@pytest.mark.parametrize("media_type", ["application/x-ndjson", "application/geo+json-seq"])
def test_all_items_are_exported_and_come_back(
    service: app.Application, media_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(service, change(service, "POST", "collections/c/items", ["a/one.tif", "b/"]))
    assert (
        change(
            service,
            "POST",
            "collections/c/items",
            feature("stated", assets={"image": {"href": "a/sub/two.tif"}}),
        ).status
        == 201
    )
    text = exported(service, "?limit=1", HTTP_ACCEPT=media_type)
    name = {"application/x-ndjson": "ndjson", "application/geo+json-seq": "geojsonseq"}[media_type]
    assert text == exported(service, f"?f={name}")
    lines = text.splitlines()
    assert all(line.startswith(b"\x1e") for line in lines) == (name == "geojsonseq")
    found = [json.loads(line.strip(b"\x1e")) for line in lines]
    assert [each["id"] for each in found] == ["one.tif", "three.tif", "stated"]
    filtered = exported(service, f"?f={name}&ids=stated,one.tif&sortby=id").splitlines()
    assert [json.loads(line.strip(b"\x1e"))["id"] for line in filtered] == ["one.tif", "stated"]
    before = document(change(service, "GET", "collections/c/items"))["features"]
    empty(service)
    monkeypatch.setattr("iipserve.collection_jobs.exchange.read_item", None)  # no file is read
    job = done(service, change(service, "POST", "collections/c/items", text, CONTENT_TYPE=media_type))
    assert job["message"] == "3 added, 0 updated, 0 unchanged, 0 failed"
    after = document(change(service, "GET", "collections/c/items"))["features"]
    assert [unchanging(each) for each in after] == [unchanging(each) for each in before]


def unchanging(item: Any) -> Any:
    """What does not depend on when an item was added."""
    return item | {"properties": {**item["properties"], "created": "", "updated": ""}}


def test_an_empty_collection_is_an_empty_sequence(service: app.Application) -> None:
    assert exported(service, "?f=ndjson") == b""
    assert change(service, "GET", "collections/none/items?f=ndjson").status == 404
    assert change(service, "GET", "search?f=ndjson").status == 400


def test_items_of_a_file_of_the_server_are_imported(service: app.Application, folder: Path) -> None:
    item = feature("new", assets={"image": {"href": "a/one.tif", "roles": ["data"]}})
    bad = {"image": {"href": "a/one.tif", "iipserve:mtime_ns": 1, "iipserve:width": "wide"}}
    outside = feature("outside", assets={"image": {"href": "../secret.tif", "roles": ["data"]}})
    items = [item, feature("none"), feature("bad", assets=bad), outside]
    (folder / "items.ndjson").write_text("\n".join(map(json.dumps, items)))
    job = done(
        service, change(service, "POST", "collections/c/jobs", {"kind": "import", "href": "items.ndjson"})
    )
    assert job["message"] == "1 added, 0 updated, 0 unchanged, 3 failed"
    assert [each["name"] for each in job["failures"]] == ["none", "bad", "outside"]
    assert ids(service) == ["new"]
    (folder / "link.ndjson").symlink_to(folder.parent / "secret.tif")
    for href, status in (
        ("link.ndjson", 403),
        ("none.ndjson", 400),
        ("../tokens", 400),
        ("", 400),
        ("/etc/passwd", 403),
    ):
        refused = change(service, "POST", "collections/c/jobs", {"kind": "import", "href": href})
        assert refused.status == status
    sent = change(service, "POST", "collections/c/items", b'{"type": ', CONTENT_TYPE="application/x-ndjson")
    job = done(service, sent)
    assert (job["status"], job["message"][:15]) == ("failed", "line 1 is no JS")


def test_jobs_are_listed_and_forgotten(service: app.Application) -> None:
    jobs = [done(service, change(service, "POST", "collections/c/jobs", {"kind": "check"})) for _ in range(2)]
    listed = document(change(service, "GET", "collections/c/jobs.json"))
    assert [each["jobID"] for each in listed["jobs"]] == [each["jobID"] for each in reversed(jobs)]
    page = change(service, "GET", "collections/c/jobs?f=html")
    assert header(page, "Content-Type") == "text/html; charset=utf-8"
    assert jobs[0]["jobID"].encode() in body_of(page)
    path = f"collections/c/jobs/{jobs[0]['jobID']}"
    assert b"successful" in body_of(change(service, "GET", f"{path}.html"))
    ended = change(service, "DELETE", path)
    assert (ended.status, document(ended)["status"]) == (200, "dismissed")
    assert change(service, "GET", path).status == 404
    assert change(service, "DELETE", path).status == 404
    assert change(service, "PUT", path, {}).status == 405
    assert change(service, "POST", "collections/none/jobs", {"kind": "check"}).status == 404
    assert change(service, "GET", "collections/none/jobs").status == 404


def test_only_editors_see_jobs(service: app.Application) -> None:
    job = done(service, change(service, "POST", "collections/c/jobs", {"kind": "add", "href": "a/"}))
    for path in (
        "collections/c/jobs",
        f"collections/c/jobs/{job['jobID']}",
        f"collections/c/jobs/{job['jobID']}.json",
    ):
        refused = change(service, "GET", path, HTTP_AUTHORIZATION="Bearer guessed")
        assert refused.status == 401
        assert b"broken.tif" not in body_of(refused)
