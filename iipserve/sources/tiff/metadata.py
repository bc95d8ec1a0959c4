"""Metadata in a TIFF directory: ICC profile, XMP, physical resolution, texts, ranges of samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from iipserve.containers import icc, tags
from iipserve.containers.ifd import Directory
from iipserve.containers.tags import LABS, Photometric
from iipserve.image import LAB_RANGES, ColorSpace, PhysicalResolution
from iipserve.sources.tiff.color import inversion_pivot
from iipserve.sources.tiff.layout import Layout
from iipserve.sources.tiff.microscopy import read_described_resolution
from iipserve.sources.tiff_pixel_format import SampleType

TEXT_TAGS = {
    "creator": tags.ARTIST,
    "rights": tags.COPYRIGHT,
    "date": tags.DATE_TIME,
    "description": tags.IMAGE_DESCRIPTION,
    "title": tags.DOCUMENT_NAME,
    "pagename": tags.PAGE_NAME,
    "software": tags.SOFTWARE,
    "make": tags.MAKE,
    "model": tags.MODEL,
}
"""By IIP object name."""
PIXELS_PER_METRE = {tags.INCH: 1 / 0.0254, tags.CENTIMETRE: 100.0}
"""By ResolutionUnit."""
PROFILE_SPACES = {ColorSpace.GRAY: icc.GRAY, ColorSpace.SRGB: icc.RGB, ColorSpace.CMYK: icc.CMYK}
"""Data color space of profiles that fit. CIELAB needs no profile."""


def read_icc(directory: Directory, space: ColorSpace) -> bytes | None:
    """The ICC profile, if the field has one's signature and it is one of the image's color space."""
    profile = directory.data(tags.ICC_PROFILE)
    fits = icc.is_profile(profile) and icc.color_space(profile) == PROFILE_SPACES.get(space)
    return profile if fits else None


def read_xmp(directory: Directory) -> bytes | None:
    """The XMP packet, if it is valid UTF-8."""
    if tags.XMP not in directory.entries:
        return None
    packet = directory.data(tags.XMP).rstrip(b"\0")
    try:
        packet.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return packet or None


def read_resolution(directory: Directory) -> PhysicalResolution | None:
    """Pixels per metre, if fields or a description known to tifffile give a unit."""
    factor = PIXELS_PER_METRE.get(directory.integer(tags.RESOLUTION_UNIT, tags.INCH))
    across, down = directory.reals(tags.X_RESOLUTION)[:1], directory.reals(tags.Y_RESOLUTION)[:1]
    values = across + (down or across)
    if factor is None or len(values) < 2 or not all(math.isfinite(v) and v > 0 for v in values):
        return read_described_resolution(directory)
    return _resolution(values[0] * factor, values[1] * factor)


@lru_cache(maxsize=256)
def _resolution(x: float, y: float) -> PhysicalResolution:
    """One object for all images of a resolution, of which there are few."""
    return PhysicalResolution(x, y)


def read_text(directory: Directory) -> Mapping[str, str]:
    """Descriptive texts by IIP object name."""
    texts = {name: directory.text(tag) for name, tag in TEXT_TAGS.items() if tag in directory.entries}
    scale = directory.reals(tags.STO_NITS)[:1]
    if scale and math.isfinite(scale[0]):
        texts["scale"] = f"{scale[0]:g}"
    return _texts(tuple([(name, text) for name, text in texts.items() if text]))


@lru_cache(maxsize=256)
def _texts(texts: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """One object for all images with the same texts: many have none but the name of a program."""
    return MappingProxyType(dict(texts))


def read_ranges(directory: Directory, layout: Layout) -> tuple[tuple[float, float], ...]:
    """The output samples of each band that are black and white; empty if they are unknown.

    They are declared for each band or once for all. The default is the full range for unsigned integers of up to 16
    bits, and unknown for other types. Palettes have been converted to colors of full range; CIELAB has ranges of its own.
    """
    low, high = directory.reals(tags.S_MIN_SAMPLE_VALUE), directory.reals(tags.S_MAX_SAMPLE_VALUE)
    return _ranges(layout.of_size(layout.tile), low, high)


@lru_cache(maxsize=256)
def _ranges(
    layout: Layout, lowest: tuple[float, ...], highest: tuple[float, ...]
) -> tuple[tuple[float, float], ...]:
    bands, type = layout.bands, layout.output_type
    if bands.photometric == Photometric.PALETTE:
        return ((0.0, 255.0),) * bands.count
    opacity = ((0.0, float(type.full_scale)),) * bands.has_alpha
    colors = bands.count - bands.has_alpha
    if bands.photometric in LABS:
        usual = LAB_RANGES if type.output_dtype == "float32" else (type.full_range or LAB_RANGES[0],) * 3
        return (*usual, *(usual[:1] * (colors - 3)), *opacity)
    declared = [
        _declared(low, high, layout)
        for low, high in zip(
            _for_each(lowest, colors, 0.0 if type.full_range else math.nan),
            _for_each(highest, colors, _stored_maximum(type)),
            strict=True,
        )
    ]
    found = [given or type.full_range for given in declared]
    if bands.has_alpha and type.full_range is None and all(found):
        opacity = ((0.0, max(one[1] for one in found if one)),)
    return (*(one for one in found if one), *opacity) if all(found) else ()


def _stored_maximum(type: SampleType) -> float:
    """The highest stored sample of types that have a full range; NaN for others."""
    return 2.0**type.bits - 1 if type.full_range else math.nan


def _declared(low: float, high: float, layout: Layout) -> tuple[float, float] | None:
    """A range of stored samples as one of output samples; None if it is not a valid range."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return None
    type = layout.type
    factor = 255 / (2**type.bits - 1) if type.bits < 8 else 1
    low, high = low * factor, high * factor
    if layout.bands.photometric != Photometric.WHITE_IS_ZERO:
        return low, high
    pivot = inversion_pivot(type)
    return pivot - high, pivot - low


def _for_each(values: tuple[float, ...], bands: int, default: float) -> tuple[float, ...]:
    """One value for each band, from values given for each band or once for all."""
    if len(values) == 1:
        return values * bands
    # there may be one for opacity too
    return values[:bands] if bands <= len(values) <= bands + 1 else (default,) * bands
