"""Starts the command with the stub application, as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.transport.client import SECONDS, connect

ROOT = Path(__file__).resolve().parents[2]


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
        time.sleep(0.01)


class Command:
    """One run of the command; FastCGI on a port and a Unix socket's path for asking it."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        stdin: Any = subprocess.DEVNULL,
        wrapper: Sequence[str] = (),
        **settings: str,
    ) -> None:
        self.log = folder / "log"
        self.arguments = arguments
        usual = {"LOGFILE": str(self.log), "WORKERS": "1", "THREADS": "4", "FILESYSTEM_PREFIX": f"{folder}/"}
        settings = usual | settings
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", "tests.transport.stub", *arguments],
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
        """End it at once, however the test went: TERM would keep connections that are open for some seconds."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.communicate()


class HeldRequest:
    """A request that the stub is answering, until `finish`."""

    def __init__(self, folder: Path, ask: Callable[[str], bytes]) -> None:
        self._file = folder / "finish"
        pool = ThreadPoolExecutor(1)
        self._answer = pool.submit(ask, f"/once{self._file}")
        pool.shutdown(wait=False)
        until(Path(f"{self._file}.begun").exists)

    def finish(self, after: float = 0.0) -> None:
        """Let it be answered, after some seconds in which the server may do wrong."""
        threading.Timer(after, self._file.touch).start()

    def is_answered(self) -> bool:
        return self._answer.done()

    def body(self) -> bytes:
        return self._answer.result(SECONDS)


def fetch(address: tuple[str, int] | str, path: str) -> bytes:
    """The body of the response over FastCGI."""
    with connect(address) as peer:
        return peer.ask(path).body


def fetch_http(port: int, path: str) -> bytes:
    """The body of the response over HTTP."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as answer:
        return bytes(answer.read())


def echo(address: tuple[str, int] | str) -> dict[str, Any]:
    """What the stub receives of a request over FastCGI."""
    seen: dict[str, Any] = json.loads(fetch(address, "/echo"))
    return seen


def echo_http(port: int, path: str = "/echo") -> dict[str, Any]:
    """What the stub receives of a request over HTTP."""
    seen: dict[str, Any] = json.loads(fetch_http(port, path))
    return seen


def alive(process: int) -> bool:
    """Whether a process runs, and is no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
