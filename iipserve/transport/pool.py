"""The server for FastCGI and HTTP: many connections on few threads.

All connections are in one epoll set. One thread at a time, the leader (`iipserve.leader`), waits for events,
serves one connection after the other, and parks each in the set again. Before an answer that takes long it
hands over: the next thread waits for events, while the first finishes its answer. So a connection without a
complete request holds no thread, one that waits for an image holds one, and while all threads are busy nothing
is accepted: further connections wait in the backlog of the listening socket.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import socket
import threading
from collections import deque
from collections.abc import Sequence
from time import monotonic, sleep

from iipserve.config import Config
from iipserve.leader import MAX_WAITING, Leadership
from iipserve.transport import ending, fastcgi
from iipserve.transport.balance import ABSENT, WorkerSlot
from iipserve.transport.connection import Connection
from iipserve.transport.http_connection import HttpConnection
from iipserve.transport.params import ParamsDecoder
from iipserve.transport.peer import TOO_SLOW, PeerConnection
from iipserve.transport.service import MonitoredApplication
from iipserve.transport.short_connections import ShortConnections
from iipserve.transport.shortage import HeldMemory, first_to_close, in_excess, max_connections
from iipserve.transport.sockets import set_options

log = logging.getLogger(__name__)

LISTENER_EVENTS = select.EPOLLIN | select.EPOLLET | select.EPOLLEXCLUSIVE
"""Wakes one process for each new connection."""
PARKED_EVENTS = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
"""Reports incoming data, and that the peer sends no more, once."""
SENDING_EVENTS = PARKED_EVENTS | select.EPOLLOUT
"""Reports also that the peer takes more; at once if it does, which gives a connection another turn."""
MAX_EVENTS = 64
"""Per call of epoll_wait."""
SHORTAGES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ENOSPC))
LOOK_SECONDS = 0.02
"""Between two looks at the connections of a server that stops."""


class FastCGIServer(fastcgi.BaseServer):  # type: ignore[misc]  # flup6 carries no types
    """Serves listening sockets with a bounded number of threads."""

    def __init__(
        self,
        application: MonitoredApplication,
        listeners: Sequence[socket.socket],
        config: Config,
        slot: WorkerSlot | None = None,
        *,
        http: Sequence[socket.socket] = (),
    ) -> None:
        """Use `THREADS` and `REQUEST_TIMEOUT` of the settings; `listeners`, for FastCGI, and `http` remain the caller's.

        With a `slot`, new connections are left to worker processes that hold fewer.
        """
        super().__init__(None, debug=False)
        self.application = application
        self.request_timeout = config.request_timeout
        limits = dict.fromkeys((fastcgi.MAX_CONNECTIONS, fastcgi.MAX_REQUESTS), config.threads)
        self.capability = {**limits, fastcgi.MULTIPLEXES: 0}
        self.params = ParamsDecoder()
        self.short_connections = ShortConnections()
        self.stopping = False
        """No more connections are accepted; those that are open are served on."""
        self._stopped_at = 0.0
        """On the monotonic clock."""
        self._ended = False
        """No connection is left, and threads end."""
        self._leadership = Leadership(max_waiting=MAX_WAITING * config.threads, replace=self._replace_one)
        self._ready: deque[tuple[int, int]] = deque()
        """Descriptors and their events that epoll has reported and no thread has served yet."""
        self._listeners = {listener.fileno(): listener for listener in (*listeners, *http)}
        self._http = frozenset(listener.fileno() for listener in http)
        self._unheard: set[int] = set()
        """Listeners that could not be registered again."""
        self._parked: dict[int, PeerConnection] = {}
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._slot = slot
        self._patient = True
        """Leave new connections to workers that hold fewer."""
        self._waiting = 0
        """Threads that are free to serve."""
        self._held = 0
        """Open connections."""
        self._held_memory = HeldMemory()
        self._max_connections = max_connections()
        self._max_threads = config.threads
        """Besides those that wait for other requests."""
        self._threads = {self._new_thread() for _ in range(config.threads)}

    # -- start and stop

    def start(self) -> None:
        """Accept connections from now on."""
        self._epoll.register(self._wake, select.EPOLLIN)
        if self._slot is not None:
            self._slot.publish(0)
            self._epoll.register(self._slot.waker, select.EPOLLIN | select.EPOLLET)
        for descriptor, listener in self._listeners.items():
            listener.setblocking(False)
            set_options(listener)
            self._epoll.register(descriptor, LISTENER_EVENTS)
        for thread in self._started():
            thread.start()

    def tick(self) -> None:
        """Close parked connections whose request was not completed in time. Call it about every second."""
        now = monotonic()
        for connection in list(self._parked.values()):
            # closed meanwhile, it has no descriptor: that of the dictionary may be another connection's by now
            if connection.expired(now) and self._parked.pop(connection.fileno(), None) is connection:
                if connection.outgoing.pending:
                    log.debug("an answer was not read in time; its connection is closed")
                elif not connection.idle():
                    log.warning(TOO_SLOW)
                self._drop(connection)
        # A connection that could not be accepted for lack of descriptors, or was left to a worker that
        # hangs, causes no second event.
        self._patient = False
        for descriptor in self._listeners:
            self._listen_again(descriptor)

    def refuse(self) -> None:
        """Accept what has arrived, and no more; the system refuses further connections, to all processes."""
        self._stop_accepting()
        for listener in self._listeners.values():
            while self._held < self._max_connections and (connection := self._accept(listener)) is not None:
                self._park(connection)
            with contextlib.suppress(OSError):  # another process was faster
                listener.shutdown(socket.SHUT_RD)

    def stop(self, seconds: float) -> bool:
        """Accept no more connections, and let the threads finish requests for at most `seconds`.

        Returns whether all have finished, and their connections are closed. May be called again to wait longer.
        """
        if not self.stopping:
            self._stop_accepting()
        deadline = monotonic() + seconds
        while not (self._ended or self._has_finished()):
            remaining = deadline - monotonic()
            if remaining <= 0:
                return False
            sleep(min(LOOK_SECONDS, remaining))
            self._close_finished()
        self._ended = True
        os.eventfd_write(self._wake, 1)
        threads = self._started()
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _started(self) -> list[threading.Thread]:
        with self._lock:
            return list(self._threads)

    def _has_finished(self) -> bool:
        """Whether no connection is open, and none is being accepted."""
        with self._lock:
            return not self._held and not self._ready and self._waiting == len(self._threads)

    def _close_finished(self) -> None:
        """Close connections of which nothing more is to be expected."""
        now = monotonic()
        for connection in tuple(self._parked.values()):
            if not ending.is_over(connection, self._stopped_at, now):
                continue
            # taken out first: another thread may have begun to serve it
            if self._parked.pop(connection.fileno(), None) is not connection:
                continue
            if connection.has_unread() or not ending.is_over(connection, self._stopped_at, now):
                self._park(connection)
            else:
                self._drop(connection)

    def _stop_accepting(self) -> None:
        with self._lock:  # from here on no thread publishes a number
            self.stopping, self._stopped_at = True, monotonic()
            if self._slot is not None:
                self._slot.publish(ABSENT)
        # one that another worker leaves to this one, and has not seen yet that it stops, is accepted all the same
        for descriptor in self._listeners:
            self._stop_listening(descriptor)

    # -- threads

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._work, name="connections", daemon=True)

    def _replace_one(self) -> None:
        """Start another thread if none is free to serve: the current one is going to wait for other requests."""
        with self._lock:
            if self._waiting or self._ended:
                return
            thread = self._new_thread()
            try:
                thread.start()
            except RuntimeError as error:  # the system allows no more
                log.warning("no further thread serves connections: %s", error)
                return
            self._threads.add(thread)

    def _work(self) -> None:
        """Serve one connection after the other until the server stops, or there are threads enough without this one."""
        while not (self._ended or self._is_superfluous()):
            try:
                connection = self._next()
            except Exception:
                log.exception("waiting for connections goes on after an internal error")
                sleep(LOOK_SECONDS)
                continue
            if connection is not None:
                self._serve(connection)
        self._leadership.release()

    def _is_superfluous(self) -> bool:
        """Whether this thread ends, since another one is free, and they are more than `THREADS`."""
        if len(self._threads) <= self._max_threads:
            return False
        with self._lock:
            ends = len(self._threads) > self._max_threads and self._waiting > 0
            if ends:
                self._threads.discard(threading.current_thread())
        return ends

    def _serve(self, connection: PeerConnection) -> None:
        try:
            keep = connection.run()
        except Exception:
            log.exception("a connection is closed after an internal error")
            keep = False
        (self._park if keep else self._drop)(connection)

    def _next(self) -> PeerConnection | None:
        """Become the leader and wait for a connection with incoming data; None if it is gone by then."""
        if not (self._ready and self._leadership.goes_on()):
            self._wait()
        if self._ended:  # what has been reported meanwhile is left to other workers
            return None
        try:
            descriptor, events = self._ready.popleft()
        except IndexError:  # taken by a leader that had been replaced
            return None
        if descriptor in self._listeners:
            return None if self._leave_to_another() else self._accept(self._listeners[descriptor])
        if self._slot is not None and descriptor == self._slot.waker:
            return self._accept_when_woken(self._slot)
        connection = self._parked.pop(descriptor, None)
        if connection is not None and events & select.EPOLLRDHUP:
            connection.peer_has_finished = True
        return connection

    def _wait(self) -> None:
        """Become the leader, and wait until a connection is ready."""
        self._count(waiting=1)
        try:
            self._leadership.acquire()
            if not self._ready:
                self._ready.extend(self._epoll.poll(maxevents=MAX_EVENTS))
            self._leadership.busy()
        finally:
            self._count(waiting=-1)

    def _count(self, *, waiting: int = 0, held: int = 0) -> None:
        """Add to the numbers of waiting threads and of open connections, and publish the latter."""
        with self._lock:
            self._waiting += waiting
            self._held += held
            if self._slot is not None and not self.stopping:
                self._slot.publish(self._held if self._waiting else ABSENT)

    # -- connections

    def _accept(self, listener: socket.socket) -> PeerConnection | None:
        """A new connection; None if another process has accepted it or the client has gone."""
        if self._held >= self._max_connections:
            self._close_one()
        try:
            accepted, _ = listener.accept()
        except OSError as error:
            if error.errno in SHORTAGES:
                self._make_room(error)
            return None
        self._count(held=1)
        self._listen_again(listener.fileno())
        try:
            set_options(accepted)  # one from before the listener had them has not inherited them
            return (HttpConnection if listener.fileno() in self._http else Connection)(accepted, self)
        except OSError:  # the client has gone
            accepted.close()
            self._count(held=-1)
            return None

    def _leave_to_another(self) -> bool:
        """Whether another worker, which holds fewer connections, has been woken for a new one."""
        patient, self._patient = self._patient, True
        return self._slot is not None and patient and self._slot.wake_least_loaded(self._held)

    def _accept_when_woken(self, slot: WorkerSlot) -> PeerConnection | None:
        """A new connection that another worker has left to this one."""
        slot.acknowledge()
        for listener in self._listeners.values():
            connection = self._accept(listener)
            if connection is not None:
                for other in self._listeners.keys() - {listener.fileno()}:
                    self._listen_again(other)  # it may have been woken for these too
                return connection
        return None

    def _listen_again(self, descriptor: int) -> None:
        """Report further connections, after the other worker processes.

        The kernel wakes the process that registered first (EPOLLEXCLUSIVE), so going to the end of its list
        after each connection spreads kept connections evenly. Registering also reports what has come in
        meanwhile.
        """
        try:
            self._epoll.unregister(descriptor)
        except FileNotFoundError:
            if descriptor not in self._unheard:
                return  # another thread is between these two calls, and its second one will report
        if not self.stopping:
            self._listen(descriptor)
            if self.stopping:
                self._stop_listening(descriptor)

    def _listen(self, descriptor: int) -> None:
        """Report connections; where the system has no room for that, `tick` tries again."""
        try:
            with contextlib.suppress(FileExistsError):  # another thread has tried again, too
                self._epoll.register(descriptor, LISTENER_EVENTS)
        except OSError as error:
            log.warning("new connections have to wait: %s", error.strerror)
            self._unheard.add(descriptor)
        else:
            self._unheard.discard(descriptor)

    def _stop_listening(self, descriptor: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._epoll.unregister(descriptor)

    def _make_room(self, error: OSError) -> None:
        """Close a connection: there is no descriptor left for a new one."""
        if not self._close_one():
            log.warning("a connection has to wait: %s", error.strerror)
            return
        for listener in self._listeners:
            self._listen_again(listener)

    def _close_one(self) -> bool:
        """Close the connection that gives way first; False if there is none."""
        connection = first_to_close(list(self._parked.values()))
        return connection is not None and self._give_up(connection)

    def _give_up(self, connection: PeerConnection) -> bool:
        """Close a parked connection, unless it has meanwhile been served."""
        if self._parked.pop(connection.fileno(), None) is not connection:
            return False
        self._drop(connection)
        return True

    def _park(self, connection: PeerConnection) -> None:
        descriptor = connection.fileno()
        events = SENDING_EVENTS if connection.outgoing.pending or connection.postponed else PARKED_EVENTS
        before, connection.registered_events = connection.registered_events, events
        more = connection.may_have_more()
        length = 0 if connection.idle() else connection.memory()
        excessive = length != connection.counted_length and self._held_memory.update(connection, length)
        self._parked[descriptor] = connection
        # from here on another thread may serve it, and close it before it is registered
        try:
            if not before:
                self._epoll.register(descriptor, events)
            elif events != before or more or not self._leadership.is_mine():
                # what came in meanwhile was reported to a thread that did not find it parked: report it again
                self._epoll.modify(descriptor, events)
            # another thread may have parked it since, perhaps before that call
            while connection.registered_events != events:
                events = connection.registered_events
                self._epoll.modify(descriptor, events)
        except OSError as error:
            if error.errno in SHORTAGES:  # nothing would be reported of it
                self._give_up(connection)
        if excessive:
            for other in in_excess(list(self._parked.values())):
                self._give_up(other)

    def _drop(self, connection: PeerConnection) -> None:
        self._held_memory.update(connection, 0)
        connection.close()
        self._count(held=-1)
