"""What is known of an image before any pixel is read."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from iipserve.geometry import Size


@dataclass(frozen=True, slots=True)
class ImageVersion:
    """Tells one state of a file from the next."""

    mtime_ns: int
    """Time of the last change, in nanoseconds since 1970."""
    length: int
    """Length of the file in bytes."""


class ColorSpace(enum.Enum):
    """How the bands are read."""

    GRAY = "gray"
    SRGB = "srgb"


@dataclass(frozen=True, slots=True)
class Level:
    """One size of the pyramid that the file itself holds; level 0 is full size, counting down."""

    size: Size
    tile: Size
    """The unit in which this level is decoded: the stored tile, or a block the codec can cut out."""


@dataclass(frozen=True, slots=True)
class PhysicalResolution:
    """How many pixels the original has per metre."""

    x: float
    """Pixels per metre across, above 0."""
    y: float
    """Pixels per metre down, above 0."""


@dataclass(frozen=True, eq=False)
class ImageInfo:
    """Everything protocols need to plan an answer; compared by identity. Has no slots, for `shown_sizes`."""

    identifier: str
    """What the client calls the image, decoded."""
    format: str
    """Name of the source format, e.g. `tiff`."""
    version: ImageVersion
    levels: tuple[Level, ...]
    """Full size first, every later one smaller; sizes are the file's own, of any ratio."""
    tile: Size
    """The tile that protocols advertise: the file's own, or 256 x 256 where it has none."""
    bands: int
    """Samples per pixel, an alpha band included."""
    dtype: str
    """numpy name of the sample type as decoded, e.g. `uint8`."""
    bits: int
    """Bits per sample as stored."""
    color_space: ColorSpace
    has_alpha: bool = False
    """True when the last band is opacity (not premultiplied)."""
    band_ranges: tuple[tuple[float, float], ...] = ()
    """Declared minimum and maximum of each band."""
    quality_layers: int = 1
    """JPEG 2000 quality layers; 1 for every other format."""
    icc: bytes | None = None
    """Embedded ICC profile."""
    xmp: bytes | None = None
    """Embedded XMP packet, UTF-8 XML."""
    exif: bytes | None = None
    """Embedded Exif block, a TIFF structure without the `Exif\\0\\0` mark."""
    resolution: PhysicalResolution | None = None
    text: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Descriptive metadata by IIP object name: title, creator, description, rights, date, software, ..."""

    @property
    def size(self) -> Size:
        """The full size."""
        return self.levels[0].size

    @cached_property
    def halved_sizes(self) -> tuple[Size, ...]:
        """The sizes that DeepZoom, Zoomify and IIIF show, full size first: divided by powers of two and
        rounded up, down to 1 x 1.
        """
        zooms = (max(self.size.width, self.size.height) - 1).bit_length()
        return tuple(self.size.ceil_scaled(1 << zoom) for zoom in range(zooms + 1))

    @cached_property
    def shown_sizes(self) -> tuple[Size, ...]:
        """The sizes that IIP shows, full size first: the file's own, then halves (rounded down, as iipsrv
        does) until one fits in a tile.
        """
        sizes = [level.size for level in self.levels]
        while not sizes[-1].fits_in(self.tile):
            sizes.append(sizes[-1].floor_halved())
        return tuple(sizes)
