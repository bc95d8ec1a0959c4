"""Files that cannot be shown, named in the log: each version of one once, however many workers meet it.

What has been named is kept in memory that is made on import: before the fork, all workers share it.
"""

from __future__ import annotations

import logging
import mmap
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from iipserve.errors import DecodeError, UnsupportedImage

log = logging.getLogger(__name__)

HASH_LENGTH = 8
BUCKET_LENGTH = 4 * HASH_LENGTH
BUCKETS = 4096
"""Of four versions each; of more, the one that came first in its bucket is named again."""

KINDS = ((DecodeError, "is damaged"), (UnsupportedImage, "cannot be shown"))

_named = mmap.mmap(-1, BUCKETS * BUCKET_LENGTH)


def report(identifier: str, version: object, error: Exception) -> None:
    """Write to the log that a file cannot be shown, if this version of it is not named there yet.

    Errors that are not about the file are ignored.
    """
    kind = next((text for error_type, text in KINDS if isinstance(error, error_type)), None)
    if kind is not None and _is_first(identifier, version):
        log.warning("%r %s: %s", identifier, kind, str(error))  # which holds no frames, and with them files


def report_shown(images: Sequence[Any], error: Exception) -> None:
    """As `report`, of the image that a plan shows, if it is the only one: what reads files reports those of several."""
    if len(images) == 1:
        report(images[0].identifier, images[0].version, error)


def _is_first(identifier: str, version: object) -> bool:
    """Whether a version is not named yet; from now on it is.

    Two processes that meet it within a microsecond may both name it.
    """
    name = blake2b(f"{identifier}\n{version!r}".encode("utf-8", "surrogateescape"), digest_size=HASH_LENGTH)
    known = name.digest()
    start = int.from_bytes(known[:4], "big") % BUCKETS * BUCKET_LENGTH
    bucket = _named[start : start + BUCKET_LENGTH]
    if any(bucket[at : at + HASH_LENGTH] == known for at in range(0, BUCKET_LENGTH, HASH_LENGTH)):
        return False
    _named[start : start + BUCKET_LENGTH] = bucket[HASH_LENGTH:] + known
    return True
