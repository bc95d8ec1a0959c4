"""Tables of color maps: text files in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import ConfigError

COLORS = 256
"""Colors of a table."""
ENDINGS = (".txt", ".csv")
MIN_COLORS, MAX_COLORS = 2, 4096
"""Colors in a file."""


@lru_cache(maxsize=4)
def read_tables(folder: str) -> Mapping[str, bytes]:
    """Read the tables of a folder once: 256 colors of red, green and blue bytes, by name in lower case.

    A table is a file NAME.txt or NAME.csv with 2 to 4096 lines, each with the red, green and blue of a color from
    0 to 255; the 256 colors are interpolated between them. `#` starts a comment.

    Args:
        folder: empty for no tables.

    Raises:
        ConfigError: the folder or a file cannot be read, or a file is not such a table.
    """
    if not folder:
        return MappingProxyType({})
    tables: dict[str, bytes] = {}
    for path in _files(folder):
        name = path.stem.lower()
        if name in tables:
            raise ConfigError(
                f"COLORMAPS contains two files for the color map {name!r}; give each its own name"
            )
        tables[name] = read_table(path)
    return MappingProxyType(tables)


def _files(folder: str) -> list[Path]:
    try:
        found = [path for path in Path(folder).iterdir() if path.suffix.lower() in ENDINGS and path.is_file()]
    except OSError as error:
        raise ConfigError(f"COLORMAPS must name a readable folder ({error.strerror})") from error
    return sorted(path for path in found if not path.name.startswith("."))


def read_table(path: Path) -> bytes:
    """Read one table, of the format of `read_tables`.

    Raises:
        ConfigError: the file cannot be read, or is not such a table.
    """
    try:
        with path.open(encoding="utf-8-sig") as lines:
            colors = list(islice(_colors(path.name, lines), MAX_COLORS + 1))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"color map {path.name} cannot be read as text") from error
    if not MIN_COLORS <= len(colors) <= MAX_COLORS:
        count = f"more than {MAX_COLORS}" if len(colors) > MAX_COLORS else len(colors)
        raise ConfigError(f"color map {path.name} has {count} colors; it needs {MIN_COLORS} to {MAX_COLORS}")
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
                f"color map {file_name}, line {number}: {line.strip()[:40]!r}; each line needs red, green and blue "
                "from 0 to 255, separated by commas or spaces"
            )
        yield color


def _interpolated(colors: NDArray[np.float64]) -> NDArray[np.uint8]:
    """256 colors from the file's first to its last, linearly interpolated and rounded to nearest."""
    places = np.linspace(0, len(colors) - 1, COLORS)
    bands = [np.interp(places, np.arange(len(colors)), band) for band in colors.T]
    return np.floor(np.stack(bands, axis=1) + 0.5).astype(np.uint8)
