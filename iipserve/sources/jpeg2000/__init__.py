"""JPEG 2000 in JP2, JPX and JPH files, and as bare codestreams."""

from __future__ import annotations

from iipserve.sources import SourceFormat, Support
from iipserve.sources.jpeg2000 import boxes, codestream
from iipserve.sources.jpeg2000.openjpeg import library_version
from iipserve.sources.jpeg2000.source import open_upright


def _support() -> list[Support]:
    library = f"OpenJPEG {library_version()}"
    return [Support("JPEG 2000", library), Support("HTJ2K", library)]


def _matches(head: bytes) -> bool:
    return head.startswith((boxes.SIGNATURE, codestream.START))


FORMAT = SourceFormat("jpeg2000", _matches, open_upright, support=_support)
