"""Failures of the storage are told from absent files, and links lead nowhere else."""

from __future__ import annotations

import errno
import os
import resource
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.engine.library import Library
from iipserve.errors import (
    ImageNotFound,
    ImageUnavailable,
)
from iipserve.plan import image_ref
from iipserve.processing import Pixels
from iipserve.sources import OpenFile, Source
from tests.engine.fakes import MARKED_FORMATS, marked_library

# -- failures of the storage -------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ENOMEM])
def test_failure_to_open_is_no_absence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    real_open = os.open

    def fail(path: str, *args: int, **kwargs: int) -> int:
        if path == "a.img":
            raise OSError(code, os.strerror(code))
        return real_open(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(ImageUnavailable) as caught:
        marked_library(folder).info("a.img")
    assert str(folder) not in str(caught.value)
    assert [os.strerror(code) in record.message for record in caplog.records] == [True]


def test_file_that_cannot_be_read_is_unavailable(caplog: pytest.LogCaptureFixture) -> None:
    """The memory of a process is a regular file whose first page cannot be read."""
    images = Library(Config(filesystem_prefix="/proc/self/"), MARKED_FORMATS)
    with pytest.raises(ImageUnavailable):
        images.info("mem")
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_file_without_permission_is_absent(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(path: str, *args: int, **kwargs: int) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(ImageNotFound):
        marked_library(folder).info("a.img")
    assert "cannot be read: Permission denied" in caplog.text


def test_open_images_give_way_when_descriptors_run_out(folder: Path) -> None:
    def open_held(file: OpenFile) -> Source:
        source = marked.open(replace(file, descriptor=os.dup(file.descriptor)))
        weakref.finalize(source, os.close, file.descriptor)
        return source

    marked = MARKED_FORMATS["marked"]
    for number in range(40):
        (folder / f"{number}.img").write_bytes(b"MARKb")
    images = Library(Config(filesystem_prefix=f"{folder}/"), {"held": replace(marked, open=open_held)})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 24, hard))
    try:
        for number in range(40):
            assert images.info(f"{number}.img").size.area == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- links that are exchanged while they are followed ------------------------------------------------


@pytest.mark.parametrize("link", ["a.img", "folder"])
def test_link_that_is_turned_outside_after_its_resolution(
    folder: Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    (folder / "folder").symlink_to("sub folder")
    (folder / "sub folder" / "secret.img").write_bytes(b"MARKi")
    real_path, turned = os.path.realpath, folder / link

    def resolve(path: str) -> str:
        found = real_path(path)
        if found != str(folder):
            turned.unlink()
            turned.symlink_to(folder.parent / "secret.img" if link == "a.img" else folder.parent)
        return found

    monkeypatch.setattr(os.path, "realpath", resolve)
    (folder / "link.img").symlink_to("a.img")
    images = marked_library(folder)
    identifier = "link.img" if link == "a.img" else "folder/secret.img"
    try:
        info = images.info(identifier)
    except ImageNotFound:
        return
    assert images.source(image_ref(info)).read_tile(0, 0, 0).item() != ord("s")


def test_file_is_opened_again_after_a_failure_to_read(folder: Path) -> None:
    opened = []

    def open_once(file: OpenFile) -> Source:
        source = MARKED_FORMATS["marked"].open(file)
        opened.append(source)
        if len(opened) == 1:
            source.read_tile = fail  # type: ignore[method-assign]
        return source

    def fail(*arguments: object) -> Pixels:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    formats = {"once": replace(MARKED_FORMATS["marked"], open=open_once)}
    images = Library(Config(filesystem_prefix=f"{folder}/"), formats)
    image = image_ref(images.info("a.img"))
    with pytest.raises(ImageUnavailable):
        images.source(image).read_tile(0, 0, 0)
    assert images.source(image).read_tile(0, 0, 0).item() == ord("a")
