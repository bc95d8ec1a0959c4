"""Request bodies over HTTP: of a server in this process, and of the command."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from iipserve.transport.bodies import MAX_MEMORY_LENGTH
from tests.ports import free_port
from tests.transport import client as fastcgi
from tests.transport.conftest import Running
from tests.transport.http_client import Client, post
from tests.transport.processes import SECONDS, Command, echo_http, until
from tests.transport.stub import TILE, pattern


@pytest.mark.parametrize("size", [1, 1000, MAX_MEMORY_LENGTH, MAX_MEMORY_LENGTH + 1, 500_000])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("answer", ["whole", "chunks"])
def test_body_reaches_the_application(http_server: Running, size: int, chunked: bool, answer: str) -> None:
    with Client(http_server.address) as client:
        client.send(post(f"/body/{size}?{answer}", pattern(size), chunked=chunked))
        assert client.answer()[::2] == (200, pattern(size))
    [body] = http_server.application.bodies
    assert body is not None
    until(lambda: body.file.closed)


@pytest.mark.parametrize("chunked", [False, True])
def test_body_that_trickles_in(http_server: Running, chunked: bool) -> None:
    with Client(http_server.address) as client:
        for byte in post("/body/300", pattern(300), chunked=chunked):
            client.send(bytes([byte]))
        assert client.answer()[::2] == (200, pattern(300))


def test_chunked_body_is_read_up_to_its_limit(http_server: Running) -> None:
    with Client(http_server.address) as client:
        client.send(post("/body/10", pattern(1_000_000), chunked=True))
        assert client.answer()[::2] == (413, b"11")


@pytest.mark.parametrize("chunked", [False, True])
def test_body_that_breaks_off_never_reaches_the_application(http_server: Running, chunked: bool) -> None:
    with Client(http_server.address) as client:
        client.send(post("/body/50", b"0123456789", chunked=chunked)[:-6])
        client.sock.shutdown(socket.SHUT_WR)
        assert client.rest() == b""
    assert http_server.application.bodies == []


def test_stopping_lets_bodies_arrive(http_server: Running) -> None:
    whole = post("/body/200000", pattern(200_000))
    with Client(http_server.address) as client, Client(http_server.address) as vanishing:
        for each in (client, vanishing):
            each.send(whole[:100_000])
        until(lambda: [found.receives_body() for found in http_server.server._parked.values()] == 2 * [True])
        assert not http_server.server.stop(0.1)
        vanishing.sock.shutdown(socket.SHUT_RDWR)
        client.send(whole[100_000:])
        until(lambda: http_server.server.stop(1))
        status, headers, body = client.answer()
        assert (status, headers["connection"], body) == (200, "close", pattern(200_000))
    assert len(http_server.application.bodies) == 1


@pytest.mark.usefixtures("full_disk")
def test_body_the_disk_has_no_room_for_is_refused(http_server: Running) -> None:
    with Client(http_server.address) as client:
        client.send(post("/body/500000", pattern(500_000)))
        assert client.answer()[0] == 503
    assert http_server.application.bodies == []


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [5, 65_536])
def test_body_that_is_unwanted_is_dropped(http_server: Running, chunked: bool, size: int) -> None:
    with Client(http_server.address) as client:
        for _ in range(2):
            client.send(post("/tile", bytes(size), chunked=chunked))
            assert client.answer()[::2] == (200, TILE)
            client.send(post("/body/9", bytes(size), method="GET", chunked=chunked))
            assert client.answer()[::2] == (200, b"no body")


@pytest.mark.parametrize("chunked", [False, True])
def test_unwanted_body_of_more_than_64_kilobytes_is_refused(http_server: Running, chunked: bool) -> None:
    with Client(http_server.address) as client:
        client.send(post("/tile", bytes(65_537), chunked=chunked))
        assert client.answer()[0] == 413
        assert client.rest() == b""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a worker listens."""
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
def test_body_of_a_worker(client: http.client.HTTPConnection, size: int, chunked: bool) -> None:
    for _ in range(2):
        body = iter([pattern(size)[:7], pattern(size)[7:]]) if chunked else pattern(size)
        client.request("POST", f"/body/{size}", body, encode_chunked=chunked)
        assert client.getresponse().read() == pattern(size)


@pytest.mark.parametrize("length", [11, 10 * 2**30])
def test_body_declared_too_long_of_a_worker(
    client: http.client.HTTPConnection, port: int, length: int
) -> None:
    """The response arrives although nothing of the body has been sent."""
    client.putrequest("POST", "/body/10")
    client.putheader("Content-Length", str(length))
    client.endheaders()
    answer = client.getresponse()
    assert (answer.status, answer.read()) == (413, str(length).encode())
    assert echo_http(port)


def test_chunked_body_too_long_of_a_worker(client: http.client.HTTPConnection, port: int) -> None:
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
def test_broken_body_of_a_worker(port: int, data: bytes) -> None:
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
