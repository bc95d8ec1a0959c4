"""Kinds of files that hold a plain picture, or several: JPEG, PNG, WebP, GIF, AVIF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from iipserve.image import ColorSpace
from tests.tiff_corpus.layout import Maker, Written, scene, span, whole
from tests.tiff_corpus.profiles import cmyk_profile
from tests.tiff_corpus.stacks import TURNS
from tests.tiff_corpus.tiff_writer import Samples


def as_image(pixels: Samples) -> Image.Image:
    """8-bit pixels for Pillow, which tells gray, gray and opacity, RGB and RGBA by the number of bands."""
    return Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[:, :, 0])


def oriented(format: str, orientation: int) -> Maker:
    """RGB that is stored in another order of rows and columns, as Exif tells."""

    def make(path: Path) -> Written:
        (shown,) = whole([scene(3)], 8)
        exif = Image.Exif()
        exif[274] = orientation
        options = {"quality": 95, "subsampling": 0} if format == "JPEG" else {"lossless": True, "exact": True}
        as_image(TURNS[orientation](shown).copy()).save(path, format, exif=exif, **options)
        tolerance = 4 if format == "JPEG" else 0
        return Written([shown], ColorSpace.SRGB, ranges=span(3, 0, 255), tolerance=tolerance)

    return make


def jpeg_inks(**options: Any) -> Maker:
    """CMYK as Adobe writes it, upside down."""

    def make(path: Path) -> Written:
        (shown,) = whole([scene(4)], 8)
        Image.fromarray(shown, "CMYK").save(path, "JPEG", quality=95, subsampling=0, **options)
        return Written([shown], ColorSpace.CMYK, ranges=span(4, 0, 255), tolerance=4)

    return make


def png(bits: int, bands: int) -> Maker:
    """Gray and RGB, with opacity or without."""

    def make(path: Path) -> Written:
        (shown,) = whole([scene(bands)], bits)
        path.write_bytes(imagecodecs.png_encode(shown if bands > 1 else shown[:, :, 0]))
        space = ColorSpace.SRGB if bands > 2 else ColorSpace.GRAY
        return Written([shown], space, bits, bands in (2, 4), span(bands, 0, 2**bits - 1))

    return make


def png_palette(path: Path) -> Written:
    """Indices of 8 bits into a table of colors."""
    (stored,) = whole([scene(1)], 8)
    colors = np.random.default_rng(3).integers(0, 256, (256, 3)).astype(np.uint8)
    image = Image.fromarray(stored[:, :, 0], "P")
    image.putpalette(colors.tobytes())
    image.save(path, "PNG")
    return Written([colors[stored[:, :, 0]]], ColorSpace.SRGB, ranges=span(3, 0, 255))


def png_one_bit(path: Path) -> Written:
    """Black and white."""
    shown = scene(1) > 0.5
    Image.fromarray(shown[:, :, 0]).save(path, "PNG")
    return Written([shown.astype(np.uint8) * 255], bits=1, ranges=span(1, 0, 255))


def animation(format: str, **options: Any) -> Maker:
    """Three pictures; those of GIF come with opacity."""

    def make(path: Path) -> Written:
        (wide,) = whole([scene(5)], 8)
        frames = [wide[:, :, number : number + 3] // 51 * 51 for number in range(3)]
        images = [as_image(frame.copy()) for frame in frames]
        if format == "GIF":  # 6 x 6 x 6 colors, so that nothing is dithered
            images = [image.quantize(216, dither=Image.Dither.NONE) for image in images]
        images[0].save(path, format, save_all=True, append_images=images[1:], duration=100, **options)
        if format == "GIF":
            frames = [np.concatenate((frame, np.full_like(frame[:, :, :1], 255)), axis=2) for frame in frames]
        layers = [(f"layer{number}", [frame]) for number, frame in enumerate(frames)]
        bands = frames[0].shape[2]
        return Written([frames[0]], ColorSpace.SRGB, 8, bands == 4, span(bands, 0, 255), layers=layers)

    return make


def avif(bits: int) -> Maker:
    """RGB of 8 to 12 bits."""

    def make(path: Path) -> Written:
        (shown,) = whole([scene(3)], bits)
        path.write_bytes(imagecodecs.avif_encode(shown, level=100, bitspersample=bits, speed=10))
        return Written([shown], ColorSpace.SRGB, bits, ranges=span(3, 0, 2**bits - 1))

    return make


PLAIN: Mapping[str, Maker] = {
    **{f"jpeg-orientation{number}": oriented("JPEG", number) for number in range(1, 9)},
    **{f"webp-orientation{number}": oriented("WEBP", number) for number in (5, 6)},
    "jpeg-cmyk": jpeg_inks(),
    "jpeg-cmyk-profile": jpeg_inks(icc_profile=cmyk_profile()),
    **{f"png{bits}-{bands}": png(bits, bands) for bits in (8, 16) for bands in (1, 2, 3, 4)},
    "png-palette": png_palette,
    "png1": png_one_bit,
    "gif-animation": animation("GIF"),
    "webp-animation": animation("WEBP", lossless=True),
    **{f"avif{bits}": avif(bits) for bits in (8, 10, 12)},
}
