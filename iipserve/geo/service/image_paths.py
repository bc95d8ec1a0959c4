"""Paths of files as identifiers of images below the folder of images."""

from __future__ import annotations

import os

from iipserve.config import Config


class ImagePaths:
    """Tells which images the paths of files are."""

    def __init__(self, config: Config) -> None:
        """Of the folder FILESYSTEM_PREFIX, with links in its path and with none."""
        self._suffix = config.filesystem_suffix
        folder = config.image_prefix or "."
        self._prefixes = {
            f"{resolved(folder).rstrip('/')}/" for resolved in (os.path.abspath, os.path.realpath)
        }

    def identifier(self, path: str, folder: str) -> str | None:
        """The identifier of an image; None if it is not below FILESYSTEM_PREFIX.

        Args:
            path: of its file, absolute or relative to `folder`.
            folder: absolute.
        """
        path = os.path.normpath(os.path.join(folder, path))
        for each in (path, os.path.realpath(path)) if "\0" not in path else ():
            for prefix in self._prefixes:
                if each.startswith(prefix) and each.endswith(self._suffix) and len(each) > len(prefix):
                    return each[len(prefix) : len(each) - len(self._suffix)]
        return None
