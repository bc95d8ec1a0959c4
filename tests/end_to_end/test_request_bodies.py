"""Request bodies through the web servers, with the samples of this repository, to a stub that sends them back."""

from __future__ import annotations

import gzip
import http.client
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.end_to_end import servers
from tests.end_to_end.running import ROOT
from tests.ports import free_port
from tests.transport.processes import Command, echo, until
from tests.transport.stub import pattern

ADDRESS = "/zoomify/body"
"""Where the samples lead to the daemon, and the stub sends bodies back."""
LARGE_ENOUGH = {"client_max_body_size     64k": "client_max_body_size 10m"}


class Site(NamedTuple):
    """A web server before the stub."""

    url: str
    stub: tuple[str, int] | None
    """Where the stub itself listens, if it does."""
    takes_chunked: bool = True
    """Of lighttpd, only if it collects a body first."""


Start = Callable[[Path], AbstractContextManager[Site]]


@contextmanager
def stub(work: Path) -> Iterator[int]:
    port = free_port()
    command = Command(work, "--bind", f"127.0.0.1:{port}")
    try:
        until(lambda: echo(("127.0.0.1", port)))
        yield port
    finally:
        command.stop()


def nginx(changes: dict[str, str]) -> Start:
    @contextmanager
    def start(work: Path) -> Iterator[Site]:
        with stub(work) as port, servers.nginx_example(work, f"127.0.0.1:{port}", changes) as url:
            yield Site(url, ("127.0.0.1", port))

    return start


def lighttpd(addition: str) -> Start:
    @contextmanager
    def start(work: Path) -> Iterator[Site]:
        with stub(work) as port:
            changes = {
                '"port" => 9000': f'"port" => {port}',
                "server.http-parseopts": f"{addition}\nserver.http-parseopts",
            }
            with servers.lighttpd(work, "lighttpd-host.conf", changes) as url:
                yield Site(url, ("127.0.0.1", port), takes_chunked=not addition)

    return start


def apache_proxy(*modules: str, addition: str = "") -> Start:
    @contextmanager
    def start(work: Path) -> Iterator[Site]:
        sample = (ROOT / "conf" / "apache-mod_proxy_fcgi.conf").read_text()
        with stub(work) as port:
            sample = servers.replaced(sample, {"127.0.0.1:9000": f"127.0.0.1:{port}"})
            with servers.apache(work, ("headers", "proxy", "proxy_fcgi", *modules), addition + sample) as url:
                yield Site(url, ("127.0.0.1", port))

    return start


@contextmanager
def apache_fcgid(work: Path) -> Iterator[Site]:
    changes = {
        "/opt/iipserve": str(servers.starter(work, "-m tests.transport.stub")),
        "/var/log/iipserve/iipserve.log": f"{work}/log",
    }
    sample = servers.replaced((ROOT / "conf" / "apache-mod_fcgid.conf").read_text(), changes)
    own = f"FcgidIPCDir {work}\nFcgidProcessTableFile {work}/fcgid_shm\nFcgidMaxRequestLen 10000000\n"
    with servers.apache(work, ("fcgid",), own + sample) as url:
        yield Site(url, None)


FRONT_ENDS: dict[str, Start] = {
    "nginx": nginx(LARGE_ENOUGH),
    "nginx, as they come": nginx(
        LARGE_ENOUGH
        | {"fastcgi_keep_conn        on;": "fastcgi_keep_conn on; fastcgi_request_buffering off;"}
    ),
    "lighttpd": lighttpd(""),
    "lighttpd, as they come": lighttpd("server.stream-request-body = 2"),
    "Apache mod_proxy_fcgi": apache_proxy(),
    "Apache mod_fcgid": apache_fcgid,
}


@pytest.fixture(scope="module", params=FRONT_ENDS.values(), ids=FRONT_ENDS.keys())
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    start: Start = request.param
    with start(tmp_path_factory.mktemp("site")) as found:
        yield found


def post(url: str, path: str, body: bytes, *, chunked: bool = False, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        parts = iter([body[:5], body[5:50_000], body[50_000:]]) if chunked else body
        connection.request("POST", ADDRESS + path, parts, given, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("size", [6, 70_000, 1_000_000])
@pytest.mark.parametrize("chunked", [False, True], ids=["plain", "chunked"])
def test_body_arrives(site: Site, size: int, chunked: bool) -> None:
    status, body = post(site.url, f"/{size}", pattern(size), chunked=chunked)
    if not (chunked and not site.takes_chunked and status == 411):
        assert (status, body) == (200, pattern(size))


@pytest.mark.parametrize("chunked", [False, True], ids=["plain", "chunked"])
def test_body_that_is_too_long_is_refused(site: Site, chunked: bool) -> None:
    status, body = post(site.url, "/1000", pattern(100_000), chunked=chunked)
    if not (chunked and not site.takes_chunked and status == 411):
        assert status == 413
        assert body in (b"1001", b"100000")
    for _ in range(5):
        assert post(site.url, "/6", b"a body") == (200, b"a body")


def test_refused_bodies_cost_no_other_request(site: Site) -> None:
    """Kept connections survive them: closing one would lose the request that is already on its way (502)."""

    def refused_and_taken(round_: int) -> None:
        chunked = bool(round_ % 2)
        status, _ = post(site.url, "/1000", pattern(2_000_000), chunked=chunked)
        assert status == 413 or (chunked and not site.takes_chunked and status == 411)
        assert post(site.url, "/6", b"a body") == (200, b"a body")

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(refused_and_taken, range(30)))


def test_many_bodies_at_once(site: Site) -> None:
    bodies = [bytes([number]) * (1 + 5000 * number) for number in range(40)]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda body: post(site.url, "/1000000", body), bodies))
    assert [answer[1] for answer in answers] == bodies


def test_client_that_leaves_before_the_end_never_reaches_the_application(site: Site) -> None:
    if site.stub is None:
        pytest.skip("the web server starts the stub itself")
    before = echo(site.stub)["bodies"]
    address = urlsplit(site.url)
    for head in ("Content-Length: 100000", "Transfer-Encoding: chunked"):
        with socket.create_connection((address.hostname, address.port), timeout=120) as client:
            lines = f"POST {ADDRESS}/200000 HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n"
            client.sendall(lines.encode() + b"C350\r\n" + pattern(50_000) + b"\r\n")
    assert post(site.url, "/6", b"a body") == (200, b"a body")
    assert echo(site.stub)["bodies"] == before + 1


@pytest.mark.parametrize(
    "body", [pattern(50_000), bytes(range(256))], ids=["shorter than the body", "longer than the body"]
)
def test_declared_length_is_that_of_the_compressed_body(tmp_path: Path, body: bytes) -> None:
    """mod_deflate decompresses the body and leaves CONTENT_LENGTH as it is."""
    start = apache_proxy("filter", "deflate", addition="SetInputFilter DEFLATE\n")
    with start(tmp_path) as site:
        sent = gzip.compress(body)
        assert len(sent) != len(body)
        assert post(site.url, "/60000", sent, Content_Encoding="gzip") == (200, body)
