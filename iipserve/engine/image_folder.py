"""Identifiers and the files they name: safe paths below one folder, spellings, sequences, the list of all images."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote

from iipserve.config import Config
from iipserve.engine.files import open_regular, reported
from iipserve.engine.natural_order import natural_key
from iipserve.engine.sequences import Sequence, find_sequence, member_stem
from iipserve.errors import ImageNotFound, ImageUnavailable, InvalidRequest
from iipserve.image import FolderContents, Selector

log = logging.getLogger(__name__)

HEAD_LENGTH = 64
"""Bytes by which formats are recognized."""


class FilesOfFolder(NamedTuple):
    """A folder, and the files in it that identifiers can name."""

    path: str
    files: tuple[str, ...]
    """Paths, in alphabetical order."""


class ImageFolder:
    """The files that FILESYSTEM_PREFIX, FILESYSTEM_SUFFIX and FILENAME_PATTERN describe."""

    def __init__(self, config: Config) -> None:
        """Take the settings; nothing is opened."""
        self._prefix = config.image_prefix
        self._folder = os.path.dirname(self._prefix) or "/"
        self._suffix = config.filesystem_suffix
        self._pattern = config.filename_pattern

    def open(self, identifier: str, selector: Selector) -> tuple[str, Sequence | None, int]:
        """Path of the file of an image, the sequence it belongs to, and its descriptor.

        Raises:
            InvalidRequest: the identifier could lead out of the folder.
            ImageNotFound, ImageUnavailable, OSError: as `descriptor`.
        """
        stem = self._path(identifier)
        path = self.path(identifier)
        try:
            return path, None, self.descriptor(path, repr(identifier))
        except ImageNotFound:
            sequence = find_sequence(stem, self._pattern)
            if sequence is None:
                raise
        path = sequence.path(selector)
        view = f"{identifier!r} at the angles {selector.horizontal},{selector.vertical}"
        return path, sequence, self.descriptor(path, view)

    def descriptor(self, path: str, name: str) -> int:
        """A descriptor of the regular file at `path`; `name` is that of the image in messages.

        Raises:
            ImageNotFound: it cannot be read, is not a regular file, or is outside the folder once links are followed.
            ImageUnavailable: it cannot be opened at present.
            OSError: no descriptor is left.
        """
        below = path if self._prefix else os.path.abspath(path)
        with reported(name, opening=True):
            return open_regular(self._folder, below, name)

    def identifiers(self, is_image: Callable[[bytes], bool]) -> Iterator[str]:
        """Those of the images in the folder, in alphabetical order.

        Args:
            is_image: whether a file is one, by its first `HEAD_LENGTH` bytes.
        """
        for folder in self.folders():
            for path in folder.files:
                identifier = self.identifier(path)
                if identifier and self.is_image(path, is_image):
                    yield identifier

    def identifier(self, path: str) -> str:
        """That of the image in a file; empty for files of a sequence other than the first."""
        stem = member_stem(path, self._pattern)
        end = len(path) - len(self._suffix) if stem is None else len(stem)
        return path[len(self._prefix) : end]

    def folders(self) -> Iterator[FilesOfFolder]:
        """The folder and all folders below it whose names do not begin with a dot; links to folders are not followed.

        None for the whole file system: an empty prefix in a server that was started there, as paths are absolute then.
        """
        top = os.path.dirname(self._prefix)
        if os.path.realpath(top or ".") == "/":
            log.warning(
                "no image is listed, as FILESYSTEM_PREFIX names no folder below /; images are found by their names"
            )
            return
        for folder, folders, names in os.walk(top or "."):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            # without a prefix, paths are relative, as those of identifiers are
            parent = folder if top else folder[len("./") :]
            paths = (os.path.join(parent, name) for name in sorted(names))
            yield FilesOfFolder(folder, tuple(path for path in paths if self.holds(path)))

    def path(self, identifier: str) -> str:
        """The path of the file that an identifier names, whether it exists or not.

        Raises:
            InvalidRequest: the identifier could lead out of the folder.
            ImageNotFound: it ends in a slash, or is empty.
        """
        return f"{self._path(identifier)}{self._suffix}"

    def file_path(self, name: str) -> str:
        """As `path`, of a file whose name has no suffix of the settings."""
        return self._path(name)

    def folder_path(self, folder: str) -> str:
        """The path of a folder below the prefix, without links; empty for the working folder.

        Args:
            folder: its path below the prefix; empty for that of the prefix.

        Raises:
            InvalidRequest: the path could lead out of the folder.
            ImageNotFound: it is none that is listed: its name begins with a dot, or it is the whole file system.
        """
        path = self._path(folder) if folder else self._prefix
        top = os.path.realpath(self._prefix or ".")
        is_hidden = any(part.startswith(".") for part in folder.split("/"))
        if is_hidden or top == "/" or os.path.realpath(path or ".") != os.path.join(top, folder).rstrip("/"):
            raise missing_folder(folder)
        return path

    def contents(self, folder: str, is_image: Callable[[bytes], bool], limit: int) -> FolderContents:
        """The folders and images in a folder whose names do not begin with a dot; links to folders are not followed.

        Args:
            folder: its path below the prefix; empty for that of the prefix.
            is_image: as of `identifiers`.
            limit: maximum number of files that are opened, in natural order.

        Raises:
            InvalidRequest: the path could lead out of the folder.
            ImageNotFound: there is no such folder, or it cannot be read.
        """
        path = self.folder_path(folder)
        try:
            with os.scandir(path or ".") as entries:
                found = [each for each in entries if not each.name.startswith(".")]
        except OSError as error:
            raise missing_folder(folder) from error
        found.sort(key=lambda each: natural_key(each.name))
        folders: list[str] = []
        files: list[str] = []
        for each in found:
            (folders if each.is_dir(follow_symlinks=False) else files).append(each.name)
        paths = (os.path.join(path, name) for name in files[:limit])
        names = (
            self.identifier(file) for file in paths if self.holds(file) and self.is_image(file, is_image)
        )
        images = tuple(name.rpartition("/")[2] for name in names if name)
        return FolderContents(tuple(folders), images, is_complete=len(files) <= limit)

    def is_image(self, path: str, is_image: Callable[[bytes], bool]) -> bool:
        """Whether the file at a path can be read and is an image by its first bytes."""
        head = self.head(path)
        return bool(head) and is_image(head)

    def holds(self, path: str) -> bool:
        """Whether a path is that of a file that an identifier can name."""
        return path.startswith(self._prefix) and path.endswith(self._suffix)

    def _path(self, identifier: str) -> str:
        if "\0" in identifier or "\\" in identifier:
            raise InvalidRequest(
                f"identifier {identifier!r} contains a null or a backslash, which no image name does"
            )
        if any(part in (".", "..") for part in identifier.split("/")):
            raise InvalidRequest(
                f"identifier {identifier!r} contains '.' or '..'; give the full path of an image"
            )
        if identifier.endswith("/") or not identifier:
            raise ImageNotFound(f"identifier {identifier!r} names no file")
        return f"{self._prefix}{identifier}"

    def head(self, path: str) -> bytes:
        """The first bytes of a file; none if it cannot be read."""
        try:
            with os.fdopen(self.descriptor(path, repr(path)), "rb") as file:
                return file.read(HEAD_LENGTH)
        except (OSError, ImageUnavailable):
            return b""


def missing_folder(folder: str) -> ImageNotFound:
    """The error to raise for a folder that is not there, or cannot be read."""
    return ImageNotFound(f"there is no folder {folder!r}")


def other_spellings(identifier: str) -> list[str]:
    """What an identifier of no image may mean, in the order to try: `+` for a space, one percent-encoding too many.

    iipsrv decodes both. Whatever comes out is checked as any other identifier.
    """
    spaced = identifier.replace("+", " ")
    spellings = [spaced]
    if "%" in identifier:
        with suppress(UnicodeDecodeError):
            spellings += [unquote(text, errors="strict") for text in (identifier, spaced)]
    return [text for text in dict.fromkeys(spellings) if text != identifier]
