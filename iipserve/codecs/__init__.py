"""Encoders: pixels in, an encoded file out. One module or package per output format, ending in `ENCODER`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeAlias

from iipserve.formats import Format
from iipserve.geometry import Size
from iipserve.image import PhysicalResolution
from iipserve.plan import Encoding
from iipserve.processing import Pixels


@dataclass(frozen=True, slots=True, eq=False)
class Metadata:
    """Metadata to write with the pixels."""

    icc: bytes | None = None
    xmp: bytes | None = None
    """UTF-8 XML."""
    exif: bytes | None = None
    """A TIFF structure without the leading `Exif\\0\\0`."""
    resolution: PhysicalResolution | None = None
    """Of the output image, in pixels per metre."""
    text: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """By IIP object name: title, creator, description, rights, ..."""


NO_METADATA = Metadata()

Shape: TypeAlias = tuple[int, int, int]
"""Height, width and bands of an image, as of a numpy array."""


class Output(Protocol):
    """A file that is being written."""

    def write(self, data: bytes | memoryview) -> object:
        """Write bytes at the current position and advance it."""

    def seek(self, position: int) -> object:
        """Set the current position, which may be past the end."""


RowEncoder: TypeAlias = Callable[[Iterable[Pixels], Shape, Encoding, Metadata, Output], None]
"""Takes strips of full width from top to bottom, the shape of the image, encoding, metadata, and the file to write."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """One output format."""

    format: Format
    """The declaration that protocols work with."""
    encode: Callable[[Pixels, Encoding, Metadata], bytes]
    """Returns the file. Raises `UnsupportedEncoding` for an unknown scheme, `InvalidSize` or `TooLarge` for more
    pixels than the format can express, nothing else for valid pixels."""
    memory_factor: int = 2
    """Maximum memory held while encoding, as a multiple of the size of the pixels; for admission. At least 2."""
    small_pixels: int = 0
    """Images of up to so many pixels are encoded in another way, for which `small_memory_factor` is the multiple."""
    small_memory_factor: int = 2
    """See `small_pixels`."""
    encode_rows: RowEncoder | None = None
    """As `encode`, for images too large for memory: holds one strip at a time and writes the file to disk. The
    pixels are the same, the bytes may differ. None if the format needs all pixels at once."""
    crop: Callable[[bytes, Size], bytes | None] | None = None
    """Crop an encoded image losslessly to its top left `Size`; returns None if that is impossible."""
    library: Callable[[], str] | None = None
    """What encodes, with its version, for `--check`; None for this package."""
    quick: bool = False
    """Encodes a tile in a fraction of a millisecond at any quality."""

    @property
    def name(self) -> str:
        """The name of the format."""
        return self.format.name

    def copies(self, pixels: int) -> int:
        """How often the memory of an image of so many pixels is held while it is encoded, the image included."""
        return 1 + (self.small_memory_factor if pixels <= self.small_pixels else self.memory_factor)

    def max_pixels(self, held: int) -> int:
        """The largest image that is encoded while no more than `held` pixels are, copies included."""
        small = held // (1 + self.small_memory_factor)
        return (
            small if small < self.small_pixels else max(self.small_pixels, held // (1 + self.memory_factor))
        )
