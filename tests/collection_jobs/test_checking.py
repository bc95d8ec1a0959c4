"""Items that clients change while a job adds or repairs them, and files that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("rasterio")

import rasterio

from iipserve import app
from iipserve.collection_jobs.checking import ATTEMPTS, BUSY
from iipserve.collections.values import BROKEN, Item
from iipserve.engine.image_items import read_item
from iipserve.errors import INTERNAL_ERROR
from tests.collection_jobs.test_runner import COUNT, Service
from tests.protocols.stac.services import ROOT, ask
from tests.protocols.stac.test_permissions import HERE

CHANGED_NS = 1_000_000_000


class Repair:
    """A collection with an item whose file has changed, and somebody who acts while that is read."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._service, self._images = Service(folder), folder / "images"
        self._worker: app.Application = self._service.worker()
        self._monkeypatch = monkeypatch
        self.store = self._service.store
        self.edits = 0
        assert self._service.done(self._worker, kind="add", href=".").state.done == COUNT
        self.change("2.tif")

    def change(self, name: str, time_ns: int = CHANGED_NS) -> None:
        """Give a file another time."""
        os.utime(self._images / name, ns=(time_ns, time_ns))

    def move(self, name: str, metres: float) -> None:
        """Let another image take a name: the same one farther to the east."""
        with rasterio.open(self._images / name, "r+") as image:
            image.transform = rasterio.Affine.translation(metres, 0) * image.transform

    def patch(self, **members: Any) -> None:
        """Say something of the item as clients do."""
        address = f"{ROOT}collections/c/items/2.tif"
        assert ask(self._worker, address, "PATCH", members, **HERE).status == 204

    def read_again(self, **asked: Any) -> Item:
        """The item, once its file has been read again."""
        assert self._service.done(self._worker, **asked).state.status == "successful"
        item = self.store.item("c", "2.tif")
        assert item.mtime_ns == (self._images / "2.tif").stat().st_mtime_ns
        return item

    def edit(self) -> None:
        """Say something of the item."""
        self.edits += 1
        item = self.store.item("c", "2.tif")
        self.store.replace_item(replace(item, properties={**item.properties, "edit": self.edits}))

    def done(self, meanwhile: Callable[[str], None]) -> tuple[str, dict[str, str]]:
        """The message and the failures of a repair, during which something happens before each file is read."""
        return self._ended("checking", meanwhile, kind="check", repair=True)

    def added(self, meanwhile: Callable[[str], None]) -> tuple[str, dict[str, str]]:
        """The same of adding all images again."""
        return self._ended("adding", meanwhile, kind="add", href=".")

    def _ended(
        self, module: str, meanwhile: Callable[[str], None], **asked: Any
    ) -> tuple[str, dict[str, str]]:

        def read(name: Any, *arguments: Any) -> Any:
            meanwhile(name.identifier)
            return read_item(name, *arguments)

        self._monkeypatch.setattr(f"iipserve.collection_jobs.{module}.read_item", read)
        state = self._service.done(self._worker, **asked).state
        assert (state.status, state.done) == ("successful", COUNT)
        return state.message, {each.name: each.reason for each in state.failures}


@pytest.fixture
def repair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repair:
    return Repair(tmp_path, monkeypatch)


def test_what_a_client_says_meanwhile_is_kept(repair: Repair) -> None:
    done = repair.done(lambda name: None if repair.edits else repair.edit())
    assert done == (f"{COUNT} items, 1 repaired", {"2.tif": "changed"})
    item = repair.store.item("c", "2.tif")
    assert (item.properties["edit"], item.mtime_ns) == (1, CHANGED_NS)


SQUARE = {"type": "Polygon", "coordinates": [[[10, 40], [11, 40], [11, 41], [10, 41], [10, 40]]]}
AGAIN = ({"kind": "check", "repair": True}, {"kind": "add", "href": "."})
"""What reads a file again that has changed."""


@pytest.mark.parametrize("asked", AGAIN, ids=lambda asked: asked["kind"])
def test_what_a_client_has_corrected_stays_when_the_file_is_read_again(repair: Repair, asked: Any) -> None:
    corrected = {"datetime": "2001-02-03T04:05:06Z", "eo:cloud_cover": 7, "title": "A"}
    repair.patch(geometry=SQUARE, bbox=None, properties=corrected)
    before = repair.store.item("c", "2.tif")
    assert before.properties["iipserve:edited"] == ["datetime", "eo:cloud_cover", "geometry"]
    assert before.properties["iipserve:datetime_from"] == "client"
    item = repair.read_again(**asked)
    assert item.datetime == datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert (item.geometry, item.bounds) == (before.geometry, before.bounds)
    assert item.properties == before.properties


@pytest.mark.parametrize("asked", AGAIN, ids=lambda asked: asked["kind"])
def test_a_corrected_footprint_goes_with_the_image_that_was_there(repair: Repair, asked: Any) -> None:
    own = repair.store.item("c", "2.tif")
    repair.patch(geometry=SQUARE, bbox=None, properties={"platform": "kite"})
    repair.move("2.tif", 100.0)
    item = repair.read_again(**asked)
    assert item.geometry != own.geometry
    assert 0 < item.bounds[0].min_x - own.bounds[0].min_x < 0.01
    assert item.properties["iipserve:edited"] == ["platform"]


def test_a_correction_that_is_taken_back_is_that_of_the_file_again(repair: Repair) -> None:
    own = repair.store.item("c", "2.tif")
    repair.patch(
        geometry=SQUARE, bbox=None, properties={"datetime": "2001-02-03T04:05:06Z", "platform": "kite"}
    )
    repair.patch(geometry=None, bbox=None, properties={"datetime": None, "platform": None})
    assert "iipserve:edited" not in repair.store.item("c", "2.tif").properties
    item = repair.read_again(**AGAIN[0])
    assert (item.geometry, item.properties) == (own.geometry, own.properties)
    assert item.datetime == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize("asked", AGAIN, ids=lambda asked: asked["kind"])
def test_what_no_client_has_corrected_is_that_of_the_file(repair: Repair, asked: Any) -> None:
    """An item that a client gets and sends back as it is, with a title, says nothing of its time and place."""
    repair.patch(properties={"title": "A", "platform": "kite"})
    repair.patch(properties={"iipserve:edited": ["datetime"], "iipserve:datetime_from": "client"})
    item = repair.read_again(**asked)
    assert item.datetime == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert item.properties["iipserve:edited"] == ["platform"]
    assert item.properties["iipserve:datetime_from"] == "file"


def test_a_date_that_was_given_for_all_images_stays_until_another_one_is(repair: Repair) -> None:
    repair.store.delete_item("c", "2.tif")
    assert repair.read_again(kind="add", href=".", date="1990-05-06").datetime == datetime(
        1990, 5, 6, tzinfo=UTC
    )
    repair.change("2.tif", 2 * CHANGED_NS)
    assert repair.read_again(kind="check", repair=True).datetime == datetime(1990, 5, 6, tzinfo=UTC)
    repair.change("2.tif", 3 * CHANGED_NS)
    found = repair.read_again(kind="check", repair=True, date="1991-05-06")
    assert found.datetime == datetime(1991, 5, 6, tzinfo=UTC)


def test_an_item_that_changes_again_and_again_stays(repair: Repair) -> None:
    assert repair.done(lambda name: repair.edit()) == (f"{COUNT} items, 0 repaired", {"2.tif": BUSY})
    item = repair.store.item("c", "2.tif")
    assert (item.properties["edit"], item.mtime_ns == CHANGED_NS) == (ATTEMPTS, False)


def test_an_item_that_is_deleted_meanwhile_is_gone(repair: Repair) -> None:
    done = repair.done(lambda name: repair.store.delete_item("c", "2.tif"))
    assert done == (f"{COUNT} items, 0 repaired", {})
    assert "2.tif" not in [item.id for item in repair.store.items("c")]


def test_a_file_that_cannot_be_read_is_one_failure(repair: Repair) -> None:
    def fail(name: str) -> None:
        if name == "2.tif":
            raise ValueError("a fault")

    repair.change("3.tif")
    assert repair.done(fail)[1].keys() == {"2.tif", "3.tif"}
    assert repair.store.item("c", "2.tif").status == f"{BROKEN}{INTERNAL_ERROR}"
    assert repair.store.item("c", "3.tif").mtime_ns == CHANGED_NS


def test_what_a_client_says_while_an_image_is_added_again_is_kept(repair: Repair) -> None:
    message, failures = repair.added(lambda name: None if repair.edits else repair.edit())
    assert (message, failures) == (f"0 added, 1 updated, {COUNT - 1} unchanged, 0 failed", {})
    item = repair.store.item("c", "2.tif")
    assert (item.properties["edit"], item.mtime_ns) == (1, CHANGED_NS)


def test_an_item_that_another_image_has_by_now_stays(repair: Repair) -> None:
    def give(name: str) -> None:
        item = repair.store.item("c", "2.tif")
        repair.store.replace_item(replace(item, href="1.tif"))

    message, failures = repair.added(give)
    assert message == f"0 added, 0 updated, {COUNT - 1} unchanged, 1 failed"
    assert "'1.tif'" in failures["2.tif"]
    assert repair.store.item("c", "2.tif").href == "1.tif"


def test_an_image_whose_item_is_deleted_meanwhile_is_added(repair: Repair) -> None:
    message, failures = repair.added(lambda name: repair.store.delete_item("c", "2.tif"))
    assert (message, failures) == (f"1 added, 0 updated, {COUNT - 1} unchanged, 0 failed", {})
