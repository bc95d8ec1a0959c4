"""Pixel sizes and slice names that ImageJ and Aperio scanners write outside TIFF's own fields; parsed by tifffile.

tifffile takes 30 ms to import, so it is imported when the first such file is opened. Its parsers have public names
but are not in `__all__`: with a version that lacks one, only these facts are unknown.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from iipserve.containers import tags
from iipserve.containers.ifd import Directory
from iipserve.errors import DecodeError
from iipserve.image import PhysicalResolution

MAX_DESCRIPTION = 64 * 1024
"""Bytes of a longer ImageDescription are not parsed."""
MAX_LABELS = 100_000
"""Names of slices that are read."""
MAX_LABEL = 1000
"""Characters of a name that are kept."""
UNITS_PER_METRE: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("nm", "nanometer"), 1e9),
        **dict.fromkeys(("um", "\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m", "micron", "microns"), 1e6),
        **dict.fromkeys(("mm", "millimeter"), 1e3),
        **dict.fromkeys(("cm", "centimeter"), 1e2),
        **dict.fromkeys(("inch", "in"), 1 / 0.0254),
        **dict.fromkeys(("m", "meter"), 1.0),
    }
)
"""By ImageJ's name of the unit."""


def read_described_resolution(directory: Directory) -> PhysicalResolution | None:
    """Pixels per metre according to ImageDescription, or None.

    ImageJ names the unit of XResolution there (`unit=um`), Aperio the micrometres per pixel (`MPP = 0.25`).
    """
    if directory.count(tags.IMAGE_DESCRIPTION) > MAX_DESCRIPTION:
        return None
    text = directory.text(tags.IMAGE_DESCRIPTION)
    if text.startswith("ImageJ="):
        factor = _imagej_units_per_metre(_parsed("imagej_description_metadata", text))
        across, down = (directory.reals(tag)[:1] for tag in (tags.X_RESOLUTION, tags.Y_RESOLUTION))
        return _resolution(*(value * factor for value in across + (down or across)))
    if text.startswith("Aperio "):
        size = _parsed("svs_description_metadata", text).get("MPP")
        return _resolution(*(1e6 / size,) * 2) if isinstance(size, int | float) and size else None
    return None


def _imagej_units_per_metre(description: Mapping[str, Any]) -> float:
    """NaN for a unit that is no length."""
    # Java writes characters beyond ASCII in this way
    unit = str(description.get("unit", "")).replace("\\u00B5", "\N{MICRO SIGN}")
    return UNITS_PER_METRE.get(unit, math.nan)


def _resolution(*values: float) -> PhysicalResolution | None:
    valid = len(values) == 2 and all(math.isfinite(value) and value > 0 for value in values)
    return PhysicalResolution(*values) if valid else None


def read_labels(directory: Directory) -> tuple[str, ...]:
    """ImageJ's names of the slices, in the order of the file; empty if there are none."""
    count = directory.count(tags.IJ_METADATA_BYTE_COUNTS)
    data = directory.data(tags.IJ_METADATA)
    if not data or not 0 < count <= MAX_LABELS:
        return ()
    try:
        lengths = directory.table(tags.IJ_METADATA_BYTE_COUNTS, count).tolist()
    except DecodeError:
        return ()
    labels = _parsed("imagej_metadata", data, lengths, directory.reader.byte_order).get("Labels", ())
    # the first line is the name; further ones hold other facts about a slice
    lines = (label.partition("\n")[0] for label in ([labels] if isinstance(labels, str) else labels))
    return tuple(" ".join(line.split())[:MAX_LABEL] for line in lines)


def _parsed(parser: str, *arguments: Any) -> dict[str, Any]:
    """What a parser of tifffile finds; nothing in damaged metadata."""
    from tifffile import tifffile

    try:
        result: dict[str, Any] = getattr(tifffile, parser)(*arguments)
    except (ValueError, IndexError, AttributeError, struct.error):
        return {}
    return result
