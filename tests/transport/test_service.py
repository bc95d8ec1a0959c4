from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from iipserve.config import Config
from iipserve.http import Request, printable
from iipserve.transport.service import MonitoredApplication, ResponseFailed
from tests.transport.processes import until
from tests.transport.stub import TILE, StubApplication


def get(path: str, query: str = "") -> Request:
    return Request("GET", path, query, {})


def make(**settings: str) -> MonitoredApplication:
    config = Config(**settings)  # type: ignore[arg-type]
    return MonitoredApplication(StubApplication(config), config)


def test_answer_is_the_application_s() -> None:
    response = make().answer(get("/tile")).response
    assert (response.status, response.body) == (HTTPStatus.OK, TILE)


def test_failure_is_logged_and_hidden(caplog: pytest.LogCaptureFixture) -> None:
    response = make(cors="https://example.org").answer(get("/raise")).response
    assert response.status == 500
    assert ("Access-Control-Allow-Origin", "https://example.org") in response.headers
    assert "RuntimeError" in caplog.text


def test_running_calls_are_timed() -> None:
    service = make()
    assert service.longest_running() == 0
    thread = threading.Thread(target=service.answer, args=(get("/wait"),))
    thread.start()
    try:
        until(lambda: 0.05 < service.longest_running() < 10)
    finally:
        service.application.released.set()
        thread.join()
    assert service.longest_running() == 0


def test_body_counts_as_running_only_while_a_piece_is_made() -> None:
    service = make()
    seen: list[float] = []

    def body() -> Iterator[bytes]:
        for _ in range(2):
            time.sleep(0.05)
            seen.append(service.longest_running())
            yield b"piece"
        yield b""

    for piece in service.chunks(body()):
        assert piece == b"piece"
        assert service.longest_running() == 0
    assert all(seconds > 0 for seconds in seen)
    assert len(seen) == 2


def test_body_that_fails_says_so(caplog: pytest.LogCaptureFixture) -> None:
    service = make()
    body = service.answer(get("/breaking")).response.body
    pieces = service.chunks(body)
    assert next(pieces)
    with pytest.raises(ResponseFailed):
        next(pieces)
    assert "the disk is gone" in caplog.text
    assert service.longest_running() == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a?b", "/a?b"),
        ("a\r\nb\x1b[0m\x7f", r"a\x0d\x0ab\x1b[0m\x7f"),
        ("\u00e9\u20ac", r"\xe9\u20ac"),
        ("x" * 1000, "x" * 500),
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected
