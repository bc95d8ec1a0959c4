"""The service file and the files that it names, read from the disk or as they were when they were taken over.

A worker that is started anew reads what was accepted before, whatever somebody is editing meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from iipserve.errors import ConfigError


class FileContent(NamedTuple):
    """A file as it was read."""

    data: bytes
    changed_ns: int
    """Time of the last change, in nanoseconds since 1970."""


_kept: dict[str, FileContent] = {}
_read: dict[str, FileContent] = {}
"""Everything that was read from the disk since `forget_read`."""


def keep(files: Mapping[str, FileContent]) -> None:
    """Have these contents instead of those on the disk from now on, in processes forked from this one too."""
    _kept.clear()
    _kept.update(files)


@contextmanager
def recorded() -> Iterator[Mapping[str, FileContent]]:
    """Read everything from the disk in the block; what was read, by path."""
    _kept.clear()
    forget_read()
    yield _read


def forget_read() -> None:
    """Begin anew to record what is read."""
    _read.clear()


def last_read() -> Mapping[str, FileContent]:
    """What this process has read from the disk since `forget_read`, by path."""
    return dict(_read)


def content(path: Path, max_length: int) -> FileContent:
    """A file's content.

    Args:
        path: of the file.
        max_length: in bytes.

    Raises:
        ConfigError: it cannot be read, is no regular file, or is too long.
    """
    name = os.path.abspath(path) if "\0" not in str(path) else ""
    if (kept := _kept.get(name)) is not None:
        return kept
    try:
        with open(name, "rb", opener=_opener) as file:
            data, status = file.read(max_length + 1), os.fstat(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path.name or path} cannot be read: {error.strerror}") from error
    if len(data) > max_length:
        raise ConfigError(f"{path.name} is longer than {max_length} bytes")
    found = _read[name] = FileContent(data, status.st_ctime_ns)
    return found


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)


def text(path: Path, max_length: int) -> str:
    """A file's content in UTF-8. Raises `ConfigError`, also if it is none."""
    data = content(path, max_length).data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path.name}, line {line}: it is not in UTF-8; convert it") from error
