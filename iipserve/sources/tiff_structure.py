"""How a TIFF directory stores its picture, and which directories make up the pyramid.

What is not read yet is told apart in `read_layout`, one reason a line: 16 and 32 bits, floating point,
further bands, CMYK, CIELAB, palettes, separate planes. Such files, and those in strips, are left to
the fallback formats.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size, TileGrid
from iipserve.sources.tiff_directory import Directory, Reader, read_directory

NEW_SUBFILE_TYPE, IMAGE_WIDTH, IMAGE_LENGTH, BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC = (
    254,
    256,
    257,
    258,
    259,
    262,
)
STRIP_OFFSETS, SAMPLES_PER_PIXEL, STRIP_BYTE_COUNTS, PLANAR_CONFIGURATION = 273, 277, 279, 284
PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTE_COUNTS = 317, 322, 323, 324, 325
ORIENTATION, SOFTWARE, SUB_IFDS, EXTRA_SAMPLES, SAMPLE_FORMAT, IMAGE_DEPTH = 274, 305, 330, 338, 339, 32997

REDUCED_IMAGE, SINGLE_PAGE, TRANSPARENCY_MASK = 1, 2, 4
"""Bits of NewSubfileType."""

MAX_TILE_AREA = 64 * 1024 * 1024
"""Pixels of the largest tile that is read."""
MAX_TILES = 4 * 1024 * 1024
"""Tiles of the largest level that is read: half a million pixels square, at 256."""
MAX_SUB_IFDS = 64
"""Further ones are not looked at."""
SHAPE_TOLERANCE = 2
"""Pixels by which the sides of a smaller level may miss the shape of the full one: it was rounded, maybe often."""


class Compression(enum.IntEnum):
    """Compression schemes by their numbers in the file."""

    NONE = 1
    LZW = 5
    OLD_JPEG = 6
    JPEG = 7
    ADOBE_DEFLATE = 8
    DEFLATE = 32946
    PACKBITS = 32773
    APERIO_YCBCR = 33003
    JPEG2000_LOSSY = 33004
    APERIO_RGB = 33005
    JPEG2000 = 34712
    ZSTD = 50000
    WEBP = 50001


JPEG2000_SCHEMES = frozenset(
    {Compression.APERIO_YCBCR, Compression.JPEG2000_LOSSY, Compression.APERIO_RGB, Compression.JPEG2000}
)


class Photometric(enum.IntEnum):
    """PhotometricInterpretation."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    MASK = 4
    CMYK = 5
    YCBCR = 6
    CIELAB = 8


COLOR_BANDS: dict[int, int] = {Photometric.BLACK_IS_ZERO: 1, Photometric.RGB: 3, Photometric.YCBCR: 3}
"""Bands of those that are read."""
PHOTOMETRIC_NAMES = {
    0: "min-is-white",
    3: "palette",
    4: "mask",
    5: "CMYK",
    8: "CIELAB",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
}


class Alpha(enum.Enum):
    """What the last sample of a pixel says of its opacity."""

    NONE = "none"
    STRAIGHT = "straight"
    PREMULTIPLIED = "premultiplied"


EXTRA_SAMPLE_ALPHA = {0: Alpha.STRAIGHT, 1: Alpha.PREMULTIPLIED, 2: Alpha.STRAIGHT}
"""By the value of ExtraSamples; what is unspecified is taken for opacity where the colors are RGB."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How one directory stores its tiles."""

    size: Size
    tile: Size
    samples: int
    """Per pixel, opacity included: 1 to 4, of 8 bits."""
    photometric: Photometric
    """BLACK_IS_ZERO, RGB or YCBCR (then JPEG or JPEG 2000 turn it into RGB)."""
    alpha: Alpha
    compression: int
    """A `Compression`, or the number of one that is not known here."""
    predictor: int
    """1 none, 2 horizontal differences."""
    ycc_components: bool
    """JPEG 2000 of three components that hold YCbCr, whatever the photometric says."""

    @property
    def grid(self) -> TileGrid:
        """The level cut into tiles."""
        return TileGrid(self.size, self.tile)

    @property
    def tile_bytes(self) -> int:
        """Of one decoded tile."""
        return self.tile.area * self.samples

    @property
    def is_gray(self) -> bool:
        """One band of brightness."""
        return self.photometric == Photometric.BLACK_IS_ZERO


def read_layout(directory: Directory) -> Layout:
    """How this directory stores its picture.

    Raises:
        UnsupportedImage: in a way that is not read here; the message says which.
        DecodeError: its fields contradict each other.
    """
    if TILE_WIDTH not in directory or TILE_LENGTH not in directory:
        raise UnsupportedImage("The TIFF file is not tiled")
    size = _size(directory, IMAGE_WIDTH, IMAGE_LENGTH)
    tile = _size(directory, TILE_WIDTH, TILE_LENGTH)
    if tile.area > MAX_TILE_AREA:
        raise UnsupportedImage(
            f"Tiles of {tile.width} x {tile.height} pixels; {MAX_TILE_AREA} pixels are the most"
        )
    _check_tile_count(directory, TileGrid(size, tile).count)
    _check_samples(directory)
    compression = directory.integer(COMPRESSION, Compression.NONE)
    samples, photometric, alpha = _read_color(directory, compression)
    predictor = directory.integer(PREDICTOR, 1)
    if predictor not in (1, 2):
        raise UnsupportedImage(f"Predictor {predictor}; none (1) and horizontal differences (2) are read")
    ycc = samples == 3 and _holds_ycc(directory, compression)
    return Layout(size, tile, samples, photometric, alpha, compression, predictor, ycc)


def _size(directory: Directory, width_tag: int, height_tag: int) -> Size:
    width, height = directory.integer(width_tag, 0), directory.integer(height_tag, 0)
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise DecodeError(f"The TIFF file gives {width} x {height} as a size of image or tile; it is damaged")
    return Size(width, height)


def offsets_tag(directory: Directory) -> int:
    """The field that holds the tiles' offsets: some writers use that of strips, as libtiff accepts."""
    return TILE_OFFSETS if TILE_OFFSETS in directory else STRIP_OFFSETS


def counts_tag(directory: Directory) -> int:
    """The field that holds the tiles' byte counts, as `offsets_tag`."""
    return TILE_BYTE_COUNTS if TILE_BYTE_COUNTS in directory else STRIP_BYTE_COUNTS


def _check_tile_count(directory: Directory, count: int) -> None:
    """The tables must be as long as the size asks, so that a size cannot be a lie."""
    held = min(directory.number(offsets_tag(directory)), directory.number(counts_tag(directory)))
    if held < count:
        raise DecodeError(f"The TIFF file's size asks for {count} tiles, but it lists {held}; it is damaged")
    if count > MAX_TILES:
        raise UnsupportedImage(f"TIFF of {count} tiles; {MAX_TILES} are the most")


def _check_samples(directory: Directory) -> None:
    """Let only unsigned samples of 8 bits pass, of one plane and one depth."""
    bits = set(directory.integers(BITS_PER_SAMPLE)) or {1}
    if bits != {8}:
        depths = ", ".join(map(str, sorted(bits)))
        raise UnsupportedImage(f"TIFF samples of {depths} bits; 8 bits are read")
    if not set(directory.integers(SAMPLE_FORMAT)) <= {1, 4}:
        raise UnsupportedImage("TIFF samples that are not unsigned integers")
    if directory.integer(PLANAR_CONFIGURATION, 1) != 1 and directory.integer(SAMPLES_PER_PIXEL, 1) > 1:
        raise UnsupportedImage("TIFF with a separate plane for each band")
    if directory.integer(IMAGE_DEPTH, 1) != 1:
        raise UnsupportedImage("TIFF with a depth of several pixels")


def _read_color(directory: Directory, compression: int) -> tuple[int, Photometric, Alpha]:
    """Samples per pixel, and what they mean."""
    photometric = directory.integer(PHOTOMETRIC, -1)
    samples = directory.integer(SAMPLES_PER_PIXEL, 1)
    if compression == Compression.OLD_JPEG:
        raise UnsupportedImage("TIFF with old-style JPEG compression")
    if photometric == Photometric.YCBCR and compression not in (Compression.JPEG, *JPEG2000_SCHEMES):
        raise UnsupportedImage("TIFF of YCbCr colors without JPEG compression")
    colors = COLOR_BANDS.get(photometric)
    if colors is None:
        name = PHOTOMETRIC_NAMES.get(photometric, f"photometric {photometric}")
        raise UnsupportedImage(f"TIFF of {name} colors; gray, RGB and YCbCr are read")
    if photometric == Photometric.YCBCR and samples != colors:
        raise UnsupportedImage(f"TIFF of YCbCr colors with {samples} bands")
    return samples, Photometric(photometric), _read_alpha(directory, samples - colors, colors)


def _read_alpha(directory: Directory, extra: int, colors: int) -> Alpha:
    """What the samples beyond the colors are."""
    if extra == 0:
        return Alpha.NONE
    meaning = directory.integer(EXTRA_SAMPLES, 0)
    if extra != 1 or meaning not in EXTRA_SAMPLE_ALPHA or (colors == 1 and meaning == 0):
        raise UnsupportedImage(
            f"TIFF of {colors + extra} bands; gray and RGB are read, each with opacity or without"
        )
    return EXTRA_SAMPLE_ALPHA[meaning]


def _holds_ycc(directory: Directory, compression: int) -> bool:
    """Whether the three components of JPEG 2000 tiles are YCbCr beneath the codestream's own transform.

    libvips (8.14) writes them so and calls them RGB; its files are known by what it puts into them and leaves
    out of them. Others write 33004 as RGB.
    """
    if compression not in JPEG2000_SCHEMES:
        return False
    if directory.integer(PHOTOMETRIC, -1) == Photometric.YCBCR:
        return True
    by_libvips = ORIENTATION in directory and SAMPLE_FORMAT in directory and SOFTWARE not in directory
    return compression == Compression.JPEG2000_LOSSY and by_libvips


def read_pyramid(first: Directory, others: Iterable[Directory]) -> list[tuple[Directory, Layout]]:
    """The levels of the first directory's picture, full size first, each smaller than the one before.

    They are its SubIFDs (as OME-TIFF has them), or, when none of these will do, the further directories
    of the chain. Thumbnails, labels, masks, other planes of a stack and everything untiled is passed over.

    Raises:
        UnsupportedImage, DecodeError: as `read_layout`, for the first directory.
    """
    full = read_layout(first)
    smaller = list(_smaller_levels(full, _sub_directories(first))) or list(_smaller_levels(full, others))
    smaller.sort(key=lambda level: level[1].size.area, reverse=True)
    levels = [(first, full)]
    for directory, layout in smaller:
        last = levels[-1][1].size
        if layout.size.fits_in(last) and layout.size != last:
            levels.append((directory, layout))
    return levels


def _sub_directories(directory: Directory) -> Iterator[Directory]:
    """The SubIFDs that can be read."""
    reader: Reader = directory.reader
    for offset in directory.integers(SUB_IFDS)[:MAX_SUB_IFDS]:
        try:
            yield read_directory(reader, offset)
        except DecodeError:
            continue


def _smaller_levels(full: Layout, candidates: Iterable[Directory]) -> Iterator[tuple[Directory, Layout]]:
    """Those candidates that show the full picture smaller, in the same bands."""
    for directory in candidates:
        kind = directory.integer(NEW_SUBFILE_TYPE, 0)
        if kind & TRANSPARENCY_MASK or (kind & SINGLE_PAGE and not kind & REDUCED_IMAGE):
            continue
        try:
            layout = read_layout(directory)
        except (UnsupportedImage, DecodeError):
            continue
        if _shows_the_same(full, layout):
            yield directory, layout


def _shows_the_same(full: Layout, layout: Layout) -> bool:
    """Smaller, of the same shape up to rounding, and in the same bands."""
    if layout.size == full.size or not layout.size.fits_in(full.size):
        return False
    if (layout.is_gray, layout.alpha is Alpha.NONE) != (full.is_gray, full.alpha is Alpha.NONE):
        return False
    skew = abs(layout.size.width * full.size.height - layout.size.height * full.size.width)
    return skew <= SHAPE_TOLERANCE * (full.size.width + full.size.height)
