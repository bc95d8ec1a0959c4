"""Which images have been purged, and when: they count as changed from then on, whatever their files say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

EVERYTHING = "/"
"""What is purged, if all images are."""
MAX_NAMES = 500
"""Names that are known; more are taken for everything."""
MAX_NAME_LENGTH = 1000
"""Characters of a name."""
MAX_BYTES = 900_000
"""Of all names, encoded."""
SLASHES = re.compile(r"/(?:\.?/)*")
"""As long as they lead nowhere else: `a//b` and `a/./b` are `a/b`."""


@dataclass(frozen=True, slots=True)
class Purges:
    """Times of purges by name: an image, a folder with a slash at its end, or `EVERYTHING`. Immutable."""

    times: Mapping[str, int] = field(default_factory=dict)
    """In milliseconds since 1970."""

    def time(self, identifier: str) -> int:
        """When an image was last purged, 0 if it never was."""
        times = self.times
        if not times:
            return 0
        return max((times.get(name, 0) for name in _names_of(identifier)), default=0)

    def purged(self, name: str, now: float) -> Purges:
        """These, and one more.

        Args:
            name: see the class.
            now: in seconds since 1970; the time of a purge is later than all before, whatever the clocks say.
        """
        moment = max(int(now * 1000), max(self.times.values(), default=0) + 1)
        return self.merged(Purges({normal(name): moment}))

    def merged(self, other: Purges) -> Purges:
        """These and those of others; the later time counts."""
        times = dict(self.times)
        for name, moment in other.times.items():
            times[name] = max(moment, times.get(name, 0))
        found = Purges(times)
        if len(times) > MAX_NAMES or len(found.encoded()) > MAX_BYTES:
            found = Purges({EVERYTHING: max(times.values())})
        return found

    def encoded(self) -> bytes:
        """As text for other processes."""
        return json.dumps(dict(sorted(self.times.items())), separators=(",", ":")).encode()

    @classmethod
    def decoded(cls, text: bytes) -> Purges:
        """The inverse of `encoded`.

        Raises:
            ValueError: it is no such text.
        """
        found = json.loads(text)
        if not isinstance(found, dict) or not all(type(moment) is int for moment in found.values()):
            raise ValueError("no times by name")
        return cls(found)


def normal(name: str) -> str:
    """A name as it is compared: without slashes that mean nothing; empty names are `EVERYTHING`."""
    name = SLASHES.sub("/", f"/{name}")[1:]
    return name or EVERYTHING


def _names_of(identifier: str) -> Iterator[str]:
    """All names that an image is purged by."""
    name = normal(identifier)
    yield name
    while (end := name.rfind("/", 0, len(name) - 1)) >= 0:
        name = name[: end + 1]
        yield name
    yield EVERYTHING
