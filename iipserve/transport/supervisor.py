"""Supervision by gunicorn: pre-forked workers, each serving FastCGI and HTTP sockets.

gunicorn's arbiter forks workers, replaces those that die or hang, and handles TERM, INT, HUP (new workers, then
the old ones finish), TTIN and TTOU. gunicorn's own configuration is not read.

Parts of gunicorn that are not its public interface, all used in this module only and checked with 26.0 and 27.0:
the arbiter's `LISTENERS`, `WORKERS`, `num_workers`, `worker_age`, `manage_workers`, `systemd`, `init_signals`,
`spawn_worker`, `kill_worker`, `setup`, `reload`, `stop` and `handle_usr2`; that it ends with a worker whose
status is `APP_LOAD_ERROR` or `WORKER_BOOT_ERROR`; the worker's `init_process`, `load_wsgi`, `booted`, `notify`, `PIPE`,
`ppid`, `age`, `alive`, `aborted`, `handle_quit` and `handle_abort`.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from socket import socket
from time import monotonic
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.workers.base import Worker as BaseWorker

import iipserve.damage  # noqa: F401 (its memory is made before the fork)
from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.transport import logs, signals
from iipserve.transport.arbiter_log import ArbiterLog
from iipserve.transport.balance import ConnectionCounts, WorkerSlot
from iipserve.transport.fatal_requests import FatalRequests, RequestGuard, RunningRequests
from iipserve.transport.garbage import tune_collector
from iipserve.transport.interpreter import tune_switching
from iipserve.transport.malloc import Trimmer
from iipserve.transport.metrics import Metrics
from iipserve.transport.operations import Operations
from iipserve.transport.pool import FastCGIServer
from iipserve.transport.service import Application, MonitoredApplication
from iipserve.transport.service_files import READ_ANEW, ServiceFiles
from iipserve.transport.worker_memory import MemoryLimit, SharedFlag

log = logging.getLogger(__name__)

SILENCE_SECONDS = 10
"""Seconds after which a worker that no longer reports is replaced."""
SPARE_SLOTS = 8
"""For workers that TTIN adds."""
ENDING = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)
SILENCE, MEMORY, DEATH = "silence", "memory", "death"
REASONS = {SILENCE: "it has not answered for too long", MEMORY: "it used too much memory", DEATH: "it died"}
"""Why a worker is replaced."""
SHARED_MEMORY = Path("/dev/shm")


class Supervisor(BaseApplication):  # type: ignore[misc]  # gunicorn carries no types
    """Settings and sockets for gunicorn's arbiter; an "application" in gunicorn's terms."""

    def __init__(
        self,
        config: Config,
        build: Callable[[Config], Application],
        *,
        fastcgi: Sequence[socket] = (),
        http: Sequence[socket] = (),
        operations: socket | None = None,
        passed: bool = False,
    ) -> None:
        """Serve the listening sockets, at that of `operations` metrics; workers call `build` after the fork.

        With `passed`, the sockets belong to the parent process, and their files are not removed.
        """
        self.config = config
        self.build = build
        self.fastcgi = list(fastcgi)
        self.http = list(http)
        self.passed = passed
        self._workers = config.workers or len(os.sched_getaffinity(0))
        # on HUP the new workers start before the old ones end
        slots = 2 * self._workers + SPARE_SLOTS
        self.connection_counts = ConnectionCounts(slots)
        self.operations = None if operations is None else Operations(operations, slots)
        self.fatal_requests = FatalRequests()
        self.service_files = ServiceFiles(config)
        self.has_served = SharedFlag()
        """A worker has been ready since the start."""
        self.refuses = SharedFlag()
        """The whole server ends, and its sockets with it."""
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's settings, ignoring its configuration files and variables."""
        values = {
            "workers": self._workers,
            "worker_class": Worker,
            "timeout": SILENCE_SECONDS,
            "graceful_timeout": math.ceil(self.config.request_timeout),
            "worker_tmp_dir": str(SHARED_MEMORY) if os.access(SHARED_MEMORY, os.W_OK) else None,
            "logger_class": ArbiterLog,
            "child_exit": self._child_exit,
            "control_socket_disable": True,
            # gunicorn has those of the moment when it was imported
            "user": os.geteuid(),
            "group": os.getegid(),
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def reload(self) -> None:
        """Do nothing: on HUP the arbiter starts new workers, and the environment cannot have changed."""

    def _child_exit(self, arbiter: Any, worker: Any) -> None:
        reason = worker.reason_to_replace()
        if reason:
            log.warning("worker %d has ended and is replaced: %s", worker.pid, REASONS[reason])
        if self.operations is not None:
            self.operations.counters.free(worker.counters)
            if reason:
                self.operations.counters.own.add(f"workers_replaced|{reason}")
        self.connection_counts.free(worker.slot)
        # of a worker that hangs, only the requests that it hangs in are at fault
        seconds = self.config.request_timeout if worker.aborted else 0.0
        self.fatal_requests.blame(worker.pid, worker.running.older_than(seconds))
        worker.running.close()

    def run(self) -> int:
        """Supervise until a signal ends it. Returns the exit status, in worker processes too.

        Raises:
            ConfigError: the service file has mistakes.
        """
        self.service_files.start()
        supervisor, code = os.getpid(), 0
        try:
            SocketArbiter(self).run()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        if os.getpid() != supervisor:
            return code  # tells the arbiter why this worker ended
        logging.getLogger(logs.START).info("iipserve ends")
        return 1 if code else 0


class SocketArbiter(Arbiter):  # type: ignore[misc]  # gunicorn carries no types
    """gunicorn's arbiter, with sockets that already listen."""

    num_workers: int

    def __init__(self, app: Supervisor) -> None:
        """Take over the supervisor's sockets; they are closed, and Unix sockets removed, at the end."""
        super().__init__(app)
        self.LISTENERS = [*app.fastcgi, *app.http]
        # gunicorn removes no files of sockets: it would fail where it may not
        self.systemd = True
        self._replaced_age = 0
        """Workers up to this age end once others are ready."""
        self._reloads_again = False
        """Once all of these are."""

    def init_signals(self) -> None:
        """Handle signals from now on, also those held back since the sockets listen."""
        super().init_signals()
        signals.let_through()

    def spawn_worker(self) -> int:
        """Start a worker and return its process id. Signals are held back until the worker can handle them.

        Between the fork and `load_wsgi` a worker has the arbiter's handlers, which would lose a TERM.
        """
        with signals.held_back():
            return int(super().spawn_worker())

    def kill_worker(self, pid: int, sig: int) -> None:
        """Send a signal to a worker, and note which ones are to end."""
        if sig in ENDING and pid in self.WORKERS:
            self.WORKERS[pid].was_asked_to_end = True
        super().kill_worker(pid, sig)

    def manage_workers(self) -> None:
        """Keep as many workers as are wanted, besides those that finish; end replaced ones once the others are ready."""
        for _ in range(self.num_workers - len(self._current())):
            self.spawn_worker()
        current = self._current()
        for worker in current[: -self.num_workers]:
            self._end(worker)
        if sum(bool(worker.is_ready) for worker in current) < self.num_workers:
            return
        for worker in tuple(self.WORKERS.values()):
            if worker.age <= self._replaced_age:
                self._end(worker)
        if self._reloads_again:
            self.reload()
        elif self.app.service_files.sees_change():
            log.warning(READ_ANEW)
            self.reload()

    def _current(self) -> list[Worker]:
        """The workers that are to go on, the oldest one first."""
        workers = sorted(self.WORKERS.values(), key=lambda worker: worker.age)
        return [worker for worker in workers if worker.age > self._replaced_age and not worker.is_ending]

    def _end(self, worker: Worker) -> None:
        """Let a worker finish its requests and end."""
        if not worker.is_ending:
            worker.is_ending.set()
            self.kill_worker(worker.pid, signal.SIGTERM)

    def reload(self) -> None:
        """Start new workers, and let the old ones finish once these are ready, unless the service file has mistakes.

        While those of an earlier reload are not ready, it waits for them.
        """
        self._reloads_again = not all(worker.is_ready for worker in self._current())
        if self._reloads_again:
            return
        try:
            self.app.service_files.take_over()
        except ConfigError as error:
            for line in str(error).splitlines():
                log.error("%s", line)
            log.error("the service file is not taken over; what it said before stays in force")
            return
        logging.getLogger(logs.START).info("iipserve reloads: new workers take over, the present ones finish")
        self.app.fatal_requests.clear()
        self.setup(self.app)
        self._replaced_age = self.worker_age
        self.manage_workers()

    def stop(self, graceful: bool = True) -> None:
        """End all workers, even if several of them cannot start: gunicorn raises HaltServer for each."""
        if self.app.operations is not None:
            self.app.operations.is_stopping.set()
        if not self.app.passed:
            self.app.refuses.set()
            for listener in self.LISTENERS:
                _remove_file(listener)
        while True:
            try:
                super().stop(graceful)
            except HaltServer:
                continue
            return

    def handle_usr2(self) -> None:
        """Ignore USR2: running a second arbiter during an upgrade is not supported."""
        log.warning("USR2 is ignored; HUP starts new workers")


def _remove_file(listener: socket) -> None:
    """Remove the file of a Unix socket, unless only root may: the next start does it then."""
    with contextlib.suppress(OSError):
        name = listener.getsockname()
        if isinstance(name, str):
            os.unlink(name)


class Worker(BaseWorker):  # type: ignore[misc]  # gunicorn carries no types
    """A worker of gunicorn's arbiter that serves with `FastCGIServer`."""

    alive: bool
    """False once it is to end."""

    def __init__(
        self, age: int, ppid: int, _: Sequence[socket], app: Supervisor, timeout: float, cfg: Any, log: Any
    ) -> None:
        """Called in the arbiter, before the fork."""
        super().__init__(age, ppid, app.http, app, timeout, cfg, log)
        self._next_tick = 0.0
        self.slot: WorkerSlot | None = app.connection_counts.claim()
        self.running = RunningRequests()
        self.is_ready = SharedFlag()
        """It serves."""
        self.is_ending = SharedFlag()
        """It finishes its requests, and the arbiter starts another one meanwhile."""
        self.was_asked_to_end = False
        operations = app.operations
        self.counters = None if operations is None else operations.counters.claim()

    def reason_to_replace(self) -> str:
        """Which of `REASONS` this worker has ended for, in the arbiter; empty if it was asked to end."""
        if self.aborted:
            return SILENCE
        if self.was_asked_to_end:
            return ""
        return MEMORY if self.is_ending else DEATH

    def init_process(self) -> None:
        """Start and serve, in the worker process; where that fails once workers have served, let another one try."""
        try:
            super().init_process()
        except Exception:
            if self.booted or not self.app.has_served:
                raise
            log.exception("a worker cannot start; another one tries")
            self._wait()
            sys.exit(1)

    def load_wsgi(self) -> None:
        """Build the application and both servers, in the worker process."""
        signals.let_through()
        config: Config = self.app.config
        try:
            guard = RequestGuard(self.running, self.app.fatal_requests)
            sinks = [] if self.counters is None else [Metrics(self.counters)]
            self._application = MonitoredApplication(self.app.build(config), config, guard, sinks)
            tune_collector()
            tune_switching()
        except ConfigError as error:
            for line in str(error).splitlines():
                log.critical("%s", line)
                sys.stderr.write(f"{line}\n")
            if self.app.has_served:
                log.error("a worker cannot start; another one tries")
                self._wait()
                sys.exit(1)
            sys.exit(Arbiter.APP_LOAD_ERROR)
        self._memory, self._trimmer = MemoryLimit(config), Trimmer()
        self._server = FastCGIServer(
            self._application, self.app.fastcgi, config, self.slot, http=self.app.http
        )

    def run(self) -> None:
        """Serve until TERM or the end of the arbiter, then let requests finish."""
        self._server.start()
        operations = self.app.operations
        operating = operations and operations.begin(self._application.application.trial)
        self.is_ready.set()
        self.app.has_served.set()
        while self.alive and self.ppid == os.getppid():
            self.notify()
            self._wait()
        if operating and not operations.is_stopping:
            operating.stop(0.0)  # other workers answer
        if self.app.refuses:
            self._server.refuse()
        deadline = monotonic() + float(self.cfg.graceful_timeout)
        while not (finished := self._server.stop(1.0)) and monotonic() < deadline:
            super().notify()
        if operating:
            operating.stop()
        self._application.application.clear()
        if not finished:
            # a thread that hangs would keep the interpreter from exiting
            self.running.clear()
            os._exit(0)

    def _wait(self) -> None:
        """Wait for a second, or a signal."""
        ready, _, _ = select.select([self.PIPE[0]], [], [], 1.0)
        if ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self.PIPE[0], 64)

    def notify(self) -> None:
        """Report to the arbiter, unless a request has been running for too long."""
        now = monotonic()
        if now >= self._next_tick:
            self._next_tick = now + 1
            self._server.tick()
            self._trimmer.tick(idle=not self._application.longest_running())
            self._end_if_too_large()
            if self.app.operations is not None:
                self.app.operations.publish(self.counters, self._application.application.trial)
        if self._application.longest_running() <= self.app.config.request_timeout:
            super().notify()

    def _end_if_too_large(self) -> None:
        """Let requests finish and end, as on TERM, once this process has grown too much; another one takes its place."""
        used = self._memory.excess() if self.alive else None
        if used is not None:
            log.warning(
                "worker %d finishes and is replaced: it uses %.0f MB, more than %.0f MB (MAX_WORKER_MEMORY)",
                os.getpid(), used / 1e6, self._memory.bytes / 1e6,
            )  # fmt: skip
            self.is_ending.set()
            self.alive = False

    def handle_quit(self, sig: int, frame: Any) -> None:
        """End at once on INT and QUIT, without waiting for requests."""
        self.running.clear()
        os._exit(0)

    def handle_abort(self, sig: int, frame: Any) -> None:
        """End at once: the arbiter is replacing this worker."""
        os._exit(1)
