"""Names of images in folders: what is listed, in which order, what is opened for it, and when it is read again."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from iipserve.config import Config
from iipserve.engine import folder_tree
from iipserve.engine.folder_tree import FolderTree, Summary
from iipserve.errors import ImageNotFound, InvalidRequest


class Opened:
    """Recognizes images that begin with MARK, and counts the files it was shown."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, head: bytes) -> bool:
        self.count += 1
        return head.startswith(b"MARK")


@pytest.fixture
def opened() -> Opened:
    return Opened()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Folders and files of all kinds."""
    for name in (
        "Book 9/IMG_10.tif",
        "Book 9/img_2.tif",
        "Book 9/Map/a.tif",
        "Book 10/odd.scan",
        "b.tif",
        "10.png",
        "9.png",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"MARK")
    for name in (".hidden.tif", "notes.txt", "Book 9/IMG_10.xml", "letter.odd"):
        (tmp_path / name).write_bytes(b"text")
    (tmp_path / ".private").mkdir()
    (tmp_path / ".private" / "c.tif").write_bytes(b"MARK")
    (tmp_path / "link").symlink_to(tmp_path / "Book 9")
    return tmp_path


def tree_of(folder: Path, opened: Opened, **settings: str) -> FolderTree:
    return FolderTree(Config(filesystem_prefix=f"{folder}/", **settings), opened)  # type: ignore[arg-type]


def age(folder: Path) -> None:
    """Let a folder and what is in it have been changed long ago."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, ns=(10**18, 10**18), follow_symlinks=False)


def test_a_folder_is_listed_in_natural_order(archive: Path, opened: Opened) -> None:
    tree = tree_of(archive, opened)
    assert tree.names("") == (("Book 9", "Book 10"), ("9.png", "10.png", "b.tif"), True)
    assert tree.names("Book 9") == (("Map",), ("Book 9/img_2.tif", "Book 9/IMG_10.tif"), True)


def test_all_images_below_a_folder(archive: Path, opened: Opened) -> None:
    tree = tree_of(archive, opened)
    below = ["Book 9/img_2.tif", "Book 9/IMG_10.tif", "Book 9/Map/a.tif"]
    assert [*tree.below("Book 9").images] == below
    assert [*tree.below("").images] == ["9.png", "10.png", "b.tif", *below, "Book 10/odd.scan"]


def test_only_files_are_opened_whose_names_say_nothing(archive: Path, opened: Opened) -> None:
    tree_of(archive, opened).below("")
    assert opened.count == 2


def test_files_that_have_not_changed_are_not_opened_again(archive: Path, opened: Opened) -> None:
    tree = tree_of(archive, opened)
    age(archive)
    tree.names("")
    (archive / "new.tif").write_bytes(b"MARK")
    while "new.tif" not in tree.names("").images:
        pass
    assert opened.count == 1
    (archive / "letter.odd").write_bytes(b"MARK, longer")
    (archive / "newer.tif").write_bytes(b"MARK")
    while "letter.odd" not in tree.names("").images:
        pass
    assert opened.count == 2


def test_an_unchanged_folder_is_not_read_again(
    archive: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tree_of(archive, opened)
    age(archive)
    once = tree.names("")
    monkeypatch.setattr("os.scandir", lambda path: pytest.fail(f"{path} is read"))
    assert tree.names("") is once
    assert tree.summary("") == Summary(2, 3, ("9.png", "10.png", "b.tif"), is_complete=True)


@pytest.mark.parametrize(
    "folder", ["missing", "b.tif", "link", ".private", "Book 9/../.private", "Book 9/missing"]
)
def test_what_is_no_folder(archive: Path, opened: Opened, folder: str) -> None:
    with pytest.raises((ImageNotFound, InvalidRequest)):
        tree_of(archive, opened).names(folder)
    assert tree_of(archive, opened).summary(folder) is None


def test_the_whole_file_system_is_not_listed(opened: Opened) -> None:
    with pytest.raises(ImageNotFound):
        FolderTree(Config(filesystem_prefix="/"), opened).names("")


def test_suffix_of_all_identifiers(archive: Path, opened: Opened) -> None:
    assert tree_of(archive, opened, filesystem_suffix=".png").names("").images == ("9", "10")


def test_a_sequence_is_one_image(archive: Path, opened: Opened) -> None:
    for angle in range(0, 40, 10):
        (archive / f"vase_pyr_{angle:03}_090.tif").write_bytes(b"MARK")
    assert "vase" in tree_of(archive, opened).names("").images
    assert len(tree_of(archive, opened).names("").images) == 4


def test_summary_of_a_folder_that_was_not_read(
    archive: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tree_of(archive, opened).summary("Book 9") == Summary(
        1, 2, ("Book 9/img_2.tif", "Book 9/IMG_10.tif"), is_complete=True
    )
    monkeypatch.setattr(folder_tree, "MAX_COUNTED", 2)
    found = tree_of(archive, opened).summary("Book 9")
    assert found is not None
    assert not found.is_complete
    assert found.folders + found.images <= 3


def test_long_lists_are_cut_off(archive: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_tree, "MAX_NAMES", 3)
    tree = tree_of(archive, opened)
    assert len(tree.below("").images) <= 3
    assert not tree.below("").is_complete
    assert not tree.names("").is_complete


def test_empty_folders_count_too(archive: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    (archive / "deep/1/2/3/4/5").mkdir(parents=True)
    monkeypatch.setattr(folder_tree, "MAX_NAMES", 3)
    read, scandir = [], os.scandir
    monkeypatch.setattr("os.scandir", lambda path: read.append(path) or scandir(path))
    assert not tree_of(archive, opened).below("deep").is_complete
    assert len(read) == 4


class Clock:
    """Each look at it takes a minute."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 60.0
        return self.seconds


def test_a_tree_that_takes_long_is_kept_longer(
    archive: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("iipserve.engine.folder_tree.time.monotonic", clock)
    tree = tree_of(archive, opened)
    once = tree.below("")
    taken = clock.seconds
    assert tree.below("") is once
    clock.seconds += folder_tree.KEPT_RELATIVE * taken
    assert tree.below("") is not once


def test_threads_read_a_tree_once(archive: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, found = tree_of(archive, opened), []
    threads = [threading.Thread(target=lambda: found.append(tree.below(""))) for _ in range(4)]
    read, scandir = [], os.scandir

    def reads(path: str) -> Any:
        read.append(path)
        if len(read) == 1:
            for thread in threads:
                thread.start()
        return scandir(path)

    monkeypatch.setattr("os.scandir", reads)
    found.append(tree.below(""))
    for thread in threads:
        thread.join()
    assert len(read) == len(set(read))
    assert all(each is found[0] for each in found)


def test_what_is_known_of_a_file(archive: Path, opened: Opened) -> None:
    tree = tree_of(archive, opened)
    (archive / "empty.tif").touch()
    (archive / "dangling.tif").symlink_to("missing")
    assert [tree.file_length(name) for name in ("b.tif", "empty.tif", "dangling.tif", "missing")] == [
        4,
        0,
        None,
        None,
    ]
    assert [tree.looks_like_image(name) for name in ("b.tif", "empty.tif", "notes.txt", "../b.tif")] == [
        True, False, False, False,
    ]  # fmt: skip
