"""Jobs that add the images of a folder as they come, until somebody ends them."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import BinaryIO

from iipserve.collection_jobs.adding import Outcome
from iipserve.collection_jobs.context import Context
from iipserve.collection_jobs.control import Control, Dismissed
from iipserve.collection_jobs.finding import Finder
from iipserve.collection_jobs.reading import adder_of
from iipserve.collection_jobs.watching import Watch
from iipserve.collections.access import Access
from iipserve.collections.jobs import WATCH, Job
from iipserve.errors import Conflict, IIPServeError, InvalidRequest, NotFound

log = logging.getLogger(__name__)
_logged: set[tuple[str, str]] = set()
"""Jobs of the service file that are not begun and why, which the log has: each look finds so."""

INTERVAL = 5.0
"""Seconds between two looks at a folder, unless stated."""
SETTLING = 2.0
"""Seconds between two looks, while there are files that may still be written."""
MAX_SHARE = 0.05
"""Of the time of a thread that looking at a folder takes at most: larger folders are looked at less often."""
SETTLED = 3
"""Looks after which the files that were there at first are harmless: they are added at the second one."""
MAX_WATCHED = 20
"""Folders that are watched at once."""
STATED = "stated"
"""Parameter of jobs that the service file asks for."""


def watch(context: Context, control: Control, access: Access, content: BinaryIO | None) -> str:
    """Add the images of a folder as they come. Never returns."""
    job, total, looks = control.job, Outcome(), 0
    finder = Finder(context.roots, context.library, context.roots.place)
    folder = Watch(partial(finder.below, job.parameters["href"]), context.library.is_image)
    adder = adder_of(context, job)
    while True:
        _check_stated(context, control, access)
        started = time.monotonic()
        ready, problem = _ready(folder)
        seconds = time.monotonic() - started
        control.say(problem or f"watching: {total.text(control.failed)}")
        for outcome in adder.add(ready):
            total = total.plus(outcome._replace(failures=()))
            control.step(outcome.total, outcome.failures)
            if outcome.added or outcome.updated:  # which another worker finds unchanged
                control.settle()
        looks += 1
        if looks == SETTLED:
            control.settle()
        if ready:
            control.say(f"watching: {total.text(control.failed)}")
        interval = job.parameters.get("interval", INTERVAL)
        interval = min(interval, SETTLING) if folder.is_settling else interval
        control.rest(max(interval, seconds / MAX_SHARE))


def _ready(folder: Watch) -> tuple[list[str], str]:
    """The images that are to be added, or why they are not known: the folder may come back."""
    try:
        return folder.ready(), ""
    except (IIPServeError, OSError) as error:
        return [], str(error) if isinstance(error, IIPServeError) else "the folder cannot be read"


def _check_stated(context: Context, control: Control, access: Access) -> None:
    """End a job for good that the service file does not ask for any more. Raises `Dismissed`."""
    job = control.job
    if not job.parameters.get(STATED):
        return
    if all(job.id != each.id for each in stated_jobs(context._replace(settings=access.settings))):
        for _ in ("end", "forget"):
            access.store.dismiss_job(job.collection, job.id)
        raise Dismissed


def check_watch(context: Context, job: Job) -> None:
    """See that there is a folder to watch.

    Raises:
        InvalidRequest, Forbidden: there is none.
    """
    href = job.parameters["href"]
    if not os.path.isdir(context.roots.place(href)):
        raise InvalidRequest(f"there is no folder {href!r:.200} below the folder of images")


def check_watched(context: Context, job: Job, unfinished: tuple[Job, ...]) -> None:
    """See that a folder is not watched yet, and that not too many are.

    Args:
        context: where folders are.
        job: that is to watch one; of the service file, however many are watched.
        unfinished: jobs that are still to be done.

    Raises:
        Conflict: it is, or they are.
    """
    path, watched = _path(context, job), [each for each in unfinished if each.kind == WATCH]
    for each in watched:
        if each.collection == job.collection and _path(context, each) == path:
            raise Conflict(f"the job {each.id!r} watches this folder")
    if len(watched) >= MAX_WATCHED and not job.parameters.get(STATED):
        raise Conflict(f"{MAX_WATCHED} folders are watched, which are the most; end a job of the kind watch")


def _path(context: Context, job: Job) -> str:
    """Of a folder that is watched; empty if it may not be any more."""
    try:
        return context.roots.place(job.parameters["href"])
    except IIPServeError:
        return ""


def stated_jobs(context: Context) -> list[Job]:
    """The jobs that the service file asks for; folders that may not be watched are left out."""
    found = []
    for collection, folder in context.settings.watch if context.settings else ():
        try:
            href = context.roots.reference(folder)
        except IIPServeError:
            continue
        name = sha256(f"{collection}\0{href}".encode()).hexdigest()[:16]
        found.append(Job(id=name, collection=collection, kind=WATCH, parameters={"href": href, STATED: True}))
    return found


def begin_stated(context: Context, stated: Iterable[Job], worker: str) -> Iterator[Job]:
    """Add jobs that the service file asks for to the store, unless they are there, ended or not: those that are new."""
    for job in stated:
        try:
            if all(each.id != job.id for each in context.store.jobs(job.collection)):
                check = partial(check_watched, context, job)
                check(context.store.unfinished_jobs())  # which begins no change, look by look
                yield context.store.create_job(replace(job, worker=worker), check)
        except NotFound:  # without the collection
            continue
        except Conflict as error:  # the folder is watched by now
            if (conflict := (job.id, str(error))) not in _logged:
                _logged.add(conflict)
                log.info("a folder of the service file gets no job of its own: %s", error)
