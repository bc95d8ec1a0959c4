"""Folders of images: what is to be converted to where, and what of it has been done."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from iipserve import registry
from iipserve.config import Config
from iipserve.convert_command.converting import WORK, state_of
from iipserve.convert_command.values import Job, Options, Outcome
from iipserve.engine.layer_names import is_side_file
from iipserve.engine.library import Library
from iipserve.errors import Conflict

RECORD = ".iipserve-convert"
"""Name of the file in the target that says what has been done: a line of JSON for each file."""
LOCK = ".iipserve-convert.lock"


def jobs_of(source: str, target: str, ending: str, options: Options, config: Config) -> list[Job]:
    """The conversions of all images below a folder, in alphabetical order.

    Args:
        source: absolute path of the folder.
        target: that of the folder for the results, which have the names of their sources with another ending. Where these
            are the same for several files, their own endings are kept: `a.png.tif`.
        ending: of the results: `.tif`.
        options: of all conversions.
        config: settings of formats.
    """
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    found = [path for path in _files(source, target) if not is_side_file(path) and library.is_image(path)]
    stems = Counter(os.path.splitext(path)[0] for path in found)
    jobs = []
    for path in found:
        stem = os.path.splitext(path)[0]
        name = os.path.relpath(stem if stems[stem] == 1 else path, source)
        jobs.append(Job(path, os.path.join(target, name + ending), options))
    return jobs


def _files(source: str, target: str) -> Iterator[str]:
    """All files below a folder that are neither hidden nor below the target."""
    for parent, folders, names in os.walk(source):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and os.path.join(parent, name) != target
        )
        yield from (os.path.join(parent, name) for name in sorted(names) if not name.startswith("."))


class Record:
    """What has been done in a folder, kept in a file of it."""

    def __init__(self, target: str, file: TextIO) -> None:
        """Read what has been done.

        Args:
            target: the folder.
            file: open for reading and appending.
        """
        self._target = target
        self._file = file
        self._done: dict[str, Any] = {}
        file.seek(0)
        for line in file:
            try:
                known = json.loads(line)
                self._done[known["target"]] = known
            except (ValueError, KeyError, TypeError):
                continue  # the end of a line was not written
        file.write("\n")

    def is_done(self, job: Job) -> bool:
        """Whether a file was converted with these options, and neither it nor the result has changed since."""
        known = self._done.get(self._name(job))
        try:
            return known is not None and known == self._line(job, state_of(job.source))
        except OSError:
            return False

    def note(self, outcome: Outcome) -> None:
        """Keep that a file has been converted."""
        line = self._line(outcome.job, outcome.source_state)
        self._done[line["target"]] = line
        self._file.write(f"{json.dumps(line)}\n")
        self._file.flush()

    def _name(self, job: Job) -> str:
        return os.path.relpath(job.target, self._target)

    def _line(self, job: Job, state: Sequence[int]) -> dict[str, Any]:
        return {
            "target": self._name(job),
            "source": job.source,
            "options": [*job.options],
            "was": [*state],
            "is": [*state_of(job.target)],
        }


@contextmanager
def recorded(target: str) -> Iterator[Record]:
    """The record of a folder, which is made if it is not there, for the block; no other command converts into it meanwhile.

    Raises:
        Conflict: another one does.
        OSError: the folder cannot be written.
    """
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(target, LOCK), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"another command converts into {target!r}") from None
        _remove_leftovers(target)
        with open(os.path.join(target, RECORD), "a+", encoding="utf-8") as file:
            yield Record(target, file)


def _remove_leftovers(target: str) -> None:
    """Remove what conversions left that were killed."""
    for parent, folders, _ in os.walk(target):
        for name in folders:
            if name.startswith(".") and WORK in name:
                shutil.rmtree(os.path.join(parent, name), ignore_errors=True)
        folders[:] = [name for name in folders if not name.startswith(".")]
