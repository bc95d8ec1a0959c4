"""One memcached: what is read of its answers, and who is kept waiting for them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheIllegalInputError

from iipserve.cache import memcached_server
from iipserve.cache.memcached_server import MAX_VALUE, NEAR_SECONDS, Server
from iipserve.cache.memcached_servers import FAILURES
from iipserve.config import MemcachedAddress
from iipserve.leader import PROBE_INTERVAL
from tests.cache.servers import Memcached, answering, fake_server


@pytest.fixture
def memcached() -> Iterator[Memcached]:
    process = Memcached()
    process.start()
    yield process
    process.stop()


def server_on(port: int) -> Server:
    return Server(MemcachedAddress("127.0.0.1", port), 60.0)


VALUES = [
    b"",
    b"x",
    b"\r\n",
    b"END\r\n",
    b"\r\nEND\r\n" * 3,
    b"VALUE k 0 3\r\nabc\r\nEND\r\n",
    bytes(20_000),
    bytes(MAX_VALUE),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value[:20]!r} of {len(value)}")
def test_values_are_those_of_another_client(memcached: Memcached, value: bytes) -> None:
    server, other = (
        server_on(memcached.port),
        Client(("127.0.0.1", memcached.port), connect_timeout=60, timeout=60),
    )
    assert server.get(b"k") is None
    other.set("k", value, noreply=False)
    assert server.get(b"k") == value
    server.set("other", value, 0)
    assert server.get(b"other") == value == other.get("other")
    other.close()


@pytest.mark.parametrize("key", ["", "a b", "a\r\nb", "\t", "a\x7f", "\xe4", "k" * 251])
def test_value_of_no_key_is_not_sent(memcached: Memcached, key: str) -> None:
    """memcached would read it as commands."""
    server = server_on(memcached.port)
    with pytest.raises(MemcacheIllegalInputError):
        server.set(key, b"set k 0 0 1\r\nx\r\n", 0)
    assert server.get(b"k") is None


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_answer_in_pieces(size: int) -> None:
    text = b"VALUE k 0 30\r\n" + b"\r\nEND\r\n" * 4 + b"12\r\nEND\r\n"

    def treat(connection: socket.socket, question: bytes) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(text), size):
            connection.sendall(text[start : start + size])

    with fake_server(treat) as fake:
        server = server_on(fake.port)
        assert server.get(b"k") == server.get(b"k") == b"\r\nEND\r\n" * 4 + b"12"
        assert fake.questions == 2


ANSWERS = [
    b"VALUE k 0 1\r\nxx\r\nEND\r\n",
    b"VALUE k 0 2\r\nxx\r\nVALUE j 0 1\r\nx\r\nEND\r\n",
    b"VALUE k 0 -1\r\nxx\r\nEND\r\n",
    b"VALUE k 0\r\nxx\r\nEND\r\n",
    b"VALUE k 0 2 3\r\nxx\r\nEND\r\n",
    b"VALUE kk 0 2\r\nxx\r\nEND\r\n",
    b"END\r\nEND\r\n",
    b"\r\n",
]


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_anything_else_is_a_failure(answer: bytes) -> None:
    with fake_server(answering(answer)) as fake, pytest.raises(FAILURES):
        server_on(fake.port).get(b"k")


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """An entry for each time another thread was let to serve."""
    times: list[None] = []
    monkeypatch.setattr(memcached_server, "hand_over", lambda: times.append(None))
    return times


def answers_within(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """From now on, on a clock of our own."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += seconds
        return now

    monkeypatch.setattr(memcached_server, "perf_counter", clock)


def test_threads_are_changed_for_distant_servers_only(
    memcached: Memcached, monkeypatch: pytest.MonkeyPatch, handed_over: list[None]
) -> None:
    server = server_on(memcached.port)
    answers_within(monkeypatch, NEAR_SECONDS / 2)
    for _ in range(100):
        server.get(b"k")
    assert len(handed_over) == 1, "for the connection"
    answers_within(monkeypatch, 0.1)
    server.get(b"k")
    answers_within(monkeypatch, NEAR_SECONDS / 2)
    for _ in range(100):
        server.get(b"k")
    assert len(handed_over) == 1, "one answer that takes long does not count"
    answers_within(monkeypatch, 0.002)
    for _ in range(100):
        server.get(b"k")
        server.set("k", b"", 0)
    assert len(handed_over) > 180
    answers_within(monkeypatch, NEAR_SECONDS / 2)
    for _ in range(10 * PROBE_INTERVAL):
        server.get(b"k")
    handed_over.clear()
    for _ in range(100):
        server.get(b"k")
    assert not handed_over
