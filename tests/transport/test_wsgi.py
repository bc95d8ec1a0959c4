from __future__ import annotations

import json
from typing import Any

import pytest

from iipserve.config import Config
from iipserve.transport.service import MonitoredApplication, ResponseFailed
from iipserve.transport.wsgi import WSGIApplication
from tests.transport.stub import PIECE, TILE, StubApplication


def call(raw_uri: str, **environ: Any) -> tuple[str, dict[str, str], bytes]:
    config = Config()
    application = WSGIApplication(MonitoredApplication(StubApplication(config), config))
    started: list[Any] = []
    given = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": raw_uri,
        "PATH_INFO": "/decoded",
        "SCRIPT_NAME": "",
    } | environ
    body = application(given, lambda status, headers: started.extend((status, headers)))
    whole = b"".join(body)
    return started[0], dict(started[1]), whole


def test_answer_is_the_application_s() -> None:
    status, headers, body = call("/tile")
    assert status == "200 OK"
    assert headers == {"Content-Type": "image/jpeg", "Content-Length": str(len(TILE))}
    assert body == TILE


@pytest.mark.parametrize(
    ("raw_uri", "path", "query"),
    [
        ("/echo/a%2Fb%20c/full?x=%26&y", "/echo/a%2Fb%20c/full", "x=%26&y"),
        ("http://example.org/echo/a", "/echo/a", ""),
        ("HTTPS://example.org:8080/echo?q", "/echo", "q"),
        ("/echo//b", "/echo//b", ""),
        ("/echo/http://example.org/", "/echo/http://example.org/", ""),
    ],
)
def test_address_stays_as_the_client_wrote_it(raw_uri: str, path: str, query: str) -> None:
    seen = json.loads(call(raw_uri)[2])
    assert (seen["path"], seen["query"], seen["over_http"]) == (path, query, True)


def test_host_of_an_absolute_address_counts() -> None:
    seen = json.loads(call("http://example.org:8080/echo", HTTP_HOST="other.org")[2])
    assert seen["environ"]["HTTP_HOST"] == "example.org:8080"


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"SERVER_PROTOCOL": "HTTP/1.1"}, 400),
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, 200),
        ({"SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": ""}, 200),
        ({"SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "example.org"}, 200),
        ({"HTTP_HOST": "[2001:db8::1]:8080"}, 200),
        ({"HTTP_HOST": "example.org:"}, 200),
        ({"HTTP_HOST": "b%C3%BCcher.example"}, 200),
        ({"HTTP_HOST": "example.org,example.com"}, 400),
        ({"HTTP_HOST": "example.org/path"}, 400),
        ({"HTTP_HOST": "user@example.org"}, 400),
        ({"HTTP_HOST": "b\u00fccher.example"}, 400),
        ({"HTTP_HOST": "example.org:port"}, 400),
    ],
)
def test_host_header(environ: dict[str, str], status: int) -> None:
    """RFC 9112 section 3.2: missing, repeated and malformed ones are refused."""
    answer, headers, _ = call("/tile", **environ)
    assert int(answer.split()[0]) == status
    if status == 400:
        assert headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("raw_uri", ["http://example.org", "*"])
def test_odd_address_is_answered(raw_uri: str) -> None:
    assert call(raw_uri)[0] == "404 Not Found"


def test_address_is_put_together_where_the_server_keeps_none() -> None:
    assert json.loads(call("", PATH_INFO="/echo/\u00e9")[2])["path"] == "/echo/%E9"


@pytest.mark.parametrize(
    ("length", "status"),
    [
        ("", "200 OK"),
        ("65536", "200 OK"),
        ("65537", "413 Request Entity Too Large"),
        ("9" * 5000, "413 Request Entity Too Large"),
        ("-1", "413 Request Entity Too Large"),
    ],
)
def test_long_body_is_refused(length: str, status: str) -> None:
    assert call("/tile", CONTENT_LENGTH=length)[0].split()[0] == status.split()[0]


def test_pieces_are_passed_on_as_they_are_made() -> None:
    body = call("/pieces/3")[2]
    assert body == b"".join(number.to_bytes(4, "big") + PIECE[4:] for number in range(3))


def test_body_that_breaks_off_is_an_error() -> None:
    with pytest.raises(ResponseFailed):
        call("/breaking")
