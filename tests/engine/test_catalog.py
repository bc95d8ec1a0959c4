"""The layers of an image folder: what is listed, when it is read again, and what never stops it."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.engine import catalog_scan
from iipserve.engine.catalog import LiveCatalog
from iipserve.errors import DecodeError, ImageUnavailable
from iipserve.geo.georeference import GeoImage, Georeference, in_pixel_space
from iipserve.geo.grid import Affine, Bounds
from iipserve.geometry import Size
from iipserve.image import ImageInfo, ImageName
from tests.engine.fakes import marked_library


class Reader:
    """Says where images are, and counts how often it is asked; fails for some."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failures: dict[str, Exception] = {}

    def __call__(self, info: ImageInfo) -> GeoImage | None:
        self.asked.append(info.identifier)
        if info.identifier in self.failures:
            raise self.failures[info.identifier]
        return None


def _catalog(folder: Path, reader: Reader | None = None) -> LiveCatalog:
    config = Config(filesystem_prefix=f"{folder}/")
    return LiveCatalog(config, marked_library(folder), reader or Reader())


def _names(catalog: LiveCatalog) -> list[str]:
    return [entry.layer.identifier for entry in catalog.current().entries()]


def test_every_image_is_a_layer_called_by_its_path_without_extension(folder: Path) -> None:
    (folder / "notes.txt").write_text("no image")
    (folder / "a.img.ovr").write_bytes(b"MARKo")
    catalog = _catalog(folder)
    assert _names(catalog) == []
    catalog.refresh()
    assert _names(catalog) == ["a", "sub folder/é"]
    for name in ("sub folder/é", "sub folder/é.img"):
        layer = catalog.current().find(name)
        assert layer is not None
        assert (layer.identifier, layer.name) == ("sub folder/é", ImageName("sub folder/é.img"))


def test_a_layer_is_found_without_reading_the_folder(folder: Path) -> None:
    catalog = _catalog(folder)
    found = catalog.current().find("a")
    assert found is not None
    assert found.name == ImageName("a.img")
    catalog.refresh()
    assert catalog.current().find("a") == found
    assert catalog.current().find("../secret") is None


def test_plain_pictures_are_layers_in_pixel_space(folder: Path) -> None:
    catalog = _catalog(folder)
    catalog.refresh()
    entry = next(catalog.current().entries())
    grid = entry.geo.georeference.grid
    assert grid is not None
    assert (grid.crs, grid.bounds) == ("image", Bounds(0, -1, 1, 0))
    assert [band.name for band in entry.geo.bands] == ["band1"]


def test_the_first_document_is_about_all_of_a_small_folder(folder: Path) -> None:
    catalog = _catalog(folder)
    assert len(tuple(catalog.listed().entries())) == 2
    assert catalog.listed() is catalog.current()


def test_changed_files_are_noticed_and_only_they_are_read(folder: Path) -> None:
    reader = Reader()
    catalog = _catalog(folder, reader)
    catalog.refresh()
    first = catalog.current()
    catalog.refresh()
    assert catalog.current() is first
    assert reader.asked == ["a.img", "sub folder/é.img"]

    (folder / "a.img").write_bytes(b"MARK more")
    (folder / "new.img").write_bytes(b"MARKn")
    catalog.refresh()
    assert reader.asked[2:] == ["a.img", "new.img"]
    assert _names(catalog) == ["a", "new", "sub folder/é"]
    assert catalog.current().version > first.version


def test_the_version_grows_also_when_the_newest_file_goes(folder: Path) -> None:
    catalog = _catalog(folder)
    (folder / "new").mkdir()
    (folder / "new" / "b.img").write_bytes(b"MARKb")
    catalog.refresh()
    before = catalog.current().version
    (folder / "new" / "b.img").unlink()
    catalog.refresh()
    assert catalog.current().version >= before
    assert "new/b" not in _names(catalog)


def test_the_version_is_the_same_in_every_process(folder: Path) -> None:
    one, other = _catalog(folder), _catalog(folder)
    one.refresh()
    other.refresh()
    assert one.current().version == other.current().version
    newest = max(os.stat(path).st_ctime_ns for path in (folder, *folder.rglob("*")))
    assert one.current().version.endswith(f".{newest % 10**9:09}Z")


@pytest.mark.parametrize("failure", [DecodeError("damaged"), RuntimeError("a fault of a library")])
def test_a_broken_file_is_left_out_and_logged_once(
    folder: Path, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader()
    reader.failures["a.img"] = failure
    catalog = _catalog(folder, reader)
    with caplog.at_level(logging.WARNING):
        catalog.refresh()
        catalog.refresh()
    assert _names(catalog) == ["sub folder/é"]
    assert len(caplog.records) == 1
    assert "'a.img'" in caplog.text


def test_a_failure_that_passes_is_tried_again(folder: Path) -> None:
    reader = Reader()
    reader.failures["a.img"] = ImageUnavailable("ask again")
    catalog = _catalog(folder, reader)
    catalog.refresh()
    assert _names(catalog) == ["sub folder/é"]
    reader.failures.clear()
    catalog.refresh()
    assert _names(catalog) == ["a", "sub folder/é"]


def test_documents_tell_of_what_is_known_while_a_folder_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_scan, "PUBLISHING_SECONDS", -1.0)
    seen = []

    class Watching(Reader):
        def __call__(self, info: ImageInfo) -> GeoImage | None:
            seen.append((_names(catalog), catalog.current().version))
            return super().__call__(info)

    catalog = _catalog(folder, Watching())
    catalog.refresh()
    assert seen == [([], ""), (["a"], "")]
    assert catalog.current().version != ""


def test_names_that_no_document_can_hold_are_not_listed(folder: Path) -> None:
    for name in (b"bell\x07.img", b"latin\xe9.img", "noncharacter\uffff.img".encode()):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(b"MARKx")
    (folder / "影像 2024:b&c.img").write_bytes(b"MARKx")
    catalog = _catalog(folder)
    catalog.refresh()
    assert _names(catalog) == ["a", "sub folder/é", "影像 2024:b&c"]


def test_the_list_is_limited_but_not_what_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_scan, "MAX_LISTED", 1)
    catalog = _catalog(folder)
    catalog.refresh()
    assert _names(catalog) == ["a"]
    assert catalog.current().find("sub folder/é") is not None


def test_reading_the_folder_keeps_nothing_in_the_library(folder: Path) -> None:
    library = marked_library(folder)
    known = library.info("a.img")
    catalog = LiveCatalog(Config(filesystem_prefix=f"{folder}/"), library, Reader())
    catalog.refresh()
    assert library.unproved_info("a.img") is known
    first = library.unproved_info("sub folder/é.img")
    library.brief_info(ImageName("sub folder/é.img"))
    assert library.unproved_info("sub folder/é.img") is first


def test_georeferenced_images_have_what_their_files_say(folder: Path) -> None:
    georeference = Georeference("EPSG:32633", Affine(20, 0, 500_000, 0, -20, 5_000_000), Size(1, 1))

    def read(info: ImageInfo) -> GeoImage:
        return replace(in_pixel_space(info), georeference=georeference)

    catalog = LiveCatalog(Config(filesystem_prefix=f"{folder}/"), marked_library(folder), read)
    catalog.refresh()
    assert {entry.geo.georeference for entry in catalog.current().entries()} == {georeference}
