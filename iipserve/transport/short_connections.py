"""Web servers that open a connection for each request, which costs about as much as a cached tile."""

from __future__ import annotations

import logging
from itertools import count

from iipserve.transport import logs

log = logging.getLogger(logs.START)

MANY = 1000
"""Requests after which that is said: a health check alone does not matter."""
ADVICE = (
    "the web server opens a connection for each request; kept ones save almost half of the time of a cached tile: "
    "fastcgi_keep_conn and keepalive of nginx, enablereuse of Apache's mod_proxy_fcgi (mod_fcgid and lighttpd keep none)"
)


class ShortConnections:
    """Counts the requests of a process whose connection ends with them, and says once that there are many."""

    def __init__(self) -> None:
        """None so far."""
        self._numbers = count(1)

    def note(self) -> None:
        """A request whose web server did not ask to keep the connection (FCGI_KEEP_CONN). May be called by any thread."""
        if next(self._numbers) == MANY:
            log.info(ADVICE)
