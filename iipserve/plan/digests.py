"""Digests of plans: entity tags, and keys that are the same in every process."""

from __future__ import annotations

import hashlib

from iipserve import __version__


def digest_of(plan: object) -> str:
    """32 hexadecimal digits that identify a plan, whose `repr` is complete, and this version of the server."""
    return hashlib.blake2b(repr((__version__, plan)).encode(), digest_size=16).hexdigest()
