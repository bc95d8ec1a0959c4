"""Layers are called by the paths of their images without extensions, and found by listing one folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.engine.catalog import LiveCatalog
from iipserve.engine.image_folder import ImageFolder
from iipserve.engine.layer_names import LayerFinder, NamedImage, layer_names
from iipserve.engine.library import Library
from tests.engine.fakes import MARKED_FORMATS, marked_library


def _finder(folder: Path, **settings: str) -> LayerFinder:
    library = marked_library(folder, **settings)
    return LayerFinder(ImageFolder(Config(filesystem_prefix=f"{folder}/", **settings)), library.is_image)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("identifiers", "expected"),
    [
        (["a.tif"], ["a"]),
        (["maps/a.tif", "a.tif"], ["maps/a", "a"]),
        (["a.tif", "a.jp2", "b.tif"], ["a.tif", "a.jp2", "b"]),
        (["a.tif", "a"], ["a.tif", "a"]),
        (["a.b.tif", "a.b"], ["a.b.tif", "a"]),
        (["a.b.tif", "a.tif"], ["a.b", "a"]),
        ([".hidden"], [".hidden"]),
        (["影像 2024:a/b&c.tif"], ["影像 2024:a/b&c"]),
    ],
)
def test_names_are_short_where_that_leaves_no_doubt(identifiers: list[str], expected: list[str]) -> None:
    assert [layer_names(identifiers)[each] for each in identifiers] == expected


def test_found_by_path_without_extension_and_with_it(folder: Path) -> None:
    finder = _finder(folder)
    for name in ("sub folder/é", "sub folder/é.img"):
        assert finder.find(name) == NamedImage("sub folder/é", "sub folder/é.img")


def test_files_of_one_name_are_told_apart(folder: Path) -> None:
    finder = _finder(folder)
    assert finder.find("a") == NamedImage("a", "a.img")
    (folder / "a.tfw").write_bytes(b"1\n0\n0\n-1\n0\n0\n")
    (folder / "a.img.ovr").write_bytes(b"MARKo")
    assert finder.find("a") == NamedImage("a", "a.img")
    (folder / "a.png").write_bytes(b"MARKp")
    assert finder.find("a") is None
    assert finder.find("a.img") == NamedImage("a.img", "a.img")
    assert finder.find("a.png") == NamedImage("a.png", "a.png")
    (folder / "a.img").unlink()
    assert finder.find("a") == NamedImage("a", "a.png")


def test_what_is_kept_of_a_folder_is_dropped_with_its_next_change(folder: Path) -> None:
    finder = _finder(folder)
    old = 1_600_000_000
    os.utime(folder, (old, old))
    assert finder.find("a") == finder.find("a") == NamedImage("a", "a.img")
    assert finder.find("b") is None
    (folder / "b.img").write_bytes(b"MARKb")
    assert finder.find("b") == NamedImage("b", "b.img")


@pytest.mark.parametrize(
    "name",
    [
        "", "/", ".", "..", "../secret", "sub folder/../../secret", "sub folder/", "nothing", "nothing/a",
        "a/b", "a\0", "..\\secret", "x" * 300, "\ud800", "y/" * 2000 + "z", "outside/secret", "link",
    ],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder_or_fails(folder: Path, name: str) -> None:
    (folder / "outside").symlink_to(folder.parent)
    (folder / "link.img").symlink_to(folder.parent / "secret.img")
    assert _finder(folder).find(name) is None


def test_suffix_is_no_part_of_a_name(folder: Path) -> None:
    config = Config(filesystem_prefix=str(folder), filesystem_suffix=".img")
    finder = LayerFinder(ImageFolder(config), marked_library(folder).is_image)
    assert finder.find("a") == NamedImage("a", "a")
    assert finder.find("sub folder/é") == NamedImage("sub folder/é", "sub folder/é")


def test_a_panoramic_sequence_is_found_by_its_own_name(folder: Path) -> None:
    for angle in ("000", "010"):
        (folder / f"pot_pyr_{angle}_090.tif").write_bytes(b"MARK1")
    finder = _finder(folder)
    assert finder.find("pot") == NamedImage("pot", "pot")
    assert finder.find("pot_pyr_010_090") is None


@pytest.mark.parametrize(("prefix", "expected"), [("", ["a", "sub folder/é"]), ("sub folder", ["é"])])
def test_empty_and_relative_prefixes_are_of_the_working_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, prefix: str, expected: list[str]
) -> None:
    monkeypatch.chdir(folder)
    config = Config(filesystem_prefix=prefix)
    library = Library(config, MARKED_FORMATS)
    catalog = LiveCatalog(config, library, lambda info: None)
    catalog.refresh()
    assert [entry.layer.identifier for entry in catalog.current().entries()] == expected
    for name in expected:
        found = catalog.current().find(name)
        assert found is not None
        assert found.name.identifier == f"{name}.img"


@pytest.mark.parametrize("prefix", ["", "/"])
def test_the_whole_file_system_is_not_listed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, prefix: str
) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setattr("os.walk", None)
    catalog = LiveCatalog(
        Config(filesystem_prefix=prefix), Library(Config(), MARKED_FORMATS), lambda info: None
    )
    catalog.refresh()
    assert not list(catalog.current().entries())
    assert "FILESYSTEM_PREFIX names no folder" in caplog.text
    name = str(folder / "a").removeprefix(prefix)
    found = catalog.current().find(name)
    assert found is not None
    assert found.name.identifier == f"{name}.img"
