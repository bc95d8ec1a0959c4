"""Media types with parameters as clients write them (RFC 9110, 8.3.1)."""

from __future__ import annotations

from typing import NamedTuple


class MediaType(NamedTuple):
    """A media type in lower case, whose parameters have no order."""

    essence: str
    """Type and subtype: `image/tiff`."""
    parameters: frozenset[tuple[str, str]] = frozenset()
    """Names and values, without quotes."""

    def is_a(self, other: MediaType) -> bool:
        """Whether it is of the same type as another, and has all its parameters."""
        return self.essence == other.essence and self.parameters >= other.parameters


def parsed(text: str) -> MediaType:
    """What a client wrote; what is no media type becomes one that nothing is equal to.

    A space within a subtype is the `+` of an address that was not encoded: `application/gml xml`.
    """
    essence, *rest = text.lower().split(";")
    pairs = (parameter.partition("=") for parameter in rest)
    return MediaType(
        "+".join(essence.split()),
        frozenset((name.strip(), value.strip().strip("\"'")) for name, _, value in pairs if name.strip()),
    )
