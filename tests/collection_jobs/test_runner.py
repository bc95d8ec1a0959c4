"""Jobs whose worker ends, and jobs that are ended: seen in the store, with workers that are processes of this host."""

from __future__ import annotations

import os
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")

from iipserve import app
from iipserve.collection_jobs.control import MAX_NAME, MAX_TEXT, Control
from iipserve.collection_jobs.runner import JobRunner
from iipserve.collection_jobs.workers import has_ended, this_worker
from iipserve.collections.jobs import ADD, Job, JobState
from iipserve.collections.store import Store, open_store
from iipserve.collections.values import Collection
from iipserve.config import Config
from iipserve.engine.image_items import read_item
from iipserve.errors import INTERNAL_ERROR, ConfigError, InvalidRequest
from tests.geo_rasters import KINDS
from tests.jobs import finished
from tests.protocols.stac.services import ROOT, ask
from tests.protocols.stac.test_permissions import HERE

COUNT = 5


class Service:
    """A folder of images, and the store of a service."""

    def __init__(self, folder: Path) -> None:
        (folder / "images").mkdir()
        raster = KINDS["utm"](folder)
        for number in range(COUNT):
            shutil.copy(raster, folder / f"images/{number}.tif")
        self._file = folder / "services.toml"
        self._file.write_text('[collections]\nstore = "store.sqlite"\neditable = true\n')
        self._images = folder / "images"
        self.store: Store = open_store(str(folder / "store.sqlite"))
        self.store.create(Collection(name="c"))

    def worker(self) -> app.Application:
        """A worker of the service, in this process."""
        return app.build(Config(filesystem_prefix=f"{self._images}/", services=str(self._file)))

    def started(self, worker: str, **fields: Any) -> Job:
        """A job of a worker that adds all images."""
        given = {"id": "j", "collection": "c", "kind": ADD, "parameters": {"hrefs": ["."]}} | fields
        job = self.store.create_job(Job(worker=worker, **given))
        assert self.store.report_job(job.id, worker, JobState("running"))
        return job

    def finished(self) -> Job:
        """The job, once it has ended."""
        finished(lambda: {"status": self.store.job("c", "j").state.status})
        return self.store.job("c", "j")

    def asked(self, worker: app.Application, **body: Any) -> Job:
        """A job that a client asks a worker for."""
        assert ask(worker, f"{ROOT}collections/c/jobs", "POST", body, **HERE).status == 202
        return self.store.jobs("c")[0]

    def done(self, worker: app.Application, **body: Any) -> Job:
        """Such a job, once it has ended."""
        id = self.asked(worker, **body).id
        finished(lambda: {"status": self.store.job("c", id).state.status})
        return self.store.job("c", id)

    def ids(self) -> list[str]:
        return [item.id for item in self.store.items("c")]


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def ended_worker() -> str:
    """The name of a process that has ended: one of this number, which was started at another time."""
    host, pid, _ = this_worker().rsplit(":", 2)
    return f"{host}:{pid}:1"


def test_another_worker_goes_on_with_a_job(service: Service) -> None:
    service.started(ended_worker())
    service.worker()
    job = service.finished()
    assert job.state.status == "successful"
    assert (job.worker, job.attempts) == (this_worker(), 2)
    assert len(service.ids()) == COUNT


def test_looking_at_a_job_has_it_go_on(service: Service) -> None:
    worker = service.worker()
    service.started(ended_worker())
    assert ask(worker, f"{ROOT}collections/c/jobs", **HERE).status == 200
    assert service.finished().state.status == "successful"


def test_a_job_that_needs_the_body_of_its_request_fails(service: Service) -> None:
    service.started(ended_worker(), is_resumable=False)
    service.worker()
    job = service.finished()
    assert job.state.status == "failed"
    assert "send the rest again" in job.state.message
    assert service.ids() == []


def test_a_job_that_ends_its_workers_fails_in_the_end(service: Service) -> None:
    service.started(ended_worker(), attempts=5)
    service.worker()
    assert service.finished().state.status == "failed"


def test_jobs_of_workers_that_run_are_theirs_and_others_are_heard_of() -> None:
    long_ago = datetime.now(UTC) - timedelta(days=1)
    assert not has_ended(this_worker(), long_ago)
    assert has_ended(ended_worker(), datetime.now(UTC))
    host, boot, numbers = this_worker().rsplit(":", 2)[0].split(":")
    for place in (f"another.example:{boot}:{numbers}", f"{host}:another:{numbers}", f"{host}:{boot}:1"):
        assert not has_ended(f"{place}:{os.getpid()}:1", datetime.now(UTC))
        assert has_ended(f"{place}:{os.getpid()}:1", long_ago)


def test_a_job_that_is_ended_adds_no_more(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, goes_on = threading.Event(), threading.Event()

    def waits(*arguments: Any) -> Any:
        reading.set()
        assert goes_on.wait(120)
        return read_item(*arguments)

    monkeypatch.setattr("iipserve.collection_jobs.adding.read_item", waits)
    monkeypatch.setattr("iipserve.collection_jobs.reading.BATCH", 1)
    monkeypatch.setattr("iipserve.collection_jobs.control.REPORT_SECONDS", 0.0)
    worker = service.worker()
    body = {"kind": "add", "href": "."}
    assert ask(worker, f"{ROOT}collections/c/jobs", "POST", body, **HERE).status == 202
    (job,) = service.store.jobs("c")
    assert reading.wait(120)
    assert ask(worker, f"{ROOT}collections/c/jobs/{job.id}", "DELETE", **HERE).status == 200
    goes_on.set()
    # the next job of the worker begins once it has left this one
    service.started(ended_worker())
    ask(worker, f"{ROOT}collections/c/jobs", **HERE)
    assert service.finished().state.message == f"{COUNT - 1} added, 0 updated, 1 unchanged, 0 failed"
    assert service.store.job("c", job.id).state.status == "dismissed"


def raises(error: Exception) -> Any:
    """A function that fails."""

    def call(*arguments: Any) -> Any:
        raise error

    return call


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("runner.Control", ConfigError("a root is not there")),
        ("control.Control.finish", InvalidRequest("too large")),
        ("control.Control.finish", ValueError("a fault")),
    ],
)
def test_a_job_of_which_nothing_can_be_told_fails_and_the_next_one_is_done(
    service: Service, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception
) -> None:
    worker = service.worker()
    with monkeypatch.context() as patched:
        patched.setattr(f"iipserve.collection_jobs.{name}", raises(error))
        assert service.done(worker, kind="check").state == JobState("failed", INTERNAL_ERROR)
    assert service.done(worker, kind="check").state.status == "successful"


def test_a_failure_that_the_store_refuses_is_a_failure(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iipserve.collection_jobs.control.Control.fail", raises(InvalidRequest("too large")))
    job = service.done(service.worker(), kind="add", href="none*")
    assert job.state == JobState("failed", INTERNAL_ERROR)


def test_a_thread_that_has_ended_is_replaced(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    threads, has_begun, worker = [], threading.Event(), service.worker()

    def ends(runner: JobRunner) -> None:
        threads.append(threading.current_thread())
        has_begun.set()

    with monkeypatch.context() as patched:
        patched.setattr(JobRunner, "_next", ends)
        job = service.asked(worker, kind="check")
        assert has_begun.wait(120)
        threads[0].join(120)
    assert service.store.job("c", job.id).state.status == "accepted"
    assert service.done(worker, kind="check").state.status == "successful"
    assert service.store.job("c", job.id).state.status == "successful"


def test_long_texts_are_cut(service: Service) -> None:
    control = Control(service.store, service.started(this_worker()))
    control.step(1, [("n" * 5000, "r" * 5000)])
    control.finish("m" * 5000)
    state = service.finished().state
    assert state.message == "m" * MAX_TEXT
    assert state.failures == (("n" * MAX_NAME, "r" * MAX_TEXT),)


def test_images_are_read_in_the_thread_of_the_job(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()

    def read(*arguments: Any) -> Any:
        threads.add(threading.current_thread().name)
        return read_item(*arguments)

    monkeypatch.setattr("iipserve.collection_jobs.adding.read_item", read)
    assert service.done(service.worker(), kind="add", href=".").state.done == COUNT
    assert threads == {"collection jobs"}
