"""What the system knows of a running worker."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def worker_of(port: int) -> Path:
    """The folder in /proc of the process that answers: the child of the one that listens."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"127.0.0.1:{port}".encode() in (folder / "cmdline").read_bytes():
                found[int(folder.name)] = int(field(folder, "PPid"))
        except OSError:
            continue
    (worker,) = (process for process, parent in found.items() if parent in found)
    return Path(f"/proc/{worker}")


def workers_of(supervisor: subprocess.Popen[bytes]) -> list[int]:
    """Process ids of the children of a supervisor."""
    children = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children")
    return [int(child) for child in children.read_text().split()]


def field(process: Path, name: str) -> str:
    """A number in a process's status."""
    match = re.search(rf"^{name}:\s*(\d+)", (process / "status").read_text(), re.MULTILINE)
    assert match
    return match[1]


def peak(process: Path) -> float:
    """The most memory the process ever had, in megabytes."""
    return int(field(process, "VmHWM")) / 1000
