"""Small files of enormous images: refused by what their headers say, in a worker whose memory does not grow."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pytest
import tifffile

from tests.bombs import make_bombs, one_tile
from tests.end_to_end.processes import forget_peak, peak, resident, shrinks_to, worker_of
from tests.end_to_end.running import daemon
from tests.images import gradient, write_tiff_pyramid
from tests.ports import free_port
from tests.transport.client import STDOUT, Peer, request

SIDE = 256 * 16
CLIENTS = 8
MAX_GROWTH = 20
"""Megabytes by which the worker may grow; the images take from 400 to 6400."""
REFUSED = {
    "interlaced.png": b"6400 megapixels",
    "plain.png": b"6400 megapixels",
    "progressive.jpg": b"takes 2344 MB",
    "large.webp": b"takes 2097 MB",
    "tile.tif": b"takes 393 MB",
    "untiled.j2k": b"however little of it is shown",
}
ADDRESSES = (
    "/iip?FIF={}&WID=100&CVT=jpeg",
    "/iip?FIF={}&SPECTRA=0,0,0,0",
    "/iiif/3/{}/0,0,256,256/256,256/0/default.jpg",
    "/iiif/3/{}/full/!90,90/0/default.png",
    "/deepzoom/{}_files/8/0_0.jpg",
    "/zoomify/{}/TileGroup0/0-0-0.jpg",
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder, work, number = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("work"), free_port()
    make_bombs(folder)
    (folder / "small.tif").write_bytes(one_tile(4096))
    write_tiff_pyramid(folder / "tiles.tif", gradient((300, 200)))
    stream = imagecodecs.jpeg2k_encode(gradient((2040, 2040)), codecformat="J2K")
    for index in range(CLIENTS):
        (folder / f"blocks-{index}.j2k").write_bytes(stream)
    tifffile.imwrite(
        folder / "deep.tif",
        np.broadcast_to(np.uint16([0, 300, 65535]), (SIDE, SIDE, 3)),
        tile=(256, 256),
        photometric="rgb",
        compression="adobe_deflate",
        metadata=None,
    )
    arguments, limits = ("--bind", f"127.0.0.1:{number}"), {"MAX_RENDER_MEMORY": "128", "MAX_RENDERS": "8"}
    with daemon(folder, work, *arguments, ports=[number], **limits):
        yield number
    log = (work / "iipserve.log").read_text()
    assert "Traceback" not in log, log
    assert "WORKER TIMEOUT" not in log


def ask(port: int, address: str) -> tuple[int, bytes]:
    with Peer(socket.create_connection(("127.0.0.1", port))) as peer:
        peer.send(request(address, keep=False))
        answer = peer.answer()
    return answer.status, answer.body


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_its_header(port: int, name: str) -> None:
    for address in ("/iip?FIF=tiles.tif&JTL=0,0", f"/iiif/3/{name}/info.json"):
        assert ask(port, address)[0] == 200
    worker = worker_of(port)
    before = peak(worker)
    for address in ADDRESSES:
        status, body = ask(port, address.format(name))
        assert status == 400
        assert REFUSED[name] in body, body
    assert peak(worker) - before < MAX_GROWTH
    assert worker_of(port) == worker


def test_compressed_texts(port: int) -> None:
    """900 of 4 MB each."""
    assert ask(port, "/iip?FIF=tiles.tif&JTL=0,0")[0] == 200
    worker = worker_of(port)
    before = peak(worker)
    for address in ("/iiif/3/texts.png/info.json", *ADDRESSES):
        status, body = ask(port, address.format("texts.png"))
        assert status == 415
        assert b"compressed texts" in body
    assert peak(worker) - before < MAX_GROWTH


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(
            [f"/iip?FIF=tiles.tif&RGN=0,0,0.5,0.5&WID={3900 + index}&CVT=jpeg" for index in range(CLIENTS)],
            id="enlarged exports of 90 MB",
        ),
        pytest.param(
            [f"/iip?FIF=blocks-{index}.j2k&RGN=0,0,0.48,0.48&WID=900&CVT=jpeg" for index in range(CLIENTS)],
            id="blocks of JPEG 2000 of 40 MB",
        ),
    ],
)
def test_many_at_once(port: int, addresses: list[str]) -> None:
    """They take no more than MAX_RENDER_MEMORY together, and give it back."""
    assert ask(port, "/iip?FIF=tiles.tif&JTL=0,0")[0] == 200
    worker = worker_of(port)
    before = resident(worker)
    forget_peak(worker)
    with ThreadPoolExecutor(len(addresses)) as clients:
        statuses = list(clients.map(lambda address: ask(port, address)[0], addresses))
    assert set(statuses) == {200}
    assert peak(worker) - before < 128 * 1.024 + 50, "megabytes, of 250 or more"
    shrinks_to(worker, before + 40)
    assert worker_of(port) == worker


def test_many_bundles_at_once(port: int) -> None:
    """Each has 256 tiles of 16 bits, 100 MB together."""
    tile = ask(port, "/iip?FIF=deep.tif&TIL=4,0-0")[1]
    worker = worker_of(port)
    before = peak(worker)

    def length(_: int) -> int:
        with Peer(socket.create_connection(("127.0.0.1", port))) as peer:
            peer.send(request("/iip?FIF=deep.tif&TIL=4,0-255", keep=False))
            answered = 0
            while (received := peer.receive()) is not None and received.kind == STDOUT:
                answered += len(received.content)
        return answered

    with ThreadPoolExecutor(CLIENTS) as clients:
        lengths = list(clients.map(length, range(CLIENTS)))
    assert min(lengths) > 256 * (len(tile) - 20)
    assert peak(worker) - before < 80, "megabytes"
