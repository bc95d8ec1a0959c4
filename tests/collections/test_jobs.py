"""Jobs of a store: who has one, and how far it is."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from iipserve.collections import job_rows, jobs
from iipserve.collections.jobs import Job, JobFailure, JobState
from iipserve.collections.store import Store
from iipserve.errors import Conflict, NotFound
from tests.collections.images import collection

WORKER = "host:1:2"


def started(store: Store, id: str = "j", **fields: object) -> Job:
    """A job of `WORKER` on the collection `aerial`."""
    given = {"id": id, "collection": "aerial", "kind": jobs.ADD, "worker": WORKER} | fields
    return store.create_job(Job(**given))  # type: ignore[arg-type]


@pytest.fixture
def filled(store: Store) -> Store:
    store.create(collection())
    return store


def test_a_job_is_kept_as_it_is_reported(filled: Store) -> None:
    version = filled.version("aerial")
    job = started(filled, parameters={"hrefs": ["é/"]})
    assert filled.job("aerial", "j") == job
    state = JobState(jobs.RUNNING, "adding", 3, 1, 7, (JobFailure("a.tif", "no image"),))
    assert filled.report_job("j", WORKER, state)
    found = filled.job("aerial", "j")
    assert found.state == state
    assert found.state.progress == 42
    assert found.created == job.created
    assert found.started is not None
    assert found.finished is None
    assert filled.report_job("j", WORKER, state._replace(status=jobs.SUCCESSFUL))
    ended = filled.job("aerial", "j")
    assert ended.started == found.started
    assert ended.finished is not None
    assert ended.state.progress == 100
    assert filled.unfinished_jobs() == ()
    assert filled.version("aerial") == version


def test_a_job_that_has_ended_is_not_reported_again(filled: Store) -> None:
    started(filled)
    assert filled.report_job("j", WORKER, JobState(jobs.FAILED, "why"))
    assert not filled.report_job("j", WORKER, JobState(jobs.RUNNING))
    assert filled.job("aerial", "j").state == JobState(jobs.FAILED, "why")


def test_of_equal_jobs_that_are_added_at_once_one_is(filled: Store) -> None:
    """Each sees the others, or is seen by them, however many connections add some."""
    at_once = threading.Barrier(6)

    def alone(unfinished: tuple[Job, ...]) -> None:
        if unfinished:
            raise Conflict("there is one")

    def add(id: int) -> str:
        at_once.wait()
        try:
            return filled.create_job(Job(id=str(id), collection="aerial", kind=jobs.WATCH), alone).id
        except Conflict:
            return ""

    with ThreadPoolExecutor(at_once.parties) as pool:
        added = [id for id in pool.map(add, range(at_once.parties)) if id]
    assert [job.id for job in filled.jobs("aerial")] == added
    assert len(added) == 1
    with pytest.raises(NotFound):
        filled.create_job(Job(id="x", collection="none", kind=jobs.WATCH), alone)


def test_one_worker_takes_a_job_over(filled: Store) -> None:
    job = started(filled)
    assert filled.take_over_job(job, "second")
    assert not filled.take_over_job(job, "third")
    assert not filled.report_job("j", WORKER, JobState(jobs.RUNNING))
    assert filled.report_job("j", "second", JobState(jobs.RUNNING))
    assert filled.job("aerial", "j").attempts == 2


def test_a_dismissed_job_ends_and_a_finished_one_goes(filled: Store) -> None:
    started(filled)
    assert filled.dismiss_job("aerial", "j").state.status == jobs.DISMISSED
    assert not filled.report_job("j", WORKER, JobState(jobs.RUNNING))
    assert filled.job("aerial", "j").state.status == jobs.DISMISSED
    filled.dismiss_job("aerial", "j")
    for action in (filled.job, filled.dismiss_job):
        with pytest.raises(NotFound, match="has no job 'j'"):
            action("aerial", "j")


def test_a_job_that_finishes_while_it_is_dismissed_stays(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(filled)
    find = job_rows.find

    def finishes(connection: Any, store: Any, collection: str, id: str) -> Job:
        found = find(connection, store, collection, id)
        job_rows.report(connection, store, id, WORKER, JobState(jobs.SUCCESSFUL, "done"))
        return found

    monkeypatch.setattr(job_rows, "find", finishes)
    assert filled.dismiss_job("aerial", "j").state == JobState(jobs.SUCCESSFUL, "done")
    monkeypatch.undo()
    assert filled.job("aerial", "j").state == JobState(jobs.SUCCESSFUL, "done")


def test_jobs_are_those_of_a_collection_and_end_with_it(filled: Store) -> None:
    filled.create(replace(collection(), name="other"))
    for id, name in (("a", "aerial"), ("b", "other"), ("c", "aerial")):
        started(filled, id, collection=name)
    assert [job.id for job in filled.jobs("aerial")] == ["c", "a"]
    assert [job.id for job in filled.unfinished_jobs()] == ["a", "b", "c"]
    filled.delete("aerial")
    assert [job.id for job in filled.unfinished_jobs()] == ["b"]
    assert not filled.report_job("a", WORKER, JobState(jobs.RUNNING))
    with pytest.raises(NotFound, match="no collection 'aerial'"):
        filled.jobs("aerial")
    with pytest.raises(NotFound, match="no collection 'aerial'"):
        started(filled)


def test_the_oldest_jobs_that_have_ended_go(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iipserve.collections.job_rows.MAX_FINISHED", 2)
    started(filled, "first")
    for id in ("a", "b", "c"):
        started(filled, id)
        filled.report_job(id, WORKER, JobState(jobs.SUCCESSFUL))
    started(filled, "last")
    assert [job.id for job in filled.jobs("aerial")] == ["last", "c", "first"]
