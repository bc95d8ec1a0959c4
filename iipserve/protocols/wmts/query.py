"""What requests of WMTS say, parsed: syntax only, except that the layer has been looked up."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from iipserve.geo.grid import Bounds
from iipserve.geo.layer import Layer
from iipserve.geo.ows.addresses import Endpoint
from iipserve.image import ImageName
from iipserve.protocols.mapml.tiles import Query as MapmlQuery

SECTIONS = ("ServiceIdentification", "ServiceProvider", "OperationsMetadata", "Contents", "Themes")
"""Of a capabilities document, in its order."""


class CapabilitiesQuery(NamedTuple):
    """The capabilities document."""

    endpoint: Endpoint
    sections: frozenset[str]
    """Names of the sections that are asked for."""
    layers: tuple[str, ...] = ()
    """Identifiers of the only layers to list; none: all."""
    update_sequence: str = ""
    """What the client has already."""
    media_type: str = "application/xml"
    is_china: bool = False
    """Of the service with the tile matrix sets of the Chinese map platform."""
    is_restful: bool = False
    """Asked for by its path: whether it is answered depends on the Accept header."""

    @property
    def names(self) -> tuple[ImageName, ...]:
        """None."""
        return ()


class TileAddress(NamedTuple):
    """A tile as a request names it; plans look its parts up."""

    style: str
    """Empty: the default one."""
    matrix_set: str
    matrix: str
    row: int
    column: int


class TileQuery(NamedTuple):
    """A tile."""

    names: tuple[ImageName, ...]
    layer: Layer
    tile: TileAddress
    format: str
    """A media type, or an extension in a path."""
    is_china: bool = False
    is_restful: bool = False


class PixelOfTile(NamedTuple):
    """The place of GetFeatureInfo as the standard has it (WMTS 07-057r7, section 7.3)."""

    tile: TileAddress
    i: int
    """Column of the pixel in the tile, from 0; may be outside."""
    j: int
    """Row of the pixel in the tile, from 0; may be outside."""


class Point(NamedTuple):
    """A point, at a level of the first tile matrix set that the layer is linked to."""

    zoom_level: int
    """Index of the tile matrix; 0 is the coarsest. May be outside."""
    x: float
    y: float
    srid: str
    """The coordinate reference system of x and y, as the client writes it: a code of EPSG (or of Oracle: 8307 is WGS 84),
    or a name; empty for that of the layer. Easting or longitude comes first, whichever it is."""


class Box(NamedTuple):
    """A box, at a level of the first tile matrix set that the layer is linked to."""

    zoom_level: int
    bounds: Bounds
    """x before y; neither is known to be within anything."""
    srid: str


Place: TypeAlias = PixelOfTile | Point | Box


class FeatureInfoQuery(NamedTuple):
    """What there is at a place of a layer."""

    names: tuple[ImageName, ...]
    layer: Layer
    place: Place
    info_format: str
    """As the client writes it: a media type, or an extension in a path."""
    children: tuple[str, ...] | None = None
    """Names of the only sub-layers to report; None: all."""
    is_china: bool = False
    is_restful: bool = False


class LegendQuery(NamedTuple):
    """The legend of a style."""

    names: tuple[ImageName, ...]
    layer: Layer
    style: str
    """Empty: the default one."""
    extension: str
    """Of the format."""


Query: TypeAlias = CapabilitiesQuery | TileQuery | FeatureInfoQuery | LegendQuery | MapmlQuery
