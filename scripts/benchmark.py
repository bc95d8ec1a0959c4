"""Compare the daemon with Debian's iipimage-server behind one nginx, interleaved, in one run.

Called by `scripts/bench`. Measured is the servers' own CPU time (user and system, all their processes,
from /proc) divided by the requests answered, and requests per second as wrk sees them. What else the
machine does disturbs the second figure and hardly the first.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyvips
import tifffile
from benchmark_images import CACHE, make_images
from benchmark_requests import CASES, Case, paths_of
from benchmark_servers import IIPSRV, LOAD_CORE, Ports, cpu_seconds, free_port, iipserve, iipsrv, nginx

NEEDED = {
    "nginx": "nginx",
    "wrk": "wrk",
    IIPSRV: "iipimage-server",
}
"""Programs and the Debian packages that hold them."""

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


def main() -> int:
    """Run the cases asked for and print a table."""
    options = _options()
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if missing:
        print(f"not installed, but needed: {' '.join(missing)} (apt-get install {' '.join(missing)})")
        return 1
    folder = make_images(CACHE / f"images-{options.width}", options.width)
    chosen = [case for case in CASES if re.search(options.only, case.name)]
    print(f"{'':34}{'iipserve':>18}{'iipsrv 1.1':>20}{'ratio':>9}")
    print(f"{'':34}{'us CPU':>9}{'req/s':>9}{'us CPU':>11}{'req/s':>9}{'CPU':>9}")
    failed = 0
    for case in chosen:
        failed += _print_case(case, folder, options)
    if re.search(options.only, "PNG"):
        _print_png_figures(folder)
    if re.search(options.only, "process"):
        _print_process_figures(folder)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=12_000, help="width of the images in pixels")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each server, taken in turn")
    parser.add_argument("--connections", type=int, default=8, help="connections of the load generator")
    parser.add_argument("--only", default="", metavar="REGEX", help="run the cases whose names match")
    return parser.parse_args()


def _print_case(case: Case, folder: Path, options: argparse.Namespace) -> int:
    """Measure both servers in turn and print a row; returns the number of failed requests."""
    with ExitStack() as stack:
        ports = Ports(*(free_port() for _ in range(3)))
        ours = stack.enter_context(iipserve(ports, folder, case))
        theirs = stack.enter_context(iipsrv(ports, folder, case))
        stack.enter_context(nginx(ports))
        rounds = [
            (
                _measure(case, "iipserve", ports, ours, options),
                _measure(case, "iipsrv", ports, theirs, options) if case.iipsrv else None,
            )
            for _ in range(options.rounds)
        ]
    own = [pair[0] for pair in rounds]
    other = [pair[1] for pair in rounds if pair[1] is not None]
    cpu, rate = _medians(own)
    row = f"{case.name:34}{cpu:9.0f}{rate:9.0f}"
    if other:
        other_cpu, other_rate = _medians(other)
        row += f"{other_cpu:11.0f}{other_rate:9.0f}{other_cpu / cpu:8.1f}x"
    failed = sum(run.failed for run in own)
    print(row + (f"  {failed} FAILED" if failed else ""), flush=True)
    return failed


def _medians(runs: Sequence[Measurement]) -> tuple[float, float]:
    return statistics.median(run.cpu for run in runs), statistics.median(run.per_second for run in runs)


def _measure(
    case: Case, server: str, ports: Ports, process: subprocess.Popen[bytes], options: argparse.Namespace
) -> Measurement:
    paths = CACHE / f"paths-{server}"
    mount = {"iipsrv": "/iipsrv/"}.get(server, "/kept/" if case.keeps_connections else "/new/")
    paths.write_text("\n".join(mount + path for path in paths_of(case, server)))
    if case.warm:
        _wrk(paths, ports, options.connections, 0.5)
    if case.once:
        return _walk(paths, ports, process)
    before = cpu_seconds(process.pid)
    requests, per_second, failed = _wrk(paths, ports, options.connections, options.seconds)
    return Measurement(per_second, (cpu_seconds(process.pid) - before) / requests * 1e6, failed)


def _wrk(paths: Path, ports: Ports, connections: int, seconds: float) -> tuple[int, float, int]:
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


def _walk(paths: Path, ports: Ports, process: subprocess.Popen[bytes]) -> Measurement:
    """Each address once, one after the other, as a viewer that is dragged along asks for them."""
    addresses = paths.read_text().splitlines()
    before, started, failed = cpu_seconds(process.pid), time.monotonic(), 0
    with socket.create_connection(("127.0.0.1", ports.nginx)) as connection:
        for address in addresses:
            connection.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            failed += not _read_answer(connection)
    seconds = time.monotonic() - started
    cpu = cpu_seconds(process.pid) - before
    os.kill(process.pid, signal.SIGHUP)  # both servers drop their caches
    time.sleep(1)
    return Measurement(len(addresses) / seconds, cpu / len(addresses) * 1e6, failed)


def _read_answer(connection: socket.socket) -> bool:
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


def _print_png_figures(folder: Path) -> None:
    """The PNG encoder beside libvips', on the same pixels, in this process."""
    from iipserve.codecs import NO_METADATA, png
    from iipserve.plan import Encoding

    with tifffile.TiffFile(folder / "deflate.tif") as file:
        whole = file.pages[1].asarray()
    tiles = [whole[y : y + 256, x : x + 256].copy() for y in range(0, 2048, 512) for x in range(0, 2048, 512)]
    images = [pyvips.Image.new_from_memory(tile.data, 256, 256, 3, "uchar") for tile in tiles]
    encoding = Encoding("png", 1)
    ours = _cpu_per_call(lambda index: png.encode(tiles[index], encoding, NO_METADATA), len(tiles))
    vips = _cpu_per_call(lambda index: images[index].pngsave_buffer(compression=1), len(tiles))
    print(f"\nPNG of a 256 x 256 RGB tile: {ours:.0f} us, libvips {vips:.0f} us, ratio {vips / ours:.1f}x")


def _cpu_per_call(call: Callable[[int], object], count: int) -> float:
    """Microseconds of CPU time, over ten rounds."""
    for index in range(count):
        call(index)
    started = time.process_time()
    for index in range(10 * count):
        call(index % count)
    return (time.process_time() - started) / (10 * count) * 1e6


def _print_process_figures(folder: Path) -> None:
    """Start to first answer, memory, workers, many connections."""
    case = next(case for case in CASES if case.name.startswith("warm tile, IIP"))
    address = paths_of(case, "iipserve")[0]
    ports = Ports(*(free_port() for _ in range(3)))
    with nginx(ports):
        started = time.monotonic()
        with iipserve(ports, folder, case) as process:
            with socket.create_connection(("127.0.0.1", ports.nginx)) as connection:
                connection.sendall(f"GET /kept/{address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                _read_answer(connection)
            print(f"\nstart to first answer: {time.monotonic() - started:.2f} s")
            print(f"memory of a worker after its first tile: {_worker_memory(process.pid):.0f} MB")
            paths = CACHE / "paths-iipserve"
            paths.write_text("\n".join(f"/kept/{path}" for path in paths_of(case, "iipserve")))
            _, per_second, failed = _wrk(paths, ports, 500, 3)
            print(f"500 connections: {per_second:.0f} req/s, {failed} failed")
        for workers in (1, 2):
            with iipserve(ports, folder, case, workers=workers, pinned=False) as process:
                _print_workers(workers, process, paths, ports)


def _print_workers(workers: int, process: subprocess.Popen[bytes], paths: Path, ports: Ports) -> None:
    """What so many workers answer, and what they could: nginx and the load generator need cores too."""
    _wrk(paths, ports, 16, 1)
    before = cpu_seconds(process.pid)
    requests, per_second, failed = _wrk(paths, ports, 16, 5)
    cpu = (cpu_seconds(process.pid) - before) / requests * 1e6
    print(
        f"{workers} worker{'s' * (workers > 1)}: {per_second:.0f} req/s at {cpu:.1f} us CPU each, {failed} failed; "
        f"with a core for each {workers * 1e6 / cpu:.0f} req/s"
    )


def _worker_memory(pid: int) -> float:
    """Resident megabytes of the first worker."""
    child = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{child}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    CACHE.mkdir(parents=True, exist_ok=True)
    sys.exit(main())
