"""Takes over the service file when workers are started, if it has no mistake, and anew if it was half-saved then.

A process of its own reads it, because what it takes to check it (PROJ) does not survive the fork of workers.
"""

from __future__ import annotations

import logging
import os
import pickle
import sys
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic, sleep, time
from typing import TYPE_CHECKING

from iipserve.config import Config
from iipserve.errors import ConfigError, IIPServeError

if TYPE_CHECKING:
    from iipserve.geo.service.files import FileContent

log = logging.getLogger(__name__)

SAVING_SECONDS = 3
"""A file that was written to less than so many seconds ago may be half-saved: empty, or without its end."""
WATCH_SECONDS = 30
"""How long such a file is looked at for further changes."""
LOOK_SECONDS = 0.05
"""Between two looks before the start."""
READ_ANEW = (
    "the service file has changed since it was read, when it may have been half-saved; it is read anew"
)


class Watch:
    """Looks for changes of files that may have been half-saved when they were read."""

    def __init__(self) -> None:
        """Look at nothing yet."""
        self._states: dict[str, tuple[int, int]] = {}
        """Time of the last change in nanoseconds and length in bytes, as they were read."""
        self._saved = 0.0
        """Until when they may be half-saved, on the monotonic clock."""
        self._end = 0.0
        """Until when changes are looked for."""

    def begin(self, files: Mapping[str, FileContent], at: float) -> None:
        """Look at files, by path, that were read at `at`, in seconds since 1970, if one of them may have been half-saved."""
        self._states = {path: (file.changed_ns, len(file.data)) for path, file in files.items()}
        self._saved = self._end = 0.0
        if any(
            at - _written(path) < SAVING_SECONDS or _state(path) != state
            for path, state in self._states.items()
        ):
            self._saved, self._end = monotonic() + SAVING_SECONDS, monotonic() + WATCH_SECONDS

    def begin_own(self) -> None:
        """Look at the files of services that this process itself has just read."""
        if (files := sys.modules.get("iipserve.geo.service.files")) is not None:
            self.begin(files.last_read(), time())

    def may_be_half_saved(self) -> bool:
        """Whether one of the files was written to a moment ago."""
        return monotonic() < self._saved

    def sees_change(self) -> bool:
        """Whether one of the files is another one now than when it was read; one that is missing is about to be replaced."""
        return monotonic() < self._end and any(
            _state(path) not in (None, state) for path, state in self._states.items()
        )


class ServiceFiles:
    """The service file and those that it names, as workers read them."""

    def __init__(self, config: Config) -> None:
        """Nothing has been read yet."""
        self._config = config
        self._watch = Watch()
        self.sees_change = self._watch.sees_change
        """Whether to take it over anew, since it may have been half-saved; costs a few microseconds."""

    def start(self) -> None:
        """Take over before there are workers; a file with mistakes that may be half-saved is read again.

        Raises:
            ConfigError: it has mistakes, a line for each.
        """
        while True:
            try:
                self.take_over()
            except ConfigError as error:
                if not self._watch.may_be_half_saved():
                    raise
                log.warning("the service file may be half-saved: %s", str(error).partition("\n")[0])
                while self._watch.may_be_half_saved() and not self.sees_change():
                    sleep(LOOK_SECONDS)
                if not self.sees_change():
                    raise
                log.warning(READ_ANEW)
            else:
                return

    def take_over(self) -> None:
        """Check the service file, and have workers that are forked from now on read it as it is now.

        Raises:
            ConfigError: it has mistakes, a line for each; workers read what was taken over before.
        """
        if not self._config.services:
            return
        mistakes, files, at = _checked(self._config)
        self._watch.begin(files, at)
        if mistakes:
            raise ConfigError(mistakes)
        from iipserve.geo.service.files import keep

        keep(files)


def _state(path: str) -> tuple[int, int] | None:
    """The state of a file as `Watch` compares it; None if there is no such file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ctime_ns, found.st_size


def _written(path: str) -> float:
    """When a file was written to, in seconds since 1970; 0 if there is no such file."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _checked(config: Config) -> tuple[str, dict[str, FileContent], float]:
    """The mistakes of the service file, what was read of it and of those that it names, and when: in seconds since 1970."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _report(config, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        data = pipe.read()
    with suppress(ChildProcessError):  # the arbiter's handler of CHLD was faster
        os.waitpid(child, 0)
    return pickle.loads(data) if data else ("the service file cannot be checked", {}, 0.0)


def _report(config: Config, pipe: int) -> None:
    """In the new process: write mistakes and files, and end."""
    try:
        from iipserve.geo.service import load
        from iipserve.geo.service.files import recorded

        with recorded() as files:
            mistakes, at = "", time()
            try:
                load(config)
            except IIPServeError as error:
                mistakes = str(error)
            report = (mistakes, dict(files), at)
        with open(pipe, "wb") as stream:
            pickle.dump(report, stream)
    finally:
        os._exit(0)
