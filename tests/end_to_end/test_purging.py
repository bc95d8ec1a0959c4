"""`iipserve purge` reaches all workers of a host, memcached, and other hosts that share it."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic

import pytest

from iipserve.engine.files import SAMPLE_LENGTH, SAMPLES
from iipserve.purges.signature import authorization
from tests.cache.servers import Memcached, started
from tests.end_to_end.running import ROOT, daemon
from tests.images import smooth, write_tiff_pyramid
from tests.ports import free_port
from tests.transport.client import connect

SECRET = "secret of these tests"
TILE = "/iiif/{}/0,0,256,256/256,/0/default.png"
SECONDS = 120.0
"""Until what has to happen must have happened."""
ASKED = 40
"""Requests, each over a connection of its own, so that every worker answers some."""


def write(path: Path) -> None:
    write_tiff_pyramid(path, smooth((700, 600)))


def change_in_secret(path: Path) -> None:
    """Change pixels where VERSION_BY=content does not look, and set the time back."""
    before, data = path.stat(), bytearray(path.read_bytes())
    sampled = [
        range(offset, offset + SAMPLE_LENGTH)
        for offset in (index * (len(data) - SAMPLE_LENGTH) // (SAMPLES - 1) for index in range(SAMPLES))
    ]
    start = len(data) // SAMPLES // 2
    changed = range(start, start + SAMPLE_LENGTH)
    assert not any(set(changed) & set(each) for each in sampled)
    for offset in changed:
        data[offset] ^= 0xFF
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.tif", "sub/b.tif"):
        write(folder / name)
    return folder


class Host:
    """A daemon that is asked over HTTP and FastCGI."""

    def __init__(self, http: int, fastcgi: int) -> None:
        self.http = http
        self.address = f"127.0.0.1:{fastcgi}"
        self._fastcgi = ("127.0.0.1", fastcgi)

    def tile(self, name: str, **headers: str) -> tuple[str, bytes]:
        """Entity tag and body of a tile."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{TILE.format(name)}", headers=headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.headers["ETag"], answer.read()

    def tiles(self, name: str) -> set[tuple[str, bytes]]:
        """The different answers to many requests."""
        return {self.tile(name) for _ in range(ASKED)}

    def keep_body(self, name: str) -> str:
        """Ask as nginx does that has found nothing under the key, which is returned."""
        key = f"iipserve:{TILE.format(name)}"
        with connect(self._fastcgi) as peer:
            assert peer.ask(TILE.format(name), MEMCACHED_KEY=key).status == 200
        return key


@contextmanager
def host(folder: Path, work: Path, **settings: str) -> Iterator[Host]:
    work.mkdir()
    http, fastcgi = free_port(), free_port()
    settings = {"PURGE_SECRET": SECRET, "VERSION_BY": "content", "WORKERS": "3"} | settings
    arguments = ("--http", f"127.0.0.1:{http}", "--bind", f"127.0.0.1:{fastcgi}")
    with daemon(folder, work, *arguments, ports=[http, fastcgi], **settings):
        yield Host(http, fastcgi)


def purge(*arguments: str, secret: str = SECRET) -> subprocess.CompletedProcess[str]:
    """Run the command; again, where the machine is so busy that the request is too old when it is read."""
    command = [sys.executable, str(ROOT / "iipserve.fcgi"), "purge", *arguments]
    end = monotonic() + SECONDS
    while True:
        done = subprocess.run(
            command, env=os.environ | {"PURGE_SECRET": secret}, capture_output=True, text=True, check=False
        )
        if "check the clocks" not in done.stderr or monotonic() > end:
            return done


def test_all_workers_show_what_the_file_has(images: Path, tmp_path: Path) -> None:
    with host(images, tmp_path / "host") as here:
        (before,) = here.tiles("a.tif")
        (other,) = here.tiles("sub%2Fb.tif")
        change_in_secret(images / "a.tif")
        change_in_secret(images / "sub" / "b.tif")
        assert before in here.tiles("a.tif"), "some worker does not notice the change"
        done = purge("a.tif", "--server", f"http://127.0.0.1:{here.http}")
        assert (done.returncode, done.stdout) == (0, "a.tif purged; 0 tiles removed from memcached\n"), (
            done.stderr
        )
        (after,) = here.tiles("a.tif")
        assert after[0] != before[0]
        assert after[1] != before[1]
        assert here.tile("a.tif", **{"If-None-Match": before[0]}) == after
        assert other[0] in {etag for etag, _ in here.tiles("sub%2Fb.tif")}
        assert purge("sub/", "--server", here.address).returncode == 0
        (after_folder,) = here.tiles("sub%2Fb.tif")
        assert after_folder[1] != other[1]
        assert here.tiles("a.tif") == {after}


def test_other_hosts_and_memcached(images: Path, tmp_path: Path) -> None:
    with started() as memcached:
        settings = {
            "MEMCACHED_SERVERS": f"127.0.0.1:{memcached.port}",
            "MEMCACHED_PASS": "86400",
            "WORKERS": "1",
        }
        with (
            host(images, tmp_path / "one", **settings) as one,
            host(images, tmp_path / "other", **settings) as other,
        ):
            keys = [
                kept(memcached, lambda name=name: one.keep_body(name)) for name in ("a.tif", "sub%2Fb.tif")
            ]  # type: ignore[misc]
            (before,) = one.tiles("a.tif") | other.tiles("a.tif")
            change_in_secret(images / "a.tif")
            assert before in other.tiles("a.tif")
            done = purge("a.tif", "--server", one.address)
            assert (done.returncode, done.stdout) == (0, "a.tif purged; 1 tiles removed from memcached\n"), (
                done.stderr
            )
            (after,) = other.tiles("a.tif") | one.tiles("a.tif")
            assert after[1] != before[1]
            assert memcached.command(f"get {keys[0]}") == b"END\r\n"
            assert memcached.command(f"get {keys[1].replace('%', '%25')}").startswith(b"VALUE")
        # a host that starts later knows it too
        with host(images, tmp_path / "third", **settings) as third:
            assert third.tiles("a.tif") == {after}


def kept(memcached: Memcached, keep: Callable[[], str]) -> str:
    """The key of a body, once it is kept."""
    end = monotonic() + SECONDS
    while True:
        key = keep()
        assert monotonic() < end, f"{key} is not kept"
        if memcached.command(f"get {key.replace('%', '%25')}").startswith(b"VALUE"):
            return key


def test_others_may_not_purge(images: Path, tmp_path: Path) -> None:
    with host(images, tmp_path / "host", WORKERS="1") as here:
        done = purge("a.tif", "--server", here.address, secret="another secret")
        assert done.returncode == 1
        assert "the signature is not" in done.stderr
        connection = HTTPConnection("127.0.0.1", here.http, timeout=120)

        def status(method: str, query: str, now: float | None = None) -> int:
            headers = {} if now is None else {"Authorization": authorization(SECRET, query, now)}
            connection.request(method, f"/purge?{query}", headers={**headers, "Content-Length": "0"})
            answer = connection.getresponse()
            answer.read()
            return answer.status

        assert status("POST", "name=a.tif") == 401
        assert status("POST", "name=a.tif", 1000.0) == 401
        assert status("GET", "name=a.tif") != 200
        connection.close()
    done = purge("a.tif", "--server", here.address)
    assert (done.returncode, done.stdout) == (1, "")
    assert purge("a.tif", secret="").returncode == 1
