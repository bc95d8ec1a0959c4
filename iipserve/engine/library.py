"""From identifiers to files: safe paths, headers that are remembered, sources that stay open."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from iipserve.config import Config
from iipserve.engine.bounded import Bounded
from iipserve.errors import ImageNotFound, InvalidRequest, UnsupportedImage
from iipserve.image import ImageInfo, ImageVersion
from iipserve.plan import ImageRef
from iipserve.sources import OpenFile, Source, SourceFormat
from iipserve.turn import step_aside

log = logging.getLogger(__name__)

HEAD_LENGTH = 64
LISTING_SECONDS = 10.0
"""A list of images is remembered this long: making one opens every file."""


class ImageChanged(Exception):
    """The file was replaced after the plan was made; the request is to be planned again."""


@dataclass(frozen=True, slots=True)
class Header:
    """What is remembered of a file: its facts, and what proves that they are still true."""

    path: str
    """As put together from prefix, identifier and suffix; symbolic links not resolved."""
    inode: int
    mtime_ns: int
    length: int
    info: ImageInfo

    def is_of(self, status: os.stat_result) -> bool:
        """Whether the file still is the one that was read."""
        return (
            status.st_mtime_ns == self.mtime_ns
            and status.st_size == self.length
            and status.st_ino == self.inode
        )


class Library:
    """The images below one folder. Safe for many threads."""

    def __init__(self, config: Config, formats: Mapping[str, SourceFormat]) -> None:
        self._prefix, self._root = _prefix_and_root(config.filesystem_prefix)
        self._suffix = config.filesystem_suffix
        self._formats = formats
        limit = config.max_metadata_cache_size
        self._headers: Bounded[str, Header] = Bounded(None if limit < 0 else limit)
        self._sources: Bounded[str, Source] = Bounded(config.max_open_images)
        self._listings: dict[int, tuple[float, list[str]]] = {}

    def info(self, identifier: str) -> ImageInfo:
        """The facts of an image, proved fresh by one `stat`.

        Raises:
            InvalidRequest: the identifier could lead out of the folder.
            ImageNotFound: no readable file lies there.
            UnsupportedImage, DecodeError: the file cannot be read as an image.
        """
        header = self._headers.get(identifier)
        if header is not None:
            try:
                if header.is_of(os.stat(header.path)):
                    return header.info
            except OSError:
                pass  # opening it again says what is wrong
            self._headers.discard(identifier)
        return self._open(identifier).info

    def source(self, image: ImageRef) -> Source:
        """The open source of exactly this version of an image.

        Raises:
            ImageChanged: the file has another version by now.
        """
        source = self._sources.get(image.identifier)
        if source is None or source.info.version != image.version:
            source = self._open(image.identifier)
            if source.info.version != image.version:
                raise ImageChanged
        return source

    def identifiers(self, limit: int = 10_000) -> list[str]:
        """Identifiers of files that look like images by their first bytes, in alphabetical order.

        Some seconds old at most.
        """
        made, found = self._listings.get(limit, (-LISTING_SECONDS, []))
        now = time.monotonic()
        if now - made >= LISTING_SECONDS:
            found = self._list(limit)
            self._listings = {limit: (now, found)}
        return list(found)

    def _list(self, limit: int) -> list[str]:
        step_aside()
        found: list[str] = []
        for path in self._files():
            if len(found) >= limit:
                break
            if self._looks_like_image(path):
                found.append(path[len(self._prefix) : len(path) - len(self._suffix)])
        return found

    def clear(self) -> None:
        """Forget all headers and let go of all open files."""
        self._headers.clear()
        self._sources.clear()
        self._listings = {}

    def _open(self, identifier: str) -> Source:
        step_aside()
        path = self._path(identifier)
        descriptor, status = _open_regular(path, self._root, identifier)
        version = ImageVersion(status.st_mtime_ns, status.st_size)
        try:
            head = os.pread(descriptor, HEAD_LENGTH, 0)
        except OSError as error:
            os.close(descriptor)
            raise ImageNotFound(f"{identifier!r} cannot be read") from error
        source = self._read_structure(OpenFile(descriptor, path, identifier, version, head))
        self._sources.set(identifier, source)
        self._headers.set(
            identifier, Header(path, status.st_ino, version.mtime_ns, version.length, source.info)
        )
        return source

    def _read_structure(self, file: OpenFile) -> Source:
        """Open with the format the bytes show, else with the fallback ones.

        A format closes the descriptor it was given, so each gets its own.
        """
        candidates = [
            kind for kind in self._formats.values() if not kind.fallback and kind.matches(file.head)
        ]
        candidates += [kind for kind in self._formats.values() if kind.fallback and kind.matches(file.head)]
        refusal = UnsupportedImage(f"{file.identifier!r} is no image of a kind this server reads")
        try:
            for kind in candidates:
                try:
                    return kind.open(_with_own_descriptor(file))
                except UnsupportedImage as error:
                    refusal = error
        finally:
            os.close(file.descriptor)
        raise refusal

    def _path(self, identifier: str) -> str:
        if "\0" in identifier or "\\" in identifier:
            raise InvalidRequest(f"identifier {identifier!r} holds a character no image name has")
        if any(part in (".", "..") for part in identifier.split("/")):
            raise InvalidRequest(
                f"identifier {identifier!r} holds '.' or '..'; name an image by its full path"
            )
        if identifier.endswith("/") or not identifier:
            raise ImageNotFound(f"identifier {identifier!r} names no file")
        return f"{self._prefix}{identifier}{self._suffix}"

    def _files(self) -> Iterator[str]:
        for folder, folders, names in os.walk(os.path.dirname(self._prefix) or "."):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = os.path.join(folder, name)
                if path.startswith(self._prefix) and path.endswith(self._suffix):
                    yield path

    def _looks_like_image(self, path: str) -> bool:
        try:
            descriptor, _ = _open_regular(path, self._root, path)
        except ImageNotFound:
            return False
        with os.fdopen(descriptor, "rb") as file:
            head = file.read(HEAD_LENGTH)
        return any(kind.matches(head) for kind in self._formats.values())


def _prefix_and_root(prefix: str) -> tuple[str, Path]:
    """What stands before identifiers, and the real folder nothing may lead out of.

    A prefix that names a folder gets its slash; another one ends in the beginning of file names.
    """
    if prefix and not prefix.endswith("/") and os.path.isdir(prefix):
        prefix += "/"
    return prefix, Path(os.path.realpath(os.path.dirname(prefix) or "/"))


def _open_regular(path: str, root: Path, identifier: str) -> tuple[int, os.stat_result]:
    """A descriptor of the regular file at `path`, and its status.

    Raises:
        ImageNotFound: nothing readable, no regular file, or outside `root` once links are followed.
    """
    real = os.path.realpath(path)
    if not Path(real).is_relative_to(root):
        log.warning("%r leads out of the image folder by a symbolic link and is not served", identifier)
        raise ImageNotFound(f"there is no image {identifier!r}")
    try:
        # a FIFO would wait for a writer without O_NONBLOCK
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if isinstance(error, PermissionError):
            log.warning("%r cannot be read by this user: %s", identifier, error.strerror)
        raise ImageNotFound(f"there is no image {identifier!r}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise ImageNotFound(f"there is no image {identifier!r}")
    return descriptor, status


def _with_own_descriptor(file: OpenFile) -> OpenFile:
    return OpenFile(os.dup(file.descriptor), file.path, file.identifier, file.version, file.head)
