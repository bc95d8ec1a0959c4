"""The fields that a converted page has besides those of libvips: what its samples mean, and all that is kept of its source."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from iipserve import __version__
from iipserve.containers import exif, tags
from iipserve.containers.field_types import CODES, TYPE_LENGTHS, FieldType
from iipserve.containers.ifd import Directory, Field, read_directory
from iipserve.containers.ifd_writer import integers, rationals, reals, text
from iipserve.containers.tags import Photometric
from iipserve.convert_command.reading import Page
from iipserve.coverage_formats.geo_keys import place_fields
from iipserve.errors import DecodeError
from iipserve.image import ColorSpace, ImageInfo, full_range

ORDER = "<"
"""Byte order of the files that libvips writes here."""
PLACE = (33550, 33922, 34264, 34735, 34736, 34737, 50844)
"""ModelPixelScale, ModelTiepoint, ModelTransformation, the keys of GeoTIFF and their values, RPCCoefficient
(OGC 19-008r4, GDAL)."""
DESCRIBING = (42112, 33723, tags.STO_NITS)
"""GDAL_METADATA, IPTC, StoNits: kept as they are."""
TEXTS: Mapping[str, int] = {
    "title": tags.DOCUMENT_NAME,
    "description": tags.IMAGE_DESCRIPTION,
    "make": tags.MAKE,
    "model": tags.MODEL,
    "pagename": tags.PAGE_NAME,
    "date": tags.DATE_TIME,
    "creator": tags.ARTIST,
    "rights": tags.COPYRIGHT,
}
"""IIP object name -> tag."""
DATE = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")
"""The format of DateTime (TIFF 6.0 section 8)."""
OPACITY, UNSPECIFIED = 2, 0
"""Values of ExtraSamples: opacity that colors are not multiplied by; any other band."""
PHOTOMETRICS = {
    ColorSpace.GRAY: Photometric.BLACK_IS_ZERO,
    ColorSpace.SRGB: Photometric.RGB,
    ColorSpace.CMYK: Photometric.SEPARATED,
    ColorSpace.CIELAB: Photometric.CIELAB,
}
PALETTE_LENGTH = 256
WRITTEN_BY_LIBVIPS = frozenset({
    tags.EXTRA_SAMPLES, tags.X_RESOLUTION, tags.Y_RESOLUTION, tags.RESOLUTION_UNIT, tags.ICC_PROFILE, tags.XMP,
    tags.ORIENTATION, tags.IMAGE_DESCRIPTION,
})  # fmt: skip
"""Fields that are left out, or written anew."""


class PageFields(NamedTuple):
    """Fields that a page gets."""

    every: tuple[Field, ...]
    """Of all its levels."""
    first: tuple[Field, ...]
    """Of the full size, besides those."""
    pointed: Mapping[int, tuple[Field, ...]]
    """Directories that the full size points to, by the tag of the pointer."""


def fields_of(page: Page, *, as_indices: bool, keeps_photometric: bool) -> PageFields:
    """The fields of a converted page.

    Args:
        page: the source.
        as_indices: its samples are indices of its palette.
        keeps_photometric: the compression defines the field, as JPEG and WebP do.
    """
    every = {field.tag: field for field in _samples(page, as_indices, keeps_photometric)}
    first = {field.tag: field for field in (*_described(page), *_placed(page))}
    return PageFields(tuple(every.values()), tuple(first.values()), _pointed(page))


def _samples(page: Page, as_indices: bool, keeps_photometric: bool) -> Iterator[Field]:
    info = page.info
    if as_indices:
        yield integers(ORDER, tags.PHOTOMETRIC, FieldType.SHORT, Photometric.PALETTE)
        yield from _palette(page)
        if (nodata := _copied(page.directory, tags.GDAL_NODATA)) is not None:
            yield nodata
        return
    photometric = PHOTOMETRICS[info.color_space]
    if not keeps_photometric:
        yield integers(ORDER, tags.PHOTOMETRIC, FieldType.SHORT, photometric)
    bands = info.bands - (page.is_masked and info.dtype == "float32")
    has_alpha = info.has_alpha and bands == info.bands
    if extra := bands - info.color_space.bands:
        kinds = [UNSPECIFIED] * (extra - has_alpha) + [OPACITY] * has_alpha
        yield integers(ORDER, tags.EXTRA_SAMPLES, FieldType.SHORT, *kinds)
    yield from _ranges(info)
    if info.nodata and len(set(info.nodata)) == 1:
        yield text(tags.GDAL_NODATA, _number(info.nodata[0], info.dtype))


def _ranges(info: ImageInfo) -> Iterator[Field]:
    """Black and white, where they are not the ends of the type."""
    ranges = info.band_ranges[: info.color_bands]
    bits = 8 * np.dtype(info.dtype).itemsize
    if not ranges or info.color_space is ColorSpace.CIELAB or set(ranges) == {full_range(info.dtype, bits)}:
        return
    for tag, index in ((tags.S_MIN_SAMPLE_VALUE, 0), (tags.S_MAX_SAMPLE_VALUE, 1)):
        values = [each[index] for each in ranges] + [
            each[index] for each in info.band_ranges[info.color_bands :]
        ]
        yield reals(ORDER, tag, *values)


def _number(value: float, dtype: str) -> str:
    if math.isnan(value):
        return "nan"
    return repr(float(value)) if dtype.startswith("float") else str(int(value))


def _palette(page: Page) -> Iterator[Field]:
    """The palette, with as many colors as indices of 8 bits."""
    field = _copied(page.directory, tags.COLOR_MAP)
    if field is not None:
        colors = np.frombuffer(field.value, "<u2").reshape(3, -1)
        whole = np.zeros((3, PALETTE_LENGTH), "<u2")
        whole[:, : colors.shape[1]] = colors
        yield Field(tags.COLOR_MAP, FieldType.SHORT, whole.tobytes())


def _described(page: Page) -> Iterator[Field]:
    info = page.info
    block = exif.read(info.exif) if info.exif else None
    if block is not None:
        yield from (
            little_endian(field, block.order) for field in block.ifd0 if field.tag != tags.ORIENTATION
        )
    for name, value in info.text.items():
        if name in TEXTS and (name != "date" or DATE.fullmatch(value)):
            yield text(TEXTS[name], value)
    yield text(tags.SOFTWARE, f"iipserve/{__version__}")
    if info.resolution:
        across, down = info.resolution.per_inch
        yield rationals(ORDER, tags.X_RESOLUTION, across)
        yield rationals(ORDER, tags.Y_RESOLUTION, down)
        yield integers(ORDER, tags.RESOLUTION_UNIT, FieldType.SHORT, tags.INCH)
    if info.xmp:
        yield Field(tags.XMP, FieldType.BYTE, info.xmp)
    if info.icc:
        yield Field(tags.ICC_PROFILE, FieldType.UNDEFINED, info.icc)
    yield from filter(None, (_copied(page.directory, tag) for tag in DESCRIBING))


def _placed(page: Page) -> tuple[Field, ...]:
    """Where the page is: the fields of its directory, else those that say what files next to it do."""
    own = [_copied(page.directory, tag) for tag in PLACE] if page.is_upright else []
    if any(own):
        return tuple(field for field in own if field is not None)
    grid = page.geo_image.georeference.grid if page.geo_image else None
    return place_fields(grid) if grid is not None else ()


def _pointed(page: Page) -> Mapping[int, tuple[Field, ...]]:
    """Exif and the position of the camera."""
    info, found = page.info, {}
    block = exif.read(info.exif) if info.exif else None
    if block is not None:
        found = {
            tags.EXIF_IFD: tuple(little_endian(field, block.order) for field in block.exif_ifd),
            tags.GPS_IFD: tuple(little_endian(field, block.order) for field in block.gps_ifd),
        }
    if page.directory is not None and not found.get(tags.GPS_IFD) and tags.GPS_IFD in page.directory:
        found[tags.GPS_IFD] = _all_of(page.directory, tags.GPS_IFD)
    return {tag: fields for tag, fields in found.items() if fields}


def _all_of(directory: Directory, pointer: int) -> tuple[Field, ...]:
    try:
        inner = read_directory(directory.reader, directory.integer(pointer, 0))
    except DecodeError:
        return ()
    return tuple(field for tag in inner.entries if (field := _copied(inner, tag)) is not None)


def _copied(directory: Directory | None, tag: int) -> Field | None:
    """A field of a directory; None if it is missing or damaged."""
    entry = directory.entries.get(tag) if directory is not None else None
    if directory is None or entry is None or not (value := directory.value(entry)):
        return None
    return little_endian(Field(tag, entry.type, value), directory.reader.byte_order)


def little_endian(field: Field, order: str) -> Field:
    """A field whose values have a byte order, in that of the files that are written."""
    item = TYPE_LENGTHS[field.type] // len(CODES[FieldType(field.type)])
    if order == ORDER or item == 1:
        return field
    return field._replace(value=np.frombuffer(field.value, f">u{item}").astype(f"<u{item}").tobytes())
