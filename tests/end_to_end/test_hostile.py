"""Broken files and hostile requests, against a real daemon: the right status, and the worker lives."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.engine.library import Library
from iipserve.errors import ImageNotFound
from tests.broken_files import addresses_of, make_broken_files
from tests.end_to_end.running import daemon
from tests.engine.fakes import marked_format
from tests.images import gradient, write_tiff_pyramid
from tests.ports import free_port
from tests.transport.client import Peer, request

WHOLE = ("jpeg.tif", "deflate.tif", "whole.jp2", "whole.jpg", "whole.png", "one.tif")
NOT_FOUND = ("folder.tif", "fifo.tif", "out.tif", "dangling.tif", "loop.tif", "none.tif")
NO_IMAGES = ("empty.tif", "text.tif", "text.jp2", "ifd-past-end.tif", "no-tile-size.tif", "no-width.tif")
ANY_REFUSAL = (400, 404, 415, 422)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outside = tmp_path_factory.mktemp("outside") / "secret.tif"
    write_tiff_pyramid(outside, gradient((300, 200)))
    images = tmp_path_factory.mktemp("images")
    make_broken_files(images, outside)
    return images


@pytest.fixture(scope="module")
def port(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    number, work = free_port(), tmp_path_factory.mktemp("work")
    with daemon(folder, work, "--bind", f"127.0.0.1:{number}", ports=[number]):
        yield number
    log = (work / "iipserve.log").read_text()
    assert "Traceback" not in log, log
    assert "WORKER TIMEOUT" not in log


def ask(port: int, address: str, **params: str) -> tuple[int, bytes]:
    with Peer(socket.create_connection(("127.0.0.1", port))) as peer:
        peer.send(request(address, keep=False, **params))
        answer = peer.answer()
    return answer.status, answer.body


def assert_alive(port: int) -> None:
    status, body = ask(port, "/iip?FIF=deflate.tif&JTL=0,0")
    assert status == 200
    assert body.startswith(b"\xff\xd8")


def refused(port: int, folder: Path, address: str, statuses: tuple[int, ...]) -> None:
    status, body = ask(port, address)
    assert status in statuses, (address, body[:200])
    assert str(folder).encode() not in body
    assert b"Traceback" not in body


@pytest.mark.parametrize("name", WHOLE)
def test_whole_image_is_served(port: int, name: str) -> None:
    for address in addresses_of(name):
        status, body = ask(port, address)
        assert status == 200 or (name == "one.tif" and status in (400, 404)), (address, body[:200])


@pytest.mark.parametrize("name", NOT_FOUND)
def test_name_of_no_file_is_not_found(port: int, folder: Path, name: str) -> None:
    for address in addresses_of(name):
        refused(port, folder, address, (404,))


@pytest.mark.parametrize("name", NO_IMAGES)
def test_file_of_no_image_is_unsupported(port: int, folder: Path, name: str) -> None:
    for address in addresses_of(name):
        refused(port, folder, address, (415, 422))


def test_every_other_file_gives_an_image_or_a_refusal(port: int, folder: Path) -> None:
    for name in sorted(os.listdir(folder)):
        for address in addresses_of(name):
            status, body = ask(port, address)
            assert status in (200, *ANY_REFUSAL), (address, body[:200])
    assert_alive(port)


@pytest.mark.parametrize("name", ["cut-50-deflate.tif", "cut-90-deflate.tif"])
def test_damage_hits_only_its_own_tiles(port: int, name: str) -> None:
    statuses = {ask(port, f"/iip?FIF={name}&PTL=2,{tile}")[0] for tile in range(6)}
    assert statuses <= {200, 415, 422}


def test_file_that_this_user_may_not_read() -> None:
    """In this process, which gives up its rights for the moment if it has any."""
    images = Path(tempfile.mkdtemp())
    try:
        (images / "closed.img").write_bytes(b"MARK")
        (images / "closed.img").chmod(0)
        images.chmod(0o755)
        library = Library(
            Config(filesystem_prefix=f"{images}/"), {"marked": marked_format("marked", b"MARK")}
        )
        privileged = os.geteuid() == 0
        if privileged:
            os.seteuid(65534)
        try:
            with pytest.raises(ImageNotFound):
                library.info("closed.img")
        finally:
            if privileged:
                os.seteuid(0)
    finally:
        shutil.rmtree(images)


TRAVERSALS = (
    "../outside/secret.tif", "..%2Foutside%2Fsecret.tif", "%2e%2e/secret.tif", "%2E%2E%2Fsecret.tif", "....//secret.tif",
    "..%5Csecret.tif", "..\\secret.tif", "/etc/passwd", "%2Fetc%2Fpasswd", "//etc/passwd", "a/../../secret.tif",
    "..;/secret.tif", "%252e%252e%252fsecret.tif", "..%c0%afsecret.tif", "%uff0e%uff0e/secret.tif", "..%00/secret.tif",
    "file:///etc/passwd", "http://127.0.0.1/", "~root/.profile", "deflate.tif%00.jpg", "%00", "%ff%fe", "deflate.tif/", "deflate.tif/.",
)  # fmt: skip


@pytest.mark.parametrize("identifier", TRAVERSALS)
def test_traversal(port: int, folder: Path, identifier: str) -> None:
    for address in (
        f"/iip?FIF={identifier}&JTL=0,0",
        f"/iip?FIF={identifier}&OBJ=Max-size",
        f"/iiif/3/{identifier}/info.json",
        f"/iiif/2/{identifier}/full/100,/0/default.jpg",
        f"/x?IIIF={identifier}/info.json",
        f"/deepzoom/{identifier}.dzi",
        f"/deepzoom/{identifier}_files/0/0_0.jpg",
        f"/x?DeepZoom={identifier}.dzi",
        f"/zoomify/{identifier}/ImageProperties.xml",
        f"/x?Zoomify={identifier}/TileGroup0/0-0-0.jpg",
    ):
        refused(port, folder, address, (400, 404, 415))


HUGE = "9" * 400
HOSTILE = (
    "/iip?FIF=deflate.tif&JTL=-1,0", "/iip?FIF=deflate.tif&JTL=0,-1", f"/iip?FIF=deflate.tif&JTL={HUGE},0",
    f"/iip?FIF=deflate.tif&JTL=0,{HUGE}", "/iip?FIF=deflate.tif&JTL=", "/iip?FIF=deflate.tif&JTL=a,b",
    f"/iip?FIF=deflate.tif&TIL=2,0-{HUGE}", "/iip?FIF=deflate.tif&TIL=99,0-1", "/iip?FIF=", "/iip?FIF", "/iip?=", "/iip?&&&",
    "/iip?OBJ=metadata", "/iip?CVT=jpeg", "/iip?JTL=0,0", "/iip?MINMAX=0:0,1", "/iip?FIF=deflate.tif&CTW=[]&JTL=0,0",
    "/iip?FIF=deflate.tif&CTW=[]&JTL=0,0", "/iip?FIF=deflate.tif&PFL=0:0,0-99999999,9", "/iip?FIF=deflate.tif&OBJ=nonsense",
    f"/deepzoom/deflate.tif_files/{HUGE}/0_0.jpg", f"/deepzoom/deflate.tif_files/9/{HUGE}_0.jpg", "/deepzoom/deflate.tif_files/-1/0_0.jpg",
    "/deepzoom/deflate.tif_files/9/0_0.exe", "/deepzoom/_files/0/0_0.jpg", "/zoomify/deflate.tif/TileGroup0/-1-0-0.jpg",
    f"/zoomify/deflate.tif/TileGroup{HUGE}/{HUGE}-0-0.jpg", "/zoomify/ImageProperties.xml",
    f"/iiif/3/deflate.tif/0,0,{HUGE},1/max/0/default.zip", f"/iiif/3/deflate.tif/full/^{HUGE},/0/default.jpg",
    "/iiif/3/deflate.tif/pct:nan,0,1,1/max/0/default.jpg",
    "/iiif/3/deflate.tif/pct:1e400,0,1,1/max/0/default.jpg", f"/iiif/3/deflate.tif/{HUGE},0,1,1/max/0/default.jpg",
    f"/iiif/3/deflate.tif/full/max/{HUGE}/default.jpg", "/iiif/3/deflate.tif/full/max/-0/default.jpg",
    "/iiif/3/deflate.tif/full/0,0/0/default.jpg", "/iiif/3/deflate.tif/full/max/0/../default.jpg", "/iiif/3//info.json",
    "/iiif/3/%E2%80%AE/info.json", "/viewer/../../etc/passwd", "/viewer/%2e%2e/%2e%2e/etc/passwd", "/nowhere/" + "x" * 7000,
)  # fmt: skip


@pytest.mark.parametrize("address", HOSTILE, ids=[address[:70] for address in HOSTILE])
def test_hostile_request(port: int, folder: Path, address: str) -> None:
    refused(port, folder, address, (400, 404))


LENIENT = (
    f"/iip?FIF=deflate.tif&WID={HUGE}&CVT=jpeg", "/iip?FIF=deflate.tif&WID=-5&CVT=jpeg", "/iip?FIF=deflate.tif&RGN=9,9,9,9&CVT=jpeg",
    "/iip?FIF=deflate.tif&RGN=nan,nan,nan,nan&CVT=jpeg", "/iip?FIF=deflate.tif&RGN=0,0,1e-300,1e-300&CVT=jpeg",
    "/iip?FIF=deflate.tif&RGN=-1e308,1e308,inf,inf&CVT=jpeg", f"/iip?FIF=deflate.tif&QLT={HUGE}&JTL=0,0", "/iip?FIF=deflate.tif&QLT=-1&CVT=png",
    f"/iip?FIF=deflate.tif&LYR={HUGE}&JTL=0,0", "/iip?FIF=deflate.tif&CVT=", "/iip?FIF=deflate.tif&HEI=1&WID=5000&CVT=tiff",
    "/iiif/3/deflate.tif/0,0,1,1/^5000,5000/0/default.jpg", "/iiif/3/deflate.tif/full/^!9999999,9999999/0/default.jpg",
)  # fmt: skip
"""Addresses to which iipsrv's rules give a meaning, or that ask for something large but allowed."""


@pytest.mark.parametrize("address", LENIENT, ids=[address[:70] for address in LENIENT])
def test_odd_request(port: int, address: str) -> None:
    status, body = ask(port, address)
    assert status in (200, 400), body[:200]


@pytest.mark.parametrize(
    "address", ["/" + "x" * 9000, "/iip?FIF=" + "%41" * 5000, "/iiif/3/" + "a%2F" * 4000 + "/info.json"]
)
def test_overlong_address(port: int, folder: Path, address: str) -> None:
    refused(port, folder, address, (414,))


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"REQUEST_METHOD": ""}, id="no method"),
        pytest.param({"REQUEST_URI": "", "QUERY_STRING": "FIF=deflate.tif&JTL=0,0"}, id="no address"),
        pytest.param({"SERVER_PROTOCOL": ""}, id="no protocol"),
        pytest.param({"HTTP_HOST": ""}, id="no host"),
        pytest.param({"CONTENT_LENGTH": "-1"}, id="negative length"),
        pytest.param({"HTTP_IF_MODIFIED_SINCE": "x" * 3000}, id="odd date"),
        pytest.param({"HTTP_IF_NONE_MATCH": '"' * 3000}, id="odd tags"),
    ],
)
def test_missing_and_odd_variables(port: int, params: dict[str, str]) -> None:
    assert ask(port, "/iip?FIF=deflate.tif&JTL=0,0", **params)[0] == 200


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"HTTP_HOST": "a\r\nSet-Cookie: x=1"}, id="header in the host"),
        pytest.param({"HTTP_X_FORWARDED_HOST": '"><script>'}, id="markup in the host"),
        pytest.param({"HTTP_X_FORWARDED_PREFIX": "/\r\nX: y"}, id="header in the prefix"),
        pytest.param({"HTTP_X_IIIF_ID": 'x"\r\n\r\n'}, id="odd id"),
        pytest.param({"HTTP_ACCEPT": ";q=;;," * 500}, id="odd preferences"),
    ],
)
def test_odd_variables_in_info_json(port: int, params: dict[str, str]) -> None:
    with Peer(socket.create_connection(("127.0.0.1", port))) as peer:
        peer.send(request("/iiif/3/deflate.tif/info.json", keep=False, **params))
        answer = peer.answer()
    assert answer.status in (200, 400)
    assert "set-cookie" not in answer.headers
    assert "x" not in answer.headers


@pytest.mark.parametrize("length", ["", "0", "5", "-1", "x", "9" * 400])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_body_that_is_unwanted(port: int, method: str, length: str) -> None:
    params = {"REQUEST_METHOD": method, "CONTENT_LENGTH": length}
    with Peer(socket.create_connection(("127.0.0.1", port))) as peer:
        peer.send(request("/iip?FIF=deflate.tif&JTL=0,0", body=b"FIF=a", keep=False, **params))
        assert peer.answer().status == 405


def test_the_worker_lives(port: int) -> None:
    assert_alive(port)
