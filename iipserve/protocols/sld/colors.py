"""Color maps: `ColorMap` of SLD 1.0.0 with GeoServer's types, `Categorize` and `Interpolate` of Symbology Encoding."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from iipserve.processing.value_colormap import OPAQUE, Between
from iipserve.protocols.sld.xml import Element, StyleRefused, number, quoted

Color: TypeAlias = tuple[int, int, int, int]
HEXADECIMAL = re.compile("#[0-9a-fA-F]{6}")
CLEAR: Color = (0, 0, 0, 0)
MAX_ENTRIES = 4096
RASTER_DATA = "rasterdata"
"""What is looked up, in any case: the sample."""
TYPES = {"": Between.RAMP, "ramp": Between.RAMP, "intervals": Between.STEPS, "values": Between.NOTHING}


class ColorTable(NamedTuple):
    """A color map, as the fields of `ValueColormap`."""

    between: Between
    quantities: tuple[float, ...]
    """In units of values, not of samples."""
    colors: tuple[Color, ...]
    labels: tuple[str, ...] = ()
    precedes: bool = False


def color_table(element: Element) -> ColorTable:
    """What a `ColorMap` says.

    Raises:
        StyleRefused: it is not understood.
    """
    children = list(element.children(("ColorMapEntry", "Categorize", "Interpolate")))
    if not children:
        raise StyleRefused("the ColorMap has no entries; it needs one at least")
    if len(children) > MAX_ENTRIES:
        raise StyleRefused(f"the ColorMap has {len(children)} entries; it can have {MAX_ENTRIES}")
    first = children[0]
    if first.name == "ColorMapEntry":
        return _entries(element, children)
    if len(children) > 1:
        raise StyleRefused(f"{first.name} is not the only element of ColorMap; remove the others")
    return _categorize(first) if first.name == "Categorize" else _interpolate(first)


def _entries(element: Element, entries: Sequence[Element]) -> ColorTable:
    """Entries: interpolated; with `type="intervals"` a color is that of values below its quantity, from the one before on;
    with `type="values"` that of the very value. Values that have no color are clear.
    """
    between = TYPES.get(element.attribute("type").lower())
    if between is None:
        raise StyleRefused(
            f"the ColorMap's type is {quoted(element.attribute('type'))}; ramp, intervals and values are understood"
        )
    if element.attribute("extended", "false").lower() not in ("true", "false"):
        raise StyleRefused("the ColorMap's attribute extended is neither true nor false")
    for entry in entries:
        if entry.name != "ColorMapEntry" or list(entry.children(())):
            raise StyleRefused(f"{entry.name} next to ColorMapEntry is not understood; remove it")
    quantities = tuple(number(entry.attribute("quantity"), "the quantity") for entry in entries)
    colors = tuple(_color(entry.attribute("color"), entry.attribute("opacity")) for entry in entries)
    labels = tuple(entry.attribute("label") for entry in entries)
    if between is Between.NOTHING:
        order = sorted(range(len(entries)), key=quantities.__getitem__)
        quantities, colors, labels = (
            tuple(quantities[index] for index in order),
            tuple(colors[index] for index in order),
            tuple(labels[index] for index in order),
        )
    if between is Between.STEPS:
        colors, labels = (*colors, CLEAR), (*labels, "")
    _check_order(quantities, "quantity", strict=between is not Between.RAMP)
    return ColorTable(between, quantities, colors, labels if any(labels) else ())


def _check_order(quantities: Sequence[float], name: str, *, strict: bool) -> None:
    for before, after in pairwise(quantities):
        if after < before or (strict and after == before):
            raise StyleRefused(
                f"the {name} {after!r} follows {before!r}; each must be more than the one before"
            )


def _color(text: str, opacity: str = "") -> Color:
    if HEXADECIMAL.fullmatch(text) is None:
        raise StyleRefused(f"the color {quoted(text)} is not written as #RRGGBB")
    part = opacity_of(opacity, "the opacity") if opacity else 1.0
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16), int(part * OPAQUE + 0.5)


def opacity_of(text: str, name: str) -> float:
    """A number from 0 to 1. Raises `StyleRefused`."""
    value = number(text, name)
    if not 0 <= value <= 1:
        raise StyleRefused(f"{name} {quoted(text)} is not from 0 to 1")
    return value


def _check_lookup(element: Element) -> None:
    if element.text().lower() != RASTER_DATA:
        raise StyleRefused(f"LookupValue is {quoted(element.text())}; only Rasterdata is understood")


def _categorize(element: Element) -> ColorTable:
    """The value before the first threshold, then thresholds and values by turns (SE 1.1.0 section 11.6.1)."""
    belongs = element.attribute("thresholdsBelongTo") or element.attribute(
        "threshholdsBelongTo", "succeeding"
    )
    if belongs not in ("succeeding", "preceding"):
        raise StyleRefused(
            f"thresholdsBelongTo is {quoted(belongs)}; succeeding and preceding are understood"
        )
    colors: list[Color] = []
    thresholds: list[float] = []
    for child in element.children(("LookupValue", "Value", "Threshold")):
        if child.name == "LookupValue":
            _check_lookup(child)
        elif child.name == "Value" and len(colors) == len(thresholds):
            colors.append(_color(child.text()))
        elif child.name == "Threshold" and len(thresholds) < len(colors):
            thresholds.append(child.number())
        else:
            raise StyleRefused("in Categorize, Value and Threshold do not follow one another by turns")
    if not thresholds or len(colors) != len(thresholds) + 1:
        raise StyleRefused(
            "Categorize does not begin and end with a Value, with a Threshold between at least"
        )
    if len(colors) > MAX_ENTRIES:
        raise StyleRefused(f"Categorize has {len(colors)} values; it can have {MAX_ENTRIES}")
    _check_order(thresholds, "threshold", strict=True)
    return ColorTable(Between.STEPS, tuple(thresholds), tuple(colors), (), belongs == "preceding")


def _interpolate(element: Element) -> ColorTable:
    """Points of a ramp (SE 1.1.0 section 11.6.2); beyond the ends, the colors are those of the ends."""
    if element.attribute("mode", "linear").lower() != "linear":
        raise StyleRefused(f"Interpolate's mode is {quoted(element.attribute('mode'))}; linear is understood")
    if element.attribute("method", "color").lower() != "color":
        raise StyleRefused(
            f"Interpolate's method is {quoted(element.attribute('method'))}; color is understood"
        )
    points: list[tuple[float, Color]] = []
    for child in element.children(("LookupValue", "InterpolationPoint")):
        if child.name == "LookupValue":
            _check_lookup(child)
            continue
        parts = child.by_name(("Data", "Value"))
        if len(parts) < 2:
            raise StyleRefused("an InterpolationPoint lacks its Data or its Value")
        points.append((parts["Data"].number(), _color(parts["Value"].text())))
    if not 0 < len(points) <= MAX_ENTRIES:
        raise StyleRefused(f"Interpolate has {len(points)} points; it needs 1 to {MAX_ENTRIES}")
    quantities, colors = zip(*points, strict=True)
    _check_order(quantities, "Data", strict=False)
    return ColorTable(Between.RAMP, quantities, colors)
