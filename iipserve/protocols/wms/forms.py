"""What the versions of WMS write differently (06-042 and 01-068r3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from iipserve.geo import crs
from iipserve.geo.crs import AxisRule, CrsName, Form
from iipserve.geo.grid import Bounds
from iipserve.geo.matrixset import STANDARD_PIXEL, number_text
from iipserve.geo.ows.capabilities import between_meridians, bounds_text
from iipserve.geo.ows.negotiation import words as split
from iipserve.geo.ows.xml import NOTHING, Xml, element, joined, several
from iipserve.protocols.map_dimensions import Dimension

CRS_84, CRS_1 = "CRS:84", "CRS:1"
DIAGONAL = STANDARD_PIXEL * math.sqrt(2)
"""Of a pixel, in metres of the ground for each unit of a scale denominator."""
MAX_LISTED = 1024
"""Systems whose names are remembered: series of layers have the same."""
METADATA_TYPES = {
    "TC211": "TC211",
    "FGDC": "FGDC",
    "ISO19115:2003": "TC211",
    "ISO19115": "TC211",
    "FGDC:1998": "FGDC",
}
"""Of the attribute `type` of MetadataURL in version 1.1.1, which knows two, by what version 1.3.0 and others call them."""


class Listed(NamedTuple):
    """A system as documents list it."""

    name: str
    """`EPSG:4326`."""
    key: str
    swaps_axes: bool


class Version(NamedTuple):
    """A version of WMS."""

    number: str
    service: str
    """Name of the service."""
    media_type: str
    """Of the capabilities document."""
    crs: str
    """Name of the element, and of the attribute, for a coordinate reference system."""
    exceptions: tuple[str, ...]
    """Forms of exceptions."""
    rule: AxisRule

    @property
    def is_old(self) -> bool:
        """It is 1.1.1."""
        return self.rule is AxisRule.WMS_1_1

    # -- systems -----------------------------------------------------------------------------------

    def listed(self, key: str) -> tuple[Listed, ...]:
        """The names of a system, as documents list it."""
        return _listed(key, self.rule)

    def systems(self, names: tuple[str, ...]) -> Xml:
        """The elements that list systems."""
        return several(self.crs, names)

    # -- boxes -------------------------------------------------------------------------------------

    def geographic_box(self, bounds: Bounds | None) -> Xml:
        """The box in degrees, longitude first; nothing for what is not on Earth."""
        if bounds is None:
            return NOTHING
        west, south, east, north = bounds_text(between_meridians(bounds))
        if self.is_old:
            sides = {"minx": west, "miny": south, "maxx": east, "maxy": north}
            return element("LatLonBoundingBox", attributes=sides)
        return Xml(
            f"<EX_GeographicBoundingBox><westBoundLongitude>{west}</westBoundLongitude>"
            f"<eastBoundLongitude>{east}</eastBoundLongitude><southBoundLatitude>{south}</southBoundLatitude>"
            f"<northBoundLatitude>{north}</northBoundLatitude></EX_GeographicBoundingBox>"
        )

    def box(self, system: Listed, bounds: Bounds, resolution: tuple[float, float] | None = None) -> Xml:
        """The box in a system, in the order of its axes; with the sides of a pixel where they are given."""
        min_x, min_y, max_x, max_y = bounds_text(bounds)
        sides = (min_y, min_x, max_y, max_x) if system.swaps_axes else (min_x, min_y, max_x, max_y)
        text = ' minx="{}" miny="{}" maxx="{}" maxy="{}"'.format(*sides)
        if resolution is not None:
            x, y = map(number_text, resolution)
            text += ' resx="{}" resy="{}"'.format(*((y, x) if system.swaps_axes else (x, y)))
        return Xml(f'<BoundingBox {self.crs}="{system.name}"{text}/>')

    # -- other parts of layers -----------------------------------------------------------------------

    def dimensions(self, dimensions: tuple[Dimension, ...]) -> Xml:
        """The elements that tell of dimensions."""
        if not self.is_old:
            return joined(_dimension(each) for each in dimensions)
        stated = (element("Dimension", attributes=_named(each)) for each in dimensions)
        extents = (
            element("Extent", each.extent, attributes={"name": each.name} | _default(each))
            for each in dimensions
        )
        return joined((*stated, *extents))

    def scales(self, minimum: float, maximum: float) -> Xml:
        """For which scale denominators a layer is meant; 0 and infinity where nothing limits them."""
        if minimum <= 0 and math.isinf(maximum):
            return NOTHING
        if self.is_old:
            low, high = minimum * DIAGONAL, maximum * DIAGONAL if math.isfinite(maximum) else 1e12
            return element("ScaleHint", attributes={"min": number_text(low), "max": number_text(high)})
        low_text = element("MinScaleDenominator", number_text(minimum)) if minimum > 0 else NOTHING
        high_text = (
            element("MaxScaleDenominator", number_text(maximum)) if math.isfinite(maximum) else NOTHING
        )
        return joined((low_text, high_text))

    def keywords(self, words: Iterable[str], items: Mapping[str, str]) -> Xml:
        """`KeywordList`, with those of vocabularies that items of metadata name (06-042, 7.2.4.6.2); nothing without any."""
        found = [element("Keyword", word) for word in words]
        names = [] if self.is_old else split(items.get("keywordlist_vocabulary", ""))
        for name in names:
            own = split(items.get(f"keywordlist_{name.lower()}_items", ""))
            found.extend(element("Keyword", word, attributes={"vocabulary": name}) for word in own)
        return element("KeywordList", joined(found)) if found else NOTHING

    def metadata_type(self, text: str) -> str:
        """The attribute `type` of a MetadataURL; empty where this version has none that fits."""
        return METADATA_TYPES.get(text.upper(), "") if self.is_old else text


@lru_cache(maxsize=MAX_LISTED)
def _listed(key: str, rule: AxisRule) -> tuple[Listed, ...]:
    if key == crs.IMAGE:
        return (Listed(CRS_1, key, False),)
    named = Listed(key, key, crs.axis_order(CrsName(key, Form.SHORT), rule))
    has_other = key == crs.WGS84 and rule is not AxisRule.WMS_1_1
    return (named, Listed(CRS_84, key, False)) if has_other else (named,)


def _named(dimension: Dimension) -> dict[str, str]:
    symbol = {"unitSymbol": dimension.symbol} if dimension.symbol else {}
    return {"name": dimension.name, "units": dimension.units} | symbol


def _default(dimension: Dimension) -> dict[str, str]:
    return {"default": dimension.default} if dimension.default else {}


def _rule(dimension: Dimension) -> dict[str, str]:
    """What requests may state; 1.1.1 has no attributes for it."""
    if not dimension.of_collection:
        return {}
    return {"multipleValues": "1", "nearestValue": str(int(dimension.has_nearest)), "current": "1"}


def _dimension(dimension: Dimension) -> Xml:
    return element(
        "Dimension", dimension.extent, attributes=_named(dimension) | _default(dimension) | _rule(dimension)
    )


VERSION_1_3 = Version("1.3.0", "WMS", "text/xml", "CRS", ("XML", "INIMAGE", "BLANK"), AxisRule.WMS_1_3)
VERSION_1_1 = Version(
    "1.1.1",
    "OGC:WMS",
    "application/vnd.ogc.wms_xml",
    "SRS",
    ("application/vnd.ogc.se_xml", "application/vnd.ogc.se_inimage", "application/vnd.ogc.se_blank"),
    AxisRule.WMS_1_1,
)
VERSIONS = {version.number: version for version in (VERSION_1_3, VERSION_1_1)}
"""From the highest down."""
