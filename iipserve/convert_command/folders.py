"""Folders of images: what is to be converted to where, and what of it has been done."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TextIO

from iipserve import registry
from iipserve.config import Config
from iipserve.convert_command.converting import WORK, state_of
from iipserve.convert_command.values import Job, Options, Outcome
from iipserve.engine.layer_names import is_side_file, layer_names
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
            are the same for several files, or that of another one, their own endings are kept: `a.png.tif`.
        ending: of the results: `.tif`.
        options: of all conversions.
        config: settings, of which those on names of files do not count.
    """
    own = replace(config, filesystem_prefix="", filesystem_suffix="")
    library = Library(own, registry.discover("iipserve.sources", "FORMAT"))
    found = [path for path in _files(source, target) if not is_side_file(path) and library.is_image(path)]
    return [
        Job(path, os.path.join(target, os.path.relpath(name, source) + ending), options)
        for path, name in layer_names(found).items()
    ]


def _files(source: str, target: str) -> Iterator[str]:
    """All files below a folder that are neither hidden nor below the target."""
    for parent, folders, names in os.walk(source):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not is_same(os.path.join(parent, name), target)
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
        self._begun: dict[str, str] = {}
        file.seek(0)
        for line in file:
            # the end of a line may be missing
            with suppress(ValueError, KeyError, TypeError):
                self._read(json.loads(line))
        file.write("\n")

    def _read(self, known: Any) -> None:
        if "begun" in known:
            self._begun[known["begun"]] = known["source"]
        elif "failed" in known:
            self._begun.pop(known["failed"], None)
        else:
            self._done[known["target"]] = known
            self._begun.pop(known["target"], None)

    def is_done(self, job: Job) -> bool:
        """Whether a file was converted with these options, and neither it nor the result has changed since."""
        known = self._done.get(self._name(job))
        try:
            return known is not None and known == self._line(job, state_of(job.source))
        except OSError:
            return False

    def is_own(self, job: Job) -> bool:
        """Whether the file at a target was made of the source, as far as is known."""
        name = self._name(job)
        made_of = self._begun.get(name) or self._done.get(name, {}).get("source")
        return made_of is not None and is_same(made_of, job.source)

    def begin(self, job: Job) -> None:
        """Keep that a target which is not there will be made: the command may be killed before it notes that it was."""
        if not os.path.lexists(job.target):
            self._write({"begun": self._name(job), "source": job.source})

    def note(self, outcome: Outcome) -> None:
        """Keep that a file has been converted, or that nothing was made of it."""
        if not outcome.failure:
            self._write(self._line(outcome.job, outcome.source_state))
        elif not os.path.lexists(outcome.job.target):
            self._write({"failed": self._name(outcome.job)})

    def _write(self, line: dict[str, Any]) -> None:
        self._read(line)
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


def begun(
    jobs: Iterable[Job],
    sources: Iterable[str],
    record: Record,
    refuse: Callable[[Outcome], None],
    *,
    overwrite: bool,
) -> Iterator[Job]:
    """The jobs that may write their targets, each noted as begun when it is asked for.

    Args:
        jobs: those to do.
        sources: paths of all files that are converted, none of which is replaced.
        record: of the folder.
        refuse: called for each of the other jobs.
        overwrite: replace files that are not results of these sources.
    """
    kept = {identity(path) for path in sources} - {None}
    for job in jobs:
        if identity(job.target) in kept:
            reason = "is itself one of the files that are converted"
        elif os.path.lexists(job.target) and not overwrite and not record.is_own(job):
            reason = "is there already and was not made of this file; --overwrite replaces it"
        else:
            record.begin(job)
            yield job
            continue
        refuse(Outcome(job, f"{job.target!r} {reason}"))


def identity(path: str) -> tuple[int, int] | None:
    """Device and inode of a file or folder, links followed; None if it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_same(path: str, other: str) -> bool:
    """Whether two paths are those of one file or folder, links followed."""
    known = identity(path)
    return path == other or (known is not None and known == identity(other))


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
