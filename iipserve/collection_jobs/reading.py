"""How jobs read images and add them: by their parameters, within the limits of requests."""

from __future__ import annotations

from iipserve.collection_jobs.adding import Adder
from iipserve.collection_jobs.context import Context
from iipserve.collections.jobs import Job
from iipserve.engine.image_dates import DateRules
from iipserve.engine.image_items import MAX_CHECKSUM, ItemOptions

BATCH = 20
"""Images that are read before they are written at once: few enough that progress is seen."""


def options_of(job: Job) -> ItemOptions:
    """How images are read."""
    asked = job.parameters
    return ItemOptions(
        collection=job.collection,
        dates=DateRules(asked.get("date", ""), "", asked.get("date_field", "")),
        max_checksum=None if asked.get("checksum") else MAX_CHECKSUM,
        reads_pixels=not asked.get("whole", False),
    )


def adder_of(context: Context, job: Job) -> Adder:
    """What adds images to the collection of a job, in its thread."""
    return Adder(
        context,
        job.collection,
        options_of(job),
        whole_paths=job.parameters.get("paths", False),
        jobs=1,
        batch=BATCH,
    )
