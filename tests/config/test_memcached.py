"""Addresses of memcached servers, in libmemcached's forms (its documentation of memcached_servers_parse and options)."""

from __future__ import annotations

import pytest

from iipserve.config.memcached import MemcachedServers

PARSER = MemcachedServers()
EXACT = [
    ("", ()),
    (" , ", ()),
    ("localhost", (("localhost", 11211),)),
    ("localhost, cache:11212", (("localhost", 11211), ("cache", 11212))),
    ("10.0.0.1:11213,", (("10.0.0.1", 11213),)),
    ("::1", (("::1", 11211),)),
    ("[::1]", (("::1", 11211),)),
    ("[fe80::1]:11212", (("fe80::1", 11212),)),
    ("/run/memcached.sock", (("/run/memcached.sock", 0),)),
    ("unix:/run/memcached.sock,localhost", (("/run/memcached.sock", 0), ("localhost", 11211))),
    ("--SERVER=cache:11212", (("cache", 11212),)),
    ('--SOCKET="/run/memcached.sock"', (("/run/memcached.sock", 0),)),
]
WEIGHTED = [
    ("cache:11212/?3", "cache:11212"),
    ("cache/?3", "cache:11211"),
    ("cache:11212:3", "cache:11212"),
    ("cache:11212 3", "cache:11212"),
    ("[::1]:11212/?3,b", "[::1]:11212,b:11211"),
    ("/run/memcached.sock/?3", "/run/memcached.sock"),
]
WRONG = [
    "cache:many",
    "cache:0",
    "cache:65536",
    ":11211",
    "[cache]:1",
    "[::1",
    "a b",
    "cache:",
    "a:1:2:3",
]


@pytest.mark.parametrize(("text", "addresses"), EXACT)
def test_address(text: str, addresses: tuple[tuple[str, int], ...]) -> None:
    assert PARSER.read(text) == (addresses, True)


@pytest.mark.parametrize(("text", "shown"), WEIGHTED)
def test_weight_is_ignored(text: str, shown: str) -> None:
    value, is_exact = PARSER.read(text)
    assert (PARSER.show(value), is_exact) == (shown, False)


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="such as localhost,cache2:11211"):
        PARSER.read(text)


def test_only_paths_are_unix_sockets() -> None:
    assert [address.is_path for address in PARSER("a,/b,[::1]:1")] == [False, True, False]
