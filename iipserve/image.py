"""Description of an image, known before any pixel is read."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from iipserve.geometry import Size

T = TypeVar("T")

MAX_REPRS = 4096
"""Values of one class whose `repr` is remembered."""
MAX_SIZES = 1024
"""Sizes of images whose further sizes are remembered once for all images: those of a camera or scanner are alike."""


def cached_repr(kind: type[T]) -> type[T]:
    """Class decorator for hashable parts of cache keys that recur: the `repr` of each value is computed once."""
    shown: Any = kind
    shown.__repr__ = lru_cache(maxsize=MAX_REPRS)(shown.__repr__)
    return kind


def quick_repr(kind: type[T]) -> type[T]:
    """Class decorator for dataclasses of cache keys: a `repr` of the same fields that takes a third of the time."""
    shown: Any = kind
    values = attrgetter(*(each.name for each in fields(shown) if each.repr))
    shown.__repr__ = lambda self: f"{shown.__qualname__}{values(self)!r}"
    return kind


class ImageVersion(NamedTuple):
    """Identifies one state of a file: by inode number and time of change, or by its content."""

    mtime_ns: int
    """Time of the last modification, in nanoseconds since 1970; tools may set it to any value."""
    length: int
    """Length of the file in bytes."""
    inode: int = 0
    """Inode number; 0 with a fingerprint."""
    ctime_ns: int = 0
    """Time of the last change, set by the kernel, in nanoseconds since 1970; 0 with a fingerprint."""
    fingerprint: str = ""
    """Digest of parts of the file, equal for its copies on other hosts; empty with an inode number."""
    purged_ms: int = 0
    """When the image was last purged, in milliseconds since 1970: it counts as changed then. 0 if it never was."""

    @property
    def changed_at(self) -> int | None:
        """Time from which on the file has been in this state, in seconds since 1970; None if not known."""
        if self.fingerprint:
            return None
        return max((self.ctime_ns or self.mtime_ns) // 1_000_000_000, self.purged_ms // 1000)


class ColorSpace(enum.Enum):
    """Meaning of the color bands. Sources convert palettes and YCbCr to RGB."""

    GRAY = "gray"
    """One band of brightness, or several that are not colors (2 without opacity, multispectral)."""
    SRGB = "srgb"
    """The first three bands are red, green and blue; further ones are not displayed."""
    CIELAB = "cielab"
    """L*, a*, b*. uint8: L* x 2.55, a* and b* as signed bytes; uint16: L* x 655.34, a* and b* x 256, signed;
    float32: unscaled (TIFF 6.0 section 23, TIFF Technical Note 4)."""
    CMYK = "cmyk"
    """Cyan, magenta, yellow, black: 0 is no ink."""

    @property
    def bands(self) -> int:
        """Number of color bands of the space."""
        return {"gray": 1, "cmyk": 4}.get(self.value, 3)


LAB_RANGES = ((0.0, 100.0), (-128.0, 127.0), (-128.0, 127.0))
"""Black and white of L*, a* and b* in floating point."""


class Selector(NamedTuple):
    """Selects one image of a stack or of a panoramic sequence (IIP's SDS).

    Whether `SDS=2` is a layer or an angle is known only once the file is opened; until then it is one number.
    """

    horizontal: int = 0
    """Horizontal angle in a sequence, in degrees; in a stack see `layer`."""
    vertical: int = 90
    """Vertical angle in a sequence, in degrees; ignored in a stack."""

    @property
    def layer(self) -> int:
        """Index of the layer in a stack, from 0."""
        return self.horizontal


FIRST = Selector()
"""The image that is selected by default; the only one of most files."""


class MaskRef(NamedTuple):
    """One version of a file that says which pixels of an image have data."""

    identifier: str
    """As of an image."""
    version: ImageVersion


class ImageName(NamedTuple):
    """What a request calls an image."""

    identifier: str
    """Decoded."""
    selector: Selector = FIRST


class FolderContents(NamedTuple):
    """What is in a folder of images."""

    folders: tuple[str, ...]
    """Names of the folders in it, in natural order."""
    images: tuple[str, ...]
    """Names of its images, as at the end of identifiers, in natural order."""
    is_complete: bool = True
    """False if it has more files than were looked at."""


class StackLayer(NamedTuple):
    """One of several images in a file."""

    name: str
    scale: float = 1.0
    """Factor from samples to physical values (StoNits)."""
    is_auxiliary: bool = False
    """A thumbnail, label or overview: its pixels are not places of the other images."""


class Angles(NamedTuple):
    """The views of a panoramic sequence, in degrees, ascending."""

    horizontal: tuple[int, ...]
    vertical: tuple[int, ...]


class StoredSamples(NamedTuple):
    """The samples of the full size of an image as its file has them, before anything is converted."""

    dtype: str
    """numpy name of the type: also int8, int64, uint64, float16 and float64, which are decoded to others."""
    bands: int
    """Samples per pixel: one of a palette, whose samples are indices; opacity that is no band of the file is none."""
    tile: Size
    """The unit in which they are decoded: a tile, or a strip."""
    nodata: float | int | None = None
    """The sample that stands for missing data; of integers an integer."""
    bits: int = 0
    """Of each sample, where these are fewer than those of the type; 0 otherwise."""
    opacity: int | None = None
    """Index of the band that is opacity, if `ImageInfo.has_alpha`."""


def full_range(dtype: str, bits: int) -> tuple[float, float] | None:
    """Minimum and maximum sample of unsigned integers of up to 16 bits as decoded; None for other types."""
    if dtype == "uint8":
        return 0.0, 255.0
    return (0.0, float((1 << bits) - 1)) if dtype == "uint16" else None


@dataclass(frozen=True, slots=True)
class Level:
    """One size of the pyramid stored in the file. Level 0 is full size; sizes decrease with the index."""

    size: Size
    tile: Size
    """The unit in which this level is decoded: the stored tile, or a block that the codec decodes by itself."""


class LevelStorage(NamedTuple):
    """How the file stores one level, as far as that decides how fast it is read."""

    compression: str
    """Its usual name in lower case: `jpeg`, `deflate`, `none`."""
    unit: Size
    """What the file compresses at once: a tile; a strip, as wide as the level; or the whole level."""
    is_tiled: bool
    """The unit is a tile."""
    units: int
    """How many there are, of all planes together."""
    planes: int = 1
    """How many of them hold the bands of one place: 1 if these are interleaved."""
    mean_bytes: float | None = None
    """Mean length of a compressed unit, measured at some of them; None if the file does not list it."""


@dataclass(frozen=True, slots=True)
class PhysicalResolution:
    """Pixels of the original per metre."""

    x: float
    """Pixels per metre across, above 0."""
    y: float
    """Pixels per metre down, above 0."""

    @property
    def per_inch(self) -> tuple[float, float]:
        """Pixels per inch across and down."""
        return self.x * 0.0254, self.y * 0.0254


@dataclass(frozen=True, eq=False)
class ImageInfo:
    """Everything that protocols need to plan an answer. Compared by identity; no slots, for cached properties."""

    identifier: str
    """The client's name of the image, decoded."""
    format: str
    """Name of the source format, e.g. `tiff`."""
    version: ImageVersion
    levels: tuple[Level, ...]
    """Full size first, each later one smaller; sizes are the file's, in any ratio."""
    tile: Size
    """The tile that protocols advertise: the file's, or 256 x 256 if it has none."""
    bands: int
    """Samples per pixel, including opacity."""
    dtype: str
    """numpy name of the sample type as decoded: uint8, uint16, int16, uint32, int32 or float32. Samples of fewer
    than 8 bits are decoded to the full range of 8, those of 9 to 16 bits to their own values in uint16."""
    bits: int
    """Bits per sample as stored."""
    color_space: ColorSpace
    has_alpha: bool = False
    """Whether the last band is opacity (not premultiplied): from 0 to the end of its range."""
    alpha_declared: bool = True
    """The file says that its last band is opacity; False if that is only usual."""
    band_ranges: tuple[tuple[float, float], ...] = ()
    """The samples of each band to display as black and white: declared in the file (SMinSampleValue), or the full
    range of unsigned integers of up to 16 bits. Empty if unknown: they are then measured."""
    nodata: tuple[float, ...] = ()
    """The sample of each color band that stands for missing data; empty without one. NaN is missing as well."""
    quality_layers: int = 1
    """JPEG 2000 quality layers; 1 for other formats."""
    icc: bytes | None = None
    """Embedded ICC profile."""
    xmp: bytes | None = None
    """Embedded XMP packet, UTF-8 XML."""
    exif: bytes | None = None
    """Embedded Exif block: a TIFF structure without the prefix `Exif\\0\\0`."""
    resolution: PhysicalResolution | None = None
    text: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Descriptive metadata by IIP object name: title, creator, description, rights, date, software, ..."""
    selector: Selector = FIRST
    """Which image of the stack or sequence this is."""
    stack: tuple[StackLayer, ...] = ()
    """All images of the file by `Selector.layer`, if there are several; each has its own `ImageInfo`."""
    angles: Angles | None = None
    """The views, if the identifier names a panoramic sequence."""
    stored: StoredSamples | None = None
    """What `Source.read_stored` gives; None if it is not implemented: samples count as stored as they are decoded."""

    @property
    def samples(self) -> StoredSamples:
        """The samples as the file has them, as far as the source can read them."""
        if self.stored is not None:
            return self.stored
        nodata = self.nodata[0] if self.nodata else None
        if nodata is not None and not self.dtype.startswith("float"):
            nodata = int(nodata)
        opacity = self.bands - 1 if self.has_alpha else None
        return StoredSamples(self.dtype, self.bands, self.levels[0].tile, nodata, 0, opacity)

    @property
    def color_bands(self) -> int:
        """Number of bands without opacity."""
        return self.bands - self.has_alpha

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """All images of the stack, or all horizontal views at this image's vertical angle."""
        if self.stack:
            return tuple(Selector(index) for index in range(len(self.stack)))
        if self.angles:
            return tuple(Selector(angle, self.selector.vertical) for angle in self.angles.horizontal)
        return (self.selector,)

    @property
    def aligned_selectors(self) -> tuple[Selector, ...]:
        """As `selectors`, without thumbnails and labels; only this image if it is one of those."""
        if not self.stack:
            return self.selectors
        if self.stack[self.selector.layer].is_auxiliary:
            return (self.selector,)
        return tuple(one for one in self.selectors if not self.stack[one.layer].is_auxiliary)

    @property
    def full_range(self) -> tuple[float, float] | None:
        """Minimum and maximum sample of the type; None for types whose full range is not used."""
        return full_range(self.dtype, self.bits)

    @property
    def size(self) -> Size:
        """The full size."""
        return self.levels[0].size

    @cached_property
    def power_of_two_sizes(self) -> tuple[Size, ...]:
        """The sizes that DeepZoom, Zoomify and IIIF advertise, full size first: the full size divided by
        powers of two and rounded up, down to 1 x 1.
        """
        return _power_of_two_sizes(self.size)

    @cached_property
    def resolution_sizes(self) -> tuple[Size, ...]:
        """The sizes of IIP's resolutions, full size first: the file's own levels, then halves (rounded
        down, as in iipsrv) until one fits in a tile.
        """
        return _resolution_sizes(tuple([level.size for level in self.levels]), self.tile)


@lru_cache(maxsize=MAX_SIZES)
def _power_of_two_sizes(size: Size) -> tuple[Size, ...]:
    zooms = (max(size.width, size.height) - 1).bit_length()
    return tuple(size.ceil_scaled(1 << zoom) for zoom in range(zooms + 1))


@lru_cache(maxsize=MAX_SIZES)
def _resolution_sizes(stored: tuple[Size, ...], tile: Size) -> tuple[Size, ...]:
    sizes = [*stored]
    while not sizes[-1].fits_in(tile):
        sizes.append(sizes[-1].floor_halved())
    return tuple(sizes)
