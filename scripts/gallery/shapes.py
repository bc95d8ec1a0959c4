"""What the scientific images of the gallery consist of: noise, stars, craters, a script."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Floats: TypeAlias = NDArray[np.floating[Any]]


def grid(rows: int, columns: int) -> tuple[Floats, Floats]:
    """Row and column of every pixel."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    return y, x


def turned(x: Floats, y: Floats, angle: float) -> tuple[Floats, Floats]:
    """Coordinates along and across a direction; `angle` is in radians."""
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def step(distance: Floats, width: float) -> Floats:
    """0 below 0, 1 from `width` on, and smooth between."""
    share = np.clip(distance / width, 0, 1)
    smooth: Floats = share * share * (3 - 2 * share)
    return smooth


def noise(
    random: np.random.Generator, shape: tuple[int, int], longest: float, roughness: float = 1.9
) -> Floats:
    """Noise that looks alike at every scale below `longest` pixels; mean 0, deviation 1."""
    rows, columns = shape
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :])
    amplitude = np.where(frequency > 1 / longest, np.maximum(frequency, 1e-9) ** -roughness, 0)
    spectrum = np.fft.rfft2(random.standard_normal(shape)) * amplitude
    noise = np.fft.irfft2(spectrum, s=shape)
    scaled: Floats = (noise / noise.std()).astype(np.float32)
    return scaled


def add_star(light: Floats, random: np.random.Generator) -> None:
    """Add one star of any brightness at any place, as a telescope blurs it."""
    rows, columns = light.shape
    row, column = int(random.random() * rows), int(random.random() * columns)
    brightness = 4000 * random.random() ** -0.9
    reach = 34 if brightness > 40000 else 12
    top, left = max(0, row - reach), max(0, column - reach)
    window = light[top : row + reach + 1, left : column + reach + 1]
    y, x = grid(*window.shape)
    distance = (y + top - row) ** 2 + (x + left - column) ** 2
    window += min(brightness, 500000) * (1 + distance / 6) ** -2.6


def dig_crater(heights: Floats, center: tuple[float, float], size: float) -> None:
    """Sink a bowl with a raised rim; `size` is its radius in pixels."""
    rows, columns = heights.shape
    column, row = center
    reach = 2.2 * size
    top, bottom = int(max(0, row - reach)), int(min(rows, row + reach))
    left, right = int(max(0, column - reach)), int(min(columns, column + reach))
    y, x = grid(bottom - top, right - left)
    distance = np.hypot(y + top - row, x + left - column) / size
    bowl = np.where(distance < 1, distance**2 - 1, 0) * 1.15
    rim = 0.32 * np.exp(-(((distance - 1) / 0.22) ** 2)) + 0.12 * np.exp(-np.clip(distance - 1, 0, None) * 3)
    heights[top:bottom, left:right] += (bowl + rim * (distance > 0.4)) * size * 1.9


def edge_shadow(shape: tuple[int, int]) -> Floats:
    """1 in the middle of a page, less toward its edges."""
    y, x = grid(*shape)
    rows, columns = shape
    nearest = np.minimum(np.minimum(x, columns - x) / columns, np.minimum(y, rows - y) / rows)
    shadow: Floats = 0.7 + 0.3 * step(nearest, 0.16)
    return shadow


def writing(random: np.random.Generator, shape: tuple[int, int], *, line: int, nib: float) -> Floats:
    """Lines of a made-up script drawn with a broad pen: 1 on ink, 0 elsewhere.

    Args:
        random: chooses the letters.
        shape: rows and columns.
        line: distance between lines, in pixels.
        nib: half the width of the pen, in pixels.
    """
    rows, columns = shape
    page = Image.new("L", (columns, rows))
    draw = ImageDraw.Draw(page)
    margin = int(columns * 0.12)
    for base in range(int(rows * 0.11), int(rows * 0.91), line):
        x = float(margin)
        while x < columns - margin:
            for _ in range(min(int(random.integers(2, 9)), int((columns - margin - x) / line) + 1)):
                x = _letter(draw, random, x, base, line * 0.34, nib)
            x += line * 0.3
    return np.asarray(page, np.float32) / 255


def _letter(
    draw: ImageDraw.ImageDraw, random: np.random.Generator, x: float, base: float, height: float, nib: float
) -> float:
    """Draw one letter of one to three upright strokes; where the next one begins."""
    top, gap = base - height, height * 0.52
    minims = int(random.choice([1, 2, 2, 2, 3]))
    kind = random.choice(["plain", "bowl", "ascender", "descender", "crossed"], p=[0.4, 0.24, 0.16, 0.1, 0.1])
    for minim in range(minims):
        left = x + minim * gap
        above = height * 0.75 if kind == "ascender" and minim == 0 else 0
        below = height * 0.7 if kind == "descender" and minim == minims - 1 else 0
        _stroke(draw, (left, top - above), (left, base + below), nib)
        _stroke(draw, (left, base), (left + gap * 0.35, base - nib), nib * 0.8)
        if minim and kind in ("plain", "bowl"):
            _stroke(draw, (left - gap, top), (left, top + nib * 0.5), nib * 0.75)
        if minim and kind == "bowl":
            _stroke(draw, (left - gap, base - nib * 0.4), (left, base), nib * 0.75)
    if kind == "crossed":
        _stroke(draw, (x - gap * 0.4, top + nib), (x + gap * 0.8, top + nib * 0.6), nib * 0.7)
    return x + minims * gap + gap * 0.35


def _stroke(
    draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], nib: float
) -> None:
    """A straight stroke of a broad pen that is held at 40 degrees."""
    across, up = nib * 0.77, nib * 0.64
    (x0, y0), (x1, y1) = start, end
    corners = [(x0 - across, y0 + up), (x0 + across, y0 - up), (x1 + across, y1 - up), (x1 - across, y1 + up)]
    draw.polygon(corners, fill=255)
    draw.line([*corners, corners[0]], fill=255, width=2)
