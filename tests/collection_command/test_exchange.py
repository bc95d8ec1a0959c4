from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from iipserve.collections.values import Item
from tests.collection_command.running import Folder
from tests.geo_rasters import KINDS

ALL = ("utm", "antimeridian", "plain", "nan", "gcps", "sinusoidal", "nodata", "scaled", "polar")


def filled(folder: Folder) -> list[Item]:
    for kind in ALL:
        KINDS[kind](folder.images)
    folder.ran("add", "demo", str(folder.images), "--date", "2015")
    store = folder.store()
    item = store.item("demo", "utm.tif")
    further = {
        "assets": {"more": {"href": "https://example.org/x"}},
        "links": [{"rel": "via", "href": "https://example.org"}],
    }
    store.replace_item(replace(item, properties={**item.properties, "mission": "é"}, members=further))
    store.close()
    return items(folder, "demo")


def items(folder: Folder, collection: str) -> list[Item]:
    """All items without what the store says of them."""
    store = folder.store()
    found = [
        replace(item, collection="", sequence=0, revision=0, created=None, updated=None)
        for item in store.items(collection)
    ]
    store.close()
    return found


def text_of(item: Item) -> str:
    """In which members of objects have an order, and NaN equals itself."""
    return json.dumps(asdict(item), sort_keys=True, default=str)


def documents(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_same_items_come_back(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = filled(folder)
    path = tmp_path / "items.ndjson"
    assert folder.ran("export", "demo", str(path)) == f"{len(ALL)} items written\n"
    folder.ran("create", "copy")
    with monkeypatch.context() as patch:
        patch.setattr("iipserve.collection_jobs.exchange.read_item", None)  # no file is read
        assert folder.ran("import", "copy", str(path)).startswith(f"{len(ALL)} added, 0 updated")
    after = items(folder, "copy")
    assert list(map(text_of, after)) == list(map(text_of, before))
    assert folder.ran("import", "copy", str(path)).startswith(f"0 added, {len(ALL)} updated")


def test_files_that_have_changed_are_read_again(folder: Folder, tmp_path: Path) -> None:
    filled(folder)
    path = tmp_path / "items.ndjson"
    folder.ran("export", "demo", str(path))
    os.utime(folder.images / "utm.tif", (1, 1))
    folder.ran("create", "copy")
    folder.ran("import", "copy", str(path))
    (utm,) = (item for item in items(folder, "copy") if item.id == "utm.tif")
    assert (utm.mtime_ns, utm.properties["mission"]) == (1_000_000_000, "é")
    assert utm.start is not None


def test_exported_items_are_valid_stac(folder: Folder, tmp_path: Path) -> None:
    pystac = pytest.importorskip("pystac")
    filled(folder)
    path = tmp_path / "items.ndjson"
    folder.ran("export", "demo", str(path))
    validation = pytest.importorskip("pystac.validation")
    for document in documents(path):
        validation.validate_dict({**document, "stac_extensions": []})
        item = pystac.Item.from_dict(document)
        assert item.properties["start_datetime"] == "2015-01-01T00:00:00Z"
        assert item.assets["image"].href == f"{document['id']}"


def test_geoparquet(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("arro3.io")
    before = filled(folder)
    path = tmp_path / "items.parquet"
    assert folder.ran("export", "demo", str(path)) == f"{len(ALL)} items written\n"
    assert path.read_bytes()[:4] == b"PAR1"
    folder.ran("create", "copy")
    with monkeypatch.context() as patch:
        patch.setattr("iipserve.collection_jobs.exchange.read_item", None)  # no file is read
        assert folder.ran("import", "copy", str(path)).startswith(f"{len(ALL)} added, 0 updated")
    assert list(map(text_of, items(folder, "copy"))) == list(map(text_of, before))


def test_items_of_other_programs_are_read_from_their_files(folder: Folder, tmp_path: Path) -> None:
    KINDS["utm"](folder.images)
    foreign = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "scene",
        "geometry": None,
        "properties": {"datetime": "2019-05-06T07:08:09Z", "eo:cloud_cover": 7, "proj:epsg": 4326},
        "assets": {
            "thumb": {"href": "http://example.org/t.png"},
            "B1": {
                "href": f"file://{folder.images}/utm.tif",
                "roles": ["data"],
                "eo:bands": [{"name": "B04", "center_wavelength": 0.66}, {"common_name": "nir"}],
                "raster:bands": [{"nodata": 3, "sampling": "area"}, {"bits_per_sample": 15}],
            },
        },
        "links": [{"rel": "self", "href": "./scene.json"}],
    }
    path = tmp_path / "features.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [foreign]}))
    folder.ran("import", "demo", str(path))
    (item,) = items(folder, "demo")
    assert (item.id, item.href, item.crs) == ("scene", "utm.tif", "EPSG:32633")
    assert item.datetime is not None
    assert item.datetime.isoformat() == "2019-05-06T07:08:09+00:00"
    assert item.properties["eo:cloud_cover"] == 7
    assert "links" not in item.members
    assert item.bands == (
        {
            "name": "band1",
            "data_type": "uint16",
            "eo:center_wavelength": 0.66,
            "nodata": 3,
            "raster:sampling": "area",
        },
        {"name": "band2", "data_type": "uint16", "eo:common_name": "nir", "raster:bits_per_sample": 15},
    )
    os.utime(folder.images / "utm.tif", (1, 1))
    folder.ran("check", "demo", "--repair")
    (again,) = items(folder, "demo")
    assert (again.mtime_ns, again.datetime) == (1_000_000_000, item.datetime)
    assert [band.get("eo:common_name") for band in again.bands] == [None, "nir"]
    assert [band.get("eo:center_wavelength") for band in again.bands] == [0.66, None]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "a/b"}, {"id": 5}, {"assets": {}}, {"assets": None}, {"assets": {"image": {"href": "/etc/passwd"}}},
        {"assets": {"image": {"href": "http://10.0.0.1/a.tif"}}}, {"assets": {"image": {"href": "../a.tif"}}},
        {"assets": {"image": {"href": "gone.tif"}}}, {"properties": {"datetime": "yesterday"}}, {"properties": 7},
        {"assets": {"image": {"href": "utm.tif", "iipserve:mtime_ns": "x", "iipserve:width": []}}}, {"assets": [1]},
    ],
)  # fmt: skip
def test_bad_items_are_failures_and_keep_no_others_away(
    change: dict[str, Any], folder: Folder, tmp_path: Path
) -> None:
    KINDS["utm"](folder.images)
    good = {"type": "Feature", "id": "good", "properties": {}, "assets": {"image": {"href": "utm.tif"}}}
    path = tmp_path / "items.ndjson"
    path.write_text("\n".join(json.dumps(each) for each in ({**good, "id": "bad", **change}, good)))
    done = folder.run("import", "demo", str(path))
    assert done.status == 1
    assert done.out == "1 added, 0 updated, 0 unchanged, 1 failed\n"
    assert folder.ids() == ["good"]


def test_files_that_hold_no_items(folder: Folder, tmp_path: Path) -> None:
    path = tmp_path / "items.ndjson"
    for text in ("{", "[]", '{"type": "Catalog"}', "null"):
        path.write_text(text)
        assert folder.run("import", "demo", str(path)).status == 1
    assert folder.run("import", "demo", str(tmp_path / "none")).status == 1
    assert not list(tmp_path.glob("*.part"))
