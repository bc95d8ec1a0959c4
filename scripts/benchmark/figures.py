"""Figures that are no rows of the table: the PNG encoder, start, memory, workers, many connections."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyvips
import tifffile

from iipserve.codecs import NO_METADATA, png
from iipserve.plan import Encoding
from scripts.benchmark.cases import CASES, paths_of
from scripts.benchmark.images import Image
from scripts.benchmark.load import read_answer, write_paths, wrk
from scripts.benchmark.servers import Ports, cpu_seconds, free_port, iipserve, nginx


def print_png_figures(folder: Path) -> None:
    """The PNG encoder against libvips', on the same pixels, in this process."""
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


def print_process_figures(folder: Path, images: Mapping[str, Image]) -> None:
    """Start to first answer, memory, workers, many connections."""
    case = next(case for case in CASES if case.name.startswith("warm tile, IIP"))
    addresses = paths_of(case, images)
    ports = Ports(*(free_port() for _ in range(3)))
    with nginx(ports):
        started = time.monotonic()
        with iipserve(ports, folder, case) as process:
            with socket.create_connection(("127.0.0.1", ports.nginx)) as connection:
                connection.sendall(f"GET /kept/{addresses[0]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                read_answer(connection)
            print(f"\nstart to first answer: {time.monotonic() - started:.2f} s")
            print(f"memory of a worker after its first tile: {_worker_memory(process.pid):.0f} MB")
            paths = write_paths("iipserve", "/kept/", addresses)
            _, per_second, failed = wrk(paths, ports, 500, 3)
            print(f"500 connections: {per_second:.0f} req/s, {failed} failed")
        for workers in (1, 2):
            with iipserve(ports, folder, case, workers=workers, pinned=False) as process:
                _print_workers(workers, process, paths, ports)


def _print_workers(workers: int, process: subprocess.Popen[bytes], paths: Path, ports: Ports) -> None:
    """What so many workers answer, and what they could: nginx and the load generator need cores too."""
    wrk(paths, ports, 16, 1)
    before = cpu_seconds(process.pid)
    requests, per_second, failed = wrk(paths, ports, 16, 5)
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
