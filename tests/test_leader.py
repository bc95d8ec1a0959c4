"""One thread runs at a time, until it steps aside or takes too long."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from iipserve import leader as turn
from iipserve.leader import Turn, step_aside

SECONDS = 5.0


class Runner(threading.Thread):
    """Takes the turn, does something, and gives the turn back."""

    def __init__(self, shared: Turn, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.running = threading.Event()
        self._shared, self._work = shared, work
        self.start()

    def run(self) -> None:
        self._shared.take()
        self._shared.begin()
        self.running.set()
        self._work()
        self._shared.give()


def test_second_waits_for_the_first_to_give() -> None:
    shared, done = Turn(), threading.Event()
    shared.take()
    other = Runner(shared, done.set)
    assert not other.running.wait(3 * turn.PATIENCE), "a thread that waits for work keeps its turn"
    shared.give()
    assert done.wait(SECONDS)


def test_stepping_aside_lets_the_next_one_run() -> None:
    shared = Turn()
    release = threading.Event()

    def work() -> None:
        step_aside()
        release.wait(SECONDS)

    first = Runner(shared, work)
    assert first.running.wait(SECONDS)
    second = Runner(shared, lambda: None)
    assert second.running.wait(SECONDS)
    release.set()
    first.join(SECONDS)


def test_turn_is_lost_by_taking_too_long() -> None:
    shared, release = Turn(), threading.Event()
    first = Runner(shared, lambda: release.wait(SECONDS))
    assert first.running.wait(SECONDS)
    second = Runner(shared, lambda: None)
    assert second.running.wait(SECONDS)
    assert not release.is_set()
    release.set()
    first.join(SECONDS)
    third = Runner(shared, lambda: None)
    assert third.running.wait(SECONDS)


def test_taking_it_again_costs_nothing() -> None:
    shared = Turn()
    shared.take()
    shared.take()
    assert shared.is_mine()
    shared.give()
    shared.give()
    assert not shared.is_mine()


def test_stepping_aside_without_a_turn_does_nothing() -> None:
    thread = threading.Thread(target=step_aside)
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive()


@pytest.mark.parametrize("threads", [2, 20])
def test_all_get_their_turn(threads: int) -> None:
    shared = Turn()
    runners = [Runner(shared, step_aside) for _ in range(threads)]
    for runner in runners:
        runner.join(SECONDS)
        assert not runner.is_alive()
