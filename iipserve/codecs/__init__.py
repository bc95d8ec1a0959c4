"""Encoders: pixels in, a finished file out. One module per output format, ending in `ENCODER`."""

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
    """What may be written beside the pixels."""

    icc: bytes | None = None
    xmp: bytes | None = None
    """UTF-8 XML."""
    exif: bytes | None = None
    """A TIFF structure without the `Exif\\0\\0` mark."""
    resolution: PhysicalResolution | None = None
    """Of the finished image, in pixels per metre."""
    text: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """By IIP object name: title, creator, description, rights, ..."""


NO_METADATA = Metadata()

Shape: TypeAlias = tuple[int, int, int]
"""Height, width and bands of a picture, as numpy has them."""


class Output(Protocol):
    """A file that is being written."""

    def write(self, data: bytes | memoryview) -> object:
        """Put bytes where the file stands; it then stands behind them."""

    def seek(self, position: int) -> object:
        """Let the file stand at a position, also past its end."""


RowEncoder: TypeAlias = Callable[[Iterable[Pixels], Shape, Encoding, Metadata, Output], None]
"""(strips of full width from top to bottom, shape of the picture, encoding, metadata, new file) -> written."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """One output format."""

    format: Format
    """What it writes; protocols know nothing else of it."""
    encode: Callable[[Pixels, Encoding, Metadata], bytes]
    """Raises `UnsupportedEncoding` for a scheme it does not know, `InvalidSize` or `TooLarge` for more pixels
    than the format can express, nothing else on valid pixels."""
    memory_factor: int = 2
    """Memory held while encoding, in multiples of the pixels' of three bands, at most; the limits count with it."""
    encode_rows: RowEncoder | None = None
    """As `encode`, for pictures too large for memory: a strip is held at a time, and the file on disk. The
    pixels are the same, the bytes need not be. None where the format needs all pixels at once."""
    crop: Callable[[bytes, Size], bytes | None] | None = None
    """Cut an encoded image down to its top left `Size` without loss; None where that is impossible."""
    quick: bool = False
    """A tile is encoded in a fraction of a millisecond at any quality."""

    @property
    def name(self) -> str:
        """Of the format."""
        return self.format.name
