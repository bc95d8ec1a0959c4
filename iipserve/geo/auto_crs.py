"""Projections that a client centers where it likes: AUTO2 of WMS 1.3.0 (06-042, annex B), AUTO of 1.1.1 (01-068r3, annex E).

`AUTO2:42001,1,-100,45` is the zone of UTM around 100 W, in metres; `AUTO:42001,9001,-100,45` is the same. They become
keys of `geo.crs`: the code of EPSG of a zone in metres, WKT 2 otherwise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple

from iipserve.geo.crs import CrsName, Form, UnknownCrs, quoted

NUMBER = r"[+-]?(?:[0-9]{1,20}\.?[0-9]{0,20}|\.[0-9]{1,20})(?:e[+-]?[0-9]{1,3})?"
AUTO = re.compile(
    rf"(?P<form>AUTO2?):(?P<code>[0-9]{{1,9}})(?:,(?P<unit>{NUMBER}))?,(?P<lon>{NUMBER}),(?P<lat>{NUMBER})",
    re.ASCII | re.IGNORECASE,
)
UNITS = {"9001": 1.0, "9002": 0.3048, "9003": 1200 / 3937, "9036": 1000.0, "9030": 1852.0}
"""Metres of units by their codes of EPSG, which AUTO has instead of a factor."""
ACCEPTED = "write one as AUTO2:42001,1,LON,LAT, with a number from 42001 to 42005 and metres per unit"


class Center(NamedTuple):
    """What a client states of a projection."""

    lon: float
    """In degrees, -180 to 180."""
    lat: float
    """In degrees, -90 to 90."""
    unit: float
    """In metres."""


def is_auto(text: str) -> bool:
    """Whether a name is meant to be one of these systems."""
    return text.strip(" ").upper().startswith(("AUTO:", "AUTO2:"))


def parse(text: str) -> CrsName:
    """The system that a client names.

    Raises:
        UnknownCrs: it is none of these.
    """
    match = AUTO.fullmatch(text.strip(" "))
    project = PROJECTIONS.get(match["code"]) if match else None
    if match is None or project is None:
        raise UnknownCrs(f"{quoted(text)} is none of the automatic projections; {ACCEPTED}")
    unit = _unit(match["form"].upper(), match["unit"])
    center = Center(float(match["lon"]), float(match["lat"]), unit)
    if not (abs(center.lon) <= 180 and abs(center.lat) <= 90 and 1e-6 <= unit <= 1e9):
        raise UnknownCrs(f"{quoted(text)} has no such center or unit; {ACCEPTED}")
    return CrsName(project(center), Form.X_FIRST)


def _unit(form: str, text: str | None) -> float:
    if text is None:
        return 1.0
    return UNITS.get(text, math.nan) if form == "AUTO" else float(text)


# -- projections -----------------------------------------------------------------------------------


def _utm(center: Center) -> str:
    """Universal Transverse Mercator (B.7)."""
    zone = min(math.floor((center.lon + 180) / 6) + 1, 60)
    if center.unit == 1:
        return f"EPSG:{(32600 if center.lat >= 0 else 32700) + zone}"
    return _transverse_mercator(center._replace(lon=-183.0 + 6 * zone))


def _transverse_mercator(center: Center) -> str:
    """Transverse Mercator (B.8)."""
    return _wkt(
        'METHOD["Transverse Mercator",ID["EPSG",9807]]',
        center,
        _degrees("Latitude of natural origin", 0.0),
        _degrees("Longitude of natural origin", center.lon),
        'PARAMETER["Scale factor at natural origin",0.9996,SCALEUNIT["unity",1]]',
        _metres("False easting", 500000.0),
        _metres("False northing", 0.0 if center.lat >= 0 else 10000000.0),
    )


def _orthographic(center: Center) -> str:
    """Orthographic (B.9)."""
    return _wkt(
        'METHOD["Orthographic",ID["EPSG",9840]]',
        center,
        _degrees("Latitude of natural origin", center.lat),
        _degrees("Longitude of natural origin", center.lon),
        _metres("False easting", 0.0),
        _metres("False northing", 0.0),
    )


def _equirectangular(center: Center) -> str:
    """Equirectangular (B.10)."""
    if abs(center.lat) > 89.9:
        raise UnknownCrs(f"the standard parallel {center.lat:g} is at a pole; write one from -89.9 to 89.9")
    return _wkt(
        'METHOD["Equidistant Cylindrical",ID["EPSG",1028]]',
        center,
        _degrees("Latitude of 1st standard parallel", center.lat),
        _degrees("Longitude of natural origin", center.lon),
        _metres("False easting", 0.0),
        _metres("False northing", 0.0),
    )


def _mollweide(center: Center) -> str:
    """Mollweide (B.11)."""
    return _wkt(
        'METHOD["Mollweide"]',
        center,
        _degrees("Longitude of natural origin", center.lon),
        _metres("False easting", 0.0),
        _metres("False northing", 0.0),
    )


PROJECTIONS: dict[str, Callable[[Center], str]] = {
    "42001": _utm,
    "42002": _transverse_mercator,
    "42003": _orthographic,
    "42004": _equirectangular,
    "42005": _mollweide,
}


def _degrees(name: str, value: float) -> str:
    return f'PARAMETER["{name}",{value!r},ANGLEUNIT["degree",0.0174532925199433]]'


def _metres(name: str, value: float) -> str:
    return f'PARAMETER["{name}",{value!r},LENGTHUNIT["metre",1]]'


def _wkt(method: str, center: Center, *parameters: str) -> str:
    """The system in WKT 2."""
    unit = 'LENGTHUNIT["metre",1]' if center.unit == 1 else f'LENGTHUNIT["unit",{center.unit!r}]'
    return (
        'PROJCRS["WGS 84 / automatic",BASEGEOGCRS["WGS 84",DATUM["World Geodetic System 1984",'
        'ELLIPSOID["WGS 84",6378137,298.257223563,LENGTHUNIT["metre",1]]],ID["EPSG",4326]],'
        f'CONVERSION["automatic",{method},{",".join(parameters)}],CS[Cartesian,2],'
        f'AXIS["easting (X)",east,ORDER[1]],AXIS["northing (Y)",north,ORDER[2]],{unit}]'
    )
