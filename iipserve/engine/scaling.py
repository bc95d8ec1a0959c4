"""Scaling of pixels in memory, by libvips."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from iipserve import libvips
from iipserve.geometry import Size
from iipserve.libvips import pyvips
from iipserve.processing import Pixels
from iipserve.processing.layout import has_alpha


def scale(pixels: Pixels, size: Size, *, nearest: bool = False) -> Pixels:
    """The pixels, of 8 or 16 bits, at exactly `size`, larger or smaller.

    Reduction does not alias: whole ratios on both axes average, others use Lanczos. Enlargement is bicubic.
    Colors are weighted by opacity, the last of 2 or 4 bands, so that clear pixels contribute none.

    Args:
        pixels: to scale; returned unchanged if they have the size.
        size: of the result, in pixels.
        nearest: repeat and drop pixels instead, as iipsrv does (pixel `i` comes from `floor(i * from / to)`).
    """
    height, width = pixels.shape[:2]
    if (width, height) == (size.width, size.height):
        return pixels
    if nearest:
        down = np.arange(size.height) * height // size.height
        across = np.arange(size.width) * width // size.width
        return pixels.take(down, axis=0).take(across, axis=1)
    pixels = np.ascontiguousarray(pixels)
    return libvips.to_pixels(_resized(pixels, size))


def scale_in_strips(pixels: Pixels, size: Size, rows: int, *, nearest: bool = False) -> Iterator[Pixels]:
    """What `scale` returns, in strips of `rows` rows, each made on demand."""
    pixels = np.ascontiguousarray(pixels)
    height, image = pixels.shape[0], _resized(pixels, size)
    for top in range(0, size.height, rows):
        bottom = min(top + rows, size.height)
        if nearest:
            down = np.arange(top, bottom) * height // size.height
            yield scale(pixels.take(down, axis=0), Size(size.width, bottom - top), nearest=True)
        else:
            yield libvips.to_pixels(image.crop(0, top, size.width, bottom - top))


def _resized(pixels: Pixels, size: Size) -> pyvips.Image:
    """Contiguous pixels at another size. Evaluated lazily: the pixels must be kept until then."""
    opaque = (1 << 8 * pixels.itemsize) - 1
    clear = has_alpha(pixels.shape[2]) and bool(np.any(pixels[:, :, -1] != opaque))
    return libvips.resized(libvips.from_pixels(pixels), size, alpha=clear)
