"""Whether the images of collections are there, and as they were when they were added."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from iipserve.collection_jobs.context import Context
from iipserve.collections.edits import with_edits
from iipserve.collections.values import BROKEN, MISSING, Item
from iipserve.engine.image_items import ItemOptions, read_item
from iipserve.errors import INTERNAL_ERROR, IIPServeError, ImageNotFound, NotFound, PreconditionFailed
from iipserve.image import ImageName

log = logging.getLogger(__name__)

CHANGED = "changed"
"""The file has another length or time than the item."""
BACK = "back"
"""The file is there again."""
BUSY = "others change the item again and again; it stays as it is"
"""The item was changed by somebody else while its file was read, `ATTEMPTS` times."""
ATTEMPTS = 2
"""How often an item is repaired that others change meanwhile."""


class Finding(NamedTuple):
    """An item that is not as it was."""

    item: Item
    state: str
    """`MISSING`, `CHANGED`, `BACK`, `BUSY`, or `BROKEN` and why."""


def checked(context: Context, collection: str, repair: ItemOptions | None = None) -> Iterator[Finding | None]:
    """What is wrong with each item of a collection; None with those that are as they were.

    Args:
        context: the store and the images.
        collection: its name.
        repair: how files are read again, so that items agree with them; None: items stay as they are.
    """
    for item in context.store.items(collection):
        found = _finding(context, item)
        if found is not None and repair is not None:
            found = _repair(context, found, repair)
        yield found


def _finding(context: Context, item: Item) -> Finding | None:
    try:
        status = os.stat(context.roots.path(context.roots.identifier(item.href)))
    except (OSError, IIPServeError):
        return Finding(item, MISSING)
    if (status.st_size, status.st_mtime_ns) != (item.size, item.mtime_ns):
        return Finding(item, CHANGED)
    if item.is_ok:
        return None
    return Finding(item, BACK if item.status == MISSING else item.status)


def _repair(context: Context, found: Finding, options: ItemOptions) -> Finding | None:
    """Make an item agree with its file, and keep what others say of it meanwhile.

    Returns:
        What was wrong; None where others have repaired or deleted the item.
    """
    store, item = context.store, found.item
    try:
        for _ in range(ATTEMPTS):
            try:
                store.replace_item(_repaired(context, found, options), found.item.revision)
                return found
            except PreconditionFailed:
                again = _finding(context, store.item(item.collection, item.id))
            if again is None:
                return None
            found = again
    except NotFound:
        return None
    return Finding(item, BUSY)


def _repaired(context: Context, finding: Finding, options: ItemOptions) -> Item:
    """The item as its file is now: read again, or with the status that says why not."""
    item = finding.item
    if finding.state == MISSING:
        return replace(item, status=MISSING)
    try:
        known = replace(options, collection=item.collection, id=item.id)
        return with_edits(read_item(ImageName(item.href), context.library, context.geo_image, known), item)
    except ImageNotFound:
        return replace(item, status=MISSING)
    except IIPServeError as error:
        return replace(item, status=f"{BROKEN}{error}")
    except Exception:  # one file shall not end the repair of thousands
        log.exception("the item %r of the collection %r cannot be read", item.id, item.collection)
        return replace(item, status=f"{BROKEN}{INTERNAL_ERROR}")
