"""What the record of a request tells of the image, the plan and the caches, for requests of all kinds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from iipserve import app, damage
from iipserve.config import Config
from iipserve.errors import DecodeError
from iipserve.http import Request
from iipserve.transport.answered import Answered
from iipserve.transport.service import MonitoredApplication
from tests.end_to_end.running import ROOT
from tests.images import gradient, smooth, write_tiff_pyramid

LOSSLESS, STORED = "deflate.tif", "jpeg.tif"


class Records:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.kept: list[Answered] = []

    def add(self, record: Answered, exchange: object) -> None:
        self.kept.append(record)


class Server:
    """The whole application, whose records are kept."""

    def __init__(self, folder: Path, **settings: object) -> None:
        config = Config(filesystem_prefix=f"{folder}/", **settings)  # type: ignore[arg-type]
        self._records = Records()
        self._application = MonitoredApplication(app.build(config), config, sinks=[self._records])

    def ask(self, address: str, method: str = "GET", **environ: str) -> Answered:
        request = Request.from_environ({"REQUEST_METHOD": method, "REQUEST_URI": address, **environ})
        self._application.record(self._application.answer(request), complete=True)
        return self._records.kept[-1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("images")
    write_tiff_pyramid(made / LOSSLESS, gradient((600, 500)), compression="deflate")
    write_tiff_pyramid(made / STORED, smooth((600, 500)), compression="jpeg")
    write_tiff_pyramid(made / "a b.tif", smooth((300, 200)), compression="jpeg")
    return made


@pytest.fixture
def server(folder: Path) -> Server:
    return Server(folder)


TILE = "/iip?FIF=deflate.tif&JTL=2,0"


def test_a_rendered_tile(server: Server) -> None:
    record = server.ask(TILE)
    assert (record.protocol, record.image, record.cache) == ("iip", "deflate.tif", "rendered")
    assert (record.plan, record.renders) == ("level 0 0,0 256x256 jpeg", 1)
    assert record.phases.keys() == {"opening", "reading", "processing", "encoding"}
    assert 0 < sum(record.phases.values()) < record.seconds


def test_a_tile_from_memory(server: Server) -> None:
    server.ask(TILE)
    record = server.ask(TILE)
    assert (record.protocol, record.image, record.cache) == ("iip", "deflate.tif", "memory")
    assert (record.plan, record.renders) == ("level 0 0,0 256x256 jpeg", 0)
    assert record.phases == {}


def test_a_tile_of_another_spelling_is_from_memory(server: Server) -> None:
    server.ask(TILE)
    record = server.ask("/iip?FIF=deflate.tif&jtl=2,0")
    assert (record.cache, record.renders) == ("memory", 0)


def test_a_stored_tile(server: Server) -> None:
    record = server.ask("/iip?FIF=jpeg.tif&JTL=2,0")
    assert (record.cache, record.renders, record.phases.keys()) == ("passed-through", 0, {"opening"})


def test_sizes_and_operations(server: Server) -> None:
    record = server.ask("/iiif/3/deflate.tif/0,0,300,200/100,/90/gray.png")
    assert (record.protocol, record.image) == ("iiif", "deflate.tif")
    assert record.plan == "level 1 0,0 150x100 to 100x67 png grayscale rotate"


@pytest.mark.parametrize(
    ("address", "protocol", "plan"),
    [
        ("/iiif/3/deflate.tif/info.json", "iiif", "document application/ld+json"),
        ("/iiif/3/deflate.tif", "iiif", "redirect"),
        ("/deepzoom/deflate.tif.dzi", "deepzoom", "document application/xml"),
        ("/iip?FIF=deflate.tif&OBJ=histogram", "iip", "statistics"),
        ("/iip?FIF=deflate.tif&SPECTRA=1,0,3,4", "iip", "samples 1"),
        ("/iip?FIF=deflate.tif&TIL=2,0-1", "iip", "bundle 2"),
        ("/wmts?SERVICE=WMTS&REQUEST=GetCapabilities", "wmts", "catalog"),
        ("/iip", "viewer", ""),
    ],
)
def test_other_contents(server: Server, address: str, protocol: str, plan: str) -> None:
    for _ in range(2):
        record = server.ask(address)
        assert (record.protocol, record.plan) == (protocol, plan)
        assert record.status in (200, 303)


def test_identifiers_are_decoded(server: Server) -> None:
    assert server.ask("/iiif/3/a%20b.tif/info.json").image == "a b.tif"


@pytest.mark.parametrize(
    ("address", "status", "error", "image"),
    [
        ("/iip?FIF=no.tif&JTL=0,0", 404, "ImageNotFound", "no.tif"),
        ("/iip?FIF=deflate.tif&JTL=9,0", 404, "TileNotFound", "deflate.tif"),
        ("/iiif/3/deflate.tif/full/max/0/default.xyz", 400, "UnsupportedEncoding", ""),
        ("/nowhere", 404, "UnknownProtocol", ""),
    ],
)
def test_errors(server: Server, address: str, status: int, error: str, image: str) -> None:
    record = server.ask(address)
    assert (record.status, record.error, record.cache) == (status, error, "none")
    assert image in record.image


def test_answers_without_a_body(server: Server) -> None:
    assert server.ask(TILE, "HEAD").bytes == 0
    assert server.ask(TILE).bytes > 0
    assert server.ask(TILE, "OPTIONS").bytes == 0
    record = server.ask(TILE, HTTP_IF_MODIFIED_SINCE="Fri, 01 Jan 2100 00:00:00 GMT")
    assert (record.status, record.bytes, record.cache) == (304, 0, "none")


def damaged(path: Path) -> None:
    """Both levels of a pyramid, whose tiles are no longer what they were."""
    with tifffile.TiffFile(path) as file:
        places = [
            place
            for page in file.pages
            for place in zip(page.dataoffsets, page.databytecounts, strict=True)  # type: ignore[union-attr]
        ]
    with path.open("r+b") as written:
        for offset, length in places:
            written.seek(offset)
            written.write(b"\xa5" * length)


def test_a_damaged_file_is_named_once_for_each_version(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.tif"
    write_tiff_pyramid(path, gradient((300, 200)), compression="zlib")
    damaged(path)
    # two workers know of each other by the memory that they share
    servers = Server(tmp_path), Server(tmp_path)
    for server in servers:
        for address in (
            "/iip?FIF=a.tif&JTL=1,0",
            "/iip?FIF=a.tif&JTL=0,0",
            "/iiif/3/a.tif/full/max/0/default.png",
        ):
            assert server.ask(address).error == "DecodeError"
    assert [message.partition(":")[0] for message in caplog.messages] == ["'a.tif' is damaged"]
    path.write_bytes(path.read_bytes() + b"\0")
    servers[0].ask("/iip?FIF=a.tif&JTL=1,0")
    assert len(caplog.messages) == 2


def test_a_file_that_is_no_image_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0 and no image")
    server = Server(tmp_path)
    for address in ("/iip?FIF=a.tif&JTL=1,0", "/iiif/3/a.tif/info.json"):
        assert server.ask(address).status in (415, 422)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("'a.tif' ")


FORKED = """
import logging, os, sys
from iipserve import damage
from iipserve.errors import DecodeError, Overloaded, UnsupportedImage
logging.basicConfig(stream=sys.stdout, format="%(message)s")
child = os.fork()
damage.report("own.tif", child, DecodeError("by both, as the version is another one"))
if not child:
    damage.report("shared.tif", 1, DecodeError("by the child"))
    os._exit(0)
os.waitpid(child, 0)
damage.report("shared.tif", 1, DecodeError("by the parent"))
damage.report("shared.tif", 2, UnsupportedImage("by the parent"))
damage.report("shared.tif", 3, Overloaded("not about the file"))
"""


def test_what_is_named_is_known_in_all_processes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.splitlines()) == [
        *["'own.tif' is damaged: by both, as the version is another one"] * 2,
        "'shared.tif' cannot be shown: by the parent",
        "'shared.tif' is damaged: by the child",
    ]


def test_as_many_as_there_is_room_for_are_known(caplog: pytest.LogCaptureFixture) -> None:
    """And the memory does not grow."""
    for number in np.arange(5000):
        damage.report(f"{number}.tif", 0, DecodeError("x"))
    named = len(caplog.messages)
    damage.report("4999.tif", 0, DecodeError("x"))
    assert named == len(caplog.messages) == 5000
