"""Compare the daemon with Debian's iipimage-server, and for maps with MapServer and MapProxy, behind one nginx, interleaved.

Called by `scripts/bench`. Measured are the servers' own CPU time (user and system, all their processes,
from /proc) divided by the requests answered, and requests per second and the milliseconds of an answer (50th and 99th
percentile) as clients see them. What else the machine does disturbs the others and hardly the first. Tables are
printed as Markdown, for docs/performance.md.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from scripts.benchmark import servers
from scripts.benchmark.cases import CASES, IIPSRV, MAPPROXY, MAPSERVER, Case, paths_of
from scripts.benchmark.figures import FIGURES, Figure
from scripts.benchmark.images import CACHE, Image, make_images, make_links
from scripts.benchmark.load import Measurement, check_answer, walk, write_paths, wrk
from scripts.benchmark.servers import Ports, iipserve, iipsrv, mapproxy, mapserver, memcached, nginx

NEEDED = {
    "nginx": "nginx",
    "wrk": "wrk",
    "memcached": "memcached",
    servers.IIPSRV: "iipimage-server",
    servers.MAPSERV: "cgi-mapserver",
    "spawn-fcgi": "spawn-fcgi",
}
"""Programs and the Debian packages that hold them."""
HEADER = """\
| request | iipserve, µs CPU | per s | p50, ms | p99, ms | {0}, µs CPU | per s | p50, ms | p99, ms | ratio of CPU |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"""
PARTNERS = {IIPSRV: iipsrv, MAPSERVER: mapserver, MAPPROXY: mapproxy}
"""What starts them."""


def main() -> int:
    """Run the rows asked for and print the tables."""
    parser = _parser()
    options = parser.parse_args()
    cases, figures = _chosen(options, parser)
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if missing:
        print(f"not installed, but needed: {' '.join(missing)} (apt-get install {' '.join(missing)})")
        return 1
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"images-{options.width}"
    images = make_images(folder, options.width)
    failed = _print_cases(cases, images, folder, options) if cases else 0
    if figures:
        print("\n| figure | |\n|---|---|")
    for figure in figures:
        print(f"| {figure.name} | {figure.measure(folder, images)} |", flush=True)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=12_000, help="maximum width of the images in pixels")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each server, taken in turn")
    parser.add_argument("--connections", type=int, default=8, help="connections of the load generator")
    parser.add_argument(
        "--only",
        default="",
        metavar="NAMES",
        help="run the rows whose names contain this, or one of these: a|b",
    )
    parser.add_argument("--long", action="store_true", help="run the rows that take minutes, too")
    parser.add_argument("--list", action="store_true", help="print the names of the rows and end")
    return parser


def _chosen(options: argparse.Namespace, parser: argparse.ArgumentParser) -> tuple[list[Case], list[Figure]]:
    """The rows asked for; the process ends if one does not exist."""
    known: list[Case | Figure] = [*CASES, *FIGURES]
    possible = [row for row in known if options.long or not row.long]
    parts = options.only.split("|")
    for part in parts:
        if not any(part in row.name for row in possible):
            names = (f"    {row.name}{' (with --long)' if row.long else ''}\n" for row in known)
            parser.exit(2, f"no row is called {part!r}; known are\n{''.join(names)}")
    chosen = [row for row in possible if any(part in row.name for part in parts)]
    if options.list:
        print(*(row.name for row in chosen), sep="\n")
        parser.exit()
    return [row for row in chosen if isinstance(row, Case)], [
        row for row in chosen if isinstance(row, Figure)
    ]


def _print_cases(
    cases: Sequence[Case], images: dict[str, Image], folder: Path, options: argparse.Namespace
) -> int:
    """Print a table for each server that is compared with; returns the number of failed requests."""
    failed, printed = 0, ""
    for case in cases:
        if (case.partner or printed or IIPSRV) != printed:
            printed = case.partner or IIPSRV
            print("\n" + HEADER.format(printed))
        make_links(folder, images[case.image], case.links)
        try:
            failed += _print_case(case, images, folder, options)
        except (RuntimeError, OSError) as error:
            print(f"{case.name}: {error}", file=sys.stderr)
            failed += 1
    return failed


def _print_case(case: Case, images: dict[str, Image], folder: Path, options: argparse.Namespace) -> int:
    """Measure both servers in turn and print a row; returns the number of failed requests."""
    mount = "/kept/" if case.keeps_connections else "/new/"
    own_paths = write_paths("iipserve", mount, paths_of(case, images))
    other_paths = write_paths("partner", f"/{case.partner}/", paths_of(case, images, partner=True))
    own, other = [], []
    with ExitStack() as stack:
        ports = Ports.free()
        if case.memcached:
            stack.enter_context(memcached(ports))
        ours = stack.enter_context(iipserve(ports, folder, case))
        theirs = None
        if case.partner:
            start = PARTNERS[case.partner]
            theirs = stack.enter_context(start(ports, folder, case))
        stack.enter_context(nginx(ports))
        for number in range(options.rounds):
            is_first = number == 0
            own.append(_measure(case, own_paths, ports, ours, options, is_first=is_first))
            if theirs:
                if is_first and case.partner != IIPSRV:
                    check_answer(own_paths, ports)
                    check_answer(other_paths, ports)
                other.append(_measure(case, other_paths, ports, theirs, options, is_first=is_first))
    failed, others_failed = (0 if case.refused else sum(run.failed for run in runs) for runs in (own, other))
    cells = [case.name, *_cells(own), *(_cells(other) if other else ["-"] * 4), _ratio(own, other)]
    notes = [
        f"{count} of {name} failed"
        for name, count in (("iipserve", failed), (case.partner, others_failed))
        if count
    ]
    print(f"| {' | '.join(cells)} |" + (f" {', '.join(notes)}" if notes else ""), flush=True)
    return failed


def _cells(runs: Sequence[Measurement]) -> list[str]:
    """Medians, as cells of the table."""
    middle = statistics.median
    cpu, rate = middle(run.cpu for run in runs), middle(run.per_second for run in runs)
    times = middle(run.median for run in runs), middle(run.slowest for run in runs)
    return [f"{cpu:,.0f}", f"{rate:,.0f}", *(f"{time:.3g}" for time in times)]


def _ratio(own: Sequence[Measurement], other: Sequence[Measurement]) -> str:
    if not other:
        return "-"
    ratio = statistics.median(run.cpu for run in other) / statistics.median(run.cpu for run in own)
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}"


def _measure(
    case: Case,
    paths: Path,
    ports: Ports,
    process: subprocess.Popen[bytes],
    options: argparse.Namespace,
    *,
    is_first: bool,
) -> Measurement:
    if case.once:
        return walk(paths, ports, process)
    connections = case.connections or options.connections
    if case.warm_seconds:
        wrk(paths, ports, process, connections, case.warm_seconds if is_first else 0.5)
    return wrk(paths, ports, process, connections, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
