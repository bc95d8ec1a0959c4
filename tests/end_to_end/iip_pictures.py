"""Pictures for tests of viewers, and what iipsrv's commands make of them, worked out with numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from tests.images import write_tiff_pyramid

WIDTH, HEIGHT = 640, 448
TILE = 128
LAYERS = ("365 nm", "550 nm", "940 nm")
ANGLES = (0, 120, 240)
"""From which the pictures of the sequence `vase` are taken."""


def photograph(width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Colors of every brightness, with large forms and fine ones."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    rings = np.sin(np.hypot(x - width * 0.4, y - height * 0.45) / 13)
    red = 40 + 190 * x / width + 18 * rings
    green = 128 + 90 * np.sin(y / 41) + 25 * rings
    blue = 215 - 160 * y / height - 20 * rings
    pixels: NDArray[np.uint8] = np.rint(np.stack([red, green, blue], axis=-1)).astype(np.uint8)
    return pixels


def normals() -> NDArray[np.uint8]:
    """Normal vectors of a dome, as colors."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    across, up = (x - WIDTH / 2) / 260, (HEIGHT / 2 - y) / 260
    toward = np.sqrt(np.clip(1 - across**2 - up**2, 0.04, None))
    vectors = np.stack([across, up, toward], axis=-1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    pixels: NDArray[np.uint8] = np.rint((vectors + 1) * 127.5).astype(np.uint8)
    return pixels


def layers() -> list[NDArray[np.uint8]]:
    """Gray pictures of one stack, each unlike the others."""
    return [np.ascontiguousarray(photograph()[..., band, np.newaxis]) for band in range(3)]


def write_stack(path: Path) -> None:
    """Three named pictures in one file, each with its smaller levels."""
    with tifffile.TiffWriter(path) as file:
        for name, layer in zip(LAYERS, layers(), strict=True):
            levels = [layer[:: 1 << level, :: 1 << level, 0] for level in range(4)]
            options: dict[str, Any] = {"photometric": "minisblack", "tile": (TILE, TILE), "metadata": None}
            named = [(269, "s", 0, name, False)]
            file.write(levels[0], subifds=3, subfiletype=2, extratags=named, **options)
            for level in levels[1:]:
                file.write(level, subfiletype=1, **options)


def write_pictures(folder: Path) -> None:
    """The photograph, the normal vectors, the stack and a sequence of views, without loss, in tiles of 128 pixels."""
    write_tiff_pyramid(folder / "photograph.tif", photograph(), tile=(TILE, TILE), compression="deflate")
    write_tiff_pyramid(folder / "normals.tif", normals(), tile=(TILE, TILE), compression="deflate")
    write_stack(folder / "stack.tif")
    for angle, view in zip(ANGLES, layers(), strict=True):
        path = folder / f"vase_pyr_{angle:03}_090.tif"
        write_tiff_pyramid(path, view, tile=(TILE, TILE), compression="deflate")


# -- what the commands make of samples from 0 to 1 -----------------------------------------------


def samples(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(255)


def finished(values: NDArray[Any]) -> NDArray[np.int64]:
    """8-bit pixels of RGB, cut off and not rounded, as iipsrv does it."""
    cut = np.clip(values * np.float32(255), 0, 255).astype(np.int64)
    return np.repeat(cut, 3, axis=2) if cut.shape[2] == 1 else cut


def luma(pixels: NDArray[Any]) -> NDArray[np.int64]:
    weighted = pixels.astype(np.int64) @ np.array([1254097, 2462056, 478151])
    return np.repeat((weighted >> 22)[..., np.newaxis], 3, axis=2)


def hot(values: NDArray[Any]) -> NDArray[Any]:
    first = values[..., 0]
    return np.clip(np.stack([3 * first, 3 * first - 1, 3 * first - 2], axis=-1), 0, 1)


def jet(values: NDArray[Any]) -> NDArray[Any]:
    first = values[..., 0]
    knots = [0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1]
    red, green, blue = [0, 0, 0, 1, 1, 0.5], [0, 0, 1, 1, 0, 0], [0.5, 1, 1, 0, 0, 0]
    return np.stack([np.interp(first, knots, band) for band in (red, green, blue)], axis=-1)


def correlated(values: NDArray[Any], kernel: list[list[float]]) -> NDArray[Any]:
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = values.shape[:2]
    total = max(sum(map(sum, kernel)), 0) or 1
    shifted = [
        weight / total * padded[row : row + height, column : column + width]
        for row, weights in enumerate(kernel)
        for column, weight in enumerate(weights)
    ]
    result: NDArray[Any] = np.sum(shifted, axis=0)
    return result


def hillshade(values: NDArray[Any], horizontal: int, vertical: int) -> NDArray[Any]:
    east, north = np.sin(np.deg2rad(horizontal)), np.cos(np.deg2rad(horizontal))
    light = np.array([east, north, -np.sin(np.deg2rad(vertical))])
    light /= np.linalg.norm(light)
    shade: NDArray[Any] = np.clip(0.5 * (-2 * (values - 0.5)) @ light, 0, 1)
    return shade[..., np.newaxis]


def twist(values: NDArray[Any], matrix: list[list[float]]) -> NDArray[Any]:
    result: NDArray[Any] = values @ np.array(matrix, np.float32).T
    return result


SEPIA = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]]
SHARPEN = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
LAPLACE = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
