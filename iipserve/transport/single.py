"""One process on an inherited listening socket: under mod_fcgid, lighttpd, spawn-fcgi, systemd."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from socket import socket

from iipserve.config import Config
from iipserve.transport import signals
from iipserve.transport.garbage import tune_collector
from iipserve.transport.interpreter import tune_switching
from iipserve.transport.malloc import Trimmer
from iipserve.transport.metrics import Metrics
from iipserve.transport.operations import Operations
from iipserve.transport.pool import FastCGIServer
from iipserve.transport.service import Application, MonitoredApplication
from iipserve.transport.service_files import READ_ANEW, Watch

log = logging.getLogger(__name__)

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""End this process once its requests are answered; mod_fcgid and libfcgi send USR1 for it."""


def serve(
    application: Application, listeners: Sequence[socket], config: Config, operations: socket | None = None
) -> bool:
    """Serve FastCGI until a signal ends it; return whether all requests could finish.

    At the listening socket of `operations` there are health checks and metrics.

    HUP drops the caches and takes over the service file. Must be called in the main thread.
    """
    received: SimpleQueue[int] = SimpleQueue()
    for number in (*ENDING, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: received.put(number))
    signals.let_through()
    operating = None if operations is None else Operations(operations, 1)
    counters = None if operating is None else operating.counters.claim()
    sinks = [] if counters is None else [Metrics(counters)]
    monitored = MonitoredApplication(application, config, sinks=sinks)
    tune_collector()
    tune_switching()
    server = FastCGIServer(monitored, listeners, config)
    server.start()
    if operating is not None:
        operating.begin(application.trial)

    watch = Watch()
    watch.begin_own()

    def tick() -> None:
        if watch.sees_change():
            log.warning(READ_ANEW)
            received.put(signal.SIGHUP)
        if operating is not None:
            operating.publish(counters, application.trial)

    _wait(received, monitored, server, tick, watch)
    if operating is not None:
        operating.is_stopping.set()
    finished = server.stop(config.request_timeout)
    application.clear()
    return finished


def _wait(
    queue: SimpleQueue[int],
    monitored: MonitoredApplication,
    server: FastCGIServer,
    tick: Callable[[], None],
    watch: Watch,
) -> None:
    """Return when a signal asks for the end."""
    reported, trimmer = False, Trimmer()
    while True:
        try:
            received = queue.get(timeout=1)
        except Empty:
            server.tick()
            tick()
            running = monitored.longest_running()
            trimmer.tick(idle=not running)
            hangs = running > server.request_timeout
            if hangs and not reported:
                log.error("a request has been running for more than %g seconds", server.request_timeout)
            reported = hangs
            continue
        if received in ENDING:
            return
        monitored.application.reload()
        watch.begin_own()
        log.warning("caches are dropped")
