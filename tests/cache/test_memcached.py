"""memcached: the real one, several of them, and servers that fail in every way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from iipserve.cache.memcached import MemcachedCache, expiry_time, pack, unpack
from iipserve.cache.memcached_server import MAX_VALUE
from iipserve.config import MemcachedAddress
from iipserve.plan import Rendition
from tests.cache.servers import (
    Memcached,
    answering,
    drip,
    fake_server,
    flood,
    free_port,
    hang_up,
    started,
    stay_silent,
)
from tests.contracts.cache import RenditionCacheContract, plan, rendition

DAY = 24 * 3600


@pytest.fixture
def server() -> Iterator[Memcached]:
    with started() as process:
        yield process


def cache_on(
    *ports: int,
    seconds: int = DAY,
    namespace: str = "",
    patience: float = 60.0,
    first_retry: float = 60.0,
) -> MemcachedCache:
    addresses = [MemcachedAddress("127.0.0.1", port) for port in ports]
    return MemcachedCache(addresses, seconds, namespace=namespace, patience=patience, first_retry=first_retry)


class TestMemcached(RenditionCacheContract):
    @pytest.fixture
    def cache(self, server: Memcached) -> MemcachedCache:
        return cache_on(server.port)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged at warning level so far."""
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


def eventually(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 120
    while not true():
        assert time.monotonic() < give_up, "it does not come about"
        time.sleep(0.01)


# -- what is stored


def test_another_process_finds_it(server: Memcached) -> None:
    first, second = cache_on(server.port), cache_on(server.port)
    first.set(plan(), rendition(plan()))
    assert first.get(plan()) == rendition(plan())
    assert second.get(plan()) == rendition(plan())


def test_name_with_several_addresses(server: Memcached) -> None:
    """`localhost` is ::1 first on many systems, and memcached listens on 127.0.0.1 only."""
    cache = MemcachedCache([MemcachedAddress("localhost", server.port)], DAY, patience=60.0)
    cache.set(plan(), rendition(plan()))
    assert cache.get(plan()) == rendition(plan())


def test_another_installation_does_not_find_it(server: Memcached) -> None:
    cache_on(server.port, namespace="/images/").set(plan(), rendition(plan()))
    assert cache_on(server.port, namespace="/other/").get(plan()) is None
    assert cache_on(server.port, namespace="/images/").get(plan()) == rendition(plan())


@pytest.mark.parametrize(("length", "sent"), [(MAX_VALUE - 100, 1), (MAX_VALUE, 0), (3 * MAX_VALUE, 0)])
def test_body_of_a_megabyte_is_not_sent(server: Memcached, length: int, sent: int) -> None:
    cache = cache_on(server.port)
    large = Rendition(bytes(length), "image/png", plan().digest)
    cache.set(plan(), large)
    assert cache.get(plan()) == (large if sent else None)
    assert server.statistic("cmd_set") == sent


def test_value_of_another_program_is_a_miss(server: Memcached) -> None:
    cache = cache_on(server.port)
    cache.set(plan(), rendition(plan()))
    assert cache.get(plan()) is not None
    key = f"{cache._prefix}{plan().digest}"
    for value in ("", "x", "Status: 200 OK"):
        server.command(f"set {key} 0 0 {len(value)}\r\n{value}")
        assert cache.get(plan()) is None


def time_to_live(server: Memcached, cache: MemcachedCache) -> int:
    cache.set(plan(), rendition(plan()))
    assert cache.get(plan()) is not None
    answer = server.command(f"mg {cache._prefix}{plan().digest} t").split()
    assert answer[0] == b"HD"
    return int(answer[1][1:])


@pytest.mark.parametrize("seconds", [60, 30 * DAY, 30 * DAY + 1, 400 * DAY])
def test_time_to_live(server: Memcached, seconds: int) -> None:
    assert seconds - 5 <= time_to_live(server, cache_on(server.port, seconds=seconds)) <= seconds + 1


@pytest.mark.parametrize("seconds", [0, 10**11])
def test_no_expiry(server: Memcached, seconds: int) -> None:
    assert time_to_live(server, cache_on(server.port, seconds=seconds)) == -1


EXPIRIES = [
    (0, 0),
    (1, 1),
    (2_592_000, 2_592_000),
    (2_592_001, 1_002_592_001),
    (2**31 - 10**9, 0),
    (10**15, 0),
]


@pytest.mark.parametrize(("seconds", "sent"), EXPIRIES)
def test_expiry_time(seconds: int, sent: int) -> None:
    assert expiry_time(seconds, 1_000_000_000.9) == sent


def test_expired_rendition_is_a_miss(server: Memcached) -> None:
    cache = cache_on(server.port, seconds=1)
    cache.set(plan(), rendition(plan()))
    eventually(lambda: cache.get(plan()) is None)


# -- several servers


@pytest.fixture
def second(server: Memcached) -> Iterator[Memcached]:
    with started() as process:
        yield process


def test_keys_are_shared_out(server: Memcached, second: Memcached) -> None:
    cache = cache_on(server.port, second.port)
    for number in range(200):
        cache.set(plan(number), rendition(plan(number)))
    assert all(cache.get(plan(number)) for number in range(200))
    counts = server.statistic("curr_items"), second.statistic("curr_items")
    assert sum(counts) == 200
    assert min(counts) > 50


def test_loss_of_one_server_moves_only_its_keys(
    server: Memcached, second: Memcached, warnings: Callable[[], list[str]]
) -> None:
    cache = cache_on(server.port, second.port)
    for number in range(100):
        cache.set(plan(number), rendition(plan(number)))
    assert all(cache.get(plan(number)) for number in range(100))
    left = server.statistic("curr_items")
    second.stop()
    assert sum(cache.get(plan(number)) is not None for number in range(100)) == left
    for number in range(100):
        cache.set(plan(number), rendition(plan(number)))
    assert all(cache.get(plan(number)) for number in range(100))
    assert len(warnings()) == 1


# -- servers that fail

MISBEHAVIORS = {
    "never answers": stay_silent,
    "hangs up": hang_up,
    "drips": drip,
    "floods": flood,
    "speaks HTTP": answering(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
    "speaks noise": answering(b"\0\xff\r\n\x80" * 50 + b"\r\n"),
    "knows no commands": answering(b"ERROR\r\n"),
    "gives a value without a size": answering(b"VALUE x\r\n"),
    "gives a value of words": answering(b"VALUE a b c\r\nEND\r\n"),
    "gives another key's value": answering(b"VALUE other 0 1\r\nx\r\nEND\r\n"),
    "gives less than it says": answering(b"VALUE k 0 100000\r\nx\r\nEND\r\n"),
    "gives more than memory": answering(b"VALUE k 0 999999999999\r\nx"),
}


@pytest.mark.parametrize("treat", MISBEHAVIORS.values(), ids=MISBEHAVIORS.keys())
def test_misbehaving_server_costs_one_warning_and_is_left_alone(
    treat: Callable[..., None], warnings: Callable[[], list[str]]
) -> None:
    with fake_server(treat) as server:
        cache = cache_on(server.port, patience=0.2)
        assert cache.get(plan()) is None
        eventually(lambda: server.questions > 0)
        asked = server.questions
        for number in range(50):
            assert cache.get(plan(number)) is None
            cache.set(plan(number), rendition(plan(number)))
        assert server.questions == asked
    assert len(warnings()) == 1
    assert f"127.0.0.1:{server.port} fails" in warnings()[0]


def test_absent_server_costs_one_warning(warnings: Callable[[], list[str]]) -> None:
    cache = cache_on(free_port())
    for _ in range(3):
        cache.set(plan(), rendition(plan()))
        assert cache.get(plan()) is None
    assert len(warnings()) == 1


def test_unknown_host_costs_one_warning(warnings: Callable[[], list[str]]) -> None:
    cache = MemcachedCache([MemcachedAddress("no-such-host.invalid", 11211)], DAY)
    assert cache.get(plan()) is None
    assert cache.get(plan()) is None
    assert len(warnings()) == 1


def test_many_threads_that_meet_the_failure_cost_one_warning(warnings: Callable[[], list[str]]) -> None:
    with fake_server(stay_silent) as server:
        cache = cache_on(server.port, patience=0.2)
        start = threading.Barrier(16)
        found: list[object] = []

        def ask() -> None:
            start.wait()
            found.append(cache.get(plan()))

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == 16 * [None]
    assert len(warnings()) == 1


def test_refusal_within_the_protocol_is_only_a_miss(warnings: Callable[[], list[str]]) -> None:
    with fake_server(answering(b"SERVER_ERROR out of memory\r\n")) as server:
        cache = cache_on(server.port)
        assert [cache.get(plan()) for _ in range(3)] == [None, None, None]
        assert server.questions == 3
    assert not warnings()


def test_server_that_dies_is_left_out_until_it_is_back(
    server: Memcached, warnings: Callable[[], list[str]]
) -> None:
    cache = cache_on(server.port, first_retry=0.05)
    cache.set(plan(), rendition(plan()))
    assert cache.get(plan()) == rendition(plan())
    server.stop()
    for _ in range(20):
        assert cache.get(plan()) is None
    assert [text for text in warnings() if "fails" in text] == warnings()[:1]
    server.start()

    def is_back() -> bool:
        cache.set(plan(), rendition(plan()))
        return cache.get(plan()) == rendition(plan())

    eventually(is_back)
    assert len(warnings()) == 2
    assert "answers again" in warnings()[1]


def test_server_restarted_between_two_requests_is_no_failure(
    server: Memcached, warnings: Callable[[], list[str]]
) -> None:
    cache = cache_on(server.port)
    cache.set(plan(), rendition(plan()))
    assert cache.get(plan()) == rendition(plan())
    server.stop()
    server.start()
    assert cache.get(plan()) is None
    cache.set(plan(), rendition(plan()))
    assert cache.get(plan()) == rendition(plan())
    assert not warnings()


def test_intervals_between_retries_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """10, 20, 40 ... seconds, at most 300, on a clock of our own."""
    now = 1000.0
    monkeypatch.setattr("iipserve.cache.memcached_servers.time.monotonic", lambda: now)
    tries: list[float] = []
    monkeypatch.setattr("iipserve.cache.memcached_servers._version", lambda server: tries.append(now))
    cache = MemcachedCache([MemcachedAddress("127.0.0.1", free_port())], DAY)
    cache.get(plan())
    for _ in range(1600):
        now += 1
        before = threading.enumerate()
        cache.get(plan())
        for thread in set(threading.enumerate()) - set(before):
            thread.join()
    pauses = [later - earlier for earlier, later in zip([1000.0, *tries], tries, strict=False)]
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300, 300]


# -- values ----------------------------------------------------------------------------------------


DIGEST = plan().digest
KEPT = Rendition(b"some body" * 20, "image/svg+xml; charset=utf-8", DIGEST)
PACKED = pack(KEPT, DIGEST)


def test_comes_back() -> None:
    assert unpack(PACKED, DIGEST) == KEPT


@pytest.mark.parametrize("length", range(len(PACKED)))
def test_cut_short_is_nothing(length: int) -> None:
    assert unpack(PACKED[:length], DIGEST) is None


STRANGE = {
    "too long": PACKED + b"x",
    "other mark": b"XXXX" + PACKED[4:],
    "later layout": PACKED[:3] + b"\2" + PACKED[4:],
    "media type beyond the end": PACKED[:20] + b"\xff\xff" + PACKED[22:],
    "body beyond the end": PACKED[:22] + b"\xff\xff\xff\xff" + PACKED[26:],
    "media type not ASCII": PACKED[:26] + b"\xff" + PACKED[27:],
    "another program's text": b"Status: 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" * 10,
}


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE.keys())
def test_anything_else_is_nothing(value: bytes) -> None:
    assert unpack(value, DIGEST) is None


def test_of_another_plan_is_nothing() -> None:
    assert unpack(PACKED, plan(1).digest) is None
