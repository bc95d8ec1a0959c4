"""Whether the images of collections are there, and as they were when they were added."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from iipserve.collection_command.adding import with_edits
from iipserve.collection_command.opening import Opened
from iipserve.collections.values import BROKEN, MISSING, Item
from iipserve.engine.image_items import ItemOptions, read_item
from iipserve.errors import IIPServeError, ImageNotFound
from iipserve.image import ImageName

CHANGED = "changed"
"""The file has another length or time than the item."""
BACK = "back"
"""The file is there again."""


class Finding(NamedTuple):
    """An item that is not as it was."""

    item: Item
    state: str
    """`MISSING`, `CHANGED`, `BACK`, or `BROKEN` and why."""


def findings(opened: Opened, items: Iterable[Item]) -> Iterator[Finding | None]:
    """What is wrong with each of the items; None with those that are as they were."""
    for item in items:
        yield _finding(opened, item)


def _finding(opened: Opened, item: Item) -> Finding | None:
    try:
        status = os.stat(opened.roots.path(opened.roots.identifier(item.href)))
    except (OSError, IIPServeError):
        return Finding(item, MISSING)
    if (status.st_size, status.st_mtime_ns) != (item.size, item.mtime_ns):
        return Finding(item, CHANGED)
    if item.is_ok:
        return None
    return Finding(item, BACK if item.status == MISSING else item.status)


def repaired(opened: Opened, finding: Finding, options: ItemOptions) -> Item:
    """The item as its file is now: read again, or with the status that says why not."""
    item = finding.item
    if finding.state == MISSING:
        return replace(item, status=MISSING)
    try:
        known = replace(options, collection=item.collection, id=item.id)
        return with_edits(read_item(ImageName(item.href), opened.library, opened.geo_image, known), item)
    except ImageNotFound:
        return replace(item, status=MISSING)
    except IIPServeError as error:
        return replace(item, status=f"{BROKEN}{error}")
