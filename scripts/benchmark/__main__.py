"""Compare the daemon with Debian's iipimage-server behind one nginx, interleaved, in one run.

Called by `scripts/bench`. Measured is the servers' own CPU time (user and system, all their processes,
from /proc) divided by the requests answered, and requests per second as wrk sees them. What else the
machine does disturbs the second figure and hardly the first.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from scripts.benchmark.cases import CASES, Case, paths_of
from scripts.benchmark.figures import print_png_figures, print_process_figures
from scripts.benchmark.images import CACHE, make_images
from scripts.benchmark.load import Measurement, walk, write_paths, wrk
from scripts.benchmark.servers import IIPSRV, Ports, cpu_seconds, free_port, iipserve, iipsrv, nginx

NEEDED = {
    "nginx": "nginx",
    "wrk": "wrk",
    IIPSRV: "iipimage-server",
}
"""Programs and the Debian packages that hold them."""


def main() -> int:
    """Run the cases asked for and print a table."""
    options = _options()
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if missing:
        print(f"not installed, but needed: {' '.join(missing)} (apt-get install {' '.join(missing)})")
        return 1
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"images-{options.width}"
    images = make_images(folder, options.width)
    chosen = [case for case in CASES if re.search(options.only, case.name)]
    if not chosen and not re.search(options.only, "PNG process"):
        print(
            f"--only {options.only!r} matches no row: {', '.join(case.name for case in CASES)}, PNG, process"
        )
        return 2
    print(f"{'':34}{'iipserve':>18}{'iipsrv 1.1':>20}{'ratio':>9}")
    print(f"{'':34}{'us CPU':>9}{'req/s':>9}{'us CPU':>11}{'req/s':>9}{'CPU':>9}")
    failed = 0
    for case in chosen:
        failed += _print_case(case, paths_of(case, images), folder, options)
    if re.search(options.only, "PNG"):
        print_png_figures(folder)
    if re.search(options.only, "process"):
        print_process_figures(folder, images)
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


def _print_case(case: Case, addresses: Sequence[str], folder: Path, options: argparse.Namespace) -> int:
    """Measure both servers in turn and print a row; returns the number of failed requests."""
    own_paths = write_paths("iipserve", "/kept/" if case.keeps_connections else "/new/", addresses)
    other_paths = write_paths("iipsrv", "/iipsrv/", addresses)
    with ExitStack() as stack:
        ports = Ports(*(free_port() for _ in range(3)))
        ours = stack.enter_context(iipserve(ports, folder, case))
        theirs = stack.enter_context(iipsrv(ports, folder, case))
        stack.enter_context(nginx(ports))
        rounds = [
            (
                _measure(case, own_paths, ports, ours, options),
                _measure(case, other_paths, ports, theirs, options) if case.iipsrv else None,
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
    case: Case, paths: Path, ports: Ports, process: subprocess.Popen[bytes], options: argparse.Namespace
) -> Measurement:
    if case.warm:
        wrk(paths, ports, options.connections, 0.5)
    if case.once:
        return walk(paths, ports, process)
    before = cpu_seconds(process.pid)
    requests, per_second, failed = wrk(paths, ports, options.connections, options.seconds)
    return Measurement(per_second, (cpu_seconds(process.pid) - before) / requests * 1e6, failed)


if __name__ == "__main__":
    sys.exit(main())
