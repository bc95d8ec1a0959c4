"""Every way to run the server, with the samples of this repository, asked for every protocol."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import imagecodecs
import pytest

from tests.end_to_end import servers
from tests.images import smooth, write_tiff_pyramid

FRONT_ENDS = {
    "nginx over TCP": servers.nginx_over_tcp,
    "nginx over a Unix socket": servers.nginx_over_unix,
    "nginx with its cache": servers.nginx_with_cache,
    "nginx with memcached": servers.nginx_with_memcached,
    "nginx and spawn-fcgi": servers.nginx_and_spawn_fcgi,
    "lighttpd starting it": servers.lighttpd_bin_path,
    "lighttpd before it": servers.lighttpd_host,
    "Apache mod_fcgid": servers.apache_fcgid,
    "Apache mod_proxy_fcgi": servers.apache_proxy_fcgi,
    "HTTP alone": servers.http_alone,
}
OWN = {"HTTP alone"}
"""Without a web server of others."""
WIDTH, HEIGHT = 1000, 701
IIP = "/fcgi-bin/iipsrv.fcgi"
DEBIAN_IIP = "/iipsrv/iipsrv.fcgi"


class Answer(NamedTuple):
    """What came over HTTP."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


def ask(address: str, method: str = "GET", **headers: str) -> Answer:
    """One request; names of headers with `_` for `-`."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address, method=method, headers=given)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return Answer(
                answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
            )
    except urllib.error.HTTPError as error:
        with error:
            return Answer(
                error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()
            )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pyramid of 1000 x 701, also in a folder."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "sub").mkdir()
    for name in ("pyramid.tif", "sub/pyramid.tif"):
        write_tiff_pyramid(
            folder / name, smooth((WIDTH, HEIGHT)), compression="jpeg", photometric="ycbcr",
            subsampling=(2, 2), compressionargs={"level": 90},
        )  # fmt: skip
    return folder


class FrontEnd(NamedTuple):
    """A running front end."""

    name: str
    site: str
    """Its address."""
    work: Path
    """The folder of its logs."""

    def ask(self, path: str) -> Answer:
        """GET a path; again if a web server that is not ours closes the connection without a response.

        As browsers do (RFC 9110, section 9.2.2).
        """
        if self.name not in OWN:
            with suppress(ConnectionError):
                return ask(self.site + path)
        try:
            return ask(self.site + path)
        except ConnectionError as error:
            for log in self.work.glob("*.log"):
                error.add_note(f"{log.name}:\n{log.read_text(errors='replace')[-4000:]}")
            raise


@pytest.fixture(scope="module", params=FRONT_ENDS)
def front_end(
    request: pytest.FixtureRequest, images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontEnd]:
    """Each of them."""
    work = tmp_path_factory.mktemp("work")
    with FRONT_ENDS[request.param](images, work) as site:
        yield FrontEnd(request.param, site, work)


@pytest.fixture(scope="module")
def site(front_end: FrontEnd) -> str:
    """The address of a running front end."""
    return front_end.site


IMAGES = {
    "IIP tile": (f"{IIP}?FIF=pyramid.tif&JTL=2,0", (256, 256)),
    "IIP tile in the corner": (f"{IIP}?FIF=pyramid.tif&JTL=2,11", (WIDTH - 768, HEIGHT - 512)),
    "IIP export": (f"{IIP}?FIF=sub/pyramid.tif&WID=500&CVT=jpeg", (500, 351)),
    "IIP in Debian's place": (f"{DEBIAN_IIP}?FIF=pyramid.tif&JTL=0,0", (250, 175)),
    "IIP on its own path": ("/iip?FIF=pyramid.tif&JTL=2,0", (256, 256)),
    "IIIF by query": (f"{IIP}?IIIF=pyramid.tif/0,0,300,200/max/0/default.jpg", (300, 200)),
    "IIIF": ("/iiif/pyramid.tif/full/500,/0/default.jpg", (500, 351)),
    "IIIF with an encoded slash": ("/iiif/sub%2Fpyramid.tif/0,0,512,512/256,/0/default.jpg", (256, 256)),
    "IIIF 2": ("/iiif/2/pyramid.tif/full/full/0/default.jpg", (WIDTH, HEIGHT)),
    "DeepZoom by query": (f"{IIP}?DeepZoom=pyramid.tif_files/10/1_1.jpg", (256, 256)),
    "DeepZoom": ("/deepzoom/pyramid.tif_files/10/3_2.jpg", (WIDTH - 768, HEIGHT - 512)),
    "Zoomify by query": (f"{IIP}?Zoomify=pyramid.tif/TileGroup0/2-1-1.jpg", (256, 256)),
    "Zoomify": ("/zoomify/sub/pyramid.tif/TileGroup0/2-3-2.jpg", (WIDTH - 768, HEIGHT - 512)),
}


@pytest.mark.parametrize(("path", "size"), IMAGES.values(), ids=IMAGES.keys())
def test_image_arrives(site: str, path: str, size: tuple[int, int]) -> None:
    answer = ask(site + path)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "max-age=86400"
    assert imagecodecs.jpeg8_decode(answer.body).shape == (size[1], size[0], 3)


def test_descriptions_arrive_with_public_addresses(site: str) -> None:
    info = json.loads(ask(f"{site}/iiif/sub%2Fpyramid.tif/info.json").body)
    assert (info["id"], info["width"], info["height"]) == (f"{site}/iiif/sub%2Fpyramid.tif", WIDTH, HEIGHT)
    older = json.loads(ask(f"{site}/iiif/2/pyramid.tif/info.json").body)
    assert older["@id"] == f"{site}/iiif/2/pyramid.tif"
    by_query = json.loads(ask(f"{site}{IIP}?IIIF=pyramid.tif/info.json").body)
    assert by_query["id"] == f"{site}{IIP}?IIIF=pyramid.tif"
    assert ElementTree.fromstring(ask(f"{site}/deepzoom/pyramid.tif.dzi").body)[0].attrib == {
        "Width": str(WIDTH),
        "Height": str(HEIGHT),
    }
    assert (
        ElementTree.fromstring(ask(f"{site}/zoomify/pyramid.tif/ImageProperties.xml").body).attrib["WIDTH"]
        == "1000"
    )
    assert ask(f"{site}{IIP}?FIF=pyramid.tif&OBJ=Max-size").body == b"Max-size:1000 701\r\n"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{IIP}?FIF=missing.tif&JTL=0,0", 404),
        (f"{IIP}?FIF=pyramid.tif&JTL=9,9", 404),
        ("/iiif/missing.tif/info.json", 404),
        ("/iiif/pyramid.tif/full/max/0/default.bmp", 400),
        ("/deepzoom/pyramid.tif_files/10/99_0.jpg", 404),
        ("/iiif/..%2F..%2Fetc%2Fpasswd/info.json", 404),
        (f"{IIP}?FIF=../../../../etc/passwd&JTL=0,0", 404),
    ],
)
def test_errors_keep_their_status(site: str, path: str, status: int) -> None:
    answer = ask(site + path)
    assert answer.status in (status, 400)
    assert b"root:" not in answer.body


def test_methods_and_conditions(site: str) -> None:
    address = f"{site}/iiif/pyramid.tif/full/500,/0/default.jpg"
    whole = ask(address)
    head = ask(address, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["etag"] == whole.headers["etag"]
    assert ask(address, If_None_Match=whole.headers["etag"]).status == 304
    assert ask(address, If_Modified_Since=whole.headers["last-modified"]).status == 304
    assert ask(address, If_None_Match='"another"').body == whole.body
    assert ask(address, "OPTIONS").status == 204
    assert ask(address, "DELETE").status in (403, 405)


FORGED = [
    *("Forwarded: proto=https;host=evil.org", "X-Forwarded-Host: evil.org", "X-Forwarded-Proto: https"),
    *("X-Forwarded-Port: 1", "X-Forwarded-Prefix: /evil", "X-Forwarded-Path: /evil"),
    *("X-IIIF-ID: http://evil.org/", "X_IIIF_ID: http://evil.org/", "X.IIIF.ID: http://evil.org/"),
    *("X_Forwarded_Host: evil.org", "X-Forwarded_Host: evil.org", "x-forwarded-host: evil.org"),
]


@pytest.mark.parametrize("line", FORGED)
def test_clients_do_not_forge_the_public_address(site: str, line: str) -> None:
    parts = urlsplit(site)
    with socket.create_connection((parts.hostname, parts.port), timeout=120) as client:
        head = f"GET /iiif/pyramid.tif/info.json HTTP/1.0\r\nHost: {parts.netloc}\r\n{line}\r\n\r\n"
        client.sendall(head.encode())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.split()[1] in (b"200", b"400")
    assert b"evil" not in answer
    assert answer.split()[1] == b"400" or f'"{site}/iiif/pyramid.tif"'.encode() in answer


def test_many_requests_at_once(front_end: FrontEnd) -> None:
    paths = [f"{IIP}?FIF=pyramid.tif&JTL=2,{number % 12}" for number in range(240)]
    with ThreadPoolExecutor(24) as threads:
        answers = list(threads.map(front_end.ask, paths))
    assert {answer.status for answer in answers} == {200}
    for number, answer in enumerate(answers):
        assert answer.body == answers[number % 12].body
