"""Scaling of pixels in memory, by libvips."""

from __future__ import annotations

import numpy as np

from iipserve.geometry import Size
from iipserve.processing import Pixels
from iipserve.sources import libvips


def scale(pixels: Pixels, size: Size, *, nearest: bool = False) -> Pixels:
    """The 8-bit pixels at exactly `size`, larger or smaller.

    Reduction never aliases: a whole ratio on both axes takes means, any other Lanczos. Enlargement is
    bicubic. Colors are weighed by opacity, the last of 2 or 4 bands, so that none bleeds in from clear
    pixels.

    Args:
        pixels: to be scaled; returned as they are when they have the size.
        size: wanted.
        nearest: repeat and drop pixels instead, as iipsrv does (pixel `i` is `floor(i * from / to)`).
    """
    height, width, bands = pixels.shape
    if (width, height) == (size.width, size.height):
        return pixels
    if nearest:
        down = np.arange(size.height) * height // size.height
        across = np.arange(size.width) * width // size.width
        picked: Pixels = pixels.take(down, axis=0).take(across, axis=1)
        return picked
    opaque = bands in (2, 4) and bool((pixels[:, :, -1] == 255).all())
    image = libvips.from_pixels(np.ascontiguousarray(pixels))
    return libvips.to_pixels(libvips.resized(image, size, opaque=opaque))
