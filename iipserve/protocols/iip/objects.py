"""The objects that describe an image (IIP's OBJ).

Two objects are not iipsrv's; both are JSON, about the samples as the file holds them, measured once:

    OBJ=statistics: {"samples": 4000000, "threshold": 126,
                     "bands": [{"minimum": 1, "maximum": 239, "mean": 96.5, "deviation": 40.25}, ...]}
    OBJ=histogram:  {"samples": 4000000, "brightness": [256 counts],
                     "bands": [{"minimum": 1, "maximum": 239, "counts": [256 counts]}, ...]}

`samples` is the number of pixels measured; opacity, if any, is the last of `bands`. `counts` are in bins of
equal width from `minimum` to `maximum` (8 bits: one for each value), `brightness` is that of the smallest
resolution's first tile as displayed, `threshold` the one that COL=binary uses. Unknown numbers are null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from iipserve.config import Config
from iipserve.image import FIRST, ColorSpace, ImageInfo
from iipserve.processing import statistics
from iipserve.processing.statistics import Statistics

NETFPX = "application/vnd.netfpx"
PLAIN = "text/plain; charset=utf-8"
JSON = "application/json"
SERVER = "IIP-server:3.65"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an object describes."""

    info: ImageInfo
    config: Config
    statistics: Statistics | None = None
    """None unless one of the objects needs it."""
    swaps_sides: bool = False
    """Width and height are exchanged: a quarter turn (ROT) precedes the object."""


Describe: TypeAlias = Callable[[Subject], str | None]


def _never(info: ImageInfo) -> bool:
    return False


def _always(info: ImageInfo) -> bool:
    return True


class ObjectKind(NamedTuple):
    """How an object is answered."""

    describe: Describe
    """Returns None if the image lacks the information."""
    media_type: str = NETFPX
    needs_statistics: Callable[[ImageInfo], bool] = _never
    """Whether this image must be measured for it."""
    counts_samples: bool = False
    """It tells how many samples have which value."""


def object_kind(name: str) -> ObjectKind | None:
    """The object called `name` (lower case) that describes an image, or None."""
    if "colorspace" in name:  # iipsrv: Colorspace,0-2,0 and the like
        return OBJECTS["colorspace"]
    return OBJECTS.get(name)


def _max_size(subject: Subject) -> str:
    sides = subject.info.size.width, subject.info.size.height
    return "Max-size:{} {}".format(*(reversed(sides) if subject.swaps_sides else sides))


def _resolution_number(subject: Subject) -> str:
    return f"Resolution-number:{len(subject.info.resolution_sizes)}"


def _resolutions(subject: Subject) -> str:
    sizes = reversed(subject.info.resolution_sizes)
    return "Resolutions:" + ",".join(f"{size.width} {size.height}" for size in sizes)


def _tile_size(subject: Subject) -> str:
    return f"Tile-size:{subject.info.tile.width} {subject.info.tile.height}"


def _bits(subject: Subject) -> str:
    return f"Bits-per-channel:{subject.info.bits}"


def _horizontal_views(subject: Subject) -> str:
    return "Horizontal-views:" + " ".join(str(found.horizontal) for found in subject.info.selectors)


def _vertical_views(subject: Subject) -> str:
    angles = subject.info.angles
    return "Vertical-views:" + " ".join(map(str, angles.vertical if angles else (FIRST.vertical,)))


def _colorspace(subject: Subject) -> str:
    info = subject.info
    space = "0 0 3 3 0 1 2"
    if info.color_space is ColorSpace.CIELAB:
        space = "1 0 4 3 0 1 2"
    elif info.color_space is ColorSpace.GRAY and info.bits > 1:  # bilevel counts as color (iipsrv)
        space = "0 0 1 1 0"
    return f"Colorspace,0-{len(info.resolution_sizes) - 1},0:{space}"


def _sample_range(subject: Subject) -> str:
    numbers = (number for pair in _ranges(subject.info, subject.statistics) for number in pair)
    # A blank before and after each number, except after the last (iipsrv).
    return "Min-Max-sample-values:" + "".join(f" {number:.9g} " for number in numbers).rstrip()


def _ranges(info: ImageInfo, known: Statistics | None) -> Sequence[tuple[float, float]]:
    """Darkest and lightest sample of each band: declared, else measured, else the range of the type."""
    full = info.full_range or (0.0, 1.0)
    ranges = tuple(info.band_ranges)
    if not ranges and known is not None:
        ranges = tuple(statistics.measured_ranges(known.bands, info))
    return (*ranges, *[full] * (info.bands - len(ranges)))[: info.bands]


def _has_unknown_range(info: ImageInfo) -> bool:
    return not info.band_ranges and info.full_range is None


def _stack(subject: Subject) -> str | None:
    layers = [
        {"id": index, "name": layer.name, "scale": _number(layer.scale)}
        for index, layer in enumerate(subject.info.stack)
    ]
    return json.dumps(layers, ensure_ascii=False, indent="\t") if layers else None


def _statistics(subject: Subject) -> str | None:
    known = subject.statistics
    if known is None:
        return None
    bands = [
        {
            "minimum": _number(band.minimum),
            "maximum": _number(band.maximum),
            "mean": _number(band.mean),
            "deviation": _number(band.deviation),
        }
        for band in known.bands
    ]
    return json.dumps({"samples": known.samples, "threshold": known.threshold, "bands": bands})


def _histogram(subject: Subject) -> str | None:
    known = subject.statistics
    if known is None:
        return None
    bands = [
        {"minimum": _number(band.minimum), "maximum": _number(band.maximum), "counts": band.histogram}
        for band in known.bands
    ]
    return json.dumps({"samples": known.samples, "brightness": known.brightness, "bands": bands})


def _number(value: float) -> float | int | None:
    """The number for JSON: integers without decimals, None for NaN and infinities."""
    if not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else float(value)


def _dpi(subject: Subject) -> str | None:
    """Pixels per metre, despite the name (iipsrv)."""
    resolution = subject.info.resolution
    return None if resolution is None else f"DPI:{resolution.x:f} {resolution.y:f}"


def _basic_info(subject: Subject) -> str:
    lines = (SERVER, *(describe(subject) for describe in BASIC_INFO))
    return "\r\n".join(lines)


def texts(info: ImageInfo, config: Config) -> Mapping[str, str]:
    """Descriptive metadata by name; `rights` defaults to the COPYRIGHT setting."""
    if config.copyright and "rights" not in info.text:
        return {**info.text, "rights": config.copyright}
    return info.text


def _metadata(subject: Subject) -> str:
    known = texts(subject.info, subject.config)
    return json.dumps(dict(sorted(known.items())), ensure_ascii=False, indent="\t")


def _summary(subject: Subject) -> str | None:
    known = texts(subject.info, subject.config)
    present = [known[name] for name in SUMMARY if name in known]
    return "\r\n".join(present) if present else None


def _text(name: str) -> ObjectKind:
    return ObjectKind(lambda subject: texts(subject.info, subject.config).get(name), PLAIN)


def _labeled_text(label: str, name: str) -> ObjectKind:
    """A text in the form of iipsrv up to 1.1: `author/11:Artist Name`, with its length in bytes."""

    def describe(subject: Subject) -> str | None:
        text = texts(subject.info, subject.config).get(name)
        return None if text is None else f"{label}/{len(text.encode())}:{text}"

    return ObjectKind(describe)


def _xmp(subject: Subject) -> str | None:
    return None if subject.info.xmp is None else subject.info.xmp.decode("utf-8", "replace")


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
OLD_TEXTS = {
    "copyright": "rights",
    "subject": "description",
    "author": "creator",
    "create-dtm": "date",
    "app-name": "software",
}
"""Names that iipsrv had up to 1.1, and those it has since."""

ADVERTISED_OBJECTS: Mapping[str, ObjectKind] = {
    "Horizontal-views": ObjectKind(_horizontal_views),
    "Vertical-views": ObjectKind(_vertical_views),
    "Tile-size": ObjectKind(_tile_size),
    "Bits-per-channel": ObjectKind(_bits),
    "Min-Max-sample-values": ObjectKind(_sample_range, needs_statistics=_has_unknown_range),
    "Resolutions": ObjectKind(_resolutions),
    "DPI": ObjectKind(_dpi),
    "Stack": ObjectKind(_stack, JSON),
    "Metadata": ObjectKind(_metadata, JSON),
    "Summary-info": ObjectKind(_summary, PLAIN),
    "XMP": ObjectKind(_xmp, "application/xml"),
    "Statistics": ObjectKind(_statistics, JSON, _always, counts_samples=True),
    "Histogram": ObjectKind(_histogram, JSON, _always, counts_samples=True),
}
"""Objects that the server lists in IIP-opt-obj, in iipsrv's order; those that IIP requires are not listed."""

OBJECTS: Mapping[str, ObjectKind] = {
    "basic-info": ObjectKind(_basic_info),
    "max-size": ObjectKind(_max_size),
    "resolution-number": ObjectKind(_resolution_number),
    "colorspace": ObjectKind(_colorspace),
    **{name.lower(): kind for name, kind in ADVERTISED_OBJECTS.items()},
    **{name: _text(name) for name in TEXTS},
    **{old: _labeled_text(old, name) for old, name in OLD_TEXTS.items()},
}
"""All objects that describe an image, by their name in lower case."""
