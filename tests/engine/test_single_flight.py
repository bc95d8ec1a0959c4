"""Concurrent requests for one result compute it once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from iipserve.engine.single_flight import SingleFlight
from iipserve.leader import Leadership

SECONDS = 120.0


def test_computed_once_for_all(waiting: threading.Semaphore) -> None:
    single_flight: SingleFlight[str, int] = SingleFlight()
    started, release = threading.Event(), threading.Event()
    calls: list[int] = []

    def compute() -> int:
        calls.append(1)
        started.set()
        release.wait(SECONDS)
        return 7

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(single_flight.do, "key", compute)
        assert started.wait(SECONDS)
        others = [pool.submit(single_flight.do, "key", compute) for _ in range(7)]
        assert all(waiting.acquire(timeout=SECONDS) for _ in others)
        release.set()
        assert [future.result() for future in (first, *others)] == [7] * 8
    assert len(calls) == 1


def test_not_remembered() -> None:
    single_flight: SingleFlight[str, int] = SingleFlight()
    assert [single_flight.do("key", lambda: 1), single_flight.do("key", lambda: 2)] == [1, 2]


def test_error_reaches_all_and_is_forgotten() -> None:
    single_flight: SingleFlight[str, int] = SingleFlight()

    def fail() -> int:
        raise KeyError("x")

    with pytest.raises(KeyError):
        single_flight.do("key", fail)
    assert single_flight.do("key", lambda: 3) == 3


def test_waiting_for_what_takes_long_leaves_the_place_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iipserve.engine.single_flight.SHORT", 0.001)
    single_flight: SingleFlight[str, int] = SingleFlight()
    started, replaced = threading.Event(), threading.Event()

    def compute() -> int:
        started.set()
        assert replaced.wait(60)
        return 7

    def follow() -> int:
        leadership = Leadership(replace=replaced.set)
        leadership.acquire()
        return single_flight.do("key", compute)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(single_flight.do, "key", compute)
        assert started.wait(60)
        assert pool.submit(follow).result() == first.result() == 7
