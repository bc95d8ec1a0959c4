"""Source formats: structure and pixels of image files. One package per format, with a constant `FORMAT`."""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.config import Config
from iipserve.geometry import Region, Size, ceil_div
from iipserve.image import ImageInfo, ImageVersion, LevelStorage
from iipserve.processing import Pixels

Bands: TypeAlias = tuple[int, ...]
"""Indices of bands."""
ReadAt: TypeAlias = Callable[[int, int], bytes]
"""(count, offset) -> as many bytes of `count` as there are."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file opened for reading by the library; a source takes its descriptor over."""

    descriptor: int
    """Read-only. Closed by the source when that is garbage, and when opening fails."""
    path: str
    """Absolute path on the server, for libraries that open files by name. Never shown to a client."""
    identifier: str
    """The client's name of the image, for messages."""
    version: ImageVersion
    head: bytes
    """The first bytes of the file, at most 64."""
    layer: int = 0
    """Index of the image in a stack; formats without stacks have only 0."""
    config: Config = field(default_factory=Config)
    """Settings of formats."""
    reopening: ReadAt | None = None
    """Reads the file without `descriptor`: the library opens it again when that is necessary, and raises an error if it
    has changed. None if nothing does."""

    def with_own_descriptor(self) -> OpenFile:
        """The same with a duplicate of the descriptor, in a third of the time of `replace`."""
        return OpenFile(
            os.dup(self.descriptor), self.path, self.identifier, self.version, self.head, self.layer, self.config,
            self.reopening,
        )  # fmt: skip

    @property
    def read_at(self) -> ReadAt:
        """Reads the file, for sources that need no descriptor; see `Source.holds_descriptor`."""
        return self.reopening or (lambda count, offset: os.pread(self.descriptor, count, offset))


def reading_ahead(read: ReadAt, count: int) -> ReadAt:
    """The same bytes, of which the first `count` are read once, for structures of many small parts at the beginning."""
    beginning = read(count, 0)

    def read_at(count: int, offset: int) -> bytes:
        end = offset + count
        return beginning[offset:end] if offset >= 0 and end <= len(beginning) else read(count, offset)

    return read_at


class closed_on_error:  # noqa: N801 (used as a function)
    """Close the file's descriptor if the block raises; what the block makes takes the descriptor over after it."""

    __slots__ = ("_descriptor",)

    def __init__(self, file: OpenFile) -> None:
        self._descriptor = file.descriptor

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the block."""
        if kind is not None:
            os.close(self._descriptor)


def give_back(source: Source, file: OpenFile) -> None:
    """Close the descriptor of a file that a source reads by `OpenFile.read_at`, unless that uses it."""
    source.holds_descriptor = file.reopening is None
    if source.holds_descriptor:
        weakref.finalize(source, os.close, file.descriptor)
    else:
        os.close(file.descriptor)


class Source(ABC):
    """One opened version of a file.

    Safe for use by many threads at once. The engine may drop a source from its pool while another thread still reads
    from it.
    """

    holds_descriptor: bool = True
    """It holds its file's descriptor until it is garbage. If not, it reads by `OpenFile.read_at` only, so that what was
    parsed of the file is kept without it."""
    memory: int = 0
    """About how many bytes it takes, if it holds no descriptor."""

    keeps_decoded: bool = False
    """Decoding is so expensive that decoded tiles are worth keeping in the memory cache."""
    reads_regions: bool = False
    """`read_region` is implemented; otherwise the engine joins tiles."""
    reads_parts: bool = False
    """`read_part` takes less time than `read_tile`."""

    info: ImageInfo

    @abstractmethod
    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """Decode one unit of the level's own grid (`Level.tile`), clipped to the level.

        The samples are as `ImageInfo.dtype`, `bands`, `color_space` and `band_ranges` describe them, before any
        conversion for display (`processing.display`).

        Raises:
            DecodeError: this tile is damaged or missing in the file.
        """

    def read_part(self, level: int, column: int, row: int, part: Region, quality_layers: int = 0) -> Pixels:
        """Exactly the pixels that `read_tile` gives for a part of one tile; may be a view of more.

        Args:
            level: as of `read_tile`.
            column: as of `read_tile`.
            row: as of `read_tile`.
            part: in pixels of the level, inside the tile.
            quality_layers: as of `read_tile`.

        Raises:
            DecodeError: the part is damaged or missing in the file.
        """
        return cut(self.read_tile(level, column, row, quality_layers), self.info.levels[level].tile, part)

    def read_mask(self, level: int, column: int, row: int) -> NDArray[np.bool_] | None:
        """Which pixels of a tile have data (True), by a mask in the file: shape as `read_tile`'s, without bands.

        None where the file has no mask, or the mask is among the samples as their opacity.

        Raises:
            DecodeError: the mask is damaged or missing in the file.
        """
        return None

    def read_region(self, level: int, region: Region, size: Size) -> Pixels:
        """A region inside the level, scaled to exactly `size` (only if `reads_regions`).

        Raises:
            DecodeError: the region is damaged or missing in the file.
        """
        raise TypeError(f"{type(self).__name__} reads tiles")

    def read_stored(self, region: Region, bands: Bands) -> Pixels:
        """The samples of a region of the full size as the file has them (only where `ImageInfo.stored` says which).

        Args:
            region: inside the image.
            bands: indices of those that are read, in the order of the result; each once.

        Raises:
            DecodeError: the region is damaged or missing in the file.
        """
        raise TypeError(f"{type(self).__name__} reads decoded samples")

    def decoded_pixels(self, level: int, region: Region) -> int:
        """Pixels that have to be decoded for a region of a level: whole tiles where the engine joins tiles."""
        if self.reads_regions:
            return region.size.area
        tile = self.info.levels[level].tile
        columns = ceil_div(region.right, tile.width) - region.x // tile.width
        rows = ceil_div(region.bottom, tile.height) - region.y // tile.height
        return columns * rows * tile.area

    def decoding_memory(self, level: int, region: Region) -> int:
        """Bytes that are held at most while a region is decoded, besides the samples that are read: one whole tile."""
        return tile_memory(self.info, level)

    def storage(self, level: int) -> LevelStorage:
        """How the file stores a level, in its own orientation. Of formats that have no tiles: as a whole.

        Raises:
            DecodeError: the directory of the level is damaged.
        """
        return LevelStorage(self.info.format, self.info.levels[level].size, is_tiled=False, units=1)

    def stored_tile(self, level: int, column: int, row: int, format: str, *, profile: bool) -> bytes | None:
        """A tile as stored, as a complete file of output `format`, or None if that cannot be made without decoding.

        It has the size of an unclipped tile, also at the edges. With `profile`, the image's ICC profile is embedded.

        Raises:
            DecodeError: the file ends before the tile does.
        """
        return None


def cut(pixels: Pixels, tile: Size, part: Region) -> Pixels:
    """A view of a part, in pixels of the level, of a tile of a grid of `tile`."""
    x, y = part.x % tile.width, part.y % tile.height
    return pixels[y : y + part.height, x : x + part.width]


def tile_memory(info: ImageInfo, level: int) -> int:
    """Bytes that are held at most while a tile is decoded: half as much again where bands are stored apart (measured)."""
    tile = info.levels[level].tile
    return 3 * tile.width * tile.height * info.bands * np.dtype(info.dtype).itemsize // 2


class Support(NamedTuple):
    """Whether this installation reads a kind of file, for `--check`."""

    kind: str
    """What users call it."""
    library: str
    """What reads it, with its version; empty if this package does."""
    failure: str = ""
    """Why it cannot be read."""


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """A file format."""

    name: str
    matches: Callable[[bytes], bool]
    """Whether the first bytes of a file (at most 64) are of this format."""
    open: Callable[[OpenFile], Source]
    """Raises `UnsupportedImage`, with the reason, for a file it cannot read, and `DecodeError` for a damaged one."""
    fallback: bool = False
    """Used only if no other format matches, or if the matching one raises `UnsupportedImage`."""
    optional: bool = False
    """Used only where EXTRA_FORMATS contains the name."""
    support: Callable[[], Iterable[Support]] | None = None
    """What this installation reads of it; None if that is every file of a format called as `name`."""
