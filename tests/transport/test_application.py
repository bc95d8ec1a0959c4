"""The real application with a protocol that reads bodies, over FastCGI and HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from iipserve import registry
from iipserve.app import build
from iipserve.config import Config
from iipserve.config.addresses import TcpAddress
from iipserve.http import Routed
from iipserve.image import ImageName
from iipserve.plan import Answer, Document
from iipserve.protocols import BodyRule, Images, PathRoute, Protocol, Server
from iipserve.transport.pool import FastCGIServer
from iipserve.transport.service import MonitoredApplication
from iipserve.transport.sockets import listen
from tests.transport.client import connect, request
from tests.transport.http_client import Client, post

LIMIT = 200_000


class EchoQuery(NamedTuple):
    """The body; without one, the target of the address."""

    text: bytes
    names: tuple[ImageName, ...] = ()


def parse(routed: Routed, server: Server) -> EchoQuery:
    body = routed.request.body
    return EchoQuery(routed.target.encode() if body is None else body.file.read())


def plan(query: EchoQuery, images: Images, server: Server) -> Answer:
    return Answer(Document(query.text, "text/plain"))


ECHO = Protocol(
    "echo",
    (PathRoute("echo"),),
    parse,
    plan,
    methods=("GET", "HEAD", "POST", "PUT"),
    body=BodyRule(frozenset({"text/xml"}), LIMIT),
)

Send = Callable[..., tuple[int, bytes]]


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> MonitoredApplication:
    discover = registry.discover

    def discover_echo(package: str, constant: str) -> Any:
        found = discover(package, constant)
        return {**found, "echo": ECHO} if constant == "PROTOCOL" else found

    monkeypatch.setattr(registry, "discover", discover_echo)
    config = Config()
    return MonitoredApplication(build(config), config)


def over_fastcgi(application: MonitoredApplication) -> Iterator[Send]:
    listener = listen(TcpAddress("127.0.0.1", 0), 10)
    server = FastCGIServer(application, [listener], Config(threads=2))
    server.start()

    def send(address: str, body: bytes = b"", **params: str) -> tuple[int, bytes]:
        with connect(listener.getsockname()) as peer:
            peer.send(request(address, body=body, **params))
            answer = peer.answer()
        return answer.status, answer.body

    yield send
    assert server.stop(10)
    listener.close()


def over_http(application: MonitoredApplication) -> Iterator[Send]:
    listener = listen(TcpAddress("127.0.0.1", 0), 10)
    server = FastCGIServer(application, [], Config(threads=2), http=[listener])
    server.start()

    def send(address: str, body: bytes = b"", **environ: str) -> tuple[int, bytes]:
        method = environ.pop("REQUEST_METHOD", "GET")
        headers = {name.replace("_", "-"): value for name, value in environ.items()}
        with Client(listener.getsockname()) as client:
            client.send(post(address, body, method=method, chunked=bool(body), **headers))
            status, _, content = client.answer()
        return status, content

    yield send
    assert server.stop(10)
    listener.close()


@pytest.fixture(params=[over_fastcgi, over_http])
def send(request: pytest.FixtureRequest, application: MonitoredApplication) -> Iterator[Send]:
    yield from request.param(application)


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("size", [1, 100_000, LIMIT])
def test_body_reaches_the_protocol(send: Send, method: str, size: int) -> None:
    body = bytes(index % 251 for index in range(size))
    for media_type in ("text/xml", "Text/XML; charset=utf-8"):
        assert send("/echo/x", body, REQUEST_METHOD=method, CONTENT_TYPE=media_type) == (200, body)


def test_get_and_empty_post_have_no_body(send: Send) -> None:
    assert send("/echo/x") == (200, b"x")
    assert send("/echo/x", b"ignored") == (200, b"x")
    assert send("/echo/x", REQUEST_METHOD="POST", CONTENT_TYPE="text/xml") == (200, b"x")


@pytest.mark.parametrize(
    ("body", "params", "status"),
    [
        pytest.param(b"", {"CONTENT_LENGTH": str(LIMIT + 1)}, 413, id="declared too long"),
        pytest.param(bytes(LIMIT + 1), {}, 413, id="too long"),
        pytest.param(b"x", {"CONTENT_TYPE": "image/tiff"}, 415, id="of another type"),
        pytest.param(b"x", {"REQUEST_METHOD": "DELETE"}, 405, id="method without a body"),
    ],
)
def test_body_is_refused(send: Send, body: bytes, params: dict[str, str], status: int) -> None:
    given = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/xml"} | params
    assert send("/echo/x", body, **given)[0] == status
    assert send("/echo/x") == (200, b"x")


@pytest.mark.parametrize("address", ["/iip?FIF=a.tif&JTL=0,0", "/iiif/a.tif/info.json", "/deepzoom/a.dzi"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
def test_protocols_without_bodies_answer_405(send: Send, address: str, method: str) -> None:
    assert send(address, b"a=b", REQUEST_METHOD=method)[0] == 405
