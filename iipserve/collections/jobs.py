"""Work on a collection that takes longer than a request: adding a folder, checking all files, building an overview.

Statuses are those of OGC API - Processes (18-062r2, section 7.13, `statusInfo`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

ADD, CHECK, OVERVIEW, IMPORT, WATCH = "add", "check", "overview", "import", "watch"
KINDS = (ADD, CHECK, OVERVIEW, IMPORT, WATCH)
"""What jobs do; `WATCH` goes on until it is dismissed."""
ACCEPTED, RUNNING, SUCCESSFUL, FAILED, DISMISSED = "accepted", "running", "successful", "failed", "dismissed"
UNFINISHED = (ACCEPTED, RUNNING)
"""Statuses of jobs that are still to be done."""
MAX_FAILURES = 200
"""Images that a job lists which it could not deal with; all are counted."""
MAX_FINISHED = 100
"""Jobs of a collection that are kept after their end."""


class JobFailure(NamedTuple):
    """An image that a job could not deal with, or an item that is not as it was."""

    name: str
    reason: str


class JobState(NamedTuple):
    """How far a job is."""

    status: str
    message: str = ""
    done: int = 0
    """Images, items or parts that have been dealt with, those with failures too."""
    failed: int = 0
    total: int | None = None
    """None: not known yet."""
    failures: tuple[JobFailure, ...] = ()
    """At most `MAX_FAILURES`."""

    @property
    def is_finished(self) -> bool:
        """Nothing more will be done."""
        return self.status not in UNFINISHED

    @property
    def progress(self) -> int | None:
        """In percent; None where that is not known."""
        if self.status == SUCCESSFUL:
            return 100
        return None if self.total is None else min(100, 100 * self.done // max(self.total, 1))


NEW = JobState(ACCEPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work on a collection."""

    id: str
    """Unique in the store."""
    collection: str
    kind: str
    """One of `KINDS`."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What the client asked for, as JSON."""
    is_resumable: bool = True
    """Another worker can go on with it; not where a part of it is the body of a request, which one worker has."""
    worker: str = ""
    """The process that does it (`collection_jobs.workers`)."""
    attempts: int = 1
    """Workers that have begun it."""
    state: JobState = NEW
    created: dt.datetime | None = None
    """Set by the store, as are the others."""
    started: dt.datetime | None = None
    finished: dt.datetime | None = None
    updated: dt.datetime | None = None
    """When its worker was heard of last."""
