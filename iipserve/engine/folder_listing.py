"""What is in one folder of images, for documents that list it."""

from __future__ import annotations

from iipserve.config import Config
from iipserve.engine.image_folder import ImageFolder
from iipserve.engine.library import Library
from iipserve.image import FolderContents
from iipserve.leader import hand_over

MAX_FILES = 10_000
"""Files of one folder that are opened for their first bytes."""


class FolderListing:
    """Lists folders below FILESYSTEM_PREFIX. Safe for many threads."""

    def __init__(self, config: Config, library: Library) -> None:
        """Take the settings; nothing is opened."""
        self._folder = ImageFolder(config)
        self._library = library

    def __call__(self, path: str) -> FolderContents:
        """The folders and the images in a folder, by its path below the prefix.

        Raises:
            InvalidRequest: the path could lead out of the prefix.
            ImageNotFound: there is no such folder, or it cannot be read.
        """
        hand_over()
        return self._folder.contents(path, self._library.looks_like_image, MAX_FILES)
