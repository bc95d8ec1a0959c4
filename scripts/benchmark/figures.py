"""Figures that are no rows of the table: the PNG encoder, start, memory, workers, many connections."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyvips
import tifffile

from iipserve.codecs import NO_METADATA, png
from iipserve.plan import Encoding
from scripts.benchmark import addresses, fronts
from scripts.benchmark.cases import CASES, CROWD_JPEG, Case, paths_of
from scripts.benchmark.images import Image, make_links
from scripts.benchmark.load import ask, write_paths, wrk
from scripts.benchmark.rasters import write_sparse
from scripts.benchmark.servers import Ports, iipserve, iipsrv, nginx


class Figure(NamedTuple):
    """One figure."""

    name: str
    measure: Callable[[Path, Mapping[str, Image]], str]
    """(folder of the images, images by file name) -> the figure, with its unit."""
    long: bool = False
    """Takes minutes, and is run on demand only."""


def _png(folder: Path, images: Mapping[str, Image]) -> str:
    """On the same pixels, in this process."""
    with tifffile.TiffFile(folder / "deflate.tif") as file:
        whole = file.pages[1].asarray()
    tiles = [whole[y : y + 256, x : x + 256].copy() for y in range(0, 2048, 512) for x in range(0, 2048, 512)]
    pictures = [pyvips.Image.new_from_memory(tile.data, 256, 256, 3, "uchar") for tile in tiles]
    encoding = Encoding("png", 1)
    ours = _cpu_per_call(lambda index: png.encode(tiles[index], encoding, NO_METADATA), len(tiles))
    vips = _cpu_per_call(lambda index: pictures[index].pngsave_buffer(compression=1), len(tiles))
    return f"{ours:.0f} µs, libvips {vips:.0f}: ratio {vips / ours:.1f}"


def _cpu_per_call(call: Callable[[int], object], count: int) -> float:
    """Microseconds of CPU time, over ten rounds."""
    for index in range(count):
        call(index)
    started = time.process_time()
    for index in range(10 * count):
        call(index % count)
    return (time.process_time() - started) / (10 * count) * 1e6


def _warm() -> Case:
    return next(case for case in CASES if case.name == "warm tile, IIP")


def _start(folder: Path, images: Mapping[str, Image]) -> str:
    case, ports = _warm(), Ports.free()
    with nginx(ports):
        started = time.monotonic()
        with iipserve(ports, folder, case) as process:
            _ask_all(ports, "/kept/", paths_of(case, images)[:1])
            return f"{time.monotonic() - started:.2f} s; {_memory(process):.0f} MB"


def _many_connections(folder: Path, images: Mapping[str, Image]) -> str:
    case, ports = _warm(), Ports.free()
    paths = write_paths("iipserve", "/kept/", paths_of(case, images))
    with nginx(ports), iipserve(ports, folder, case) as process:
        found = wrk(paths, ports, process, 500, 3)
        return f"{found.per_second:,.0f} per s, p50 {found.median:.3g} ms, p99 {found.slowest:.3g} ms, {found.failed} failed"


def _workers(count: int) -> Callable[[Path, Mapping[str, Image]], str]:
    """What so many workers answer, and what they could: nginx and the load generator need cores too."""

    def measure(folder: Path, images: Mapping[str, Image]) -> str:
        case, ports = _warm(), Ports.free()
        paths = write_paths("iipserve", "/kept/", paths_of(case, images))
        with nginx(ports), iipserve(ports, folder, case, workers=count, pinned=False) as process:
            wrk(paths, ports, process, 16, 1)
            found = wrk(paths, ports, process, 16, 5)
        could = count * 1e6 / found.cpu
        return f"{found.per_second:,.0f} per s at {found.cpu:.1f} µs CPU; with a core for each {could:,.0f}"

    return measure


# -- memory ------------------------------------------------------------------------------------------


def _crowd_case(**settings: str) -> Case:
    return Case("", CROWD_JPEG, addresses.first_tiles(1), settings)


def _per_image(
    settings: Mapping[str, str], few: int, many: int
) -> Callable[[Path, Mapping[str, Image]], str]:
    """The growth of a worker from the first `few` images to `many`, of each of which it is asked for one tile."""

    def measure(folder: Path, images: Mapping[str, Image]) -> str:
        case, ports = _crowd_case(**settings), Ports.free()
        asked = _first_tiles(folder, images, many)
        with nginx(ports), iipserve(ports, folder, case) as process:
            _ask_all(ports, "/kept/", asked[:few])
            before = _memory(process)
            _ask_all(ports, "/kept/", asked[few:])
            return f"{(_memory(process) - before) / (many - few) * 1e3:.1f} kB"

    return measure


def _after(count: int) -> Callable[[Path, Mapping[str, Image]], str]:
    """Memory of both servers with default settings, after one tile of each of so many images."""

    def measure(folder: Path, images: Mapping[str, Image]) -> str:
        case, ports = _crowd_case(), Ports.free()
        asked = _first_tiles(folder, images, count)
        with nginx(ports), iipserve(ports, folder, case) as ours, iipsrv(ports, folder, case) as theirs:
            _ask_all(ports, "/kept/", asked)
            _ask_all(ports, "/iipsrv/", asked)
            return f"{_memory(ours):.0f} MB, iipsrv {_memory(theirs):.0f} MB"

    return measure


def _first_tiles(folder: Path, images: Mapping[str, Image], count: int) -> Sequence[str]:
    make_links(folder, images[CROWD_JPEG], count)
    return [f"i.fcgi{address}" for address in addresses.first_tiles(count)(images[CROWD_JPEG])]


def _ask_all(ports: Ports, mount: str, asked: Iterable[str]) -> None:
    with socket.create_connection(("127.0.0.1", ports.nginx)) as connection:
        for address in asked:
            if not ask(connection, mount + address):
                raise RuntimeError(f"{mount}{address} was not answered with 200")


def _memory(process: subprocess.Popen[bytes], field: str = "VmRSS") -> float:
    """Resident megabytes of the first worker, or of a server without workers; `VmHWM` is the most it ever had."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    status = Path(f"/proc/{children[0] if children else process.pid}/status").read_text()
    found = re.search(rf"{field}:\s+(\d+)", status)
    return int(found[1]) / 1000 if found else 0.0


def _coverage(folder: Path, images: Mapping[str, Image]) -> str:
    """The whole of a raster by WCS, as a file without compression; the worker's memory at its highest."""
    path = folder / LARGE
    if not path.exists():
        write_sparse(path, *LARGE_SIZE)
    case, ports = Case("", LARGE, lambda _: [], {"TMPDIR": str(folder)}), Ports.free()
    address = "i.fcgi?SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID=large&FORMAT=image/tiff"
    with nginx(ports), iipserve(ports, folder, case) as process:
        started = time.monotonic()
        _ask_all(ports, "/kept/", [address])
        return f"{time.monotonic() - started:.1f} s, {_memory(process, 'VmHWM'):.0f} MB"


LARGE, LARGE_SIZE = "large.tif", (16_400, 32_768)
"""A raster of 2.15 GB of float32, columns and rows."""
OPEN = {"MAX_OPEN_IMAGES": "1000", "MAX_METADATA_CACHE_SIZE": "1000", "MAX_IMAGE_CACHE_SIZE": "0"}
REMEMBERED = {"MAX_OPEN_IMAGES": "10", "MAX_METADATA_CACHE_SIZE": "10000", "MAX_IMAGE_CACHE_SIZE": "0"}

FIGURES: Sequence[Figure] = (
    Figure("PNG of a 256 x 256 RGB tile, level 1", _png),
    Figure("start to first answer; memory of the worker then", _start),
    Figure("warm tiles, 500 connections", _many_connections),
    Figure("warm tiles, one worker, 16 connections", _workers(1)),
    Figure("warm tiles, two workers, 16 connections", _workers(2)),
    Figure("warm tiles through nginx, FastCGI", fronts.measured("/kept/")),
    Figure("warm tiles over HTTP, without nginx", fronts.measured("/kept/", has_front=False)),
    Figure("warm tiles through nginx, fastcgi_cache", fronts.measured("/cached/")),
    Figure("warm tiles through nginx, memcached_pass", fronts.measured("/passed/", keeps_bodies=True)),
    Figure("memory per open image", _per_image(OPEN, 100, 900)),
    Figure("memory per remembered image", _per_image(REMEMBERED, 1000, 5000)),
    Figure("memory of a worker after 10,000 images", _after(10_000)),
    Figure("coverage of 2 GB, GeoTIFF; the most memory of the worker", _coverage),
)
