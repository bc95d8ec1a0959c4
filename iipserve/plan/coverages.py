"""Coverages: samples of an image as its file has them, on a grid, in a file of a coverage format."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from iipserve.geo.grid import GridRef
from iipserve.geometry import Size
from iipserve.image import quick_repr
from iipserve.plan.digests import digest_of
from iipserve.plan.views import Crop, ImageRef, MosaicRule, Resampling, Warp


@quick_repr
@dataclass(frozen=True, slots=True)
class CoverageEncoding:
    """How samples become a file."""

    format: str
    """Name of a coverage format: `geotiff`, `cog`, `png`, `jpeg`, `jp2`, `netcdf`, `aaigrid`, `gml`."""
    compression: str = ""
    """Within the format: `none`, `packbits`, `huffman`, `lzw`, `jpeg`, `deflate`, `zstd`; empty for the format's default."""
    predictor: str = ""
    """`none`, `horizontal`, `floatingpoint`; empty for the format's default."""
    interleave: str = "pixel"
    """`pixel` or `band`."""
    tile: Size | None = None
    """Of the tiles in the file; None for strips, or for the format's default where it has tiles only."""
    quality: int = 0
    """Of lossy compression, 1 to 100; 0 for the format's default."""


class CoverageBand(NamedTuple):
    """What a file tells of the samples of one band."""

    name: str
    unit: str = ""
    scale: float = 1.0
    """The physical value is `sample * scale + offset`."""
    offset: float = 0.0
    nodata: float | int | None = None
    """The sample that stands for missing data, which the type can hold; of integers an `int`."""
    description: str = ""


class MetadataItem(NamedTuple):
    """A further item of metadata that a file has, in formats of GDAL."""

    name: str
    value: str
    domain: str = ""
    """Of metadata of GDAL; empty for the usual one."""
    band: int | None = None
    """Of the result, from 0; None: of the file."""


@quick_repr
@dataclass(frozen=True, slots=True)
class CoverageDescription:
    """What a file tells of the samples of a coverage."""

    dtype: str
    """numpy name of the sample type: that of the image's file, 8 to 64 bits."""
    bands: tuple[CoverageBand, ...]
    """One for each band of the result, in its order."""
    palette: bytes = b""
    """Red, green and blue of each sample, of indices of up to 8 bits; empty for others."""
    bits: int = 0
    """Of each sample, where these are fewer than those of the type; 0 otherwise."""
    is_rgb: bool = False
    """The first three bands are red, green and blue."""
    opacity: int | None = None
    """Which band of the result is opacity."""
    items: tuple[MetadataItem, ...] = ()
    """That the service file states; only GeoTIFF has them."""
    identifier: str = ""
    """An NCName of the coverage, for files that tell it (GML); empty for others."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What surrounds a file in a multipart answer: part of the answer, and not of the file."""

    head: bytes
    """All bytes before the file: the other parts, and the headers of its own."""
    tail: bytes
    """All bytes after the file."""
    media_type: str
    """Of the answer: `multipart/related; boundary=...`."""


@quick_repr
@dataclass(frozen=True, slots=True)
class CoveragePlan:
    """One coverage, described by everything that changes a byte of it: work order, cache key, ETag.

    Its samples are those of the image's full size, in the type and the units of the file: no range, scale or color is
    applied to them. Smaller levels are never read.
    """

    view: Crop | Warp
    """Of the full size. The region of a `Crop` may extend past the edges of the image by any number of pixels."""
    bands: tuple[int, ...]
    """Indices of bands as the file has them (`ImageInfo.samples`), in the order of the result; repeats are allowed."""
    grid: GridRef
    """Where the result is located, as its file tells; has its size. The key `image` is pixel space."""
    resampling: Resampling
    """How a sample is made where the grid is not a window of the image at its full size."""
    encoding: CoverageEncoding
    description: CoverageDescription
    envelope: Envelope | None = None
    under: tuple[Crop | Warp, ...] = ()
    """The same of other images, with the same type and bands, of which is read what `view` is missing, or does not cover:
    the first is the lowest."""
    missing: tuple[tuple[float | int | None, ...], ...] = ()
    """Of each of `under`, and then of `view`, the sample of each band that stands for missing data there; empty: as
    `description` says, which is of the result."""
    rule: MosaicRule = MosaicRule.FIRST
    """How one sample is made of those of all these images; that of `first` is of the uppermost which has one."""
    images: tuple[ImageRef, ...] = field(init=False, repr=False, compare=False)
    """All images that are read, each once."""

    def __post_init__(self) -> None:
        images = (image for view in self.views for image in view.images)
        object.__setattr__(self, "images", tuple(dict.fromkeys(images)))

    @property
    def views(self) -> tuple[Crop | Warp, ...]:
        """All of them, the first is the lowest."""
        return (*self.under, self.view)

    @property
    def size(self) -> Size:
        """Of the result, in pixels."""
        return self.view.size

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that identify this plan and this version of the server."""
        return digest_of(self)

    @property
    def file(self) -> CoveragePlan:
        """The plan of the file alone, without what surrounds it: its key in caches."""
        return self if self.envelope is None else replace(self, envelope=None)
