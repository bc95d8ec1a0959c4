"""The fuzzed process from outside: given tasks, listened to with an eye on the clock, started anew when it ends."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
BUSY_SECONDS = 10.0
"""Processor time of one request after which it hangs."""
SILENT_SECONDS = 60.0
"""The same by the clock: it waits for something that does not come. A busy machine makes others wait as well."""
LOOK_SECONDS = 1.0
"""Between two looks at a process that says nothing."""
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 120.0
TASKS_PER_CHILD = 1500
WARM = 300
"""Tasks after which a child's memory has settled."""
GROWTH = 200 << 20
"""Bytes by which it may grow from then on: caches, and what malloc does not give back."""


class Finding(NamedTuple):
    """One thing that went wrong."""

    what: str
    """In one line."""
    address: str
    detail: str = ""
    """Traceback or the process's last words."""

    @property
    def kind(self) -> str:
        """The same for findings that look alike: the wording without numbers, and the place in the package."""
        frames = re.findall(r'File "([^"]*)", line (\d+)', self.detail)
        place = next(
            (f" {Path(name).name}:{line}" for name, line in reversed(frames) if "/iipserve/" in name), ""
        )
        return re.sub(r"'[^']*'|\"[^\"]*\"|[\d.]+", "#", self.what)[:80] + place


class Lines:
    """JSON values, one a line, from a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""
        self.at_end = False
        """The process has closed its side."""

    def next(self, seconds: float) -> dict[str, Any] | None:
        """The next value; None at the end of the pipe, or if nothing comes for so long."""
        end = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._descriptor], [], [], left)[0]:
                return None
            received = os.read(self._descriptor, 1 << 16)
            if not received:
                self.at_end = True
                return None
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found


class Server:
    """The process that is fuzzed, whichever it is at the time."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder, self._log = folder, log
        self._process: subprocess.Popen[bytes] | None = None
        self._lines = Lines(-1)
        self._tasks, self._settled = 0, 0
        self.resident = 0
        """Bytes of memory held after the last task."""
        self.requests = {"answered": 0, "refused": 0}

    def run(self, task: dict[str, Any]) -> Iterator[Finding]:
        """Let the process do a task; what went wrong."""
        if self._process is None:
            self._start()
        self._send(task)
        address = ""
        while (said := self._next()) is not None:
            address = said.get("ask", address)
            if "flaw" in said:
                yield Finding(said["flaw"], said["address"], said["trace"])
            if "done" in said:
                yield from self._finished(said)
                return
        yield self._ended(address)

    def _next(self) -> dict[str, Any] | None:
        """What the process says next; None if it has ended, or hangs."""
        process = self._process
        assert process is not None
        began, before = time.monotonic(), processor_seconds(process.pid)
        while (said := self._lines.next(LOOK_SECONDS)) is None and process.poll() is None:
            if self._lines.at_end:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_SECONDS)
            busy = processor_seconds(process.pid) - before
            if busy > BUSY_SECONDS or time.monotonic() - began > SILENT_SECONDS:
                return None
        return said or self._lines.next(LOOK_SECONDS)  # what it said before it ended

    def stop(self) -> None:
        """End the process; the next task starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
        self._process, self._tasks = None, 0

    def _finished(self, said: dict[str, Any]) -> Iterator[Finding]:
        for name in self.requests:
            self.requests[name] += said[name]
        self._tasks, self.resident = self._tasks + 1, said["rss"]
        if self._tasks == WARM:
            self._settled = self.resident
        if self._tasks > WARM and self.resident > self._settled + GROWTH:
            what = f"memory grew from {self._settled >> 20} to {self.resident >> 20} MB"
            yield Finding(what, "", f"in {self._tasks} tasks")
            self.stop()
        elif self._tasks >= TASKS_PER_CHILD:
            self.stop()

    def _start(self) -> None:
        # this many bytes of its own for each thread would count as used up address space
        environ = os.environ | {
            "OPENBLAS_NUM_THREADS": "1",
            "VIPS_CONCURRENCY": "1",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scripts.fuzzing.child", str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                cwd=CHECKOUT,
                env=environ,
            )
        assert self._process.stdout is not None
        self._lines = Lines(self._process.stdout.fileno())
        if self._lines.next(START_SECONDS) is None:
            self.stop()
            raise SystemExit(f"the server does not start:\n{self._log.read_text(errors='replace')[-3000:]}")

    def _send(self, task: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
        except OSError:
            return  # it has ended; that shows when it is listened to

    def _ended(self, address: str) -> Finding:
        """What became of a process that says nothing more."""
        assert self._process is not None
        try:
            what = f"the process ended with {self._process.wait(0.5)}"
        except subprocess.TimeoutExpired:
            what = f"no answer in {BUSY_SECONDS:.0f} seconds of the processor, or a minute"
            self._process.send_signal(signal.SIGABRT)  # faulthandler then tells where it is
            time.sleep(1)
        self.stop()
        return Finding(what, address, self._log.read_text(errors="replace")[-6000:])


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used; 0 if it has ended."""
    try:
        # the name of the command, in parentheses, may hold spaces (proc(5))
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS
