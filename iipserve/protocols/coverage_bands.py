"""The bands of a coverage: what files and the service file say of their samples."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from iipserve.geo.layer import Layer, LayerEntry
from iipserve.geo.matrixset import number_text
from iipserve.geo.ows.xml import nc_name
from iipserve.image import ImageInfo
from iipserve.processing.missing import representable
from iipserve.protocols.coverage_options import item, split

NODATA_REASON = "http://www.opengis.net/def/nil/OGC/0/unknown"
"""Of samples that files declare as missing data (OGC 08-094r1, table 25)."""
UNITLESS = "10^0"
"""The unit of samples of which no unit is known, in the Unified Code for Units of Measure; MapServer writes the same."""
IMAGE_MODES = {"byte": "uint8", "int16": "int16", "float32": "float32"}
"""Sample types by the item `imagemode`."""


class NilValue(NamedTuple):
    """A sample that stands for missing data."""

    value: str
    """A number, or `NaN`."""
    reason: str
    """A URI, or `unknown`."""


@dataclass(frozen=True, slots=True)
class OfferedBand:
    """A band of a coverage."""

    index: int
    """Among the bands of the image without opacity, from 0."""
    name: str
    """An NCName, unlike those of the others: by which requests ask for it, besides its number."""
    description: str = ""
    unit: str = ""
    """A code of UCUM; empty where none is known."""
    definition: str = ""
    """A URI of what is measured; empty where none is known."""
    interpretation: str = ""
    """How its samples are to be understood; empty where the service file does not say."""
    interval: tuple[float, float] | None = None
    """Minimum and maximum that samples may have; None where nothing limits them."""
    nil_values: tuple[NilValue, ...] = ()
    significant_figures: int | None = None
    """Digits of samples; None where nothing limits them."""
    scale: float = 1.0
    """The physical value is `sample * scale + offset`."""
    offset: float = 0.0


def sample_type(entry: LayerEntry) -> str:
    """The numpy name of the type of samples: as the file stores them."""
    return "uint8" if entry.geo.is_palette else entry.info.dtype


def bands_of(entry: LayerEntry) -> tuple[OfferedBand, ...]:
    """The bands of a layer: all without opacity, or the first `bandcount`; one of indices of a palette."""
    layer, info, known = entry.layer, entry.info, entry.geo.bands
    count = 1 if entry.geo.is_palette else info.color_bands
    if (stated := _count(item(layer, "bandcount"))) is not None:
        count = min(count, stated)
    names = _names(layer, [known[index].name if index < len(known) else "" for index in range(count)])
    return tuple(_band(entry, index, written, name) for index, (written, name) in enumerate(names))


def _names(layer: Layer, own: list[str]) -> Iterable[tuple[str, str]]:
    """The name of each band as it is written, by which its items are found, and as an NCName."""
    stated = split(item(layer, "band_names"))
    if len(stated) < len(own):
        stated = tuple(own)
    found: dict[str, str] = {}
    for index, written in enumerate(stated[: len(own)]):
        name = nc_name(written) if written else f"band{index + 1}"
        while name in found:
            name = f"{name}_{index + 1}"
        found[name] = written
    return [(written, name) for name, written in found.items()]


def _band(entry: LayerEntry, index: int, written: str, name: str) -> OfferedBand:
    layer, known = entry.layer, entry.geo.bands
    own = known[index] if index < len(known) and not entry.geo.is_palette else None

    def said(*keywords: str) -> str:
        """What the service file says of this band, or of all."""
        texts = [item(layer, f"{written.lower()}_{keyword}") for keyword in keywords] if written else []
        return next(filter(None, [*texts, *(item(layer, keyword) for keyword in keywords)]), "")

    dtype = IMAGE_MODES.get(item(layer, "imagemode").lower(), sample_type(entry))
    return OfferedBand(
        index,
        name,
        said("band_description") or (written if written != name else ""),
        said("band_uom") or (own.unit if own else ""),
        said("band_definition"),
        said("band_interpretation"),
        interval(said("interval")) or type_interval(dtype),
        nil_values(entry, index),
        _count(said("significant_figures")) or _digits(dtype),
        own.scale if own else 1.0,
        own.offset if own else 0.0,
    )


def _count(text: str) -> int | None:
    """A positive number of at most nine digits."""
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) else None


def interval(text: str) -> tuple[float, float] | None:
    """Minimum and maximum of a text that has them after one another, or with a slash between them; None of others."""
    try:
        low, high = map(float, split(text.replace("/", " "))[:2])
    except ValueError:
        return None
    return (low, high) if math.isfinite(low) and math.isfinite(high) and low <= high else None


def type_interval(dtype: str) -> tuple[float, float] | None:
    """The range of an integer type; None of floats."""
    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        return None
    limits = np.iinfo(kind)
    return float(limits.min), float(limits.max)


def _digits(dtype: str) -> int | None:
    limits = type_interval(dtype)
    return len(str(int(limits[1]))) if limits else None


# -- missing data ----------------------------------------------------------------------------------


def nil_values(entry: LayerEntry, index: int) -> tuple[NilValue, ...]:
    """The samples of a band that stand for missing data: those of the service file, else that of the layer or image."""
    layer = entry.layer
    reasons = split(item(layer, "nilvalues_reasons"))
    if stated := split(item(layer, "nilvalues")):
        numbers = [text for text in stated if _is_number(text)]
        return tuple(
            NilValue(text, reasons[number] if number < len(reasons) else NODATA_REASON)
            for number, text in enumerate(numbers)
        )
    declared = nodata(layer, entry.info)
    if not declared or entry.geo.is_palette:
        return ()
    value = declared[index] if index < len(declared) else declared[0]
    return (NilValue(sample_text(value), reasons[0] if reasons else NODATA_REASON),)


def nodata(layer: Layer, info: ImageInfo) -> tuple[float, ...]:
    """The sample of each color band that stands for missing data: of the layer, else of the image; none without one."""
    return info.nodata if layer.nodata is None else representable(layer.nodata, info)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def sample_text(value: float) -> str:
    """A sample as text: an integer where it is one."""
    return "NaN" if math.isnan(value) else number_text(value)
