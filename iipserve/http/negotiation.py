"""Content negotiation (RFC 9110 section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

MAX_ACCEPT_LENGTH = 4096
"""Characters of an Accept header that are read."""
ACCEPT_ENTRY = re.compile(r'(?:[^,"]|"[^"]*")+')
"""One media range; commas inside quotes do not separate."""
MEDIA_PARAMETER = re.compile(r';\s*([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^\s;,"]*))')
QUALITY_VALUE = re.compile(r"[01](\.[0-9]{0,3})?")


class _MediaRange(NamedTuple):
    """A media range of an Accept header, or an offered media type."""

    media_type: str
    """In lower case; may end in or be `*`."""
    profile: str
    weight: float


def negotiated(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offered media type that the client prefers (RFC 9110 section 12.5.1); None if it accepts none.

    Args:
        accept: the Accept header; without one the first offer is taken.
        offers: in the server's order of preference; `profile` is the one parameter that is compared.
    """
    return _negotiated(accept[:MAX_ACCEPT_LENGTH], tuple(offers)) if accept else offers[0]


@lru_cache(maxsize=256)
def _negotiated(accept: str, offers: tuple[str, ...]) -> str | None:
    ranges = [_media_range(entry) for entry in ACCEPT_ENTRY.findall(accept)]
    weights = {offer: _weight(_media_range(offer), ranges) for offer in offers}
    best = max(offers, key=weights.__getitem__)
    return best if weights[best][0] > 0 else None


def _media_range(entry: str) -> _MediaRange:
    parameters = {name.lower(): quoted or bare for name, quoted, bare in MEDIA_PARAMETER.findall(entry)}
    weight = parameters.get("q", "1")
    return _MediaRange(
        entry.partition(";")[0].strip().lower(),
        parameters.get("profile", ""),
        float(weight) if QUALITY_VALUE.fullmatch(weight) else 1.0,
    )


def _weight(offer: _MediaRange, ranges: Sequence[_MediaRange]) -> tuple[float, int]:
    """Weight and precedence of the most specific range that covers an offer; explicit types win over `*`."""
    precedence = {"*/*": 1, f"{offer.media_type.partition('/')[0]}/*": 2, offer.media_type: 3}
    best = (0, 0.0)
    for media_type, profile, weight in ranges:
        if media_type in precedence and profile in ("", offer.profile):
            best = max(best, (precedence[media_type] + bool(profile), weight))
    return best[1], best[0]
