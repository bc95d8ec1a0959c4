"""What gunicorn has to say, in this server's log."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger

log = logging.getLogger(__name__)


class ArbiterLog(Logger):  # type: ignore[misc]  # gunicorn carries no types
    """Sends gunicorn's messages to this server's log; routine ones at level DEBUG."""

    def __init__(self, cfg: Any) -> None:
        """Open nothing: logging has been set up."""
        self.error_log = self.access_log = log
        self.cfg = cfg

    def setup(self, cfg: Any) -> None:
        """Change nothing on HUP."""
        self.cfg = cfg

    @property
    def access_log_enabled(self) -> bool:
        """False: `MonitoredApplication` logs requests, for FastCGI and HTTP."""
        return False

    def debug(self, msg: str, *args: object, **kwargs: Any) -> None:
        """Drop the message, mostly a list of gunicorn's settings."""

    def info(self, msg: str, *args: object, **kwargs: Any) -> None:
        """Log a routine message at level DEBUG."""
        log.debug(msg, *args, **kwargs)

    def exception(self, msg: str, *args: object, **kwargs: Any) -> None:
        """Log an error with its traceback."""
        log.exception(msg, *args, **kwargs)

    def reopen_files(self) -> None:
        """Do nothing: the handler notices a rotated file."""

    def close_on_exec(self) -> None:
        """Do nothing: Python opens descriptors with close-on-exec."""
