"""Jobs on collections as resources: what is asked of them, and documents of how far they are.

Documents have the members of OGC API - Processes (18-062r2, sections 7.12 and 7.13: `jobList`, `statusInfo`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from iipserve.collections import jobs
from iipserve.collections.access import Access
from iipserve.collections.jobs import Job
from iipserve.collections.times import format_instant
from iipserve.errors import InvalidRequest
from iipserve.geo import crs
from iipserve.protocols.resource_links import JSON, Json, link
from iipserve.protocols.stac.finding import find_collection
from iipserve.protocols.stac.site import Site

MAX_HREFS = 1000
"""References of one job."""
MAX_TEXT = 1024
"""Characters of one text of a job."""
READING = ("date", "date_field", "whole", "checksum")
"""Members that say how files are read."""
MEMBERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        jobs.ADD: ("hrefs", "paths", *READING),
        jobs.CHECK: ("repair", *READING),
        jobs.OVERVIEW: ("pixel_size", "crs"),
        jobs.IMPORT: ("href", *READING),
        jobs.WATCH: ("href", "paths", "interval", *READING),
    }
)
"""Parameters of each kind."""
INTERNAL = ("root", "stated", "media_type")
"""Parameters that clients do not state."""
TEXTS, FLAGS = ("date", "date_field", "href", "crs"), ("paths", "whole", "checksum", "repair")

RANGES = {"pixel_size": (1e-6, 1e9, "metres"), "interval": (1.0, 86400.0, "seconds")}
"""Members that are numbers: the smallest, the largest, and their unit."""
NEEDS_HREF: Mapping[str, str] = MappingProxyType(
    {
        jobs.IMPORT: "a job that imports items has the href of a file, or the items are posted as they are",
        jobs.WATCH: "a job that watches has the href of a folder",
    }
)
"""Kinds of jobs that are nothing without it, and why."""


def job_of(value: Any, collection: str) -> Job:
    """The job that an object asks for.

    Args:
        value: `{"kind": "add", "href": "scenes/"}`.
        collection: its name.

    Raises:
        InvalidRequest: it is none.
    """
    if not isinstance(value, dict):
        raise InvalidRequest('the body is no object; a job is one, as {"kind": "check"}')
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in MEMBERS:
        raise InvalidRequest(f"the kind of the job is {kind!r:.80}; there are {', '.join(MEMBERS)}")
    stated = {name: member for name, member in value.items() if name != "kind"}
    if kind == jobs.ADD:
        stated["hrefs"] = _hrefs(stated.pop("href", None), stated.get("hrefs"))
    for name, member in stated.items():
        if name not in MEMBERS[kind]:
            raise InvalidRequest(
                f"{name!r:.80} is not known of a job {kind!r}; there are {', '.join(MEMBERS[kind])}"
            )
        _check(name, member)
    if kind in NEEDS_HREF and not stated.get("href"):
        raise InvalidRequest(NEEDS_HREF[kind])
    if "crs" in stated:
        stated["crs"] = crs.parse(stated["crs"]).key
    return Job(id="", collection=collection, kind=kind, parameters=stated)


def _hrefs(one: Any, several: Any) -> list[str]:
    hrefs = [one] if one is not None else several
    if (one is not None and several is not None) or not isinstance(hrefs, list) or not hrefs:
        raise InvalidRequest("a job that adds images has href, a text, or hrefs, a list of them")
    if not all(isinstance(each, str) and each for each in hrefs):
        raise InvalidRequest("a reference is no text; files, folders and patterns are named by texts")
    if len(hrefs) > MAX_HREFS:
        raise InvalidRequest(f"the job has {len(hrefs)} references; {MAX_HREFS} are the most")
    for each in hrefs:
        _check_length("a reference", each)
    return hrefs


def _check(name: str, value: Any) -> None:
    if name in TEXTS and not isinstance(value, str):
        raise InvalidRequest(f"{name} is no text")
    if name in TEXTS:
        _check_length(name, value)
    if name in FLAGS and not isinstance(value, bool):
        raise InvalidRequest(f"{name} is neither true nor false")
    if name in RANGES:
        _check_number(name, value)


def _check_number(name: str, value: Any) -> None:
    lowest, highest, unit = RANGES[name]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not lowest <= value <= highest:
        raise InvalidRequest(f"{name} is no number of {unit} from {lowest:g} to {highest:g}")


def _check_length(name: str, text: str) -> None:
    if len(text) > MAX_TEXT:
        raise InvalidRequest(f"{name} has {len(text)} characters; {MAX_TEXT} are the most")


# -- actions ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartJob:
    """POST of a job."""

    collection: str
    body: Any

    def __call__(self, access: Access) -> Job:
        """Have it done. Raises `NotFound`, `InvalidRequest`, and what `Jobs.start` raises."""
        name = find_collection(access.store, self.collection).name
        return access.jobs.start(job_of(self.body, name))


@dataclass(frozen=True, slots=True)
class DismissJob:
    """DELETE of a job."""

    collection: str
    id: str

    def __call__(self, access: Access) -> Job:
        """Have it ended, or forgotten. Raises `NotFound`."""
        return access.store.dismiss_job(find_collection(access.store, self.collection).name, self.id)


def find_jobs(access: Access, collection: str) -> tuple[Job, ...]:
    """The jobs of a collection, the newest first. Raises `NotFound`."""
    found = access.store.jobs(collection)
    if not all(job.state.is_finished for job in found):
        access.jobs.look()
    return found


def find_job(access: Access, collection: str, id: str) -> Job:
    """One of them. Raises `NotFound`."""
    found = access.store.job(collection, id)
    if not found.state.is_finished:
        access.jobs.look()
    return found


# -- documents -------------------------------------------------------------------------------------


def job_document(job: Job, site: Site, *, lists: bool = True) -> Json:
    """How far a job is.

    Args:
        job: the job.
        site: addresses.
        lists: the images are listed that it could not deal with.
    """
    state = job.state
    found: Json = {
        "jobID": job.id,
        "processID": job.kind,
        "type": "process",
        "status": state.status,
        "message": state.message,
        **_times(job),
        "progress": state.progress,
        "collection": job.collection,
        "parameters": {name: value for name, value in job.parameters.items() if name not in INTERNAL},
        "done": state.done,
        "failed": state.failed,
        "total": state.total,
    }
    found = {name: value for name, value in found.items() if value is not None}
    if lists and state.failures:
        found["failures"] = [each._asdict() for each in state.failures]
    of = ("jobs", job.id)
    links = [
        link(site.collection(job.collection, *of), "self", JSON, "This job"),
        link(site.collection(job.collection), "collection", JSON, "The collection"),
        link(site.collection(job.collection, "jobs"), "up", JSON, "All jobs of the collection"),
    ]
    return {**found, "links": links}


def _times(job: Job) -> Json:
    times: Sequence[tuple[str, Any]] = (
        ("created", job.created), ("started", job.started), ("finished", job.finished), ("updated", job.updated),
    )  # fmt: skip
    return {name: format_instant(value) for name, value in times if value is not None}


def jobs_document(found: Sequence[Job], collection: str, site: Site) -> Json:
    """The jobs of a collection."""
    return {
        "jobs": [job_document(job, site, lists=False) for job in found],
        "links": [
            *site.own_links("collections", collection, "jobs"),
            link(site.collection(collection), "collection", JSON, "The collection"),
        ],
    }
