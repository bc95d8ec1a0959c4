"""Identifiers become files safely, and a changed file is noticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.engine.files import ImageChanged
from iipserve.engine.library import Library
from iipserve.errors import (
    IIPServeError,
    ImageNotFound,
    InvalidRequest,
    UnsupportedImage,
)
from iipserve.plan import image_ref
from tests.engine.fakes import MARKED_FORMATS, marked_format, marked_library
from tests.open_files import open_paths


@pytest.mark.parametrize("identifier", ["a.img", "/a.img", "sub folder/é.img"])
def test_found(folder: Path, identifier: str) -> None:
    assert marked_library(folder).info(identifier).identifier == identifier


SPELLINGS = {
    "a b.img": ("a+b.img", "a%20b.img", "a b.img"),
    "c+d.img": ("c+d.img", "c%2Bd.img", "c%2bd.img"),
    "e%20f.img": ("e%20f.img", "e%2520f.img"),
    "g h/ü&i.img": ("g+h/ü&i.img", "g%20h%2F%C3%BC%26i.img", "g+h%2Fü&i.img"),
    "j+k.img": ("j+k.img", "j%2Bk.img"),
    "j k.img": ("j k.img", "j%20k.img"),
}
"""Names of files, and identifiers that lead to them: literally, or with one encoding too many."""


@pytest.mark.parametrize(
    ("name", "identifier"), [(name, text) for name, texts in SPELLINGS.items() for text in texts]
)
def test_names_are_tried_as_they_are_and_then_decoded(folder: Path, name: str, identifier: str) -> None:
    for existing in SPELLINGS:
        (folder / existing).parent.mkdir(exist_ok=True)
        (folder / existing).write_bytes(b"MARK")
    images = marked_library(folder)
    found = images.info(identifier)
    assert found.identifier == name
    assert images.info(identifier) is found
    assert images.source(image_ref(found)).info == found


@pytest.mark.parametrize(
    "identifier",
    [
        "a%252520b.img",
        "%2e%2e%2Fsecret.img",
        "..%2fsecret.img",
        "a%00.img",
        "%ff.img",
        "+",
        "%2F",
        "%2e",
        "a.img%2F",
    ],
)
def test_decoding_goes_no_further(folder: Path, identifier: str) -> None:
    (folder / "a b.img").write_bytes(b"MARK")
    with pytest.raises(ImageNotFound) as caught:
        marked_library(folder).info(identifier)
    assert repr(identifier) in str(caught.value)


def test_folder_without_its_slash(folder: Path) -> None:
    assert Library(Config(filesystem_prefix=str(folder)), MARKED_FORMATS).info("a.img").size.area == 1


def test_suffix_of_all_identifiers(folder: Path) -> None:
    books = Library(Config(filesystem_prefix=f"{folder}/sub folder", filesystem_suffix="g"), MARKED_FORMATS)
    assert books.info("é.im").size.area == 1
    assert books.identifiers() == ["é.im"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_missing_folder_serves_nothing_next_to_it_and_is_found_once_it_is_there(
    tmp_path: Path, slash: str
) -> None:
    for name in ("images-private/a.img", "images.img", "images-a.img", "images2/a.img"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"MARK")
    config = Config(filesystem_prefix=f"{tmp_path}/images{slash}")
    library = Library(config, MARKED_FORMATS)
    for identifier in ("-private/a.img", ".img", "-a.img", "2/a.img", "a.img"):
        with pytest.raises(ImageNotFound):
            library.info(identifier)
    assert Library(config, MARKED_FORMATS).identifiers() == []
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.img").write_bytes(b"MARK")
    assert library.info("a.img").size.area == 1
    assert library.identifiers() == ["a.img"]
    with pytest.raises(ImageNotFound):
        library.info("-private/a.img")


@pytest.mark.parametrize(
    ("identifier", "error"),
    [
        pytest.param("../secret.img", InvalidRequest, id="up"),
        pytest.param("sub folder/../../secret.img", InvalidRequest, id="down and up"),
        pytest.param("..", InvalidRequest, id="only up"),
        pytest.param("./a.img", InvalidRequest, id="dot"),
        pytest.param("a.img\0.jpg", InvalidRequest, id="NUL"),
        pytest.param("..\\secret.img", InvalidRequest, id="backslash"),
        pytest.param("", ImageNotFound, id="empty"),
        pytest.param("/", ImageNotFound, id="slash"),
        pytest.param("a.img/", ImageNotFound, id="slash behind"),
        pytest.param("b.img", ImageNotFound, id="missing"),
        pytest.param("sub folder", ImageNotFound, id="folder"),
        pytest.param("a.img/b", ImageNotFound, id="below a file"),
        pytest.param("x" * 5000, ImageNotFound, id="overlong"),
        pytest.param("\udc80", ImageNotFound, id="lone surrogate"),
        pytest.param("//etc/passwd", ImageNotFound, id="double slash"),
    ],
)
def test_refused(folder: Path, identifier: str, error: type[IIPServeError]) -> None:
    with pytest.raises(error) as caught:
        marked_library(folder).info(identifier)
    assert str(folder) not in str(caught.value)


def test_link_inside_is_followed_and_out_is_not(folder: Path) -> None:
    (folder / "in.img").symlink_to(folder / "a.img")
    (folder / "out.img").symlink_to(folder.parent / "secret.img")
    (folder / "outside").symlink_to(folder.parent)
    images = marked_library(folder)
    assert images.info("in.img").size.area == 1
    for identifier in ("out.img", "outside/secret.img"):
        with pytest.raises(ImageNotFound):
            images.info(identifier)
    assert "out.img" not in images.identifiers()


def test_fifo_is_no_image_and_does_not_wait(folder: Path) -> None:
    os.mkfifo(folder / "pipe.img")
    with pytest.raises(ImageNotFound):
        marked_library(folder).info("pipe.img")
    assert "pipe.img" not in marked_library(folder).identifiers()


def test_file_that_opens_and_cannot_be_read() -> None:
    """As on a disk that fails: the system answers EIO for the first bytes of this one (proc(5))."""
    memory = Path(f"/proc/{os.getpid()}/mem")
    images = marked_library(memory.parent)
    assert not images.is_image(str(memory))
    with pytest.raises(IIPServeError):
        images.info(memory.name)


def test_file_of_no_known_kind(folder: Path) -> None:
    (folder / "text.img").write_bytes(b"hello")
    (folder / "empty.img").write_bytes(b"")
    for identifier in ("text.img", "empty.img"):
        with pytest.raises(UnsupportedImage):
            marked_library(folder).info(identifier)


def test_identifiers_are_those_info_takes(folder: Path) -> None:
    images = marked_library(folder)
    assert images.identifiers() == ["a.img", "sub folder/é.img"]
    assert [images.info(identifier).identifier for identifier in images.identifiers(limit=1)] == ["a.img"]


def test_listing_is_remembered_until_cleared(folder: Path) -> None:
    images = marked_library(folder)
    assert images.identifiers() == ["a.img", "sub folder/é.img"]
    (folder / "b.img").write_bytes(b"MARKb")
    assert images.identifiers() == ["a.img", "sub folder/é.img"]
    images.clear()
    assert images.identifiers() == ["a.img", "b.img", "sub folder/é.img"]


def test_header_is_remembered(folder: Path) -> None:
    images = marked_library(folder)
    assert images.info("a.img") is images.info("a.img")


def test_headers_can_be_forgotten_at_once(folder: Path) -> None:
    images = marked_library(folder, max_metadata_cache_size=0)
    assert images.info("a.img") is not images.info("a.img")


def test_changed_file_has_another_version(folder: Path) -> None:
    images = marked_library(folder)
    before = images.info("a.img")
    (folder / "new").write_bytes(b"MARK-z")
    os.replace(folder / "new", folder / "a.img")
    after = images.info("a.img")
    assert after.version != before.version
    assert images.source(image_ref(after)).info is after


def test_plan_for_an_older_version_is_refused(folder: Path) -> None:
    images = marked_library(folder)
    old = image_ref(images.info("a.img"))
    (folder / "a.img").write_bytes(b"MARK, longer")
    images.info("a.img")
    with pytest.raises(ImageChanged):
        images.source(old)


def test_source_stays_open_in_a_bounded_pool(folder: Path) -> None:
    images = marked_library(folder, max_open_images=1)
    first = image_ref(images.info("a.img"))
    source = images.source(first)
    assert images.source(first) is source
    images.info("sub folder/é.img")
    assert images.source(first) is not source


def test_vanished_file(folder: Path) -> None:
    images = marked_library(folder)
    images.info("a.img")
    (folder / "a.img").unlink()
    with pytest.raises(ImageNotFound):
        images.info("a.img")


def test_fallback_is_asked_last_and_after_a_refusal(folder: Path) -> None:
    def refuse(file: object) -> object:
        os.close(file.descriptor)  # type: ignore[attr-defined]
        raise UnsupportedImage("it is not tiled")

    formats = {
        "any": marked_format("any", b"", fallback=True),
        "picky": marked_format("picky", b"MARK"),
    }
    assert Library(Config(filesystem_prefix=f"{folder}/"), formats).info("a.img").size.area == 1
    formats["picky"] = type(formats["picky"])("picky", formats["picky"].matches, refuse)  # type: ignore[arg-type]
    assert Library(Config(filesystem_prefix=f"{folder}/"), formats).info("a.img").size.area == 1
    del formats["any"]
    with pytest.raises(UnsupportedImage, match="not tiled"):
        Library(Config(filesystem_prefix=f"{folder}/"), formats).info("a.img")


def test_no_descriptor_is_left_open(folder: Path) -> None:
    (folder / "text.img").write_bytes(b"hello")
    images = marked_library(folder)
    for _ in range(20):
        for identifier in ("a.img", "text.img", "sub folder"):
            try:
                images.info(identifier)
            except IIPServeError:
                continue
        images.clear()
    assert not open_paths(folder)
