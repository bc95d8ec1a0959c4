"""The command that makes a fast image of a slow one."""

from __future__ import annotations

import os
import shlex

from iipserve.diagnosis.values import Examination

LOSSY = frozenset({"jpeg", "old jpeg", "webp", "heif"})
"""Compressions of files of which nothing more is lost that could be seen."""


def mending(name: str, examination: Examination) -> str:
    """A command of a shell that writes a pyramid of an image next to its file.

    Args:
        name: of the file, absolute or relative to the folder in which the command is run.
        examination: of the image.
    """
    target = f"{os.path.splitext(name)[0]}.pyramid.tif"
    kind = "--compression jpeg --Q 90" if _may_lose(examination) else "--compression deflate"
    options = f"--tile --pyramid --tile-width 256 --tile-height 256 {kind}"
    return f"vips tiffsave {shlex.quote(name)} {shlex.quote(target)} {options}"


def _may_lose(examination: Examination) -> bool:
    info, storage = examination.info, examination.levels[0].storage
    is_lossy = storage is not None and storage.compression in LOSSY
    return is_lossy and info.dtype == "uint8" and not info.has_alpha and info.bands in (1, 3)
