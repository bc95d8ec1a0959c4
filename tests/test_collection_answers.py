"""Responses of plans for the store of collections: statuses, entity tags, conditions, files and parts of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import pytest

from iipserve.collection_answers import CollectionAnswers, attachment
from iipserve.collection_jobs.runner import JobRunner
from iipserve.collections.access import Access
from iipserve.config import Config
from iipserve.engine.collection_access import StoreAccess
from iipserve.engine.collection_store import CollectionStore
from iipserve.engine.item_files import FileChanged, ItemFiles
from iipserve.engine.library import Library
from iipserve.engine.output_policy import OutputPolicy
from iipserve.errors import Forbidden, ImageNotFound, InvalidRequest, NotFound, RangeNotSatisfiable
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.http import Request, Response
from iipserve.plan import Permission, StoreAnswer, StoredFile, StorePlan
from iipserve.responses import ResponseBuilder

CONTENT = os.urandom(700_000)
SETTINGS = CollectionSettings("", downloadable=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images")
    (path / "below").mkdir()
    (path / "below" / "a b.tif").write_bytes(CONTENT)
    (path.parent / "secret.tif").write_bytes(b"secret")
    (path / "link.tif").symlink_to(path.parent / "secret.tif")
    return path


def answers(folder: Path, settings: CollectionSettings | None = SETTINGS) -> CollectionAnswers:
    config = Config(filesystem_prefix=f"{folder}/")
    store = CollectionStore(config, lambda: settings)
    library = Library(config, {})
    jobs = JobRunner(config, store, library, lambda info: None)
    access = StoreAccess(config, store, library, lambda info: None, jobs)
    return CollectionAnswers(
        access, ItemFiles(config), ResponseBuilder(config), OutputPolicy(config).check_samples
    )


def respond(to: CollectionAnswers, answer: StoreAnswer, method: str = "GET", **headers: str) -> Response:
    environ = {"REQUEST_METHOD": method, "REQUEST_URI": "/"}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    plan = StorePlan(lambda access: answer, lambda result: result)
    return to.respond(Request.from_environ(environ), plan, (), ())


def header(response: Response, name: str) -> str:
    return dict(response.headers)[name]


def body(response: Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b"".join(response.body)


DOCUMENT = StoreAnswer(b'{"a": 1}', "application/json", "17")


def test_entity_tags_begin_with_the_state_of_the_resource(folder: Path) -> None:
    to = answers(folder)
    json, html = (
        respond(to, DOCUMENT._replace(media_type=kind)) for kind in ("application/json", "text/html")
    )
    assert header(json, "ETag").startswith('"17.')
    assert header(html, "ETag").startswith('"17.')
    assert header(html, "ETag") != header(json, "ETag")
    assert header(json, "Cache-Control") == "no-cache"
    other = respond(to, DOCUMENT._replace(state="18"))
    assert header(other, "ETag").removeprefix('"18') == header(json, "ETag").removeprefix('"17')


def test_what_a_client_has_is_not_sent_again(folder: Path) -> None:
    to = answers(folder)
    tag = header(respond(to, DOCUMENT), "ETag")
    assert respond(to, DOCUMENT, if_none_match=tag).status == HTTPStatus.NOT_MODIFIED
    assert respond(to, DOCUMENT._replace(state="18"), if_none_match=tag).status == HTTPStatus.OK


def test_answers_to_changes_have_their_own_status(folder: Path) -> None:
    to = answers(folder)
    created = DOCUMENT._replace(status=HTTPStatus.CREATED, headers=(("Location", "http://a/b"),))
    response = respond(to, created, "POST", if_none_match='"17"')
    assert (response.status, header(response, "Location")) == (HTTPStatus.CREATED, "http://a/b")
    nothing = respond(to, StoreAnswer(status=HTTPStatus.NO_CONTENT), "DELETE")
    assert (nothing.status, nothing.body) == (HTTPStatus.NO_CONTENT, b"")
    assert not {"Content-Type", "Content-Length", "ETag"} & dict(nothing.headers).keys()


def test_no_action_without_the_permission(folder: Path) -> None:
    called: list[Access] = []
    for permission, settings in ((Permission.EDIT, SETTINGS), (Permission.DOWNLOAD, None)):
        plan = StorePlan(called.append, lambda result: DOCUMENT, permission)
        with pytest.raises(Forbidden):
            answers(folder, settings).respond(Request.from_environ({}), plan, (), ())
    assert not called


def test_a_service_without_collections_has_no_store(folder: Path) -> None:
    plan = StorePlan(lambda access: access.store, lambda result: DOCUMENT)
    with pytest.raises(NotFound):
        answers(folder, None).respond(Request.from_environ({}), plan, (), ())


# -- files -----------------------------------------------------------------------------------------

FILE = StoreAnswer(StoredFile("below/a b.tif", "a b.tif", "image/tiff"))


def test_a_file_is_sent_as_it_is(folder: Path) -> None:
    response = respond(answers(folder), FILE)
    assert body(response) == CONTENT
    expected: Mapping[str, str] = {
        "Content-Type": "image/tiff",
        "Content-Length": str(len(CONTENT)),
        "Content-Disposition": 'attachment; filename="a b.tif"',
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
    }
    assert expected.items() <= dict(response.headers).items()


@pytest.mark.parametrize(
    ("value", "part"),
    [("bytes=5-9", slice(5, 10)), ("bytes=300000-", slice(300_000, None)), ("bytes=-7", slice(-7, None))],
)
def test_parts_of_a_file(folder: Path, value: str, part: slice) -> None:
    response = respond(answers(folder), FILE, range=value)
    start, stop, _ = part.indices(len(CONTENT))
    assert response.status == HTTPStatus.PARTIAL_CONTENT
    assert body(response) == CONTENT[part]
    assert header(response, "Content-Range") == f"bytes {start}-{stop - 1}/{len(CONTENT)}"
    assert header(response, "Content-Length") == str(stop - start)


def test_no_part_after_the_end(folder: Path) -> None:
    with pytest.raises(RangeNotSatisfiable):
        respond(answers(folder), FILE, range=f"bytes={len(CONTENT)}-")


def test_a_file_that_a_client_has_is_not_sent_again(folder: Path) -> None:
    to = answers(folder)
    whole = respond(to, FILE)
    unchanged = respond(to, FILE, if_none_match=header(whole, "ETag"))
    assert (unchanged.status, unchanged.body) == (HTTPStatus.NOT_MODIFIED, b"")
    assert body(respond(to, FILE, if_range='"other"', range="bytes=0-1")) == CONTENT


def test_a_file_that_is_written_meanwhile_ends_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(CONTENT)
    response = respond(answers(tmp_path), StoreAnswer(StoredFile("a.tif", "a.tif", "image/tiff")))
    pieces = iter(response.body)
    assert next(pieces)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(FileChanged):
        list(pieces)


@pytest.mark.parametrize(
    ("href", "error"),
    [
        ("../secret.tif", InvalidRequest),
        ("below/../../secret.tif", InvalidRequest),
        ("link.tif", ImageNotFound),
        ("below", ImageNotFound),
        ("/etc/passwd", ImageNotFound),
        ("missing.tif", ImageNotFound),
    ],
)
def test_no_file_outside_of_the_folder(folder: Path, href: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        respond(answers(folder), StoreAnswer(StoredFile(href, "x", "image/tiff")))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.tif", 'attachment; filename="a.tif"'),
        ('a"b\\c%d.tif', "attachment; filename=\"a_b_c_d.tif\"; filename*=UTF-8''a%22b%5Cc%25d.tif"),
        ("影像.tif", "attachment; filename=\"__.tif\"; filename*=UTF-8''%E5%BD%B1%E5%83%8F.tif"),
        ("a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
    ],
)
def test_names_under_which_files_are_saved(name: str, expected: str) -> None:
    assert attachment(name) == expected
