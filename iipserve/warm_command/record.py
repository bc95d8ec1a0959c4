"""Which images an interrupted command has done, so that the same command goes on with the others."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO


def record_path(environ: Mapping[str, str], what: Iterable[object]) -> str:
    """Where the record of a command is kept: in the folder of caches of its user.

    Args:
        environ: XDG_CACHE_HOME, HOME.
        what: all that distinguishes the command from others.
    """
    folder = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or "/nonexistent", ".cache")
    digest = hashlib.blake2b(repr(tuple(what)).encode("utf-8", "replace"), digest_size=8).hexdigest()
    return os.path.join(folder, "iipserve", f"warm-{digest}")


class Record:
    """The names of the images that are done."""

    def __init__(self, path: str, file: TextIO | None) -> None:
        """Read what has been done; without a file nothing is kept."""
        self._path = path
        self._file = file
        self.done: set[str] = set()
        """Their names."""
        if file is not None:
            file.seek(0)
            for line in file:
                # the end of the last line may not have been written
                if line.startswith('"') and line.endswith('"\n'):
                    self.done.add(json.loads(line))
            file.write("\n")

    def note(self, name: str) -> None:
        """An image is done."""
        if self._file is not None:
            self._file.write(f"{json.dumps(name)}\n")
            self._file.flush()

    def forget(self) -> None:
        """All are done: the next command begins anew."""
        if self._file is not None:
            os.unlink(self._path)


@contextmanager
def recorded(path: str, err: TextIO) -> Iterator[Record]:
    """The record at a path, for the block; where it cannot be kept, that is said, and there is none."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (closed below)
    except OSError as error:
        err.write(f"what is done cannot be kept for a command that goes on: {error.strerror}\n")
        yield Record(path, None)
        return
    with file:
        yield Record(path, file)
