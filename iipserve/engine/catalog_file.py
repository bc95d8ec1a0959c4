"""CATALOG_FILE: what one worker has read of the images, for the other workers and for the next start.

Written atomically; read only if it is of this version of the server and of these settings, and belongs to this user. What
it says of a file counts while the file has the same state.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import stat
from contextlib import suppress
from typing import Any, NamedTuple, get_type_hints

from iipserve import __version__
from iipserve.config import Config
from iipserve.engine.catalog_scan import CatalogImage, Record, Scanned, Target
from iipserve.engine.files import FileState, file_state
from iipserve.engine.typed_json import decoder, encode, field_names
from iipserve.geo.georeference import GeoImage, Georeference
from iipserve.geo.places import Place, PlaceIn, Places
from iipserve.image import ImageInfo, ImageName

log = logging.getLogger(__name__)

FORMAT = 2
MAX_LENGTH = 256 << 20
"""Bytes that are read."""
FIELDS = ("filesystem_prefix", "filesystem_suffix", "filename_pattern", "version_by", "extra_formats", "pdf_dpi",
          "svg_dpi", "undeclared_opacity")  # fmt: skip
"""Settings that change what is read of images."""


class CatalogFile:
    """The file, and the right to write it. For one thread at a time."""

    def __init__(self, path: str, config: Config) -> None:
        """Open nothing yet."""
        self._path = path
        self._head = [FORMAT, _fingerprint(config)]
        self._lock: int | None = None
        self.is_of_others = False
        """Another process reads images by other settings, so that the file is of no use here: found out by `is_mine`."""
        self._seen: FileState | None = None
        """State of the file when it was read last."""
        self._written: Scanned | None = None
        self._warned: set[str] = set()

    def is_mine(self) -> bool:
        """Whether this process reads the images for all: the first one that asks, until it ends."""
        if self._lock is not None:
            return True
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            _check_place(self._path)
            descriptor = os.open(f"{self._path}.lock", flags, 0o600)
        except OSError as error:
            self._warn("CATALOG_FILE cannot be locked, so that each worker reads all images", error)
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._compare_holder(descriptor)
            os.close(descriptor)
            return False
        self._lock, self.is_of_others = descriptor, False
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, self._fingerprint, 0)
        return True

    @property
    def _fingerprint(self) -> bytes:
        return str(self._head[1]).encode()

    def _compare_holder(self, lock: int) -> None:
        """Find out by the file that is locked whether its holder has the same settings; empty says nothing."""
        try:
            holder = os.pread(lock, 1024, 0)
        except OSError:
            return
        self.is_of_others = holder not in (b"", self._fingerprint)
        if self.is_of_others:
            self._warn(
                "CATALOG_FILE is used by a server of another version or with other settings, so that this one reads "
                "all images itself",
                FileExistsError(f"give it another file than {self._path}"),
            )

    def read(self) -> Scanned | None:
        """What the file says; None if that has been read before, or is of no use."""
        try:
            with open(self._path, "rb", opener=_opener) as file:
                status = os.fstat(file.fileno())
                state = file_state(status)
                if state == self._seen:
                    return None
                self._seen = state
                _check_owner(status)
                return self._decoded(json.loads(file.read()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError, LookupError, TypeError) as error:
            self._warn("CATALOG_FILE is not used, and will be replaced", error)
            return None

    def write(self, scanned: Scanned) -> None:
        """Replace the file, if anything has changed, or it is not as it was written."""
        if self._written is not None and _is_same(self._written, scanned) and self._is_as_seen():
            return
        temporary = f"{self._path}.{os.getpid()}"
        try:
            _check_place(self._path)
            text = json.dumps(self._encoded(scanned), ensure_ascii=False, separators=(",", ":"))
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            with open(temporary, "xb", opener=_private_opener) as file:
                file.write(text.encode())
            os.replace(temporary, self._path)
            self._seen = file_state(os.stat(self._path))
            self._written = scanned
        except (OSError, UnicodeEncodeError) as error:
            self._warn("CATALOG_FILE cannot be written", error)

    def _is_as_seen(self) -> bool:
        """Whether nobody has removed or replaced the file."""
        try:
            return file_state(os.stat(self._path)) == self._seen
        except OSError:
            return False

    def _encoded(self, scanned: Scanned) -> list[Any]:
        records = [
            [target.path, encode(target.name), list(record.state), encode(record.image)]
            for target, record in scanned.records.items()
        ]
        return [*self._head, scanned.version, records]

    def _decoded(self, data: Any) -> Scanned | None:
        """What the contents of the file say; None if they are of another version or of other settings."""
        if not isinstance(data, list) or data[: len(self._head)] != self._head:
            return None
        version, items = data[len(self._head) :]
        decode = decoder(_Item)
        records = {}
        for item in items:
            path, name, state, image = decode(["_Item", *item])
            if image and image.places and not image.places.is_finite:
                raise ValueError("a place is not finite")
            records[Target(path, name)] = Record(state, image)
        if not isinstance(version, str):
            raise ValueError("the version is no text")
        return Scanned(records, version)

    def _warn(self, message: str, error: Exception) -> None:
        """Log a reason once."""
        if message not in self._warned:
            self._warned.add(message)
            log.warning("%s: %s", message, error)


class _Item(NamedTuple):
    path: str
    name: ImageName
    state: tuple[int, ...]
    image: CatalogImage | None


def _fingerprint(config: Config) -> str:
    """Another one for each version of the server, of the values that are written, and for other settings."""
    kinds = (ImageInfo, GeoImage, Georeference, CatalogImage, Places, PlaceIn, Place)
    hints = [(kind.__name__, field_names(kind), str(get_type_hints(kind))) for kind in kinds]
    settings = [getattr(config, name) for name in FIELDS]
    return hashlib.blake2b(repr((__version__, hints, settings)).encode(), digest_size=16).hexdigest()


def _is_same(one: Scanned, other: Scanned) -> bool:
    if one.version != other.version or one.records.keys() != other.records.keys():
        return False
    return all(one.records[target] is record for target, record in other.records.items())


def _check_place(path: str) -> None:
    """See that what would be replaced is a file or nothing: a device such as /dev/null must stay what it is.

    Raises:
        OSError: it is something else.
    """
    with suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise OSError(errno.EINVAL, "something that is no regular file is there", path)


def _check_owner(status: os.stat_result) -> None:
    """See that nobody else can have written the file. Raises `ValueError`."""
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no regular file")
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
        raise ValueError("it belongs to another user, or others may write it")
    if status.st_size > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH} bytes")


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)


def _private_opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
