"""Destination, level and form of the log."""

from __future__ import annotations

import io
import logging
import os
import sys
from logging.handlers import SysLogHandler, WatchedFileHandler

from iipserve.config import Config
from iipserve.transport.foreign_warnings import ForeignWarnings
from iipserve.transport.lines import (
    FORMAT,
    SYSLOG_FORMAT,
    JsonFormatter,
    OneLineFormatter,
    SyslogJsonFormatter,
    TextFormatter,
)

START = "iipserve.start"
"""Logger of the messages at start and end, which appear at every VERBOSITY but 0."""
SYSLOG_SOCKET = "/dev/log"
STANDARD_ERROR = ("-", "", "/dev/stderr")
"""Values of LOGFILE that mean it."""


def set_up(config: Config) -> None:
    """Log according to VERBOSITY, LOGFILE and LOG_FORMAT; to standard error if the file does not open."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    if config.verbosity == 0:
        root.addHandler(logging.NullHandler())
        root.setLevel(logging.CRITICAL + 1)
        return
    handler = _handler(config.logfile, as_json=config.log_format == "json")
    handler.addFilter(ForeignWarnings())
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("iipserve").setLevel(_level(config.verbosity))
    logging.getLogger(START).setLevel(logging.INFO)


def refuse(mistakes: str) -> None:
    """Say on standard error why the server does not start, and in the log, if there is one elsewhere."""
    sys.stderr.write(f"{mistakes}\n")
    handlers = logging.getLogger().handlers
    if any(isinstance(handler, (WatchedFileHandler, SysLogHandler)) for handler in handlers):
        for line in mistakes.splitlines():
            logging.getLogger(START).error("iipserve does not start: %s", line)


def _level(verbosity: int) -> int:
    if verbosity >= 4:
        return logging.DEBUG
    return logging.INFO if verbosity >= 2 else logging.WARNING


def _handler(name: str, *, as_json: bool) -> logging.Handler:
    handler: logging.Handler
    try:
        if name == "syslog":
            os.stat(SYSLOG_SOCKET)  # the handler itself does not report a missing socket
            handler = SysLogHandler(SYSLOG_SOCKET)
            handler.setFormatter(SyslogJsonFormatter() if as_json else OneLineFormatter(SYSLOG_FORMAT))
            return handler
        handler = _file_handler(name)
    except OSError as error:
        sys.stderr.write(f"LOGFILE {name!r} cannot be used ({error.strerror}); logging to standard error\n")
        handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter(FORMAT))
    return handler


def _file_handler(name: str) -> logging.Handler:
    if name in STANDARD_ERROR:
        return logging.StreamHandler()
    if name == "/dev/stdout":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # as of standard error
        return logging.StreamHandler(sys.stdout)
    # reopens the file after log rotation
    return WatchedFileHandler(name, encoding="utf-8", errors="backslashreplace")
