"""Makes images of the kinds that conservators and scientists have, for the gallery of scripts/demo.

All are invented: a galaxy of 16 bits, heights as floating-point numbers with gaps, the normal vectors of a
coin, a palimpsest at six wavelengths, and marbled paper in CIELAB. Together they take a few seconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scripts.gallery import shapes
from scripts.gallery.pyramids import write_layers

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
    y, x = shapes.grid(rows, columns)
    along, across = shapes.turned(x - columns * 0.52, y - rows * 0.5, 0.5)
    radius = np.hypot(along, across / 0.55) / 620
    angle = np.arctan2(across / 0.55, along)
    arms = 0.5 + 0.5 * np.cos(2 * angle - 5.2 * np.log(radius + 0.12))
    dust = 1 + 0.5 * shapes.noise(random, GALAXY, 300)
    disk = np.exp(-radius / 0.62) * (0.3 + 1.5 * arms**2 * np.clip(dust, 0.1, None))
    light = 700 + 17000 * disk + 46000 * np.exp(-((radius / 0.12) ** 0.9))
    for _ in range(STARS):
        shapes.add_star(light, random)
    light += random.normal(0, 60, GALAXY)
    write_layers(path, [np.clip(light, 0, 65535).astype(np.uint16)], photometric="minisblack")


def write_heights(path: Path) -> None:
    """Heights of cratered land in metres, floating point; NaN where the invented survey did not reach."""
    random = np.random.default_rng(7)
    rows, columns = HEIGHTS
    y, x = shapes.grid(rows, columns)
    heights = 75 * shapes.noise(random, HEIGHTS, 900, roughness=2.3) - 1900
    for _ in range(CRATERS):
        size = 9 + 240 * random.random() ** 4
        center = (random.random() * columns, random.random() * rows)
        shapes.dig_crater(heights, center, size)
    heights += 5 * shapes.noise(random, HEIGHTS, 60, roughness=1.3)
    swath = np.abs(y - rows / 2 + 70 * np.sin(x / 420)) > rows * 0.44
    gaps = shapes.noise(random, HEIGHTS, 300, roughness=2.4) > 2.3
    heights[swath | gaps] = np.nan
    write_layers(path, [heights], photometric="minisblack")


def write_normals(path: Path) -> None:
    """The surface of a coin as normal vectors: red is x to the right, green y upward, blue z to the viewer."""
    random = np.random.default_rng(44)
    y, x = shapes.grid(COIN, COIN)
    x, y = (x - COIN / 2) / (COIN * 0.46), (COIN / 2 - y) / (COIN * 0.46)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    height = 26 * shapes.step(1 - radius, 0.02)
    height += 14 * shapes.step(radius - 0.925, 0.012) * shapes.step(1 - radius, 0.02)
    beads = np.hypot((radius - 0.86) * 52, np.mod(angle * 72 / (2 * np.pi), 1) * 4.4 - 2.2)
    height += 11 * np.sqrt(np.clip(1 - (beads / 1.25) ** 2, 0, None))
    for petals, reach, depth in ((8, 0.74, 20), (8, 0.5, 17), (6, 0.27, 13)):
        offset = 0.5 if reach == 0.5 else 0.0
        petal = np.abs(np.mod(angle * petals / (2 * np.pi) + offset, 1) - 0.5) * 2
        edge = reach * (1 - 0.42 * petal**2.4)
        height += depth * shapes.step(edge - radius, 0.05) * (1 - 0.55 * petal**2)
    height += 12 * np.sqrt(np.clip(1 - (radius / 0.09) ** 2, 0, None))
    height += 0.55 * shapes.noise(random, (COIN, COIN), 120, roughness=1.1) + 0.06 * random.normal(
        size=(COIN, COIN)
    )
    down, right = np.gradient(1.5 * height)
    normals = np.stack([-right, down, np.ones_like(right)], axis=-1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    write_layers(path, [np.rint((normals + 1) * 127.5).astype(np.uint8)], photometric="rgb")


def write_palimpsest(path: Path) -> None:
    """A page of parchment, written over: a layer for each wavelength, and each a pyramid of its own."""
    random = np.random.default_rng(1000)
    later = shapes.writing(random, PAGE, line=92, nib=7)
    erased = np.rot90(shapes.writing(random, PAGE[::-1], line=128, nib=9))
    wear = 0.75 + 0.2 * shapes.noise(random, PAGE, 240)
    stains = np.clip(shapes.noise(random, PAGE, 900) - 0.9, 0, 1)
    fibers = 0.035 * shapes.noise(random, PAGE, 500, roughness=1.3)
    vignette = shapes.edge_shadow(PAGE)
    layers = []
    for _, parchment, later_ink, erased_ink in WAVELENGTHS:
        light = parchment * (1 + fibers - 0.35 * (1.1 - parchment) * stains) * vignette
        light *= 1 - erased_ink * np.clip(erased * wear, 0, 1)
        light *= 1 - later_ink * np.clip(later * (wear + 0.35), 0, 1)
        light += random.normal(0, 0.008, PAGE)
        layers.append(np.clip(light * 255, 0, 255).astype(np.uint8))
    write_layers(path, layers, photometric="minisblack", names=[name for name, *_ in WAVELENGTHS])


def write_marbled(path: Path) -> None:
    """Marbled paper in CIELAB with 8 bits: lightness, and two opponent colors as signed bytes."""
    random = np.random.default_rng(5)
    y, x = shapes.grid(*MARBLED)
    bend = 170 * shapes.noise(random, MARBLED, 800, roughness=2.4)
    comb = 46 * np.sin(x / 58 + bend / 60)
    bands = (y + comb + bend) / 74 + 0.5 * np.sin(x / 240)
    vein = np.abs(np.mod(bands, 1) - 0.5) * 2
    color = np.floor(bands).astype(np.int64) % 5
    inks = np.array([[30, 12, -38], [83, 3, 18], [46, 48, 28], [72, 10, 52], [52, -22, -20]], np.float32)
    lab = inks[color]
    lab[vein > 0.86] = (90, 1, 8)
    lab[..., 0] += 3.2 * shapes.noise(random, MARBLED, 40, roughness=0.9)
    lab[..., 0] = np.clip(lab[..., 0] * 2.55, 0, 255)
    write_layers(path, [np.rint(lab).astype(np.int16)], photometric="cielab")
