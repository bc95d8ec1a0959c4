"""Clients that ask until they are stopped, each in a thread of one of a few processes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scripts.torturing import maps, pictures, refusals
from scripts.torturing.asking import FastCgiWay, HttpWay, NoAnswer, Way
from scripts.torturing.pictures import Ask
from scripts.torturing.questions import Answer, Question
from scripts.torturing.records import Event, Kills, Record, Timing
from scripts.torturing.subjects import Subjects, subjects

TILES: tuple[Ask, ...] = (*pictures.TILES, *maps.TILES)
OTHERS: tuple[Ask, ...] = (*pictures.REGIONS, *maps.OTHERS)
REPEATS = 3
"""Of a request whose worker was killed."""
PAUSE = 0.01
"""Seconds between two timed tiles."""


@dataclass(frozen=True)
class Ports:
    """Where the server and nginx listen."""

    fastcgi: int
    http: int
    nginx: int | None

    def ways(self) -> list[Way]:
        """One connection of each way; none is opened before it is used."""
        ways: list[Way] = [FastCgiWay("FastCGI", self.fastcgi), HttpWay("HTTP", self.http)]
        if self.nginx is not None:
            ways.append(HttpWay("nginx, FastCGI", self.nginx))
            ways.append(HttpWay("nginx, HTTP", self.nginx, "/below/a/prefix"))
        return ways


@dataclass(frozen=True)
class Task:
    """What a process of clients needs to know."""

    ports: Ports
    kills: Path
    seed: int
    started: Any
    """A barrier of multiprocessing: all begin at the same time."""
    stopped: Any
    """An event of multiprocessing."""


class Lost(Exception):
    """A request that was not answered, because this program killed the worker."""


class Client:
    """Sends requests and judges the answers."""

    def __init__(self, way: Way, kills: Kills) -> None:
        self.way = way
        self.record = Record()
        self._kills = kills

    def ask(self, question: Question) -> float | None:
        """Ask, again where the worker was killed, and judge the answer; the seconds that a right one took."""
        for _ in range(REPEATS):
            start = time.monotonic()
            try:
                answer = self.send(question)
            except Lost:
                continue
            if answer is None:
                return None
            end, wrong = time.monotonic(), question.wrong(answer)
            if wrong is None:
                return end - start
            self.record.note_wrong(question.kind, f"{question.address}: {wrong}")
            return None
        self.record.note_failed("killed again and again", question.address)
        return None

    def send(
        self, question: Question, method: str = "GET", body: bytes = b"", media_type: str = ""
    ) -> Answer | None:
        """Ask once; no answer if the request failed or was refused, which is noted.

        Raises:
            Lost: the worker was killed.
        """
        self.record.asked[question.kind] += 1
        self.record.ways[self.way.name] += 1
        start, cause = time.monotonic(), None
        try:
            answer = self.way.ask(question.address, method, body, media_type)
        except NoAnswer as error:
            answer, cause = Answer(0, b""), str(error)
        end = time.monotonic()
        if question.is_suspected(answer) and self._kills.count() > 1:
            self.record.suspected += 1
            return None
        cause = cause or question.failure(answer)
        if cause is None:
            return answer
        if self._kills.within(start, end):
            self.record.lost.append(Event(end, cause, question.address))
            raise Lost
        self.record.note_failed(cause, f"{self.way.name} {question.address} after {end - start:.3f} s")
        return None

    def finish(self) -> Record:
        """End the connection."""
        self.way.close()
        self.record.renewed = self.way.renewed
        return self.record


def browse(task: Task, results: Any, clients: int) -> None:
    """Run in a process: clients that ask for everything in turn."""
    known = subjects()
    task.started.wait()
    _run(results, [partial(_browse, task, known, number) for number in range(clients)])


def time_tiles(task: Task, results: Any) -> None:
    """Run in a process of its own: one client that asks for tiles and takes the time."""
    known = subjects()
    task.started.wait()
    _run(results, [partial(_time_tiles, task, known)])


def _run(results: Any, clients: Sequence[Callable[[], Record]]) -> None:
    total = Record()
    with ThreadPoolExecutor(len(clients)) as pool:
        for done in [pool.submit(client) for client in clients]:
            total.add(done.result())
    results.put(total)


def _browse(task: Task, known: Subjects, number: int) -> Record:
    chance = random.Random(f"{task.seed} {number}")
    ways = task.ports.ways()
    client = Client(ways[number % len(ways)], Kills(task.kills))
    while not task.stopped.is_set():
        client.ask(_chosen(chance)(known, chance))
    return client.finish()


def _chosen(chance: random.Random) -> Ask:
    """What to ask for: mostly tiles."""
    number = chance.random()
    kinds: tuple[Ask, ...] = OTHERS
    if number < 0.6:
        kinds = TILES
    elif number < 0.65:
        kinds = refusals.ALL
    elif number < 0.67:
        kinds = pictures.HEAVY
    return chance.choice(kinds)


def _time_tiles(task: Task, known: Subjects) -> Record:
    chance = random.Random(f"{task.seed} tiles")
    client = Client(task.ports.ways()[0], Kills(task.kills))
    while not task.stopped.wait(PAUSE):
        seconds = client.ask(chance.choice(TILES)(known, chance))
        if seconds is not None:
            client.record.timings.append(Timing(time.monotonic(), seconds))
    return client.finish()
