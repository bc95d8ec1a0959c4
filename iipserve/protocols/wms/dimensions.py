"""Dimensions of layers, as map files and metadata state them (WMS 1.3.0 06-042, annex C; MapServer RFC 86).

`timeextent` and `timedefault` are of the dimension `time`; `dimensionlist` names further ones, of which `NAME_units`,
`NAME_unitsymbol`, `NAME_extent` and `NAME_default` tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from iipserve.geo.layer import Layer
from iipserve.geo.ows.negotiation import words

TIME, ELEVATION = "time", "elevation"
"""Names that the standard defines (annex C.3); parameters of requests. All others have the prefix `DIM_` there."""
UNITS: Mapping[str, tuple[str, str]] = {TIME: ("ISO8601", ""), ELEVATION: ("EPSG:5030", "m")}
"""Of dimensions whose units are not stated, and their symbols."""
ITEMS = ("extent", "default", "units", "unitsymbol", "item")
"""Items of a dimension in the metadata of a layer, after its name."""


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

    @property
    def parameter(self) -> str:
        """The parameter of requests, in lower case."""
        return self.name if self.name in (TIME, ELEVATION) else f"dim_{self.name}"

    @property
    def values(self) -> tuple[str, ...]:
        """Entries of the extent: single values, and ranges."""
        return words(self.extent)


def dimensions_of(layer: Layer) -> tuple[Dimension, ...]:
    """The dimensions of a layer whose extents are stated."""
    found = layer.metadata
    if not ("timeextent" in found or "dimensionlist" in found):
        return ()
    names = dict.fromkeys(name.lower() for name in words(found.get("dimensionlist", "")))
    time = _dimension(TIME, found.get("timeextent", ""), found.get("timedefault", ""))
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
