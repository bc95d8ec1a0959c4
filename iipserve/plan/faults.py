"""Faults of single images in pictures of several: each leaves its hole, and a line in the log, and is counted."""

from __future__ import annotations

import logging

from iipserve.exchange import lacks
from iipserve.lru import LRU

log = logging.getLogger(__name__)

MAX_REPORTS = 1000
"""Faults that have a line in the log and get no other."""

_reported: LRU[tuple[str, str], bool] = LRU(MAX_REPORTS)


def report(identifier: str, reason: str) -> None:
    """Write to the log that an image leaves its hole, once for each reason, and note that the present answer lacks it."""
    lacks(identifier)
    if not _reported.get((identifier, reason)):
        _reported.set((identifier, reason), True)
        log.warning("%r leaves a hole in mosaics: %s", identifier, reason)
