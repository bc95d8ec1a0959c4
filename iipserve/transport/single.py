"""One process on an inherited listening socket: under mod_fcgid, lighttpd, spawn-fcgi, systemd."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from socket import socket

from iipserve.config import Config
from iipserve.transport import signals
from iipserve.transport.garbage import tune_collector
from iipserve.transport.interpreter import tune_switching
from iipserve.transport.malloc import Trimmer
from iipserve.transport.pool import FastCGIServer
from iipserve.transport.service import Application, MonitoredApplication

log = logging.getLogger(__name__)

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""End this process once its requests are answered; mod_fcgid and libfcgi send USR1 for it."""


def serve(application: Application, listeners: Sequence[socket], config: Config) -> bool:
    """Serve FastCGI until a signal ends it; return whether all requests could finish.

    HUP drops the caches and takes over the service file. Must be called in the main thread.
    """
    received: SimpleQueue[int] = SimpleQueue()
    for number in (*ENDING, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: received.put(number))
    signals.let_through()
    monitored = MonitoredApplication(application, config)
    tune_collector()
    tune_switching()
    server = FastCGIServer(monitored, listeners, config)
    server.start()
    _wait(received, monitored, server)
    finished = server.stop(config.request_timeout)
    application.clear()
    return finished


def _wait(queue: SimpleQueue[int], monitored: MonitoredApplication, server: FastCGIServer) -> None:
    """Return when a signal asks for the end."""
    reported, trimmer = False, Trimmer()
    while True:
        try:
            received = queue.get(timeout=1)
        except Empty:
            server.tick()
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
        log.warning("caches are dropped")
