"""Answers remembered by address: equal to fresh ones, proved by one `stat`, bounded in bytes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pytest
import tifffile

from iipserve import app
from iipserve.address_cache import MAX_DOCUMENT_LENGTH, AddressCache, CachedAnswer
from iipserve.config import Config
from iipserve.http import Request, Response
from iipserve.plan import CatalogPlan
from iipserve.responses import ReadyDocument
from tests.images import smooth, write_tiff_pyramid
from tests.test_app import ask, body

ADDRESSES = (
    "/iiif/a.tif",
    "/iiif/a.tif/info.json",
    "/iiif/1/a.tif/info.json",
    "/iiif/2/a.tif/info.json",
    "/iiif/1/a.tif/full/100,/0/native",
    "/iip?IIIF=a.tif/info.json",
    "/iip?FIF=a.tif&JTL=1,0",
    "/iip?FIF=a.tif&OBJ=IIP,1.0&OBJ=Max-size&OBJ=Tile-size&OBJ=Resolution-number",
    "/iip?OBJ=IIP-server",
    "/deepzoom/a.tif.dzi",
    "/deepzoom/a.tif.js?callback=f",
    "/zoomify/a.tif/ImageProperties.xml",
)
DOCUMENTS = tuple(address for address in ADDRESSES if "native" not in address and "JTL" not in address)
ACCEPT = (None, "*/*", "application/json", "application/ld+json", "image/png, */*;q=0.1", "image/webp", "")
HEADERS = (
    {},
    {"host": "other.example.org"},
    {"x_forwarded_proto": "https"},
    {"x_iiif_id": "https://a.org/b"},
    {"if_none_match": "*"},
    {"if_match": '"none"'},
    {"if_modified_since": "Fri, 01 Jan 2100 00:00:00 GMT"},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = tmp_path_factory.mktemp("images")
    write_tiff_pyramid(images / "a.tif", smooth((600, 500)), compression="jpeg")
    return images


def never(*args: object, **kwargs: object) -> None:
    raise AssertionError("this is not needed for a document asked for before")


@pytest.mark.parametrize("address", ADDRESSES)
def test_answers_do_not_depend_on_what_was_asked_before(folder: Path, address: str) -> None:
    """Compared with an application that remembers nothing, for all headers after all others."""
    remembering = app.build(Config(filesystem_prefix=f"{folder}/"))
    forgetful = app.build(Config(filesystem_prefix=f"{folder}/", max_metadata_cache_size=0))
    requests = list(itertools.product(("GET", "HEAD"), ACCEPT, HEADERS))
    for _ in range(2):
        for method, accept, headers in requests:
            sent = headers if accept is None else {**headers, "accept": accept}
            asked = (address, method)
            assert ask(remembering, *asked, **sent) == ask(forgetful, *asked, **sent)


@pytest.mark.parametrize("address", DOCUMENTS)
def test_document_asked_for_before_takes_one_stat(
    folder: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    application = app.build(Config(filesystem_prefix=f"{folder}/"))
    first = ask(application, address)
    stats: list[object] = []
    real_stat = os.stat

    def counted(*args: object, **kwargs: object) -> os.stat_result:
        stats.append(args)
        return real_stat(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", counted)
    for name in ("open", "pread", "fstat", "read"):
        monkeypatch.setattr(os, name, never)
    monkeypatch.setattr(application._router, "route", never)
    again = ask(application, address)
    monkeypatch.undo()
    assert again == first
    assert len(stats) == ("a.tif" in address)


@pytest.mark.parametrize("change", [os.unlink, lambda path: write_tiff_pyramid(path, smooth((700, 300)))])
@pytest.mark.parametrize("address", [address for address in DOCUMENTS if "a.tif" in address])
def test_document_of_a_file_that_has_changed_is_not_used(
    tmp_path: Path, address: str, change: Callable[[Path], object]
) -> None:
    write_tiff_pyramid(tmp_path / "a.tif", smooth((600, 500)))
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    assert ask(application, address).status in (200, 303)
    change(tmp_path / "a.tif")
    fresh = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    assert ask(application, address) == ask(fresh, address)


def test_long_documents_are_not_remembered(tmp_path: Path) -> None:
    text = "x" * MAX_DOCUMENT_LENGTH
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64), np.uint8), description=text, metadata=None)
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    assert len(body(ask(application, "/iip?FIF=a.tif&OBJ=description"))) > MAX_DOCUMENT_LENGTH
    assert application._answers.bytes == 0
    assert ask(application, "/iip?FIF=a.tif&OBJ=Max-size").status == 200
    assert application._answers.bytes > 0


def test_bytes_are_bounded_whatever_is_asked(folder: Path) -> None:
    application = app.build(Config(filesystem_prefix=f"{folder}/"))
    application._answers = AddressCache(100_000)
    for number in range(300):
        address = f"/iiif/a.tif/info.json?{number}"
        assert ask(application, address, accept=f"application/json;q=0.{number}").status == 200
        assert 0 < application._answers.bytes <= 100_000


def test_answer_that_depends_on_another_header_is_not_remembered() -> None:
    cache = AddressCache(100_000)
    request = Request.from_environ({"REQUEST_URI": "/a"})
    for vary, remembered in (
        ("Accept-Language", False),
        ("Accept, Cookie", False),
        ("Accept, X-IIIF-ID", True),
    ):
        document = ReadyDocument(Response(HTTPStatus.OK, (), b"text"), "tag", None, (("Vary", vary),))
        cache.set(request, request.address_key(), CachedAnswer((), document, ()))
        assert (cache.get(request, request.address_key()) is not None) == remembered


@pytest.mark.parametrize(
    ("vary", "kept"),
    [
        ("", {"a": True, "b": True}),
        ("Accept", {"a": True, "b": False}),
        ("User-Agent", {"a": False, "b": False}),
    ],
)
def test_documents_about_all_layers_are_remembered_by_what_they_depend_on(
    vary: str, kept: dict[str, bool]
) -> None:
    cache = AddressCache(1 << 20)
    plan = CatalogPlan(never, vary)
    asked = {accept: Request("GET", "/wmts", "", {"HTTP_ACCEPT": accept}) for accept in kept}
    cache.set(asked["a"], asked["a"].address_key(), CachedAnswer((), plan, ()))
    found = {accept: cache.get(request, request.address_key()) for accept, request in asked.items()}
    assert {accept: answer is not None for accept, answer in found.items()} == kept
