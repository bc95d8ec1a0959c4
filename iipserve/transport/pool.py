"""Many connections on few threads: one epoll set, and one thread at a time that serves what it reports.

That thread answers one connection after the other, and parks each in the set again. It steps aside when
an answer takes long (`iipserve.leader`): then the next thread waits for events and serves, while the first
finishes its answer. So a connection without a request holds no thread, one that waits for an image to be
made holds one, and while all threads are busy nothing is accepted: further connections wait in the
listening socket's backlog.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Sequence
from socket import socket
from time import monotonic
from typing import Protocol

from iipserve.leader import Leadership
from iipserve.transport.balance import ABSENT, WorkerSlot

log = logging.getLogger(__name__)

LISTENER_EVENTS = select.EPOLLIN | select.EPOLLET | select.EPOLLEXCLUSIVE
"""Wakes one process for each new connection."""
PARKED_EVENTS = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
"""Reports what comes in, once."""
EVENTS_AT_ONCE = 64
SHORTAGES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Connection(Protocol):
    """What the pool must know of a connection."""

    registered: bool
    """Is in the epoll set (the pool's own note)."""

    def fileno(self) -> int:
        """The socket's descriptor."""

    def run(self) -> bool:
        """Serve what has arrived; True when the connection is to be parked, False when it has closed itself."""

    def may_have_more(self) -> bool:
        """Whether more may have arrived than the last `run` has taken."""

    def drain(self) -> None:
        """Serve what has arrived already, then close."""

    def idle(self) -> bool:
        """Whether no part of a request has arrived."""

    def expired(self, now: float) -> bool:
        """Whether a part of a request has waited for the rest too long (`now` is `time.monotonic()`)."""

    def close(self) -> None:
        """Close the socket; may be called twice."""


class Pool:
    """Threads and the connections they serve."""

    def __init__(
        self,
        listeners: Sequence[socket],
        threads: int,
        connect: Callable[[socket, Pool], Connection],
        slot: WorkerSlot | None = None,
    ) -> None:
        """With so many threads; `connect` makes a connection of an accepted socket.

        With a `slot`, new connections are left to worker processes that have fewer.
        """
        self.stopping = False
        self._leadership = Leadership()
        self._ready: deque[int] = deque()
        """Descriptors that the last look at the epoll set found, and nobody has served yet."""
        self._connect = connect
        self._listeners = {listener.fileno(): listener for listener in listeners}
        self._parked: dict[int, Connection] = {}
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._slot = slot
        self._patient = True
        """Leave new connections to workers that have fewer."""
        self._waiting = 0
        """Threads that could serve."""
        self._held = 0
        """Connections."""
        self._threads = [
            threading.Thread(target=self._work, name=f"connections-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Accept connections from now on."""
        self._epoll.register(self._wake, select.EPOLLIN)
        if self._slot is not None:
            self._slot.publish(0)
            self._epoll.register(self._slot.waker, select.EPOLLIN | select.EPOLLET)
        for descriptor, listener in self._listeners.items():
            listener.setblocking(False)
            self._epoll.register(descriptor, LISTENER_EVENTS)
        for thread in self._threads:
            thread.start()

    def tick(self) -> None:
        """Close parked connections whose request never became whole. To be called every second or so."""
        now = monotonic()
        for descriptor, connection in tuple(self._parked.items()):
            if connection.expired(now) and self._parked.pop(descriptor, None) is connection:
                log.warning("a request was not complete in time; its connection is closed")
                self._drop(connection)
        # What could not be accepted for want of descriptors, or was left to a worker that hangs, gives no
        # second event by itself.
        self._patient = False
        for descriptor in self._listeners:
            self._listen_again(descriptor)

    def stop(self, seconds: float) -> bool:
        """Accept nothing more, let requests finish for at most `seconds`; True when all have.

        May be called again to wait longer.
        """
        if not self.stopping:
            self._stop_accepting()
        deadline = monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))
        while self._parked:
            _, connection = self._parked.popitem()
            connection.drain()
        return not any(thread.is_alive() for thread in self._threads)

    def _stop_accepting(self) -> None:
        self.stopping = True
        for descriptor in self._listeners:
            self._no_longer_listen(descriptor)
        if self._slot is not None:
            self._epoll.unregister(self._slot.waker)
            self._slot.publish(ABSENT)
        os.eventfd_write(self._wake, 1)

    def _work(self) -> None:
        """Serve connections, one after the other, until the pool stops."""
        while not self.stopping:
            connection = self._next()
            if connection is not None:
                self._serve(connection)
        self._leadership.release()

    def _serve(self, connection: Connection) -> None:
        try:
            keep = connection.run()
        except Exception:
            log.exception("a connection is closed after a mistake of this server")
            keep = False
        if keep:
            self._park(connection)
        else:
            self._drop(connection)

    def _next(self) -> Connection | None:
        """Wait for the turn, and then for a connection that has something to say; None if it is gone."""
        self._count(waiting=1)
        self._leadership.acquire()
        if not self._ready:
            self._leadership.idle()
            self._ready.extend(descriptor for descriptor, _ in self._epoll.poll(maxevents=EVENTS_AT_ONCE))
        self._leadership.busy()
        self._count(waiting=-1)
        try:
            descriptor = self._ready.popleft()
        except IndexError:  # taken by a thread that had lost its turn
            return None
        if descriptor in self._listeners:
            return None if self._passes_on() else self._accept(self._listeners[descriptor])
        if self._slot is not None and descriptor == self._slot.waker:
            return self._accept_when_woken(self._slot)
        return self._parked.pop(descriptor, None)

    def _count(self, *, waiting: int = 0, held: int = 0) -> None:
        """Note that so many more threads wait, or so many more connections are held."""
        with self._lock:
            self._waiting += waiting
            self._held += held
            if self._slot is not None and not self.stopping:
                self._slot.publish(self._held if self._waiting else ABSENT)

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._count(held=-1)

    def _accept(self, listener: socket) -> Connection | None:
        """A new connection, or None when another process was quicker or the client has gone."""
        try:
            accepted, _ = listener.accept()
        except OSError as error:
            if error.errno in SHORTAGES:
                self._run_short(error)
            return None
        self._count(held=1)
        self._listen_again(listener.fileno())
        return self._connect(accepted, self)

    def _passes_on(self) -> bool:
        """Whether a new connection is left to another worker, which has been woken for it."""
        patient, self._patient = self._patient, True
        return self._slot is not None and patient and self._slot.wake_least_loaded(self._held)

    def _accept_when_woken(self, slot: WorkerSlot) -> Connection | None:
        """A new connection that another worker has passed on."""
        slot.acknowledge()
        for listener in self._listeners.values():
            connection = self._accept(listener)
            if connection is not None:
                return connection
        return None

    def _listen_again(self, descriptor: int) -> None:
        """Report further connections, and let the other worker processes be asked first.

        The kernel wakes the process that has been registered longest (EPOLLEXCLUSIVE), so going to the
        end of its list after each connection spreads kept connections evenly. Registering also reports
        what has come in meanwhile.
        """
        try:
            self._epoll.unregister(descriptor)
        except FileNotFoundError:
            return  # another thread is between these two calls, and its second one will report
        if not self.stopping:
            self._epoll.register(descriptor, LISTENER_EVENTS)
            if self.stopping:
                self._no_longer_listen(descriptor)

    def _no_longer_listen(self, descriptor: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._epoll.unregister(descriptor)

    def _run_short(self, error: OSError) -> None:
        """No descriptor is left for a new connection: give up the idle one that was parked first."""
        for descriptor, connection in tuple(self._parked.items()):
            if connection.idle() and self._parked.pop(descriptor, None) is connection:
                self._drop(connection)
                break
        else:
            log.warning("a connection has to wait: %s", error.strerror)
            return
        for listener in self._listeners:
            self._listen_again(listener)

    def _park(self, connection: Connection) -> None:
        descriptor = connection.fileno()
        self._parked[descriptor] = connection
        if not connection.registered:
            connection.registered = True
            self._epoll.register(descriptor, PARKED_EVENTS)
        elif connection.may_have_more() or not self._leadership.is_mine():
            # what came in meanwhile was reported to a thread that did not find it parked: report it again
            self._epoll.modify(descriptor, PARKED_EVENTS)
