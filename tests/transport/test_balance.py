from __future__ import annotations

import os
import select

import pytest

from iipserve.transport.balance import ABSENT, Balance


def woken(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


@pytest.mark.parametrize(
    ("others", "own", "passed_to"),
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
def test_turn_is_passed_to_the_worker_with_fewest(others: list[int], own: int, passed_to: int | None) -> None:
    balance = Balance(6)
    share = balance.take()
    assert share is not None
    shares = []
    for count in others:
        other = balance.take()
        assert other is not None
        other.note(count)
        shares.append(other)
    assert share.pass_on(own) == (passed_to is not None)
    assert [woken(other.waker) for other in shares] == [number == passed_to for number in range(len(shares))]
    for other in shares:
        other.heed()
        assert not woken(other.waker)


def test_places_are_used_again() -> None:
    balance = Balance(2)
    first, second = balance.take(), balance.take()
    assert first is not None
    assert balance.take() is None
    first.note(0)
    balance.give_back(None)
    balance.give_back(first)
    assert balance.counts.tolist().count(0) == 0
    again = balance.take()
    assert again is not None
    assert again.place == first.place
    assert second is not None


def test_notes_are_shared_between_processes() -> None:
    balance = Balance(2)
    ours, theirs = balance.take(), balance.take()
    assert ours is not None
    assert theirs is not None
    child = os.fork()
    if not child:
        theirs.note(1)
        os._exit(0)
    os.waitpid(child, 0)
    assert ours.pass_on(10)
    assert woken(theirs.waker)
