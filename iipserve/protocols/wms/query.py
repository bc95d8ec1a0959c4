"""What requests of WMS say, parsed: syntax, and the layers, styles and formats that they name."""

from __future__ import annotations

import enum
from typing import NamedTuple, TypeAlias

from iipserve.geo.crs import CrsName
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.layer import Layer, Style
from iipserve.geo.ows.addresses import Endpoint
from iipserve.geo.ows.kvp import Parameters
from iipserve.geometry import Size
from iipserve.image import ImageName
from iipserve.plan import Resampling
from iipserve.processing import Operation
from iipserve.processing.compositing import WHITE
from iipserve.protocols.sld.document import UserStyle

V1_3 = "1.3.0"
V1_1 = "1.1.1"
VERSIONS = (V1_3, V1_1)
"""That are answered, the highest first."""


class Exceptions(enum.Enum):
    """How an error is reported (WMS 06-042, 7.3.3.11; 01-068r3, 7.2.3.12)."""

    XML = "XML"
    JSON = "JSON"
    """In the form of GeoServer."""
    IN_IMAGE = "INIMAGE"
    """A picture of the text, of the size and format that are asked for."""
    BLANK = "BLANK"
    """A picture of the background, of the size and format that are asked for."""


class CapabilitiesQuery(NamedTuple):
    """The capabilities document."""

    endpoint: Endpoint
    version: str = V1_3
    """Of the document, as negotiated."""
    update_sequence: str = ""
    """What the client has already."""
    layers: tuple[str, ...] = ()
    """Identifiers of the only layers to list; none: all."""
    parameters: Parameters = Parameters()
    """All of the request."""

    @property
    def names(self) -> tuple[ImageName, ...]:
        """None."""
        return ()


class MapCrs(NamedTuple):
    """The coordinate reference system of a map."""

    text: str
    """As the client wrote it."""
    name: CrsName

    @property
    def key(self) -> str:
        """As of `geo.crs`."""
        return self.name.key


class Dimension(NamedTuple):
    """The value that a request states for a dimension."""

    name: str
    """In lower case, without `dim_`: `time`, `elevation`."""
    value: str
    """As the client wrote it."""


class MapQuery(NamedTuple):
    """A map."""

    names: tuple[ImageName, ...]
    """Of the images of all layers, each once."""
    layers: tuple[Layer, ...]
    """The first is the lowest. Layers of groups are here one by one."""
    styles: tuple[Style, ...]
    """One for each layer."""
    crs: MapCrs
    bounds: Bounds
    """x before y, whatever order the request has; y up in pixels, too."""
    size: Size
    format: str
    """Name of the output format: `png`."""
    transparent: bool = False
    background: tuple[int, int, int] = WHITE
    """Red, green and blue of 8 bits."""
    version: str = V1_3
    """As which the request is understood."""
    exceptions: Exceptions = Exceptions.XML
    resampling: Resampling | None = None
    """None: that of each layer."""
    dimensions: tuple[Dimension, ...] = ()
    """That the request states, in its order; empty values are left out."""
    sld_body: str = ""
    """Text of a StyledLayerDescriptor; empty without one."""
    vendor: tuple[Operation, ...] = ()
    """Of vendor parameters; they replace those of all styles."""
    parameters: Parameters = Parameters()
    """All of the request."""
    user_styles: tuple[UserStyle | None, ...] = ()
    """Of `sld_body`, in place of `styles`: one or None for each layer, or none at all."""

    @property
    def target(self) -> GridRef:
        """The grid of its pixels."""
        return GridRef.of_bounds(self.crs.key, self.bounds, self.size)


class FeatureInfoQuery(NamedTuple):
    """What there is at a place of a map."""

    names: tuple[ImageName, ...]
    """Of the images of the layers that are asked about."""
    map: MapQuery
    queried: tuple[Layer, ...]
    """In the order of the map: the last is the topmost."""
    i: int
    """Column of the pixel in the map, from 0; inside."""
    j: int
    """Row of the pixel in the map, from 0; inside."""
    info_format: str = ""
    """As the client wrote it; empty where it left it out."""
    feature_count: int = 1
    """Of objects of each layer at most; at least 1."""

    @property
    def version(self) -> str:
        """As which the request is understood."""
        return self.map.version


class LegendQuery(NamedTuple):
    """The legend of a style of a layer."""

    names: tuple[ImageName, ...]
    layer: Layer
    style: Style
    format: str
    """As the client wrote it: a media type; empty where it left it out."""
    size: Size | None = None
    """In pixels; None: the usual one."""
    transparent: bool = False
    background: tuple[int, int, int] = WHITE
    version: str = V1_3
    exceptions: Exceptions = Exceptions.XML
    sld_body: str = ""
    vendor: tuple[Operation, ...] = ()
    parameters: Parameters = Parameters()


class DescribeQuery(NamedTuple):
    """Where the data of layers is to be had (DescribeLayer of SLD 05-078r4)."""

    layers: tuple[Layer, ...]
    endpoint: Endpoint
    version: str = V1_3
    output_format: str = ""
    """As the client wrote it."""
    parameters: Parameters = Parameters()

    @property
    def names(self) -> tuple[ImageName, ...]:
        """None."""
        return ()


class StylesQuery(NamedTuple):
    """The styles of layers as a StyledLayerDescriptor (GetStyles of WMS 1.1.1 SLD)."""

    names: tuple[ImageName, ...]
    layers: tuple[Layer, ...]
    version: str = V1_3
    parameters: Parameters = Parameters()


class MapmlQuery(NamedTuple):
    """A MapML document: by GetMapML, or by GetMap with the format `text/mapml`."""

    names: tuple[ImageName, ...]
    layers: tuple[Layer, ...]
    """The first is the lowest."""
    styles: tuple[Style, ...]
    """One for each layer."""
    projection: str
    """As the client wrote it, without `MapML:`; empty where it left it out."""
    endpoint: Endpoint
    version: str = V1_3
    parameters: Parameters = Parameters()
    """All of the request."""


class SchemaQuery(NamedTuple):
    """The schema of what capabilities have besides the standard (GetSchemaExtension, as MapServer calls it)."""

    version: str = V1_3

    @property
    def names(self) -> tuple[ImageName, ...]:
        """None."""
        return ()


Query: TypeAlias = (
    CapabilitiesQuery
    | MapQuery
    | FeatureInfoQuery
    | LegendQuery
    | DescribeQuery
    | StylesQuery
    | MapmlQuery
    | SchemaQuery
)

OPERATION_OF = {
    CapabilitiesQuery: "GetCapabilities",
    MapQuery: "GetMap",
    FeatureInfoQuery: "GetFeatureInfo",
    LegendQuery: "GetLegendGraphic",
    DescribeQuery: "DescribeLayer",
    StylesQuery: "GetStyles",
    MapmlQuery: "GetMapML",
    SchemaQuery: "GetMapML",
}
"""The operation of each query; the schema belongs to that which it describes."""
