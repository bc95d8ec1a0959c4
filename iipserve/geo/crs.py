"""Coordinate reference systems: their names in every spelling, axis order, units, and transformations between them.

A system is called by its *key*: `EPSG:32633` or `ESRI:54009` where it has a code, WKT 2 text where it has none, and
`image` for the pixels of plain pictures: one unit is a pixel, x runs from 0 to the width, y from minus the height up
to 0. Keys are of horizontal systems: what a file or client names may have heights too, which are left out.
Coordinates are always x before y here (easting before northing, longitude before latitude); `axis_order` says which
order a request or document has. Boxes are transformed by `geo.extents`. Clients name systems by code; WKT comes from
files only.
"""

from __future__ import annotations

import enum
import math
import re
from typing import TYPE_CHECKING, NamedTuple

from iipserve.errors import InvalidRequest
from iipserve.geo import proj
from iipserve.geo.grid import Bounds
from iipserve.geo.proj import Transformation, UnknownToProj
from iipserve.lru import LRU

if TYPE_CHECKING:
    import pyproj

IMAGE = "image"
"""Key of the pixels of plain pictures."""
WGS84 = "EPSG:4326"
WEB_MERCATOR = "EPSG:3857"
WEB_MERCATOR_LIMIT = 20037508.342789244
"""Of x and y in either direction, in metres."""
CRS84_URN = "urn:ogc:def:crs:OGC:1.3:CRS84"
CRS84_URI = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
"""WGS 84 with longitude before latitude, as which documents write `WGS84` where that order is meant."""

DEGREE = 0.017453292519943295
"""In radians, as PROJ has it."""

MAX_FACTS = 2048
"""Systems whose `Facts` are remembered."""
MAX_KEPT, MAX_KEPT_WKT = 256, 8192
"""Systems of files whose keys are remembered, and characters of their WKT."""
MAX_QUOTED = 100
"""Characters of a client's text in a message."""
EARTH_RADII = 6375000 * 0.995, 6375000 * 1.005
"""Semi-major axes of ellipsoids of the Earth, in metres; PROJ guesses the body of an ellipsoid in the same way."""


class UnknownCrs(InvalidRequest):
    """The text names no coordinate reference system that this server knows."""


class NoTransformation(InvalidRequest):
    """Coordinates cannot be transformed between two systems: they are of different bodies, or one has no place on any."""


# -- names -----------------------------------------------------------------------------------------


class Form(enum.Enum):
    """How a system is spelled; the order of its coordinates depends on it (`axis_order`)."""

    SHORT = "short"
    """`EPSG:4326`, and `http://www.opengis.net/gml/srs/epsg.xml#4326` of GML 2."""
    URN = "urn"
    """`urn:ogc:def:crs:EPSG::4326`."""
    URI = "uri"
    """`http://www.opengis.net/def/crs/EPSG/0/4326`."""
    X_FIRST = "x first"
    """`CRS:84` and the other systems of OGC, in any spelling: longitude before latitude everywhere."""
    ROWS_DOWN = "rows down"
    """`CRS:1` of WMS 1.3.0 (06-042, B.2): pixels with y downwards from the upper left corner, unlike `image`."""


class CrsName(NamedTuple):
    """A system as a request names it."""

    key: str
    form: Form = Form.SHORT


class AxisRule(enum.Enum):
    """Which services and versions agree on the order of coordinates in requests and documents."""

    WMS_1_1 = "WMS 1.1"
    WMS_1_3 = "WMS 1.3"
    WMTS_1_0 = "WMTS 1.0"
    WCS_1_0 = "WCS 1.0"
    WCS_1_1 = "WCS 1.1"
    WCS_2_0 = "WCS 2.0"
    OGC_API = "OGC API"


X_FIRST_IF_SHORT = frozenset({AxisRule.WCS_1_1})
"""Short names have x first, the others the authority's order (07-067r5, 7.2)."""
X_FIRST_ALWAYS = frozenset({AxisRule.WMS_1_1, AxisRule.WCS_1_0})
"""Versions older than the authority's order (WMS 01-068r3, 6.5.5.1)."""

ALIASES = {
    "EPSG:900913": WEB_MERCATOR, "EPSG:3785": WEB_MERCATOR, "EPSG:102100": WEB_MERCATOR, "EPSG:102113": WEB_MERCATOR,
    "EPSG:3587": WEB_MERCATOR, "ESRI:102100": WEB_MERCATOR, "ESRI:102113": WEB_MERCATOR,
    "OSGEO:41001": WEB_MERCATOR,
}  # fmt: skip
"""Retired and unofficial codes of the web's Mercator projection."""
OGC_NAMES = {
    "84": CrsName(WGS84, Form.X_FIRST), "83": CrsName("EPSG:4269", Form.X_FIRST), "27": CrsName("EPSG:4267", Form.X_FIRST),
    "1": CrsName(IMAGE, Form.ROWS_DOWN), "IMAGECRS": CrsName(IMAGE, Form.URN),
}  # fmt: skip
"""Systems of OGC, without `CRS` (WMS 1.3.0, annex B; OGC API; WCS 1.1)."""

AUTHORITY = r"(?P<authority>EPSG|ESRI|OGC|CRS|OSGEO)"
CODE = r"(?P<code>[A-Z]{0,8}[0-9]{0,7})"
VERSION = r"[0-9A-Z.]{0,10}"
SPELLINGS = tuple(
    (form, re.compile(pattern, re.ASCII | re.IGNORECASE))
    for form, pattern in (
        (Form.SHORT, rf"\[?{AUTHORITY}:{CODE}\]?"),
        (Form.URN, rf"urn:(?:x-)?ogc:def:crs:{AUTHORITY}:(?:{VERSION}:)?{CODE}"),
        (Form.URI, rf"https?://(?:www\.)?opengis\.net/def/crs/{AUTHORITY}/{VERSION}/{CODE}"),
        (Form.SHORT, rf"https?://(?:www\.)?opengis\.net/gml/srs/(?P<authority>epsg)\.xml#{CODE}"),
        (Form.URN, r"(?P<code>imageCRS)(?P<authority>)"),
    )
)
"""The spellings that are read: of OGC 09-048r5 (names), 06-042, 07-067r5, 21-008 and GML 2; an unescaped CURIE."""


_keys: LRU[str, str] = LRU(MAX_FACTS)
"""Of horizontal parts, by the code that a client names."""


def parse(text: str) -> CrsName:
    """The system that a client names.

    Raises:
        UnknownCrs: it is none of a known code.
        NotInstalled: the extra `geo` is not.
    """
    name = _spelled(text.strip(" "))
    if name is None:
        raise UnknownCrs(
            f"{quoted(text)} names no coordinate reference system; write one as EPSG:3857 or CRS:84"
        )
    if name.key in (IMAGE, WGS84, WEB_MERCATOR):
        return name
    return name._replace(key=_keys.get(name.key) or _looked_up(name.key, text))


def _looked_up(key: str, text: str) -> str:
    """The key of the horizontal part of a system, as a client wrote it in `text`."""
    try:
        found = proj.horizontal_key(proj.system(key))
    except UnknownToProj as error:
        raise UnknownCrs(
            f"{quoted(text)} is a coordinate reference system that this server does not know"
        ) from error
    if found is None:
        raise UnknownCrs(
            f"{quoted(text)} has no horizontal coordinates; name a geographic or projected system"
        )
    found = ALIASES.get(found, found)
    _keys.set(key, found)
    return found


def is_spelled(text: str) -> bool:
    """Whether a text has the form of a name of a system, known or not."""
    return _spelled(text.strip(" ")) is not None


def _spelled(text: str) -> CrsName | None:
    """The name by its spelling, without looking up its code; None where that is of no known form."""
    for form, pattern in SPELLINGS:
        if match := pattern.fullmatch(text):
            authority, code = match["authority"].upper(), match["code"].upper()
            if authority in ("OGC", "CRS", ""):
                return OGC_NAMES.get(code.removeprefix("CRS"))
            if not code.isdecimal():
                return None
            key = f"{authority}:{int(code)}"
            return CrsName(ALIASES.get(key, key), form)
    return None


def quoted(text: str) -> str:
    """A client's text for a message: printable, and not longer than it helps."""
    return repr(text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}...")


def axis_order(name: CrsName, rule: AxisRule) -> bool:
    """Whether y comes before x where a system is spelled so, in requests and documents of a service.

    Boxes that are defined to be geographic (WGS84BoundingBox, `bbox` of OGC API) have longitude first whatever this
    says.
    """
    if name.form in (Form.X_FIRST, Form.ROWS_DOWN) or rule in X_FIRST_ALWAYS:
        return False
    if name.form is Form.SHORT and rule in X_FIRST_IF_SHORT:
        return False
    return swaps_axes(name.key)


def has_code(key: str) -> bool:
    """Whether the key is a code, and so a name by which clients ask."""
    return key == IMAGE or proj.code_of(key) is not None


def urn(key: str) -> str | None:
    """The URN (OGC 09-048r5, 7): `urn:ogc:def:crs:EPSG::4326`; None for a system without a code."""
    if key == IMAGE:
        return "urn:ogc:def:crs:OGC::imageCRS"
    code = proj.code_of(key)
    return f"urn:ogc:def:crs:{code[0]}::{code[1]}" if code else None


def uri(key: str) -> str | None:
    """The HTTP URI: `http://www.opengis.net/def/crs/EPSG/0/4326`; None for a system without a code."""
    if key == IMAGE:
        return "http://www.opengis.net/def/crs/OGC/0/imageCRS"
    code = proj.code_of(key)
    return f"http://www.opengis.net/def/crs/{code[0]}/0/{code[1]}" if code else None


def spelled(name: CrsName) -> str:
    """A name as clients of its form write it: `http://www.opengis.net/def/crs/EPSG/0/4326`."""
    written = uri(name.key) if name.form is Form.URI else urn(name.key) if name.form is Form.URN else None
    return written or name.key


# -- what is known of a system ---------------------------------------------------------------------


class Facts(NamedTuple):
    """What follows from the definition of a system."""

    label: str
    """Its name for people: `WGS 84 / UTM zone 33N`."""
    swaps_axes: bool
    """The authority's order is y before x."""
    metres_per_unit: float
    """Of length. Degrees are measured along the equator of the ellipsoid, as scale denominators are (OGC 17-083r4, 6.1.1.1)."""
    is_geographic: bool
    """Its coordinates are angles."""
    is_earth: bool
    """It is of the Earth, and not of another body or of none."""
    area_of_use: Bounds | None
    """In degrees of WGS 84; `min_x` is above `max_x` where it crosses the antimeridian. None where it is not known."""
    turn: float | None
    """How far x grows around the globe along a parallel, in its units: 360 degrees, or the width of a cylindrical
    projection. Places whose x differ by it are one. None where there is no such distance."""


IMAGE_FACTS = Facts("pixels of the image", False, 1.0, False, False, None, None)

_facts: LRU[str, Facts] = LRU(MAX_FACTS)


def facts(key: str) -> Facts:
    """What is known of a system. Raises `UnknownCrs`, `NotInstalled`."""
    if key == IMAGE:
        return IMAGE_FACTS
    known = _facts.get(key)
    if known is None:
        known = _read_facts(_system(key))
        _facts.set(key, known)
    return known


def label(key: str) -> str:
    """The system's name for people: `WGS 84 / UTM zone 33N`."""
    return facts(key).label


def swaps_axes(key: str) -> bool:
    """Whether the authority's order is y before x: north before east, latitude before longitude."""
    return facts(key).swaps_axes


def metres_per_unit(key: str) -> float:
    """The length of a unit in metres; of a degree along the equator."""
    return facts(key).metres_per_unit


def is_geographic(key: str) -> bool:
    """Whether coordinates are longitude and latitude."""
    return facts(key).is_geographic


def is_earth(key: str) -> bool:
    """Whether places of the system are on the Earth."""
    return facts(key).is_earth


def area_of_use(key: str) -> Bounds | None:
    """Where the system is meant to be used, in degrees of WGS 84, or None; may cross the antimeridian."""
    return facts(key).area_of_use


def turn(key: str) -> float | None:
    """How far x grows around the globe; None where it does not."""
    return facts(key).turn


def _read_facts(crs: pyproj.CRS) -> Facts:
    flat = proj.horizontal(crs) or crs
    ellipsoid = flat.ellipsoid
    radius = float(ellipsoid.semi_major_metre) if ellipsoid else math.nan
    unit = float(flat.axis_info[0].unit_conversion_factor) if flat.axis_info else 1.0
    area = flat.area_of_use
    return Facts(
        flat.name,
        _has_y_first(flat),
        radius * math.pi / 180 * (unit / DEGREE) if flat.is_geographic else unit,
        bool(flat.is_geographic),
        EARTH_RADII[0] <= radius <= EARTH_RADII[1],
        Bounds(*area.bounds) if area else None,
        round(math.tau / unit, 9) if flat.is_geographic else proj.width_of_globe(flat),
    )


def _has_y_first(crs: pyproj.CRS) -> bool:
    """Whether PROJ, which reads and writes x first when asked to, exchanges the coordinates for that.

    North before east, or at a pole, where both axes point away from it or to it, by their names
    (`isAxisOrderReversed` in PROJ).
    """
    axes = crs.axis_info[:2]
    directions = [axis.direction.lower() for axis in axes]
    if directions in (["south", "south"], ["north", "north"]):
        return [axis.name.lower()[:8] for axis in axes] == ["northing", "easting"]
    return directions == ["north", "east"]


def _system(key: str) -> pyproj.CRS:
    try:
        return proj.system(key)
    except UnknownToProj as error:
        raise UnknownCrs(f"{quoted(key)} is not the key of a coordinate reference system") from error


# -- from files, and between systems ---------------------------------------------------------------


_keys_of_wkt: LRU[str, str] = LRU(MAX_KEPT)
"""Files of one folder name few systems."""


def key_of_wkt(wkt: str) -> str | None:
    """The key of a file's system, whose coordinates the file has in x before y; None where it says nothing usable.

    A code is only given where the file states it, or the definition is that of the code in every respect.

    Args:
        wkt: WKT 1 or 2 of any kind of system.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    known = _keys_of_wkt.get(wkt)
    if known is not None:
        return known
    try:
        key = proj.key_of_wkt(wkt)
    except UnknownToProj:
        return None
    key = ALIASES.get(key, key) if key else None
    if key and len(wkt) <= MAX_KEPT_WKT:
        _keys_of_wkt.set(wkt, key)
    return key


def transformer(source: str, target: str) -> Transformation:
    """Transforms coordinates of one system to another, x before y in both.

    For use by the calling thread only. Coordinates that are not finite, or outside of where either system is
    defined, give infinite ones.

    Args:
        source: key.
        target: key.

    Raises:
        NoTransformation: there is none between these.
        UnknownCrs: of a key that is none.
        NotInstalled: the extra `geo` is not.
    """
    if source == target:
        return lambda xs, ys: (xs, ys)
    if IMAGE in (source, target):
        raise NoTransformation("pixels of a plain picture have no place on the ground")
    try:
        return proj.transformation(source, target)
    except UnknownToProj as error:
        # the names also prove that both systems are known
        raise NoTransformation(
            f"coordinates cannot be transformed from {label(source)} to {label(target)}; ask in the system of the layer"
        ) from error
