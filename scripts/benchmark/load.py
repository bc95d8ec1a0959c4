"""How a server is measured: with wrk, or by one viewer that is dragged along."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark.images import CACHE
from scripts.benchmark.servers import LOAD_CORE, Ports, cpu_seconds

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


def write_paths(server: str, mount: str, paths: Sequence[str]) -> Path:
    """A file with the addresses of a server, one a line."""
    file = CACHE / f"paths-{server}"
    file.write_text("\n".join(mount + path for path in paths))
    return file


def wrk(paths: Path, ports: Ports, connections: int, seconds: float) -> tuple[int, float, int]:
    """Requests answered, requests per second, and how many failed."""
    script = CACHE / "paths.lua"
    script.write_text(WRK_SCRIPT)
    command = [
        *LOAD_CORE,
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "-s",
        str(script),
        f"http://127.0.0.1:{ports.nginx}",
    ]
    output = subprocess.run(
        command, env={**os.environ, "BENCHMARK_PATHS": str(paths)}, capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if not found or not rate or not int(found[1]):
        raise RuntimeError(f"wrk had no answers:\n{output}")
    return int(found[1]), float(rate[1]), int(bad[1]) if bad else 0


def walk(paths: Path, ports: Ports, process: subprocess.Popen[bytes]) -> Measurement:
    """Each address once, one after the other, as a viewer that is dragged along asks for them."""
    addresses = paths.read_text().splitlines()
    before, started, failed = cpu_seconds(process.pid), time.monotonic(), 0
    with socket.create_connection(("127.0.0.1", ports.nginx)) as connection:
        for address in addresses:
            connection.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            failed += not read_answer(connection)
    seconds = time.monotonic() - started
    cpu = cpu_seconds(process.pid) - before
    os.kill(process.pid, signal.SIGHUP)  # both servers drop their caches
    time.sleep(1)
    return Measurement(len(addresses) / seconds, cpu / len(addresses) * 1e6, failed)


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
