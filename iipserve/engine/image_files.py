"""Files of images, and those next to them, read apart from the sources of their pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from iipserve.config import MEGABYTE, Config
from iipserve.engine.files import (
    ImageChanged,
    KnownFile,
    file_state,
    reported,
    version_by_content,
    version_by_inode,
)
from iipserve.engine.image_folder import ImageFolder
from iipserve.errors import IIPServeError
from iipserve.image import ImageInfo, MaskRef
from iipserve.sources import ReadAt

MAX_COMPANION = 4 * MEGABYTE
"""Bytes of files next to images that are read."""


MASK = ".msk"
"""What follows the name of an image in that of its mask."""


class OpenedFile(NamedTuple):
    """The open file of an image."""

    path: str
    read_at: ReadAt
    length: int
    """In bytes."""
    mtime_ns: int
    """Time of its last modification, in nanoseconds since 1970."""


class Companion(NamedTuple):
    """A small file next to an image."""

    file: KnownFile
    content: bytes


class Mask(NamedTuple):
    """A mask next to an image."""

    file: KnownFile
    ref: MaskRef


class ImageFiles:
    """The files below the image folder. Safe for many threads."""

    def __init__(self, config: Config) -> None:
        """Take the settings; nothing is opened."""
        self._folder = ImageFolder(config)
        self._version_of = version_by_content if config.version_by == "content" else version_by_inode

    @contextmanager
    def opened(self, image: ImageInfo) -> Iterator[OpenedFile]:
        """The file of exactly this version of an image, for the block.

        Raises:
            ImageChanged: the file has been replaced or written, before or during the block.
            ImageNotFound, ImageUnavailable: it cannot be read.
            OSError: no descriptor is left.
        """
        name = repr(image.identifier)
        with reported(name, opening=True):
            path, _, number = self._folder.open(image.identifier, image.selector)
        try:
            with reported(name):
                status = os.fstat(number)
                if self._version_of(number, file_state(status)) != image.version:
                    raise ImageChanged
                yield OpenedFile(
                    path,
                    lambda count, offset: os.pread(number, count, offset),
                    status.st_size,
                    status.st_mtime_ns,
                )
                if file_state(os.fstat(number)) != file_state(status):
                    raise ImageChanged
        finally:
            os.close(number)

    def mask(self, path: str) -> Mask | None:
        """The mask next to an image, which GDAL calls `scene.tif.msk`; None where there is none that can be read.

        Args:
            path: of the image (`OpenedFile.path`).
        """
        path += MASK
        try:
            number = self._folder.descriptor(path, "a mask")
        except (OSError, IIPServeError):
            return None
        try:
            state = file_state(os.fstat(number))
            version = self._version_of(number, state)
        finally:
            os.close(number)
        identifier = self._folder.identifier(path)
        return Mask(KnownFile(path, state), MaskRef(identifier, version))

    def side_car(self, name: str) -> bytes | None:
        """The content of a small file below the image folder; None where there is none that can be read.

        Args:
            name: as that of an image in an identifier, except that FILESYSTEM_SUFFIX does not follow it.
        """
        try:
            path = self._folder.file_path(name)
        except IIPServeError:
            return None
        found = self.companion(path)
        return None if found is None else found.content

    def companion(self, path: str) -> Companion | None:
        """A file next to an image, at most `MAX_COMPANION` bytes long; None where there is none that can be read.

        Args:
            path: of the file, in the folder of the image (`OpenedFile.path`).
        """
        try:
            number = self._folder.descriptor(path, "a file next to an image")
        except (OSError, IIPServeError):
            return None
        with os.fdopen(number, "rb") as file:
            state = file_state(os.fstat(number))
            content = file.read(int(MAX_COMPANION) + 1)
        return Companion(KnownFile(path, state), content) if len(content) <= MAX_COMPANION else None
