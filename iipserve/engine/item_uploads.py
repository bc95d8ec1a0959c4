"""Images that clients upload: kept in a folder of their own once they are known to be images."""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from iipserve.collections.values import Item
from iipserve.errors import Forbidden, IIPServeError, InvalidRequest, StoreUnavailable

log = logging.getLogger(__name__)

CHUNK_LENGTH = 1 << 20
"""Bytes that are copied at once."""
PART = ".upload-"
"""Begins the names of files that are not complete."""
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
"""A name in a message."""
MAX_NAME = 255
"""Bytes of a name in file systems of Linux."""
MODE = 0o644


def receive(folder: str, collection: str, id: str, content: BinaryIO, read: Callable[[str], Item]) -> Item:
    """Keep an uploaded file as `FOLDER/COLLECTION/ID`, in place of one that is there; its item.

    Args:
        folder: for uploads; empty: there is none.
        collection: a checked name.
        id: of the item, checked.
        content: of the file.
        read: the item of a file by its path. What it raises leaves no file behind.

    Raises:
        Forbidden: there is no folder for uploads.
        InvalidRequest: the file system has no names so long.
        StoreUnavailable: the file cannot be written at present.
    """
    if not folder:
        raise Forbidden("images cannot be uploaded here; they are added by reference to files of this server")
    if id.startswith(PART) or max(len(os.fsencode(name)) for name in (id, collection)) > MAX_NAME:
        raise _no_name(id)
    place = os.path.join(folder, collection)
    # the end of the name says what kind of file it is
    part = os.path.join(place, f"{PART}{secrets.token_hex(8)}{os.path.splitext(id)[1]}")
    try:
        try:
            os.makedirs(place, exist_ok=True)
            _write(part, content)
        except OSError as error:
            raise _meaning(error, id) from error
        _check(part, id, read)
        path = os.path.join(place, id)
        try:
            os.replace(part, path)
        except OSError as error:
            raise _meaning(error, id) from error
        return read(path)
    finally:
        with suppress(OSError):
            os.unlink(part)


def _check(part: str, id: str, read: Callable[[str], Item]) -> None:
    """See that a file is an image. Raises what `read` raises, with the name that the file is to have."""
    try:
        read(part)
    except IIPServeError as error:
        error.args = (QUOTED.sub(lambda name: _named(name[0], part, id), str(error)),)
        raise


def _named(quoted: str, part: str, id: str) -> str:
    """A quoted name of a message, which may be cut off; that of the file is the one that it is to have."""
    name = quoted[1:-1].rstrip(".")
    return repr(id) if PART in name or (name.startswith("/") and part.startswith(name)) else quoted


def _write(path: str, content: BinaryIO) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, MODE), "wb") as file:
        content.seek(0)
        while chunk := content.read(CHUNK_LENGTH):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _no_name(id: str) -> InvalidRequest:
    return InvalidRequest(f"no uploaded file can have the name {id!r:.300}")


def _meaning(error: OSError, id: str) -> Exception:
    if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EISDIR):
        return _no_name(id)
    log.error("an uploaded image cannot be kept: %s", error.strerror)
    return StoreUnavailable("the file cannot be kept at present; ask again later")
