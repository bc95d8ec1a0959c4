"""What IIP tells of an image (OBJ), object by object.

Two objects are not iipsrv's; both are JSON, of the samples as the file holds them, measured once:

    OBJ=statistics: {"samples": 4000000, "threshold": 126,
                     "bands": [{"minimum": 1, "maximum": 239, "mean": 96.5, "deviation": 40.25}, ...]}
    OBJ=histogram:  {"samples": 4000000, "brightness": [256 counts],
                     "bands": [{"minimum": 1, "maximum": 239, "counts": [256 counts]}, ...]}

`samples` is how many pixels were looked at, `bands` has the opacity last where there is one. `counts` are in
bins of equal width from `minimum` to `maximum` (8 bits: one for each value), `brightness` is that of the
smallest resolution's first tile as it is shown, `threshold` the one by which COL=binary parts it. What no
number is known for is null.
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
    """What objects are told of."""

    info: ImageInfo
    config: Config
    statistics: Statistics | None = None
    """What was measured; None unless one of the objects needs it."""
    swaps_sides: bool = False
    """Width and height change places: ROT came before."""


Describe: TypeAlias = Callable[[Subject], str | None]


def _never(info: ImageInfo) -> bool:
    return False


def _always(info: ImageInfo) -> bool:
    return True


class ObjectKind(NamedTuple):
    """How one object is answered."""

    describe: Describe
    """None when there is nothing to tell."""
    media_type: str = NETFPX
    needs_statistics: Callable[[ImageInfo], bool] = _never
    """Whether this image has to be measured for it."""


def object_kind(name: str) -> ObjectKind | None:
    """The object called `name` (lower case) that tells of an image, or None."""
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
    elif info.color_space is ColorSpace.GRAY and info.bits > 1:  # black and white counts as colors (iipsrv)
        space = "0 0 1 1 0"
    return f"Colorspace,0-{len(info.resolution_sizes) - 1},0:{space}"


def _sample_range(subject: Subject) -> str:
    numbers = (number for pair in _ranges(subject.info, subject.statistics) for number in pair)
    # Each number stands between two blanks of its own (iipsrv), the last without the second.
    return "Min-Max-sample-values:" + "".join(f" {number:.9g} " for number in numbers).rstrip()


def _ranges(info: ImageInfo, known: Statistics | None) -> Sequence[tuple[float, float]]:
    """Darkest and lightest sample of each band: declared, else the type's, else measured."""
    full = info.full_range or (0.0, 1.0)
    ranges = tuple(info.band_ranges)
    if not ranges and known is not None:
        ranges = tuple(statistics.measured_ranges(known.bands, info))
    return (*ranges, *[full] * (info.bands - len(ranges)))[: info.bands]


def _has_unknown_range(info: ImageInfo) -> bool:
    return not info.band_ranges and info.full_range is None


def _stack(subject: Subject) -> str | None:
    layers = [
        {"id": number, "name": layer.name, "scale": _number(layer.scale)}
        for number, layer in enumerate(subject.info.stack)
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
    """The number as JSON is to have it: whole ones without decimals, None for what JSON has no word for."""
    if not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else float(value)


def _dpi(subject: Subject) -> str | None:
    """Pixels per metre, whatever the name says (iipsrv)."""
    resolution = subject.info.resolution
    return None if resolution is None else f"DPI:{resolution.x:f} {resolution.y:f}"


def _basic_info(subject: Subject) -> str:
    lines = (SERVER, *(describe(subject) for describe in BASIC_INFO))
    return "\r\n".join(lines)


def texts(info: ImageInfo, config: Config) -> Mapping[str, str]:
    """Descriptive metadata by name; images without rights get those of the settings."""
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

OBJECTS: Mapping[str, ObjectKind] = {
    "basic-info": ObjectKind(_basic_info),
    "max-size": ObjectKind(_max_size),
    "resolution-number": ObjectKind(_resolution_number),
    "resolutions": ObjectKind(_resolutions),
    "tile-size": ObjectKind(_tile_size),
    "bits-per-channel": ObjectKind(_bits),
    "min-max-sample-values": ObjectKind(_sample_range, needs_statistics=_has_unknown_range),
    "colorspace": ObjectKind(_colorspace),
    "dpi": ObjectKind(_dpi),
    "horizontal-views": ObjectKind(_horizontal_views),
    "vertical-views": ObjectKind(_vertical_views),
    "metadata": ObjectKind(_metadata, JSON),
    "summary-info": ObjectKind(_summary, PLAIN),
    "xmp": ObjectKind(_xmp, "application/xml"),
    "stack": ObjectKind(_stack, JSON),
    "statistics": ObjectKind(_statistics, JSON, _always),
    "histogram": ObjectKind(_histogram, JSON, _always),
    **{name: _text(name) for name in TEXTS},
}
"""Objects that tell of an image, by their name in lower case."""
