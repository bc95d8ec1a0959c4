"""Names of processes that do jobs, by which others find out whether they have ended."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

SILENT_SECONDS = 600.0
"""After which a process of another host, of which nothing is heard, counts as ended."""
STARTED = 18
"""Index of the time of start among the fields after the state (proc(5), `/proc/PID/stat`, field 22)."""
ENDED = (b"Z", b"X", b"x")
"""States of processes that have ended."""


def this_worker() -> str:
    """The name of this process: host, number, and when it was started, in ticks since the host was."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_started(pid)}"


def has_ended(worker: str, heard: datetime) -> bool:
    """Whether a process has ended.

    Args:
        worker: its name.
        heard: when something was heard of it last.
    """
    host, pid, started = worker.rsplit(":", 2)
    if host == socket.gethostname():
        return _started(int(pid)) != started
    return (datetime.now(UTC) - heard).total_seconds() > SILENT_SECONDS


def _started(pid: int) -> str:
    """When a process was started; empty where there is none, or none that runs any more."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b")")[2].split()
            return "" if state in ENDED else fields[STARTED].decode()
    except (OSError, IndexError, ValueError):
        return ""
