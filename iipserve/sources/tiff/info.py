"""`ImageInfo` of one image of a TIFF file."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from iipserve.containers import exif
from iipserve.containers.ifd import Directory
from iipserve.containers.tags import Photometric
from iipserve.geometry import Size
from iipserve.image import FIRST, ColorSpace, ImageInfo, Level, Selector, StackLayer, StoredSamples
from iipserve.sources import OpenFile
from iipserve.sources.color import Step
from iipserve.sources.tiff import metadata
from iipserve.sources.tiff.layout import Layout
from iipserve.sources.tiff.segments import unwritten_pixel


class OutputSamples(NamedTuple):
    """The output samples: fields of `ImageInfo`."""

    bands: int
    dtype: str
    bits: int
    color_space: ColorSpace
    has_alpha: bool
    band_ranges: tuple[tuple[float, float], ...]
    nodata: tuple[float, ...] = ()
    alpha_declared: bool = True
    stored: StoredSamples | None = None


def output_samples(
    layout: Layout, ranges: tuple[tuple[float, float], ...], convert: Step | None, *, masked: bool
) -> OutputSamples:
    """The samples of a stored layout.

    Args:
        layout: of the full size.
        ranges: black and white of each band, if they are known.
        convert: makes output samples of stored ones.
        masked: a mask adds opacity as one more band.
    """
    base = layout.of_size(layout.tile)
    return _samples(base, ranges, convert, masked) if convert else _same_samples(base, ranges, masked)


@lru_cache(maxsize=256)
def _same_samples(layout: Layout, ranges: tuple[tuple[float, float], ...], masked: bool) -> OutputSamples:
    """As `_samples`, of samples that are output as they are stored, which most images have in common."""
    return _samples(layout, ranges, None, masked)


def _samples(
    layout: Layout, ranges: tuple[tuple[float, float], ...], convert: Step | None, masked: bool
) -> OutputSamples:
    type = layout.output_type
    if masked and ranges:
        ranges = (*ranges, (0.0, float(type.full_scale)))
    return OutputSamples(
        bands=layout.bands.count + masked,
        dtype=type.output_dtype,
        bits=type.bits,
        color_space=layout.bands.color_space,
        has_alpha=masked or layout.bands.has_alpha,
        band_ranges=ranges,
        nodata=_nodata(layout, convert),
        alpha_declared=masked or layout.bands.alpha_declared,
        stored=stored_samples(layout),
    )


def stored_samples(layout: Layout) -> StoredSamples:
    """The samples of a stored layout as the file has them. YCbCr is not kept: they are RGB."""
    type, bands = layout.type, layout.bands
    held = 8 * type.stored.itemsize
    nodata = layout.nodata
    return StoredSamples(
        dtype=type.stored.name,
        bands=bands.stored,
        tile=layout.tile,
        nodata=nodata if nodata is None or type.kind == "f" else int(nodata),
        bits=type.bits if type.bits < held and type.kind != "f" else 0,
        opacity=bands.alpha_index if bands.has_alpha else None,
    )


def _nodata(layout: Layout, convert: Step | None) -> tuple[float, ...]:
    """The output sample of each color band that represents missing data.

    Empty for colors of a lossy compression, which do not keep that sample. In a palette, no other color is the same.
    """
    if layout.nodata is None or layout.bands.photometric == Photometric.YCBCR:
        return ()
    colors = layout.bands.count - layout.bands.has_alpha
    return tuple(float(sample) for sample in unwritten_pixel(layout, convert)[0, 0, :colors])


def describe(
    file: OpenFile,
    directory: Directory,
    samples: OutputSamples,
    levels: tuple[Level, ...],
    tile: Size,
    icc: bytes | None,
    stack: tuple[StackLayer, ...],
) -> ImageInfo:
    """The image of a directory; `tile` is the one to be advertised, `icc` its profile, `stack` all images of the file."""
    return ImageInfo(
        identifier=file.identifier,
        format="tiff",
        version=file.version,
        levels=levels,
        tile=tile,
        **samples._asdict(),
        icc=icc,
        xmp=metadata.read_xmp(directory),
        exif=exif.from_tiff(directory),
        resolution=metadata.read_resolution(directory),
        text=metadata.read_text(directory),
        selector=Selector(file.layer) if file.layer else FIRST,
        stack=stack,
    )
