"""Measures how long tiles take while the server makes heavy things; `scripts/bench pressure` runs it.

A process asks, one after the other, for a tile in memory, for a JPEG tile that is sent as stored and for a deflate tile that is
decoded and encoded, neither of which has been asked for before, while another process asks for exports and the like
over as many connections as the row says. Two workers, behind nginx without temporary files (it serves nobody while it writes
them), with default settings unless the row needs others.
Stated are milliseconds until an answer is complete (50th and 99th percentile) and the resident memory of the largest
worker, without that of files: its peak, and what is left once the load has ended. Printed as Markdown, for docs/performance.md.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import random
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benchmark.addresses import iip_inner, jtl
from scripts.benchmark.cases import Case
from scripts.benchmark.images import CACHE, DEEP, LARGE_PNG, Image, make_links, make_pressure_images
from scripts.benchmark.load import ask
from scripts.benchmark.servers import Ports, cpu_seconds, iipserve, nginx

JPEG, DEFLATE, UNTILED = "jpeg.tif", "deflate.tif", "untiled.jp2"
PNG_COPIES = 16
WORKERS = 2
PAUSE = 0.01
"""Seconds between two rounds of the process that measures, which is to be no load itself."""
WATCH_SECONDS = 0.2
IDLE_SECONDS = 60
"""How long the server may take to finish what it was asked for."""
KINDS = ("in memory", "JPEG, as stored", "deflate")
HEADER = f"""\
| while it is asked for | {" | ".join(f"{kind}, p50, ms | p99, ms" for kind in KINDS)} | answers | refused | peak, MB | afterwards, MB |
|---|{"--:|" * (2 * len(KINDS) + 4)}"""


@dataclass(frozen=True, slots=True)
class Load:
    """A row: what is asked for meanwhile."""

    name: str
    connections: int = 0
    addresses: Callable[[Mapping[str, Image]], Sequence[str]] = field(default=lambda images: ())
    settings: Mapping[str, str] = field(default_factory=dict)


def exports(images: Mapping[str, Image]) -> list[str]:
    """The whole image, in many sizes, since equal ones under way are made once."""
    picture = images[JPEG]
    return [
        f"?FIF={picture.name}&WID={width}&CVT=jpeg"
        for width in range(picture.width // 4, picture.width // 4 + 512)
    ]


def upscaled(images: Mapping[str, Image]) -> list[str]:
    """Small regions, as large as exports may be."""
    choice = random.Random(4)
    corners = [(choice.uniform(0, 0.9), choice.uniform(0, 0.9)) for _ in range(512)]
    return [f"?FIF={JPEG}&RGN={x:.4f},{y:.4f},0.03,0.03&WID=4500&CVT=jpeg" for x, y in corners]


def untiled(images: Mapping[str, Image]) -> list[str]:
    """Tiles at random."""
    return iip_inner(images[UNTILED])


def bundles(images: Mapping[str, Image]) -> list[str]:
    """All tiles of the full size in one answer, each in another order of ranges, so that none is remembered."""
    picture = images[DEEP]
    columns, rows = picture.grid(0)
    last, resolution = columns * rows - 1, picture.levels - 1
    return [f"?FIF={picture.name}&TIL={resolution},{first}-{last}" for first in range(min(32, last))]


def pngs(images: Mapping[str, Image]) -> list[str]:
    """A file decoded from top to bottom, in copies of which few are open at a time."""
    return [f"?FIF={images[LARGE_PNG].link(number).name}&WID=200&CVT=jpeg" for number in range(PNG_COPIES)]


LOADS = (
    Load("nothing else"),
    Load("64 exports", 64, exports),
    Load("32 enlarged exports", 32, upscaled),
    Load("32 tiles of untiled JPEG 2000", 32, untiled),
    Load("32 bundles (TIL) of tiles of 16 bits", 32, bundles),
    Load("8 large PNG files", 8, pngs, {"MAX_OPEN_IMAGES": "8"}),
)


def probes(images: Mapping[str, Image]) -> dict[str, Iterator[str]]:
    """What is measured: addresses of each kind."""
    warm = jtl(images[JPEG], images[JPEG].levels - 1, 0)
    return {
        kind: itertools.cycle(addresses)
        for kind, addresses in zip(KINDS, ([warm], _cold(images[JPEG]), _cold(images[DEFLATE])), strict=True)
    }


def _cold(picture: Image) -> list[str]:
    """Inner tiles of the full size, each once before any is asked for again; by then it is not in memory."""
    columns, rows = picture.grid(0)
    places = [row * columns + column for row in range(1, rows - 1) for column in range(columns - 1)]
    return [jtl(picture, picture.levels - 1, index) for index in random.Random(5).sample(places, len(places))]


def press(port: int, addresses: Sequence[str], connections: int, answered: object, refused: object) -> None:
    """Ask for heavy things over and over; a process of its own, until it is ended."""

    def go_on(first: int) -> None:
        for number in itertools.count(first, connections):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
                is_ok = ask(connection, f"/kept/i.fcgi{addresses[number % len(addresses)]}")
                count = answered if is_ok else refused
                with count.get_lock():  # type: ignore[attr-defined]
                    count.value += 1  # type: ignore[attr-defined]

    threads = [threading.Thread(target=go_on, args=(first,)) for first in range(connections)]
    for thread in threads:
        thread.start()


@contextmanager
def pressed(ports: Ports, load: Load, images: Mapping[str, Image]) -> Iterator[Callable[[], tuple[int, int]]]:
    """Ask for what a row says in another process; yields what gives the numbers of answers and of refusals so far."""
    answered, refused = multiprocessing.Value("q", 0), multiprocessing.Value("q", 0)
    if not load.connections:
        yield lambda: (0, 0)
        return
    arguments = ports.nginx, load.addresses(images), load.connections, answered, refused
    process = multiprocessing.Process(target=press, args=arguments, daemon=True)
    process.start()
    try:
        yield lambda: (answered.value, refused.value)
    finally:
        process.kill()
        process.join()


def measure(port: int, kinds: Mapping[str, Iterator[str]], seconds: float) -> dict[str, list[float]]:
    """Milliseconds of each answer by kind, in order of size."""
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    end = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while time.monotonic() < end:
            for kind, addresses in kinds.items():
                started = time.perf_counter()
                if not ask(connection, f"/kept/i.fcgi{next(addresses)}"):
                    raise RuntimeError("a tile was not answered with 200")
                taken[kind].append((time.perf_counter() - started) * 1000)
            time.sleep(PAUSE)
    return {kind: sorted(times) for kind, times in taken.items()}


def memory(process: subprocess.Popen[bytes]) -> float:
    """Resident megabytes of the largest worker, without those of files, which the kernel takes back when it needs them."""
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = [re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{worker}/status").read_text()) for worker in workers]
    return max(int(match[1]) / 1000 for match in found if match)


@contextmanager
def watched(process: subprocess.Popen[bytes]) -> Iterator[list[float]]:
    """What `memory` is again and again, in a list whose maximum is its peak."""
    ended, found = threading.Event(), [memory(process)]

    def watch() -> None:
        while not ended.wait(WATCH_SECONDS):
            found.append(memory(process))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def wait_until_idle(process: subprocess.Popen[bytes]) -> None:
    """Wait until the server has finished what it was asked for, and a second and a half more."""
    end = time.monotonic() + IDLE_SECONDS
    used = cpu_seconds(process.pid)
    while time.monotonic() < end:
        time.sleep(1.5)
        before, used = used, cpu_seconds(process.pid)
        if used - before < 0.03:
            return


def row(load: Load, folder: Path, images: Mapping[str, Image], seconds: float) -> str:
    """Measure under one load."""
    ports, case = Ports.free(), Case("", JPEG, lambda _: [], {"TMPDIR": str(CACHE), **load.settings})
    with nginx(ports), iipserve(ports, folder, case, workers=WORKERS, pinned=False) as process:
        kinds = probes(images)
        measure(ports.nginx, kinds, 1)
        with watched(process) as used, pressed(ports, load, images) as counts:
            if load.connections:
                time.sleep(1)
            taken = measure(ports.nginx, kinds, seconds)
            answers, refused = counts()
        wait_until_idle(process)
        afterwards = memory(process)
    times = [
        f"{part:.3g}"
        for each in taken.values()
        for part in (each[len(each) // 2], each[len(each) * 99 // 100])
    ]
    return (
        f"| {' | '.join([load.name, *times])} | {answers} | {refused} | {max(used):.0f} | {afterwards:.0f} |"
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench pressure",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--width", type=int, default=12_000, help="maximum width of the images in pixels (12000)"
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="of each row (30)")
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="rows whose names contain this, or one of these: a|b"
    )
    parser.add_argument("--list", action="store_true", help="print the names of the rows and end")
    options = parser.parse_args()
    loads = [load for load in LOADS if any(part in load.name for part in options.only.split("|"))]
    if options.list:
        print(*(load.name for load in loads), sep="\n")
        return
    folder = CACHE / f"images-{options.width}"
    images = make_pressure_images(folder, options.width)
    make_links(folder, images[LARGE_PNG], PNG_COPIES)
    print(HEADER, flush=True)
    for load in loads:
        print(row(load, folder, images, options.seconds), flush=True)


if __name__ == "__main__":
    main()
