"""One thread serves at a time, until it hands over or takes too long."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from iipserve import leader
from iipserve.leader import Leadership, hand_over

SECONDS = 120.0


class Runner(threading.Thread):
    """Becomes the leader, does something, and releases the leadership."""

    def __init__(self, shared: Leadership, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.running = threading.Event()
        self._shared, self._work = shared, work
        self.start()

    def run(self) -> None:
        self._shared.acquire()
        self._shared.busy()
        self.running.set()
        self._work()
        self._shared.release()


def test_second_waits_for_the_first_to_release() -> None:
    shared, done = Leadership(), threading.Event()
    shared.acquire()
    other = Runner(shared, done.set)
    assert not other.running.wait(3 * leader.PATIENCE), "a leader that waits for work is not replaced"
    shared.release()
    assert done.wait(SECONDS)


def test_handing_over_lets_the_next_one_run() -> None:
    shared = Leadership()
    release = threading.Event()

    def work() -> None:
        hand_over()
        release.wait(SECONDS)

    first = Runner(shared, work)
    assert first.running.wait(SECONDS)
    second = Runner(shared, lambda: None)
    assert second.running.wait(SECONDS)
    release.set()
    first.join(SECONDS)


def test_leadership_is_lost_by_taking_too_long() -> None:
    shared, release = Leadership(), threading.Event()
    first = Runner(shared, lambda: release.wait(SECONDS))
    assert first.running.wait(SECONDS)
    second = Runner(shared, lambda: None)
    assert second.running.wait(SECONDS)
    assert not release.is_set()
    release.set()
    first.join(SECONDS)
    third = Runner(shared, lambda: None)
    assert third.running.wait(SECONDS)


def test_acquiring_it_again_changes_nothing() -> None:
    shared = Leadership()
    shared.acquire()
    shared.acquire()
    assert shared.is_mine()
    shared.release()
    shared.release()
    assert not shared.is_mine()


def test_leader_that_is_replaced_while_it_goes_on_waits_for_its_turn() -> None:
    """Otherwise both would wait for events, and be given the same ones."""
    asked = False

    class Replaced(Leadership):
        """Where the current thread is asked for first, another one takes over before the answer is used."""

        def is_mine(self) -> bool:
            nonlocal asked
            mine = super().is_mine()
            if not asked:
                asked = True
                Runner(self, lambda: None).running.wait(SECONDS)
            return mine

    shared = Replaced()
    shared._leader, shared._busy_since = threading.get_ident(), -SECONDS
    shared.acquire()
    assert shared.is_mine()


def test_handing_over_does_nothing_in_a_follower() -> None:
    thread = threading.Thread(target=hand_over)
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive()


@pytest.mark.parametrize("threads", [2, 20])
def test_every_thread_becomes_the_leader(threads: int) -> None:
    shared = Leadership()
    runners = [Runner(shared, hand_over) for _ in range(threads)]
    for runner in runners:
        runner.join(SECONDS)
        assert not runner.is_alive()
