"""Request bodies over HTTP: as a WSGI callable, and through gunicorn."""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iipserve.config import Config
from iipserve.transport.bodies import MAX_MEMORY_LENGTH
from iipserve.transport.service import MonitoredApplication
from iipserve.transport.wsgi import WSGIApplication
from tests.ports import free_port
from tests.transport import client as fastcgi
from tests.transport.processes import SECONDS, Command, echo_http, until
from tests.transport.stub import TILE, StubApplication, pattern


class Caller:
    """Calls a WSGI application over the stub."""

    def __init__(self) -> None:
        config = Config()
        self.stub = StubApplication(config)
        self._application = WSGIApplication(MonitoredApplication(self.stub, config))

    def post(self, address: str, stream: Any, length: int | str | None, **environ: str) -> tuple[int, bytes]:
        started: list[str] = []
        given = {"REQUEST_METHOD": "POST", "RAW_URI": address, "wsgi.input": stream} | environ
        if length is None:
            given["HTTP_TRANSFER_ENCODING"] = "chunked"
        else:
            given["CONTENT_LENGTH"] = str(length)
        body = self._application(given, lambda status, headers: started.append(status))
        return int(started[0].split()[0]), b"".join(body)


class Unreadable:
    """A stream that breaks off after some bytes."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        if data := self._data.read(size):
            return data
        raise ConnectionResetError


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.mark.parametrize("size", [1, 1000, MAX_MEMORY_LENGTH, MAX_MEMORY_LENGTH + 1, 500_000])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("answer", ["whole", "chunks"])
def test_body_reaches_the_application(caller: Caller, size: int, chunked: bool, answer: str) -> None:
    stream = io.BytesIO(pattern(size))
    assert caller.post(f"/body/{size}?{answer}", stream, None if chunked else size) == (200, pattern(size))
    [body] = caller.stub.bodies
    assert body is not None
    assert body.file.closed


def test_body_declared_too_long_is_not_read(caller: Caller) -> None:
    assert caller.post("/body/10", Unreadable(), 11) == (413, b"11")


def test_chunked_body_is_read_up_to_its_limit(caller: Caller) -> None:
    stream = io.BytesIO(pattern(1_000_000))
    assert caller.post("/body/10", stream, None) == (413, b"11")
    assert stream.tell() < 100_000


@pytest.mark.parametrize("length", [20, None])
def test_body_that_breaks_off_never_reaches_the_application(caller: Caller, length: int | None) -> None:
    assert caller.post("/body/50", Unreadable(b"0123456789"), length)[0] == 400
    assert caller.stub.bodies == []


def test_body_shorter_than_declared_never_reaches_the_application(caller: Caller) -> None:
    assert caller.post("/body/50", io.BytesIO(b"0123456789"), 20)[0] == 400
    assert caller.stub.bodies == []


@pytest.mark.usefixtures("full_disk")
def test_body_the_disk_has_no_room_for_is_refused(caller: Caller) -> None:
    assert caller.post("/body/500000", io.BytesIO(pattern(500_000)), 500_000)[0] == 503
    assert caller.stub.bodies == []


@pytest.mark.parametrize("length", [5, None])
def test_body_that_is_unwanted_is_not_read(caller: Caller, length: int | None) -> None:
    assert caller.post("/tile", Unreadable(), length) == (200, TILE)
    assert caller.post("/body/9", Unreadable(), length, REQUEST_METHOD="GET") == (200, b"no body")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where gunicorn listens."""
    found = free_port()
    command = Command(tmp_path_factory.mktemp("http"), "--http", f"127.0.0.1:{found}")
    until(lambda: echo_http(found))
    yield found
    command.stop()
    log = Path(command.log).read_text()
    assert "Traceback" not in log, log


@pytest.fixture
def client(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    yield connection
    connection.close()


@pytest.mark.parametrize("size", [10, 300_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_body_through_gunicorn(client: http.client.HTTPConnection, size: int, chunked: bool) -> None:
    for _ in range(2):
        body = iter([pattern(size)[:7], pattern(size)[7:]]) if chunked else pattern(size)
        client.request("POST", f"/body/{size}", body, encode_chunked=chunked)
        assert client.getresponse().read() == pattern(size)


@pytest.mark.parametrize("length", [11, 10 * 2**30])
def test_body_declared_too_long_through_gunicorn(
    client: http.client.HTTPConnection, port: int, length: int
) -> None:
    """The response arrives although nothing of the body has been sent."""
    client.putrequest("POST", "/body/10")
    client.putheader("Content-Length", str(length))
    client.endheaders()
    answer = client.getresponse()
    assert (answer.status, answer.read()) == (413, str(length).encode())
    assert echo_http(port)


def test_chunked_body_too_long_through_gunicorn(client: http.client.HTTPConnection, port: int) -> None:
    client.request("POST", "/body/10", iter([pattern(5), pattern(6)]), encode_chunked=True)
    assert client.getresponse().read() == b"11"
    assert echo_http(port)


def test_client_that_waits_for_100_continue(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(
            b"POST /body/9 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            b"Content-Length: 6\r\nExpect: 100-continue\r\n\r\n"
        )
        received = client.recv(25, socket.MSG_WAITALL)
        assert received == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"a body")
        received = receive_all(client)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith(b"\r\n\r\na body")


def receive_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


HEAD = b"GET /tile HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400),
        (HEAD + b"no header\r\n\r\n", 400),
        (HEAD + b"Host: b\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: br\r\n\r\n", 501),
        (HEAD + b"Expect: more\r\n\r\n", 417),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (HEAD + b"X: x\r\n" * 200 + b"\r\n", 431),
        (HEAD + b"X: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (b"GET /tile HTTP/1.1\r\n\r\n", 400),
        (b"GET /header/break HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 500),
        (b"GET /header/wide HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 500),
    ],
)
def test_refusals_look_alike(port: int, data: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(data)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        body = answer.read().decode()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    assert (answer.status, headers["access-control-allow-origin"]) == (status, "*")
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert (headers["cache-control"], headers["server"]) == ("no-store", "iipserve")
    assert body[0].islower()
    assert body.count("\n") == 1


def test_fastcgi_on_the_port_of_http_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(fastcgi.request("/tile"))
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client)[:12] in (b"HTTP/1.1 400", b"")
    assert echo_http(port)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"Content-Length: 100\r\n\r\na body", id="cut"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n6\r\na bo", id="cut in a chunk"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n6\r\na body\r\n", id="cut between chunks"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\nsix\r\na body\r\n0\r\n\r\n", id="no size"),
    ],
)
def test_broken_body_through_gunicorn(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(b"POST /body/200 HTTP/1.1\r\nHost: a\r\n" + data)
        client.shutdown(socket.SHUT_WR)
        received = receive_all(client)
    assert received[:12] in (b"HTTP/1.1 400", b"")
    assert echo_http(port)


def test_rest_of_a_refused_body_is_not_read_without_end(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(b"POST /body/10 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 413"
        with pytest.raises(ConnectionError):
            client.sendall(bytes(100_000_000))
    assert echo_http(port)
