"""What is done to the server while clients ask: one phase after the other."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeAlias

from scripts.torturing.hostile import attackers
from scripts.torturing.server import Scene, resident_peak, wait_for

STEP = 0.05
"""Seconds between two looks at the workers."""
KILL_SECONDS, RELOAD_SECONDS = 1.0, 1.0
MAX_PROCESSES = 5
"""Times the number of workers: a reload waits while so many old ones still finish."""

Fault: TypeAlias = Callable[["Stage", float], None]
"""Disturbs until a time of the monotonic clock."""


class Phase(NamedTuple):
    """A kind of disturbance, and when it was."""

    name: str
    start: float
    end: float


@dataclass
class Stage:
    """The server while it is disturbed, and what was seen of it."""

    scene: Scene
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    """What was done, by kind."""
    killed: set[int] = field(default_factory=set)
    """Processes that were killed."""
    peaks: dict[int, int] = field(default_factory=dict)
    """The most bytes that each worker ever had."""

    def wait(self, end: float) -> None:
        """Let time pass, and look at the memory of workers."""
        while time.monotonic() < end:
            for worker in self.scene.workers():
                self.peaks[worker] = max(self.peaks.get(worker, 0), resident_peak(worker))
            time.sleep(min(STEP, max(0.0, end - time.monotonic())))

    def wait_a_while(self, seconds: float, end: float) -> bool:
        """Let some seconds pass; False if the phase ends before."""
        until = time.monotonic() + seconds
        self.wait(min(until, end))
        return until < end

    def a_worker(self) -> int:
        """One of the processes that serve."""
        return self.chance.choice(self.scene.workers())


def undisturbed(stage: Stage, end: float) -> None:
    """Do nothing."""
    stage.wait(end)


def attacked(stage: Stage, end: float) -> None:
    """Let hostile clients connect."""
    ports = stage.scene.ports
    with attackers(ports.fastcgi, ports.http, str(stage.chance.random())) as running:
        stage.wait(end)
    stage.done["hostile connections"] += sum(each.connections for each in running)


def killed(stage: Stage, end: float) -> None:
    """Kill a worker now and then."""
    while stage.wait_a_while(KILL_SECONDS, end):
        kill(stage)
        wait_for(stage.scene.is_whole, "a killed worker is not replaced")


def kill(stage: Stage) -> None:
    """Kill a worker, and note when."""
    worker = stage.a_worker()
    stage.killed.add(worker)
    stage.scene.kills.begin()
    os.kill(worker, signal.SIGKILL)
    stage.scene.kills.end()
    stage.done["kill -9"] += 1


def paused(stage: Stage, end: float) -> None:
    """Stop a worker for a moment, and let it continue."""
    while stage.wait_a_while(stage.chance.uniform(0.2, 0.6), end):
        worker = stage.a_worker()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGSTOP)
            stage.done["SIGSTOP"] += 1
            stage.wait_a_while(stage.chance.uniform(0.2, 1.5), end)
            os.kill(worker, signal.SIGCONT)


def reloaded(stage: Stage, end: float) -> None:
    """Replace all workers every second, or ask for it while the service file has a mistake, so that nothing is replaced."""
    while stage.wait_a_while(RELOAD_SECONDS, end):
        if stage.chance.random() < 0.3:
            with stage.scene.broken_services():
                stage.scene.process.send_signal(signal.SIGHUP)
                stage.done["reload of a broken service file"] += 1
                stage.wait_a_while(RELOAD_SECONDS, end)
        else:
            reload(stage)
    wait_for(stage.scene.is_whole, "old workers do not end after reloads")


def resized(stage: Stage, end: float) -> None:
    """Start one more worker, and end one, as TTIN and TTOU do."""
    process = stage.scene.process
    while stage.wait_a_while(stage.chance.uniform(0.1, 1.0), end):
        process.send_signal(signal.SIGTTIN)
        stage.wait_a_while(stage.chance.uniform(0.1, 1.0), end)
        process.send_signal(signal.SIGTTOU)
        stage.done["TTIN and TTOU"] += 1
    wait_for(stage.scene.is_whole, "the number of workers is not what it was")


def reload(stage: Stage) -> None:
    """Have all workers replaced."""
    if len(stage.scene.workers()) < MAX_PROCESSES * stage.scene.count:
        stage.scene.process.send_signal(signal.SIGHUP)
        stage.done["reload"] += 1


def without_memcached(stage: Stage, end: float) -> None:
    """Stop memcached for a while; then end it, and start it again."""
    memcached = stage.scene.memcached
    while memcached is not None and stage.wait_a_while(0.3, end):
        memcached.signal(signal.SIGSTOP)
        stage.wait_a_while(stage.chance.uniform(0.3, 2.0), end)
        memcached.signal(signal.SIGCONT)
        stage.done["memcached stopped"] += 1
        if not stage.wait_a_while(0.3, end):
            break
        memcached.stop()
        stage.wait_a_while(0.5, end)
        memcached.start()
        stage.done["memcached ended"] += 1
    stage.wait(end)


def everything(stage: Stage, end: float) -> None:
    """All of it at once."""
    ports = stage.scene.ports
    with attackers(ports.fastcgi, ports.http, str(stage.chance.random())) as running:
        for action in _actions(stage):
            if not stage.wait_a_while(0.5, end):
                break
            action()
    if stage.scene.memcached is not None:
        stage.scene.memcached.signal(signal.SIGCONT)
    stage.done["hostile connections"] += sum(each.connections for each in running)
    wait_for(stage.scene.is_whole, "workers are missing, or old ones do not end")


def _actions(stage: Stage) -> Iterator[Callable[[], object]]:
    memcached = stage.scene.memcached
    while True:
        yield partial(kill, stage)
        yield partial(reload, stage)
        if memcached is not None:
            yield partial(memcached.signal, signal.SIGSTOP)
            yield partial(memcached.signal, signal.SIGCONT)


PHASES: dict[str, Fault] = {
    "undisturbed": undisturbed,
    "hostile clients": attacked,
    "memcached away": without_memcached,
    "kill -9": killed,
    "SIGSTOP": paused,
    "reload every second": reloaded,
    "more and fewer workers": resized,
    "all at once": everything,
}


def disturb(stage: Stage, seconds: float, phase_seconds: float) -> list[Phase]:
    """Run all phases in turn, over and over, for so many seconds."""
    phases: list[Phase] = []
    end = time.monotonic() + seconds
    each = min(phase_seconds, seconds / len(PHASES))
    while time.monotonic() < end - each / 2:
        for name, fault in PHASES.items():
            start = time.monotonic()
            fault(stage, start + each)
            phases.append(Phase(name, start, time.monotonic()))
    return phases
