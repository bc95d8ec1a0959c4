"""What jobs do: adding images, checking them, building overviews, watching folders. The command line does the same with the same functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import BinaryIO, TypeAlias

from iipserve.collection_jobs.adding import Outcome
from iipserve.collection_jobs.checking import BUSY, checked
from iipserve.collection_jobs.context import Context
from iipserve.collection_jobs.control import Control
from iipserve.collection_jobs.exchange import Importer, read_documents
from iipserve.collection_jobs.finding import Finder
from iipserve.collection_jobs.overviews import overview_of, renew
from iipserve.collection_jobs.reading import adder_of, options_of
from iipserve.collection_jobs.watch_jobs import check_watch, watch
from iipserve.collections.access import Access
from iipserve.collections.jobs import ADD, CHECK, IMPORT, OVERVIEW, WATCH, Job
from iipserve.collections.values import REPLACED
from iipserve.errors import Forbidden, InvalidRequest
from iipserve.protocols.stac.bodies import parsed
from iipserve.protocols.stac.changes import Added, AddItems, edits_of, several_of
from iipserve.protocols.stac.geoparquet import read_parquet
from iipserve.protocols.stac.item_exchange import read_lines
from iipserve.protocols.stac.site import PARQUET

ITEMS = 100
"""Items of a request that are written at once."""

Work: TypeAlias = Callable[[Context, Control, Access, BinaryIO | None], str]
"""Does a job; what came of it in words. Raises errors of which the job tells, and `Dismissed`."""


def add(context: Context, control: Control, access: Access, content: BinaryIO | None) -> str:
    """Add the images of files, folders and patterns, or what the body of a request says of items."""
    job = control.job
    if content is not None:
        return _add_items(control, access, content)
    control.say("looking for images")
    finder = Finder(context.roots, context.library, context.roots.place)
    identifiers = list(control.over(finder.identifiers(job.parameters["hrefs"])))
    control.say("adding images", len(identifiers))
    total = Outcome()
    for outcome in adder_of(context, job).add(identifiers):
        total = total.plus(outcome._replace(failures=()))
        control.step(outcome.total, outcome.failures)
    return total.text(control.failed)


def _add_items(control: Control, access: Access, content: BinaryIO) -> str:
    job = control.job
    several = several_of(parsed(content.read())) or []
    control.say("adding items", len(several))
    total = Outcome()
    for start in range(0, len(several), ITEMS):
        edits = edits_of(several[start : start + ITEMS], job.collection, job.parameters["root"])
        added = AddItems(job.collection, edits, job.parameters["upsert"])(access)
        assert isinstance(added, Added)
        updated = sum(each.status == REPLACED for each in added.results)
        total = total.plus(Outcome(len(edits) - len(added.refused) - updated, updated))
        control.step(len(edits), ((each.id, each.error) for each in added.refused))
    return total.text(control.failed)


def check(context: Context, control: Control, access: Access, content: BinaryIO | None) -> str:
    """Compare items with their files; where that is asked for, make them agree."""
    job = control.job
    count = context.store.collection(job.collection).summary.count
    control.say("checking", count)
    repair, wrong, seen = bool(job.parameters.get("repair")), 0, 0
    for found in checked(context, job.collection, options_of(job) if repair else None):
        control.step(1, [] if found is None else [(found.item.id, found.state)])
        wrong, seen = wrong + (found is not None and found.state != BUSY), seen + 1
    return f"{seen} items, {wrong} {'repaired' if repair else 'not as they were'}"


def overview(context: Context, control: Control, access: Access, content: BinaryIO | None) -> str:
    """Build one image of the whole collection."""
    job, asked = control.job, control.job.parameters
    control.say("looking at images")
    collection = context.store.collection(job.collection)
    builder, path = overview_of(context, collection, "", asked.get("pixel_size"), asked.get("crs", ""))
    control.say("building", builder.blocks)
    for _ in builder.write(path):
        control.step()
    renew(context.store, job.collection)
    control.step(0, builder.failures.items())
    size = builder.shape.grid.size
    return f"{size.width} x {size.height} pixels, {len(builder.failures)} images left out"


def import_(context: Context, control: Control, access: Access, content: BinaryIO | None) -> str:
    """Add the items of a file, or of the body of a request, in place of those with the same ids."""
    job = control.job
    control.say("adding items")
    href = job.parameters.get("href", "")
    if content is None:
        documents = read_documents(context.roots.place(href))
    else:
        documents = (read_parquet if job.parameters.get("media_type") == PARQUET else read_lines)(content)
    total = Outcome()
    for outcome in Importer(context, job.collection, options_of(job)).add(documents):
        total = total.plus(outcome._replace(failures=()))
        control.step(outcome.total, outcome.failures)
    return total.text(control.failed)


WORK: Mapping[str, Work] = {ADD: add, CHECK: check, OVERVIEW: overview, IMPORT: import_, WATCH: watch}
"""By kinds of jobs."""


def prepare(context: Context, job: Job) -> None:
    """See that a job can be done, as far as is known at once.

    Raises:
        InvalidRequest, Forbidden, Conflict: it cannot.
    """
    for href in job.parameters.get("hrefs", ()):
        context.roots.place(href)
    if job.kind == OVERVIEW and not (context.settings and context.settings.overview_folder):
        raise Forbidden("overviews cannot be built here: the service file names no overview_folder")
    if job.kind == WATCH:
        check_watch(context, job)
    elif "href" in job.parameters and not os.path.isfile(context.roots.place(job.parameters["href"])):
        raise InvalidRequest(f"there is no file {job.parameters['href']!r:.200} below the folder of images")
