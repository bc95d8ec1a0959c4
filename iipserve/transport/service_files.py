"""Takes over the service file when workers are started, if it has no mistake.

A process of its own reads it, because what it takes to check it (PROJ) does not survive the fork of workers.
"""

from __future__ import annotations

import os
import pickle
from contextlib import suppress

from iipserve.config import Config
from iipserve.errors import ConfigError, IIPServeError


def take_over(config: Config) -> None:
    """Check the service file, and have workers that are forked from now on read it as it is now.

    Raises:
        ConfigError: it has mistakes, a line for each; workers read what was taken over before.
    """
    if not config.services:
        return
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _report(config, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        data = pipe.read()
    with suppress(ChildProcessError):  # the arbiter's handler of CHLD was faster
        os.waitpid(child, 0)
    mistakes, files = pickle.loads(data) if data else ("the service file cannot be checked", {})
    if mistakes:
        raise ConfigError(mistakes)
    from iipserve.geo.service.files import keep

    keep(files)


def _report(config: Config, pipe: int) -> None:
    """In the new process: write mistakes and files, and end."""
    try:
        from iipserve.geo.service import load
        from iipserve.geo.service.files import recorded

        with recorded() as files:
            try:
                load(config)
                report = ("", dict(files))
            except IIPServeError as error:
                report = (str(error), {})
        with open(pipe, "wb") as stream:
            pickle.dump(report, stream)
    finally:
        os._exit(0)
