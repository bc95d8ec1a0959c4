"""Numbers that TIFF files are made of: fields, compressions, kinds of color (TIFF 6.0, Technical Notes, libtiff)."""

from __future__ import annotations

import enum

NEW_SUBFILE_TYPE, SUBFILE_TYPE, IMAGE_WIDTH, IMAGE_LENGTH, BITS_PER_SAMPLE = 254, 255, 256, 257, 258
COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, ORIENTATION = 259, 262, 266, 273, 274
SAMPLES_PER_PIXEL, ROWS_PER_STRIP, STRIP_BYTE_COUNTS, PLANAR_CONFIGURATION, T4_OPTIONS, T6_OPTIONS = (
    277,
    278,
    279,
    284,
    292,
    293,
)
SOFTWARE, PREDICTOR, COLOR_MAP, TILE_WIDTH, TILE_LENGTH = 305, 317, 320, 322, 323
TILE_OFFSETS, TILE_BYTE_COUNTS, SUB_IFDS, INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT = 324, 325, 330, 332, 338, 339
JPEG_TABLES, DECODE, YCBCR_COEFFICIENTS, YCBCR_SUBSAMPLING, REFERENCE_BLACK_WHITE = 347, 433, 529, 530, 532
IMAGE_DEPTH, LERC_PARAMETERS, IJ_METADATA_BYTE_COUNTS, IJ_METADATA = 32997, 50674, 50838, 50839

DOCUMENT_NAME, IMAGE_DESCRIPTION, MAKE, MODEL, PAGE_NAME = 269, 270, 271, 272, 285
DATE_TIME, ARTIST, COPYRIGHT = 306, 315, 33432
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
S_MIN_SAMPLE_VALUE, S_MAX_SAMPLE_VALUE, STO_NITS, XMP, ICC_PROFILE = 340, 341, 37439, 700, 34675
GDAL_NODATA = 42113
"""Text: the sample that represents missing data (GDAL's GeoTIFF driver)."""
NDPI_FORMAT, NDPI_MAGNIFICATION = 65420, 65421
EXIF_IFD, GPS_IFD, INTEROPERABILITY_IFD, MAKER_NOTE = 34665, 34853, 40965, 37500

INCH, CENTIMETRE = 2, 3
"""ResolutionUnit; 1 makes the resolution a ratio without unit."""

REDUCED_IMAGE, SINGLE_PAGE, TRANSPARENCY_MASK = 1, 2, 4
"""Bits of NewSubfileType."""
OLD_SUBFILE_TYPES = {2: REDUCED_IMAGE, 3: SINGLE_PAGE}
"""Values of SubfileType, which NewSubfileType has replaced, as bits of that."""


class Compression(enum.IntEnum):
    """Compression schemes by their numbers in the file."""

    NONE = 1
    CCITT_RLE = 2
    CCITT_GROUP3 = 3
    CCITT_GROUP4 = 4
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
    LERC = 34887
    LZMA = 34925
    ZSTD = 50000
    WEBP = 50001


def compression_name(number: int) -> str:
    """The usual name of a compression scheme in lower case; its number if it has none."""
    try:
        known = Compression(number)
    except ValueError:
        return str(number)
    return "deflate" if known is Compression.ADOBE_DEFLATE else known.name.lower().replace("_", " ")


JPEG2000_SCHEMES = frozenset(
    {Compression.APERIO_YCBCR, Compression.JPEG2000_LOSSY, Compression.APERIO_RGB, Compression.JPEG2000}
)
SELF_CODED = frozenset({Compression.JPEG, *JPEG2000_SCHEMES})
"""Schemes whose decoders turn YCbCr into RGB themselves."""
PREDICTED = frozenset(
    {Compression.LZW, Compression.ADOBE_DEFLATE, Compression.DEFLATE, Compression.ZSTD, Compression.LZMA}
)
"""Schemes that a predictor may precede; with others the field Predictor has no meaning."""
CCITT_SCHEMES = frozenset({Compression.CCITT_RLE, Compression.CCITT_GROUP3, Compression.CCITT_GROUP4})


class Photometric(enum.IntEnum):
    """PhotometricInterpretation."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    MASK = 4
    SEPARATED = 5
    """Inks: CMYK, unless InkSet says otherwise."""
    YCBCR = 6
    CIELAB = 8
    ICCLAB = 9
    ITULAB = 10


LABS = frozenset({Photometric.CIELAB, Photometric.ICCLAB, Photometric.ITULAB})

LOG_L, LOG_LUV = 32844, 32845
"""PhotometricInterpretation of SGI's logarithmic colors, which are no samples of an image here."""
CMYK_INKS = 1
"""InkSet; 2 is other inks, which are no colors here."""


def named(enumeration: str, number: int) -> str:
    """A number with its name, as in `32908 (pixarfilm)`; the number alone if tifffile has no name for it.

    Args:
        enumeration: of tifffile: `COMPRESSION` or `PHOTOMETRIC`.
        number: of the file.
    """
    import tifffile

    try:
        name = getattr(tifffile, enumeration)(number).name
    except ValueError:
        return str(number)
    return f"{number} ({name.lower().replace('_', ' ')})"
