"""Definitions of coordinate reference systems, as files have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from iipserve.geo import proj
from iipserve.geo.crs import UnknownCrs, quoted
from iipserve.geo.proj import UnknownToProj

if TYPE_CHECKING:
    import pyproj


class CfAttributes(NamedTuple):
    """A system as attributes of variables of netCDF (CF Conventions 1.11, 4 and 5.6)."""

    mapping: dict[str, Any]
    """Of the variable that `grid_mapping` names: texts, numbers and lists of numbers."""
    x: dict[str, str]
    """Of the coordinates of columns: `standard_name`, `units` ..."""
    y: dict[str, str]
    """Of those of rows."""


def wkt(key: str) -> str:
    """WKT 2 (ISO 19162:2019) of a system. Raises `UnknownCrs`, `NotInstalled`."""
    return str(_system(key).to_wkt("WKT2_2019"))


def cf_attributes(key: str) -> CfAttributes:
    """The attributes of a system. Raises as `wkt`."""
    system = _system(key)
    axes = {str(axis.get("axis")): axis for axis in system.cs_to_cf()}
    mapping = {name: value for name, value in system.to_cf().items() if value not in (None, "")}
    return CfAttributes(mapping, _texts(axes.get("X")), _texts(axes.get("Y")))


def _texts(axis: dict[Any, Any] | None) -> dict[str, str]:
    return {str(name): str(value) for name, value in (axis or {}).items()}


def _system(key: str) -> pyproj.CRS:
    try:
        return proj.system(key)
    except UnknownToProj as error:
        raise UnknownCrs(f"{quoted(key)} is not the key of a coordinate reference system") from error
