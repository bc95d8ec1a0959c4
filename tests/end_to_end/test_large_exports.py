"""Exports of more than 100 MB: the worker holds a small part of them, and every byte arrives."""

from __future__ import annotations

import hashlib
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile

from tests.end_to_end.processes import peak, worker_of
from tests.end_to_end.running import daemon
from tests.images import Picture, gradient
from tests.ports import free_port
from tests.transport.client import END, STDOUT, Peer, request

SIDE, TILE = 7000, 256
MAX_GROWTH = 60
"""Megabytes by which the worker may grow; the smallest answer here has 147."""
EXPORTS = {
    "tiff": f"/iip?FIF=large.tif&WID={SIDE}&QLT=none:0&CVT=tiff",
    "png": f"/iip?FIF=large.tif&WID={SIDE}&QLT=0&CVT=png",
}
HEAD_START = 3_000_000
"""Bytes after which the reader rests."""


def tile_at(column: int, row: int) -> Picture:
    """A tile that tells where it is."""
    return gradient((TILE, TILE)) + np.array([0, 5 * column, 7 * row], np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = tmp_path_factory.mktemp("images")
    count = -(-SIDE // TILE)
    tiles = (tile_at(column, row) for row in range(count) for column in range(count))
    with tifffile.TiffWriter(images / "large.tif") as writer:
        writer.write(
            tiles,
            shape=(SIDE, SIDE, 3),
            dtype="uint8",
            tile=(TILE, TILE),
            photometric="rgb",
            compression="lzw",
            metadata=None,
        )
    return images


@pytest.fixture
def ports(folder: Path, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Of FastCGI and of HTTP, of a new daemon with one worker."""
    fastcgi, web = free_port(), free_port()
    arguments = ("--bind", f"127.0.0.1:{fastcgi}", "--http", f"127.0.0.1:{web}")
    with daemon(folder, tmp_path, *arguments, ports=[fastcgi, web], MAX_CVT="-1"):
        yield fastcgi, web
    assert "Traceback" not in (tmp_path / "iipserve.log").read_text()


def spooled(process: Path) -> int:
    """How many temporary files without a name the process has open."""
    targets = []
    for link in (process / "fd").iterdir():
        try:
            targets.append(str(link.readlink()))
        except OSError:
            continue
    return sum(target.endswith("(deleted)") and "wgunicorn" not in target for target in targets)


def gone(process: Path) -> bool:
    """Whether all temporary files are closed, before long."""
    end = time.monotonic() + 120
    while spooled(process) and time.monotonic() < end:
        time.sleep(0.02)
    return not spooled(process)


def save_fastcgi(port: int, address: str, path: Path) -> dict[str, str]:
    """Write the body of an answer to a file, resting once; its headers."""
    head, length = b"", 0
    with Peer(socket.create_connection(("127.0.0.1", port))) as peer, path.open("wb") as file:
        peer.sock.settimeout(120)
        peer.send(request(address, keep=False))
        while (received := peer.receive()) is not None and received.kind != END:
            assert received.kind == STDOUT
            content = received.content
            if not head:
                head, _, content = content.partition(b"\r\n\r\n")
            if length < HEAD_START <= length + len(content):
                time.sleep(0.5)
            length += file.write(content)
    pairs = (line.partition(": ") for line in head.decode("latin-1").split("\r\n"))
    return {name.lower(): value for name, _, value in pairs}


def save_http(port: int, address: str, path: Path) -> dict[str, str]:
    """The same over HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", address)
    with connection.getresponse() as answer, path.open("wb") as file:
        file.write(answer.read(HEAD_START))
        time.sleep(0.5)
        while piece := answer.read(1 << 18):
            file.write(piece)
        headers = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return headers | {"status": f"{answer.status} {answer.reason}"}


def check(path: Path) -> None:
    """Assert that a file holds the picture, some rows at a time."""
    image = pyvips.Image.new_from_file(str(path), access="sequential")
    assert (image.width, image.height, image.bands) == (SIDE, SIDE, 3)
    region = pyvips.Region.new(image)
    count = -(-SIDE // TILE)
    for row in range(count):
        height = min(TILE, SIDE - row * TILE)
        found = np.frombuffer(region.fetch(0, row * TILE, SIDE, height), np.uint8)
        expected = np.hstack([tile_at(column, row) for column in range(count)])[:height, :SIDE]
        assert np.array_equal(found.reshape(expected.shape), expected), f"row {row} of tiles"


@pytest.mark.parametrize("transport", ["fastcgi", "http"])
@pytest.mark.parametrize("format", EXPORTS)
def test_export_streams_with_flat_memory(
    ports: tuple[int, int], tmp_path: Path, transport: str, format: str
) -> None:
    save, port = {"fastcgi": (save_fastcgi, ports[0]), "http": (save_http, ports[1])}[transport]
    save(port, "/iiif/3/large.tif/0,0,256,256/max/0/default.jpg", tmp_path / "tile")
    worker = worker_of(ports[0])
    before = peak(worker)
    headers = save(port, EXPORTS[format], tmp_path / "export")
    growth = peak(worker) - before
    assert headers["status"] == "200 OK"
    length = (tmp_path / "export").stat().st_size
    assert int(headers["content-length"]) == length > 3 * SIDE * SIDE
    assert growth < MAX_GROWTH
    assert gone(worker)
    check(tmp_path / "export")


def test_headers_alone_are_those_of_the_whole(ports: tuple[int, int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ports[1], timeout=120)
    connection.request("HEAD", EXPORTS["tiff"])
    with connection.getresponse() as answer:
        tag = answer.headers["ETag"]
        assert int(answer.headers["Content-Length"]) > 3 * SIDE * SIDE
    connection.request("GET", EXPORTS["tiff"], headers={"If-None-Match": tag})
    with connection.getresponse() as answer:
        assert answer.status == 304
    connection.close()
    assert gone(worker_of(ports[0]))


@pytest.mark.parametrize("transport", [0, 1], ids=["fastcgi", "http"])
def test_reader_that_leaves_takes_the_file_with_it(ports: tuple[int, int], transport: int) -> None:
    with socket.create_connection(("127.0.0.1", ports[transport])) as sock:
        web = f"GET {EXPORTS['tiff']} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        sock.sendall(web if transport else request(EXPORTS["tiff"]))
        assert len(sock.recv(100_000, socket.MSG_WAITALL)) == 100_000
        worker = worker_of(ports[0])
        assert spooled(worker) == 1
    assert gone(worker)


def test_readers_at_their_own_pace(ports: tuple[int, int], tmp_path: Path) -> None:
    """One begins and stops, another gets everything meanwhile."""
    with Peer(socket.create_connection(("127.0.0.1", ports[0]))) as slow:
        slow.send(request(EXPORTS["tiff"], keep=False))
        assert slow.receive() is not None, "the headers"
        save_fastcgi(ports[0], EXPORTS["tiff"], tmp_path / "export")
        seen = hashlib.sha256()
        while (received := slow.receive()) is not None and received.kind == STDOUT:
            seen.update(received.content)
    with (tmp_path / "export").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == seen.digest()
    assert gone(worker_of(ports[0]))
