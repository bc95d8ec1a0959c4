"""Tiles that nginx takes from memcached (conf/nginx-memcached.conf): the daemon is not asked for them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from iipserve.middleware.passed_bodies import OTHER_TYPE, TYPES
from tests.cache.servers import Memcached, started
from tests.end_to_end import servers
from tests.end_to_end.running import ROOT
from tests.end_to_end.test_front_ends import Answer, ask
from tests.images import smooth, write_tiff_pyramid

PART = "nginx-memcached.conf"
IIP = "/fcgi-bin/iipsrv.fcgi?FIF=a.tif&JTL="
TILES = [
    *(f"{IIP}2,{index}" for index in range(12)),
    *(f"/deepzoom/a.tif_files/10/{column}_{row}.jpg" for column in range(4) for row in range(3)),
    *(
        f"/iiif/sub%2Fa.tif/{x},0,256,256/256,/0/default.{form}"
        for x in (0, 256, 512)
        for form in ("jpg", "png")
    ),
    "/iiif/a%20b.tif/0,0,512,512/256,/0/default.webp",
    "/zoomify/sub/a.tif/TileGroup0/2-1-1.jpg",
]
"""Of all kinds, with escapes in their addresses."""
SECONDS = 120.0
METHOD = re.compile(r"\b(?:GET|HEAD|OPTIONS|DELETE)\b")
LAST = "/fcgi-bin/iipsrv.fcgi?FIF=a.tif&OBJ=Max-size&obj="
"""Begins addresses that come last, each once."""


class Site(NamedTuple):
    """nginx with what is behind it."""

    address: str
    log: Path
    memcacheds: tuple[Memcached, ...]

    def answered(self, address: str) -> int:
        """How often the daemon has recorded an answer at an address, which it does once that is sent."""
        return self.log.read_text().count(f"GET {address} ")

    def asked(self) -> int:
        """How many requests the daemon has answered, those of this method left out."""
        last = f"{LAST}{time.monotonic_ns()}"
        self.get(last)
        until(lambda: self.answered(last) == 1)
        lines = self.log.read_text().splitlines()
        return sum(bool(METHOD.search(line)) and LAST not in line for line in lines)

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return ask(self.address + path, method, **headers)

    def passes_all(self) -> bool:
        """Ask for all tiles; whether the daemon was asked for none."""
        before = self.asked()
        assert {self.get(path).status for path in TILES} == {200}
        return self.asked() == before


def write(path: Path, quality: int = 80) -> None:
    write_tiff_pyramid(
        path, smooth((1000, 701)), compression="jpeg", photometric="ycbcr", subsampling=(2, 2),
        compressionargs={"level": quality},
    )  # fmt: skip


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    (folder / "sub").mkdir()
    for name in ("a.tif", "a b.tif", "sub/a.tif"):
        write(folder / name)
    return folder


@contextmanager
def running_site(images: Path, work: Path, seconds: int, count: int) -> Iterator[Site]:
    """nginx before so many memcached servers and a daemon that keeps bodies there for some seconds."""
    with ExitStack() as stack:
        memcacheds = [stack.enter_context(started()) for _ in range(count)]
        settings = {"MEMCACHED_PASS": str(seconds), "VERBOSITY": "2", "WORKERS": "1"}
        address = stack.enter_context(servers.nginx_before_memcached(images, work, memcacheds, **settings))
        yield Site(address, work / "iipserve.log", tuple(memcacheds))


@pytest.fixture(scope="module")
def site(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With three memcached servers, which keep bodies for a day."""
    with running_site(images, tmp_path_factory.mktemp("work"), 86400, 3) as site:
        yield site


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.02)


HEADERS_OF_THE_DAEMON = {"etag", "last-modified", "link", "vary"}
"""What only the daemon knows; the others are those of both."""
OF_NGINX = {"date", "server", "connection", "accept-ranges"}


def test_what_was_asked_for_before_the_daemon_is_not_asked_for(site: Site) -> None:
    first = [site.get(path) for path in TILES]
    assert {answer.status for answer in first} == {200}
    until(site.passes_all)
    again = [site.get(path) for path in TILES * 2]
    for one, other in zip(first * 2, again, strict=True):
        assert one.body == other.body
        expected = {name: one.headers[name] for name in one.headers.keys() - HEADERS_OF_THE_DAEMON - OF_NGINX}
        assert {name: other.headers[name] for name in other.headers.keys() - OF_NGINX} == expected
    assert all(memcached.statistic("get_hits") for memcached in site.memcacheds), "keys are on all servers"


def test_head_of_a_tile_that_is_kept(site: Site) -> None:
    def kept() -> bool:
        site.get(TILES[0])
        return "etag" not in site.get(TILES[0], "HEAD").headers

    until(kept)
    head = site.get(TILES[0], "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(site.get(TILES[0]).body))


def test_what_memcached_cannot_answer_the_daemon_does(site: Site) -> None:
    path = f"{IIP}2,5"
    etag = site.get(path, If_None_Match='"x"').headers["etag"]
    assert site.get(path, If_None_Match=etag).status == 304
    assert site.get(path, If_Match='"x"').status == 412
    assert "etag" in site.get(path, Range="bytes=0-99").headers
    assert site.get(path, "OPTIONS").status == 204
    assert site.get(path, "DELETE").status == 405
    assert "etag" in site.get(path, Authorization="Bearer x").headers


@pytest.mark.parametrize(
    "path",
    [
        "/iiif/a.tif/info.json",
        "/deepzoom/a.tif.dzi",
        "/iiif/a.tif/full/300,/0/default.bmp",
        # with Content-Disposition
        "/iiif/a.tif/full/300,/0/default.jpg",
        "/iiif/missing.tif/full/300,/0/default.jpg",
        f"{IIP}9,9",
        "/fcgi-bin/iipsrv.fcgi?FIF=a.tif&OBJ=Max-size",
        # PNG, which nginx would call JPEG
        "/fcgi-bin/iipsrv.fcgi?FIF=a.tif&WID=300&CVT=png",
        f"/fcgi-bin/iipsrv.fcgi?{'x=1&' * 60}FIF=a.tif&JTL=2,3",
    ],
)
def test_other_answers_are_not_kept(site: Site, path: str) -> None:
    before = site.answered(path)
    first, again = site.get(path), site.get(path)
    until(lambda: site.answered(path) == before + 2)
    assert (first.status, first.body) == (again.status, again.body)


@pytest.mark.parametrize("header", ["MEMCACHED-KEY", "X-MEMCACHED-KEY"])
def test_clients_choose_no_keys(site: Site, header: str) -> None:
    tile, other = f"{IIP}1,0", f"{IIP}1,1"
    forged = {header.replace("-", "_"): f"iipserve:{tile}"}
    poison = site.get(other, If_None_Match=f":{tile}", **forged).body
    assert site.get(tile).body != poison
    assert site.get(tile).body != poison


def test_without_memcached_everything_is_answered(site: Site) -> None:
    for memcached in site.memcacheds[:2]:
        memcached.stop()
    assert {site.get(path).status for path in TILES} == {200}
    site.memcacheds[2].stop()
    assert {site.get(path).status for path in TILES} == {200}
    for memcached in site.memcacheds:
        memcached.start()


def test_changed_file_is_shown_after_the_seconds_of_the_setting(images: Path, tmp_path: Path) -> None:
    with running_site(images, tmp_path, 1, 1) as site:
        path = "/deepzoom/changing.tif_files/10/1_1.jpg"
        write(images / "changing.tif")
        tile = site.get(path).body
        write(tmp_path / "new.tif", 40)
        os.replace(tmp_path / "new.tif", images / "changing.tif")
        until(lambda: site.get(path).body != tile)


def test_types_are_those_of_the_sample() -> None:
    sample = (ROOT / "conf" / PART).read_text()
    lines = re.findall(r"^ +(image/\S+) +([a-z ]+);$", sample, re.MULTILINE)
    stated = {extension: media_type for media_type, names in lines for extension in names.split()}
    assert stated == TYPES
    assert f"default_type {OTHER_TYPE};" in sample
