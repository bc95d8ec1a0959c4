"""What the system knows of a running worker."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

SECONDS = 60.0


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


def field(process: Path, name: str, value: str = r"\d+") -> str:
    """A number, or another value, in a process's status."""
    match = re.search(rf"^{name}:\s*({value})", (process / "status").read_text(), re.MULTILINE)
    assert match
    return match[1]


def peak(process: Path) -> float:
    """The most memory the process ever had, in megabytes."""
    return int(field(process, "VmHWM")) / 1000


def resident(process: Path) -> float:
    """The process's own memory now, in megabytes; that of files does not count."""
    return int(field(process, "RssAnon")) / 1000


def forget_peak(process: Path) -> None:
    """Let `peak` begin at what the process has now (proc(5), clear_refs)."""
    (process / "clear_refs").write_text("5")


def shrinks_to(process: Path, megabytes: float) -> None:
    """Wait until the process has no more memory of its own."""
    end = time.monotonic() + SECONDS
    while resident(process) > megabytes:
        assert time.monotonic() < end, f"it has {resident(process)} MB, not {megabytes}"
        time.sleep(0.01)


def is_running(process: str) -> bool:
    """Whether there is a process of a number, which has not ended, waited for or not."""
    try:
        return field(Path(f"/proc/{process}"), "State", "[A-Z]") not in ("Z", "X")
    except OSError:
        return False
