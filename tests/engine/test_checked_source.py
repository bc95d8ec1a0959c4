"""A version of a file is one state of it: nothing of another one is handed out."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.engine.checked_source import CheckedSource
from iipserve.engine.files import SETTLING_NS, ImageChanged, file_state, settled_status
from iipserve.engine.library import Library
from iipserve.errors import (
    DecodeError,
    Overloaded,
)
from iipserve.geometry import Region, Size
from iipserve.plan import image_ref
from iipserve.sources import OpenFile, Source
from tests.engine.fakes import MARKED_FORMATS, marked_library


def replace_at_same_time(path: Path, content: bytes) -> None:
    """Replace a file by another one, by renaming, and keep its time."""
    status, new = os.stat(path), path.with_name("new")
    new.write_bytes(content)
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(new, path)


def write_at_same_time(path: Path, content: bytes) -> None:
    """Write over a file in place, and put its time back."""
    status = os.stat(path)
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES = [
    pytest.param(replace_at_same_time, id="replaced"),
    pytest.param(write_at_same_time, id="written in place"),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("version_by", ["inode", "content"])
def test_file_of_same_time_and_length_has_another_version(
    folder: Path, change: Callable[[Path, bytes], None], version_by: str
) -> None:
    images = marked_library(folder, version_by=version_by)
    before = images.info("a.img")
    change(folder / "a.img", b"MARKz")
    after = images.info("a.img")
    assert (after.version.mtime_ns, after.version.length) == (before.version.mtime_ns, before.version.length)
    assert after.version != before.version
    with pytest.raises(ImageChanged):
        images.source(image_ref(before))
    assert images.source(image_ref(after)).read_tile(0, 0, 0).item() == ord("z")


def test_what_is_read_after_a_change_in_place_is_refused(folder: Path) -> None:
    images = marked_library(folder)
    source = images.source(image_ref(images.info("a.img")))
    write_at_same_time(folder / "a.img", b"MARKz")
    reads: list[Callable[[], object]] = [
        lambda: source.read_tile(0, 0, 0),
        lambda: source.read_region(0, Region(0, 0, 1, 1), Size(1, 1)),
    ]
    for read in reads:
        with pytest.raises(ImageChanged):
            read()


def test_replaced_file_is_read_to_its_end(folder: Path) -> None:
    images = marked_library(folder)
    source = images.source(image_ref(images.info("a.img")))
    replace_at_same_time(folder / "a.img", b"MARKz")
    assert source.read_tile(0, 0, 0).item() == ord("a")


def test_file_changed_while_it_is_opened_is_opened_again(folder: Path) -> None:
    contents = iter([b"MARKx", b"MARKy"])

    def open_late(file: OpenFile) -> Source:
        source = MARKED_FORMATS["marked"].open(file)
        for content in contents:
            write_at_same_time(folder / "a.img", content)
            break
        return source

    formats = {"late": replace(MARKED_FORMATS["marked"], open=open_late)}
    images = Library(Config(filesystem_prefix=f"{folder}/"), formats)
    assert images.source(image_ref(images.info("a.img"))).read_tile(0, 0, 0).item() == ord("y")


def test_file_that_is_written_all_the_time_is_unavailable(folder: Path) -> None:
    def open_late(file: OpenFile) -> Source:
        write_at_same_time(folder / "a.img", b"MARKx")
        os.close(file.descriptor)
        raise DecodeError("it is damaged")

    formats = {"late": replace(MARKED_FORMATS["marked"], open=open_late)}
    with pytest.raises(Overloaded):
        Library(Config(filesystem_prefix=f"{folder}/"), formats).info("a.img")


def test_copies_have_one_version_by_content(folder: Path) -> None:
    copy = folder.parent / "copy"
    shutil.copytree(folder, copy)
    versions = [marked_library(place, version_by="content").info("a.img").version for place in (folder, copy)]
    assert versions[0] == versions[1]
    assert marked_library(copy).info("a.img").version != marked_library(folder).info("a.img").version


@pytest.mark.parametrize("offset", [4, 70_000, 200_003])
def test_version_by_content_sees_samples_of_a_long_file(folder: Path, offset: int) -> None:
    path = folder / "a.img"
    path.write_bytes(b"MARK" + bytes(200_000))
    images = marked_library(folder, version_by="content")
    before = images.info("a.img").version
    changed = bytearray(path.read_bytes())
    changed[offset : offset + 16_000] = b"\1" * len(changed[offset : offset + 16_000])
    replace_at_same_time(path, bytes(changed))
    assert images.info("a.img").version != before


def test_switched_folder_link_is_followed(folder: Path) -> None:
    for release, content in (("release-1", b"MARK1"), ("release-2", b"MARK2")):
        (folder / release).mkdir()
        (folder / release / "x.img").write_bytes(content)
        os.utime(folder / release / "x.img", (1_600_000_000, 1_600_000_000))
    (folder / "current").symlink_to("release-1")
    within, through = marked_library(folder), marked_library(folder / "current")
    for content in (b"1", b"2"):
        for images, identifier in ((within, "current/x.img"), (through, "x.img")):
            source = images.source(image_ref(images.info(identifier)))
            assert source.read_tile(0, 0, 0).item() == ord(content)
        (folder / "next").symlink_to("release-2")
        os.replace(folder / "next", folder / "current")


def test_everything_a_source_has_is_that_of_the_checked_one(folder: Path) -> None:
    methods = {name for name, value in vars(Source).items() if callable(value) and not name.startswith("_")}
    assert methods <= vars(CheckedSource).keys()
    images = marked_library(folder)
    source = images.source(image_ref(images.info("a.img")))
    assert Source.__annotations__.keys() <= vars(source).keys()


def test_file_settles_until_a_further_change_shows(folder: Path) -> None:
    path = folder / "a.img"
    path.write_bytes(b"MARKx")
    descriptor = os.open(path, os.O_RDONLY)
    status = settled_status(descriptor)
    assert time.time_ns() - status.st_ctime_ns >= SETTLING_NS
    path.write_bytes(b"MARKy")
    assert file_state(os.fstat(descriptor)) != file_state(status)
    os.close(descriptor)
