"""Concurrent requests for one result: computed once, shared by all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from iipserve.exchange import WAITING, phase
from iipserve.leader import hand_over, waiting_long

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
SHORT = 0.05
"""Seconds after which a thread that waits counts as one that waits long."""


class Call(Generic[V]):
    """One computation in progress."""

    __slots__ = ("done", "error", "result")

    def __init__(self) -> None:
        self.done: threading.Event | None = None
        """Created by the first thread that has to wait; usually none does."""
        self.result: V | None = None
        self.error: BaseException | None = None


class SingleFlight(Generic[K, V]):
    """Computations in progress, by key (named after Go's `singleflight`). Safe for many threads."""

    def __init__(self) -> None:
        self._calls: dict[K, Call[V]] = {}
        self._lock = threading.Lock()

    def do(self, key: K, compute: Callable[[], V]) -> V:
        """The result of `compute`, which is not called if another thread is already computing `key`.

        An error is raised in all callers. Nothing is remembered once the first caller has finished.

        Raises:
            Overloaded: too many requests wait already, for this result or for something else.
        """
        with self._lock:
            call = self._calls.get(key)
            if call is None:
                own = self._calls[key] = Call()
            elif call.done is None:
                call.done = threading.Event()
        return self._compute(key, own, compute) if call is None else _wait(call)

    def _compute(self, key: K, call: Call[V], compute: Callable[[], V]) -> V:
        try:
            call.result = compute()
            return call.result
        except BaseException as error:
            call.error = error
            raise
        finally:
            with self._lock:
                del self._calls[key]
            if call.done is not None:
                call.done.set()


def _wait(call: Call[V]) -> V:
    assert call.done is not None, "set before the lock was released"
    hand_over()
    with phase(WAITING):
        if not call.done.wait(SHORT):
            with waiting_long():
                call.done.wait()
    if call.error is not None:
        raise call.error
    return call.result  # type: ignore[return-value]  # set unless there is an error
