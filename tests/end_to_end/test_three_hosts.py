"""nginx before three hosts with a daemon and a memcached each: servers and hosts fail under load, and come back."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.end_to_end import servers
from tests.end_to_end.hosts import Host, hosts, memcached_of
from tests.end_to_end.running import ROOT
from tests.images import smooth, write_tiff_pyramid
from tests.transport.client import connect

TILES = [
    f"/fcgi-bin/iipsrv.fcgi?FIF={name}&JTL={level},{index}"
    for name in ("a.tif", "b.tif")
    for level, count in ((3, 48), (2, 12), (1, 4))
    for index in range(count)
]
DOCUMENT = "/iiif/a.tif/info.json"
"""What the daemons are always asked for."""
CLIENTS = 6
SECONDS = 240.0
LONGEST = 100.0
"""Seconds that an answer may take on a busy machine: less than without the time-outs for several hosts, which are below."""
TIMEOUTS = "fastcgi_connect_timeout 2s; fastcgi_read_timeout 10s;"


class Load:
    """Clients that ask for tiles all the time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends = threading.Event()
        self.answers = 0
        self.longest = 0.0
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        while not self._ends.is_set():
            connection = HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
            try:
                for step in range(len(TILES)):
                    if self._ends.is_set():
                        break
                    started = time.monotonic()
                    tile = TILES[(step * (2 * number + 1)) % len(TILES)]
                    connection.request("GET", DOCUMENT if step % 4 == 0 else tile)
                    answer = connection.getresponse()
                    body = answer.read()
                    self.longest = max(self.longest, time.monotonic() - started)
                    if answer.status != 200 or body[:2] not in (b"\xff\xd8", b"{\n", b'{"'):
                        self.failures.append(f"{answer.status} {body[:200]!r}")
                    self.answers += 1
            except (OSError, HTTPException) as error:
                self.failures.append(repr(error))
            finally:
                connection.close()

    def more(self) -> None:
        """Wait until each tile could be asked for several times more."""
        wanted = self.answers + 4 * len(TILES)
        until(lambda: self.answers >= wanted or bool(self.failures))
        assert not self.failures


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.01)


@contextmanager
def before(three: list[Host], work: Path) -> Iterator[int]:
    """nginx before the hosts; its port. What it takes for several hosts is as in docs/deployment.md."""
    sample = (ROOT / "conf" / "nginx-memcached.conf").read_text()
    (line,) = servers.MEMCACHED_SERVER.finditer(sample)
    memcacheds = [f"    server {host.address}:11211 {line[1]}\n" for host in three]
    changes = {
        line[0]: "".join(memcacheds).replace("fail_timeout=10s", "fail_timeout=2s"),
        "fastcgi_read_timeout     120s;": TIMEOUTS,
        # tests share their processors
        " 100ms;": " 2s;",
        " 200ms;": " 2s;",
    }
    daemons = "; server ".join(f"{host.address}:9000 max_fails=1 fail_timeout=2s" for host in three)
    with servers.nginx_example(work, daemons, changes, part="nginx-memcached.conf") as site:
        yield int(site.rpartition(":")[2])


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Host]]:
    """The hosts with their servers."""
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a.tif", "b.tif"):
        write_tiff_pyramid(images / name, smooth((2000, 1501)), compression="jpeg")
    with hosts(3, tmp_path) as made:
        for host in made:
            host.start("memcached", memcached_of(host), 11211)
        settings = {
            "FILESYSTEM_PREFIX": f"{images}/",
            "LOGFILE": "-",
            "VERBOSITY": "2",
            "WORKERS": "1",
            "MEMCACHED_SERVERS": ",".join(f"{host.address}:11211" for host in made),
            "MEMCACHED_PASS": "86400",
        }
        for host in made:
            command = [sys.executable, str(ROOT / "iipserve.fcgi"), "--bind", f"{host.address}:9000"]
            host.start("daemon", command, 9000, **settings)
        yield made


def asked(three: list[Host]) -> int:
    """Tiles that the daemons have answered."""
    return sum(len(re.findall(r"\bJTL=", host.log("daemon"))) for host in three)


def passes_all(three: list[Host], load: Load) -> bool:
    """Whether the daemons are asked for no tile while each tile could be asked for several times."""
    before = asked(three)
    load.more()
    return asked(three) == before


def check_ready(host: Host) -> None:
    """Wait for the first answer of the daemon."""
    with connect((host.address, 9000)) as peer:
        assert peer.ask(DOCUMENT).status == 200


def start(host: Host, *kinds: str) -> None:
    """Start servers again, and wait until the daemon has a worker."""
    for kind in kinds:
        host.start(kind)
    if "daemon" in kinds:
        check_ready(host)


def entries(host: Host) -> int:
    """What memcached holds."""
    with socket.create_connection((host.address, 11211), 60) as connection:
        connection.sendall(b"stats\r\nquit\r\n")
        text = connection.makefile().read()
    return int(re.findall(r"STAT curr_items (\d+)", text)[0])


def test_what_fails_is_not_noticed(three: list[Host], tmp_path: Path) -> None:
    one, two, last = three
    for host in three:
        check_ready(host)
    with ExitStack() as stack:
        port = stack.enter_context(before(three, tmp_path))
        load = stack.enter_context(Load(port))
        until(lambda: passes_all(three, load))
        # a daemon, a memcached, all of a host
        steps: list[tuple[Callable[[], None], Callable[[], None]]] = [
            (lambda: one.kill("daemon"), lambda: start(one, "daemon")),
            (lambda: two.kill("memcached"), lambda: start(two, "memcached")),
            (last.kill_all, lambda: start(last, "memcached", "daemon")),
            (one.cut_off, one.join),
        ]
        for kill, bring_back in steps:
            kill()
            load.more()
            bring_back()
            load.more()
        until(lambda: passes_all(three, load))
        held = [entries(host) for host in three]
    assert load.failures == []
    assert all(held), held
    assert load.longest < LONGEST
