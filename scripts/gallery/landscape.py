"""An invented landscape of 600 megapixels, with something to see at every zoom: a map of a coast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from scripts.gallery.pyramids import JPEG_PYRAMID

LANDSCAPE = (30_000, 20_000)
COARSE = 8
"""The landscape's large forms are made at an eighth of its size; finer ones come from a pattern."""
PATTERN = 2048
"""Side of the repeated pattern of fine forms, in pixels."""
SEA_LEVEL = 0.42
ROUGHNESS = 2.0
"""How fast forms grow flatter as they grow smaller; more is smoother."""
LONGEST = 1100
"""Distance between the largest mountains, in pixels of the coarse forms."""
RELIEF = 900.0
"""How steep the hills look: the more, the darker and lighter their sides."""
CONTOURS = 250
"""Contour lines from the lowest to the highest point; every fifth is drawn stronger."""
FINE = 0.00025
"""How high the fine forms are."""
SQUARE = 1000
"""Side of the squares of the map's grid, in pixels; each has its number."""

DIGITS = {
    "0": "###,#.#,#.#,#.#,###", "1": ".#.,##.,.#.,.#.,###", "2": "###,..#,###,#..,###",
    "3": "###,..#,.##,..#,###", "4": "#.#,#.#,###,..#,..#", "5": "###,#..,###,..#,###",
    "6": "###,#..,###,#.#,###", "7": "###,..#,.#.,.#.,.#.", "8": "###,#.#,###,#.#,###",
    "9": "###,#.#,###,..#,###", " ": "...,...,...,...,...",
}  # fmt: skip
"""Rows of dots, from the top."""

TINTS = [
    (0.00, (28, 62, 96)),
    (0.25, (52, 106, 143)),
    (0.38, (110, 164, 184)),
    (SEA_LEVEL, (168, 206, 209)),
    (SEA_LEVEL + 0.002, (214, 205, 164)),
    (0.47, (157, 178, 118)),
    (0.56, (116, 150, 96)),
    (0.66, (178, 165, 112)),
    (0.76, (158, 124, 92)),
    (0.86, (190, 176, 166)),
    (1.00, (252, 252, 252)),
]
"""Height (0-1) and the color of the map there."""


def write_landscape(path: Path) -> None:
    """An invented coast, as a map with tints, shaded relief, contour lines and a numbered grid."""
    height = landscape_height()
    east = height.conv(pyvips.Image.new_from_array([[-1, 0, 1]], scale=2))
    south = height.conv(pyvips.Image.new_from_array([[-1], [0], [1]], scale=2))
    land = (height > SEA_LEVEL) / 255
    # light comes from the north-west, as on maps, and the sea floor shows less of it
    lit = (east + south) * (land * 0.75 + 0.25) * -RELIEF
    shade = lit / (lit * lit + 1) ** 0.5 * 0.42 + 1
    slope = (east * east + south * south) ** 0.5
    ink = contour(height, slope, CONTOURS) * 0.13 + contour(height, slope, CONTOURS / 5) * 0.2
    colors = (height * 65535).cast("ushort").maplut(tints())
    printed = (colors * shade * (1 - ink) * (1 - grid() / 255 * 0.35)).cast("uchar")
    printed.copy(interpretation="srgb").tiffsave(str(path), Q=62, **JPEG_PYRAMID)


def contour(height: pyvips.Image, slope: pyvips.Image, number: float) -> pyvips.Image:
    """1 on contour lines about one pixel wide, 0 elsewhere."""
    steps = height * number
    return ((steps - steps.rint()).abs() < (slope * number * 0.7)) / 255


def grid() -> pyvips.Image:
    """255 on the lines between squares and on the number of each (column, row), 0 elsewhere."""
    columns, rows = (side // SQUARE for side in LANDSCAPE)
    empty = pyvips.Image.black(SQUARE, SQUARE)
    empty = empty.draw_line(255, 0, 0, SQUARE, 0).draw_line(255, 0, 0, 0, SQUARE)
    squares = [
        empty.insert(number(f"{column:02} {row:02}"), 14, 14)
        for row in range(rows)
        for column in range(columns)
    ]
    return pyvips.Image.arrayjoin(squares, across=columns)


def number(text: str) -> pyvips.Image:
    """Digits and spaces, 15 pixels high: 255 on black."""
    shapes = [np.array([list(row) for row in DIGITS[digit].split(",")]) == "#" for digit in text]
    spaced = np.hstack([np.pad(shape, ((0, 0), (0, 1))) for shape in shapes])
    return pyvips.Image.new_from_array(np.kron(spaced, np.ones((3, 3))).astype(np.uint8) * 255)


def landscape_height() -> pyvips.Image:
    """The height, 0-1, of every pixel of the landscape."""
    width, height = LANDSCAPE
    random = np.random.default_rng(1911)
    forms = fractal(
        random, (height // COARSE, width // COARSE), exponent=ROUGHNESS, longest=LONGEST, shortest=2
    )
    lowest, highest = float(np.min(forms)), float(np.max(forms))
    forms = (forms - lowest) / (highest - lowest)
    large = pyvips.Image.new_from_array(forms.astype(np.float32)).resize(COARSE, kernel="cubic")
    fine = fractal(random, (PATTERN, PATTERN), exponent=ROUGHNESS, longest=24, shortest=2.5)
    pattern = pyvips.Image.new_from_array(fine.astype(np.float32))
    repeated = pattern.replicate(-(-width // PATTERN), -(-height // PATTERN)).crop(0, 0, width, height)
    return (large + repeated * large * FINE).cast("float")


def fractal(
    random: np.random.Generator, shape: tuple[int, int], *, exponent: float, longest: float, shortest: float
) -> NDArray[np.float64]:
    """Noise that looks alike at every scale, and repeats seamlessly; mean 0, deviation 1.

    Args:
        random: source of the noise.
        shape: rows and columns.
        exponent: how fast amplitude falls with frequency; larger is smoother.
        longest: longest wavelength in pixels.
        shortest: shortest wavelength in pixels.
    """
    rows, columns = shape
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :])
    within = (frequency >= 1 / longest) & (frequency <= 1 / shortest) & (frequency > 0)
    amplitude = np.zeros_like(frequency)
    amplitude[within] = frequency[within] ** -exponent
    spectrum = np.fft.rfft2(random.standard_normal(shape)) * amplitude
    noise = np.fft.irfft2(spectrum, s=shape)
    return noise / noise.std()


def tints() -> pyvips.Image:
    """`TINTS` as a table for heights of 16 bits."""
    heights = np.linspace(0, 1, 65536)
    known = [height for height, _ in TINTS]
    bands = [np.interp(heights, known, [color[band] for _, color in TINTS]) for band in range(3)]
    table = np.stack(bands, axis=-1)[None, :, :]
    return pyvips.Image.new_from_array(table.astype(np.uint8))
