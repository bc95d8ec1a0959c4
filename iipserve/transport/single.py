"""One process on a listening socket it was started with: under mod_fcgid, lighttpd, spawn-fcgi, systemd."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from socket import socket

from iipserve.config import Config
from iipserve.transport.server import FastCGIServer
from iipserve.transport.service import Application, MonitoredApplication

log = logging.getLogger(__name__)

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""End this process when its requests are answered; USR1 is how mod_fcgid and libfcgi say it."""


def serve(application: Application, listeners: Sequence[socket], config: Config) -> bool:
    """Serve FastCGI until a signal ends it; True when all requests could finish.

    HUP drops the caches. To be called in the main thread.
    """
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (*ENDING, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: signals.put(received))
    service = MonitoredApplication(application, config)
    server = FastCGIServer(service, listeners, config)
    server.start()
    _wait(signals, service, server, config.request_timeout)
    finished = server.stop(config.request_timeout)
    application.close()
    return finished


def _wait(
    signals: SimpleQueue[int], service: MonitoredApplication, server: FastCGIServer, request_timeout: float
) -> None:
    """Return when a signal asks for the end."""
    reported = False
    while True:
        try:
            received = signals.get(timeout=1)
        except Empty:
            server.tick()
            hangs = service.longest_running() > request_timeout
            if hangs and not reported:
                log.error("a request has been running for more than %g seconds", request_timeout)
            reported = hangs
            continue
        if received in ENDING:
            return
        service.application.clear()
        log.warning("caches are dropped")
