"""Files next to a database of SQLite, whose locks say who may do what."""

from __future__ import annotations

import os
from contextlib import suppress

FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


def open_companion(database: str, suffix: str) -> int:
    """Open a file for reading and writing whose name is that of a database with a suffix; made if it is not there.

    As SQLite does with its own, it gets the permissions of the database, and from root its owner: a tool that root runs
    keeps no service out. Raises `OSError`.
    """
    path = database + suffix
    try:
        return os.open(path, FLAGS)
    except FileNotFoundError:
        pass
    try:
        file = os.open(path, FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, FLAGS)
    with suppress(OSError):
        status = os.stat(database)
        if os.geteuid() == 0:
            os.fchown(file, status.st_uid, status.st_gid)
        os.fchmod(file, status.st_mode & 0o666)
    return file
