"""How a TIFF directory stores its image.

`read_layout` names the reason for which an image is not supported; such files are left to the fallback format.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from iipserve.containers.field_types import TYPE_LENGTHS
from iipserve.containers.ifd import Directory
from iipserve.containers.tags import (
    BITS_PER_SAMPLE,
    COLOR_MAP,
    COMPRESSION,
    DECODE,
    EXTRA_SAMPLES,
    FILL_ORDER,
    GDAL_NODATA,
    IMAGE_DEPTH,
    IMAGE_LENGTH,
    IMAGE_WIDTH,
    INK_SET,
    JPEG2000_SCHEMES,
    JPEG_TABLES,
    LERC_PARAMETERS,
    ORIENTATION,
    PHOTOMETRIC,
    PLANAR_CONFIGURATION,
    PREDICTED,
    PREDICTOR,
    REFERENCE_BLACK_WHITE,
    S_MAX_SAMPLE_VALUE,
    S_MIN_SAMPLE_VALUE,
    SAMPLE_FORMAT,
    SAMPLES_PER_PIXEL,
    SELF_CODED,
    SOFTWARE,
    STRIP_BYTE_COUNTS,
    STRIP_OFFSETS,
    TILE_BYTE_COUNTS,
    TILE_LENGTH,
    TILE_OFFSETS,
    TILE_WIDTH,
    YCBCR_COEFFICIENTS,
    YCBCR_SUBSAMPLING,
    Compression,
    Photometric,
)
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size, TileGrid, ceil_div
from iipserve.lru import LRU
from iipserve.sources.tiff_pixel_format import Bands, SampleType, read_bands, read_type

MAX_TILE_AREA = 64 * 1024 * 1024
"""Pixels of the largest supported tile."""
MAX_TILE_BYTES = 256 * 1024 * 1024
"""Of the largest supported tile, all its bands together."""
MAX_TILES = 4 * 1024 * 1024
"""In one level: half a million pixels square, with tiles of 256 x 256."""
SHAPE_TOLERANCE = 2
"""Pixels by which the sides of a smaller level may differ from the shape of the full one, after repeated rounding."""
ENCODING_MARGIN = 64 * 1024
"""Bytes by which an encoded tile may be longer than twice its samples."""
NO_SUBSAMPLING = (1, 1)
SUBSAMPLINGS = frozenset({1, 2, 4})
"""TIFF 6.0 section 21."""
DECISIVE = frozenset({
    BITS_PER_SAMPLE, COLOR_MAP, EXTRA_SAMPLES, SAMPLE_FORMAT, S_MIN_SAMPLE_VALUE, S_MAX_SAMPLE_VALUE,
    JPEG_TABLES, DECODE, YCBCR_COEFFICIENTS, REFERENCE_BLACK_WHITE, GDAL_NODATA, LERC_PARAMETERS,
})  # fmt: skip
"""Fields that determine what samples mean, and whose values may be anywhere in the file."""
READ = frozenset({
    TILE_WIDTH, TILE_LENGTH, COMPRESSION, PHOTOMETRIC, SAMPLES_PER_PIXEL, PLANAR_CONFIGURATION, PREDICTOR, FILL_ORDER,
    IMAGE_DEPTH, YCBCR_SUBSAMPLING, INK_SET, BITS_PER_SAMPLE, SAMPLE_FORMAT, EXTRA_SAMPLES, GDAL_NODATA,
})  # fmt: skip
"""Fields whose values define a layout, besides the size; of ORIENTATION, SOFTWARE and COLOR_MAP the presence does."""
DEFINING = sorted({ORIENTATION, *READ, *DECISIVE})
MAX_DEFINING = 1024
"""Layouts with a field of more values are not remembered."""
PROVING_LENGTH = PREDICTED | {Compression.NONE, Compression.PACKBITS}
"""Schemes whose decoders notice that bytes are missing."""
EIGHT_BITS = SampleType("u", 8)


class Layout(NamedTuple):
    """How one directory stores its tiles."""

    size: Size
    tile: Size
    type: SampleType
    bands: Bands
    planes: int
    """Stored tiles per tile of the image: 1, or one for each band."""
    compression: int
    """A `Compression`, or the number of an unknown one."""
    predictor: int
    """1 none, 2 horizontal differences, 3 differences of bytes of floating point."""
    subsampling: tuple[int, int]
    """Pixels across and down that share their chroma, in YCbCr that no codec converts to RGB."""
    ycc_components: bool
    """The three components of JPEG 2000 tiles are YCbCr, whatever the photometric says."""
    bits_reversed: bool
    """FillOrder 2: the first pixel of a byte is in its lowest bits."""
    byte_order: str
    """numpy's code of the file's byte order: `<` or `>`."""
    nodata: float | None = None
    """The stored sample that represents missing data."""

    def of_size(self, size: Size) -> Layout:
        """The same layout of another size, in a quarter of the time of `_replace`."""
        return tuple.__new__(Layout, (size, *self[1:]))

    @property
    def grid(self) -> TileGrid:
        """The level cut into tiles."""
        return TileGrid(self.size, self.tile)

    @property
    def empty(self) -> Any:
        """The stored sample of what was never written: missing data, else 0."""
        with np.errstate(over="ignore"):
            return np.array(self.nodata or 0.0).astype(self.type.stored)[()]

    @property
    def stored_bands(self) -> int:
        """Bands in one stored tile."""
        return self.bands.stored // self.planes

    @property
    def rows(self) -> int:
        """Rows of bytes in one stored tile."""
        return ceil_div(self.tile.height, self.subsampling[1])

    @property
    def row_bytes(self) -> int:
        """Length of such a row; rows of few bits are padded to whole bytes."""
        across, down = self.subsampling
        if self.subsampling != NO_SUBSAMPLING:
            return ceil_div(self.tile.width, across) * (across * down + 2)
        return ceil_div(self.tile.width * self.stored_bands * self.type.bits, 8)

    @property
    def tile_bytes(self) -> int:
        """Length of one stored tile, decoded."""
        return self.rows * self.row_bytes

    @property
    def max_encoded_bytes(self) -> int:
        """Length of the longest encoded tile that is believed."""
        return (
            self.tile_bytes if self.compression == Compression.NONE else 2 * self.tile_bytes + ENCODING_MARGIN
        )

    @property
    def proves_length(self) -> bool:
        """Decoders notice that bytes are missing and ignore further ones, so that a byte count may be too large."""
        return self.compression in PROVING_LENGTH

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and bands of one stored tile, decoded."""
        return self.tile.height, self.tile.width, self.stored_bands

    @property
    def output_type(self) -> SampleType:
        """Type of the output samples, in terms of stored ones: a palette's colors have 8 bits."""
        return EIGHT_BITS if self.bands.photometric == Photometric.PALETTE else self.type

    @property
    def output_format(self) -> tuple[Any, ...]:
        """What must be the same in all levels of an image."""
        result, bands = self.output_type, self.bands
        return result.output_dtype, result.full_scale, bands.count, bands.color_space, bands.has_alpha

    @property
    def is_plain(self) -> bool:
        """Decoded samples are output samples, of gray or RGB in 8 bits."""
        plain = (Photometric.BLACK_IS_ZERO, Photometric.RGB, Photometric.YCBCR)
        return self.bands.photometric in plain and self.type == EIGHT_BITS and self.planes == 1


def read_layout(directory: Directory, tile: Size | None = None) -> Layout:
    """How this directory stores its image.

    Args:
        directory: of tiles or strips.
        tile: size of the strips, which are read as tiles; None if the directory gives a size of tiles.

    Raises:
        UnsupportedImage: in a way that is not supported; the message names it.
        DecodeError: its fields are contradictory.
    """
    if tile is None and (TILE_WIDTH not in directory or TILE_LENGTH not in directory):
        raise UnsupportedImage("the TIFF file is not tiled")
    size, key = read_size(directory), (*_defining_fields(directory), tile, directory.reader.variant.order)
    base = _bases.get(key)
    if base is None:
        base = _read_base(directory, tile or _size(directory, TILE_WIDTH, TILE_LENGTH))
        _bases.set(key, base)
    _check_tile_count(directory, TileGrid(size, base.tile).tile_count * base.planes)
    return base.of_size(size)


def _read_base(directory: Directory, tile: Size) -> Layout:
    """The layout of any image that is stored in this way, of the size of one tile."""
    compression = directory.integer(COMPRESSION, Compression.NONE)
    _check_supported(directory, compression, tile)
    type = read_type(directory)
    bands = read_bands(directory, type)
    planes = bands.stored if directory.integer(PLANAR_CONFIGURATION, 1) == 2 else 1
    _check_tile_bytes(tile, type, bands)
    return Layout(
        tile, tile, type, bands, planes, compression,
        predictor=_read_predictor(directory, type, compression),
        subsampling=_read_subsampling(directory, type, bands, planes, compression),
        ycc_components=bands.stored == 3 and _holds_ycc(directory, compression),
        bits_reversed=directory.integer(FILL_ORDER, 1) == 2,
        byte_order=directory.reader.byte_order,
        nodata=_read_nodata(directory, type),
    )  # fmt: skip


_bases: LRU[tuple[object, ...], Layout] = LRU(256)
"""By what defines them: the levels of a file are stored alike, and so are the files of one writer."""


def _defining_fields(directory: Directory) -> list[object]:
    """What `_read_base` reads: tags, and values of `READ`.

    Raises:
        DecodeError: the file ends before one of them does.
    """
    entries, room = directory.entries, directory.reader.variant.offset.size
    found: list[object] = [SOFTWARE in entries]
    for tag in DEFINING:
        entry = entries.get(tag)
        if entry is None:
            continue
        type, size, _ = entry
        if TYPE_LENGTHS.get(type, 0) * size <= room:
            found += tag, entry
        elif directory.is_cut_off(tag):
            raise DecodeError(f"the file ends before field {tag} does; it is damaged or incompletely copied")
        elif tag not in READ:
            found.append(tag)
        else:
            found += tag, ((type, directory.value(entry)) if size <= MAX_DEFINING else object())
    return found


def _check_supported(directory: Directory, compression: int, tile: Size) -> None:
    if compression == Compression.OLD_JPEG:
        raise UnsupportedImage("TIFF with old-style JPEG compression")
    if directory.integer(IMAGE_DEPTH, 1) != 1:
        raise UnsupportedImage("TIFF with a depth of several pixels")
    if tile.area > MAX_TILE_AREA:
        raise UnsupportedImage(
            f"tiles of {tile.width} x {tile.height} pixels; at most {MAX_TILE_AREA} pixels are supported"
        )


def read_size(directory: Directory) -> Size:
    """The size of the image.

    Raises:
        DecodeError: it is missing or invalid.
    """
    return _size(directory, IMAGE_WIDTH, IMAGE_LENGTH)


def _size(directory: Directory, width_tag: int, height_tag: int) -> Size:
    width, height = directory.integer(width_tag, 0), directory.integer(height_tag, 0)
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise DecodeError(f"the TIFF file gives {width} x {height} as a size of image or tile; it is damaged")
    return Size(width, height)


def offsets_tag(directory: Directory) -> int:
    """The field that holds the tiles' offsets; some writers use that of strips, which libtiff accepts."""
    return TILE_OFFSETS if TILE_OFFSETS in directory else STRIP_OFFSETS


def counts_tag(directory: Directory) -> int:
    """The field that holds the tiles' byte counts, as `offsets_tag`."""
    return TILE_BYTE_COUNTS if TILE_BYTE_COUNTS in directory else STRIP_BYTE_COUNTS


def _check_tile_count(directory: Directory, count: int) -> None:
    """Check that the tables are as long as the size requires, so that memory is bounded by the file's length.

    Some writers leave the byte counts out.
    """
    held = directory.count(offsets_tag(directory))
    if directory.count(counts_tag(directory)):
        held = min(held, directory.count(counts_tag(directory)))
    if held < count:
        raise DecodeError(f"the TIFF file's size requires {count} tiles, but it lists {held}; it is damaged")
    if count > MAX_TILES:
        raise UnsupportedImage(f"TIFF of {count} tiles; at most {MAX_TILES} are supported")


def _check_tile_bytes(tile: Size, type: SampleType, bands: Bands) -> None:
    """Check that a tile fits in memory, both stored and output."""
    stored, shown = bands.stored * type.stored.itemsize, bands.count * np.dtype(type.output_dtype).itemsize
    size = tile.area * max(stored, shown)
    if size > MAX_TILE_BYTES:
        raise UnsupportedImage(f"tiles of {size} bytes; at most {MAX_TILE_BYTES} are supported")


def _read_predictor(directory: Directory, type: SampleType, compression: int) -> int:
    if PREDICTOR not in directory or compression not in PREDICTED:
        return 1
    predictor = directory.integer(PREDICTOR, 1)
    if predictor not in (1, 2, 3):
        raise UnsupportedImage(
            f"predictor {predictor}; none (1), differences (2) and floating point (3) are supported"
        )
    if predictor == 3 and type.kind != "f":
        raise UnsupportedImage("the floating point predictor (3) with integers")
    return predictor


def _read_subsampling(
    directory: Directory, type: SampleType, bands: Bands, planes: int, compression: int
) -> tuple[int, int]:
    """Pixels that share their chroma, if no codec upsamples it (TIFF 6.0 section 21)."""
    if bands.photometric != Photometric.YCBCR:
        return NO_SUBSAMPLING
    if bands.stored != 3:
        raise UnsupportedImage(f"TIFF of YCbCr colors with {bands.stored} bands")
    if type.kind != "u" or type.bits not in (8, 12, 16):
        raise UnsupportedImage(f"TIFF of YCbCr colors in {type.bits} bits")
    if compression in SELF_CODED and planes == 1:
        return NO_SUBSAMPLING
    across, down = (*directory.integers(YCBCR_SUBSAMPLING), 2, 2)[:2]
    if (across, down) == NO_SUBSAMPLING:
        return NO_SUBSAMPLING
    if not {across, down} <= SUBSAMPLINGS or planes > 1 or type.bits != 8:
        raise UnsupportedImage(
            f"TIFF of YCbCr colors shared by {across} x {down} pixels in an unsupported way"
        )
    return across, down


def _read_nodata(directory: Directory, type: SampleType) -> float | None:
    """The sample that GDAL's text declares to be missing data; None without one that the type can hold."""
    if GDAL_NODATA not in directory:
        return None
    text = directory.text(GDAL_NODATA)
    if type.kind == "f":
        return _number(text, float)
    value = _number(text, int) or _number(text, float)  # floats do not hold all integers of 64 bits
    low = -(1 << type.bits - 1) if type.kind == "i" else 0
    if value is None or value % 1 != 0 or not low <= value < low + (1 << type.bits):
        return None
    return int(value)


def _number(text: str, kind: Callable[[str], float]) -> float | None:
    with suppress(ValueError):
        return kind(text)
    return None


def _holds_ycc(directory: Directory, compression: int) -> bool:
    """Whether the three components of JPEG 2000 tiles are YCbCr below the codestream's own transform.

    libvips (8.14) writes them so and calls them RGB; its files are recognized by the fields it writes and omits. Other
    writers store RGB with compression 33004.
    """
    if compression not in JPEG2000_SCHEMES:
        return False
    if directory.integer(PHOTOMETRIC, -1) == Photometric.YCBCR:
        return True
    by_libvips = ORIENTATION in directory and SAMPLE_FORMAT in directory and SOFTWARE not in directory
    return compression == Compression.JPEG2000_LOSSY and by_libvips


def is_smaller(full: Layout, layout: Layout) -> bool:
    """Whether a level is smaller than the full size, and of the same bands and type."""
    smaller = layout.size != full.size and layout.size.fits_in(full.size)
    return smaller and (stored_alike(layout, full) or layout.output_format == full.output_format)


def stored_alike(one: Layout, other: Layout) -> bool:
    """Whether two images differ in size only."""
    return one[1:] == other[1:]


def same_shape(small: Size, large: Size) -> bool:
    """Whether two sizes have the same ratio of sides, up to rounding."""
    skew = abs(small.width * large.height - small.height * large.width)
    return skew <= SHAPE_TOLERANCE * (large.width + large.height)
