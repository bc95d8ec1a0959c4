"""The projections of MapML, and the tile matrix sets of the same grids (MapML specification, "Tiled CRS Definitions")."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from iipserve.geo import crs
from iipserve.geo.layer import LayerEntry
from iipserve.geo.linked_sets import link
from iipserve.geo.matrixset import LinkedSet
from iipserve.geo.matrixset_files import standard_sets


class Projection(NamedTuple):
    """A projection that viewers know by its name."""

    name: str
    matrix_set: str
    """Identifier of the tile matrix set whose matrices are its zoom levels."""
    max_zoom: int
    """The finest level that the viewer has."""
    crs: str
    """Key of the coordinate reference system."""
    is_geographic: bool = False


PROJECTIONS: Mapping[str, Projection] = MappingProxyType(
    {
        each.name: each
        for each in (
            Projection("OSMTILE", "WebMercatorQuad", 24, "EPSG:3857"),
            Projection("CBMTILE", "CanadianNAD83_LCC", 25, "EPSG:3978"),
            Projection("APSTILE", "APSTILE", 19, "EPSG:5936"),
            Projection("WGS84", "WorldCRS84Quad", 21, crs.WGS84, True),
        )
    }
)
"""By name; the first is the default."""
DEFAULT = "OSMTILE"

PREFIX = "mapml:"
"""Of names of projections that stand for coordinate reference systems, as GeoServer has them, in lower case."""


def system_of(text: str) -> str:
    """The coordinate reference system, x first, that a name as `MapML:OSMTILE` stands for; other texts as they are."""
    found = PROJECTIONS.get(text[len(PREFIX) :].strip().upper()) if text.lower().startswith(PREFIX) else None
    if found is None:
        return text
    return "CRS:84" if found.is_geographic else found.crs


def within_viewer(linked: LinkedSet, projection: Projection) -> LinkedSet:
    """The set with those of its matrices that the viewer has as zoom levels."""
    return linked._replace(limits=linked.limits[: projection.max_zoom + 1])


def levels_of(entry: LayerEntry, projection: Projection) -> LinkedSet | None:
    """The tiles of a layer at the zoom levels of a projection, whether tiles are offered there or not.

    None where the layer has no place in it, or is not offered in its system. Raises `NotInstalled`.
    """
    found = link(entry, standard_sets()[projection.matrix_set])
    return found and within_viewer(found, projection)
