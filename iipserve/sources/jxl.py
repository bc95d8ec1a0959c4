"""JPEG XL in sRGB, decoded by libjxl through imagecodecs; of animations the first frame.

What imagecodecs does not return is left to libvips, if that was built with libjxl: profiles, and channels other than
opacity. libvips shows the last frame of an animation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import imagecodecs
import numpy as np

from iipserve.containers import jxl
from iipserve.containers.boxes import Read, walk
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import ColorSpace, ImageInfo
from iipserve.sources import OpenFile, Source, SourceFormat, Support, closed_on_error
from iipserve.sources.color import unpremultiply
from iipserve.sources.rows import RowSource, check_single, plain_info

DECODER_PIXEL = 4
"""Bytes of a pixel that libjxl holds besides two copies of the result (0.11: 7 bytes with those of 8-bit RGB)."""
MAX_DECODED = 200_000_000
"""Bytes of pixels, which are decoded in memory."""
MAX_METADATA = 16_000_000
"""Bytes of an Exif block or XMP packet."""
WHITE = {"uint8": 255.0, "uint16": 65535.0}
"""Highest sample of integers, by their type."""


def _open(file: OpenFile) -> Source:
    """The image of a file.

    Raises:
        UnsupportedImage: it is of a kind that imagecodecs does not decode.
        DecodeError: the header is damaged.
    """
    with closed_on_error(file):
        check_single(file)
        if not imagecodecs.JPEGXL.available:
            raise UnsupportedImage("the installed imagecodecs was built without libjxl")

        def read(count: int, offset: int) -> bytes:
            return os.pread(file.descriptor, count, offset)

        header = jxl.read_header(read, file.version.length)
        info = _image_info(file, header, read)

    def strips() -> Iterator[memoryview]:
        pixels = _decoded(file, (info.size.height, info.size.width, info.bands), info.dtype)
        if header.is_premultiplied:
            pixels = unpremultiply(info.dtype, WHITE.get(info.dtype, 1.0), info.color_bands)(pixels)
        yield np.ascontiguousarray(pixels).data.cast("B")

    decoded = info.bands * np.dtype(info.dtype).itemsize
    return RowSource(file, info, strips, info.size.area * (2 * decoded + DECODER_PIXEL))


def _image_info(file: OpenFile, header: jxl.Header, read: Read) -> ImageInfo:
    """The `ImageInfo` of the upright image.

    Raises:
        UnsupportedImage: it is of a kind that imagecodecs does not decode, or too large.
    """
    dtype = "float32" if header.is_float else "uint8" if header.bits <= 8 else "uint16"
    size = Size(header.width, header.height)
    if header.orientation > 4:
        size = Size(size.height, size.width)
    space = ColorSpace.GRAY if header.is_gray else ColorSpace.SRGB
    bands = space.bands + header.has_alpha
    _check_kind(header, size.area * bands * np.dtype(dtype).itemsize)
    return plain_info(
        file, "jxl", size, dtype, space, ((0.0, WHITE[dtype]),) * bands if dtype in WHITE else (),
        bands=bands, bits=np.dtype(dtype).itemsize * 8, has_alpha=header.has_alpha,
        exif=_exif(read, file.version.length), xmp=_box(read, file.version.length, b"xml ") or None,
    )  # fmt: skip


def _check_kind(header: jxl.Header, decoded: int) -> None:
    animation = "animations of " if header.is_animated else ""
    if not header.is_srgb:
        raise UnsupportedImage(
            f"{animation}JPEG XL in other colors than sRGB cannot be decoded by imagecodecs"
        )
    if header.has_preview or header.extra_channels > header.has_alpha:
        raise UnsupportedImage(f"{animation}JPEG XL with further channels or a preview cannot be decoded")
    if decoded > MAX_DECODED:
        raise UnsupportedImage(f"the image takes {decoded} bytes; at most {MAX_DECODED} can be decoded")


def _decoded(
    file: OpenFile, shape: tuple[int, int, int], dtype: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """The pixels of the first frame, upright.

    Raises:
        DecodeError: they are damaged.
    """
    data = os.pread(file.descriptor, file.version.length, 0)
    try:
        pixels = imagecodecs.jpegxl_decode(data, index=0, numthreads=1)
    except (imagecodecs.JpegxlError, ValueError, IndexError) as error:
        raise DecodeError("the JPEG XL file is damaged or cut off") from error
    if pixels.shape[:2] != shape[:2] or pixels.size != np.prod(shape) or pixels.dtype != dtype:
        raise DecodeError(
            f"the JPEG XL file decodes to {pixels.shape} {pixels.dtype}, not as its header says"
        )
    return np.asarray(pixels).reshape(shape)


def _exif(read: Read, length: int) -> bytes | None:
    """The Exif block, which follows its offset in a box (ISO/IEC 18181-2 section 9.5)."""
    content = _box(read, length, b"Exif")
    return content[4 + int.from_bytes(content[:4], "big") :] or None


def _box(read: Read, length: int, kind: bytes) -> bytes:
    """Content of the first box of a kind; empty if the file has none."""
    if read(2, 0) == jxl.BARE:
        return b""
    box = next((box for box in walk(read, 0, length) if box.kind == kind), None)
    return read(min(box.end - box.start, MAX_METADATA), box.start) if box else b""


def _matches(head: bytes) -> bool:
    return head.startswith((jxl.BARE, jxl.CONTAINER))


def _support() -> list[Support]:
    if not imagecodecs.JPEGXL.available:
        return [Support("JPEG XL in sRGB", "", "imagecodecs was built without libjxl")]
    return [Support("JPEG XL in sRGB", imagecodecs.jpegxl_version())]


FORMAT = SourceFormat("jxl", _matches, _open, support=_support)
