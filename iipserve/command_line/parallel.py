"""Many pieces of work, in processes of this machine: one that ends its process fails alone."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import connection, get_context, parent_process
from typing import TypeAlias, TypeVar

T = TypeVar("T")
R = TypeVar("R")

Failed: TypeAlias = Callable[[T, str], R]
"""(what was to be done, why it was not) -> the result that says so."""
AHEAD = 4
"""Pieces that are handed out for each process, so that none waits."""
ENDED = "the process that did this ended before it was done; is there enough memory?"


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def in_processes(work: Callable[[T], R], items: Iterable[T], count: int, failed: Failed[T, R]) -> Iterator[R]:
    """The results of pieces of work, in the order in which they are ready.

    Args:
        work: can be pickled, and raises nothing.
        items: can be pickled.
        count: of processes.
        failed: called for a piece whose process has ended, by a signal or for lack of memory.
    """
    rest = iter(items)
    while suspects := (yield from _until_one_ends(work, rest, count, count * AHEAD)):
        # one of them ended it: now one at a time
        each = iter(suspects)
        while left := (yield from _until_one_ends(work, each, 1, 1)):
            yield from (failed(item, ENDED) for item in left)


def _until_one_ends(
    work: Callable[[T], R], items: Iterator[T], count: int, ahead: int
) -> Generator[R, None, list[T]]:
    """Yield results; return what was under way when a process ended, nothing if none did.

    Args:
        work: as of `in_processes`.
        items: as of `in_processes`.
        count: as of `in_processes`.
        ahead: pieces that are handed out at once.
    """
    pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=_begin)
    under_way: dict[Future[R], T] = {}
    try:
        while True:
            for item in islice(items, ahead - len(under_way)):
                try:
                    under_way[pool.submit(work, item)] = item
                except BrokenProcessPool:
                    return [*under_way.values(), item]
            if not under_way:
                return []
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                try:
                    result = future.result()
                except BrokenProcessPool:
                    return [*under_way.values()]
                del under_way[future]
                yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Prepare a process: Ctrl-C is for its parent, with which it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("iipserve").setLevel(logging.ERROR)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None, "it was started by one"
    connection.wait([parent.sentinel])
    os._exit(1)
