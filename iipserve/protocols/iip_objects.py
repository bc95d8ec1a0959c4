"""What IIP tells of an image (OBJ), and errors in IIP's own syntax."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from iipserve.config import Config
from iipserve.errors import UnsupportedCommand
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import Answer, Document

NETFPX = "application/vnd.netfpx"
PLAIN = "text/plain; charset=utf-8"
JSON = "application/json"
LONGEST_FAULT = 31
"""An error line of iipsrv ends after this many characters."""


class Fault(NamedTuple):
    """One thing that is wrong, as IIP numbers it."""

    code: str
    """`1 3` no image, `2 1` nothing to send, `2 2` unsupported command, `3 2` unsupported object."""
    argument: str

    @property
    def line(self) -> str:
        """The error line without its end: its length counts from the code on."""
        text = f"{self.code} {self.argument}"
        return f"Error/{len(text)}:{text}"[:LONGEST_FAULT]


FAULT_TEXTS: Mapping[str, str] = {
    "1 3": "FIF=name has to come before {0!r}",
    "2 1": "{0!r} asks for nothing; OBJ, JTL or CVT would",
    "2 2": "command {0!r} is not supported",
    "3 2": "object {0!r} is not supported",
}


class IIPFault(UnsupportedCommand):
    """The request is wrong in a way that IIP has a number for."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """One error of one or more faults."""
        super().__init__("; ".join(FAULT_TEXTS[fault.code].format(fault.argument) for fault in faults))
        self.body = "".join(f"{fault.line}\r\n" for fault in faults).encode("utf-8", "replace")
        """The error lines."""


class Reply(NamedTuple):
    """What one object has to say."""

    text: str
    """Without the end of its last line."""
    media_type: str = NETFPX


Describe: TypeAlias = Callable[[ImageInfo, Config], str | None]


class ObjectKind(NamedTuple):
    """How one object is answered."""

    describe: Describe
    """None when there is nothing to tell."""
    media_type: str = NETFPX


def object_kind(name: str) -> ObjectKind | None:
    """The object called `name` (lower case) that tells of an image, or None."""
    if "colorspace" in name:  # iipsrv: Colorspace,0-2,0 and the like
        return OBJECTS["colorspace"]
    return OBJECTS.get(name)


def server_object(name: str) -> str | None:
    """The answer of an object (lower case) that needs no image, or None when it is none of those."""
    if name.startswith("iip,"):
        return SERVER_OBJECTS["iip,1.0"]
    return SERVER_OBJECTS.get(name)


def objects_answer(names: Sequence[str], text: str, info: ImageInfo | None, config: Config) -> Answer:
    """The lines of all objects, in order.

    Args:
        names: of known objects, in lower case.
        text: the whole request, for the error.
        info: the image; None only if no object needs it.
        config: the settings.

    Raises:
        IIPFault: none of them has anything to tell.
    """
    replies = [found for name in names if (found := reply(name, info, config)) is not None]
    if not replies:
        raise IIPFault([Fault("2 1", text)])
    # iipsrv: the content type is the last one that an object set, and most set none
    media_type = next((found.media_type for found in reversed(replies) if found.media_type != NETFPX), NETFPX)
    body = "".join(f"{found.text}\r\n" for found in replies).encode("utf-8", "replace")
    asks_version = any(name.startswith("iip,") for name in names)
    return Answer(Document(body, media_type), (("IIP", "1.0"),) if asks_version else ())


def reply(name: str, info: ImageInfo | None, config: Config) -> Reply | None:
    """The answer of a known object; None when there is nothing to tell."""
    text = server_object(name)
    if text is not None:
        return Reply(text)
    kind = object_kind(name)
    if kind is None or info is None:
        return None
    text = kind.describe(info, config)
    return None if text is None else Reply(text, kind.media_type)


def _max_size(info: ImageInfo, config: Config) -> str:
    return f"Max-size:{info.size.width} {info.size.height}"


def _resolution_number(info: ImageInfo, config: Config) -> str:
    return f"Resolution-number:{len(info.shown_sizes)}"


def _resolutions(info: ImageInfo, config: Config) -> str:
    return "Resolutions:" + ",".join(f"{size.width} {size.height}" for size in reversed(info.shown_sizes))


def _tile_size(info: ImageInfo, config: Config) -> str:
    return f"Tile-size:{info.tile.width} {info.tile.height}"


def _bits(info: ImageInfo, config: Config) -> str:
    return f"Bits-per-channel:{info.bits}"


def _colorspace(info: ImageInfo, config: Config) -> str:
    space = "1 1 0" if info.color_space is ColorSpace.GRAY else "3 3 0 1 2"
    return f"Colorspace,0-{len(info.shown_sizes) - 1},0:0 0 {space}"


def _sample_range(info: ImageInfo, config: Config) -> str:
    ranges = info.band_ranges or ((0, _highest_sample(info)),) * info.bands
    # Each number stands between two blanks of its own (iipsrv), the last without the second.
    return "Min-Max-sample-values:" + "".join(f" {value:.9g} " for pair in ranges for value in pair).rstrip()


def _highest_sample(info: ImageInfo) -> float:
    if info.dtype.startswith("float"):
        return 1.0
    return float(2 ** max(info.bits, 8) - 1)


def _dpi(info: ImageInfo, config: Config) -> str | None:
    """Pixels per metre, whatever the name says (iipsrv)."""
    if info.resolution is None:
        return None
    return f"DPI:{info.resolution.x:f} {info.resolution.y:f}"


def _basic_info(info: ImageInfo, config: Config) -> str:
    lines = (SERVER_OBJECTS["iip-server"], *(describe(info, config) for describe in BASIC_INFO))
    return "\r\n".join(lines)


def texts(info: ImageInfo, config: Config) -> Mapping[str, str]:
    """Descriptive metadata by name; images without rights get those of the settings."""
    if config.copyright and "rights" not in info.text:
        return {**info.text, "rights": config.copyright}
    return info.text


def _metadata(info: ImageInfo, config: Config) -> str:
    return json.dumps(dict(sorted(texts(info, config).items())), ensure_ascii=False, indent="\t")


def _summary(info: ImageInfo, config: Config) -> str | None:
    known = texts(info, config)
    present = [known[name] for name in SUMMARY if name in known]
    return "\r\n".join(present) if present else None


def _text(name: str) -> ObjectKind:
    return ObjectKind(lambda info, config: texts(info, config).get(name), PLAIN)


def _xmp(info: ImageInfo, config: Config) -> str | None:
    return None if info.xmp is None else info.xmp.decode("utf-8", "replace")


def _always(text: str) -> ObjectKind:
    return ObjectKind(lambda info, config: text)


BASIC_INFO = (_max_size, _resolution_number, _colorspace)
SUMMARY = ("rights", "description", "creator", "date", "software")
TEXTS = (
    "rights",
    "title",
    "description",
    "creator",
    "keywords",
    "comment",
    "last-author",
    "rev-number",
    "edit-time",
    "last-printed",
    "date",
    "last-save-dtm",
    "software",
    "make",
    "model",
    "scale",
)

OBJECTS: Mapping[str, ObjectKind] = {
    "basic-info": ObjectKind(_basic_info),
    "max-size": ObjectKind(_max_size),
    "resolution-number": ObjectKind(_resolution_number),
    "resolutions": ObjectKind(_resolutions),
    "tile-size": ObjectKind(_tile_size),
    "bits-per-channel": ObjectKind(_bits),
    "min-max-sample-values": ObjectKind(_sample_range),
    "colorspace": ObjectKind(_colorspace),
    "dpi": ObjectKind(_dpi),
    "horizontal-views": _always("Horizontal-views:0"),
    "vertical-views": _always("Vertical-views:90"),
    "metadata": ObjectKind(_metadata, JSON),
    "summary-info": ObjectKind(_summary, PLAIN),
    "xmp": ObjectKind(_xmp, "application/xml"),
    "stack": ObjectKind(lambda info, config: None),  # as for any image that is not a stack
    **{name: _text(name) for name in TEXTS},
}
"""Objects that tell of an image, by their name in lower case."""

COMMANDS_TOLD = "CVT QLT JTL PTL WTL ATL TTL TIL WID HEI RGN LYR"
OBJECTS_TOLD = (
    "Horizontal-views Vertical-views Tile-size Bits-per-channel Min-Max-sample-values Resolutions "
    "DPI Metadata Summary-info XMP"
)

SERVER_OBJECTS: Mapping[str, str] = {
    "iip,1.0": "IIP:1.0",
    "iip-server": "IIP-server:3.65",
    "iip-opt-comm": f"IIP-opt-comm:{COMMANDS_TOLD}",
    "iip-opt-obj": f"IIP-opt-obj:{OBJECTS_TOLD}",
}
"""Objects that need no image, with their answers, by their name in lower case."""
