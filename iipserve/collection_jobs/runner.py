"""Does jobs, one after the other, in a thread of the worker that took them; goes on with those of workers that have ended.

Jobs that watch a folder do not end, so each has a thread of its own.
"""

from __future__ import annotations

import io
import logging
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import BinaryIO, NamedTuple

from iipserve.collection_jobs.context import Context, context_of
from iipserve.collection_jobs.control import Control, Dismissed
from iipserve.collection_jobs.watch_jobs import begin_stated, check_watched, stated_jobs
from iipserve.collection_jobs.work import WORK, prepare
from iipserve.collection_jobs.workers import has_ended, this_worker
from iipserve.collections.access import Access
from iipserve.collections.jobs import FAILED, WATCH, Job, JobState
from iipserve.collections.store import Store
from iipserve.config import Config
from iipserve.engine.collection_store import CollectionStore
from iipserve.engine.library import Library
from iipserve.errors import (
    INTERNAL_ERROR,
    IIPServeError,
    NotFound,
    NotInstalled,
    Overloaded,
    StoreUnavailable,
)
from iipserve.geo.georeference import GeoImage
from iipserve.image import ImageInfo

log = logging.getLogger(__name__)

MAX_WAITING = 50
"""Jobs of one worker that wait for their turn."""
MAX_ATTEMPTS = 5
"""Workers that begin a job, one after the other: it may be what ends them."""
LOOK_SECONDS = 5.0
"""Between two looks at jobs of other workers, as long as there are any; and at a store that is away."""
LOST = "the worker that did it has ended, and with it what was sent; what is done stays, send the rest again"
TOO_OFTEN = f"{MAX_ATTEMPTS} workers have ended while they did it"


class _Task(NamedTuple):
    """A job of this worker."""

    job: Job
    content: BinaryIO | None = None
    """Of the request that asked for it."""


class JobRunner:
    """Implements `collections.access.Jobs`. Safe for many threads."""

    def __init__(
        self,
        config: Config,
        store: CollectionStore,
        library: Library,
        geo_image: Callable[[ImageInfo], GeoImage | None],
    ) -> None:
        """Start nothing.

        Args:
            config: the settings.
            store: of collections.
            library: of images.
            geo_image: where an image is located.
        """
        self._config = config
        self._store = store
        self._library = library
        self._geo_image = geo_image
        self._access: Access | None = None
        self._worker = this_worker()
        self._changed = threading.Condition()
        self._waiting: deque[_Task] = deque()
        self._thread: threading.Thread | None = None

    def begin(self, access: Access) -> None:
        """Go on with jobs of workers that have ended, and begin those of the service file, in the background.

        Args:
            access: what actions use, with this.
        """
        self._access = access
        try:
            if not self._store.is_open:
                is_needed = self._store.settings is not None  # the store is away: nobody knows
            else:
                context = self._context()
                is_needed = bool(stated_jobs(context) or context.store.unfinished_jobs())
            if is_needed:
                self._wake()
        except IIPServeError as error:
            log.warning("jobs of collections are not looked for: %s", error)

    def start(self, job: Job, content: BinaryIO | None = None) -> Job:
        """See `collections.access.Jobs`."""
        context = self._context()
        prepare(context, job)
        with self._changed:
            if len(self._waiting) >= MAX_WAITING:
                raise Overloaded(f"{MAX_WAITING} jobs are waiting; ask again later")
        kept = None if content is None else _kept(content)
        job = replace(job, id=secrets.token_hex(8), worker=self._worker, is_resumable=content is None)
        check = partial(check_watched, context, job) if job.kind == WATCH else None
        job = context.store.create_job(job, check)
        with self._changed:
            self._waiting.append(_Task(job, kept))
        self._wake()
        return job

    def look(self) -> None:
        """See `collections.access.Jobs`."""
        self._wake()

    def _wake(self) -> None:
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="collection jobs", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    # -- in the thread

    def _run(self) -> None:
        while (task := self._next()) is not None:
            if task.job.kind == WATCH:
                threading.Thread(
                    target=self._finish, args=(task,), name="collection watch", daemon=True
                ).start()
            else:
                self._finish(task)

    def _finish(self, task: _Task) -> None:
        """Do a job to its end, whatever that is."""
        try:
            self._do(partial(self._attempt, task))
        except Exception:
            log.exception("the job %s of the collection %r failed", task.job.id, task.job.collection)
            self._give_up(task.job)
        finally:
            if task.content is not None:
                task.content.close()

    def _next(self) -> _Task | None:
        """The next job; waits as long as other workers have some. None, and the end of the thread, where there are none."""
        while True:
            with self._changed:
                if self._waiting:
                    return self._waiting.popleft()
            task, is_ended = self._taken_over()
            if task is not None:
                return task
            with self._changed:
                if not self._waiting:
                    if is_ended:
                        self._thread = None
                        return None
                    self._changed.wait(LOOK_SECONDS)

    def _taken_over(self) -> tuple[_Task | None, bool]:
        """A job of a worker that has ended, or one of the service file; else None, and whether no worker has any."""
        try:
            context = self._context()
            store, stated = context.store, stated_jobs(context)
            for job in begin_stated(context, stated, self._worker):
                return _Task(job), False
            others = [job for job in store.unfinished_jobs() if job.worker != self._worker]
            for job in others:
                heard = job.updated
                is_lost = heard is not None and has_ended(job.worker, heard)
                if is_lost and (task := self._took(store, job)) is not None:
                    return task, False
        except (NotFound, NotInstalled):
            return None, True
        except IIPServeError:
            return None, False
        except Exception:
            log.exception("jobs of collections cannot be looked for")
            return None, True
        return None, not (others or stated)

    def _took(self, store: Store, job: Job) -> _Task | None:
        """A job that was another worker's; None where it is somebody else's now, or cannot be done again."""
        if not store.take_over_job(job, self._worker):
            return None
        taken = replace(job, worker=self._worker, attempts=job.attempts + 1)
        if job.is_resumable and job.attempts < MAX_ATTEMPTS:
            log.info("the job %s of the collection %r goes on here", job.id, job.collection)
            return _Task(taken)
        message = TOO_OFTEN if job.is_resumable else LOST
        store.report_job(job.id, self._worker, job.state._replace(status=FAILED, message=message))
        return None

    def _do(self, action: Callable[[], None]) -> None:
        """Do a job, or end it; while the store is away it waits, and begins again."""
        while True:
            try:
                return action()
            except StoreUnavailable:
                with self._changed:
                    self._changed.wait(LOOK_SECONDS)
            except (Dismissed, NotFound):
                return None

    def _attempt(self, task: _Task) -> None:
        """Do a job. Raises `StoreUnavailable`, and `Dismissed` where somebody has ended it, `NotFound` without a store."""
        assert self._access is not None
        context = self._context()
        control = Control(context.store, task.job)
        try:
            if task.content is not None:
                task.content.seek(0)
            message = WORK[task.job.kind](context, control, self._access, task.content)
        except (StoreUnavailable, Dismissed):
            raise
        except (IIPServeError, OSError) as error:
            text = str(error) if isinstance(error, IIPServeError) else error.strerror or INTERNAL_ERROR
            control.fail(FAILED, text)
        except Exception:
            log.exception("the job %s of the collection %r failed", task.job.id, task.job.collection)
            control.fail(FAILED, INTERNAL_ERROR)
        else:
            control.finish(message)

    def _give_up(self, job: Job) -> None:
        """Report a job as failed without details: the store may have refused these."""
        state = JobState(FAILED, INTERNAL_ERROR)
        try:
            self._do(lambda: self._report(job, state))
        except Exception:
            log.exception("the end of the job %s of the collection %r is not stored", job.id, job.collection)

    def _report(self, job: Job, state: JobState) -> None:
        store = self._store.current()
        if store is not None:
            store.report_job(job.id, self._worker, state)

    def _context(self) -> Context:
        """What work uses at present. Raises `NotFound` where the service has no collections."""
        store = self._store.current()
        if store is None:
            raise NotFound("this service has no collections")
        return context_of(self._config, store, self._store.settings, self._library, self._geo_image)


def _kept(content: BinaryIO) -> BinaryIO:
    """The content of a file that its owner is about to close."""
    if isinstance(content, io.BytesIO):
        return io.BytesIO(content.getvalue())
    return os.fdopen(os.dup(content.fileno()), "rb")
