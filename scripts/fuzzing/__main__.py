"""Feed spoiled files and generated requests to the server, and keep what makes it fail.

Called by `scripts/fuzz`. The server runs in a process of its own with a limit of memory and of time. Findings
are crashes, hangs, answers 5xx, wrong pictures, tracebacks in the log and memory that grows; the run goes on
after each. The same seed gives the same cases in the same order.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from scripts.fuzzing.corpus import make_corpus
from scripts.fuzzing.mutations import mutated
from scripts.fuzzing.server import CHECKOUT, Finding, Server

CACHE = CHECKOUT / ".cache" / "fuzz"
KEPT_OF_A_KIND = 3
"""Findings that look alike and are kept; further ones are only counted."""
EXAMPLES = 40
"""Requests of each strategy in one task."""
MAKERS = {"requests": "requests", "services": "services", "wire": "raw"}
"""Methods of the process that is fuzzed which make requests, by what `--only` calls them."""
TURN = ("files", "files", "services", "files", "files", "wire", "files", "requests")
"""What is done in turn."""
REPORT_SECONDS = 60.0
SORTS = {
    "the process ended": "crashes",
    "no answer": "hangs",
    "memory grew": "times growth",
    "status ": "answers 5xx",
    "there is a traceback": "tracebacks",
}
"""Sorts of findings, by how their texts begin."""
OTHERS = "wrong answers"

ADDRESSES = (
    "/iip?FIF={0}&OBJ=Basic-Info&OBJ=Min-Max-sample-values&OBJ=DPI",
    "/iip?FIF={0}&OBJ=stack",
    "/iip?FIF={0}&OBJ=metadata",
    "/iip?FIF={0}&JTL=0,0",
    "/iip?FIF={0}&GAM=0.7&CNT=1.3&PTL=1,1",
    "/iip?FIF={0}&QLT=60&WID=90&CVT=jpeg",
    "/iip?FIF={0}&CNV=sobel&RGN=0.4,0.4,0.5,0.5&WID=64&CVT=png",
    "/iip?FIF={0}&CNT=eq&ROT=30&WID=64&CVT=tiff",
    "/iip?FIF={0}&SDS=1&WTL=0,0",
    "/iip?FIF={0}&OBJ=statistics",
    "/iip?FIF={0}&PFL=0:0,0-9,9",
    "/iip?FIF={0}&SPECTRA=0,0,1,1",
    "/iip?FIF={0}&TIL=0,0-0",
    "/iiif/3/{0}/info.json",
    "/iiif/3/{0}/pct:50,50,50,50/40,/0/gray.png",
    "/deepzoom/{0}_files/7/0_0.jpg",
    "/zoomify/{0}/TileGroup0/1-0-0.jpg",
    "/wmts?SERVICE=WMTS&REQUEST=GetCapabilities&LAYERS={0}",
    "/wmts/{0}/default/native/0/0/0.png",
    "/wmts/{0}/default/WebMercatorQuad/0/0/0.jpg",
    "/wmts/{0}/default/WorldCRS84Quad/1/0/1.png",
    "/wmts?SERVICE=WMTS&VERSION=1.0.0&REQUEST=GetFeatureInfo&LAYER={0}&TILEMATRIXSET=native&TILEMATRIX=0&TILEROW=0&TILECOL=0"
    "&I=3&J=5&INFOFORMAT=application/json",
)
"""What is asked of every spoiled file."""


class Case(NamedTuple):
    """What the server is to do, and the file that it is about."""

    task: dict[str, Any]
    origin: str
    file: Path | None = None


def main() -> int:
    """Run until the time is up; 1 if anything was found."""
    options = _options()
    folder = CACHE / "images"
    server = Server(folder, CACHE / "server.log")
    if options.replay:
        make_corpus(folder)
        return _replay(server, folder, options.replay)
    print(f"seed {options.seed}; findings go to {CACHE / 'findings'}", flush=True)
    findings = Findings(CACHE / "findings")
    corpus = make_corpus(folder)
    print(f"{len(corpus)} files to spoil", flush=True)
    run = Run(server, findings, options.minutes)
    try:
        for case in _cases(corpus, folder, random.Random(options.seed), options.only):
            if not run.do(case):
                break
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    finally:
        server.stop()
        run.report()
    return 1 if findings.count else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5.0, metavar="N", help="how long to run (5)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all chance (1)")
    parser.add_argument("--only", choices=sorted(set(TURN)), help="leave the others out")
    parser.add_argument(
        "--replay", type=Path, metavar="FOLDER", help="repeat a finding instead, and tell how it goes"
    )
    return parser.parse_args()


class Run:
    """The counts of a run so far, and when to report them next."""

    def __init__(self, server: Server, findings: Findings, minutes: float) -> None:
        self._server, self._findings = server, findings
        self._start = self._reported = time.monotonic()
        self._end = self._start + 60 * minutes
        self._done: collections.Counter[str] = collections.Counter()

    def do(self, case: Case) -> bool:
        """Do a case; False when the time was up before."""
        now = time.monotonic()
        if now >= self._end:
            return False
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self.report()
        for finding in self._server.run(case.task):
            self._findings.keep(finding, case)
        self._done["files" if case.file else case.task["make"]] += 1
        if case.file:
            case.file.unlink(missing_ok=True)
        return True

    def report(self) -> None:
        """Print one line."""
        minutes = (time.monotonic() - self._start) / 60
        requests, server = self._server.requests, self._server
        tasks = ", ".join(f"{self._done[make]} tasks of {name}" for name, make in MAKERS.items())
        print(
            f"{minutes:5.1f} min: {self._done['files']} files, {tasks}, "
            f"{requests['answered']} requests answered, {requests['refused']} refused, {server.resident >> 20} MB; "
            f"{self._findings.summary()}",
            flush=True,
        )


class Findings:
    """The folder in which findings are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_kind: collections.Counter[str] = collections.Counter()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def count(self) -> int:
        """Findings, those that look alike included."""
        return self._by_kind.total()

    def summary(self) -> str:
        """How many there are of each sort."""
        counts = dict.fromkeys((*SORTS.values(), OTHERS), 0)
        for kind, count in self._by_kind.items():
            sort = next((sort for beginning, sort in SORTS.items() if kind.startswith(beginning)), OTHERS)
            counts[sort] += count
        return ", ".join(f"{count} {sort}" for sort, count in counts.items())

    def keep(self, finding: Finding, case: Case) -> None:
        """Keep what is needed to repeat a finding, unless enough like it are kept."""
        self._by_kind[finding.kind] += 1
        if self._by_kind[finding.kind] > KEPT_OF_A_KIND:
            return
        place = self._new_folder()
        if case.file and case.file.exists():
            shutil.copy(case.file, place / case.file.name)
        (place / "finding.json").write_text(
            json.dumps(
                {
                    "what": finding.what, "address": finding.address, "origin": case.origin, "task": case.task,
                    "detail": finding.detail.splitlines(),
                },
                indent=1,
            )
        )  # fmt: skip
        print(f"  {place.name} {case.origin}: {finding.what[:200]} {finding.address[:150]}", flush=True)

    def _new_folder(self) -> Path:
        number = 1 + max(
            (int(path.name) for path in self._folder.iterdir() if path.name.isdigit()), default=0
        )
        place = self._folder / f"{number:04}"
        place.mkdir()
        return place


def _cases(corpus: dict[str, bytes], folder: Path, chance: random.Random, only: str | None) -> Iterator[Case]:
    for number in itertools.count():
        kind = only or TURN[number % len(TURN)]
        if kind == "files":
            yield _spoiled_file(number, corpus, folder, chance)
        else:
            task = {"make": MAKERS[kind], "seed": chance.randrange(2**32), "examples": EXAMPLES}
            yield Case(task, f"{kind} from {task['seed']}")


def _spoiled_file(number: int, corpus: dict[str, bytes], folder: Path, chance: random.Random) -> Case:
    name = chance.choice(sorted(corpus))
    others = [corpus[other] for other in chance.sample(sorted(corpus), 3)]
    # a name of its own each, so that nothing is remembered of another
    path = folder / f"spoiled{number}{Path(name).suffix}"
    path.write_bytes(mutated(corpus[name], others, chance))
    addresses = chance.sample(ADDRESSES, 6)
    return Case({"addresses": [address.format(path.name) for address in addresses]}, f"{name} spoiled", path)


def _replay(server: Server, folder: Path, finding: Path) -> int:
    """Repeat one finding; 1 if it is found again."""
    known = json.loads((finding / "finding.json").read_text())
    files = [path for path in finding.iterdir() if path.name != "finding.json"]
    for file in files:
        shutil.copy(file, folder / file.name)
    found = list(server.run(known["task"]))
    server.stop()
    for file in files:
        (folder / file.name).unlink()
    for again in found:
        print(f"{again.what} {again.address}\n{again.detail}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
