"""Color maps that users keep as text files in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import ConfigError
from iipserve.processing.colormap_data import COLORS

ENDINGS = (".txt", ".csv")
FEWEST, MOST = 2, 4096
"""Colors of a file."""
NEEDED = "red, green and blue from 0 to 255, separated by commas or spaces"


@lru_cache(maxsize=4)
def read_tables(folder: str) -> Mapping[str, bytes]:
    """The tables of a folder by name, in lower case: red, green and blue of 256 colors; read once.

    A table is a file NAME.txt or NAME.csv with a color in each line, of red, green and blue from 0 to 255; between
    its colors, of which there are 2 to 4096, it is interpolated. What follows a `#` is a comment.

    Args:
        folder: empty for no tables.

    Raises:
        ConfigError: the folder or one of the files cannot be read, or is no such table.
    """
    if not folder:
        return MappingProxyType({})
    tables: dict[str, bytes] = {}
    for path in _files(folder):
        name = path.stem.lower()
        if name in tables:
            raise ConfigError(
                f"COLORMAPS holds two files for the color map {name!r}; each needs its own name"
            )
        tables[name] = _read(path)
    return MappingProxyType(tables)


def _files(folder: str) -> list[Path]:
    try:
        found = [path for path in Path(folder).iterdir() if path.suffix.lower() in ENDINGS and path.is_file()]
    except OSError as error:
        raise ConfigError(
            f"COLORMAPS names what is no folder ({error.strerror}); one that can be read is needed"
        ) from error
    return sorted(path for path in found if not path.name.startswith("."))


def _read(path: Path) -> bytes:
    try:
        with path.open(encoding="utf-8-sig") as lines:
            colors = list(islice(_colors(path.name, lines), MOST + 1))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"color map {path.name} cannot be read; a text file is needed") from error
    if not FEWEST <= len(colors) <= MOST:
        count = f"more than {MOST}" if len(colors) > MOST else len(colors)
        raise ConfigError(f"color map {path.name} has {count} colors; {FEWEST} to {MOST} are needed")
    return _interpolated(np.array(colors, np.float64)).tobytes()


def _colors(file_name: str, lines: Iterable[str]) -> Iterator[tuple[float, ...]]:
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].replace(",", " ").split()
        if not text:
            continue
        try:
            color = tuple(float(word) for word in text)
        except ValueError:
            color = ()
        if len(color) != 3 or not all(0 <= value <= 255 for value in color):
            raise ConfigError(
                f"color map {file_name}, line {number}: {line.strip()[:40]!r}; {NEEDED}, is needed"
            )
        yield color


def _interpolated(colors: NDArray[np.float64]) -> NDArray[np.uint8]:
    """256 colors, the first and the last of which are the file's, rounded to the nearest."""
    places = np.linspace(0, len(colors) - 1, COLORS)
    bands = [np.interp(places, np.arange(len(colors)), band) for band in colors.T]
    return np.floor(np.stack(bands, axis=1) + 0.5).astype(np.uint8)
