"""From identifiers to files: safe paths, cached information, open sources."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

from iipserve.config import Config
from iipserve.engine.sequences import Sequence, find_sequence, member_stem
from iipserve.errors import ImageNotFound, InvalidRequest, UnsupportedImage
from iipserve.image import FIRST, ImageInfo, ImageVersion, Selector
from iipserve.leader import hand_over
from iipserve.lru import LRU
from iipserve.plan import ImageRef
from iipserve.sources import OpenFile, Source, SourceFormat

log = logging.getLogger(__name__)

HEAD_LENGTH = 64
"""Bytes by which formats are recognized."""
LISTING_SECONDS = 10.0
"""A list of images is kept this long, because making one opens every file."""
Key: TypeAlias = tuple[str, Selector]
"""Identifier, and the selected image of a stack or sequence."""


class ImageChanged(Exception):
    """The file has been replaced since the plan was made; the request must be planned again."""


@dataclass(frozen=True, slots=True)
class CachedInfo:
    """Information on an image, with what proves that the file is still the same."""

    path: str
    """Prefix, identifier and suffix; symbolic links not resolved."""
    inode: int
    mtime_ns: int
    length: int
    info: ImageInfo

    def is_of(self, status: os.stat_result) -> bool:
        """Whether a file of this status is the one that was read."""
        return (
            status.st_mtime_ns == self.mtime_ns
            and status.st_size == self.length
            and status.st_ino == self.inode
        )


class Listing(NamedTuple):
    """Identifiers of the images in the folder."""

    limit: int
    """Maximum number requested."""
    made_at: float
    """On the monotonic clock, in seconds."""
    identifiers: list[str]


class Library:
    """The images below one folder. Safe for many threads."""

    def __init__(self, config: Config, formats: Mapping[str, SourceFormat]) -> None:
        self._prefix, self._root = _prefix_and_root(config.filesystem_prefix)
        self._suffix = config.filesystem_suffix
        self._pattern = config.filename_pattern
        self._formats = formats
        limit = config.max_metadata_cache_size
        self._infos: LRU[Key, CachedInfo] = LRU(None if limit < 0 else limit)
        self._sources: LRU[Key, Source] = LRU(config.max_open_images)
        self._listing: Listing | None = None

    def info(self, identifier: str, selector: Selector = FIRST) -> ImageInfo:
        """Information on an image; one `stat` proves that what is cached is current.

        Args:
            identifier: of the image.
            selector: selects from a stack or sequence; ignored for other images.

        Raises:
            InvalidRequest: the identifier could lead out of the folder.
            ImageNotFound: there is no readable file, or its stack or sequence has no such image.
            UnsupportedImage, DecodeError: the file cannot be read as an image.
        """
        key = (identifier, selector)
        cached = self._infos.get(key)
        if cached is not None:
            try:
                if cached.is_of(os.stat(cached.path)):
                    return cached.info
            except OSError:
                pass  # opening it again reports the reason
            self._infos.discard(key)
        if selector != FIRST:
            first = self.info(identifier)
            if not first.stack and first.angles is None:
                return first
            _check_selector(first, selector)
            if first.stack and selector.vertical != FIRST.vertical:
                return self.info(identifier, Selector(selector.layer))
        return self._open(identifier, selector).info

    def source(self, image: ImageRef) -> Source:
        """An open source of exactly this version of an image.

        Raises:
            ImageChanged: the file has been replaced.
        """
        source = self._sources.get((image.identifier, image.selector))
        if source is None or source.info.version != image.version:
            source = self._open(image.identifier, image.selector)
            if source.info.version != image.version:
                raise ImageChanged
        return source

    def identifiers(self, limit: int = 10_000) -> list[str]:
        """Identifiers of files whose first bytes are those of an image, in alphabetical order.

        At most `LISTING_SECONDS` old.

        Args:
            limit: maximum number.
        """
        listing, now = self._listing, time.monotonic()
        if listing is None or listing.limit != limit or now - listing.made_at >= LISTING_SECONDS:
            listing = self._listing = Listing(limit, now, self._list(limit))
        return list(listing.identifiers)

    def _list(self, limit: int) -> list[str]:
        hand_over()
        found: list[str] = []
        for path in self._files():
            if len(found) >= limit:
                break
            stem = member_stem(path, self._pattern)
            if stem != "" and self._looks_like_image(path):
                end = len(path) - len(self._suffix) if stem is None else len(stem)
                found.append(path[len(self._prefix) : end])
        return found

    def clear(self) -> None:
        """Forget all cached information and release all open files."""
        self._infos.clear()
        self._sources.clear()
        self._listing = None

    def _open(self, identifier: str, selector: Selector) -> Source:
        hand_over()
        stem = self._path(identifier)
        try:
            path, sequence = f"{stem}{self._suffix}", None
            descriptor, status = _open_regular(path, self._root, repr(identifier))
        except ImageNotFound:
            sequence = find_sequence(stem, self._pattern)
            if sequence is None:
                raise
            path = sequence.path(selector)
            view = f"{identifier!r} at the angles {selector.horizontal},{selector.vertical}"
            descriptor, status = _open_regular(path, self._root, view)
        version = ImageVersion(status.st_mtime_ns, status.st_size)
        try:
            head = os.pread(descriptor, HEAD_LENGTH, 0)
        except OSError as error:
            os.close(descriptor)
            raise ImageNotFound(f"{identifier!r} cannot be read") from error
        layer = 0 if sequence else selector.layer
        source = self._read_structure(OpenFile(descriptor, path, identifier, version, head, layer))
        source.info = _as_selected(source.info, selector, sequence)
        self._sources.set((identifier, selector), source)
        cached = CachedInfo(path, status.st_ino, version.mtime_ns, version.length, source.info)
        self._infos.set((identifier, selector), cached)
        return source

    def _read_structure(self, file: OpenFile) -> Source:
        """Open with the format that the first bytes indicate, else with a fallback.

        A format closes the descriptor it is given, so each gets its own.
        """
        candidates = [
            kind for kind in self._formats.values() if not kind.fallback and kind.matches(file.head)
        ]
        candidates += [kind for kind in self._formats.values() if kind.fallback and kind.matches(file.head)]
        refusal = UnsupportedImage(f"{file.identifier!r} is not an image that this server can read")
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

    def _files(self) -> Iterator[str]:
        for folder, folders, names in os.walk(os.path.dirname(self._prefix) or "."):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = os.path.join(folder, name)
                if path.startswith(self._prefix) and path.endswith(self._suffix):
                    yield path

    def _looks_like_image(self, path: str) -> bool:
        try:
            descriptor, _ = _open_regular(path, self._root, repr(path))
        except ImageNotFound:
            return False
        with os.fdopen(descriptor, "rb") as file:
            head = file.read(HEAD_LENGTH)
        return any(kind.matches(head) for kind in self._formats.values())


def _prefix_and_root(prefix: str) -> tuple[str, Path]:
    """The prefix of all paths, and the real folder that no path may leave.

    A prefix that names a folder gets a slash; any other ends in the beginning of file names.
    """
    if prefix and not prefix.endswith("/") and os.path.isdir(prefix):
        prefix += "/"
    return prefix, Path(os.path.realpath(os.path.dirname(prefix) or "/"))


def _open_regular(path: str, root: Path, name: str) -> tuple[int, os.stat_result]:
    """A descriptor of the regular file at `path`, and its status.

    Args:
        path: of the file.
        root: real folder that must contain it.
        name: of the image, for messages.

    Raises:
        ImageNotFound: it cannot be read, is not a regular file, or is outside `root` once links are followed.
    """
    real = os.path.realpath(path)
    if not Path(real).is_relative_to(root):
        log.warning("%s leaves the image folder by a symbolic link and is not served", name)
        raise ImageNotFound(f"there is no image {name}")
    try:
        # without O_NONBLOCK, a FIFO would wait for a writer
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if isinstance(error, PermissionError):
            log.warning("%s cannot be read: %s", name, error.strerror)
        raise ImageNotFound(f"there is no image {name}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise ImageNotFound(f"there is no image {name}")
    return descriptor, status


def _with_own_descriptor(file: OpenFile) -> OpenFile:
    return replace(file, descriptor=os.dup(file.descriptor))


def _check_selector(first: ImageInfo, selector: Selector) -> None:
    """Check that a stack or sequence has an image.

    Raises:
        ImageNotFound: it has not.
    """
    if first.stack:
        exists = 0 <= selector.layer < len(first.stack)
        known = f"images 0 to {len(first.stack) - 1}"
    else:
        assert first.angles is not None, "checked by the caller"
        exists = min(selector) >= 0 and max(selector) < 1000
        known = f"horizontal angles {first.angles.horizontal}, vertical angles {first.angles.vertical}"
    if not exists:
        raise ImageNotFound(f"{first.identifier!r} has {known}, but not {tuple(selector)}")


def _as_selected(info: ImageInfo, selector: Selector, sequence: Sequence | None) -> ImageInfo:
    """Information on an image, with its selector in the stack or sequence."""
    if sequence is not None:
        return replace(info, selector=selector, angles=sequence.angles, stack=())
    return replace(info, selector=Selector(selector.layer)) if info.stack else info
