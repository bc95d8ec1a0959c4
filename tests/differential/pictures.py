"""The images both servers are asked for: smooth pictures of every kind that iipsrv 1.1 reads.

Planar ones are left out: it reads past the end of their tiles, and now and then ends with that.

Smooth, so that what two JPEG encoders and two ways of scaling make of them differs by little, and a
mistake in a formula, a shift of a pixel or a wrong tile by much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tifffile
from numpy.typing import NDArray

from iipserve.sources.jpeg2000.openjpeg_library import glymur

Samples: TypeAlias = NDArray[Any]
"""Of shape (height, width) or (height, width, bands)."""

SIZE = (600, 460)
ODD_SIZE = (701, 499)


def ramps(size: tuple[int, int] = SIZE, bands: int = 3) -> NDArray[np.float64]:
    """Slow waves and ramps from 0.05 to 0.95, each band another, unlike everywhere."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    across, down = x / (width - 1), y / (height - 1)
    waves = np.sin(3 * across + 2 * down) * 0.15
    planes = [
        0.10 + 0.55 * across + 0.15 * down,
        0.20 + 0.15 * across + 0.45 * down,
        0.75 - 0.35 * across - 0.10 * down,
        0.35 + 0.60 * across,
    ]
    return np.clip(np.stack([plane + waves for plane in planes[:bands]], axis=-1), 0.05, 0.95)


def normals(size: tuple[int, int] = SIZE) -> NDArray[np.float64]:
    """A normal map of a gently curved surface, 0 to 1."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    slope = np.stack([np.cos(x / width * 3) * 0.6, np.sin(y / height * 3) * 0.6, np.ones_like(x)], axis=-1)
    return slope / np.linalg.norm(slope, axis=-1, keepdims=True) / 2 + 0.5


def lab(size: tuple[int, int] = SIZE) -> NDArray[np.float64]:
    """L* from 15 to 90, a* and b* from -45 to 45."""
    planes = ramps(size)
    return planes * np.array([75.0, 90.0, 90.0]) + np.array([15.0, -45.0, -45.0])


def levels_of(samples: Samples, tile: tuple[int, int]) -> list[Samples]:
    """The picture and its halves, rounded down, until one fits in a tile."""
    levels = [samples]
    while levels[-1].shape[1] > tile[0] or levels[-1].shape[0] > tile[1]:
        above = levels[-1]
        height, width = above.shape[0] // 2, above.shape[1] // 2
        levels.append(np.ascontiguousarray(above[: height * 2 : 2, : width * 2 : 2]))
    return levels


def write(path: Path, samples: Samples, *, tile: tuple[int, int] = (256, 256), **options: Any) -> None:
    """A tiled pyramid of further pages through tifffile."""
    gray = samples.ndim == 2
    common: dict[str, Any] = {
        "photometric": "minisblack" if gray or samples.shape[2] == 2 else "rgb",
        "tile": (tile[1], tile[0]),
        "compression": "zlib",
        "metadata": None,
        "software": "tests",
    } | options
    byteorder, bigtiff = common.pop("byteorder", "<"), common.pop("bigtiff", False)
    with tifffile.TiffWriter(path, byteorder=byteorder, bigtiff=bigtiff) as writer:
        for number, level in enumerate(levels_of(samples, tile)):
            writer.write(level, subfiletype=min(number, 1), **common)


def of_bits(values: NDArray[np.float64], bits: int) -> Samples:
    """Values of 0 to 1 as whole numbers of so many bits."""
    dtype = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    return np.rint(values * (2**bits - 1)).astype(dtype)


def gray(size: tuple[int, int] = SIZE, bits: int = 8) -> Samples:
    """One band, as an array of two dimensions."""
    return of_bits(ramps(size, 1), bits)[..., 0]


def rgb(size: tuple[int, int] = SIZE, bits: int = 8) -> Samples:
    """Three bands."""
    return of_bits(ramps(size), bits)


def steps(bands: int = 1) -> NDArray[np.float64]:
    """All 256 levels of 8 bits, 0 to 1, each in a block of 16 x 16 pixels; further bands in another order.

    JPEG of quality 100 keeps such blocks exactly, so that formulas can be compared to the last digit.
    """
    y, x = np.mgrid[0:256, 0:256] // 16
    numbers = 16 * y + x
    return np.stack([numbers * factor % 256 for factor in (1, 37, 91)[:bands]], axis=-1) / 255


def _steps_float(path: Path) -> None:
    tags = [(340, "f", 1, -1.0, True), (341, "f", 1, 3.0, True)]
    write(path, (steps()[..., 0] * 3.9 - 1).astype(np.float32), extratags=tags)


def _bilevel(path: Path) -> None:
    picture = np.indices((SIZE[1], SIZE[0])).sum(axis=0) % 96 < 40
    # compressed ones end iipsrv 1.1: it writes past its buffer
    write(path, picture, photometric="minisblack", compression=None)


def _lab8(path: Path) -> None:
    values = lab()
    lightness = np.rint(values[..., :1] * 2.55).astype(np.uint8)
    colors = np.rint(values[..., 1:]).astype(np.int8).view(np.uint8)
    write(path, np.concatenate([lightness, colors], axis=2), photometric="cielab")


def _float(path: Path, low: float, high: float, *, declared: bool) -> None:
    values = (ramps(bands=1)[..., 0] * (high - low) + low).astype(np.float32)
    tags = [(340, "f", 1, low, True), (341, "f", 1, high, True)] if declared else []
    write(path, values, extratags=tags)


def _palette(path: Path) -> None:
    colors = np.stack([np.linspace(0, 65535, 256), np.linspace(65535, 0, 256), np.full(256, 30000)])
    write(path, gray(), photometric="palette", colormap=colors.astype(np.uint16))


def _with_opacity(path: Path, bands: int) -> None:
    picture = of_bits(ramps(bands=4), 8)[..., 4 - bands :]
    write(path, picture, extrasamples=["unassalpha"], planarconfig="contig")


def _sequence(path: Path) -> None:
    """Views at three horizontal and two vertical angles; `path` itself gets no file."""
    for number, (across, up) in enumerate([(0, 90), (30, 90), (90, 90), (0, 60)]):
        picture = np.clip(rgb().astype(np.int16) - 12 * number, 0, 255).astype(np.uint8)
        write(path.with_name(f"{path.name}_pyr_{across:03}_{up:03}.tif"), picture)


def _jp2(path: Path, bits: int, bands: int) -> None:
    glymur.Jp2k(path, data=gray(bits=bits) if bands == 1 else rgb(bits=bits), numres=4)


def _described(path: Path) -> None:
    tags = [(315, "s", 0, "An Artist", True), (33432, "s", 0, "A Library", True)]
    tags += [(306, "s", 0, "2024:02:29 12:00:00", True)]
    write(path, rgb(), extratags=tags, description="A picture", resolution=(300, 300), resolutionunit="INCH")


PICTURES: Mapping[str, Callable[[Path], None]] = {
    "gray8": lambda path: write(path, gray()),
    "rgb_none": lambda path: write(path, rgb(), compression=None),
    "rgb_deflate": lambda path: write(path, rgb(), predictor=True),
    "rgb_lzw": lambda path: write(path, rgb(), compression="lzw"),
    "rgb_jpeg": lambda path: write(path, rgb(), compression="jpeg", compressionargs={"level": 95}),
    "rgb_zstd_bigtiff": lambda path: write(path, rgb(), compression="zstd", bigtiff=True),
    "rgb_bigendian": lambda path: write(path, rgb(), byteorder=">"),
    "rgb_odd": lambda path: write(path, rgb(ODD_SIZE)),
    "rgb_tile128x64": lambda path: write(path, rgb(), tile=(128, 64)),
    "rgb_tile512": lambda path: write(path, rgb(), tile=(512, 512)),
    "rgb_one_tile": lambda path: write(path, rgb((200, 150))),
    "described": _described,
    "gray16": lambda path: write(path, gray(bits=16)),
    "rgb16": lambda path: write(path, rgb(bits=16), predictor=True),
    "gray32": lambda path: write(path, gray(bits=32)),
    "float_declared": partial(_float, low=-20.0, high=140.0, declared=True),
    "float_plain": partial(_float, low=0.0, high=1.0, declared=False),
    "bilevel": _bilevel,
    "lab8": _lab8,
    "normals": lambda path: write(path, of_bits(normals(), 8)),
    "normals16": lambda path: write(path, of_bits(normals(), 16)),
    "gray_opacity": partial(_with_opacity, bands=2),
    "rgb_opacity": partial(_with_opacity, bands=4),
    "steps8": lambda path: write(path, of_bits(steps(), 8)[..., 0]),
    "steps16": lambda path: write(path, of_bits(steps() * 0.999, 16)[..., 0]),
    "steps_float": _steps_float,
    "steps_rgb": lambda path: write(path, of_bits(steps(3), 8)),
    "steps_rgb16": lambda path: write(path, of_bits(steps(3) * 0.999, 16)),
    "miniswhite": lambda path: write(path, gray(), photometric="miniswhite"),
    "palette": _palette,
    "sequence": _sequence,
    "jp2_gray": partial(_jp2, bits=8, bands=1),
    "jp2_rgb": partial(_jp2, bits=8, bands=3),
    "jp2_gray16": partial(_jp2, bits=16, bands=1),
}
"""Makers by the name of the image; `file_name` has the name of its file."""


def file_name(name: str) -> str:
    """What the image is asked for by."""
    if name == "sequence":
        return name
    return f"{name}.jp2" if name.startswith("jp2") else f"{name}.tif"


def make_pictures(folder: Path) -> None:
    """Write every image into `folder`."""
    for name, make in PICTURES.items():
        make(folder / file_name(name))
