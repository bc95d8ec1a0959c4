"""IIP's OBJ: several objects in one answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from iipserve.formats import Formats
from iipserve.image import ImageInfo
from iipserve.plan import Answer, Document, StatisticsPlan, image_ref
from iipserve.processing.statistics import Statistics
from iipserve.protocols import Server
from iipserve.protocols.iip.errors import ErrorLine, IIPError
from iipserve.protocols.iip.objects import ADVERTISED_OBJECTS, NETFPX, SERVER, Subject, object_kind

ADVERTISED_COMMANDS = (
    "CVT CNT QLT JTL PTL WTL ATL TTL JTLS TIL WID HEI RGN ROT MINMAX SHD CMP INV CTW GAM COL CNV LYR SDS ICC BPC "
    "SPECTRA PFL"
)
"""As iipsrv lists them; commands for tiles of further formats follow."""


class ObjectRequest(NamedTuple):
    """One object of a request."""

    name: str
    """In lower case."""
    swaps_sides: bool = False
    """A quarter turn (ROT) precedes it."""


class _Reply(NamedTuple):
    """The answer of one object."""

    text: str
    """Without the last line end."""
    media_type: str = NETFPX


def objects_answer(
    objects: Sequence[ObjectRequest], text: str, info: ImageInfo | None, server: Server
) -> Answer:
    """The lines of all objects, in order; the image is measured first if one of them needs it.

    Args:
        objects: all known.
        text: the whole request, for the error.
        info: the image; None only if no object needs it.
        server: settings and formats.

    Raises:
        IIPError: none of them has an answer.
    """
    lines = ObjectLines(tuple(objects), text, info, server)
    headers = (("IIP", "1.0"),) if any(requested.name.startswith("iip,") for requested in objects) else ()
    if info is not None and any(_needs_statistics(requested.name, info) for requested in objects):
        counts = any(_counts_samples(requested.name) for requested in objects)
        return Answer(StatisticsPlan(image_ref(info), lines, counts), headers)
    return Answer(lines(None), headers)


@dataclass(frozen=True, slots=True)
class ObjectLines:
    """Writes the answer to OBJ; arguments as of `objects_answer`."""

    objects: tuple[ObjectRequest, ...]
    text: str
    info: ImageInfo | None
    server: Server

    def __call__(self, statistics: Statistics | None) -> Document:
        """The lines of all objects.

        Raises:
            IIPError: none of them has an answer.
        """
        replies = [
            found for requested in self.objects if (found := self._reply(requested, statistics)) is not None
        ]
        if not replies:
            raise IIPError([ErrorLine("2 1", self.text)])
        # iipsrv: the content type is that of the last object that sets one; most set none
        types = (found.media_type for found in reversed(replies) if found.media_type != NETFPX)
        body = "".join(f"{found.text}\r\n" for found in replies).encode("utf-8", "replace")
        return Document(body, next(types, NETFPX))

    def _reply(self, requested: ObjectRequest, statistics: Statistics | None) -> _Reply | None:
        """The answer of one object; None if the image lacks the information."""
        text = server_object(requested.name, self.server.formats)
        if text is not None:
            return _Reply(text)
        kind = object_kind(requested.name)
        if kind is None or self.info is None:
            return None
        text = kind.describe(Subject(self.info, self.server.config, statistics, requested.swaps_sides))
        return None if text is None else _Reply(text, kind.media_type)


def _needs_statistics(name: str, info: ImageInfo) -> bool:
    kind = object_kind(name)
    return kind is not None and kind.needs_statistics(info)


def _counts_samples(name: str) -> bool:
    kind = object_kind(name)
    return kind is not None and kind.counts_samples


def is_server_object(name: str) -> bool:
    """Whether the object (lower case) is one that needs no image."""
    return name in SERVER_OBJECTS or name.startswith("iip,")


def server_object(name: str, formats: Formats) -> str | None:
    """The answer of an object (lower case) that needs no image, or None when it is none of those."""
    describe = SERVER_OBJECTS["iip,1.0"] if name.startswith("iip,") else SERVER_OBJECTS.get(name)
    return None if describe is None else describe(formats)


def advertised_commands(formats: Formats) -> str:
    """The commands of this server, separated by spaces."""
    known = ADVERTISED_COMMANDS.split()
    further = (name for name in map(str.upper, formats.by_tile_command) if name not in known)
    return " ".join((*known, *further))


SERVER_OBJECTS: Mapping[str, Callable[[Formats], str]] = {
    "iip,1.0": lambda formats: "IIP:1.0",
    "iip-server": lambda formats: SERVER,
    "iip-opt-comm": lambda formats: f"IIP-opt-comm:{advertised_commands(formats)}",
    "iip-opt-obj": lambda formats: f"IIP-opt-obj:{' '.join(ADVERTISED_OBJECTS)}",
}
"""Objects that need no image, by their name in lower case -> their answers."""
