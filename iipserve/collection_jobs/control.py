"""How far a job is, as its work reports it: written into the store, from which the end of a job is heard too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import monotonic, sleep
from typing import TypeVar

from iipserve.collections.jobs import MAX_FAILURES, RUNNING, SUCCESSFUL, Job, JobFailure, JobState
from iipserve.collections.store import Store

T = TypeVar("T")
REPORT_SECONDS = 1.0
"""Between two reports."""
PATIENCE = 5.0
"""Seconds after which a job that rests hears of its end."""
MAX_NAME, MAX_TEXT = 300, 1000
"""Characters of names of failures, and of their reasons and messages; the rest is cut."""


class Dismissed(Exception):
    """The job is to be left: it was dismissed, another worker has it, or its collection is deleted."""


class Control:
    """Of one job, for the thread that does it."""

    def __init__(self, store: Store, job: Job) -> None:
        """Report that it has begun. Raises `Dismissed`."""
        self._store = store
        self.job = job
        self._state = JobState(RUNNING)
        self._attempts = job.attempts
        self._reported = 0.0
        self._report(self._state)

    @property
    def failed(self) -> int:
        """Failures so far."""
        return self._state.failed

    def say(self, message: str, total: int | None = None) -> None:
        """What is done now, and how many steps that takes. Raises `Dismissed`."""
        self._state = self._state._replace(message=message, total=total)
        self._report(self._state)

    def step(self, count: int = 1, failures: Iterable[tuple[str, str]] = ()) -> None:
        """So many more are dealt with, some of them with failures: name and reason. Raises `Dismissed`."""
        state, listed = self._state, [_cut(*each) for each in failures]
        self._state = state._replace(
            done=state.done + count,
            failed=state.failed + len(listed),
            failures=(*state.failures, *listed)[:MAX_FAILURES],
        )
        self.check()

    def check(self) -> None:
        """Report, if that was some time ago. Raises `Dismissed`."""
        if monotonic() - self._reported >= REPORT_SECONDS:
            self._report(self._state)

    def over(self, values: Iterable[T]) -> Iterator[T]:
        """The values, each with a check. Raises `Dismissed`."""
        for value in values:
            self.check()
            yield value

    def rest(self, seconds: float) -> None:
        """Do nothing for some time. Raises `Dismissed`, some seconds after the job was."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            sleep(min(left, PATIENCE))
            self.check()

    def settle(self) -> None:
        """Note that the job does not end its workers: `Job.attempts` begin anew. Raises `Dismissed`."""
        self._attempts = 1
        self._report(self._state)

    def finish(self, message: str) -> None:
        """Report that all is done, and what came of it. Raises `Dismissed`."""
        self._report(self._state._replace(status=SUCCESSFUL, message=message))

    def fail(self, status: str, message: str) -> None:
        """Report that the job ends before all is done, and why. Raises `Dismissed`."""
        self._report(self._state._replace(status=status, message=message))

    def _report(self, state: JobState) -> None:
        self._reported = monotonic()
        state = state._replace(message=state.message[:MAX_TEXT])
        if not self._store.report_job(self.job.id, self.job.worker, state, self._attempts):
            raise Dismissed


def _cut(name: str, reason: str) -> JobFailure:
    return JobFailure(name[:MAX_NAME], reason[:MAX_TEXT])
