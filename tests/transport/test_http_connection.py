"""HTTP connections with real sockets: kept ones, refusals, and clients that are slow, idle or gone."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest

from iipserve.errors import ConfigError
from iipserve.http.public_address import public_root
from iipserve.transport.http_connection import MAX_STEPS, HttpConnection
from tests.transport.conftest import Running, StartServer
from tests.transport.http_client import Client
from tests.transport.processes import SECONDS, until
from tests.transport.stub import PIECE, TILE, pattern

GET = b"GET /tile HTTP/1.1\r\nHost: a\r\n\r\n"
LENGTH = 8_000_000
"""Bytes of an answer: more than sockets hold."""
PIECES = b"".join(number.to_bytes(4, "big") + PIECE[4:] for number in range(200))
HALF_LINE_ENDS = (
    GET.replace(b"\r", b""),
    GET.replace(b"\n", b""),
    b"GET /tile HTTP/1.1\r\nHost: a\n\n",
    b"GET /tile HTTP/1.1\r\nHost: a\r\n\n",
    b"POST /body/9 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
)


@contextlib.contextmanager
def clients(server: Running, count: int, data: bytes) -> Iterator[list[Client]]:
    """Clients that have sent `data`."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(Client(server.address)) for _ in range(count)]
        for client in found:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.send(data)
        yield found


def serves(server: Running) -> bool:
    """Whether an ordinary client is answered."""
    with Client(server.address) as client:
        return client.ask("/tile")[::2] == (200, TILE)


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "Unix socket"])
def test_connection_is_kept(start_server: StartServer, unix: bool) -> None:
    with Client(start_server(http=True, unix=unix).address) as client:
        for _ in range(3):
            status, headers, body = client.ask("/tile")
            assert (status, headers["server"], headers["connection"]) == (200, "iipserve", "keep-alive")
            assert body == TILE
            assert client.ask("/tile", method="HEAD")[2] == b""
            assert client.ask("/status/304")[0] == 304
            assert client.ask("/status/404")[0] == 404
        status, headers, _ = client.ask("/tile", "Connection: close")
        assert (status, headers["connection"]) == (200, "close")
        assert client.rest() == b""


def test_requests_sent_at_once_are_answered_in_order(http_server: Running) -> None:
    with Client(http_server.address) as client:
        client.send(b"".join(GET.replace(b"/tile", b"/bytes/%d" % size) for size in (10, LENGTH, 20)))
        for size in (10, LENGTH, 20):
            assert client.answer()[2] == pattern(size)


def test_requests_sent_at_once_leave_others_their_turn(http_server: Running) -> None:
    ticks, (ours, theirs) = http_server.application.ticks, socket.socketpair()
    with theirs, contextlib.closing(HttpConnection(ours, http_server.server)) as connection:
        theirs.sendall(100 * GET.replace(b"/tile", b"/tick"))
        turns = 1
        while connection.run() and connection.postponed:
            assert len(ticks) <= turns * MAX_STEPS
            turns += 1
        assert (len(ticks), turns) == (100, -(-100 // MAX_STEPS))


def test_many_requests_sent_at_once(http_server: Running) -> None:
    with Client(http_server.address) as client:
        client.send(1000 * GET.replace(b"/tile", b"/tick"))
        for _ in range(1000):
            assert client.answer()[2] == b"tick"


def test_http_1_0(http_server: Running) -> None:
    with Client(http_server.address) as client:
        client.send(b"GET /tile HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert client.answer()[1]["connection"] == "keep-alive"
        client.send(b"GET /tile HTTP/1.0\r\n\r\n")
        assert client.answer()[2] == TILE
        assert client.rest() == b""


def test_what_the_application_is_given(http_server: Running) -> None:
    with Client(http_server.address) as client:
        seen = json.loads(
            client.ask("/echo/a%2Fb?c=%20", "X-Forwarded-Proto: https", "X_Forwarded_Host: b")[2]
        )
    assert (seen["path"], seen["query"], seen["over_http"]) == ("/echo/a%2Fb", "c=%20", True)
    environ = seen["environ"]
    assert (environ["REMOTE_ADDR"], environ["SERVER_PROTOCOL"]) == ("127.0.0.1", "HTTP/1.1")
    assert environ["HTTP_X_FORWARDED_PROTO"] == "https"
    assert "HTTP_X_FORWARDED_HOST" not in environ


def test_address_of_a_server_on_ipv6(start_server: StartServer) -> None:
    """Of a request without a Host header."""
    try:
        server = start_server(http=True, host="::1")
    except ConfigError as error:
        pytest.skip(str(error))
    with socket.create_connection(server.address[:2], SECONDS) as client:
        client.sendall(b"GET /echo HTTP/1.0\r\n\r\n")
        environ = json.loads(client.makefile("rb").read().partition(b"\r\n\r\n")[2])["environ"]
    assert public_root(environ, trusted=False) == f"http://[::1]:{server.address[1]}"


@pytest.mark.parametrize("data", HALF_LINE_ENDS)
def test_request_whose_lines_end_in_half_a_line_end_is_refused_at_once(
    http_server: Running, data: bytes
) -> None:
    with Client(http_server.address) as client:
        client.send(data)
        assert client.answer()[0] == 400
        assert client.rest() == b""


@pytest.mark.parametrize("minor", [0, 1])
def test_body_without_a_length_that_breaks_off_is_not_passed_for_whole(
    http_server: Running, minor: int
) -> None:
    with Client(http_server.address) as client:
        client.send(b"GET /breaking HTTP/1.%d\r\nHost: a\r\n\r\n" % minor)
        received = client.rest()
    assert PIECE in received
    assert not received.endswith(b"0\r\n\r\n")


def test_head_that_trickles_in(http_server: Running) -> None:
    with Client(http_server.address) as client:
        for number in range(len(GET)):
            client.send(GET[number : number + 1])
        assert client.answer()[2] == TILE


def test_clients_that_keep_their_end_open_are_closed(http_server: Running) -> None:
    closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with clients(http_server, 50, closing) as asked, clients(http_server, 50, b"\x16\x03\x01\xa5") as strange:
        assert serves(http_server)
        for client in asked:
            assert client.answer()[2] == TILE
            assert client.rest() == b""
        for client in strange:
            assert client.answer()[0] == 400
            assert client.rest() == b""


@pytest.mark.parametrize(
    "data", [b"", GET[:-4], b"POST /body/9 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1"]
)
def test_idle_and_half_sent_requests_hold_no_thread(start_server: StartServer, data: bytes) -> None:
    server = start_server(threads=1, http=True)
    with clients(server, 400, data):
        assert serves(server)


@pytest.mark.parametrize(
    ("address", "body"), [(f"/bytes/{LENGTH}", pattern(LENGTH)), ("/pieces/200", PIECES)]
)
def test_clients_that_do_not_read_hold_no_thread(
    start_server: StartServer, address: str, body: bytes
) -> None:
    server = start_server(threads=2, http=True)
    with clients(server, 12, GET.replace(b"/tile", address.encode())) as unread:
        until(lambda: sum(found.outgoing.pending for found in tuple(server.server._parked.values())) == 12)
        assert serves(server)
        for client in unread:
            assert client.answer()[2] == body


@pytest.mark.parametrize("data", [GET[:-4], GET.replace(b"/tile", b"/bytes/8000000")])
def test_slow_clients_are_given_up_in_time(start_server: StartServer, data: bytes) -> None:
    server = start_server(request_timeout=0.2, http=True)
    with clients(server, 3, data):
        until(lambda: server.server._held == 3)
        until(lambda: server.server.tick() or not server.server._parked)


def test_idle_clients_are_given_up_in_time(http_server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with clients(http_server, 3, GET) as asked:
        for client in asked:
            client.answer()
        until(lambda: len(http_server.server._parked) == 3)
        http_server.server.tick()
        assert len(http_server.server._parked) == 3
        monkeypatch.setattr("iipserve.transport.http_connection.KEEP_SECONDS", 0.1)
        until(lambda: http_server.server.tick() or not http_server.server._parked)


def test_connections_beyond_the_maximum_replace_half_sent_ones(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iipserve.transport.pool.max_connections", lambda: 20)
    server = start_server(http=True)
    with clients(server, 60, GET[:-4]):
        until(lambda: server.server._held == 20)
        assert serves(server)


def test_stopping_lets_answers_finish(http_server: Running) -> None:
    with Client(http_server.address) as client:
        client.send(GET.replace(b"/tile", b"/wait"))
        until(lambda: http_server.monitored.longest_running() > 0)
        assert not http_server.server.stop(0.1)
        http_server.application.released.set()
        assert http_server.server.stop(10)
        status, headers, body = client.answer()
        assert (status, headers["connection"], body) == (200, "close", b"released")


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_response_of_another_length_than_declared_is_no_part_of_the_next_one(
    http_server: Running, method: bytes
) -> None:
    for kind in (b"short", b"long", b"streamed"):
        with Client(http_server.address) as client:
            client.send(2 * (method + b" /declared/" + kind + b" HTTP/1.1\r\nHost: a\r\n\r\n"))
            received = client.sock.recv(1 << 16)
        assert b"excess" not in received
        assert received.startswith(
            b"HTTP/1.1 500" if kind != b"streamed" and method == b"GET" else b"HTTP/1.1 200"
        )


def test_status_without_a_body(http_server: Running) -> None:
    """RFC 9110, section 8.6: no Content-Length with 204."""
    with Client(http_server.address) as client:
        assert "content-length" not in client.ask("/status/204")[1]
        assert client.ask("/tile")[2] == TILE


def test_client_that_vanishes_is_harmless(http_server: Running) -> None:
    for address in (b"/tile", b"/bytes/3000000", b"/pieces/100"):
        for end in (1, 30, None):
            with Client(http_server.address) as client:
                client.send(GET.replace(b"/tile", address)[:end])
    assert serves(http_server)
