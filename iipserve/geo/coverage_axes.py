"""Labels and units of the axes of a coverage, in the order in which documents of WCS 2.0 have coordinates."""

from __future__ import annotations

from typing import NamedTuple

from iipserve.geo import crs

TIME = "time"
"""Label of the axis of time, of coverages that have several times."""


class AxisLabels(NamedTuple):
    """Labels of the two axes of a system, and their units, in the order of the authority."""

    labels: tuple[str, str]
    units: tuple[str, str]


def axis_labels(key: str) -> AxisLabels:
    """The axes of a system: `Lat Long`, `E N` or `N E`; `i j` of plain pictures. Raises `UnknownCrs`, `NotInstalled`."""
    if key == crs.IMAGE:
        return AxisLabels(("i", "j"), ("pixel", "pixel"))
    if crs.is_geographic(key):
        labels, unit = ("Long", "Lat"), "Deg"
    else:
        labels, unit = ("E", "N"), _unit(crs.metres_per_unit(key))
    if crs.swaps_axes(key):
        labels = labels[1], labels[0]
    return AxisLabels(labels, (unit, unit))


def _unit(metres: float) -> str:
    """The unit of a length, as a name of XML, which lists of labels of GML need."""
    known = {1.0: "m", 1000.0: "km", 0.3048: "ft", 0.3048006096012192: "ftUS"}
    return next((unit for length, unit in known.items() if abs(metres / length - 1) < 1e-12), "m")
