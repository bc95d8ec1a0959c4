"""The bands of a coverage: what files and the service file say of their samples."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from iipserve.geo.georeference import Band
from iipserve.geo.gmlcov import NODATA_REASON
from iipserve.geo.layer import Layer, LayerEntry
from iipserve.geo.matrixset import number_text
from iipserve.geo.ows.xml import nc_name
from iipserve.protocols.coverage_options import item, split
from iipserve.protocols.coverages import coverage_bands, missing_samples

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
    """As of `coverages.coverage_bands`."""
    name: str
    """An NCName, unlike those of the others: by which requests ask for it, besides its number."""
    description: str = ""
    unit: str = ""
    """A code of UCUM; empty where none is known."""
    definition: str = ""
    """A URI of what is measured; empty where none is known."""
    interpretation: str = ""
    """How its samples are to be understood; empty where the service file does not say."""
    interval: tuple[float | int, float | int] | None = None
    """Minimum and maximum that samples may have; None where nothing limits them."""
    nil_values: tuple[NilValue, ...] = ()
    significant_figures: int | None = None
    """Digits of samples; None where nothing limits them."""
    scale: float = 1.0
    """The physical value is `sample * scale + offset`."""
    offset: float = 0.0
    written: str = ""
    """The name as the service file or the image's file has it, for files of coverages."""


def sample_type(entry: LayerEntry) -> str:
    """The numpy name of the type of samples: as the file stores them."""
    return entry.info.samples.dtype


def bands_of(entry: LayerEntry) -> tuple[OfferedBand, ...]:
    """The bands of a layer: all of the file, or the first `bandcount`."""
    layer, own = entry.layer, coverage_bands(entry.info, entry.geo)
    if (stated := _count(item(layer, "bandcount"))) is not None:
        own = own[:stated]
    missing = missing_samples(layer, entry.info)
    names = _names(layer, [band.name for band in own])
    return tuple(
        _band(entry, index, written, name, own[index], missing[index])
        for index, (written, name) in enumerate(names)
    )


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


def _band(
    entry: LayerEntry, index: int, written: str, name: str, own: Band, missing: float | int | None
) -> OfferedBand:
    layer = entry.layer

    def said(*keywords: str) -> str:
        """What the service file says of this band, or of all."""
        if not layer.metadata:
            return ""
        texts = [item(layer, f"{written.lower()}_{keyword}") for keyword in keywords] if written else []
        return next(filter(None, [*texts, *(item(layer, keyword) for keyword in keywords)]), "")

    dtype = IMAGE_MODES.get(item(layer, "imagemode").lower(), sample_type(entry))
    return OfferedBand(
        index,
        name,
        said("band_description") or (written if written != name else ""),
        said("band_uom") or own.unit,
        said("band_definition"),
        said("band_interpretation"),
        interval(said("interval")) or type_interval(dtype),
        nil_values(layer, missing),
        _count(said("significant_figures")) or _digits(dtype),
        own.scale,
        own.offset,
        written,
    )


def _count(text: str) -> int | None:
    """A positive number of at most nine digits."""
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) else None


def interval(text: str) -> tuple[float | int, float | int] | None:
    """Minimum and maximum of a text that has them after one another, or with a slash between them; None of others."""
    try:
        low, high = map(float, split(text.replace("/", " "))[:2])
    except ValueError:
        return None
    return (low, high) if math.isfinite(low) and math.isfinite(high) and low <= high else None


@cache
def type_interval(dtype: str) -> tuple[int, int] | None:
    """The range of an integer type; None of floats."""
    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        return None
    limits = np.iinfo(kind)
    return int(limits.min), int(limits.max)


def _digits(dtype: str) -> int | None:
    limits = type_interval(dtype)
    return len(str(limits[1])) if limits else None


# -- missing data ----------------------------------------------------------------------------------


def nil_values(layer: Layer, missing: float | int | None) -> tuple[NilValue, ...]:
    """The samples of a band that stand for missing data: those of the service file, else the one of the layer or file."""
    reasons = split(item(layer, "nilvalues_reasons"))
    if stated := [text for text in split(item(layer, "nilvalues")) if _is_number(text)]:
        return tuple(
            NilValue(text, reasons[number] if number < len(reasons) else NODATA_REASON)
            for number, text in enumerate(stated)
        )
    if missing is None:
        return ()
    return (NilValue(sample_text(missing), reasons[0] if reasons else NODATA_REASON),)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def sample_text(value: float | int) -> str:
    """A sample as text: an integer where it is one."""
    if isinstance(value, int):
        return str(value)
    return "NaN" if math.isnan(value) else number_text(value)
