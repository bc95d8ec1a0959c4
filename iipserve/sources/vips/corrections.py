"""What libvips leaves out: full range of gray AVIF, bare canvas of GIF, and that it cannot decode what it opens."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from iipserve import libvips
from iipserve.containers import gif, heif, jpeg, jxl
from iipserve.containers.boxes import Read
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.libvips import pyvips
from iipserve.sources import OpenFile
from iipserve.sources.spool import check_room, room
from iipserve.sources.vips import decoders

Reopen: TypeAlias = Callable[[], pyvips.Image]


@dataclass(frozen=True, slots=True)
class Correction:
    """From the image that a loader gives to the one that the file means."""

    apply: Callable[[pyvips.Image], pyvips.Image]
    """Lazily, to the image opened to be decoded."""
    adds_opacity: bool = False
    """A further band is opacity."""


UNCHANGED = Correction(lambda image: image)
BEGINNING = 4096
"""Bytes of a file in which its structure mostly is."""
BITS_OF_LIMITED = 8
"""Black is 16 and white is 235 in as many bits (ITU-T H.273 section 8.3)."""


def correction_of(
    loader: str, file: OpenFile, image: pyvips.Image, page: int | None, reopen: Reopen
) -> Correction:
    """What an opened image needs.

    Args:
        loader: that opened it.
        file: it is in.
        image: opened.
        page: libvips' number of it; None for the one it opens by itself.
        reopen: opens it again, to be decoded from top to bottom.

    Raises:
        UnsupportedImage: libvips opens images of this kind but cannot decode them.
        DecodeError: the file ends before the image does.
    """
    match loader:
        case "heifload":
            return _heif_correction(file, image, page, reopen)
        case "gifload" if page or image.bands in (1, 3):
            return _gif_correction(file, image, page or 0)
        case "jpegload":
            _check_jpeg(file, reopen)
        case "jxlload" if jxl.read_header(read_of(file), file.version.length).is_animated:
            raise UnsupportedImage("animations of JPEG XL in other colors than sRGB are not supported")
        case "tiffload":
            _check_first_line("TIFF", reopen)
    return UNCHANGED


def read_of(file: OpenFile) -> Read:
    """A reader of the file that keeps its beginning in memory."""
    beginning = os.pread(file.descriptor, BEGINNING, 0)

    def read(count: int, offset: int) -> bytes:
        if offset + count <= len(beginning):
            return beginning[offset : offset + count]
        return os.pread(file.descriptor, count, offset)

    return read


def _check_first_line(name: str, reopen: Reopen) -> None:
    """Check that the first line can be decoded, for kinds so rare that the time does not matter."""
    if failure := decoders.first_failure(reopen()):
        raise _undecodable(name, failure)


def _undecodable(name: str, failure: str) -> UnsupportedImage:
    return UnsupportedImage(
        f"the installed libvips {libvips.library_version()} cannot decode {name}: {failure}; another build may"
    )


def _check_jpeg(file: OpenFile, reopen: Reopen) -> None:
    """Try JPEG of 12 bits and of rare processes, of which libvips may read only the header."""
    frame = jpeg.frame_of(read_of(file))
    if frame and (frame.marker not in jpeg.COMMON_FRAMES or frame.precision != 8):
        _check_first_line(f"JPEG of {frame.precision} bits, SOF{frame.marker - jpeg.SOF0}", reopen)


def name_of(loader: str, file: OpenFile) -> str:
    """Name of a file that cannot be opened, for messages."""
    frame = jpeg.frame_of(read_of(file)) if loader == "jpegload" else None
    return "JPEG-LS" if frame and frame.marker == jpeg.SOF55 else "the file"


# -- HEIF ------------------------------------------------------------------------------------------


def _heif_correction(file: OpenFile, image: pyvips.Image, page: int | None, reopen: Reopen) -> Correction:
    images, primary = heif.coded_images(read_of(file), file.version.length)
    index = primary if page is None else page
    coded = images[index] if index < len(images) else heif.CodedImage(b"", False, False)
    _check_decodes(coded.kind, reopen)
    if not (coded.limited_gray or coded.limited_alpha) or not decoders.keeps_limited_gray():
        return UNCHANGED
    bits = _bits(image)
    colors = image.bands - (image.bands in (2, 4))
    limited = [coded.limited_gray] * colors + [coded.limited_alpha] * (image.bands - colors)
    return Correction(lambda image: _expanded(image, limited, bits))


def _check_decodes(kind: bytes, reopen: Reopen) -> None:
    name = f"HEIF with {decoders.CODEC_NAMES.get(kind, 'an unknown codec')}"
    failure = decoders.heif_failure(kind)
    if failure is None:
        _check_first_line(name, reopen)
    elif failure:
        raise _undecodable(name, failure)


def _bits(image: pyvips.Image) -> int:
    """Bits per sample as coded."""
    if image.format != "ushort":
        return 8
    names = ("bits-per-sample", "heif-bitdepth")
    return next((int(image.get(name)) for name in names if image.get_typeof(name)), 16)


def _expanded(image: pyvips.Image, limited: Sequence[bool], bits: int) -> pyvips.Image:
    """Samples of limited range expanded to full range (ITU-T H.273 section 8.3, formula 20, inverted)."""
    unit, full, shift = (
        1 << bits - BITS_OF_LIMITED,
        (1 << bits) - 1,
        16 - bits if image.format == "ushort" else 0,
    )
    scale = [full / (219 * unit) if each else 1 for each in limited]
    offset = [-16 * unit * factor if each else 0 for each, factor in zip(limited, scale, strict=True)]
    coded = image >> shift if shift else image
    expanded = coded.linear(scale, offset).rint()
    expanded = (expanded > full).ifthenelse(full, expanded).cast(image.format)
    return expanded << shift if shift else expanded


# -- GIF -------------------------------------------------------------------------------------------


def _gif_correction(file: OpenFile, image: pyvips.Image, page: int) -> Correction:
    """Opacity for a file in which no color is transparent, but some of the canvas is bare.

    Browsers show bare canvas as clear, whatever background color the file names.

    Raises:
        DecodeError: the file ends before the frame does, or there is no room for the opacity.
    """
    frames = list(itertools.islice(gif.read_frames(read_of(file)), page + 1))
    if page and len(frames) <= page:
        # libvips checks the first frame only
        raise DecodeError("the file ends before this frame does; it is damaged or incompletely copied")
    if not frames or image.bands not in (1, 3) or _is_covered(frames, image.width, image.height):
        return UNCHANGED

    def cleared(image: pyvips.Image) -> pyvips.Image:
        opacity = _opacity(frames, image.width, image.height)
        return (image & opacity).bandjoin(opacity)

    return Correction(cleared, adds_opacity=True)


def _is_covered(frames: Sequence[gif.Frame], width: int, height: int) -> bool:
    """Whether single frames cover the canvas when the last one is shown."""
    covered = False
    for frame in frames[:-1]:
        if frame.disposal == gif.TO_BACKGROUND:
            covered = False
        elif frame.disposal != gif.TO_PREVIOUS:
            covered = covered or _covers(frame, width, height)
    return covered or _covers(frames[-1], width, height)


def _covers(frame: gif.Frame, width: int, height: int) -> bool:
    return (frame.x, frame.y) == (0, 0) and frame.width >= width and frame.height >= height


def _opacity(frames: Sequence[gif.Frame], width: int, height: int) -> pyvips.Image:
    """Opacity of the canvas when the last frame is shown; it is outside the heap, as canvases can be large.

    Raises:
        ImageUnavailable: there is no room for it.
    """
    with room(), tempfile.TemporaryFile() as file:
        check_room(width * height)
        # writing to a hole of a mapped file ends the process if the disk is full
        os.posix_fallocate(file.fileno(), 0, width * height)
        canvas = np.memmap(file, np.uint8, "r+", shape=(height, width, 1))
        for frame in frames[:-1]:
            if frame.disposal != gif.TO_PREVIOUS:
                _paint(canvas, frame, 0 if frame.disposal == gif.TO_BACKGROUND else 255)
        _paint(canvas, frames[-1], 255)
        return libvips.from_pixels(canvas)


def _paint(canvas: libvips.Pixels, frame: gif.Frame, value: int) -> None:
    canvas[frame.y : frame.y + frame.height, frame.x : frame.x + frame.width] = value
