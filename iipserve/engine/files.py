"""Files of images: opened below one folder only, and distinguished by version."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import stat
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from iipserve.errors import ImageNotFound, ImageUnavailable
from iipserve.image import ImageVersion
from iipserve.leader import hand_over

log = logging.getLogger(__name__)

FileState: TypeAlias = tuple[int, ...]
"""Device, inode number, length, time of modification, and last the time of change: another one after every change."""

ATTEMPTS = 3
"""Number of times that links are resolved, or a file is opened, if they are changed meanwhile."""
MISSING = frozenset({
    errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG,
    # sockets and devices, and names that the file system cannot hold
    errno.ENXIO, errno.ENODEV, errno.EINVAL, errno.EILSEQ,
})  # fmt: skip
"""Errors of opening that mean that there is no such image; others are failures of the storage or the system."""
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)
"""Errors of opening when the process or the system has no descriptor left."""
LINK_FOUND = (errno.ELOOP, errno.ENOTDIR)
"""Errors of opening a symbolic link with O_NOFOLLOW, as a file or as a folder."""
SETTLING_NS = 10_000_000
"""Resolution of file times in nanoseconds, at most: a tick of the kernel's clock (CONFIG_HZ=100)."""
MAX_WRITTEN_AT_ONCE = 1 << 31
"""Bytes that one call of write(2) takes. It sets the file's times at its beginning only, and takes up to about a
nanosecond for each byte."""
SAMPLES, SAMPLE_LENGTH = 16, 4096
"""Number and length in bytes of the parts of a file that its fingerprint is made of."""

file_state = attrgetter("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
"""The `FileState` of an `os.stat_result`."""


class KnownFile(NamedTuple):
    """A file that was opened, and what proves that it is still the one at its path."""

    path: str
    """Symbolic links not resolved."""
    state: FileState

    def is_current(self) -> bool:
        """Whether the file at the path is the same, and unchanged; False also if that cannot be found out."""
        try:
            return file_state(os.stat(self.path)) == self.state
        except OSError:
            return False


class ImageChanged(Exception):
    """The file was replaced or written after the plan was made; the request must be planned again."""


class Descriptor:
    """An open descriptor, which is closed once nothing refers to it."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        """Take over a descriptor."""
        self.number = number

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        # the module may be gone when the interpreter ends
        close(self.number)


class PooledFile:
    """A file of one state, read by position, whose descriptor may be closed between two reads. Safe for many threads."""

    __slots__ = ("__weakref__", "_descriptor", "_name", "_open", "_pool", "known")

    def __init__(
        self,
        descriptor: Descriptor,
        known: KnownFile,
        name: str,
        open: Callable[[str, str], int],
        pool: DescriptorPool,
    ) -> None:
        """Read a file.

        Args:
            descriptor: of the file.
            known: its path and state.
            name: of the image.
            open: opens the file at a path and returns a descriptor; its second argument is for messages.
            pool: limits how many files are open.
        """
        self.known = known
        self._name = name
        self._open = open
        self._pool = pool
        self._descriptor: Descriptor | None = descriptor
        pool.add(self)

    def read(self, count: int, offset: int) -> bytes:
        """As many bytes of `count` as there are.

        Raises:
            ImageChanged: the file had to be opened again, and is another or has been written.
            ImageNotFound, ImageUnavailable, OSError: as opening it.
        """
        # the reference keeps it open while it is read
        descriptor = self._descriptor or self._opened()
        return os.pread(descriptor.number, count, offset)

    def status(self) -> os.stat_result:
        """The file's status at present. Raises as `read`."""
        descriptor = self._descriptor or self._opened()
        return os.fstat(descriptor.number)

    def close(self) -> None:
        """Close the file until it is read again."""
        self._descriptor = None

    def _opened(self) -> Descriptor:
        try:
            descriptor = self._reopened()
        except OSError as error:
            if error.errno not in NO_DESCRIPTOR:
                raise
            self._pool.clear()
            descriptor = self._reopened()
        if file_state(os.fstat(descriptor.number)) != self.known.state:
            raise ImageChanged
        self._descriptor = descriptor
        self._pool.add(self)
        return descriptor

    def _reopened(self) -> Descriptor:
        return Descriptor(self._open(self.known.path, repr(self._name)))


class DescriptorPool:
    """Limits how many files are open; those opened first are closed first, as opening them again costs little."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` files open."""
        self._limit = limit
        self._files: deque[weakref.ref[PooledFile]] = deque()

    def add(self, file: PooledFile) -> None:
        """Count a file that was opened."""
        self._files.append(weakref.ref(file))
        self._close(self._limit)

    def clear(self) -> None:
        """Close all files until they are read again."""
        self._close(0)

    def _close(self, limit: int) -> None:
        """Close files until at most `limit` are open."""
        while len(self._files) > limit:
            with suppress(IndexError):  # another thread has taken the last one
                oldest = self._files.popleft()()
                if oldest is not None:
                    oldest.close()


class LeadsOutside(Exception):
    """A symbolic link leads out of the folder of images."""


class reported:  # noqa: N801 (used as a function)
    """Report failures of the storage in the block; a lack of descriptors is left to the caller.

    The block raises:
        ImageNotFound: there is no such image.
        ImageUnavailable: it cannot be read at present.
        OSError: no descriptor is left.
    """

    __slots__ = ("_name", "_opening")

    def __init__(self, name: str, *, opening: bool = False) -> None:
        """Begin a block.

        Args:
            name: of the image in messages.
            opening: errors may also mean that there is no such image.
        """
        self._name = name
        self._opening = opening

    def __enter__(self) -> None:
        """Enter the block."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Raise what an error of the block means, if it is not the error itself."""
        if isinstance(error, LeadsOutside):
            log.warning("%s leaves the image folder by a symbolic link and is not served", self._name)
            raise ImageNotFound(f"there is no image {self._name}") from error
        # Pillow's errors of decoding have no number
        if isinstance(error, OSError) and error.errno is not None and error.errno not in NO_DESCRIPTOR:
            self._raise_meaning(error)

    def _raise_meaning(self, error: OSError) -> None:
        if not self._opening or error.errno not in MISSING:
            raise unavailable(self._name, error) from error
        if isinstance(error, PermissionError):
            log.warning("%s cannot be read: %s", self._name, error.strerror)
        raise ImageNotFound(f"there is no image {self._name}") from error


def unavailable(name: str, error: OSError) -> ImageUnavailable:
    """The error to raise for a failure of the storage, which is logged."""
    log.error("%s cannot be read: %s", name, error.strerror or error)
    return ImageUnavailable(f"{name} cannot be read at present; ask again later")


# -- opening -----------------------------------------------------------------------------------------


def open_regular(folder: str, path: str, name: str) -> int:
    """A descriptor of a regular file.

    Args:
        folder: nothing outside of which is opened, symbolic links followed.
        path: of the file; begins with `folder`.
        name: of the image in messages.

    Raises:
        ImageNotFound: it is no regular file.
        LeadsOutside: it is not below the folder.
        OSError: it cannot be opened.
    """
    descriptor = open_below(folder, path[len(folder) :])
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ImageNotFound(f"there is no image {name}")
    return descriptor


def open_below(folder: str, name: str) -> int:
    """A descriptor of a file below a folder, opened for reading.

    Links may be changed between their resolution and the opening. So the path without links is opened component
    by component from the folder on, and none of them may be a link by then.

    Args:
        folder: may itself be a link, or below one.
        name: path relative to `folder`.

    Raises:
        LeadsOutside: symbolic links in `name` lead out of the folder.
        OSError: it cannot be opened.
    """
    root = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        parts = _parts(name)
        if ".." not in parts:
            try:
                return _open_components(root, parts)
            except OSError as error:
                if error.errno not in LINK_FOUND:
                    raise
        return _open_links(root, folder, name)
    finally:
        os.close(root)


def _open_links(root: int, folder: str, name: str) -> int:
    attempt = 0
    while True:
        attempt += 1
        try:
            return _open_components(root, _parts(_resolved(folder, name)))
        except OSError as error:
            if error.errno not in LINK_FOUND or attempt == ATTEMPTS:
                raise


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".")]


def _resolved(folder: str, name: str) -> str:
    """The path relative to the folder, without links, as far as they can be resolved.

    Raises:
        LeadsOutside: it is not below the folder.
    """
    real, root = os.path.realpath(f"{folder}/{name}"), os.path.realpath(folder).rstrip("/")
    if not real.startswith(f"{root}/"):
        raise LeadsOutside
    return real[len(root) :]


def _open_components(root: int, parts: Sequence[str]) -> int:
    """Open a path from the folder `root` on, without following links.

    Raises:
        OSError: ELOOP or ENOTDIR if a component is a link.
    """
    folder = root
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            if folder != root:
                os.close(folder)
            folder = inner
        # a FIFO would wait for a writer without O_NONBLOCK
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(parts[-1] if parts else ".", flags, dir_fd=folder)
    finally:
        if folder != root:
            os.close(folder)


# -- versions ----------------------------------------------------------------------------------------


def settled_status(descriptor: int) -> os.stat_result:
    """The status of an open file, once it has not been changed for a while.

    A file that is changed again within the resolution of file times, or by a call that still writes, keeps its times.
    After the wait, what is read belongs to the status, or the file has another one by then. Returns after `ATTEMPTS`
    if the file is changed all the time.
    """
    status = os.fstat(descriptor)
    for _ in range(ATTEMPTS):
        age = time.time_ns() - status.st_ctime_ns
        settling = SETTLING_NS + min(status.st_size, MAX_WRITTEN_AT_ONCE)
        if not 0 <= age < settling:
            break
        hand_over()
        time.sleep((settling - age) / 1e9)
        status = os.fstat(descriptor)
    return status


def version_by_inode(descriptor: int, state: FileState) -> ImageVersion:
    """The version of an open file on this host."""
    _, inode, length, mtime_ns, ctime_ns = state  # whose numbers both share in memory
    return ImageVersion(mtime_ns, length, inode, ctime_ns)


def version_by_content(descriptor: int, state: FileState) -> ImageVersion:
    """The version of an open file, equal on all hosts that hold a copy.

    The time is in whole seconds, as some tools copy no fractions.

    Raises:
        OSError: it cannot be read.
    """
    digest, (_, _, length, mtime_ns, _) = hashlib.blake2b(digest_size=16), state
    for offset in _sample_offsets(length):
        digest.update(os.pread(descriptor, SAMPLE_LENGTH, offset))
    seconds = mtime_ns // 1_000_000_000
    return ImageVersion(seconds * 1_000_000_000, length, fingerprint=digest.hexdigest())


def _sample_offsets(length: int) -> Sequence[int]:
    """Offsets of head, tail and what is evenly spread between them; all of a short file."""
    if length <= SAMPLES * SAMPLE_LENGTH:
        return range(0, length, SAMPLE_LENGTH)
    return [index * (length - SAMPLE_LENGTH) // (SAMPLES - 1) for index in range(SAMPLES)]
