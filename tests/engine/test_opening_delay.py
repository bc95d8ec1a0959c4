"""Who opens files: the leader while that is quick, another thread while it is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iipserve.engine import image_folder, opening_delay
from iipserve.engine.library import Library
from iipserve.engine.opening_delay import HANGING_SECONDS, SHORT_SECONDS, OpeningDelay
from iipserve.leader import PROBE_INTERVAL, Leadership, leads
from tests.engine.fakes import marked_library

SECONDS = 120.0


class Clock:
    """Stands still but for what the test adds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(opening_delay, "perf_counter", clock)
    return clock


@pytest.fixture
def leadership() -> Iterator[Leadership]:
    shared = Leadership()
    yield shared
    shared.release()


def leads_after_opening(leadership: Leadership, delay: OpeningDelay, clock: Clock, seconds: float) -> bool:
    """Whether the leader opens a file itself, which takes so long."""
    leadership.acquire()
    with delay.opening():
        clock.now += seconds
    return leads()


def test_the_leader_opens_files_while_that_is_quick(leadership: Leadership, clock: Clock) -> None:
    delay = OpeningDelay()
    quick, slow = SHORT_SECONDS / 4, 1.0
    assert all(leads_after_opening(leadership, delay, clock, quick) for _ in range(10))
    assert leads_after_opening(leadership, delay, clock, slow)
    assert leads_after_opening(leadership, delay, clock, quick), "one that takes long does not count"
    for _ in range(4):
        leads_after_opening(leadership, delay, clock, slow)
    led = [leads_after_opening(leadership, delay, clock, slow) for _ in range(2 * PROBE_INTERVAL)]
    assert led.count(True) == 2, "to measure again"
    for _ in range(4 * PROBE_INTERVAL):
        leads_after_opening(leadership, delay, clock, quick)
    assert all(leads_after_opening(leadership, delay, clock, quick) for _ in range(10))


def test_threads_that_do_not_lead_are_not_measured(leadership: Leadership, clock: Clock) -> None:
    delay = OpeningDelay()
    for _ in range(10):
        with delay.opening():
            clock.now += 1.0
    assert leads_after_opening(leadership, delay, clock, 0.0)


def test_while_one_hangs_others_hand_over(leadership: Leadership, clock: Clock) -> None:
    delay, entered, go_on = OpeningDelay(), threading.Event(), threading.Event()

    def hang() -> None:
        with delay.opening():
            entered.set()
            go_on.wait(SECONDS)

    thread = threading.Thread(target=hang)
    thread.start()
    assert entered.wait(SECONDS)
    assert leads_after_opening(leadership, delay, clock, HANGING_SECONDS / 2)
    clock.now += HANGING_SECONDS
    assert not leads_after_opening(leadership, delay, clock, 0.0)
    go_on.set()
    thread.join(SECONDS)
    assert leads_after_opening(leadership, delay, clock, 0.0)


def test_storage_that_hangs_does_not_stop_the_worker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of threads that serve by turns, as many as ask for files that do not open are stopped, and no other."""
    images, shared, storage_answers = marked_library(folder), Leadership(), threading.Event()
    opened = image_folder.open_regular

    def open_or_hang(root: str, path: str, name: str) -> int:
        if "hung" in path:
            storage_answers.wait(SECONDS)
        return opened(root, path, name)

    monkeypatch.setattr(image_folder, "open_regular", open_or_hang)
    names = [f"hung{number}.img" for number in range(4)]
    for name in names:
        (folder / name).write_bytes(b"MARKh")
    hung = [Server(shared, images, name) for name in names]
    assert serves(shared, images, "a.img")
    assert all(not one.done.is_set() for one in hung)
    assert serves(shared, images, "sub folder/é.img")
    storage_answers.set()
    assert all(one.done.wait(SECONDS) for one in hung)


class Server(threading.Thread):
    """Becomes the leader, as the threads of a worker do, and reads an image."""

    def __init__(self, shared: Leadership, images: Library, identifier: str) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()
        self._shared = shared
        self._work: Callable[[], object] = lambda: images.info(identifier)
        self.start()

    def run(self) -> None:
        self._shared.acquire()
        self._shared.busy()
        self._work()
        self._shared.release()
        self.done.set()


def serves(shared: Leadership, images: Library, identifier: str) -> bool:
    """Whether a thread gets its turn and reads an image, while others wait for theirs."""
    return Server(shared, images, identifier).done.wait(SECONDS / 2)
