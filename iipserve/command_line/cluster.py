"""Many pieces of work on a cluster of Dask (extra `cluster`): workers that end are replaced by others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from iipserve.command_line.parallel import AHEAD, Failed, cores, in_processes
from iipserve.errors import NotInstalled

T = TypeVar("T")
R = TypeVar("R")

RETRIES = 2
"""How often a piece of work is begun again that fails on the way there or back."""


def results_of(
    work: Callable[[T], R], items: Iterable[T], failed: Failed[T, R], *, jobs: int, scheduler: str
) -> Iterator[R]:
    """The results of pieces of work, in the order in which they are ready, by a cluster or by this machine.

    Args:
        work: can be pickled, and raises nothing.
        items: can be pickled.
        failed: called for a piece whose process has ended.
        jobs: processes of this machine; 1: this one; 0: one per core.
        scheduler: address of a cluster; empty: this machine does the work.
    """
    if scheduler:
        return on_cluster(work, items, scheduler, failed)
    count = jobs or cores()
    return map(work, items) if count == 1 else in_processes(work, items, count, failed)


def on_cluster(
    work: Callable[[T], R], items: Iterable[T], scheduler: str, failed: Failed[T, R]
) -> Iterator[R]:
    """As `results_of`, on a cluster.

    Raises:
        NotInstalled: the extra `cluster` is not.
        OSError: the scheduler does not answer.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise NotInstalled(
            "a cluster needs the package distributed: pip install 'iipserve[cluster]'"
        ) from None
    logging.getLogger("distributed").setLevel(logging.ERROR)
    rest, under_way = iter(items), {}
    with Client(scheduler, set_as_default=False) as client:
        ready = as_completed((), loop=client.loop)

        def submit(count: int) -> None:
            for item in islice(rest, count):
                future = client.submit(work, item, pure=False, retries=RETRIES)
                under_way[future] = item
                ready.add(future)

        submit(AHEAD * max(1, sum(client.nthreads().values())))
        for future in ready:
            yield _result(future, under_way.pop(future), failed)
            submit(1)


def _result(future: Any, item: T, failed: Failed[T, R]) -> R:
    if future.status == "finished":
        result: R = future.result()
        return result
    error = future.exception() if future.status == "error" else None
    return failed(item, f"the cluster did not do it: {error or future.status}")
