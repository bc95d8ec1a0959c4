"""Files of items of collections, sent as they are, and files that clients upload."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from iipserve.config import Config
from iipserve.engine.files import (
    Descriptor,
    FileState,
    file_state,
    reported,
    version_by_content,
    version_by_inode,
)
from iipserve.engine.image_folder import ImageFolder
from iipserve.image import ImageVersion
from iipserve.plan.digests import digest_of

CHUNK_LENGTH = 1 << 18
"""Bytes that are read at once."""


class FileChanged(Exception):
    """A file was written while it was sent."""


class ItemFile(NamedTuple):
    """An open file."""

    descriptor: Descriptor
    state: FileState
    version: ImageVersion
    length: int
    """In bytes."""

    @property
    def etag(self) -> str:
        """Another one for each version of the file."""
        return digest_of(self.version)


class FilePart:
    """The bytes of a part of a file: `Pieces` of an answer."""

    def __init__(self, file: ItemFile, start: int, stop: int) -> None:
        """From offset `start` up to `stop`."""
        self._file = file
        self._start = start
        self._stop = stop

    def __len__(self) -> int:
        return self._stop - self._start

    def __iter__(self) -> Iterator[bytes]:
        """All bytes.

        Raises:
            FileChanged: the file has been written since it was opened.
        """
        number, position = self._file.descriptor.number, self._start
        while position < self._stop:
            chunk = os.pread(number, min(CHUNK_LENGTH, self._stop - position), position)
            if not chunk or file_state(os.fstat(number)) != self._file.state:
                raise FileChanged
            position += len(chunk)
            yield chunk


class ItemFiles:
    """Files of items. Safe for many threads."""

    def __init__(self, config: Config) -> None:
        """Take the settings; nothing is opened."""
        self._folder = ImageFolder(config)
        self._version_of = version_by_content if config.version_by == "content" else version_by_inode

    def opened(self, href: str) -> ItemFile:
        """The file of an item.

        Raises:
            InvalidRequest: the reference could lead out of the folder.
            ImageNotFound, ImageUnavailable: it cannot be read.
            OSError: no descriptor is left.
        """
        name = repr(href)
        descriptor = Descriptor(self._folder.descriptor(self._folder.path(href), name))
        with reported(name):
            state = file_state(status := os.fstat(descriptor.number))
            version = self._version_of(descriptor.number, state)
        return ItemFile(descriptor, state, version, status.st_size)
