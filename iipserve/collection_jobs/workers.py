"""Names of processes that do jobs, by which others find out whether they have ended."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

SILENT_SECONDS = 600.0
"""After which a process of another host or container, of which nothing is heard, counts as ended."""
STARTED = 18
"""Index of the time of start among the fields after the state (proc(5), `/proc/PID/stat`, field 22)."""
ENDED = (b"Z", b"X", b"x")
"""States of processes that have ended."""
BOOT = "/proc/sys/kernel/random/boot_id"
"""File with a random name of the running kernel (random(4))."""
NUMBERS = "/proc/self/ns/pid"
"""Link that names the numbers of processes which this one sees (pid_namespaces(7))."""


def this_worker() -> str:
    """The name of this process: where its number is known, the number, and when it was started, in ticks since the host was."""
    pid = os.getpid()
    return f"{_place()}:{pid}:{_started(pid)}"


def has_ended(worker: str, heard: datetime) -> bool:
    """Whether a process has ended.

    Args:
        worker: its name.
        heard: when something was heard of it last.
    """
    place, pid, started = worker.rsplit(":", 2)
    if place == _place():
        return _started(int(pid)) != started
    return (datetime.now(UTC) - heard).total_seconds() > SILENT_SECONDS


def _place() -> str:
    """Where numbers of processes mean the same: host, running kernel, and container. Hosts may have one name."""
    return f"{socket.gethostname()}:{_boot()}:{_numbers()}"


def _boot() -> str:
    try:
        with open(BOOT, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _numbers() -> str:
    try:
        return os.readlink(NUMBERS).strip("pid:[]")
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process was started; empty where there is none, or none that runs any more."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b")")[2].split()
            return "" if state in ENDED else fields[STARTED].decode()
    except (OSError, IndexError, ValueError):
        return ""
