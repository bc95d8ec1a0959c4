"""Ports of the loopback interface, for servers that tests start."""

from __future__ import annotations

import os
import random
import socket

PORTS = range(12_000, 32_000)
"""Below those that Linux gives to outgoing connections, any of which could come before the server."""
WORKERS = 16
"""Processes of one test run that never choose the same port."""
_chance = random.SystemRandom()


def free_port() -> int:
    """A port that nothing listens on, and that no other worker of pytest-xdist is given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    while True:
        port = _chance.choice(PORTS[worker::WORKERS])
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
