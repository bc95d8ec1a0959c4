"""The process that is fuzzed: answers what `scripts/fuzz` asks for, line by line, and says how it went.

A line in is a task, `{"addresses": [...]}` or `{"make": name, "seed": n, "examples": n}`, with the name of a method of `Child`;
lines out are `{"ask": address}` before each request, `{"flaw": ..., "address": ...}` for each that went wrong, and
`{"done": ...}` at the end.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import random
import resource
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings

from iipserve.app import Application, build
from iipserve.transport.malloc import tune_malloc
from scripts.fuzzing import wire
from scripts.fuzzing.services import Services
from scripts.fuzzing.wire import Wire
from tests.properties import mutations as spoiling
from tests.properties import strategies
from tests.properties.answers import flaw
from tests.properties.images import Subject, ask, describe, settings
from tests.properties.strategies import Asked

ADDRESS_SPACE = 3 << 30
"""Bytes this process may map: what asks for more is answered with an error, or found out."""


class LastFailure(logging.Handler):
    """Keeps the traceback of the last failure that was logged."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a record with a traceback."""
        if record.exc_info and record.exc_info[0] is not None:
            self.text = "".join(traceback.format_exception(*record.exc_info))


class Child:
    """One application and the way back to whoever asks."""

    def __init__(self, folder: Path, out: Any) -> None:
        self._folder = folder
        self._out = out
        self._application: Application = build(settings(folder))
        self._failure = LastFailure(logging.ERROR)
        logging.getLogger().addHandler(self._failure)
        self._counts = {"answered": 0, "refused": 0}
        self._subjects: list[Subject] = []
        self._services = Services(folder)
        self._wire = Wire(self._application, settings(folder))

    def tell(self, **values: Any) -> None:
        """Send one line."""
        self._out.write(json.dumps(values) + "\n")
        self._out.flush()

    def run(self, task: dict[str, Any]) -> None:
        """Do a task."""
        if "addresses" in task:
            for address in task["addresses"]:
                self.check(Asked(address))
        else:
            getattr(self, task["make"])(task["seed"], task["examples"])
        counts, self._counts = self._counts, {"answered": 0, "refused": 0}
        self.tell(done=True, rss=resident(), **counts)

    def check(self, asked: Asked) -> None:
        """Ask, and tell what is wrong with the answer."""
        self._begin(asked.address)
        response = ask(self._application, asked.address)
        found = flaw(response, asked.expected, str(self._folder))
        self._end(asked.address, response.status < 400, found)

    def _begin(self, shown: str) -> None:
        self.tell(ask=shown)
        self._failure.text = ""

    def _end(self, shown: str, answered: bool, found: str | None) -> None:
        """Count an answer, and tell what is wrong with it."""
        self._counts["answered" if answered else "refused"] += 1
        if self._failure.text and not found:
            found = "there is a traceback in the log"
        if found:
            self.tell(flaw=found, address=shown, trace=self._failure.text)

    def services(self, number: int, examples: int) -> None:
        """Ask map services and collections."""
        self._services.create()
        chance = random.Random(number)
        for _ in range(examples):
            sent = self._services.sent(chance)
            self._begin(str(sent))
            response = self._services.answer(sent)
            self._end(str(sent), response.status < 400, self._services.flaw(response))

    def raw(self, number: int, examples: int) -> None:
        """Send raw bytes of both transports."""
        chance = random.Random(number)
        for index in range(examples):
            over_http = bool(index % 2)
            data = wire.spoiled((wire.http if over_http else wire.fastcgi)(chance), chance)
            shown = f"{'HTTP' if over_http else 'FastCGI'} {data[:2000]!r}"
            self._begin(shown)
            self._end(shown, True, self._wire.flaw(data, over_http=over_http, chance=chance))

    def requests(self, number: int, examples: int) -> None:
        """Ask for pictures in every way that `tests.properties` knows."""
        subjects = self._known_subjects()
        valid = strategies.valid_requests(subjects)
        for requests in (valid, spoiling.spoiled(valid), spoiling.assembled(subjects)):

            @seed(number)
            @hypothesis_settings(
                max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(asked=requests)
            def generated(asked: Asked) -> None:
                self.check(asked)

            generated()

    def _known_subjects(self) -> list[Subject]:
        if not self._subjects:
            names = json.loads((self._folder / "subjects.json").read_text())
            self._subjects = [describe(self._application, name) for name in names]
        return self._subjects


def resident() -> int:
    """Bytes of memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    """Serve tasks until standard input ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    faulthandler.enable()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    tune_malloc()
    child = Child(Path(sys.argv[1]), out)
    child.tell(ready=True)
    for line in sys.stdin:
        child.run(json.loads(line))


if __name__ == "__main__":
    main()
