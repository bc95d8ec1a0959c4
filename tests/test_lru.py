"""A full mapping drops the least recently used values."""

from __future__ import annotations

from iipserve.lru import LRU


def test_least_recently_used_goes_first() -> None:
    values: LRU[str, int] = LRU(2)
    values.set("a", 1)
    values.set("b", 2)
    values.get("a")
    values.set("c", 3)
    assert [values.get(key) for key in "abc"] == [1, None, 3]


def test_no_limit() -> None:
    values: LRU[int, int] = LRU(None)
    for number in range(1000):
        values.set(number, number)
    assert values.get(0) == 0


def test_limit_of_zero() -> None:
    values: LRU[str, int] = LRU(0)
    values.set("a", 1)
    assert values.get("a") is None


def test_discarded_and_cleared() -> None:
    values: LRU[str, int] = LRU(2)
    values.set("a", 1)
    values.discard("a")
    values.discard("b")
    assert values.get("a") is None
    values.set("a", 1)
    values.clear()
    assert values.get("a") is None
