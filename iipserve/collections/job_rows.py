"""Jobs of a store in SQL: rows of the table `job`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, delete, select, update

from iipserve.collections.jobs import DISMISSED, MAX_FINISHED, RUNNING, UNFINISHED, Job, JobFailure, JobState
from iipserve.collections.rows import plain
from iipserve.errors import NotFound

if TYPE_CHECKING:
    from iipserve.collections.sql_store import SqlStore


def create(connection: Connection, store: SqlStore, job: Job) -> Job:
    """Add a job; the oldest ones that are finished go. Raises `NotFound` for the collection."""
    table, now = store.tables.job, datetime.now(UTC)
    number = store.collection_row(connection, job.collection).number
    finished = (
        select(table.c.number)
        .where(table.c.collection == number, table.c.status.not_in(UNFINISHED))
        .order_by(table.c.number.desc())
        .offset(MAX_FINISHED - 1)
    )
    old = connection.execute(finished).scalars().all()
    if old:
        connection.execute(delete(table).where(table.c.number.in_(old)))
    values = {
        "id": job.id,
        "collection": number,
        "kind": job.kind,
        "parameters": plain(job.parameters),
        "is_resumable": job.is_resumable,
        "worker": job.worker,
        "attempts": job.attempts,
        "created": now,
        "updated": now,
        **_state_values(job.state),
    }
    connection.execute(table.insert().values(values))
    return replace(job, created=now, updated=now)


def find(connection: Connection, store: SqlStore, collection: str, id: str) -> Job:
    """One job of a collection. Raises `NotFound`."""
    store.collection_row(connection, collection)
    c = store.tables
    query = _jobs(store).where(c.collection.c.name == collection, c.job.c.id == id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"the collection {collection!r} has no job {id!r}")
    return _job(row)


def of_collection(connection: Connection, store: SqlStore, collection: str) -> tuple[Job, ...]:
    """Those of a collection, the newest first. Raises `NotFound`."""
    store.collection_row(connection, collection)
    query = _jobs(store).where(store.tables.collection.c.name == collection)
    return tuple(map(_job, connection.execute(query.order_by(store.tables.job.c.number.desc()))))


def unfinished(connection: Connection, store: SqlStore) -> tuple[Job, ...]:
    """Those of all collections that are still to be done, the oldest first."""
    c = store.tables.job.c
    return tuple(
        map(_job, connection.execute(_jobs(store).where(c.status.in_(UNFINISHED)).order_by(c.number)))
    )


def report(
    connection: Connection,
    store: SqlStore,
    id: str,
    worker: str,
    state: JobState,
    attempts: int | None = None,
) -> bool:
    """Write how far a job is; False where it is not this worker's any more, or finished."""
    table, now = store.tables.job, datetime.now(UTC)
    values = {"updated": now, **_state_values(state)}
    if attempts is not None:
        values["attempts"] = attempts
    if state.is_finished:
        values["finished"] = now
    same = (table.c.id == id, table.c.worker == worker, table.c.status.in_(UNFINISHED))
    if state.status == RUNNING:
        begun = update(table).where(*same, table.c.started.is_(None)).values(started=now)
        connection.execute(begun)
    return connection.execute(update(table).where(*same).values(values)).rowcount == 1


def take_over(connection: Connection, store: SqlStore, job: Job, worker: str) -> bool:
    """Give a job to another worker; False where somebody else has done that, or it is finished."""
    table = store.tables.job
    same = (table.c.id == job.id, table.c.worker == job.worker, table.c.attempts == job.attempts)
    taken = update(table).where(*same, table.c.status.in_(UNFINISHED))
    values = {"worker": worker, "attempts": job.attempts + 1, "updated": datetime.now(UTC)}
    return connection.execute(taken.values(values)).rowcount == 1


def dismiss(connection: Connection, store: SqlStore, collection: str, id: str) -> Job:
    """Finish a job, whose worker notices it; forget one that is finished. One that finishes meanwhile stays. Raises `NotFound`."""
    job, table, now = find(connection, store, collection, id), store.tables.job, datetime.now(UTC)
    if job.state.is_finished:
        connection.execute(delete(table).where(table.c.id == id))
    else:
        ended = update(table).where(table.c.id == id, table.c.status.in_(UNFINISHED))
        values = {"status": DISMISSED, "updated": now, "finished": now}
        if connection.execute(ended.values(values)).rowcount == 0:
            return find(connection, store, collection, id)
    return replace(job, state=job.state._replace(status=DISMISSED), updated=now, finished=job.finished or now)


def _jobs(store: SqlStore) -> Select[Any]:
    job, collection = store.tables.job, store.tables.collection
    columns = [column for column in job.c if column.name not in ("number", "collection")]
    joined = job.join(collection, job.c.collection == collection.c.number)
    return select(*columns, collection.c.name.label("collection")).select_from(joined)


def _job(row: Any) -> Job:
    failures: Sequence[Sequence[str]] = row.failures
    state = JobState(
        row.status,
        row.message,
        row.done,
        row.failed,
        row.total,
        tuple(JobFailure(*each) for each in failures),
    )
    return Job(
        id=row.id,
        collection=row.collection,
        kind=row.kind,
        parameters=row.parameters,
        is_resumable=row.is_resumable,
        worker=row.worker,
        attempts=row.attempts,
        state=state,
        created=row.created,
        started=row.started,
        finished=row.finished,
        updated=row.updated,
    )


def _state_values(state: JobState) -> dict[str, Any]:
    return {**state._asdict(), "failures": [list(each) for each in state.failures]}
