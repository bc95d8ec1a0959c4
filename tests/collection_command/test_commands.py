from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from iipserve.collections.values import BROKEN, MISSING
from tests.collection_command.running import Folder
from tests.geo_rasters import KINDS

BROKEN_FILE = b"II*\0\x08\0\0\0garbage"


def filled(folder: Folder) -> None:
    (folder.images / "new").mkdir()
    KINDS["utm"](folder.images)
    KINDS["wgs84"](folder.images)
    KINDS["antimeridian"](folder.images / "new")
    (folder.images / "new" / "broken.tif").write_bytes(BROKEN_FILE)
    (folder.images / "notes.txt").write_text("no image")


def test_collections_are_made_listed_and_deleted(folder: Folder) -> None:
    folder.ran("create", "other", "--keyword", "a", "--keyword", "b", "--rule", "mean", "--order", "finest")
    assert [line.split()[0] for line in folder.ran("list").splitlines()] == ["NAME", "demo", "other"]
    store = folder.store()
    other = store.collection("other")
    store.close()
    assert (other.keywords, other.rule, other.order) == (("a", "b"), "mean", "finest")
    assert folder.run("create", "demo").status == 1
    folder.ran("delete", "other")
    assert "other" not in folder.ran("list")
    assert folder.run("delete", "other").status == 1


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\nb"])
def test_names_that_no_address_has_are_refused(name: str, folder: Folder) -> None:
    assert folder.run("create", name).status == 1


def test_images_of_folders_are_added_and_broken_ones_reported(folder: Folder) -> None:
    filled(folder)
    done = folder.run("add", "demo", str(folder.images))
    assert done.status == 1
    assert done.out == "3 added, 0 updated, 0 unchanged, 1 failed\n"
    assert "new/broken.tif: " in done.err
    assert sorted(folder.ids()) == ["antimeridian.tif", "utm.tif", "wgs84.tif"]
    assert "antimeridian.tif" in folder.ran("list", "demo")


def test_images_that_are_known_are_not_read_again(folder: Folder) -> None:
    filled(folder)
    folder.run("add", "demo", str(folder.images))
    os.utime(folder.images / "utm.tif", (1, 1))
    done = folder.run("add", "demo", str(folder.images))
    assert done.out == "0 added, 1 updated, 2 unchanged, 1 failed\n"


def test_files_patterns_and_relative_names(folder: Folder) -> None:
    filled(folder)
    assert folder.ran("add", "demo", "utm.tif").startswith("1 added")
    assert folder.ran("add", "demo", "new/anti*.tif", "w*.tif").startswith("2 added")
    assert folder.ids() == ["utm.tif", "antimeridian.tif", "wgs84.tif"]


def test_sources_without_images_are_refused(folder: Folder, tmp_path: Path) -> None:
    filled(folder)
    for source in ("none*.tif", "/etc", "/etc/hostname", "../store.sqlite", str(tmp_path / "store.sqlite")):
        done = folder.run("add", "demo", source)
        assert done.status == 1
        assert source in done.err or "folder" in done.err
    assert folder.ids() == []
    assert folder.run("add", "unknown", "utm.tif").status == 1


def test_a_named_file_that_is_missing_is_a_failure(folder: Folder) -> None:
    done = folder.run("add", "demo", "gone.tif")
    assert (done.status, done.out) == (1, "0 added, 0 updated, 0 unchanged, 1 failed\n")


def test_files_of_one_name_in_two_folders(folder: Folder) -> None:
    filled(folder)
    KINDS["utm"](folder.images / "new")
    done = folder.run("add", "demo", "utm.tif", "new/utm.tif")
    assert (done.status, done.out) == (1, "1 added, 0 updated, 0 unchanged, 1 failed\n")
    assert "--paths" in done.err
    folder.ran("add", "demo", "--paths", "new/utm.tif")
    assert folder.ids() == ["utm.tif", "new:utm.tif"]


def test_interrupted_adding_goes_on(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(7):
        Image.new("L", (8, 8)).save(folder.images / f"{index}.png")
    monkeypatch.setattr("iipserve.collection_jobs.adding.BATCH", 3)

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("iipserve.command_line.progress.Progress.step", lambda self, count: interrupt(count))
        done = folder.run("add", "demo", str(folder.images))
    assert done.status == 130
    assert len(folder.ids()) == 3
    assert folder.ran("add", "demo", str(folder.images)) == "4 added, 0 updated, 3 unchanged, 0 failed\n"


def test_dates_are_given_or_found(folder: Folder) -> None:
    filled(folder)
    folder.ran("add", "demo", "utm.tif", "--date", "2015-07-01T00:00:00Z")
    assert folder.run("add", "demo", "wgs84.tif", "--date-pattern", "(").status == 1
    store = folder.store()
    assert store.item("demo", "utm.tif").datetime == datetime(2015, 7, 1, tzinfo=UTC)
    store.close()


def test_check_finds_and_repairs(folder: Folder) -> None:
    filled(folder)
    folder.run("add", "demo", str(folder.images))
    assert folder.ran("check", "demo") == "3 items, 0 not as they were\n"
    (folder.images / "utm.tif").unlink()
    os.utime(folder.images / "wgs84.tif", (1, 1))
    (folder.images / "new/antimeridian.tif").write_bytes(BROKEN_FILE)
    done = folder.run("check", "demo")
    assert done.status == 1
    assert sorted(done.out.splitlines()) == [
        "3 items, 3 not as they were", "antimeridian.tif: changed", "utm.tif: missing", "wgs84.tif: changed",
    ]  # fmt: skip
    folder.ran("check", "demo", "--repair")
    store = folder.store()
    assert store.item("demo", "utm.tif").status == MISSING
    assert store.item("demo", "antimeridian.tif").status.startswith(BROKEN)
    assert store.item("demo", "wgs84.tif").mtime_ns == 1_000_000_000
    store.close()
    KINDS["utm"](folder.images)
    folder.ran("check", "demo", "--repair")
    store = folder.store()
    assert store.item("demo", "utm.tif").is_ok
    store.close()


def test_what_people_said_of_an_item_outlives_reading_it_again(folder: Folder) -> None:
    from dataclasses import replace

    filled(folder)
    folder.ran("add", "demo", "utm.tif")
    store = folder.store()
    item = store.item("demo", "utm.tif")
    store.replace_item(replace(item, properties={**item.properties, "mission": "x"}, members={"links": []}))
    store.close()
    os.utime(folder.images / "utm.tif", (1, 1))
    folder.ran("add", "demo", "utm.tif")
    store = folder.store()
    item = store.item("demo", "utm.tif")
    store.close()
    assert (item.properties["mission"], item.members, item.mtime_ns) == ("x", {"links": []}, 1_000_000_000)


def test_items_are_removed_by_id_pattern_and_status(folder: Folder) -> None:
    filled(folder)
    folder.run("add", "demo", str(folder.images))
    assert folder.run("remove", "demo").status == 1
    assert folder.ran("remove", "demo", "wgs*", "none.tif") == "1 removed\n"
    (folder.images / "utm.tif").unlink()
    folder.ran("check", "demo", "--repair")
    assert folder.ran("remove", "demo", "--missing") == "1 removed\n"
    assert folder.ran("remove", "demo", "antimeridian.tif") == "1 removed\n"
    assert folder.ids() == []
    assert (folder.images / "wgs84.tif").exists()


def test_everything_is_copied_to_another_store(folder: Folder, tmp_path: Path) -> None:
    filled(folder)
    folder.run("add", "demo", str(folder.images))
    target = str(tmp_path / "other.sqlite")
    assert folder.ran("migrate", target) == "3 items copied\n"
    assert folder.run("list", "demo", store=target).out == folder.ran("list", "demo")
    assert folder.run("migrate", target).status == 1


def test_store_of_the_service_file(folder: Folder, tmp_path: Path) -> None:
    service = tmp_path / "service.toml"
    service.write_text('[collections]\nstore = "store.sqlite"\n')
    assert "demo" in folder.run("list", store="", SERVICES=str(service)).out
    done = folder.run("list", store="")
    assert done.status == 1
    assert "--store" in done.err


def test_named_roots_of_the_service_file_are_the_only_ones(folder: Folder, tmp_path: Path) -> None:
    filled(folder)
    service = tmp_path / "service.toml"
    service.write_text('[collections]\nstore = "store.sqlite"\nroots = [["n", "images/new"]]\n')
    assert folder.run("add", "demo", "n:antimeridian.tif", store="", SERVICES=str(service)).status == 0
    assert folder.run("add", "demo", "utm.tif", store="", SERVICES=str(service)).status == 1


def test_the_command_of_the_package(folder: Folder) -> None:
    filled(folder)
    environ = {**os.environ, "FILESYSTEM_PREFIX": f"{folder.images}/"}
    command = [sys.executable, "-m", "iipserve", "collection", "--store", folder.url]
    done = subprocess.run(
        [*command, "add", "demo", "utm.tif"], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1 added, 0 updated, 0 unchanged, 0 failed\n"
    assert subprocess.run([*command, "frob"], env=environ, capture_output=True, check=False).returncode == 2
