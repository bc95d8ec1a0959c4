"""Progress of commands that take long: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TextIO, TypeVar

T = TypeVar("T")

WIDTH = 30
"""Characters of the bar."""
BAR_SECONDS = 0.1
LINE_SECONDS = 10.0
"""Between two lines where there is no terminal."""


class Progress:
    """How much is done; used as a context, whose end leaves the last state on the screen."""

    def __init__(self, out: TextIO, title: str, total: int | None) -> None:
        """Show nothing yet.

        Args:
            out: where to; a bar if that is a terminal.
            title: what is done.
            total: how many steps there are; None: not known.
        """
        self._out = out
        self._title = title
        self._total = total
        self._is_bar = out.isatty()
        self.started = self._shown = time.monotonic()
        """When this began, on the monotonic clock."""
        self._done = self._written = 0

    def __enter__(self) -> Progress:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show how much was done."""
        if self._is_bar or self._done > self._written:
            self._show(end="\n")

    def step(self, count: int = 1) -> None:
        """So many more are done."""
        self._done += count
        now = time.monotonic()
        if now - self._shown >= (BAR_SECONDS if self._is_bar else LINE_SECONDS):
            self._shown = now
            self._show(end="" if self._is_bar else "\n")

    def reach(self, done: int) -> None:
        """So many are done."""
        self.step(done - self._done)

    def over(self, values: Iterable[T]) -> Iterator[T]:
        """The values, each a step."""
        for value in values:
            yield value
            self.step()

    def _show(self, end: str) -> None:
        begin = "\r" if self._is_bar else ""
        self._written = self._done
        self._out.write(f"{begin}{self._title}: {self.text(time.monotonic())}{end}")
        self._out.flush()

    def text(self, now: float) -> str:
        """What is shown at a time of the monotonic clock."""
        seconds = max(now - self.started, 1e-6)
        rate = f"{self._done / seconds:.0f}/s" if self._done >= seconds else f"{self._done / seconds:.2f}/s"
        if not self._total:
            return f"{self._done}, {rate}"
        part = min(self._done / self._total, 1.0)
        bar = f"[{'#' * int(part * WIDTH):<{WIDTH}}] " if self._is_bar else ""
        left = seconds / self._done * (self._total - self._done) if self._done else 0.0
        rest = f", {_duration(left)} left" if self._done < self._total else f" in {_duration(seconds)}"
        return f"{bar}{self._done}/{self._total}, {int(part * 100)} %, {rate}{rest}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
