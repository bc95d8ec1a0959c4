"""How a server is measured: with wrk, or by one viewer that is dragged along."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark.images import CACHE
from scripts.benchmark.servers import LOAD_CORE, Ports, cpu_seconds

MAX_SECONDS = 30
"""Of a run without any answer that is repeated with more."""
WRK_SCRIPT = """
local paths = {}
for line in io.lines(os.getenv("BENCHMARK_PATHS")) do paths[#paths + 1] = line end
local next = 0
request = function()
  next = next % #paths + 1
  return wrk.format("GET", paths[next])
end
"""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one server over one list of addresses."""

    per_second: float
    cpu: float
    """Microseconds of the server's CPU time per request."""
    failed: int
    median: float
    """Milliseconds until an answer is complete."""
    slowest: float
    """The same of the 99th percentile."""


def write_paths(server: str, mount: str, paths: Sequence[str]) -> Path:
    """A file with the addresses of a server, one a line."""
    file = CACHE / f"paths-{server}"
    file.write_text("\n".join(mount + path for path in paths))
    return file


def check_answer(paths: Path, ports: Ports) -> None:
    """See that the first address leads to what is asked for: map servers report errors with status 200.

    Raises:
        RuntimeError: it does not.
    """
    first = paths.read_text().partition("\n")[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{ports.nginx}{first}", timeout=60) as answer:
        media_type, body = answer.headers.get_content_type(), answer.read(2000)
    if media_type == "text/html" or b"ExceptionReport" in body:
        raise RuntimeError(f"{first} is answered with {body.decode(errors='replace')}")


def wrk(
    paths: Path, ports: Ports, process: subprocess.Popen[bytes], connections: int, seconds: float
) -> Measurement:
    """Ask for the addresses over and over; for longer where nothing is answered in the time."""
    script = CACHE / "paths.lua"
    script.write_text(WRK_SCRIPT)
    command = [
        *LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "--latency",
        "-s", str(script), f"http://127.0.0.1:{ports.nginx}",
    ]  # fmt: skip
    before = cpu_seconds(process.pid)
    output = subprocess.run(
        command, env={**os.environ, "BENCHMARK_PATHS": str(paths)}, capture_output=True, text=True, check=True
    ).stdout
    cpu = cpu_seconds(process.pid) - before
    requests = _number(r"(\d+) requests in", output)
    if not requests and seconds < MAX_SECONDS:
        return wrk(paths, ports, process, connections, 4 * max(1, seconds))
    if not requests:
        raise RuntimeError(f"wrk had no answers:\n{output}")
    failed = _number(r"Non-2xx or 3xx responses: (\d+)", output) + _number(r"timeout (\d+)", output)
    return Measurement(
        _number(r"Requests/sec:\s+([\d.]+)", output),
        cpu / requests * 1e6,
        int(failed),
        _milliseconds("50%", output),
        _milliseconds("99%", output),
    )


def _number(pattern: str, output: str) -> float:
    found = re.search(pattern, output)
    return float(found[1]) if found else 0.0


def _milliseconds(percentile: str, output: str) -> float:
    """A line of wrk's latency distribution."""
    found = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s|m)", output)
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[found[2]] if found else 0.0


def walk(paths: Path, ports: Ports, process: subprocess.Popen[bytes]) -> Measurement:
    """Each address once, one after the other, as a viewer that is dragged along asks for them."""
    addresses = paths.read_text().splitlines()
    times, failed = [], 0
    before, started = cpu_seconds(process.pid), time.monotonic()
    with socket.create_connection(("127.0.0.1", ports.nginx)) as connection:
        for address in addresses:
            asked = time.monotonic()
            failed += not ask(connection, address)
            times.append((time.monotonic() - asked) * 1000)
    seconds, cpu = time.monotonic() - started, cpu_seconds(process.pid) - before
    os.kill(process.pid, signal.SIGHUP)  # both servers drop their caches
    time.sleep(1)
    times.sort()
    return Measurement(
        len(addresses) / seconds,
        cpu / len(addresses) * 1e6,
        failed,
        times[len(times) // 2],
        times[len(times) * 99 // 100],
    )


def ask(connection: socket.socket, address: str) -> bool:
    """Ask for one address; whether the answer was a 200."""
    connection.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return read_answer(connection)


def read_answer(connection: socket.socket) -> bool:
    """Read one answer to its end; whether it was a 200."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    if length:
        missing = int(length[1]) - len(body)
        while missing > 0:
            missing -= len(connection.recv(65536))
    else:
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(65536)
    return head.startswith(b"HTTP/1.1 200")
