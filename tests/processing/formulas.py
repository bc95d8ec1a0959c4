"""iipsrv's formulas, computed sample by sample in C's number types: the reference for results.

Only Python lists and numpy scalars are used, and nothing of the code under test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

F = np.float32
Pixel: TypeAlias = list[np.float32]
"""Bands of one pixel."""
Picture: TypeAlias = list[list[Pixel]]
Step: TypeAlias = Callable[[Picture], Picture]


def normalized(pixels: NDArray[Any], ranges: Sequence[tuple[float, float]]) -> Picture:
    """`(p - min) * (1 / (max - min))`; what is not finite is 0."""
    scales = []
    for low, high in ranges:
        minimum, width = F(low), F(F(high) - F(low))
        scales.append((minimum, F(1.0 / float(width)) if abs(width) > 1e-30 else F(1e30)))
    return [
        [[_normal(p, *scale) for p, scale in zip(pixel, scales, strict=False)] for pixel in row]
        for row in pixels
    ]


def _normal(sample: Any, minimum: np.float32, factor: np.float32) -> np.float32:
    value = F(sample)
    return F(F(value - minimum) * factor) if math.isfinite(value) else F(0)


def quantized(picture: Picture, contrast: float, bits: int) -> NDArray[Any]:
    """`v * (255 * contrast)`, clipped and truncated; 2 bands become 1, more than 3 become 3."""
    white = F((1 << bits) - 1)
    factor = F(white * F(contrast))
    bands = len(picture[0][0])
    shown = 1 if bands == 2 else min(bands, 3)
    return np.array(
        [[[_cut(F(v * factor), white) for v in pixel[:shown]] for pixel in row] for row in picture],
        np.uint8 if bits == 8 else np.uint16,
    )


def _cut(value: np.float32, white: np.float32) -> int:
    return int((max(value, F(0))) if value < white else white)


def each(function: Callable[[np.float32], np.float32]) -> Step:
    """A step that changes every sample by itself."""
    return lambda picture: [[[function(v) for v in pixel] for pixel in row] for row in picture]


def of_pixels(function: Callable[[Pixel], Pixel]) -> Step:
    """A step that changes every pixel by itself."""
    return lambda picture: [[function(pixel) for pixel in row] for row in picture]


def gamma(exponent: float) -> Step:
    return each(lambda v: F(math.pow(max(float(v), 0.0), float(F(exponent)))))


def logarithm() -> Step:
    scale = F(1.0 / float(F(math.log(256.0))))

    def curve(v: np.float32) -> np.float32:
        counted = F(F(1) + F(v * F(255)))
        return F(scale * F(math.log(float(counted)))) if counted > 0 else F(-15)

    return each(curve)


def invert() -> Step:
    return each(lambda v: F(1.0 - float(v)))


def shade(horizontal: int, vertical: int) -> Step:
    a = F(horizontal * 2 * math.pi / 360.0)
    sy = F(math.cos(float(a)))
    sx = F(math.sqrt(1.0 - float(F(sy * sy))))
    if horizontal > 180:
        sx = -sx
    sz = F(-math.sin(float(F(vertical * 2 * math.pi / 360.0))))
    norm = F(math.sqrt(float(F(F(F(sx * sx) + F(sy * sy)) + F(sz * sz)))))
    light = [F(s / norm) for s in (sx, sy, sz)]

    def lit(pixel: Pixel) -> Pixel:
        if all(n == 0 for n in pixel):
            return [F(0)]
        towards = [F(float(F(-(float(n) - 0.5))) * 2.0) for n in pixel]
        x, y, z = (F(s * o) for s, o in zip(light, towards, strict=True))
        return [F(min(max(0.5 * float(F(F(x + y) + z)), 0.0), 1.0))]

    return of_pixels(lit)


def twist(matrix: Sequence[Sequence[float]]) -> Step:
    def mixed(pixel: Pixel) -> Pixel:
        result = []
        for row in matrix:
            total = F(0)
            for weight, value in zip(row, pixel, strict=False):
                total = F(total + F(value * F(weight)))
            result.append(total)
        return result

    return of_pixels(mixed)


def colormap(name: str) -> Step:
    maps: dict[str, Callable[[np.float32], Pixel]] = {
        "hot": _hot,
        "cold": lambda v: _hot(v)[::-1],
        "jet": _jet,
        "red": lambda v: [v, F(0), F(0)],
        "green": lambda v: [F(0), v, F(0)],
        "blue": lambda v: [F(0), F(0), v],
    }
    return of_pixels(lambda pixel: maps[name](pixel[0]))


def _hot(v: np.float32) -> Pixel:
    third, x = F(1.0 / 3.0), float(v)
    if v > 1:
        return [F(1), F(1), F(1)]
    if v <= 0:
        return [F(0), F(0), F(0)]
    if v < third:
        return [F(3 * x), F(0), F(0)]
    if v < 2 * third:
        return [F(1), F(3 * x - 1), F(0)]
    return [F(1), F(1), F(3 * x - 2)] if v < 1 else [F(1), F(1), F(1)]


def _jet(v: np.float32) -> Pixel:
    x = float(v)
    for end, color in (
        (0, (0, 0, 0)),
        (1 / 8, (0, 0, 4 * x + 0.5)),
        (3 / 8, (0, 4 * x - 0.5, 1)),
        (5 / 8, (4 * x - 1.5, 1, 2.5 - 4 * x)),
        (7 / 8, (1, 3.5 - 4 * x, 0)),
        (1, (4.5 - 4 * x, 0, 0)),
    ):
        if x < end:
            return [F(value) for value in color]
    return [F(0.5), F(0), F(0)]


def convolve(kernel: Sequence[Sequence[float]]) -> Step:
    """float32 products, float64 sums; edge pixels are repeated outside."""
    half, total = len(kernel) // 2, sum(sum(row) for row in kernel)

    def step(picture: Picture) -> Picture:
        height, width, bands = len(picture), len(picture[0]), len(picture[0][0])

        def at(x: int, y: int, band: int) -> np.float32:
            return picture[min(max(y, 0), height - 1)][min(max(x, 0), width - 1)][band]

        def correlated(x: int, y: int, band: int) -> np.float32:
            value = 0.0
            for j, row in enumerate(kernel):
                for i, weight in enumerate(row):
                    value += float(F(at(x + i - half, y + j - half, band) * F(weight)))
            return F(value / float(F(total)) if total > 0 else value)

        return [
            [[correlated(x, y, band) for band in range(bands)] for x in range(width)] for y in range(height)
        ]

    return step


def lab_to_srgb(light: float, a: float, b: float) -> list[float]:
    """Red, green, blue from 0 to 1."""
    if light < 8:
        y = light * 100 / 903.3
        root = 7.787 * (y / 100) + 16 / 116
    else:
        root = (light + 16) / 116
        y = 100 * root**3
    x, z = (
        white * (r**3 if r >= 0.2069 else (r - 0.13793) / 7.787)
        for white, r in ((95.047, a / 500 + root), (108.8827, root - b / 200))
    )
    xyz = (x / 100, y / 100, z / 100)
    rows = (
        (3.2406255, -1.537208, -0.4986286),
        (-0.9689307, 1.8757561, 0.0415175),
        (0.0557101, -0.2040211, 1.0569959),
    )
    linear = [max(0.0, sum(m * v for m, v in zip(row, xyz, strict=True))) for row in rows]
    curved = [12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055 for v in linear]
    return [min(v, 1.0) for v in curved]
