"""Files beside an image that say where it lies: world files, and `.prj` with the coordinate reference system."""

from __future__ import annotations

import os

from iipserve.geo import crs
from iipserve.geo.file_mappings import is_usable
from iipserve.geo.grid import Affine


def world_file_names(path: str) -> list[str]:
    """Paths of the world files that an image may have, in the order in which they are tried.

    The extension is that of the image without its middle (`jgw`) or with an added `w` (`jpgw`), or `wld`.
    """
    stem, extension = os.path.splitext(path)
    letters = extension.removeprefix(".")
    names = [f"{letters[0]}{letters[-1]}w", f"{letters}w", "wld"] if letters else ["wld"]
    return [
        f"{stem}.{name}"
        for name in dict.fromkeys(each for one in names for each in (one.lower(), one.upper()))
    ]


def system_file_names(path: str) -> list[str]:
    """Paths of the files with the coordinate reference system of an image."""
    stem = os.path.splitext(path)[0]
    return [f"{stem}.prj", f"{stem}.PRJ"]


def read_world_file(content: bytes) -> Affine | None:
    """The mapping of a world file: six numbers, of which the last two are the center of the first pixel."""
    try:
        a, d, b, e, x, y = (float(number) for number in content[:1000].decode("ascii", "replace").split()[:6])
    except ValueError:
        return None
    affine = Affine(a, b, x - a / 2 - b / 2, d, e, y - d / 2 - e / 2)
    return affine if is_usable(affine) else None


def read_system_file(content: bytes) -> str | None:
    """The key of the system in a `.prj` file: WKT of any kind; None where it is not known."""
    return crs.key_of_wkt(content.decode("utf-8", "replace").strip())
