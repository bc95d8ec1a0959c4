"""CATALOG_FILE: one process reads the images for all, and for the next start; whatever else the file holds is ignored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iipserve.config import Config
from iipserve.engine.catalog import LiveCatalog
from iipserve.engine.catalog_file import CatalogFile
from iipserve.geo import crs, extents, linked_sets, places
from iipserve.geo.georeference import Band, GeoImage, Georeference
from iipserve.geo.grid import Affine, Bounds
from iipserve.geo.layer import LayerEntry, ServiceMetadata
from iipserve.geo.linked_sets import sets_of
from iipserve.geometry import Size
from iipserve.http import Request
from iipserve.image import ImageInfo
from iipserve.plan import CatalogPlan
from iipserve.protocols import Images, Server
from iipserve.protocols.map_tiles import lon_lat
from iipserve.protocols.wcs import PROTOCOL as WCS
from iipserve.protocols.wms import PROTOCOL as WMS
from iipserve.router import Router
from tests.engine.fakes import marked_library
from tests.protocols.client import FORMATS

WMS_1_3, WMS_1_1, WCS_2_0 = "WMS&VERSION=1.3.0", "WMS&VERSION=1.1.1", "WCS&VERSION=2.0.1"


class Catalog:
    """A catalog with a file, as one process has it; counts the images that it reads."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.read: list[str] = []
        self.places: dict[str, GeoImage] = {}
        """Where images are; others are plain pictures."""
        self.path = folder.parent / "catalog.json"
        self.config = Config(filesystem_prefix=f"{folder}/", catalog_file=str(self.path), **settings)
        self.live = LiveCatalog(self.config, marked_library(folder), self._geo_image)

    def _geo_image(self, info: ImageInfo) -> GeoImage | None:
        self.read.append(info.identifier)
        return self.places.get(info.identifier)

    @property
    def names(self) -> list[str]:
        return [entry.layer.identifier for entry in self.live.current().entries()]

    def end(self) -> None:
        """Give up the right to write the file, as the end of a process does."""
        file = self.live._file
        assert file is not None
        assert file._lock is not None
        os.close(file._lock)
        file._lock = None


def test_the_next_start_reads_only_what_has_changed(folder: Path) -> None:
    first = Catalog(folder)
    first.live.refresh()
    assert first.read == ["a.img", "sub folder/é.img"]
    first.end()
    (folder / "new.img").write_bytes(b"MARKn")
    second = Catalog(folder)
    second.live.refresh()
    assert second.read == ["new.img"]
    assert second.names == ["a", "new", "sub folder/é"]


def test_what_is_read_from_the_file_is_what_was_read_of_images(folder: Path) -> None:
    one, other = Catalog(folder), Catalog(folder)
    one.live.refresh()
    other.live.refresh()
    assert other.read == []
    assert other.live.current().version == one.live.current().version
    for mine, theirs in zip(one.live.current().entries(), other.live.current().entries(), strict=True):
        assert (mine.layer, mine.geo) == (theirs.layer, theirs.geo)
        assert vars(mine.info) == vars(theirs.info)


SCENE = GeoImage(
    Georeference("EPSG:32633", Affine(10, 0, 500000, 0, -10, 5000000), Size(1, 1)), (Band("band1"),)
)
ALASKA = GeoImage(Georeference("EPSG:3338", Affine(900, 0, -2e6, 0, -900, 1e6), Size(1, 1)), (Band("band1"),))


def _refuse(*arguments: Any) -> None:
    raise AssertionError("a place is computed")


def test_where_images_lie_is_computed_by_one_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Catalog(folder), Catalog(folder)
    one.places = {"a.img": SCENE, "sub folder/é.img": ALASKA}
    one.live.refresh()
    computed = [
        (sets_of(LayerEntry(entry.layer, entry.info, entry.geo), ServiceMetadata()), lon_lat(entry))
        for entry in one.live.current().entries()
    ]
    assert [len(sets) for sets, _ in computed] == [4, 4]
    linked_sets._linked.cache_clear()
    monkeypatch.setattr(crs, "transformer", _refuse)
    places.place_in.cache_clear()
    extents.geographic_bounds.cache_clear()
    for catalog in (one, other):
        catalog.live.refresh()
        entries = catalog.live.current().entries()
        assert [(sets_of(entry, ServiceMetadata()), lon_lat(entry)) for entry in entries] == computed
        degrees = [entry.geographic_bounds() for entry in catalog.live.current().entries()]
        assert degrees == [lon_lat(entry) for entry in catalog.live.current().entries()]


def test_a_part_of_an_image_does_not_lie_where_all_of_it_lies(folder: Path) -> None:
    catalog = Catalog(folder)
    catalog.places = {"a.img": SCENE}
    catalog.live.refresh()
    whole = next(catalog.live.current().entries())
    part = replace(whole, layer=replace(whole.layer, extent=Bounds(500002, 4999991, 500005, 4999995)))
    inside, around = part.geographic_bounds(), whole.geographic_bounds()
    assert inside is not None
    assert around is not None
    assert around.min_x < inside.min_x < inside.max_x < around.max_x
    place = part.place_in("EPSG:3857")
    assert place is not None
    assert place.bounds.width == pytest.approx(whole.place_in("EPSG:3857").bounds.width * 0.3, rel=0.01)  # type: ignore[union-attr]
    assert whole.in_pixel_space().place_in("image").bounds == (0, -1, 1, 0)  # type: ignore[union-attr]


def test_further_sets_are_noticed(folder: Path) -> None:
    services = folder.parent / "services.toml"
    services.write_text('[wmts]\nmatrix_sets = ["WebMercatorQuad"]\n')
    first = Catalog(folder, services=str(services))
    first.places = {"a.img": SCENE}
    first.live.refresh()
    first.end()
    services.write_text('[wmts]\nmatrix_sets = ["CanadianNAD83_LCC", "WebMercatorQuad"]\n')
    second = Catalog(folder, services=str(services))
    second.live.refresh()
    assert second.read == []
    known = [entry.places for entry in second.live.current().entries() if entry.places]
    assert [[each.crs for each in one.systems] for one in known] == [["EPSG:3978", "EPSG:3857", "EPSG:4326"]]


SYSTEMS = """
[wms]
crs = ["EPSG:25833", "EPSG:3035"]
[wcs]
crs = ["EPSG:3034"]
[[layer]]
identifier = "a"
[[layer]]
identifier = "twice"
image = "a"
crs = ["EPSG:3045"]
[[layer]]
identifier = "sub folder/é"
crs = ["EPSG:3857"]
"""


@pytest.mark.parametrize("form", [WMS_1_3, WMS_1_1, WCS_2_0])
def test_systems_of_the_service_file_are_computed_with_the_images(
    folder: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """The documents of services that list them compute none."""
    services = folder.parent / "services.toml"
    services.write_text(SYSTEMS)
    catalog = Catalog(folder, services=str(services))
    catalog.places = {"a.img": SCENE, "sub folder/é.img": SCENE}
    catalog.live.refresh()
    monkeypatch.setattr(crs, "transformer", _refuse)
    places.place_in.cache_clear()
    extents.geographic_bounds.cache_clear()
    server = Server(catalog.config, FORMATS, catalog=catalog.live.current, listed=catalog.live.current)
    query = f"SERVICE={form}&REQUEST=GetCapabilities"
    found = Router(Config(), {each.name: each for each in (WMS, WCS)}).route(
        Request("GET", "/ows", query, {"HTTP_HOST": "a.example"})
    )
    assert found is not None
    answer = found.protocol.plan(found.protocol.parse(found.routed, server), Images({}), server)
    assert isinstance(answer.content, CatalogPlan)
    text = answer.content.describe(catalog.live.current()).body.decode()
    systems = (
        [["EPSG:3034"]] if form == WCS_2_0 else [["EPSG:25833", "EPSG:3035"], ["EPSG:3045"], ["EPSG:3857"]]
    )
    for each in systems:
        assert all(name.replace("EPSG:", "") in text for name in each)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", '"1"', "null"])
def test_a_file_with_a_place_that_is_none_is_not_used(folder: Path, number: str) -> None:
    first = Catalog(folder)
    first.places = {"a.img": SCENE}
    first.live.refresh()
    first.end()
    text = first.path.read_text()
    degrees = first.live.current().listed[0].geographic_bounds()
    assert degrees is not None
    assert text.count(repr(degrees.min_x)) == 2
    first.path.write_text(text.replace(repr(degrees.min_x), number))
    second = Catalog(folder)
    second.live.refresh()
    assert second.read == ["a.img", "sub folder/é.img"]


def test_one_process_reads_for_all_until_it_ends(folder: Path) -> None:
    one, other = Catalog(folder), Catalog(folder)
    one.live.refresh()
    other.live.refresh()
    known = other.live.current()
    other.live.refresh()
    assert other.live.current() is known
    (folder / "new.img").write_bytes(b"MARKn")
    other.live.refresh()
    assert other.names == ["a", "sub folder/é"]
    one.live.refresh()
    other.live.refresh()
    assert (other.names, other.read) == (["a", "new", "sub folder/é"], [])
    one.end()
    (folder / "newer.img").write_bytes(b"MARKn")
    other.live.refresh()
    assert (other.names, other.read) == (["a", "new", "newer", "sub folder/é"], ["newer.img"])


def test_the_lock_is_that_of_a_process(folder: Path) -> None:
    catalog = Catalog(folder)
    catalog.live.refresh()
    script = (
        "import sys; from iipserve.config import Config; from iipserve.engine.catalog_file import CatalogFile;"
        "sys.exit(CatalogFile(sys.argv[1], Config()).is_mine())"
    )
    assert subprocess.run([sys.executable, "-c", script, str(catalog.path)], check=False).returncode == 0
    catalog.end()
    assert subprocess.run([sys.executable, "-c", script, str(catalog.path)], check=False).returncode == 1


def test_an_unchanged_folder_is_not_written_again(folder: Path) -> None:
    catalog = Catalog(folder)
    catalog.live.refresh()
    before = os.stat(catalog.path)
    catalog.live.refresh()
    assert os.stat(catalog.path) == before
    assert (before.st_mode & 0o777, os.listdir(folder.parent).count("catalog.json")) == (0o600, 1)
    assert [name for name in os.listdir(folder.parent) if name.startswith("catalog.json.")] == [
        "catalog.json.lock"
    ]


def test_a_file_that_is_gone_or_spoilt_is_written_again(folder: Path) -> None:
    catalog = Catalog(folder)
    catalog.live.refresh()
    before = catalog.path.read_bytes()
    catalog.path.unlink()
    catalog.live.refresh()
    assert catalog.path.read_bytes() == before
    catalog.path.write_bytes(b"[]")
    catalog.live.refresh()
    assert catalog.path.read_bytes() == before


HOSTILE: list[bytes] = [
    b"", b"{", b"[" * 100_000, b"[]", b"{}", b"null", b"[1]", b'"x"', b"\xff\xfe", b"[1, 2, 3, 4]", b"9" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: repr(data[:12]))
def test_a_file_of_anything_else_is_replaced(folder: Path, data: bytes) -> None:
    catalog = Catalog(folder)
    catalog.path.write_bytes(data)
    catalog.path.chmod(0o600)
    catalog.live.refresh()
    assert catalog.names == ["a", "sub folder/é"]
    assert json.loads(catalog.path.read_bytes())


def _changed(value: Any) -> list[Any]:
    """Values like this one, each with one part replaced."""
    found: list[Any] = [None, "x"]
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += [[*value[:index], other, *value[index + 1 :]] for other in _changed(item)]
    return found


def test_a_file_with_one_wrong_part_changes_nothing(folder: Path) -> None:
    (folder / "sub folder" / "é.img").unlink()
    catalog = Catalog(folder)
    catalog.places = {"a.img": SCENE}
    catalog.live.refresh()
    catalog.end()
    for data in _changed(json.loads(catalog.path.read_bytes())):
        text = json.dumps(data)
        catalog.path.write_text(text)
        other = Catalog(folder)
        other.live.refresh()
        assert [name for name in other.names if name not in ("a", "x", "-1")] == [], text
        other.end()


def test_a_file_of_other_settings_is_not_used(folder: Path) -> None:
    first = Catalog(folder)
    first.live.refresh()
    first.end()
    second = Catalog(folder, undeclared_opacity=False)
    second.live.refresh()
    assert second.read == ["a.img", "sub folder/é.img"]


def test_a_process_of_other_settings_reads_for_itself(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, other, same = Catalog(folder), Catalog(folder, undeclared_opacity=False), Catalog(folder)
    first.live.refresh()
    written = first.path.read_bytes()
    for _ in range(2):
        other.live.refresh()
    same.live.refresh()
    assert other.read == ["a.img", "sub folder/é.img"]
    assert other.names == same.names == ["a", "sub folder/é"]
    assert same.read == []
    assert first.path.read_bytes() == written
    assert caplog.text.count("with other settings") == 1
    first.end()
    other.live.refresh()
    assert first.path.read_bytes() != written, "the other one reads for all now"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_used(
    folder: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    first = Catalog(folder)
    first.live.refresh()
    first.end()
    first.path.chmod(mode)
    second = Catalog(folder)
    second.live.refresh()
    assert second.read == ["a.img", "sub folder/é.img"]
    assert "others may write it" in caplog.text


def test_a_link_is_neither_followed_nor_written_through(folder: Path) -> None:
    victim = folder.parent / "victim"
    victim.write_text("precious")
    catalog = Catalog(folder)
    catalog.path.symlink_to(victim)
    catalog.live.refresh()
    assert catalog.names == ["a", "sub folder/é"]
    assert victim.read_text() == "precious"


def test_without_the_right_to_write_everything_else_works(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(catalog_file=f"{folder}/nowhere/catalog.json", filesystem_prefix=f"{folder}/")
    live = LiveCatalog(config, marked_library(folder), lambda info: None)
    live.refresh()
    live.refresh()
    assert len(list(live.current().entries())) == 2
    assert len([line for line in caplog.messages if "CATALOG_FILE" in line]) == 2


def test_a_queue_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "catalog.json")
    assert CatalogFile(f"{tmp_path}/catalog.json", Config()).read() is None


def test_what_is_no_file_is_not_replaced(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As root, a device would be: CATALOG_FILE=/dev/null."""
    catalog = Catalog(folder)
    os.mkfifo(catalog.path)
    catalog.live.refresh()
    assert catalog.names == ["a", "sub folder/é"]
    assert catalog.path.is_fifo()
    assert [path.name for path in catalog.path.parent.iterdir() if path.name.startswith("catalog")] == [
        "catalog.json"
    ]
    assert "no regular file is there" in caplog.text
