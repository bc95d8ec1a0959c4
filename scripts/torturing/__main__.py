"""Disturb the server while clients ask for everything, and compare each answer with what it has to be.

Called by `scripts/torture`. The server runs with several workers, memcached and nginx, where these are installed.
The same seed gives the same requests of each client and the same disturbances; when they meet is up to the system.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.torturing import changes, clients
from scripts.torturing.clients import Task
from scripts.torturing.faults import Stage, disturb
from scripts.torturing.records import Record
from scripts.torturing.report import Report
from scripts.torturing.server import Scene, environment, running

BROWSERS = 8
"""Clients that ask for everything, in one process."""
PROCESSES = 3
"""Of clients."""
PHASE_SECONDS = 10.0
START_SECONDS, END_SECONDS = 120.0, 120.0


def main() -> int:
    """Run, and print the figures; 1 if anything is not as it has to be."""
    options = _options()
    print(
        f"seed {options.seed}, {options.seconds:g} s, {options.workers} workers, {environment()}", flush=True
    )
    with tempfile.TemporaryDirectory(prefix="iipserve-torture-") as folder:
        with running(Path(folder), options.workers) as scene:
            report = run(scene, options.seed, options.seconds)
        problems = report.problems
        print("\n".join([*report.lines(), "", *(problems or ["nothing is wrong"])]), flush=True)
    return 1 if problems else 0


def run(scene: Scene, seed: int, seconds: float) -> Report:
    """Let clients ask, and disturb the server meanwhile."""
    context = multiprocessing.get_context("spawn")
    stopped, results = context.Event(), context.Queue()
    started = context.Barrier(PROCESSES + 1)
    task = Task(scene.ports, scene.work / "kills", seed, started, stopped)
    targets: list[Any] = [
        (clients.browse, (task, results, BROWSERS)),
        (clients.time_tiles, (task, results)),
        (changes.change, (task, results, scene.images)),
    ]
    processes = [context.Process(target=target, args=arguments, daemon=True) for target, arguments in targets]
    for process in processes:
        process.start()
    started.wait(START_SECONDS)
    stage = Stage(scene, random.Random(seed))
    try:
        phases = disturb(stage, seconds, PHASE_SECONDS)
    finally:
        stopped.set()
    record = Record()
    for _ in processes:
        record.add(results.get(timeout=END_SECONDS))
    for process in processes:
        process.join(END_SECONDS)
    return Report(record, phases, stage)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/torture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600.0, metavar="N", help="how long to run (600)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all chance (1)")
    parser.add_argument("--workers", type=int, default=3, metavar="N", help="of the server (3)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
