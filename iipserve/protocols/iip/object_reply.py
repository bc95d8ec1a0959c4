"""IIP's OBJ: several objects in one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from iipserve.config import Config
from iipserve.image import ImageInfo
from iipserve.plan import Answer, Document, StatisticsPlan, image_ref
from iipserve.processing.statistics import Statistics
from iipserve.protocols.encodings import is_written
from iipserve.protocols.iip.errors import ErrorLine, IIPError
from iipserve.protocols.iip.objects import ADVERTISED_OBJECTS, NETFPX, SERVER, Subject, object_kind

ADVERTISED_COMMANDS = (
    "CVT CNT QLT JTL PTL WTL ATL TTL JTLS TIL WID HEI RGN ROT MINMAX SHD CMP INV CTW GAM COL CNV LYR SDS ICC BPC "
    "SPECTRA PFL"
)
ADVERTISED_JPEG_XL = "XTL"
"""Told only where it is written."""


class ObjectRequest(NamedTuple):
    """One object of a request."""

    name: str
    """In lower case."""
    swaps_sides: bool = False
    """A quarter turn (ROT) stands before it."""


class _Reply(NamedTuple):
    """What one object has to say."""

    text: str
    """Without the end of its last line."""
    media_type: str = NETFPX


def objects_answer(
    objects: Sequence[ObjectRequest], text: str, info: ImageInfo | None, config: Config
) -> Answer:
    """The lines of all objects, in order; the image is measured first if one of them needs it.

    Args:
        objects: all known.
        text: the whole request, for the error.
        info: the image; None only if no object needs it.
        config: the settings.

    Raises:
        IIPError: none of them has anything to tell.
    """
    lines = ObjectLines(tuple(objects), text, info, config)
    headers = (("IIP", "1.0"),) if any(asked.name.startswith("iip,") for asked in objects) else ()
    if info is not None and any(_needs_statistics(asked.name, info) for asked in objects):
        return Answer(StatisticsPlan(image_ref(info), lines), headers)
    return Answer(lines(None), headers)


@dataclass(frozen=True, slots=True)
class ObjectLines:
    """Writes the answer to OBJ; arguments as of `objects_answer`."""

    objects: tuple[ObjectRequest, ...]
    text: str
    info: ImageInfo | None
    config: Config

    def __call__(self, statistics: Statistics | None) -> Document:
        """The lines of all objects.

        Raises:
            IIPError: none of them has anything to tell.
        """
        replies = [found for asked in self.objects if (found := self._reply(asked, statistics)) is not None]
        if not replies:
            raise IIPError([ErrorLine("2 1", self.text)])
        # iipsrv: the content type is the last one that an object set, and most set none
        types = (found.media_type for found in reversed(replies) if found.media_type != NETFPX)
        body = "".join(f"{found.text}\r\n" for found in replies).encode("utf-8", "replace")
        return Document(body, next(types, NETFPX))

    def _reply(self, asked: ObjectRequest, statistics: Statistics | None) -> _Reply | None:
        """What one object has to say; None when there is nothing to tell."""
        text = server_object(asked.name)
        if text is not None:
            return _Reply(text)
        kind = object_kind(asked.name)
        if kind is None or self.info is None:
            return None
        text = kind.describe(Subject(self.info, self.config, statistics, asked.swaps_sides))
        return None if text is None else _Reply(text, kind.media_type)


def _needs_statistics(name: str, info: ImageInfo) -> bool:
    kind = object_kind(name)
    return kind is not None and kind.needs_statistics(info)


def server_object(name: str) -> str | None:
    """The answer of an object (lower case) that needs no image, or None when it is none of those."""
    if name.startswith("iip,"):
        return SERVER_OBJECTS["iip,1.0"]
    text = SERVER_OBJECTS.get(name)
    return f"{text} {ADVERTISED_JPEG_XL}" if name == "iip-opt-comm" and is_written("jxl") else text


SERVER_OBJECTS: Mapping[str, str] = {
    "iip,1.0": "IIP:1.0",
    "iip-server": SERVER,
    "iip-opt-comm": f"IIP-opt-comm:{ADVERTISED_COMMANDS}",
    "iip-opt-obj": f"IIP-opt-obj:{' '.join(ADVERTISED_OBJECTS)}",
}
"""Objects that need no image, with their answers, by their name in lower case."""
