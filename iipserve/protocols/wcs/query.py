"""What requests of WCS say, parsed: syntax, and the layers that they name; one form for all versions and encodings."""

from __future__ import annotations

import enum
from typing import NamedTuple, TypeAlias

from iipserve.geo.crs import CrsName
from iipserve.geo.grid import Bounds
from iipserve.geo.layer import Layer
from iipserve.geo.ows.addresses import Endpoint
from iipserve.geometry import Size
from iipserve.image import ImageName

V2_0, V1_0 = "2.0.1", "1.0.0"
V1_1 = ("1.1.2", "1.1.1", "1.1.0")
VERSIONS = (V2_0, *V1_1, V1_0)
"""That documents state and queries have, the highest first."""
SAME_AS = {"2.0.0": V2_0, "2.0": V2_0, "2": V2_0, "1.1": V1_1[0], "1.0": V1_0, "1": V1_0}
"""Versions that are understood as another one."""


class Family(enum.Enum):
    """Versions that ask and answer alike."""

    V1_0 = "1.0"
    V1_1 = "1.1"
    V2_0 = "2.0"


def family_of(version: str) -> Family:
    """The family of one of `VERSIONS`."""
    return Family(version[:3])


# -- documents -------------------------------------------------------------------------------------


class CapabilitiesQuery(NamedTuple):
    """The capabilities document."""

    endpoint: Endpoint
    version: str = V2_0
    """Of the document, as negotiated: one of `VERSIONS`."""
    sections: frozenset[str] = frozenset()
    """Names of the parts that are asked for, out of `sections.SECTIONS` of the family; all of them: the whole document.
    Of 1.0.0 the whole document or one part, which is then the root."""
    update_sequence: str = ""
    """What the client has already."""
    soap: str = ""
    """Version of SOAP of the envelope that it came in, in which `plan` puts the answer too; empty for none."""

    @property
    def names(self) -> tuple[ImageName, ...]:
        """None."""
        return ()


class DescribeQuery(NamedTuple):
    """Descriptions of coverages."""

    names: tuple[ImageName, ...]
    """Of the images of the coverages, each once; none where all coverages are asked for."""
    layers: tuple[Layer, ...]
    """In the order of the request, each as often as it is named; none: all that there are (1.0.0)."""
    endpoint: Endpoint
    version: str = V2_0
    soap: str = ""
    """As of `CapabilitiesQuery`."""


# -- coverages -------------------------------------------------------------------------------------


class BoxDomain(NamedTuple):
    """Where, in 1.0.0: the outer edges of the pixels."""

    crs: CrsName
    bounds: Bounds | None
    """x before y; None: the whole coverage."""
    size: Size | None = None
    """None: as `resolution` has it."""
    resolution: tuple[float, float] | None = None
    """Width and height of a pixel, in units of `crs`."""
    response_crs: CrsName | None = None
    """None: `crs`."""


class SampleDomain(NamedTuple):
    """Where, in 1.1: the centers of the outermost samples. Coordinates are in the order of the request."""

    box: tuple[float, float, float, float] | None
    """Lower corner, upper corner; None: the whole coverage."""
    crs: CrsName | None = None
    """Of the box; None: `base_crs`, else that of the coverage."""
    base_crs: CrsName | None = None
    """Of the result; None: `crs`."""
    origin: tuple[float, float] | None = None
    """A sample of the grid of the result; None: a corner of the box."""
    offsets: tuple[float, ...] = ()
    """Steps along the axes of `base_crs`: two, or four as vectors of columns and rows; none: those of the coverage."""


class Subset(NamedTuple):
    """An interval or a point of one axis, in 2.0."""

    axis: str
    """As the client wrote it."""
    low: str = ""
    """As the client wrote it, without quotes; empty: open. The point of a slice."""
    high: str = ""
    """As `low`."""
    is_slice: bool = False

    @property
    def text(self) -> str:
        """As a client writes it."""
        return (
            f"{self.axis}({self.low})"
            if self.is_slice
            else f"{self.axis}({self.low or '*'},{self.high or '*'})"
        )


class ScaleKind(enum.Enum):
    """What a number says of the size of an axis."""

    FACTOR = "factor"
    """Pixels of the result for each pixel of the coverage."""
    SIZE = "size"
    """Pixels of the result."""
    RESOLUTION = "resolution"
    """Units of the system of the intervals for each pixel of the result."""


class AxisScale(NamedTuple):
    """How many pixels the result has along an axis, in 2.0."""

    axis: str
    """As the client wrote it; empty: every axis."""
    kind: ScaleKind
    value: float
    """Above 0; whole for `SIZE`."""


class AxesDomain(NamedTuple):
    """Where, in 2.0: by axes."""

    subsets: tuple[Subset, ...] = ()
    scales: tuple[AxisScale, ...] = ()
    subsetting_crs: CrsName | None = None
    """None: that of the coverage."""
    output_crs: CrsName | None = None
    """None: `subsetting_crs`, but that of the coverage where that is `image`."""


Domain: TypeAlias = BoxDomain | SampleDomain | AxesDomain


class BandRange(NamedTuple):
    """Bands by their names or numbers from 1."""

    first: str
    last: str = ""
    """Of an interval, inclusive; empty: only `first`."""
    step: int = 1
    """Of an interval: every n-th of its bands."""


class CoverageQuery(NamedTuple):
    """A coverage."""

    names: tuple[ImageName, ...]
    layer: Layer
    coverage_id: str
    """As the client wrote it."""
    version: str
    """One of `VERSIONS`."""
    domain: Domain
    bands: tuple[BandRange, ...] = ()
    """In the order of the result; none: all."""
    interpolation: str = ""
    """As the client wrote it: a name or a URI; empty: that of the coverage."""
    format: str = ""
    """As the client wrote it; empty: the native one."""
    times: tuple[str, ...] = ()
    """As the client wrote them; `a/b` is a period, with empty ends where it is open."""
    encoding: tuple[tuple[str, str], ...] = ()
    """Parameters of the GeoTIFF extension by name in lower case, without `geotiff:`."""
    is_multipart: bool = False
    """The answer is a description, and the file as a second part."""
    soap: str = ""
    """As of `CapabilitiesQuery`."""
    fields: tuple[str, ...] = ()
    """Of the range, in 1.1, as the client wrote them."""
    range_axes: tuple[str, ...] = ()
    """Of the range, in 1.0.0 and 1.1, as the client wrote them."""


Query: TypeAlias = CapabilitiesQuery | DescribeQuery | CoverageQuery
