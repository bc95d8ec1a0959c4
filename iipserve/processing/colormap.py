"""Color maps: the first band is mapped to colors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import ConfigError
from iipserve.processing import Operation, Pixels, Stage
from iipserve.processing.colormap_files import read_table, read_tables

PERCEPTUAL = ("viridis", "magma", "inferno", "plasma", "cividis", "turbo")
TABLES = Path(__file__).parent / "colormaps"
"""Folder of the perceptual maps' tables, as published."""
LAST = np.float32(255)
"""Index of the last color of a table, and the maximum of its red, green and blue."""


@dataclass(frozen=True, slots=True)
class Colormap(Operation):
    """Map the first band to red, green and blue (IIP's CMP).

    hot, cold, jet, red, green and blue are functions of the sample (iipsrv). All others are tables of 256 colors;
    a sample v from 0 to 1 has the color at index `trunc(255 v + 0.5)`.
    """

    stage: ClassVar[Stage] = Stage.NORMALIZED
    keeps_profile: ClassVar[bool] = False

    name: str
    """One of `names()`, in lower case."""
    table: bytes = b""
    """256 colors of red, green and blue bytes, of a user's map; empty for a built-in one."""

    def __call__(self, pixels: Pixels) -> Pixels:
        samples = pixels[..., 0].astype(np.float32)
        colors = np.zeros((3, *samples.shape), np.float32)
        if self.name in FUNCTIONS:
            FUNCTIONS[self.name](samples, colors)
        else:
            _look_up(self.table or _perceptual(self.name), samples, colors)
        return colors.transpose(1, 2, 0)

    def bands_used(self, bands: int) -> int:
        return 1


def named(name: str, folder: str) -> Colormap | None:
    """Find a built-in color map or a user's by name; None if it does not exist.

    Args:
        name: in any case.
        folder: with the users' tables; empty for none.

    Raises:
        ConfigError: a table in the folder is not valid.
    """
    name = name.lower()
    if name in BUILT_IN:
        return Colormap(name)
    table = user_tables(folder).get(name)
    return None if table is None else Colormap(name, table)


def names(folder: str = "") -> tuple[str, ...]:
    """The names of all color maps: iipsrv's, the perceptual ones, those of the users' folder.

    Raises:
        ConfigError: a table in the folder is not valid.
    """
    return (*BUILT_IN, *user_tables(folder))


def user_tables(folder: str) -> Mapping[str, bytes]:
    """The users' tables by name in lower case.

    Args:
        folder: empty for no tables.

    Raises:
        ConfigError: a table in the folder is not valid, or has the name of a built-in map.
    """
    tables = read_tables(folder)
    for name in BUILT_IN:
        if name in tables:
            raise ConfigError(f"COLORMAPS contains a file named {name!r}; that name is a built-in color map")
    return tables


@lru_cache
def _perceptual(name: str) -> bytes:
    return read_table(TABLES / f"{name}.csv")


def _look_up(table: bytes, samples: NDArray[np.float32], colors: NDArray[np.float32]) -> None:
    values = np.frombuffer(table, np.uint8).astype(np.float32) * (np.float32(1) / LAST)
    samples *= LAST
    samples += np.float32(0.5)
    index = np.clip(samples, 0, LAST, out=samples).astype(np.uint8)
    for plane, band in zip(colors, values.reshape(-1, 3).T, strict=True):
        band.take(index, out=plane, mode="clip")


def _hot(samples: NDArray[np.float32], colors: NDArray[np.float32]) -> None:
    """3v, 3v - 1, 3v - 2, each clipped to 0 to 1; computed in float64 and rounded once, as in C."""
    threefold = samples.astype(np.float64)
    threefold *= 3
    for plane in colors:
        np.clip(threefold, 0, 1, out=plane, casting="same_kind")
        threefold -= 1


def _cold(samples: NDArray[np.float32], colors: NDArray[np.float32]) -> None:
    """The colors of hot in reverse order of bands."""
    _hot(samples, colors[::-1])


def _jet(samples: NDArray[np.float32], colors: NDArray[np.float32]) -> None:
    """Slopes of 4 around 3/4, 1/2 and 1/4; black below 0."""
    below = samples < 0
    np.clip(samples, 0, 1, out=samples)
    samples *= np.float32(4)
    for plane, start in zip(colors, (1.5, 0.5, -0.5), strict=True):
        # rises to 1 from `start`, falls to 0 at `start + 3`
        np.minimum(samples - np.float32(start), np.float32(start + 3) - samples, out=plane)
        np.clip(plane, 0, 1, out=plane)
        np.copyto(plane, 0, where=below)


def _single(band: int) -> Callable[[NDArray[np.float32], NDArray[np.float32]], None]:
    def color(samples: NDArray[np.float32], colors: NDArray[np.float32]) -> None:
        colors[band] = samples

    return color


FUNCTIONS: Mapping[str, Callable[[NDArray[np.float32], NDArray[np.float32]], None]] = MappingProxyType(
    {"hot": _hot, "cold": _cold, "jet": _jet, "red": _single(0), "green": _single(1), "blue": _single(2)}
)
"""iipsrv's maps: (samples, which may be overwritten; planes of red, green and blue to write, initially 0)."""
BUILT_IN = (*FUNCTIONS, *PERCEPTUAL)
