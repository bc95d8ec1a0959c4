"""Other readers of real files: each gives an image as it is displayed, without the server's code.

Images are `uint8` arrays of shape (height, width, bands), 1 to 4 bands (2 and 4 end in opacity).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TypeAlias

import imagecodecs
import numpy as np
import pyvips
import tifffile
from micro_reader_codecs import jpeg2k_decode_into, jpeg_decode_into, webp_decode_into
from PIL import Image

from tests.images import Picture
from tests.tiff_corpus.tiff_writer import Samples

Reader: TypeAlias = Callable[[bytes, int], Picture]
"""(file, index) -> that image of the file."""


def shown(samples: Samples, bits: int = 16) -> Picture:
    """The high 8 bits of integers, the smallest of signed ones as 0."""
    if samples.dtype == np.int16:
        samples = (samples.astype(np.int32) + (1 << bits - 1)).astype(np.uint16)
    return np.atleast_3d((samples >> bits - 8 if samples.dtype == np.uint16 else samples).astype(np.uint8))


def pillow(data: bytes, index: int) -> Picture:
    """By Pillow, in the bands that the mode and a transparent color stand for."""
    with Image.open(io.BytesIO(data)) as image:
        image.seek(index)
        if image.mode.startswith("I;16"):
            return shown(np.asarray(image))
        opacity = "transparency" in image.info or image.mode.endswith("A")
        gray = image.mode in ("1", "L", "LA")
        return np.atleast_3d(np.asarray(image.convert(("L" if gray else "RGB") + "A" * opacity)))


def libpng(data: bytes, index: int) -> Picture:
    """By imagecodecs' libpng."""
    return shown(imagecodecs.png_decode(data))


def bmp(data: bytes, index: int) -> Picture:
    """By imagecodecs."""
    return shown(imagecodecs.bmp_decode(data))


def giflib(data: bytes, index: int) -> Picture:
    """By imagecodecs' giflib."""
    frames = imagecodecs.gif_decode(data)
    return np.atleast_3d(frames[index] if frames.ndim == 4 else frames)


def libtiff(data: bytes, index: int) -> Picture:
    """By libvips with libtiff."""
    return shown(pyvips.Image.new_from_buffer(data, "", page=index).numpy())


def netpbm(data: bytes, index: int) -> Picture:
    """By the specification of PBM, PGM and PPM, samples of up to 8 bits."""
    kind, gap = int(data[1:2]), rb"(?:\s|#[^\n]*\n)*"
    found = re.match(rb"P\d" + (gap + rb"(\d+)") * (2 if kind in (1, 4) else 3) + rb"\s", data)
    assert found
    width, height, maximum = (*map(int, found.groups()), 1)[:3]
    shape = (height, width, 3 if kind in (3, 6) else 1)
    if kind == 4:
        rows = np.frombuffer(data, np.uint8, height * -(-width // 8), found.end()).reshape(height, -1)
        return 255 * (1 - np.unpackbits(rows, axis=1)[:, :width].reshape(shape))
    if kind < 4:
        samples = np.array(data[found.end() :].split(), np.uint8)
    else:
        samples = np.frombuffer(data, np.uint8, height * width * shape[2], found.end())
    return np.rint(samples.reshape(shape) * (255 / maximum)).astype(np.uint8)


def rust_jpeg(data: bytes, index: int) -> Picture:
    """By a decoder in Rust."""
    return _in_rust(jpeg_decode_into, data)


def rust_webp(data: bytes, index: int) -> Picture:
    """By a decoder in Rust."""
    return _in_rust(webp_decode_into, data)


def _in_rust(decode_into: Callable[..., object], data: bytes) -> Picture:
    decoded = np.empty(pillow(data, 0).shape, np.uint8)
    decode_into(data, decoded)
    return decoded


def tiff(data: bytes, index: int) -> Picture:
    """By tifffile; palettes and floats from 0 to 1 become 8 bits."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[index]
        samples = page.asarray()
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            return shown(np.moveaxis(page.colormap[:, samples], 0, 2))
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3:
            samples = np.moveaxis(samples, 0, 2)
        return shown(np.floor(samples * 255) if samples.dtype.kind == "f" else samples)


def openjpeg(data: bytes, index: int) -> Picture:
    """By imagecodecs' OpenJPEG."""
    return _jpeg2000(data)[0]


def openjpeg_in_rust(data: bytes, index: int) -> Picture:
    """By another build of OpenJPEG, called from Rust."""
    return _jpeg2000(data)[1]


def _jpeg2000(data: bytes) -> tuple[Picture, Picture]:
    samples = imagecodecs.jpeg2k_decode(data)
    decoded = np.empty(samples.nbytes, np.uint8)
    bits = jpeg2k_decode_into(data, decoded)[3]
    return shown(samples, bits), shown(decoded.view(samples.dtype).reshape(samples.shape), bits)
