"""Health, readiness and metrics at an address of their own, of one process and of several."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from iipserve.transport.counters import BUCKETS, ENTRIES, GAUGE, Counters, total
from iipserve.transport.operations import OperationsServer, Readiness
from tests.ports import free_port
from tests.transport.client import SECONDS, connect
from tests.transport.processes import Command, HeldRequest, alive, echo, fetch, fetch_http, until

Start = Callable[..., Command]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    commands: list[Command] = []

    def run(*arguments: str, **settings: str) -> Command:
        commands.append(Command(tmp_path, *arguments, **settings))
        return commands[-1]

    yield run
    for command in commands:
        command.stop()


@pytest.fixture
def ports() -> tuple[int, int, int]:
    """Of FastCGI, HTTP and metrics."""
    first, second, third = (free_port() for _ in range(3))
    return first, second, third


def asked(port: int, path: str, **headers: str) -> tuple[int, str, str]:
    """Status, media type and text."""
    query = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(query, timeout=SECONDS) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def metrics(port: int) -> dict[str, float]:
    """Values by name and labels."""
    text = asked(port, "/metrics")[2]
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def requests(port: int) -> float:
    return sum(value for name, value in metrics(port).items() if name.startswith("iipserve_requests_total{"))


def test_metrics_are_equal_to_the_requests_of_four_workers(
    start: Start, ports: tuple[int, int, int], tmp_path: Path
) -> None:
    """Over FastCGI and HTTP, and also after a worker was killed, and after all were replaced."""
    fastcgi, http, operating = ports
    command = start(
        "--bind", f"127.0.0.1:{fastcgi}", "--http", f"127.0.0.1:{http}", WORKERS="4",
        METRICS=f"127.0.0.1:{operating}",
    )  # fmt: skip
    until(lambda: fetch_http(http, "/tile"))
    until(lambda: requests(operating) == 1)

    def load(count: int) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: fetch(("127.0.0.1", fastcgi), f"/bytes/{number}"), range(count)))
            list(pool.map(lambda number: fetch_http(http, f"/bytes/{number}"), range(count)))

    load(100)
    until(lambda: requests(operating) >= 201)
    victim = echo(("127.0.0.1", fastcgi))["pid"]
    until(lambda: requests(operating) >= 202)
    subprocess.run(["kill", "-KILL", str(victim)], check=True)
    until(lambda: metrics(operating).get('iipserve_workers_replaced_total{reason="death"}') == 1)
    assert requests(operating) == 202
    load(50)
    until(lambda: requests(operating) >= 302)
    command.signal(signal.SIGHUP)
    until(lambda: "iipserve reloads" in command.log.read_text())
    load(50)
    until(lambda: requests(operating) >= 402)
    found = metrics(operating)
    assert requests(operating) == 402
    assert found['iipserve_requests_total{protocol="none",status="200"}'] == 402
    assert found['iipserve_request_seconds_count{cache="none",protocol="none"}'] == 402
    assert found['iipserve_request_seconds_bucket{cache="none",le="+Inf",protocol="none"}'] == 402
    sizes = sum(range(100)) + 2 * sum(range(50))
    assert found['iipserve_response_bytes_total{protocol="none"}'] > 2 * sizes
    assert found['iipserve_workers_replaced_total{reason="death"}'] == 1


def test_health_and_readiness_of_a_server(start: Start, ports: tuple[int, int, int], tmp_path: Path) -> None:
    _, http, operating = ports
    folder = tmp_path / "images"
    folder.mkdir()
    command = start(
        "--http", f"127.0.0.1:{http}", METRICS=f"127.0.0.1:{operating}", FILESYSTEM_PREFIX=f"{folder}/",
        REQUEST_TIMEOUT="600",
    )  # fmt: skip
    until(lambda: asked(operating, "/health")[0] == 200)
    assert asked(operating, "/ready") == (200, "text/plain; charset=utf-8", "ready\n")
    folder.rename(tmp_path / "away")
    assert asked(operating, "/ready")[::2] == (503, "the stub has no folder\n")
    assert asked(operating, "/health")[0] == 200
    (tmp_path / "away").rename(folder)
    assert asked(operating, "/ready")[0] == 200
    held = HeldRequest(tmp_path, lambda path: fetch_http(http, path))
    command.signal(signal.SIGTERM)
    until(lambda: asked(operating, "/ready")[::2] == (503, "the server is stopping\n"))
    assert asked(operating, "/health")[0] == 200
    held.finish()
    assert held.body() == b"done"
    assert command.end()[0] == 0


def test_a_reload_is_not_an_end(start: Start, ports: tuple[int, int, int]) -> None:
    _, http, operating = ports
    command = start("--http", f"127.0.0.1:{http}", METRICS=f"127.0.0.1:{operating}")
    first = until(lambda: echo_pid(http))
    command.signal(signal.SIGHUP)
    while alive(first):
        assert asked(operating, "/ready")[0] == 200
    assert asked(operating, "/ready")[0] == 200


def echo_pid(http: int) -> int:
    found = re.search(rb'"pid": (\d+)', fetch_http(http, "/echo"))
    assert found
    return int(found[1])


def test_other_addresses_and_methods_are_refused(start: Start, ports: tuple[int, int, int]) -> None:
    _, http, operating = ports
    start("--http", f"127.0.0.1:{http}", METRICS=f"127.0.0.1:{operating}")
    until(lambda: fetch_http(http, "/tile"))
    assert asked(operating, "/tile")[0] == 404
    for path in ("/health", "/ready", "/metrics"):
        assert fetch_http(http, "/tile")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{http}{path}")
        refused.value.close()
    query = urllib.request.Request(f"http://127.0.0.1:{operating}/metrics", method="POST", data=b"x")
    with pytest.raises(urllib.error.HTTPError, match="405") as wrong:
        urllib.request.urlopen(query, timeout=SECONDS)
    wrong.value.close()
    for data in (b"\r\n\r\n", b"\xff" * 9000, b"GET\r\n\r\n"):
        with connect(("127.0.0.1", operating)) as peer:
            peer.send(data)
            peer.sock.shutdown(1)
    assert asked(operating, "/health")[0] == 200
    media_type = asked(operating, "/metrics", Accept="application/openmetrics-text; version=1.0.0")[1]
    assert media_type.startswith("application/openmetrics-text")


@pytest.mark.parametrize("address", ["9464", "a:b", "/tmp/socket", ":99999"])
def test_a_wrong_address_is_refused_at_the_start(start: Start, address: str) -> None:
    code, err = start("--bind", f"127.0.0.1:{free_port()}", METRICS=address).end()
    assert code == 1
    assert err.startswith(f"METRICS is '{address}'; it must be HOST:PORT")


def test_prometheus_accepts_the_text(start: Start, ports: tuple[int, int, int]) -> None:
    command = shutil.which("promtool")
    if command is None:
        pytest.skip("promtool is not installed")
    _, http, operating = ports
    start("--http", f"127.0.0.1:{http}", METRICS=f"127.0.0.1:{operating}")
    until(lambda: fetch_http(http, "/tile"))
    with pytest.raises(urllib.error.HTTPError) as failed:
        fetch_http(http, "/raise")
    failed.value.close()
    until(lambda: requests(operating) == 2)
    text = asked(operating, "/metrics")[2]
    done = subprocess.run(
        [command, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_check_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iipserve.transport.operations.PATIENCE", 0.05)
    released = threading.Event()

    def hang() -> str:
        released.wait(SECONDS)
        return ""

    readiness = Readiness(hang, lambda: False)
    assert "takes more than" in readiness.reason()
    assert "an earlier check has not ended" in readiness.reason()
    released.set()
    until(lambda: readiness.reason() == "")


def answering(listener: socket.socket) -> OperationsServer:
    """A server that is always ready, and has no metrics."""
    server = OperationsServer(listener, Readiness(str, lambda: False), lambda _: (b"", "text/plain"))
    server.start()
    return server


def test_a_slow_client_is_not_waited_for_when_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iipserve.transport.operations.PATIENCE", 2 * SECONDS)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = answering(listener)
        with connect(listener.getsockname()) as peer:
            peer.send(b"GET /health HTTP/1.1\r\n\r\n")
            assert peer.sock.recv(100)
            server.stop(0.0)
            assert server._thread.is_alive()
        server.stop(SECONDS)
        assert not server._thread.is_alive()


@pytest.mark.parametrize("asked_before", [b"", b"GET /health HTTP/1.1\r\n\r\n"], ids=["asking", "reading"])
def test_a_client_that_sends_a_little_at_a_time_is_given_up(
    monkeypatch: pytest.MonkeyPatch, asked_before: bytes
) -> None:
    monkeypatch.setattr("iipserve.transport.operations.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = answering(listener)
        with connect(listener.getsockname()) as peer:
            peer.send(asked_before)

            def is_given_up() -> bool:
                try:
                    peer.send(b"x")
                except OSError:
                    return True
                return False

            until(is_given_up)
        server.stop(SECONDS)
        assert not server._thread.is_alive()


def test_a_check_without_a_thread_for_it_is_followed_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    readiness = Readiness(lambda: "", lambda: False)
    with monkeypatch.context() as patch:

        def fail(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        patch.setattr(threading.Thread, "start", fail)
        assert readiness.reason() == "no thread can be started"
    assert readiness.reason() == ""


def test_a_connection_that_cannot_be_accepted_is_followed_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iipserve.transport.operations.RETRY_SECONDS", 0.01)
    failures = iter([errno.EMFILE, errno.ENFILE, errno.ENOBUFS])

    class Short(socket.socket):
        """Of a process that has no descriptors left at first."""

        def accept(self) -> tuple[socket.socket, Any]:
            if number := next(failures, 0):
                raise OSError(number, os.strerror(number))
            return super().accept()

    with Short() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = OperationsServer(listener, Readiness(lambda: "", lambda: False), lambda accept: (b"", ""))
        server.start()
        assert asked(listener.getsockname()[1], "/ready")[0] == 200
        server.stop()
    assert next(failures, None) is None


def test_a_check_that_fails_is_no_readiness() -> None:
    def fail() -> str:
        raise RuntimeError

    assert Readiness(fail, lambda: False).reason() == "the check fails: RuntimeError"


def test_counters_of_workers_that_ended_are_kept() -> None:
    counters = Counters(2)
    first, second = counters.claim(), counters.claim()
    assert first is not None
    assert second is not None
    assert counters.claim() is None
    for worker in (first, second):
        worker.add("requests|iip", 2)
        worker.observe("seconds", 0.02)
        worker.set("memory", 7)
    counters.free(first)
    parts = counters.read()
    assert total(parts)["requests|iip"][0] == 4
    assert [part.get(f"{GAUGE}memory", [0])[0] for part in parts] == [0, 7]
    seconds = total(parts)["seconds"]
    assert seconds[0] == pytest.approx(0.04)
    assert seconds[1 + BUCKETS.index(0.025)] == 2
    third = counters.claim()
    assert third is not None
    third.add("requests|iip")
    assert total(counters.read())["requests|iip"][0] == 5


def test_counters_of_many_threads_are_exact() -> None:
    worker = Counters(1).own

    def count(_: int) -> None:
        for _ in range(2000):
            worker.observe("seconds", 1.0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    ((_, values),) = worker.series()
    assert values[0] == 16_000 == sum(values[1:])


def test_series_beyond_the_room_for_them_are_not_counted() -> None:
    counters = Counters(1)
    for number in range(ENTRIES + 10):
        counters.own.add(f"a|{number}")
    counters.own.add("a|1")
    assert len(counters.read()[0]) == ENTRIES
    assert counters.read()[0]["a|1"][0] == 2
