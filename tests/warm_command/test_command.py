"""Caches are filled: a real memcached, and a server that is asked over HTTP."""

from __future__ import annotations

import io
import json
import math
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from iipserve import app
from iipserve.config import Config, load
from iipserve.middleware.shared_purges import SharedPurges
from iipserve.purges import Purges
from iipserve.purges.board import PurgeBoard
from iipserve.warm_command import main, visiting
from iipserve.warm_command.addresses import addresses
from tests.cache.servers import Memcached
from tests.end_to_end.running import daemon
from tests.images import smooth, write_tiff_pyramid
from tests.ports import free_port
from tests.test_app import ask, body

SIZE = (700, 500)


class Done(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images, one with a name that addresses have to quote."""
    images = tmp_path / "images"
    (images / "books").mkdir(parents=True)
    for name in ("a.tif", "books/leaf 1?.tif", "books/leaf 2.tif", "c.tif"):
        write_tiff_pyramid(images / name, smooth(SIZE), tile=(128, 128), compression="jpeg")
    return images


@pytest.fixture
def memcached() -> Iterator[Memcached]:
    server = Memcached()
    server.start()
    yield server
    server.stop()


def tiles(largest: float = math.inf, side: int = 128) -> int:
    """Tiles of all levels from the one that fits into a tile on."""
    width, height = SIZE
    count = 0
    while True:
        fits = width <= side and height <= side
        if max(width, height) <= largest or fits:
            count += math.ceil(width / side) * math.ceil(height / side)
        if fits:
            return count
        width, height = math.ceil(width / 2), math.ceil(height / 2)


def run(folder: Path, *arguments: str, **environ: str) -> Done:
    out, err = io.StringIO(), io.StringIO()
    settings = {"FILESYSTEM_PREFIX": f"{folder}/", "XDG_CACHE_HOME": f"{folder.parent}/cache", **environ}
    return Done(main([*arguments, "--jobs", "1"], settings, out, err), out.getvalue(), err.getvalue())


def entries(memcached: Memcached) -> int:
    with socket.create_connection(("127.0.0.1", memcached.port), 60) as connection:
        connection.sendall(b"stats\r\n")
        answer = b""
        while not answer.endswith(b"END\r\n"):
            answer += connection.recv(1 << 16)
    (line,) = (line for line in answer.decode().splitlines() if line.startswith("STAT curr_items "))
    return int(line.split()[-1])


@pytest.mark.parametrize("protocol", ["deepzoom", "iiif"])
@pytest.mark.parametrize("largest", [0, 400, 1])
def test_addresses_are_those_of_tiles(folder: Path, protocol: str, largest: int) -> None:
    application = app.build(Config(filesystem_prefix=f"{folder}/"))
    info = application._library.info("books/leaf 1?.tif")
    found = list(addresses(info, protocol, largest))
    assert len(set(found)) == len(found) == tiles(largest or math.inf)
    for address in found:
        assert ask(application, address).status == 200, address


def test_iiif_addresses_cover_the_levels_of_info_json(folder: Path) -> None:
    application = app.build(Config(filesystem_prefix=f"{folder}/"))
    answer = json.loads(body(ask(application, "/iiif/a.tif/info.json")))
    found = list(addresses(application._library.info("a.tif"), "iiif", 0))
    (form,) = answer["tiles"]
    side, factors = form["width"], form["scaleFactors"]
    for factor in factors[:-1]:
        # the first tile of each level is a whole one
        assert f"/iiif/a.tif/0,0,{side * factor},{min(side * factor, SIZE[1])}/" in " ".join(found)
    assert sum("/full/" in each for each in found) == 1


def test_memcached_is_filled(folder: Path, memcached: Memcached) -> None:
    servers = f"127.0.0.1:{memcached.port}"
    done = run(folder, "books/", "--up-to", "400", MEMCACHED_SERVERS=servers)
    assert done.status == 0, done
    assert done.out == f"2 images, {2 * tiles(400)} tiles, 0 done before, 0 failed\n"
    assert entries(memcached) == 2 * tiles(400)
    assert (
        run(folder, MEMCACHED_SERVERS=servers).out
        == f"4 images, {4 * tiles()} tiles, 0 done before, 0 failed\n"
    )
    assert entries(memcached) == 4 * tiles()


def test_keys_are_those_of_purged_images(
    folder: Path, memcached: Memcached, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iipserve.middleware.SharedPurges", partial(SharedPurges, patience=60.0))
    settings = {"MEMCACHED_SERVERS": f"127.0.0.1:{memcached.port}", "PURGE_SECRET": "secret"}
    assert run(folder, "a.tif", **settings).status == 0
    assert entries(memcached) == tiles()
    board = PurgeBoard()
    board.add(Purges().purged("/", time.time()))
    config = load(settings | {"FILESYSTEM_PREFIX": f"{folder}/"}).config
    assert SharedPurges(config, board, 60.0).exchange() == []
    visiting._visit.cache_clear()
    assert run(folder, "a.tif", "c.tif", **settings).status == 0
    assert entries(memcached) == 3 * tiles() + 1, "with the purges"


def test_a_server_is_asked_and_an_interrupted_command_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    arguments = ("--server", f"http://127.0.0.1:{port}", "--up-to", "0")
    with daemon(folder, tmp_path, "--http", f"127.0.0.1:{port}", ports=[port], VERBOSITY="2"):
        with monkeypatch.context() as patch:
            calls = iter(range(3))

            def step(progress: object, count: int = 1) -> None:
                if next(calls, None) is None:
                    raise KeyboardInterrupt

            patch.setattr("iipserve.warm_command.Progress.step", step)
            assert run(folder, *arguments).status == 130
        done = run(folder, *arguments)
        assert done.out == f"2 images, {2 * tiles()} tiles, 2 done before, 0 failed\n"
        (folder / "c.tif").write_bytes(b"II*\0 and no image")
        done = run(folder, *arguments)
        assert done.status == 1
        assert done.out.endswith("1 failed\n")
        assert done.err.splitlines()[-1].startswith("c.tif: ")
        assert run(folder, "a.tif", *arguments).out.startswith("1 images")
    log = (tmp_path / "iipserve.log").read_text()
    # by the first, the third and the last command; by the first, which did not note it, the second and the third
    assert log.count(" GET /deepzoom/a.tif_files/") == 3 * tiles()
    assert log.count(" GET /deepzoom/books/leaf%201%3F.tif_files/") == 3 * tiles()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "MEMCACHED_SERVERS"),
        (("--server", "http://127.0.0.1:1"), "a.tif: "),
        (("x", "--server", "http://127.0.0.1:1"), "has a name that begins so"),
    ],
)
def test_what_cannot_be_done(folder: Path, arguments: tuple[str, ...], reason: str) -> None:
    done = run(folder, *arguments)
    assert done.status == 1
    assert reason in done.err


def test_memcached_that_is_away(folder: Path) -> None:
    done = run(folder, MEMCACHED_SERVERS=f"127.0.0.1:{free_port()}")
    assert done.status == 1
    assert "cannot be reached" in done.err
    with pytest.raises(SystemExit):
        run(folder, "--server", "localhost")


def test_a_record_that_cannot_be_kept(folder: Path, memcached: Memcached) -> None:
    (folder.parent / "cache").write_text("a file")
    done = run(folder, "a", MEMCACHED_SERVERS=f"127.0.0.1:{memcached.port}")
    assert done.status == 0
    assert "cannot be kept" in done.err
