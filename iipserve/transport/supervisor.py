"""Supervision by gunicorn: pre-forked workers, each serving FastCGI and HTTP sockets at once.

gunicorn's arbiter forks workers, replaces those that die or hang, and handles TERM, INT, HUP (new
workers, then the old ones finish), TTIN and TTOU. Nothing of
gunicorn's own configuration is read.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from socket import AF_UNIX, socket
from time import monotonic
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger
from gunicorn.http import wsgi as gunicorn_wsgi
from gunicorn.workers.gthread import ThreadWorker

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.transport import logs
from iipserve.transport.balance import ConnectionCounts, WorkerSlot
from iipserve.transport.pool import FastCGIServer
from iipserve.transport.service import Application, MonitoredApplication
from iipserve.transport.sockets import set_timeouts
from iipserve.transport.wsgi import WSGIApplication

log = logging.getLogger(__name__)

SILENCE_SECONDS = 10
"""How long a worker that has stopped reporting is given before it is replaced."""
HTTP_KEEP_SECONDS = 15
HTTP_CONNECTIONS = 2000
"""HTTP connections each worker holds; requests run on as many threads as FastCGI has."""
SPARE_PLACES = 8
"""For workers that TTIN adds."""
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT)
MAX_REQUEST_LINE = 8190
SHARED_MEMORY = Path("/dev/shm")


class Supervisor(BaseApplication):  # type: ignore[misc]  # gunicorn carries no types
    """What gunicorn calls an application: here, settings and sockets for its arbiter."""

    def __init__(
        self,
        config: Config,
        build: Callable[[Config], Application],
        *,
        fastcgi: Sequence[socket] = (),
        http: Sequence[socket] = (),
        passed: bool = False,
    ) -> None:
        """Workers call `build` after the fork.

        With `passed`, the sockets belong to whoever handed them over, and their files are left in place.
        """
        self.config = config
        self.build = build
        self.fastcgi = list(fastcgi)
        self.http = list(http)
        self.passed = passed
        self._workers = config.workers or len(os.sched_getaffinity(0))
        # On HUP the new workers start before the old ones end.
        self.connection_counts = ConnectionCounts(2 * self._workers + SPARE_PLACES)
        for listener in self.http:
            if listener.family != AF_UNIX:
                # Linux hands a TCP listener's options on: a client that stalls frees its thread at last.
                set_timeouts(listener, config.request_timeout, config.request_timeout)
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's settings; its files and variables are not read."""
        values = {
            "workers": self._workers,
            "worker_class": Worker,
            "threads": self.config.threads,
            "worker_connections": HTTP_CONNECTIONS + self.config.threads,
            "timeout": SILENCE_SECONDS,
            "graceful_timeout": math.ceil(self.config.request_timeout),
            "keepalive": HTTP_KEEP_SECONDS,
            "limit_request_line": MAX_REQUEST_LINE,
            "worker_tmp_dir": str(SHARED_MEMORY) if os.access(SHARED_MEMORY, os.W_OK) else None,
            "logger_class": Log,
            "child_exit": self._child_exit,
            "control_socket_disable": True,
            # `iipserve.http` reads the X-Forwarded headers, for FastCGI and HTTP alike.
            "secure_scheme_headers": {},
            "forwarder_headers": "",
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def reload(self) -> None:
        """On HUP: this process's environment cannot have changed, so new workers are all there is to do."""

    def _child_exit(self, arbiter: Any, worker: Any) -> None:
        self.connection_counts.free(worker.slot)

    def run(self) -> int:
        """Supervise until a signal ends it; the exit code, in the worker processes too."""
        supervisor, code = os.getpid(), 0
        try:
            SocketArbiter(self).run()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        if os.getpid() != supervisor:
            return code  # by which the arbiter tells why this worker ended
        logging.getLogger(logs.START).info("iipserve ends")
        return 1 if code else 0


class SocketArbiter(Arbiter):  # type: ignore[misc]  # gunicorn carries no types
    """gunicorn's arbiter, with sockets that are listening already."""

    def __init__(self, app: Supervisor) -> None:
        """Takes the supervisor's sockets; closes them, and removes Unix sockets' files, when it ends."""
        super().__init__(app)
        self.LISTENERS = [*app.fastcgi, *app.http]
        self.systemd = app.passed

    def spawn_worker(self) -> int:
        """The new worker's process id. Signals wait for a worker that cannot handle them yet.

        Between the fork and its own handlers a worker has the arbiter's, where TERM would be lost.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            return int(super().spawn_worker())
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def stop(self, graceful: bool = True) -> None:
        """Ends all workers, also where several of them cannot start: gunicorn stumbles over the second."""
        while True:
            try:
                super().stop(graceful)
            except HaltServer:
                continue
            return

    def handle_usr2(self) -> None:
        """Starting a second arbiter beside this one is not offered."""
        log.warning("USR2 is not answered; HUP starts new workers")


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn carries no types
    """Serves HTTP as gunicorn's threaded worker does, and FastCGI with threads of its own."""

    def __init__(
        self, age: int, ppid: int, _: Sequence[socket], app: Supervisor, timeout: float, cfg: Any, log: Any
    ) -> None:
        """Called in the arbiter before the fork."""
        super().__init__(age, ppid, app.http, app, timeout, cfg, log)
        self._next_tick = 0.0
        self.slot: WorkerSlot | None = app.connection_counts.claim()

    def load_wsgi(self) -> None:
        """Build the application, in this process, and both ways to it."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        config: Config = self.app.config
        try:
            self._service = MonitoredApplication(self.app.build(config), config)
        except ConfigError as error:
            for line in str(error).splitlines():
                log.critical("%s", line)
                sys.stderr.write(f"{line}\n")
            sys.exit(Arbiter.APP_LOAD_ERROR)
        self._fastcgi = FastCGIServer(self._service, self.app.fastcgi, config, self.slot)
        self.wsgi = WSGIApplication(self._service)
        gunicorn_wsgi.SERVER = "iipserve"  # the Server header, for which there is no setting

    def run(self) -> None:
        """Serve until TERM, or until the arbiter is gone; then let requests finish."""
        self._fastcgi.start()
        super().run()
        deadline = monotonic() + float(self.cfg.graceful_timeout)
        while not (finished := self._fastcgi.stop(1.0)) and monotonic() < deadline:
            super().notify()
        self._service.application.close()
        if not finished:
            # A thread that hangs would keep the interpreter from ending.
            os._exit(0)

    def notify(self) -> None:
        """Tell the arbiter that all is well, unless a request has been running for too long."""
        now = monotonic()
        if now >= self._next_tick:
            self._next_tick = now + 1
            self._fastcgi.tick()
        if self._service.longest_running() <= self.app.config.request_timeout:
            super().notify()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """INT and QUIT: end now, whatever threads are doing."""
        os._exit(0)

    def handle_abort(self, sig: int, frame: Any) -> None:
        """The arbiter has given this worker up."""
        os._exit(1)


class Log(Logger):  # type: ignore[misc]  # gunicorn carries no types
    """gunicorn's messages in this server's log; those of normal life as details."""

    def __init__(self, cfg: Any) -> None:
        """Opens nothing: the log has been set up."""
        self.error_log = self.access_log = log
        self.cfg = cfg

    def setup(self, cfg: Any) -> None:
        """Nothing changes on HUP."""
        self.cfg = cfg

    @property
    def access_log_enabled(self) -> bool:
        """False: requests are logged for FastCGI and HTTP alike, by `MonitoredApplication`."""
        return False

    def debug(self, msg: str, *args: object, **kwargs: Any) -> None:
        """Nothing: gunicorn's own settings, mostly."""

    def info(self, msg: str, *args: object, **kwargs: Any) -> None:
        """What gunicorn reports of normal life."""
        log.debug(msg, *args, **kwargs)

    def exception(self, msg: str, *args: object, **kwargs: Any) -> None:
        """A mistake, with its traceback; a client that stalled is none."""
        if isinstance(sys.exception(), BlockingIOError):
            log.debug(msg, *args)
        else:
            log.exception(msg, *args, **kwargs)

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """See `access_log_enabled`."""

    def reopen_files(self) -> None:
        """The log follows a rotated file by itself."""

    def close_on_exec(self) -> None:
        """Python's descriptors are closed on exec as it is."""
