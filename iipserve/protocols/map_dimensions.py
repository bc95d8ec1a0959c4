"""Dimensions of layers, as map files and metadata state them (WMS 1.3.0 06-042, annex C; MapServer RFC 86).

`timeextent` and `timedefault` are of the dimension `time`; `dimensionlist` names further ones, of which `NAME_units`,
`NAME_unitsymbol`, `NAME_extent` and `NAME_default` tell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from iipserve.geo.layer import Layer
from iipserve.geo.ows.negotiation import words

TIME, ELEVATION = "time", "elevation"
"""Names that the standard defines (annex C.3); parameters of requests. All others have the prefix `DIM_` there."""
UNITS: Mapping[str, tuple[str, str]] = {TIME: ("ISO8601", ""), ELEVATION: ("EPSG:5030", "m")}
"""Of dimensions whose units are not stated, and their symbols."""
INSTANT = re.compile(
    r"(?P<year>[0-9]{4})(?:-?(?P<month>[0-9]{2})(?:-?(?P<day>[0-9]{2})(?:[T ](?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})"
    r"(?::?(?P<second>[0-9]{2}(?:\.[0-9]{1,9})?))?)?)?)?)?(?:Z|[+ -]00:?00)?",
    re.ASCII | re.IGNORECASE,
)
"""A time of UTC as ISO 8601 writes it, with or without separators, as far as it is known."""
NUMBER = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:e[+-]?[0-9]{1,3})?", re.ASCII | re.IGNORECASE)
CURRENT = "current"
"""The newest time of a layer (annex D.3)."""
MAX_VALUES = 100
"""Of one dimension in a request."""

Value: TypeAlias = tuple[float, ...]
"""Year, month ... as far as they are known, or one number."""


class Dimension(NamedTuple):
    """A dimension of a layer."""

    name: str
    """In lower case."""
    units: str
    symbol: str
    extent: str
    """Values and `first/last/step`, separated by commas (table C.1)."""
    default: str
    """Empty: a request has to state a value."""
    of_collection: bool = False
    """Requests may state several values and `current`."""
    has_nearest: bool = False
    """Of a value of which there is nothing, another one counts."""

    @property
    def parameter(self) -> str:
        """The parameter of requests, in lower case."""
        return self.name if self.name in (TIME, ELEVATION) else f"dim_{self.name}"

    @property
    def values(self) -> tuple[str, ...]:
        """Entries of the extent: single values, and ranges."""
        return words(self.extent)

    def has(self, text: str) -> bool:
        """Whether all entries of a list, values or ranges, meet entries of the extent."""
        entries = [part.strip() for part in text.split(",")]
        return len(entries) <= MAX_VALUES and all(map(self._meets, entries))

    def _meets(self, text: str) -> bool:
        if text.lower() == CURRENT and self.name == TIME:
            return True
        first, last = value_range(text)
        return any(
            text == entry or (bool(first) and bool(last) and _meet(first, last, *value_range(entry)))
            for entry in self.values
        )


def dimensions_of(layer: Layer) -> tuple[Dimension, ...]:
    """The dimensions of a layer whose extents are stated."""
    found = layer.metadata
    if not ("timeextent" in found or "dimensionlist" in found):
        return ()
    names = dict.fromkeys(name.lower() for name in words(found.get("dimensionlist", "")))
    time = _dimension(TIME, found.get("timeextent", ""), found.get("timedefault", ""))
    if (index := layer.index) is not None:
        time = time._replace(of_collection=True, has_nearest=index.time_rule.match != "exact")
    further = (
        _dimension(
            name,
            found.get(f"{name}_extent", ""),
            found.get(f"{name}_default", ""),
            found.get(f"{name}_units", ""),
            found.get(f"{name}_unitsymbol", ""),
        )
        for name in names
        if name != TIME
    )
    return tuple(each for each in (time, *further) if each.extent)


def _dimension(name: str, extent: str, default: str, units: str = "", symbol: str = "") -> Dimension:
    usual, usual_symbol = UNITS.get(name, ("", ""))
    return Dimension(
        name, units or usual, symbol or ("" if units else usual_symbol), extent.strip(), default.strip()
    )


# -- values ----------------------------------------------------------------------------------------


def value_range(text: str) -> tuple[Value, Value]:
    """The first and last value of `first/last/step` or `first/last`; of one value, itself twice. Empty for no value."""
    parts = text.split("/")
    return value_of(parts[0]), value_of(parts[1] if len(parts) in (2, 3) else parts[0])


def value_of(text: str) -> Value:
    """A time or a number; empty for neither."""
    text = text.strip()
    if match := INSTANT.fullmatch(text):
        return tuple(float(part) for part in match.groups() if part is not None)
    number = float(text) if NUMBER.fullmatch(text) else math.nan
    return (number,) if math.isfinite(number) else ()


def _meet(first: Value, last: Value, start: Value, end: Value) -> bool:
    """Whether two ranges have a value in common; values are compared as far as both are known."""
    return bool(start and end) and _is_before(first, end) and _is_before(start, last)


def _is_before(one: Value, other: Value) -> bool:
    """Whether a value is before another, or the same."""
    common = min(len(one), len(other))
    return one[:common] <= other[:common]
