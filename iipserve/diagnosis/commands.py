"""The command that makes a fast image of a slow one."""

from __future__ import annotations

import os
import shlex


def mending(name: str) -> str:
    """A command of a shell that writes a pyramid of an image next to its file.

    Args:
        name: of the file, absolute or relative to the folder in which the command is run.
    """
    target = f"{os.path.splitext(name)[0]}.pyramid.tif"
    return f"iipserve convert {shlex.quote(name)} {shlex.quote(target)}"
