"""What PROJ says of coordinate reference systems, for tests that ask often: it makes a transformation in some ten milliseconds."""

from __future__ import annotations

from functools import cache

import pyproj


@cache
def transformer(source: str, target: str) -> pyproj.Transformer:
    """From one system to another, x before y in both."""
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


@cache
def begins_with_north(system: str) -> bool:
    """Whether the authority's first axis leads north."""
    return bool(pyproj.CRS(system).axis_info[0].direction == "north")


@cache
def swaps(system: str) -> bool:
    """Whether the authority's order is y before x, by a place in the system's area of use."""
    west, south, east, north = pyproj.CRS(system).area_of_use.bounds
    x, y = west + (east - west) * 0.3, south + (north - south) * 0.6
    as_defined = pyproj.Transformer.from_crs("EPSG:4326", system)
    return transformer("EPSG:4326", system).transform(x, y) != as_defined.transform(y, x)
