"""The real application in a separate process, over FastCGI."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from tests.end_to_end.processes import workers_of
from tests.end_to_end.running import ROOT, daemon
from tests.images import smooth, write_tiff_pyramid
from tests.ports import free_port
from tests.transport.client import Peer, ask_all, connect
from tests.transport.processes import SECONDS, fetch, until

TILE = "/fcgi-bin/iipsrv.fcgi?FIF=pyramid.tif&JTL=2,5"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    write_tiff_pyramid(
        folder / "pyramid.tif", smooth((1000, 701)), compression="jpeg", photometric="ycbcr",
        subsampling=(2, 2), compressionargs={"level": 90},
    )  # fmt: skip
    return folder


@pytest.fixture
def address(images: Path, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A running daemon with two workers."""
    port = free_port()
    with daemon(images, tmp_path, "--bind", f"127.0.0.1:{port}", "--workers", "2", ports=[port]):
        yield "127.0.0.1", port


def peers(address: tuple[str, int], count: int) -> list[Peer]:
    return [connect(address) for _ in range(count)]


def test_500_connections_get_their_tiles(address: tuple[str, int]) -> None:
    connections = peers(address, 500)
    for _ in range(3):
        answers = ask_all(connections, TILE)
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
    assert imagecodecs.jpeg8_decode(answers[0].body).shape == (256, 256, 3)
    for connection in connections:
        connection.sock.close()


def test_hostile_requests_get_an_answer_and_the_worker_lives(address: tuple[str, int]) -> None:
    with connect(address) as peer:
        for target in (
            "*",
            "?",
            "//",
            "/iiif/" + "%00" * 9,
            "/iip?FIF=" + "a" * 60_000,
            "/\x00\xff",
        ):
            answer = peer.ask(target, REQUEST_METHOD="", QUERY_STRING="")
            assert 400 <= answer.status < 500, target
            assert answer.headers["access-control-allow-origin"] == "*"
        assert {peer.ask(bare, REQUEST_METHOD="", QUERY_STRING="").status for bare in ("", "/")} == {200}
        for method in ("POST", "TRACE", "\u00e9", "G" * 10_000):
            assert peer.ask(TILE, REQUEST_METHOD=method).status == 405
        assert peer.ask(TILE).status == 200


def test_hup_lets_tiles_flow(images: Path, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, str(ROOT / "iipserve.fcgi"), "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    environ = {"FILESYSTEM_PREFIX": f"{images}/", "LOGFILE": str(tmp_path / "log"), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE) as process:
        try:
            with until(lambda: connect(("127.0.0.1", port))) as peer:
                first = peer.ask(TILE).body
            process.send_signal(signal.SIGHUP)
            for _ in range(100):
                # a worker that ends may close a connection before the request arrives
                assert until(lambda: fetch(("127.0.0.1", port), TILE)) == first
        finally:
            process.terminate()
        assert process.wait(SECONDS) == 0
        assert isinstance(process.stderr, io.BufferedReader)
        assert process.stderr.read() == b""


def test_hup_with_a_damaged_watermark_leaves_the_workers_serving(images: Path, tmp_path: Path) -> None:
    port, mark, log = free_port(), tmp_path / "mark.png", tmp_path / "log"
    mark.write_bytes(picture := imagecodecs.png_encode(np.full((8, 8, 4), 255, np.uint8)))
    command = [sys.executable, str(ROOT / "iipserve.fcgi"), "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    environ = {
        "FILESYSTEM_PREFIX": f"{images}/", "LOGFILE": str(log), "PATH": "/usr/bin:/bin",
        "WATERMARK": str(mark), "WATERMARK_PROBABILITY": "1",
    }  # fmt: skip
    with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as process:
        try:
            first = until(lambda: fetch(("127.0.0.1", port), TILE))
            (worker,) = workers_of(process)
            mark.write_bytes(b"junk")
            process.send_signal(signal.SIGHUP)
            until(lambda: "a worker cannot start; another one tries" in log.read_text())
            assert fetch(("127.0.0.1", port), TILE) == first
            assert worker in workers_of(process)
            mark.write_bytes(picture)
            until(lambda: worker not in workers_of(process))
            assert fetch(("127.0.0.1", port), TILE) == first
        finally:
            process.terminate()
        assert process.wait(SECONDS) == 0
