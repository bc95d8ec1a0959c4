"""Ports of the loopback interface, for servers that tests start."""

from __future__ import annotations

import os
import random
import socket
from itertools import cycle

PORTS = range(12_000, 32_000)
"""Below those that Linux gives to outgoing connections, any of which could come before the server."""
WORKERS = 32
"""Processes of one test run that never choose the same port."""


def _own() -> list[int]:
    """The ports of this worker of pytest-xdist, in an order of this process."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    ports = list(PORTS[worker::WORKERS])
    random.SystemRandom().shuffle(ports)
    return ports


_ports = cycle(_own())


def free_port() -> int:
    """A port that nothing listens on, which neither this process has been given lately nor another worker of pytest-xdist."""
    while True:
        port = next(_ports)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
