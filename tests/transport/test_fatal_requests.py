"""Requests that workers died of: noted in shared memory, counted, refused, forgotten."""

from __future__ import annotations

import io
import signal
import threading
from pathlib import Path

import pytest

from iipserve.http import Body, Request
from iipserve.transport import fatal_requests
from iipserve.transport.fatal_requests import FatalRequests, RequestGuard, RunningRequests, noted, shown
from tests.ports import free_port
from tests.transport.client import Answer, connect, request
from tests.transport.processes import Command, alive, echo, until


def asked(path: str = "/a", method: str = "GET", body: bytes | None = None, **environ: str) -> Request:
    return Request(
        method, path, "q=%20", environ, None if body is None else Body(io.BytesIO(body), len(body))
    )


@pytest.fixture
def fatal() -> FatalRequests:
    return FatalRequests()


def test_third_worker_does_not_get_a_request_that_two_died_of(
    fatal: FatalRequests, caplog: pytest.LogCaptureFixture
) -> None:
    for pid in (1, 2):
        running = RunningRequests()
        RequestGuard(running, fatal).note(asked(HTTP_ACCEPT="image/*"))
        fatal.blame(pid, running.older_than(0))
        running.close()
    third = RequestGuard(RunningRequests(), fatal)
    assert third.refuses(asked(HTTP_ACCEPT="image/*"))
    assert not third.refuses(asked("/b", HTTP_ACCEPT="image/*"))
    assert caplog.messages == [
        "worker 1 died while it answered this request: GET /a?q=%20 Accept: image/*",
        "worker 2 died while it answered this request; it is refused for an hour: GET /a?q=%20 Accept: image/*",
    ]


def test_request_that_is_answered_after_a_death_is_not_at_fault(fatal: FatalRequests) -> None:
    guard = RequestGuard(RunningRequests(), fatal)
    for pid in range(5):
        fatal.blame(pid, [noted(asked())])
        assert not guard.refuses(asked())
        guard.note(asked())
        guard.end()


def test_requests_are_forgotten_after_their_time(
    fatal: FatalRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pid in (1, 2):
        fatal.blame(pid, [noted(asked())])
    assert fatal.refuses(noted(asked()))
    now = fatal_requests.monotonic()
    monkeypatch.setattr(fatal_requests, "monotonic", lambda: now + 3601)
    assert not fatal.refuses(noted(asked()))
    fatal.blame(3, [noted(asked())])
    assert not fatal.refuses(noted(asked())), "its deaths begin anew"


def test_a_new_start_forgets_all(fatal: FatalRequests) -> None:
    fatal.blame(1, [noted(asked())])
    fatal.blame(2, [noted(asked())])
    fatal.clear()
    assert not fatal.any
    assert not fatal.refuses(noted(asked()))


def test_the_oldest_gives_way(fatal: FatalRequests, caplog: pytest.LogCaptureFixture) -> None:
    texts = [b"%d" % number for number in range(fatal_requests.MAX_KNOWN + 1)]
    for _ in range(2):
        fatal.blame(1, texts[:1])
    fatal.blame(1, texts[1:])
    fatal.blame(2, texts[1:])
    assert not fatal.refuses(texts[0])
    assert all(map(fatal.refuses, texts[1:]))


def test_requests_of_each_thread_are_noted() -> None:
    running = RunningRequests()
    barrier = threading.Barrier(4)

    def run(number: int) -> None:
        running.begin(b"%d" % number)
        barrier.wait()
        barrier.wait()
        running.end()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    barrier.wait()
    assert sorted(running.older_than(0)) == [b"0", b"1", b"2"]
    assert running.older_than(60) == []
    barrier.wait()
    for thread in threads:
        thread.join()
    assert running.older_than(0) == []


def test_more_threads_than_there_is_room_for_are_not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fatal_requests, "MAX_RUNNING", 0)
    monkeypatch.setattr(fatal_requests.mmap, "mmap", lambda number, length: bytearray(length))
    running = RunningRequests()
    running.begin(b"a")
    assert (running.current(), running.older_than(0)) == (b"", [])
    running.end()


def test_worker_that_ends_on_purpose_leaves_nothing() -> None:
    running = RunningRequests()
    running.begin(b"a")
    running.clear()
    assert running.older_than(0) == []


@pytest.mark.parametrize("length", [0, 4096, 5000, 70_000, 200_000])
def test_bodies_distinguish_requests_and_are_left_as_they_are(length: int) -> None:
    body = bytes(index % 251 for index in range(length))
    one, other, longer = (asked("/a", "POST", each) for each in (body, b"\xff" + body[1:], body + b"x"))
    assert len({noted(each) for each in (one, other, longer)}) == 3
    assert one.body is not None
    assert one.body.file.read() == body
    assert len(noted(longer)) < 5000


def test_long_and_strange_requests_are_one_line_of_ascii(fatal: FatalRequests) -> None:
    strange = asked("/\N{SNOWMAN}\n\xe9\udcff" + "x" * 50_000)
    for pid in (1, 2):
        running = RunningRequests()
        running.begin(noted(strange))
        fatal.blame(pid, running.older_than(0))
    assert fatal.refuses(noted(strange))
    assert shown(b"GET /a\n\xe9") == r"GET /a\n\xe9"
    assert shown(noted(strange)).isascii()


def crash(port: int, path: str) -> None:
    """Ask for what ends a worker, and wait for the end of the connection."""
    with connect(("127.0.0.1", port)) as peer:
        peer.send(request(path))
        assert peer.receive_all() == []


def deaths(command: Command) -> list[str]:
    return [line for line in command.log.read_text().splitlines() if "died while" in line]


def answer(port: int, path: str) -> Answer:
    with connect(("127.0.0.1", port)) as peer:
        return peer.ask(path)


def test_crashing_request_is_refused_by_all_workers_until_they_are_replaced(tmp_path: Path) -> None:
    port = free_port()
    command = Command(tmp_path, "--bind", f"127.0.0.1:{port}", WORKERS="2")
    try:
        until(lambda: echo(("127.0.0.1", port)))
        for count in (1, 2):
            crash(port, "/crash/now?page=2")
            until(lambda count=count: len(deaths(command)) == count)
        refused = until(lambda: answer(port, "/crash/now?page=2"))
        assert (refused.status, refused.headers["cache-control"]) == (422, "no-store")
        assert b"2 worker processes died" in refused.body
        assert answer(port, "/tile").status == 200
        assert deaths(command)[1].endswith("it is refused for an hour: GET /crash/now?page=2 Accept: ")
        before = {echo(("127.0.0.1", port))["pid"] for _ in range(20)}
        command.signal(signal.SIGHUP)
        until(lambda: not any(map(alive, before)))
        crash(port, "/crash/now?page=2")
    finally:
        command.stop()
