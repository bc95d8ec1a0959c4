"""Jobs of a server with several workers, one of which is killed, and which is started again."""

from __future__ import annotations

import os
import shutil
import signal
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")

from iipserve.collections.store import open_store
from iipserve.collections.values import Collection
from tests.end_to_end.collection_servers import ask, collection_server
from tests.geo_rasters import KINDS
from tests.jobs import finished
from tests.transport.processes import until

COUNT = 40


def test_a_job_outlives_its_worker(tmp_path: Path) -> None:
    images, raster = tmp_path / "images/scenes", KINDS["utm"](tmp_path)
    images.mkdir(parents=True)
    for number in range(COUNT):
        shutil.copy(raster, images / f"{number}.tif")
    with collection_server(tmp_path / "images", tmp_path, "editable = true", WORKERS="2") as origin:
        own = {"Content-Type": "application/json"}
        assert ask(f"{origin}/stac/collections", "POST", {"id": "c"}, **own).status == 201
        started = ask(f"{origin}/stac/collections/c/items", "POST", {"href": "scenes/"}, **own)
        assert started.status == 202
        id = started.value["jobID"]
        store = open_store(str(tmp_path / "collections.sqlite"))
        with suppress(ProcessLookupError):
            os.kill(int(store.job("c", id).worker.rsplit(":", 2)[1]), signal.SIGKILL)
        finished(lambda: {"status": store.job("c", id).state.status})
        job = ask(f"{origin}/stac/collections/c/jobs/{id}").value
        assert (job["status"], job["done"], job["failed"]) == ("successful", COUNT, 0)
        assert len(list(store.items("c"))) == COUNT
        store.close()
        copied(origin)


def test_a_folder_of_the_service_file_is_watched_again_after_every_end(tmp_path: Path) -> None:
    images, raster = tmp_path / "images/incoming", KINDS["utm"](tmp_path)
    images.mkdir(parents=True)
    lines = ("editable = true", 'watch = [["c", "images/incoming"]]')
    store = open_store(str(tmp_path / "collections.sqlite"))
    store.create(Collection(name="c"))

    def put(name: str) -> None:
        shutil.copy(raster, images / name)

    def come(*names: str) -> None:
        until(lambda: len(list(store.items("c"))) >= len(names))
        assert [item.id for item in store.items("c")] == list(names)

    put("first.tif")
    with collection_server(tmp_path / "images", tmp_path, *lines, WORKERS="2") as origin:
        come("first.tif")
        (job,) = ask(f"{origin}/stac/collections/c/jobs").value["jobs"]
        assert (job["processID"], job["status"], job["parameters"]) == (
            "watch",
            "running",
            {"href": "incoming"},
        )
        put("second.tif")
        os.kill(int(store.job("c", job["jobID"]).worker.rsplit(":", 2)[1]), signal.SIGKILL)
        come("first.tif", "second.tif")
    put("third.tif")
    with collection_server(tmp_path / "images", tmp_path, *lines, WORKERS="2") as origin:
        come("first.tif", "second.tif", "third.tif")
        assert [each["jobID"] for each in ask(f"{origin}/stac/collections/c/jobs").value["jobs"]] == [
            job["jobID"]
        ]
    with collection_server(tmp_path / "images", tmp_path, lines[0], WORKERS="2"):
        until(lambda: store.jobs("c") == ())
    store.close()


def copied(origin: str) -> None:
    """Export all items, and import them into another collection."""
    assert (
        ask(f"{origin}/stac/collections", "POST", {"id": "d"}, **{"Content-Type": "application/json"}).status
        == 201
    )
    with urllib.request.urlopen(f"{origin}/stac/collections/c/items?f=ndjson", timeout=60) as answer:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        items = answer.read()
    assert items.count(b"\n") == COUNT
    types = {"Content-Type": "application/x-ndjson"}
    request = urllib.request.Request(f"{origin}/stac/collections/d/items", items, types)
    with urllib.request.urlopen(request, timeout=60) as answer:
        address = answer.headers["Location"]
    assert finished(lambda: ask(address).value)["message"].startswith(f"{COUNT} added")
