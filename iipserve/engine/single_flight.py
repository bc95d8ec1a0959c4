"""Concurrent requests for one result: computed once, shared by all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from iipserve.leader import hand_over

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Flight(Generic[V]):
    """One computation under way."""

    __slots__ = ("error", "landed", "result")

    def __init__(self) -> None:
        self.landed: threading.Event | None = None
        """Made by the first thread that has to wait; mostly none does."""
        self.result: V | None = None
        self.error: BaseException | None = None


class Flights(Generic[K, V]):
    """Computations under way, by key. Safe for many threads."""

    def __init__(self) -> None:
        self._under_way: dict[K, Flight[V]] = {}
        self._lock = threading.Lock()

    def run(self, key: K, compute: Callable[[], V]) -> V:
        """The result of `compute`, which is called unless another thread computes `key` already.

        An error is everybody's error; nothing is remembered once the first caller is done.
        """
        with self._lock:
            flight = self._under_way.get(key)
            if flight is None:
                mine = self._under_way[key] = Flight()
            elif flight.landed is None:
                flight.landed = threading.Event()
        return self._lead(key, mine, compute) if flight is None else _follow(flight)

    def _lead(self, key: K, flight: Flight[V], compute: Callable[[], V]) -> V:
        try:
            flight.result = compute()
            return flight.result
        except BaseException as error:
            flight.error = error
            raise
        finally:
            with self._lock:
                del self._under_way[key]
            if flight.landed is not None:
                flight.landed.set()


def _follow(flight: Flight[V]) -> V:
    assert flight.landed is not None, "made before the lock was given back"
    hand_over()
    flight.landed.wait()
    if flight.error is not None:
        raise flight.error
    return flight.result  # type: ignore[return-value]  # set unless there is an error
