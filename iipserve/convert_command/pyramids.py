"""Pyramids of pages, written by libvips from samples in a file, and JPEG 2000."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve import libvips, registry
from iipserve.codecs import Encoder, Metadata
from iipserve.convert_command import compressing
from iipserve.convert_command.compressing import TileForm
from iipserve.convert_command.reading import Page
from iipserve.convert_command.values import LOSSLESS, Options, Report
from iipserve.errors import InvalidRequest, UnsupportedImage
from iipserve.image import ColorSpace, ImageInfo
from iipserve.libvips import pyvips
from iipserve.plan import Encoding

BIG_BYTES = 3_500_000_000
"""Of samples: longer files may exceed the offsets of classic TIFF."""
LOSSY = frozenset({"jpeg", "old jpeg", "webp", "heif"})
"""Compressions of sources of which nothing more is lost that could be seen."""
INTERPRETATIONS = {
    (ColorSpace.GRAY, "uint8"): "b-w",
    (ColorSpace.GRAY, "uint16"): "grey16",
    (ColorSpace.SRGB, "uint8"): "srgb",
    (ColorSpace.SRGB, "uint16"): "rgb16",
}
"""Of images whose opacity libvips is to weigh; the samples of all others are plain numbers to it."""


class Samples(NamedTuple):
    """Samples in a file."""

    path: Path
    shape: tuple[int, int, int]
    """Height, width and bands."""
    dtype: str
    has_gaps: bool
    """Some are NaN."""


def compression_for(page: Page, storage: str, options: Options) -> str:
    """The compression of a page.

    Args:
        page: the source.
        storage: compression of the source, as of `LevelStorage`.
        options: what is asked for.

    Raises:
        InvalidRequest: the samples of the page do not fit it.
    """
    info, wanted = page.info, options.compression
    plain = info.dtype == "uint8" and info.color_space in (ColorSpace.GRAY, ColorSpace.SRGB)
    fits_jpeg = plain and info.bands == info.color_space.bands
    if wanted == "auto":
        return "jpeg" if fits_jpeg and storage in LOSSY else "deflate"
    if wanted == "jpeg" and not fits_jpeg:
        raise InvalidRequest(f"JPEG has 8 bits in gray or RGB without opacity; this is {_shown(info)}")
    fits_webp = plain and info.color_space is ColorSpace.SRGB and info.bands == 3 + info.has_alpha
    if wanted in ("webp", "webp-lossless") and not fits_webp:
        raise InvalidRequest(f"WebP has 8 bits in RGB, with or without opacity; this is {_shown(info)}")
    return wanted


def _shown(info: ImageInfo) -> str:
    opacity = ", the last one opacity" if info.has_alpha else ""
    return f"{info.bands} bands of {info.dtype} in {info.color_space.value}{opacity}"


def spool(page: Page, path: Path, report: Report, *, as_indices: bool) -> Samples:
    """Write the samples of a page into a file. Raises as `Page.strips`, and `OSError` where there is no room."""
    has_gaps, bands = False, 0
    dtype = np.dtype("uint8")
    with path.open("wb") as file:
        for strip in page.strips(as_indices=as_indices):
            dtype, bands = strip.dtype, strip.shape[2]
            has_gaps = has_gaps or (dtype.kind == "f" and bool(np.isnan(strip).any()))
            file.write(np.ascontiguousarray(strip).data)
            report(len(strip))
    size = page.info.size
    return Samples(path, (size.height, size.width, bands), dtype.name, has_gaps)


def save(
    samples: Samples, page: Page, target: Path, compression: str, options: Options, report: Report, *,
    as_indices: bool, as_subifds: bool, is_big: bool,
) -> None:  # fmt: skip
    """Write a pyramid by libvips.

    Args:
        samples: of the page.
        page: the source.
        target: where to.
        compression: of `values.COMPRESSIONS`, decided.
        options: quality and tile.
        report: called with rows as they are written.
        as_indices: the samples are indices of a palette.
        as_subifds: smaller levels are SubIFDs, not further directories.
        is_big: BigTIFF.

    Raises:
        UnsupportedImage: libvips does not write it.
    """
    info = page.info
    kind = "multiband" if as_indices else INTERPRETATIONS.get((info.color_space, samples.dtype), "multiband")
    exact = as_indices or samples.has_gaps or bool(info.nodata) or info.color_space is ColorSpace.CIELAB
    try:
        # a mapped file: libvips reads each row once
        pixels = np.memmap(samples.path, samples.dtype, "r", shape=samples.shape)
        image = libvips.from_pixels(pixels).copy(interpretation=kind)
        _report_rows(image, samples.shape[0], report)
        image.tiffsave(
            str(target), tile=True, tile_width=options.tile, tile_height=options.tile, pyramid=True,
            subifd=as_subifds, bigtiff=is_big, region_shrink="nearest" if exact else "mean",
            **_compression(compression, options, samples.dtype), **libvips.NO_METADATA,
        )  # fmt: skip
    except pyvips.Error as error:
        raise UnsupportedImage(f"libvips cannot write it: {libvips.reason(error)}") from error
    if compression == compressing.NAME:
        compressing.compress(target, TileForm(samples.shape[2], samples.dtype))


def _compression(name: str, options: Options, dtype: str) -> dict[str, Any]:
    """Arguments of libvips."""
    if name == "webp-lossless":
        return {"compression": "webp", "lossless": True}
    if name not in LOSSLESS:
        return {"compression": name, "Q": options.quality}
    if name in ("none", compressing.NAME):
        return {"compression": "none"}
    # libtiff predicts floats of 64 bits, which some readers do not
    predictor = {"float32": "float", "float64": "none"}.get(dtype, "horizontal")
    return {"compression": name, "predictor": predictor}


def _report_rows(image: pyvips.Image, height: int, report: Report) -> None:
    """Report rows as libvips computes them."""
    done = 0

    def evaluated(_: pyvips.Image, progress: Any) -> None:
        nonlocal done
        rows = height * min(progress.percent, 100) // 100
        report(rows - done)
        done = rows

    image.set_progress(True)
    image.signal_connect("eval", evaluated)


def save_jpeg2000(page: Page, target: Path, options: Options, report: Report) -> None:
    """Write a JP2 file with opacity and metadata; quality 100 loses nothing.

    Raises:
        InvalidRequest: the samples of the page do not fit it.
        InvalidSize: it has too many pixels.
    """
    info = page.info
    fits = info.dtype == "uint8" and info.color_space in (ColorSpace.GRAY, ColorSpace.SRGB)
    if not fits or info.bands != info.color_space.bands + info.has_alpha:
        raise InvalidRequest(
            f"JP2 is written with 8 bits in gray or RGB, with or without opacity; this is {_shown(info)}"
        )
    encoder: Encoder = registry.discover("iipserve.codecs", "ENCODER")["jp2"]
    assert encoder.encode_rows is not None, "JPEG 2000 is written in strips"
    metadata = Metadata(info.icc, info.xmp, info.exif, info.resolution, info.text)
    encoding = Encoding("jp2", options.quality, profile=True, metadata=True)
    shape = (info.size.height, info.size.width, info.bands)

    def strips() -> Iterator[NDArray[Any]]:
        for strip in page.strips(as_indices=False):
            yield strip
            report(len(strip))

    with target.open("wb") as file:
        encoder.encode_rows(strips(), shape, encoding, metadata, file)
