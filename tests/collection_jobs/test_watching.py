"""Folders whose images jobs add as they come."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")

from iipserve import app
from iipserve.collection_jobs.watching import Watch
from iipserve.collection_jobs.work import prepare
from iipserve.collection_jobs.workers import this_worker
from iipserve.collections.jobs import Job
from iipserve.engine.image_items import read_item
from iipserve.image import ImageName
from tests.collection_jobs.test_runner import COUNT, Service, ended_worker
from tests.protocols.stac.services import ROOT, ask
from tests.protocols.stac.test_permissions import HERE
from tests.transport.processes import until

WATCHING = "collection watch"
"""Name of the threads."""


def test_files_are_taken_once_they_settle(tmp_path: Path) -> None:
    watch = Watch(
        lambda: ((path.name, str(path)) for path in sorted(tmp_path.iterdir())),
        lambda path: not path.endswith("text"),
    )
    assert watch.ready() == []
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "text").write_bytes(b"1")
    assert watch.ready() == []
    (tmp_path / "a").write_bytes(b"12")
    assert watch.ready() == []
    assert watch.is_settling
    assert watch.ready() == ["a"]
    assert not watch.is_settling
    assert watch.ready() == []
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"1")
    assert watch.ready() == []
    assert watch.ready() == ["a", "b"]
    watch.again(["b"])
    assert watch.ready() == []
    assert watch.ready() == ["b"]
    before = (tmp_path / "b").stat().st_mtime_ns
    (tmp_path / "b").unlink()
    assert watch.ready() == []
    (tmp_path / "b").write_bytes(b"1")
    os.utime(tmp_path / "b", ns=(before, before))
    assert watch.ready() == []
    assert watch.ready() == ["b"]


class Watching:
    """A service with images in a folder, and jobs that look at it all the time."""

    def __init__(self, folder: Path) -> None:
        self.service = Service(folder)
        self.store = self.service.store
        self.images = folder / "images"

    def start(self, worker: app.Application, **more: Any) -> Job:
        """Watch the folder of all images."""
        return self.service.asked(worker, kind="watch", href=".", **more)

    def job(self, id: str) -> Job:
        return self.store.job("c", id)

    def have_come(self, count: int) -> None:
        """Wait until the collection has so many images."""
        until(lambda: len(self.service.ids()) >= count)
        assert len(self.service.ids()) == count

    def end(self) -> None:
        """End all jobs, and wait for their threads."""
        for job in self.store.jobs("c"):
            if not job.state.is_finished:
                self.store.dismiss_job("c", job.id)
        until(lambda: all(thread.name != WATCHING for thread in threading.enumerate()))


@pytest.fixture
def watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    monkeypatch.setattr("iipserve.collection_jobs.watch_jobs.INTERVAL", 0.02)
    monkeypatch.setattr("iipserve.collection_jobs.control.REPORT_SECONDS", 0.0)
    monkeypatch.setattr("iipserve.collection_jobs.control.PATIENCE", 0.02)
    found = Watching(tmp_path)
    yield found
    found.end()


def test_images_are_added_as_they_come_until_the_job_is_ended(watching: Watching) -> None:
    worker = watching.service.worker()
    job = watching.start(worker)
    watching.have_come(COUNT)
    shutil.copy(watching.images / "1.tif", watching.images / "new.tif")
    (watching.images / "broken.tif").write_bytes(b"II*\0 no image")
    watching.have_come(COUNT + 1)
    until(lambda: watching.job(job.id).state.done == COUNT + 2)
    state = watching.job(job.id).state
    assert state.status == "running"
    assert [each.name for each in state.failures] == ["broken.tif"]
    # other jobs are done meanwhile
    assert watching.service.done(worker, kind="check").state.status == "successful"
    document = ask(worker, f"{ROOT}collections/c/jobs/{job.id}", "DELETE", **HERE)
    assert document.status == 200
    watching.end()
    shutil.copy(watching.images / "1.tif", watching.images / "late.tif")
    assert watching.job(job.id).state.status == "dismissed"
    assert len(watching.service.ids()) == COUNT + 1


def test_one_of_two_workers_watches_a_folder_that_both_are_asked_for(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have found nothing against it before either has added its job."""
    both = threading.Barrier(2, timeout=30)

    def prepared(context: Any, job: Job) -> None:
        prepare(context, job)
        both.wait()

    monkeypatch.setattr("iipserve.collection_jobs.runner.prepare", prepared)
    workers = [watching.service.worker() for _ in range(2)]
    body = {"kind": "watch", "href": "."}
    with ThreadPoolExecutor(2) as pool:
        answers = [
            pool.submit(ask, worker, f"{ROOT}collections/c/jobs", "POST", body, **HERE) for worker in workers
        ]
        assert sorted(answer.result().status for answer in answers) == [202, 409]
    assert [job.kind for job in watching.store.jobs("c")] == ["watch"]


def test_another_worker_goes_on_and_does_not_give_up(watching: Watching) -> None:
    parameters = {"href": "."}
    watching.service.started(ended_worker(), kind="watch", parameters=parameters, attempts=4)
    watching.service.worker()
    watching.have_come(COUNT)
    until(lambda: watching.job("j").attempts == 1)
    assert watching.job("j").worker == this_worker()


def test_a_folder_that_ends_its_workers_is_left(watching: Watching) -> None:
    watching.service.started(ended_worker(), kind="watch", parameters={"href": "."}, attempts=5)
    watching.service.worker()
    assert watching.service.finished().state.status == "failed"


@pytest.mark.parametrize("known", [False, True])
def test_a_folder_of_which_images_are_added_does_not_end_its_workers(
    watching: Watching, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """A worker that has added some begins anew; one that finds only what another has added does not."""
    monkeypatch.setattr("iipserve.collection_jobs.reading.BATCH", COUNT)
    if known:
        assert watching.service.done(watching.service.worker(), kind="add", href=".").state.done == COUNT
    reading, goes_on = threading.Event(), threading.Event()

    def waits(name: ImageName, *arguments: Any) -> Any:
        if name.identifier == "later.tif":
            reading.set()
            assert goes_on.wait(120)
        return read_item(name, *arguments)

    monkeypatch.setattr("iipserve.collection_jobs.adding.read_item", waits)
    shutil.copy(watching.images / "1.tif", watching.images / "later.tif")
    watching.service.started(ended_worker(), kind="watch", parameters={"href": "."}, attempts=4)
    watching.service.worker()
    assert reading.wait(120)
    assert watching.job("j").attempts == (5 if known else 1)
    goes_on.set()
    watching.have_come(COUNT + 1)


def test_a_folder_that_is_away_is_looked_at_again(watching: Watching) -> None:
    (watching.images / "incoming").mkdir()
    job = watching.service.asked(watching.service.worker(), kind="watch", href="incoming")
    (watching.images / "incoming").rmdir()
    until(lambda: "there is no folder" in watching.job(job.id).state.message)
    (watching.images / "incoming").mkdir()
    shutil.copy(watching.images / "1.tif", watching.images / "incoming/new.tif")
    watching.have_come(1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"href": "."}, 409), ({"href": "./"}, 409), ({"href": "none"}, 400), ({"href": "1.tif"}, 400), ({}, 400),
        ({"href": ".."}, 400), ({"href": "/etc"}, 403), ({"href": "s3://bucket/"}, 403), ({"href": ["."]}, 400),
        ({"href": ".", "interval": 0}, 400), ({"href": ".", "interval": "1"}, 400), ({"href": ".", "interval": True}, 400),
        ({"href": ".", "stated": True}, 400),
    ],
)  # fmt: skip
def test_what_cannot_be_watched_is_refused(watching: Watching, body: dict[str, Any], status: int) -> None:
    worker = watching.service.worker()
    watching.start(worker, interval=3600)
    response = ask(worker, f"{ROOT}collections/c/jobs", "POST", {"kind": "watch", **body}, **HERE)
    assert response.status == status
    assert len(watching.store.jobs("c")) == 1
