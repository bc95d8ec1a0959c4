"""Makes images of the kinds that conservators and scientists have, for the gallery of scripts/demo.

All are invented: a galaxy of 16 bits, heights as floating-point numbers with gaps, the normal vectors of a
coin, a palimpsest at six wavelengths, and marbled paper in CIELAB. Together they take a few seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageDraw

TILE = 256
Floats = NDArray[np.floating[Any]]

GALAXY = (2000, 2800)
STARS = 2600
HEIGHTS = (1800, 2400)
CRATERS = 160
COIN = 2048
PAGE = (2200, 1600)
MARBLED = (1700, 2400)

WAVELENGTHS = [
    ("365 nm, ultraviolet", 0.66, 0.68, 0.55),
    ("450 nm, blue", 0.64, 0.70, 0.24),
    ("530 nm, green", 0.71, 0.72, 0.09),
    ("620 nm, red", 0.79, 0.70, 0.05),
    ("740 nm, infrared", 0.85, 0.50, 0.02),
    ("940 nm, infrared", 0.89, 0.16, 0.00),
]
"""Name of the layer; how bright the parchment is there, and how dark the later and the erased writing are."""


def write_galaxy(path: Path) -> None:
    """A spiral galaxy among stars, as a camera counts light: 16 bits, most of it near black."""
    random = np.random.default_rng(31)
    rows, columns = GALAXY
    y, x = _grid(rows, columns)
    along, across = _turned(x - columns * 0.52, y - rows * 0.5, 0.5)
    radius = np.hypot(along, across / 0.55) / 620
    angle = np.arctan2(across / 0.55, along)
    arms = 0.5 + 0.5 * np.cos(2 * angle - 5.2 * np.log(radius + 0.12))
    dust = 1 + 0.5 * _noise(random, GALAXY, 300)
    disk = np.exp(-radius / 0.62) * (0.3 + 1.5 * arms**2 * np.clip(dust, 0.1, None))
    light = 700 + 17000 * disk + 46000 * np.exp(-((radius / 0.12) ** 0.9))
    for _ in range(STARS):
        _add_star(light, random)
    light += random.normal(0, 60, GALAXY)
    _write(path, [np.clip(light, 0, 65535).astype(np.uint16)], photometric="minisblack")


def write_heights(path: Path) -> None:
    """Heights of cratered land in metres, floating point; NaN where the invented survey did not reach."""
    random = np.random.default_rng(7)
    rows, columns = HEIGHTS
    y, x = _grid(rows, columns)
    heights = 75 * _noise(random, HEIGHTS, 900, roughness=2.3) - 1900
    for _ in range(CRATERS):
        size = 9 + 240 * random.random() ** 4
        center = (random.random() * columns, random.random() * rows)
        _dig_crater(heights, center, size)
    heights += 5 * _noise(random, HEIGHTS, 60, roughness=1.3)
    swath = np.abs(y - rows / 2 + 70 * np.sin(x / 420)) > rows * 0.44
    gaps = _noise(random, HEIGHTS, 300, roughness=2.4) > 2.3
    heights[swath | gaps] = np.nan
    _write(path, [heights], photometric="minisblack")


def write_normals(path: Path) -> None:
    """The surface of a coin as normal vectors: red is x to the right, green y upward, blue z to the viewer."""
    random = np.random.default_rng(44)
    y, x = _grid(COIN, COIN)
    x, y = (x - COIN / 2) / (COIN * 0.46), (COIN / 2 - y) / (COIN * 0.46)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    height = 26 * _step(1 - radius, 0.02)
    height += 14 * _step(radius - 0.925, 0.012) * _step(1 - radius, 0.02)
    beads = np.hypot((radius - 0.86) * 52, np.mod(angle * 72 / (2 * np.pi), 1) * 4.4 - 2.2)
    height += 11 * np.sqrt(np.clip(1 - (beads / 1.25) ** 2, 0, None))
    for petals, reach, depth in ((8, 0.74, 20), (8, 0.5, 17), (6, 0.27, 13)):
        offset = 0.5 if reach == 0.5 else 0.0
        petal = np.abs(np.mod(angle * petals / (2 * np.pi) + offset, 1) - 0.5) * 2
        edge = reach * (1 - 0.42 * petal**2.4)
        height += depth * _step(edge - radius, 0.05) * (1 - 0.55 * petal**2)
    height += 12 * np.sqrt(np.clip(1 - (radius / 0.09) ** 2, 0, None))
    height += 0.55 * _noise(random, (COIN, COIN), 120, roughness=1.1) + 0.06 * random.normal(
        size=(COIN, COIN)
    )
    down, right = np.gradient(1.5 * height)
    normals = np.stack([-right, down, np.ones_like(right)], axis=-1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    _write(path, [np.rint((normals + 1) * 127.5).astype(np.uint8)], photometric="rgb")


def write_palimpsest(path: Path) -> None:
    """A page of parchment, written over: a layer for each wavelength, and each a pyramid of its own."""
    random = np.random.default_rng(1000)
    later = _writing(random, PAGE, line=92, nib=7)
    erased = np.rot90(_writing(random, PAGE[::-1], line=128, nib=9))
    wear = 0.75 + 0.2 * _noise(random, PAGE, 240)
    stains = np.clip(_noise(random, PAGE, 900) - 0.9, 0, 1)
    fibers = 0.035 * _noise(random, PAGE, 500, roughness=1.3)
    vignette = _edge_shadow(PAGE)
    layers = []
    for _, parchment, later_ink, erased_ink in WAVELENGTHS:
        light = parchment * (1 + fibers - 0.35 * (1.1 - parchment) * stains) * vignette
        light *= 1 - erased_ink * np.clip(erased * wear, 0, 1)
        light *= 1 - later_ink * np.clip(later * (wear + 0.35), 0, 1)
        light += random.normal(0, 0.008, PAGE)
        layers.append(np.clip(light * 255, 0, 255).astype(np.uint8))
    _write(path, layers, photometric="minisblack", names=[name for name, *_ in WAVELENGTHS])


def write_marbled(path: Path) -> None:
    """Marbled paper in CIELAB with 8 bits: lightness, and two opponent colors as signed bytes."""
    random = np.random.default_rng(5)
    y, x = _grid(*MARBLED)
    bend = 170 * _noise(random, MARBLED, 800, roughness=2.4)
    comb = 46 * np.sin(x / 58 + bend / 60)
    bands = (y + comb + bend) / 74 + 0.5 * np.sin(x / 240)
    vein = np.abs(np.mod(bands, 1) - 0.5) * 2
    color = np.floor(bands).astype(np.int64) % 5
    inks = np.array([[30, 12, -38], [83, 3, 18], [46, 48, 28], [72, 10, 52], [52, -22, -20]], np.float32)
    lab = inks[color]
    lab[vein > 0.86] = (90, 1, 8)
    lab[..., 0] += 3.2 * _noise(random, MARBLED, 40, roughness=0.9)
    lab[..., 0] = np.clip(lab[..., 0] * 2.55, 0, 255)
    _write(path, [np.rint(lab).astype(np.int16)], photometric="cielab")


MAKERS = {
    "Science/Coin, normal vectors.tif": write_normals,
    "Science/Galaxy, 16 bits.tif": write_galaxy,
    "Science/Heights with gaps, floating point.tif": write_heights,
    "Science/Marbled paper, CIELAB.tif": write_marbled,
    "Science/Palimpsest, six wavelengths.tif": write_palimpsest,
}
"""Name in the gallery, and what writes it to a path."""


# -- shapes ------------------------------------------------------------------------------------------


def _grid(rows: int, columns: int) -> tuple[Floats, Floats]:
    """Row and column of every pixel."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    return y, x


def _turned(x: Floats, y: Floats, angle: float) -> tuple[Floats, Floats]:
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _step(distance: Floats, width: float) -> Floats:
    """0 below 0, 1 from `width` on, and smooth between."""
    share = np.clip(distance / width, 0, 1)
    smooth: Floats = share * share * (3 - 2 * share)
    return smooth


def _noise(
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


def _add_star(light: Floats, random: np.random.Generator) -> None:
    """Add one star of any brightness at any place, as a telescope blurs it."""
    rows, columns = light.shape
    row, column = int(random.random() * rows), int(random.random() * columns)
    brightness = 4000 * random.random() ** -0.9
    reach = 34 if brightness > 40000 else 12
    top, left = max(0, row - reach), max(0, column - reach)
    window = light[top : row + reach + 1, left : column + reach + 1]
    y, x = _grid(*window.shape)
    distance = (y + top - row) ** 2 + (x + left - column) ** 2
    window += min(brightness, 500000) * (1 + distance / 6) ** -2.6


def _dig_crater(heights: Floats, center: tuple[float, float], size: float) -> None:
    """Sink a bowl with a raised rim; `size` is its radius in pixels."""
    rows, columns = heights.shape
    column, row = center
    reach = 2.2 * size
    top, bottom = int(max(0, row - reach)), int(min(rows, row + reach))
    left, right = int(max(0, column - reach)), int(min(columns, column + reach))
    y, x = _grid(bottom - top, right - left)
    distance = np.hypot(y + top - row, x + left - column) / size
    bowl = np.where(distance < 1, distance**2 - 1, 0) * 1.15
    rim = 0.32 * np.exp(-(((distance - 1) / 0.22) ** 2)) + 0.12 * np.exp(-np.clip(distance - 1, 0, None) * 3)
    heights[top:bottom, left:right] += (bowl + rim * (distance > 0.4)) * size * 1.9


def _edge_shadow(shape: tuple[int, int]) -> Floats:
    """1 in the middle of a page, less toward its edges."""
    y, x = _grid(*shape)
    rows, columns = shape
    nearest = np.minimum(np.minimum(x, columns - x) / columns, np.minimum(y, rows - y) / rows)
    shadow: Floats = 0.7 + 0.3 * _step(nearest, 0.16)
    return shadow


# -- writing -----------------------------------------------------------------------------------------


def _writing(random: np.random.Generator, shape: tuple[int, int], *, line: int, nib: float) -> Floats:
    """Lines of a made-up script drawn with a broad pen: 1 on ink, 0 beside it.

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


# -- files -------------------------------------------------------------------------------------------


def _write(
    path: Path, layers: Sequence[NDArray[Any]], *, photometric: str, names: Sequence[str] = ()
) -> None:
    """Write each layer as a page of a TIFF, with its smaller levels in SubIFDs."""
    with tifffile.TiffWriter(path) as file:
        for number, layer in enumerate(layers):
            levels = [level if photometric != "cielab" else _signed_bytes(level) for level in _levels(layer)]
            options: dict[str, Any] = {
                "photometric": photometric,
                "tile": (TILE, TILE),
                "compression": "zlib",
                "compressionargs": {"level": 4},
                "predictor": photometric != "cielab",
                "metadata": None,
            }
            named = [(269, "s", 0, names[number], False)] if names else []
            file.write(
                levels[0],
                subifds=len(levels) - 1,
                subfiletype=2 if names else 0,
                extratags=named,
                **options,
            )
            for level in levels[1:]:
                file.write(level, subfiletype=1, **options)


def _signed_bytes(pixels: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Numbers from -128 to 255 as bytes, negative ones in two's complement."""
    return pixels.astype(np.uint8)


def _levels(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """The pixels, then halves of them until one fits in a tile."""
    levels = [pixels]
    while max(levels[-1].shape[:2]) > TILE:
        levels.append(_halved(levels[-1]))
    return levels


def _halved(pixels: NDArray[Any]) -> NDArray[Any]:
    """Means of two by two pixels, of the numbers among them; a last odd row or column is left out."""
    rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
    cells = pixels[: rows * 2, : columns * 2].reshape(rows, 2, columns, 2, *pixels.shape[2:])
    known = np.isfinite(cells)
    sums = np.where(known, cells, 0).sum(axis=(1, 3), dtype=np.float64)
    counts = known.sum(axis=(1, 3))
    means = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means.astype(pixels.dtype) if pixels.dtype.kind == "f" else np.rint(means).astype(pixels.dtype)
