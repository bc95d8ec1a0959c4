"""Starts the command with the stub application, as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.transport.client import connect

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20.0


def until(condition: Callable[[], Any]) -> Any:
    """The first true value of a callable; failing to connect counts as false."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            if value := condition():
                return value
        except OSError:
            pass
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


class Command:
    """One run of the command; FastCGI on a port and a Unix socket's path for asking it."""

    def __init__(
        self, folder: Path, *arguments: str, stdin: Any = subprocess.DEVNULL, **settings: str
    ) -> None:
        self.log = folder / "log"
        self.arguments = arguments
        settings = {"LOGFILE": str(self.log), "WORKERS": "1", "THREADS": "4"} | settings
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.transport.stub", *arguments],
            cwd=ROOT,
            env=os.environ | settings,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for the end; exit code and standard error."""
        _, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, err

    def stop(self) -> None:
        """End it, however the test went."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.communicate()


def echo(address: tuple[str, int] | str) -> dict[str, Any]:
    """What the stub receives of a request over FastCGI."""
    with connect(address) as peer:
        answer = peer.ask("/echo")
    seen: dict[str, Any] = json.loads(answer.body)
    return seen


def echo_http(port: int, path: str = "/echo") -> dict[str, Any]:
    """What the stub receives of a request over HTTP."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as answer:
        seen: dict[str, Any] = json.load(answer)
        return seen


def alive(process: int) -> bool:
    """Whether a process runs, and is no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
