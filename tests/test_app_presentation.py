"""Manifests and collections of the IIIF Presentation API, read from files through the whole application."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import tifffile

from iipserve import app
from iipserve.config import Config
from iipserve.http import Request, Response
from tests.images import smooth, write_tiff_pyramid

PAGES = [(400, 300), (500, 200), (30, 20)]
SAMPLES = Path(sys.prefix) / "share" / "iipserve" / "samples"
LD = 'application/ld+json;profile="http://iiif.io/api/presentation/3/context.json"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = tmp_path_factory.mktemp("images")
    (images / "books" / "empty").mkdir(parents=True)
    for name in ("IMG_10.tif", "IMG_2.tif", "img_1.tif", "books/é b.tif"):
        write_tiff_pyramid(images / name, smooth((600, 500)), compression="jpeg")
    with tifffile.TiffWriter(images / "book.tif") as file:
        for number, (width, height) in enumerate(PAGES):
            tags = [
                (315, "s", 0, "A. Writer", True),
                (33432, "s", 0, "http://creativecommons.org/licenses/by/4.0/", True),
            ]
            file.write(np.full((height, width), number * 50, np.uint8), metadata=None, extratags=tags)
    (images / ".hidden").mkdir()
    (images / "notes.txt").write_text("no image")
    os.symlink("/", images / "books" / "root")
    os.symlink("loop", images / "books" / "loop")
    (images / "10²").mkdir()
    (images / "①.txt").write_text("no image")
    (images / ".hidden" / "a.txt").write_text("no image")
    return images


@pytest.fixture(scope="module")
def application(folder: Path) -> app.Application:
    return app.build(Config(filesystem_prefix=f"{folder}/", iiif_collections=True))


def ask(application: app.Application, address: str, **headers: str) -> Response:
    environ = {"REQUEST_METHOD": "GET", "REQUEST_URI": address, "HTTP_HOST": "example.org"}
    return application.handle(
        Request.from_environ(environ | {f"HTTP_{name}": value for name, value in headers.items()})
    )


def document(application: app.Application, address: str, **headers: str) -> dict[str, Any]:
    response = ask(application, address, **headers)
    assert response.status == 200, response.body
    assert isinstance(response.body, bytes)
    found: dict[str, Any] = json.loads(response.body)
    return found


@pytest.fixture(scope="module")
def models() -> Iterator[ModuleType]:
    """Models of the Presentation API, made from its schema."""
    if not (SAMPLES / "iiif_prezi3").exists():
        pytest.skip("iiif-prezi3 is not unpacked (scripts/setup --test does that)")
    sys.path.append(str(SAMPLES))
    try:
        yield importlib.import_module("iiif_prezi3")
    finally:
        sys.path.remove(str(SAMPLES))


def bodies(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The images that the canvases of a manifest show."""
    return [canvas["items"][0]["items"][0]["body"] for canvas in manifest["items"]]


def test_manifest_of_pages(application: app.Application) -> None:
    manifest = document(application, "/iiif/manifest/book.tif")
    assert manifest["id"] == "http://example.org/iiif/manifest/book.tif"
    assert [(canvas["width"], canvas["height"]) for canvas in manifest["items"]] == PAGES
    assert manifest["label"] == {"none": ["book.tif"]}
    assert manifest["rights"] == "http://creativecommons.org/licenses/by/4.0/"
    assert {"label": {"en": ["Creator"]}, "value": {"none": ["A. Writer"]}} in manifest["metadata"]
    identifiers = [canvas["id"] for canvas in manifest["items"]]
    assert len(set(identifiers)) == len(PAGES)
    for canvas in manifest["items"]:
        assert canvas["items"][0]["items"][0]["target"] == canvas["id"]


@pytest.mark.parametrize("name", ["book.tif", "books%2F%C3%A9%20b.tif", "books/%C3%A9%20b.tif", "IMG_2.tif"])
def test_everything_that_a_manifest_names_is_answered(application: app.Application, name: str) -> None:
    manifest = document(application, f"/iiif/manifest/{name}")
    for number, body in enumerate(bodies(manifest)):
        info = document(application, urlsplit(body["service"][0]["id"]).path + "/info.json")
        assert info["id"] == body["service"][0]["id"]
        size = (info["width"], info["height"])
        assert (
            size == (PAGES[number] if name == "book.tif" else (600, 500)) == (body["width"], body["height"])
        )
        assert ask(application, urlsplit(body["id"]).path).status == 200
    (thumbnail,) = manifest["thumbnail"]
    assert max(thumbnail["width"], thumbnail["height"]) == 200
    assert ask(application, urlsplit(thumbnail["id"]).path).status == 200


def test_pages_are_numbered_from_one(application: app.Application) -> None:
    for number, (width, height) in enumerate(PAGES, 1):
        info = document(application, f"/iiif/3/book.tif;page={number}/info.json")
        assert (info["width"], info["height"]) == (width, height)
    assert ask(application, "/iiif/3/book.tif;page=4/info.json").status == 404
    assert ask(application, "/iiif/3/book.tif;page=0/info.json").status == 404


def test_media_type_is_negotiated(application: app.Application) -> None:
    for accept, media_type in (("*/*", LD), ("application/json", "application/json"), (LD, LD)):
        response = ask(application, "/iiif/manifest/book.tif", ACCEPT=accept)
        assert dict(response.headers)["Content-Type"] == media_type
        assert "Accept" in dict(response.headers)["Vary"]


def test_side_car_is_seen_by_the_next_request(application: app.Application, folder: Path) -> None:
    before = ask(application, "/iiif/manifest/IMG_2.tif")
    side_car = folder / "IMG_2.manifest.json"
    side_car.write_text('{"label": "A map"}')
    try:
        after = ask(application, "/iiif/manifest/IMG_2.tif", IF_NONE_MATCH=dict(before.headers)["ETag"])
        assert isinstance(after.body, bytes)
        assert json.loads(after.body)["label"] == {"none": ["A map"]}
        # without a tag, the time of the image must not hide it
        assert "Last-Modified" not in dict(before.headers)
        side_car.write_text("no JSON")
        damaged = ask(application, "/iiif/manifest/IMG_2.tif")
        assert damaged.status == 422
        assert isinstance(damaged.body, bytes)
        assert b"IMG_2.manifest.json" in damaged.body
        assert str(folder).encode() not in damaged.body
    finally:
        side_car.unlink()


def test_collection_lists_folders_and_images_in_natural_order(application: app.Application) -> None:
    found = document(application, "/iiif/collection/")
    assert [(item["type"], item["label"]["none"][0]) for item in found["items"]] == [
        ("Collection", "10²"),
        ("Collection", "books"),
        *(("Manifest", name) for name in ("book.tif", "img_1.tif", "IMG_2.tif", "IMG_10.tif")),
    ]
    below = document(application, urlsplit(found["items"][1]["id"]).path)
    assert [item["label"]["none"][0] for item in below["items"]] == ["empty", "é b.tif"]
    assert document(application, urlsplit(below["items"][0]["id"]).path)["items"] == []
    manifest = document(application, urlsplit(below["items"][1]["id"]).path)
    assert (manifest["items"][0]["width"], manifest["items"][0]["height"]) == (600, 500)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("collection/missing", 404),
        ("collection/book.tif", 404),
        ("collection/books/root", 404),
        ("collection/books/loop", 404),
        ("collection/.hidden", 404),
        ("collection/books%2Froot%2Fetc", 404),
        ("collection/..", 400),
        ("collection/%2E%2E%2F", 400),
        ("collection/a%00b", 400),
        ("manifest/missing.tif", 404),
        ("manifest/notes.txt", 415),
        ("manifest/..%2Fbook.tif", 400),
        ("manifest/", 400),
    ],
)
def test_refused(application: app.Application, path: str, status: int) -> None:
    assert ask(application, f"/iiif/{path}").status == status


def test_collection_is_that_of_the_moment(application: app.Application, folder: Path) -> None:
    assert document(application, "/iiif/collection/books%2Fempty")["items"] == []
    new = folder / "books" / "empty" / "new.tif"
    new.write_bytes((folder / "IMG_2.tif").read_bytes())
    try:
        (item,) = document(application, "/iiif/collection/books%2Fempty")["items"]
        assert item["label"] == {"none": ["new.tif"]}
    finally:
        new.unlink()


def test_files_of_a_folder_are_opened_up_to_a_limit(
    application: app.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iipserve.engine.folder_listing.MAX_FILES", 4)
    found = document(application, "/iiif/collection/")
    assert [item["label"]["none"][0] for item in found["items"] if item["type"] == "Manifest"] == [
        "book.tif", "img_1.tif", "IMG_2.tif",
    ]  # fmt: skip
    assert "more files" in found["summary"]["en"][0]


def test_file_of_too_many_pages_is_refused(
    application: app.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iipserve.protocols.iiif.presentation.MAX_PAGES", 2)
    response = ask(application, "/iiif/manifest/book.tif")
    assert response.status == 400
    assert isinstance(response.body, bytes)
    assert b"has 3 pages" in response.body


def test_collections_are_off_by_default(folder: Path) -> None:
    response = ask(app.build(Config(filesystem_prefix=f"{folder}/")), "/iiif/collection/")
    assert response.status == 403
    assert isinstance(response.body, bytes)
    assert b"IIIF_COLLECTIONS" in response.body


def test_images_in_folders_of_these_names_are_still_images(tmp_path: Path) -> None:
    for name in ("manifest", "collection"):
        (tmp_path / name).mkdir()
        write_tiff_pyramid(tmp_path / name / "a.tif", smooth((600, 500)), compression="jpeg")
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    for name in ("manifest", "collection"):
        assert document(application, f"/iiif/{name}/a.tif/info.json")["width"] == 600
        assert ask(application, f"/iiif/{name}/a.tif/full/max/0/default.jpg").status == 200
        assert ask(application, f"/iiif/2/{name}/a.tif/0,0,100,100/50,/0/default.png").status == 200


def test_documents_follow_the_schema(application: app.Application, models: ModuleType) -> None:
    for name in ("book.tif", "IMG_2.tif"):
        manifest = document(application, f"/iiif/manifest/{name}")
        read = models.Manifest.model_validate(manifest)
        assert json.loads(read.json()) == manifest
    collection = document(application, "/iiif/collection/")
    read = models.Collection.model_validate(collection)
    assert json.loads(read.json()) == collection
