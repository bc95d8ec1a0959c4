"""TIFF in strips: unpacked once, strip by strip, with the decoders of tiles.

A strip is a tile as wide as the picture; only the last one may be lower. Smaller levels of such files are not
used, as any size is made from the unpacked picture.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any, TypeAlias

from iipserve.containers.ifd import Reader, read_chain
from iipserve.containers.tags import COMPRESSION, ORIENTATION, TILE_WIDTH, Compression
from iipserve.errors import DecodeError, ImageNotFound, UnsupportedImage
from iipserve.image import ImageInfo, Level, Selector, StackLayer
from iipserve.sources import OpenFile, Source
from iipserve.sources.oriented import Orientation, reoriented
from iipserve.sources.spooled import (
    TILE,
    SpooledImage,
    SpooledSource,
    StoredImage,
    check_size,
    orientation_of,
)
from iipserve.sources.tiff import metadata
from iipserve.sources.tiff.old_jpeg import OldJpeg
from iipserve.sources.tiff.pages import Page
from iipserve.sources.tiff.stack import read_stack
from iipserve.sources.tiff.strip_reader import StripReader, as_tiled, read_strip_pages

Spool: TypeAlias = Callable[[], SpooledImage]


class StripSource(SpooledSource):
    """One picture of a file."""

    def __init__(self, file: OpenFile, info: ImageInfo, orientation: Orientation, spool: Spool) -> None:
        """Take over the file's descriptor.

        Args:
            file: the file.
            info: of the picture as it is stored.
            orientation: what makes it upright.
            spool: unpacks the stored picture. Raises `DecodeError`.
        """
        super().__init__(orientation)
        self.info = reoriented(info, orientation)
        self._unpack = spool
        weakref.finalize(self, os.close, file.descriptor)

    def _decode(self, shrink: int) -> StoredImage:
        return self._unpack() if shrink == 1 else self._reduced(shrink)


def open_strips(file: OpenFile) -> Source:
    """Read the structure of a TIFF file, and of that of its pictures which is wanted.

    Raises:
        UnsupportedImage: it is stored in a way that is not read here, or damaged; the message says which.
        ImageNotFound: it has no picture of that number.
    """
    try:
        return _open(file)
    except DecodeError as error:
        os.close(file.descriptor)
        raise UnsupportedImage(str(error)) from error
    except BaseException:
        os.close(file.descriptor)
        raise


def _open(file: OpenFile) -> Source:
    reader = Reader.of(file.descriptor, file.head, file.version.length)
    pages = read_strip_pages(read_chain(reader))
    if not 0 <= file.layer < len(pages):
        raise ImageNotFound(f"There is no picture {file.layer}; the file has {len(pages)}, from 0")
    page = pages[file.layer]
    if TILE_WIDTH in page.first:
        raise UnsupportedImage("The TIFF file is tiled, in a way that is not read")
    stack = read_stack(pages)
    if page.first.integer(COMPRESSION, Compression.NONE) == Compression.OLD_JPEG:
        info, spool = _old_jpeg(file, page, stack)
    else:
        info, spool = _strips(file, page, stack)
    check_size(info.size, info.bands, info.dtype)
    return StripSource(file, info, orientation_of(page.first.integer(ORIENTATION, 1)), spool)


def _strips(file: OpenFile, page: Page, stack: tuple[StackLayer, ...]) -> tuple[ImageInfo, Spool]:
    strips = StripReader.of(as_tiled(page.first))
    if not strips.layout.bands.has_alpha:
        strips = strips.with_mask(page.masks)
    layout, type = strips.layout, strips.layout.output_type
    ranges = metadata.read_ranges(page.first, layout)
    masked = strips.mask is not None
    info = ImageInfo(
        bands=layout.bands.count + masked,
        dtype=type.output_dtype,
        bits=type.bits,
        color_space=layout.bands.color_space,
        has_alpha=masked or layout.bands.has_alpha,
        band_ranges=(*ranges, (0.0, float(type.full_scale))) if masked and ranges else ranges,
        levels=(Level(layout.size, TILE),),
        **_facts(file, page, stack),
    )
    return info, strips.spooled


def _old_jpeg(file: OpenFile, page: Page, stack: tuple[StackLayer, ...]) -> tuple[ImageInfo, Spool]:
    picture = OldJpeg.of(page, file.version.length)
    info = ImageInfo(
        bands=picture.bands,
        dtype="uint8",
        bits=8,
        color_space=picture.color_space,
        band_ranges=((0.0, 255.0),) * picture.bands,
        levels=(Level(picture.size, TILE),),
        **_facts(file, page, stack),
    )
    return info, picture.spooled


def _facts(file: OpenFile, page: Page, stack: tuple[StackLayer, ...]) -> dict[str, Any]:
    """What the directory says beside its pixels, as fields of `ImageInfo`."""
    first = page.first
    return {
        "identifier": file.identifier,
        "format": "tiff",
        "version": file.version,
        "tile": TILE,
        "icc": metadata.read_icc(first),
        "xmp": metadata.read_xmp(first),
        "exif": metadata.read_exif(first),
        "resolution": metadata.read_resolution(first),
        "text": metadata.read_text(first),
        "selector": Selector(file.layer),
        "stack": stack,
    }
