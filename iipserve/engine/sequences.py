"""Panoramic sequences: many files under one identifier, distinguished by two angles in their names.

The file for angles h and v is named `STEM` + FILENAME_PATTERN + `HHH_VVV.EXTENSION`, as in iipsrv; a sequence
exists if its file for 0 and 90 degrees does.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import islice

from iipserve.image import FIRST, Angles, Selector

EXTENSIONS = ("tif", "tiff", "jp2", "jpx", "j2k", "jpg", "jpeg", "png")
MAX_FILES = 100_000
"""Files of a folder whose names are searched for angles."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence of files."""

    start: str
    """Path of its files up to the angles."""
    extension: str
    angles: Angles

    def path(self, selector: Selector) -> str:
        """Path of the file for these angles, whether it exists or not."""
        return f"{self.start}{_angles_text(selector)}.{self.extension}"


def find_sequence(stem: str, pattern: str) -> Sequence | None:
    """The sequence whose files begin with the path `stem`, or None."""
    start = f"{stem}{pattern}"
    first = f"{start}{_angles_text(FIRST)}"
    for extension in EXTENSIONS:
        if os.path.lexists(f"{first}.{extension}"):
            return Sequence(start, extension, _angles(start, extension))
    return None


def member_stem(name: str, pattern: str) -> str | None:
    """The stem of the sequence whose first file has this name; empty for its other files, None for files of no sequence."""
    match = re.fullmatch(rf"(.+){re.escape(pattern)}([0-9]{{3}}_[0-9]{{3}})\.({'|'.join(EXTENSIONS)})", name)
    if match is None:
        return None
    return match[1] if match[2] == _angles_text(FIRST) else ""


def _angles_text(selector: Selector) -> str:
    return f"{selector.horizontal:03}_{selector.vertical:03}"


def _angles(start: str, extension: str) -> Angles:
    """Horizontal angles at 90 degrees, vertical ones at 0, from the names in the folder."""
    folder, beginning = os.path.split(start)
    name = re.compile(rf"{re.escape(beginning)}([0-9]{{3}})_([0-9]{{3}})\.{extension}")
    across, down = {FIRST.horizontal}, {FIRST.vertical}
    for match in filter(None, map(name.fullmatch, _names(folder or "."))):
        angle = Selector(int(match[1]), int(match[2]))
        if angle.vertical == FIRST.vertical:
            across.add(angle.horizontal)
        if angle.horizontal == FIRST.horizontal:
            down.add(angle.vertical)
    return Angles(tuple(sorted(across)), tuple(sorted(down)))


def _names(folder: str) -> list[str]:
    """Names of the files in a folder; empty if it may not be listed.

    Raises:
        OSError: it cannot be listed at present.
    """
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in islice(entries, MAX_FILES)]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
