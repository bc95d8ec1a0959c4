"""An address of its own for those who operate the server: `/health`, `/ready` and `/metrics`.

A thread of each worker answers one connection after the other, so that no lack of threads, and no slow image, keeps it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic

from iipserve.config import Config
from iipserve.transport.counters import Counters, WorkerCounters
from iipserve.transport.metrics import exposition
from iipserve.transport.service import Trial
from iipserve.transport.sockets import listen
from iipserve.transport.worker_memory import SharedFlag, own_bytes

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that a client may take to ask and to read, and that the storage and a picture may take."""
RETRY_SECONDS = 1.0
"""Until the next connection is accepted, after that has failed: for lack of descriptors, as a rule."""
MAX_HEAD_LENGTH = 8192
BACKLOG = 16
TEXT = "text/plain; charset=utf-8"
Answer = tuple[HTTPStatus, str, bytes]


def opened(config: Config) -> socket.socket | None:
    """The listening socket at the address of METRICS, if there is one.

    Raises:
        ConfigError: it cannot be used.
    """
    return None if config.metrics is None else listen(config.metrics, BACKLOG)


class Readiness:
    """Whether requests can be answered. Safe for many threads."""

    def __init__(self, check: Callable[[], str], is_stopping: Callable[[], bool]) -> None:
        """Ask `check`, which says what is wrong, or nothing; it may hang."""
        self._check = check
        self._is_stopping = is_stopping
        self._busy = Lock()

    def reason(self) -> str:
        """Why requests cannot be answered; empty if they can."""
        if self._is_stopping():
            return "the server is stopping"
        if not self._busy.acquire(blocking=False):
            return "an earlier check has not ended: storage or rendering hangs"
        found: SimpleQueue[str] = SimpleQueue()

        def run() -> None:
            try:
                found.put(self._check())
            except Exception as error:
                log.exception("whether the server is ready cannot be found out")
                found.put(f"the check fails: {type(error).__name__}")
            finally:
                self._busy.release()

        try:
            Thread(target=run, name="readiness", daemon=True).start()
        except RuntimeError:
            self._busy.release()
            return "no thread can be started"
        try:
            return found.get(timeout=PATIENCE)
        except Empty:
            return f"storage or rendering takes more than {PATIENCE:.0f} seconds"


class Operations:
    """The address, and the counters of all workers. Made before the fork."""

    def __init__(self, listener: socket.socket, workers: int) -> None:
        """Answer at a listening socket; have room for the counters of so many workers at the same time."""
        self.counters = Counters(workers)
        self.is_stopping = SharedFlag()
        """The whole server ends, and not only one worker."""
        self._listener = listener

    def begin(self, trial: Trial) -> OperationsServer:
        """Answer in a thread of this process from now on."""
        readiness = Readiness(trial.fault, lambda: bool(self.is_stopping))
        server = OperationsServer(self._listener, readiness, partial(exposition, self.counters))
        server.start()
        return server

    def publish(self, counters: WorkerCounters | None, trial: Trial) -> None:
        """Make known how a worker is at present."""
        if counters is not None:
            for name, value in {"worker_memory_bytes": own_bytes(), **trial.gauges()}.items():
                counters.set(name, value)


class OperationsServer:
    """Answers at one listening socket, in a thread of its own."""

    def __init__(
        self, listener: socket.socket, readiness: Readiness, metrics: Callable[[str], tuple[bytes, str]]
    ) -> None:
        """Metrics are made for a value of the Accept header; returns text and media type."""
        self._listener = listener
        self._readiness = readiness
        self._metrics = metrics
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = Thread(target=self._serve, name="operations", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._listener.setblocking(False)
        self._thread.start()

    def stop(self, seconds: float = PATIENCE) -> None:
        """Accept no more connections, and wait so long for the end of the present one. May be called twice."""
        os.eventfd_write(self._wake, 1)
        self._thread.join(seconds)

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        ending = select.poll()
        ending.register(self._wake, select.POLLIN)
        while all(descriptor != self._wake for descriptor, _ in poll.poll()):
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:  # another worker has it
                continue
            except OSError as error:
                log.warning("a health check or a request for metrics cannot be accepted: %s", error.strerror)
                ending.poll(RETRY_SECONDS * 1000)
                continue
            with connection, contextlib.suppress(OSError):
                _converse(connection, self._answer)

    def _answer(self, path: str, accept: str) -> Answer:
        if path == "/health":
            return HTTPStatus.OK, TEXT, b"alive\n"
        if path == "/ready":
            reason = self._readiness.reason()
            status = HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK
            return status, TEXT, f"{reason or 'ready'}\n".encode()
        if path == "/metrics":
            text, media_type = self._metrics(accept)
            return HTTPStatus.OK, media_type, text
        return HTTPStatus.NOT_FOUND, TEXT, b"/health, /ready and /metrics are here\n"


def _converse(connection: socket.socket, answer: Callable[[str, str], Answer]) -> None:
    """Answer one request, and let the client read.

    Raises:
        OSError: the client has gone, or takes too long.
    """
    data, end = b"", monotonic() + PATIENCE
    while b"\r\n\r\n" not in data:
        received = _received(connection, end)
        data += received
        if not received or len(data) > MAX_HEAD_LENGTH:
            return
    line, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, _, rest = line.partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if method not in ("GET", "HEAD"):
        status, media_type, body = HTTPStatus.METHOD_NOT_ALLOWED, TEXT, b"GET and HEAD are answered here\n"
    else:
        try:
            status, media_type, body = answer(path, _fields(lines).get("accept", ""))
        except Exception:
            log.exception("%s fails", path)
            status, media_type, body = HTTPStatus.INTERNAL_SERVER_ERROR, TEXT, b"internal server error\n"
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    connection.settimeout(PATIENCE)
    connection.sendall(head.encode("latin-1") + (b"" if method == "HEAD" else body))
    connection.shutdown(socket.SHUT_WR)
    end = monotonic() + PATIENCE
    while _received(connection, end):
        pass


def _received(connection: socket.socket, end: float) -> bytes:
    """What comes next; however little at a time that is, until `end` on the monotonic clock."""
    remaining = end - monotonic()
    if remaining <= 0:
        raise TimeoutError
    connection.settimeout(remaining)
    return connection.recv(MAX_HEAD_LENGTH)


def _fields(lines: list[str]) -> Mapping[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
