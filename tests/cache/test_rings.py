"""Which of several servers has a key: the same one for all hosts, as many keys on each, and few that move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from iipserve.cache.memcached_servers import Ring, rendezvous
from iipserve.cache.nginx_ring import NginxRing

NAMES = ["10.0.0.11:11211", "10.0.0.12:11211", "10.0.0.13:11211", "/run/memcached.sock", "[fd00::1]:11211"]
KEYS = [f"iipserve:/iip?FIF=scan-{number // 50}.tif&JTL=5,{number % 50}" for number in range(20_000)]
Make = Callable[[Sequence[str]], Ring]
rings = pytest.mark.parametrize("make", [rendezvous, NginxRing], ids=["ours", "nginx"])


def owners(make: Make, names: Sequence[str]) -> list[str | None]:
    ring = make(names)
    return [ring.get_node(key) for key in KEYS]


@rings
@pytest.mark.parametrize("count", [2, 3, 5])
def test_shares_are_equal(make: Make, count: int) -> None:
    shares = Counter(owners(make, NAMES[:count]))
    assert len(shares) == count
    assert all(abs(share * count / len(KEYS) - 1) < 0.25 for share in shares.values()), shares


@rings
def test_order_of_the_names_does_not_matter(make: Make) -> None:
    assert owners(make, NAMES) == owners(make, NAMES[::-1])


@rings
@pytest.mark.parametrize("lost", NAMES)
def test_only_keys_of_a_server_that_is_lost_move(make: Make, lost: str) -> None:
    left = [name for name in NAMES if name != lost]
    for before, after in zip(owners(make, NAMES), owners(make, left), strict=True):
        assert after in left
        assert before in (after, lost)


@rings
def test_no_servers(make: Make) -> None:
    assert make([]).get_node("key") is None
