"""A photograph in two formats, and a test chart."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyvips

from iipserve.sources.jpeg2000.openjpeg_library import glymur
from scripts.gallery.pyramids import JPEG_PYRAMID


def copy_photograph(path: Path) -> None:
    """The photograph that comes with glymur, as it is: JPEG 2000, a single tile."""
    shutil.copyfile(glymur.data.nemo(), path)


def write_photograph(path: Path) -> None:
    """The same photograph as a TIFF pyramid of JPEG tiles."""
    pixels = glymur.Jp2k(glymur.data.nemo())[:]
    pyvips.Image.new_from_array(pixels).tiffsave(str(path), Q=88, **JPEG_PYRAMID)


def write_chart(path: Path) -> None:
    """A chart whose sides are no multiples of anything, to see the last row and column of tiles."""
    width, height = 3073, 2680
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    across, down = x / (width - 1), y / (height - 1)
    pixels = np.stack([90 + 150 * across, 110 + 100 * down, 225 - 140 * across * down], axis=-1)
    rings = np.hypot(x - width / 2, y - height / 2) % 256 < 3
    lines = (x % 256 < 1) | (y % 256 < 1)
    frame = (x < 4) | (y < 4) | (x >= width - 4) | (y >= height - 4)
    pixels[lines] *= 0.75
    pixels[rings] = 255
    pixels[frame] = (200, 30, 40)
    pyvips.Image.new_from_array(pixels.astype(np.uint8)).tiffsave(str(path), Q=90, **JPEG_PYRAMID)
