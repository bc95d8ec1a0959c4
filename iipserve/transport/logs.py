"""Destination and level of the log."""

from __future__ import annotations

import logging
import os
import sys
from logging.handlers import SysLogHandler, WatchedFileHandler

from iipserve.config import Config

START = "iipserve.start"
"""Logger of the messages at start and end, which appear at every VERBOSITY but 0."""
FORMAT = "%(asctime)s [%(process)d] %(levelname)s %(message)s"
SYSLOG_FORMAT = "iipserve[%(process)d]: %(levelname)s %(message)s"
SYSLOG_SOCKET = "/dev/log"
STANDARD_ERROR = ("-", "", "/dev/stderr")
"""Values of LOGFILE that mean it."""


def set_up(config: Config) -> None:
    """Log according to VERBOSITY and LOGFILE; to standard error if the file does not open."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    if config.verbosity == 0:
        root.addHandler(logging.NullHandler())
        root.setLevel(logging.CRITICAL + 1)
        return
    root.addHandler(_handler(config.logfile))
    root.setLevel(logging.WARNING)
    logging.getLogger("iipserve").setLevel(_level(config.verbosity))
    logging.getLogger(START).setLevel(logging.INFO)


def _level(verbosity: int) -> int:
    if verbosity >= 4:
        return logging.DEBUG
    return logging.INFO if verbosity >= 2 else logging.WARNING


def _handler(name: str) -> logging.Handler:
    handler: logging.Handler
    try:
        if name == "syslog":
            os.stat(SYSLOG_SOCKET)  # the handler itself does not report a missing socket
            handler = SysLogHandler(SYSLOG_SOCKET)
            handler.setFormatter(logging.Formatter(SYSLOG_FORMAT))
            return handler
        handler = _file_handler(name)
    except OSError as error:
        sys.stderr.write(f"LOGFILE {name!r} cannot be used ({error.strerror}); logging to standard error\n")
        handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    return handler


def _file_handler(name: str) -> logging.Handler:
    if name in STANDARD_ERROR:
        return logging.StreamHandler()
    if name == "/dev/stdout":
        return logging.StreamHandler(sys.stdout)
    # reopens the file after log rotation
    return WatchedFileHandler(name, encoding="utf-8", errors="backslashreplace")
