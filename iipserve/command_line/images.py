"""Image files that commands name by their paths, wherever they are."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import NamedTuple

from iipserve import registry
from iipserve.config import Config
from iipserve.engine.library import Library
from iipserve.errors import ImageNotFound


class NamedImage(NamedTuple):
    """An image of a library that has the files of one folder."""

    library: Library
    config: Config
    """The settings of that library."""
    identifier: str


def named_image(path: str, config: Config) -> NamedImage:
    """The image in a file.

    Args:
        path: relative to the current folder, else to FILESYSTEM_PREFIX.
        config: the settings, of which those on names of files do not count.

    Raises:
        ImageNotFound: there is no such file.
    """
    found = os.path.abspath(path)
    if not os.path.isfile(found):
        found = os.path.abspath(f"{config.image_prefix}{path}{config.filesystem_suffix}")
    if not os.path.isfile(found):
        raise ImageNotFound(f"there is no file {path!r}")
    folder, name = os.path.split(os.path.realpath(found))
    own = replace(config, filesystem_prefix=f"{folder.rstrip('/')}/", filesystem_suffix="")
    return NamedImage(Library(own, registry.discover("iipserve.sources", "FORMAT")), own, name)
