"""The FastCGI server: flup6's, with its connections served by a pool of threads."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from iipserve.config import Config
from iipserve.transport import fastcgi
from iipserve.transport.balance import WorkerSlot
from iipserve.transport.connection import Connection
from iipserve.transport.pool import Pool
from iipserve.transport.service import MonitoredApplication
from iipserve.transport.sockets import TIMEVAL_LENGTH, set_timeouts

DRAIN_SECONDS = 0.02
"""How long one `recv` waits for the rest of what a peer sends, when its connection is being closed."""


class FastCGIServer(fastcgi.BaseServer):  # type: ignore[misc]  # flup6 carries no types
    """Serves FastCGI listening sockets with a bounded number of threads."""

    def __init__(
        self,
        service: MonitoredApplication,
        listeners: Sequence[socket.socket],
        config: Config,
        slot: WorkerSlot | None = None,
    ) -> None:
        """Takes `THREADS` and `REQUEST_TIMEOUT` from the settings; the listeners remain the caller's."""
        super().__init__(None, debug=False)
        self.service = service
        self.request_timeout = config.request_timeout
        self.capability = {
            fastcgi.MAX_CONNECTIONS: config.threads,
            fastcgi.MAX_REQUESTS: config.threads,
            fastcgi.MULTIPLEXES: 0,
        }
        for listener in listeners:
            if listener.family != socket.AF_UNIX:
                self._prepare(listener)
        self._pool = Pool(listeners, config.threads, self._connect, slot)

    def start(self) -> None:
        """Accept connections from now on."""
        self._pool.start()

    def tick(self) -> None:
        """Close connections whose request never became whole. To be called every second or so."""
        self._pool.tick()

    def stop(self, seconds: float) -> bool:
        """Accept nothing more, let requests finish for at most `seconds`; True when all have."""
        return self._pool.stop(seconds)

    def _connect(self, sock: socket.socket, pool: Pool) -> Connection:
        # Linux hands a TCP listener's options on, but not to what was in its backlog before they were set,
        # and not a Unix listener's. One call finds out, where setting them takes four.
        if not any(sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, TIMEVAL_LENGTH)):
            self._prepare(sock)
        return Connection(sock, self, pool)

    def _prepare(self, sock: socket.socket) -> None:
        set_timeouts(sock, DRAIN_SECONDS, self.request_timeout)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
