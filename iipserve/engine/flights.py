"""Concurrent requests for one result: computed once, shared by all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Flights(Generic[K, V]):
    """Computations under way, by key. Safe for many threads."""

    def __init__(self) -> None:
        self._under_way: dict[K, Future[V]] = {}
        self._lock = threading.Lock()

    def run(self, key: K, compute: Callable[[], V]) -> V:
        """The result of `compute`, which is called unless another thread computes `key` already.

        An error is everybody's error; nothing is remembered once the first caller is done.
        """
        with self._lock:
            future = self._under_way.get(key)
            leads = future is None
            if future is None:
                future = self._under_way[key] = Future()
        if leads:
            self._compute(key, compute, future)
        return future.result()

    def _compute(self, key: K, compute: Callable[[], V], future: Future[V]) -> None:
        try:
            future.set_result(compute())
        except BaseException as error:
            future.set_exception(error)
        finally:
            with self._lock:
                del self._under_way[key]
