"""Formats of maps, in the spellings of many clients."""

from __future__ import annotations

from iipserve.geo.crs import quoted
from iipserve.geo.ows.exceptions import OwsError
from iipserve.protocols import Server
from iipserve.protocols import map_options as options
from iipserve.protocols.wms.faults import INVALID_FORMAT

MAPML = "text/mapml"
SPELLINGS = {
    **dict.fromkeys(("png8", "png24", "png32", "x-png", "apng"), "png"),
    **dict.fromkeys(("jpg", "pjpeg", "jpeg2"), "jpeg"),
    **dict.fromkeys(("tif", "geotiff", "geotiff8", "tiff8", "gtiff"), "tiff"),
}
"""Names of formats by others, as MapServer and GeoServer have them: `image/png8`, `image/geotiff`."""
EITHER = ("vnd.jpeg-png", "vnd.jpeg-png8")
"""GeoServer: PNG where something may be clear, else JPEG."""


def is_mapml(text: str) -> bool:
    """Whether a format is that of MapML documents."""
    return _word(text) == MAPML


def _word(text: str) -> str:
    """A media type in lower case, without its parameters, whose `+` may have become a space."""
    return text.partition(";")[0].strip().lower()


def format_name(text: str, server: Server, *, transparent: bool = False) -> str:
    """The name of the output format.

    Args:
        text: a media type, with or without parameters, or the name of a format, in any case.
        server: its formats, and those that the service file offers.
        transparent: the map is to be clear where it has no data.

    Raises:
        OwsError: InvalidFormat.
    """
    offered = options.formats(server.catalog().metadata, server.formats)
    word = _word(text)
    found = offered.get(word)
    if found is None:
        short = word.removeprefix("image/")
        if short in EITHER:
            short = "png" if transparent else "jpeg"
        short = SPELLINGS.get(short, short)
        found = short if short in offered.values() else None
    if found is None:
        raise OwsError(
            INVALID_FORMAT, f"format {quoted(text)} is not offered; {', '.join(offered)} are", "format"
        )
    return found
