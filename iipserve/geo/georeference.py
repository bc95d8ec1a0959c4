"""Where an image is located on the ground, and what its samples measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from iipserve.geo.class_names import ClassName
from iipserve.geo.grid import Affine, GridRef
from iipserve.geometry import Size
from iipserve.image import ImageInfo, MaskRef, quick_repr

PIXEL_SPACE = "image"
"""Key of the coordinate reference system of images without georeference."""


class ControlPoint(NamedTuple):
    """A ground control point: a place of the image whose coordinates are known."""

    column: float
    row: float
    x: float
    y: float


class ControlPoints(NamedTuple):
    """Ground control points between which places are interpolated."""

    points: tuple[ControlPoint, ...]
    """In the order of the file."""
    order: int
    """Of the polynomial that is fitted to them, 1 to 3; 0 is a thin plate spline through all of them."""


class RationalPolynomials(NamedTuple):
    """Rational polynomial coefficients (RPC00B): from longitude, latitude and height to pixels."""

    offsets: tuple[float, float, float, float, float]
    """Of line, sample, latitude, longitude, height."""
    scales: tuple[float, float, float, float, float]
    """Of line, sample, latitude, longitude, height."""
    line_numerator: tuple[float, ...]
    line_denominator: tuple[float, ...]
    sample_numerator: tuple[float, ...]
    sample_denominator: tuple[float, ...]
    height: float
    """At which the image is assumed to be, in metres above the ellipsoid."""


Mapping: TypeAlias = Affine | ControlPoints | RationalPolynomials
"""Between pixel coordinates of the full size and x and y."""


class Band(NamedTuple):
    """What the samples of one band are."""

    name: str
    """As the file or the service file says; `band1`, `band2` ... otherwise."""
    unit: str = ""
    scale: float = 1.0
    """The physical value is `sample * scale + offset`."""
    offset: float = 0.0


@quick_repr
@dataclass(frozen=True, slots=True)
class Georeference:
    """Where the pixels of an image are on the ground. Hashable, part of cache keys."""

    crs: str
    """Key of the coordinate reference system (`geo.crs`): `EPSG:32633`, WKT of one without a code, or `image`."""
    mapping: Mapping
    """Of the full size. Files that give the centers of pixels (AREA_OR_POINT=Point) are shifted to corners."""
    size: Size
    """The full size, in pixels."""

    @property
    def grid(self) -> GridRef | None:
        """The image's own grid; None where its mapping is not affine."""
        return GridRef(self.crs, self.mapping, self.size) if isinstance(self.mapping, Affine) else None


@dataclass(frozen=True, slots=True)
class GeoImage:
    """What map services need to know of one version of an image, besides its `ImageInfo`."""

    georeference: Georeference
    bands: tuple[Band, ...]
    """One for each band of the file without opacity."""
    is_palette: bool = False
    """Its samples are classes: colors between two of them mean nothing, so they are never interpolated."""
    palette: bytes = b""
    """Red, green and blue of each class, of palettes of up to 256 colors: as these its samples are read."""
    class_names: tuple[ClassName, ...] = ()
    """Of the classes of a palette, as far as a file next to it names them."""
    mask: MaskRef | None = None
    """A file next to the image that says which of its pixels have data."""


def in_pixel_space(info: ImageInfo) -> GeoImage:
    """What is known of an image without georeference: units are pixels, x is 0 to the width, y minus the height to 0."""
    georeference = Georeference(PIXEL_SPACE, Affine(1.0, 0.0, 0.0, 0.0, -1.0, 0.0), info.size)
    return GeoImage(georeference, tuple(Band(f"band{index + 1}") for index in range(info.color_bands)))
