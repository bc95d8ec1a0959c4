"""What a run has shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.torturing.faults import Phase, Stage
from scripts.torturing.records import Event, Record, Timing

MAX_EXAMPLES = 5
"""Of each kind of fault."""
LOGGED = re.compile(r"Traceback|WORKER TIMEOUT|was sent SIG|exited with code")


@dataclass(frozen=True)
class Report:
    """Everything that was counted."""

    record: Record
    phases: Sequence[Phase]
    stage: Stage

    @property
    def problems(self) -> list[str]:
        """What is not as it has to be, a line each."""
        return [
            *self._events("wrong answers", self.record.wrong_count, self.record.wrong),
            *self._events("failed requests", self.record.failed_count, self.record.failed),
            *self._memory_problem(),
            *(f"log: {line}" for line in self._log_lines()[:MAX_EXAMPLES]),
        ]

    def lines(self) -> Iterator[str]:
        """The figures, for people."""
        yield f"{'phase':<22}{'seconds':>8}{'tiles':>8}{'p50 ms':>9}{'p99 ms':>9}{'wrong':>7}{'failed':>7}{'lost':>6}"
        for name in dict.fromkeys(phase.name for phase in self.phases):
            yield self._phase_line(name, [phase for phase in self.phases if phase.name == name])
        record = self.record
        yield ""
        yield f"requests            {record.asked.total():,}: {_listed(record.asked)}"
        yield f"by way              {_listed(record.ways)}"
        yield f"disturbances        {_listed(self.stage.done)}"
        yield f"wrong answers       {record.wrong_count:,}"
        yield f"failed requests     {record.failed_count:,}"
        yield f"lost and repeated   {len(record.lost):,}, on workers that were killed by this program"
        yield f"refused since then  {record.suspected:,}, of which two workers died, as it seems to the server"
        yield f"connections renewed {record.renewed:,}, which the server had ended between requests"
        yield f"workers             {len(self.stage.peaks):,}, of which {len(self.stage.killed):,} were killed"
        yield f"memory of a worker  {self._peak / 1e6:,.0f} MB at most, of {self.stage.scene.memory / 1e6:,.0f} MB"
        yield f"tiles               p50 {_percentile(record.timings, 50):.1f} ms, p99 {_percentile(record.timings, 99):.1f} ms"

    @property
    def _peak(self) -> int:
        return max(self.stage.peaks.values(), default=0)

    def _phase_line(self, name: str, phases: Sequence[Phase]) -> str:
        record = self.record
        timings = [each for each in record.timings if _within(each.at, phases)]
        seconds = sum(phase.end - phase.start for phase in phases)
        counts = [
            sum(_within(each.at, phases) for each in events)
            for events in (record.wrong, record.failed, record.lost)
        ]
        p50, p99 = _percentile(timings, 50), _percentile(timings, 99)
        return (
            f"{name:<22}{seconds:>8.0f}{len(timings):>8}{p50:>9.1f}{p99:>9.1f}"
            f"{counts[0]:>7}{counts[1]:>7}{counts[2]:>6}"
        )

    def _events(self, title: str, count: int, events: Sequence[Event]) -> Iterator[str]:
        """How many there were, by cause, with examples."""
        if not count:
            return
        yield f"{count:,} {title}"
        causes = Counter(event.cause for event in events)
        for cause, number in causes.most_common():
            yield f"  {number:,} x {cause}"
            for event in [each for each in events if each.cause == cause][:MAX_EXAMPLES]:
                yield f"      {self._phase_of(event.at)}: {event.detail[:300]}"

    def _phase_of(self, at: float) -> str:
        return next((phase.name for phase in self.phases if _within(at, [phase])), "between phases")

    def _memory_problem(self) -> Iterator[str]:
        if self._peak > self.stage.scene.memory:
            yield f"a worker had {self._peak / 1e6:,.0f} MB; the settings allow {self.stage.scene.memory / 1e6:,.0f} MB"

    def _log_lines(self) -> list[str]:
        """Lines of the log that tell of a fault; not those about workers that were killed here."""
        own = re.compile(rf"\(pid:({'|'.join(map(str, self.stage.killed)) or 'none'})\) was sent SIGKILL")
        lines = self.stage.scene.log.splitlines()
        return [line for line in lines if LOGGED.search(line) and not own.search(line)]


def _within(at: float, phases: Sequence[Phase]) -> bool:
    return any(phase.start <= at < phase.end for phase in phases)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())


def _percentile(timings: Sequence[Timing], percent: int) -> float:
    """In milliseconds."""
    times = sorted(each.seconds for each in timings)
    return 1000 * times[min(len(times) - 1, len(times) * percent // 100)] if times else 0.0
