"""Formats of coverages: samples as the file has them in, a file out. One module per format, ending in `COVERAGE_FORMAT`.

Unlike an encoder of pictures (`codecs`), a coverage format takes samples of any type and any number of bands, and tells
where they are and what they measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.codecs import Output
from iipserve.coverage_formats.media_types import MediaType, parsed
from iipserve.errors import UnsupportedEncoding
from iipserve.geo.crs import quoted
from iipserve.geo.georeference import PIXEL_SPACE
from iipserve.geo.grid import GridRef
from iipserve.geometry import Size
from iipserve.plan import CoverageDescription, CoverageEncoding
from iipserve.registry import discover

Strips: TypeAlias = Iterable[NDArray[Any]]
"""An image from top to bottom in arrays of shape (rows, width, bands), of any numbers of rows, in the machine's byte order."""


class Raster(NamedTuple):
    """All of a coverage but its samples."""

    description: CoverageDescription
    grid: GridRef
    """Has the size of the result. The key `image` is pixel space: the file tells no place."""
    encoding: CoverageEncoding

    @property
    def size(self) -> Size:
        """In pixels."""
        return self.grid.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the samples."""
        return np.dtype(self.description.dtype)

    @property
    def bands(self) -> int:
        """Their number."""
        return len(self.description.bands)

    @property
    def raw_length(self) -> int:
        """Bytes of all samples."""
        return self.size.area * self.bands * self.dtype.itemsize

    @property
    def is_placed(self) -> bool:
        """The grid is in a coordinate reference system."""
        return self.grid.crs != PIXEL_SPACE


def _unknown(raster: Raster) -> None:
    return None


@dataclass(frozen=True, slots=True, eq=False)
class CoverageFormat:
    """One format of coverages. At least one of `pieces` and `save` is there."""

    name: str
    """As in `CoverageEncoding.format`: `geotiff`."""
    title: str
    """For people, and for documents of old versions of WCS: `GeoTIFF`."""
    media_type: str
    """Without spaces and quotes."""
    extension: str
    """Of file names, without a dot."""
    refusal: Callable[[Raster], str | None]
    """Why the format cannot hold a raster and what would do, to be sent to the client; or None. The other functions are
    called for rasters only that it has nothing against."""
    pieces: Callable[[Raster, Strips], Iterator[bytes | memoryview]] | None = None
    """The file from beginning to end, while strips are read. Where there is `save` too: only where `length` is known."""
    save: Callable[[Raster, Strips, Output], None] | None = None
    """Writes the file in any order."""
    length: Callable[[Raster], int | None] = _unknown
    """Bytes of the file where they follow from the raster alone, and `pieces` yields them; else None."""
    held: Callable[[Raster], int] = lambda raster: 0
    """Bytes held while writing, besides a strip of samples."""
    media_types: tuple[str, ...] = ()
    """Further media types, with the parameters that tell them from those of other formats."""
    names: tuple[str, ...] = ()
    """Further names: those of GDAL, of other servers and of old versions of WCS."""
    is_named: bool = False
    """The file tells the identifier of the coverage (`CoverageDescription.identifier`)."""
    gml_role: str = ""
    """`role`, where it is not the media type."""
    position: int = 100
    """Sort key in lists of formats, lowest first."""
    library: Callable[[], str] | None = None
    """What writes it, with its version, for `--check`; None for this package."""

    @property
    def role(self) -> str:
        """Of the file in a coverage of GML (`xlink:role`, OGC 09-146r2, 8.3)."""
        return self.gml_role or self.media_type

    def write(self, raster: Raster, strips: Strips, output: Output) -> None:
        """Write the file to an empty output.

        Raises:
            TooLarge: it would be longer than the format allows.
        """
        if self.save is not None and (self.pieces is None or self.length(raster) is None):
            self.save(raster, strips, output)
        elif self.pieces is not None:
            for piece in self.pieces(raster, strips):
                output.write(piece)


@cache
def formats() -> Mapping[str, CoverageFormat]:
    """All formats by name, in the order of their positions."""
    found = discover("iipserve.coverage_formats", "COVERAGE_FORMAT").values()
    ordered = sorted(found, key=lambda format: (format.position, format.name))
    return MappingProxyType({format.name: format for format in ordered})


def by_name(name: str) -> CoverageFormat:
    """The format of a name as in `CoverageEncoding.format`.

    Raises:
        UnsupportedEncoding: there is none.
    """
    return _found(formats().get(name), name)


def find(text: str) -> CoverageFormat:
    """The format that a client asks for.

    Args:
        text: a name, or a media type with any parameters, in any case, with or without quotes; also one whose `+` was not
            encoded in an address.

    Raises:
        UnsupportedEncoding: there is none.
    """
    wanted = text.strip()
    return _found(_by_name().get(wanted.lower()) or _by_media_type(parsed(wanted)), text)


def _found(format: CoverageFormat | None, text: str) -> CoverageFormat:
    if format is None:
        written = ", ".join(format.media_type for format in formats().values())
        raise UnsupportedEncoding(f"coverages are not written as {quoted(text)}, but as {written}")
    return format


@cache
def _by_name() -> Mapping[str, CoverageFormat]:
    """By all names, in lower case; an extension that two have is of the first."""
    return {
        name.lower(): format
        for format in reversed(list(formats().values()))
        for name in (format.name, format.title, format.extension, *format.names)
    }


@cache
def _media_types() -> tuple[tuple[MediaType, CoverageFormat], ...]:
    """Those with most parameters first."""
    known = [
        (parsed(text), format)
        for format in formats().values()
        for text in (format.media_type, *format.media_types)
    ]
    return tuple(sorted(known, key=lambda pair: -len(pair[0].parameters)))


def _by_media_type(wanted: MediaType) -> CoverageFormat | None:
    return next((format for known, format in _media_types() if wanted.is_a(known)), None)
