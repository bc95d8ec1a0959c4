from __future__ import annotations

import os
import select

import pytest

from iipserve.transport.balance import ABSENT, ConnectionCounts


def woken(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


@pytest.mark.parametrize(
    ("others", "own", "left_to"),
    [
        pytest.param([], 500, None, id="alone"),
        pytest.param([ABSENT, ABSENT], 500, None, id="others are busy"),
        pytest.param([3], 3, None, id="equal"),
        pytest.param([3], 4, None, id="one more is tolerated"),
        pytest.param([3], 5, 0, id="clearly more"),
        pytest.param([9, 2, 5], 7, 1, id="to the one with the fewest"),
        pytest.param([9, 8], 2, None, id="fewest itself"),
    ],
)
def test_connection_is_left_to_the_worker_with_fewest(
    others: list[int], own: int, left_to: int | None
) -> None:
    counts = ConnectionCounts(6)
    slot = counts.claim()
    assert slot is not None
    slots = []
    for count in others:
        other = counts.claim()
        assert other is not None
        other.publish(count)
        slots.append(other)
    assert slot.wake_least_loaded(own) == (left_to is not None)
    assert [woken(other.waker) for other in slots] == [number == left_to for number in range(len(slots))]
    for other in slots:
        other.acknowledge()
        assert not woken(other.waker)


def test_slots_are_used_again() -> None:
    counts = ConnectionCounts(2)
    first, second = counts.claim(), counts.claim()
    assert first is not None
    assert counts.claim() is None
    first.publish(0)
    counts.free(None)
    counts.free(first)
    assert counts.counts.tolist().count(0) == 0
    again = counts.claim()
    assert again is not None
    assert again.index == first.index
    assert second is not None


def test_counts_are_shared_between_processes() -> None:
    counts = ConnectionCounts(2)
    ours, theirs = counts.claim(), counts.claim()
    assert ours is not None
    assert theirs is not None
    child = os.fork()
    if not child:
        theirs.publish(1)
        os._exit(0)
    os.waitpid(child, 0)
    assert ours.wake_least_loaded(10)
    assert woken(theirs.waker)
