"""A module or package dropped into a folder is picked up: a toy of each kind is, and serves images."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from iipserve import app, codecs, protocols, registry, sources
from iipserve.config import Config
from iipserve.http import Body, Request, Response

TOYS = {
    "protocols/toy_protocol.py": '''
"""Images one after another as text, by `/toy/A/B`, by `SERVICE=TOY&IMAGES=A,B`, or by a body `A,B`."""

from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs

from iipserve.errors import InvalidRequest
from iipserve.geometry import Region
from iipserve.image import ImageName
from iipserve.plan import Answer, Bundle, Crop, Document, Encoding, RenderPlan, image_ref
from iipserve.protocols import BodyRule, ErrorAnswer, PathRoute, Protocol, QueryRoute

class Several(NamedTuple):
    names: tuple[ImageName, ...]
    separator: bytes

def parse(routed, server):
    request = routed.request
    if request.body is not None:
        identifiers = request.body.read().decode().split(",")
    elif routed.by_path and routed.target:
        identifiers = routed.target.split("/")
    else:
        parameters = {name.lower(): values[0] for name, values in parse_qs(request.query).items()}
        identifiers = parameters.get("images", "").split(",")
    if identifiers == [""]:
        raise InvalidRequest("no image is named")
    separator = parse_qs(request.query).get("separator", ["|"])[0]
    return Several(tuple(map(ImageName, identifiers)), separator.encode())

def plan(query, images, server):
    if query.separator == b"none":
        return Answer(whole(images[query.names[0]]))
    def frame(index, body):
        return query.separator + body if index else body
    return Answer(Bundle(tuple(map(whole, map(images.get, query.names))), "text/x-toys", frame))

def whole(info):
    view = Crop(image_ref(info), 0, Region.of_size(info.size), info.size)
    return RenderPlan(view, Encoding("toytext", 0))

def error(error, routed, server):
    asked = "" if routed is None else routed.request.query
    body = f"<toy code='{type(error).__name__}' status='{error.status}' query='{asked}'/>"
    return ErrorAnswer(HTTPStatus.OK, Document(body.encode(), "application/toy+xml"))

PROTOCOL = Protocol(
    "toy",
    (PathRoute("toy", bare=True), QueryRoute("service", "TOY"), QueryRoute("request", "GetToy", weak=True)),
    parse,
    plan,
    error,
    methods=("GET", "HEAD", "OPTIONS", "POST"),
    body=BodyRule(frozenset({"text/plain"}), 100),
)
''',
    "sources/toy_source/__init__.py": """
from iipserve.sources import SourceFormat
from iipserve.sources.toy_source.reading import Toy

FORMAT = SourceFormat("toyimage", lambda head: head.startswith(b"TOY"), Toy)
""",
    "sources/toy_source/reading.py": """
import os
import numpy as np
from iipserve.geometry import Size
from iipserve.image import ColorSpace, ImageInfo, Level
from iipserve.sources import Source

class Toy(Source):
    def __init__(self, file):
        self.value = file.head[3]
        os.close(file.descriptor)
        self.info = ImageInfo(file.identifier, "toyimage", file.version, (Level(Size(2, 1), Size(2, 1)),),
                              Size(256, 256), 1, "uint8", 8, ColorSpace.GRAY)

    def read_tile(self, level, column, row, quality_layers=0):
        return np.full((1, 2, 1), self.value, np.uint8)
""",
    "codecs/toy_codec/__init__.py": """
from iipserve.codecs import Encoder
from iipserve.codecs.toy_codec.writing import encode
from iipserve.formats import Format

ENCODER = Encoder(Format("toytext", "toy", "text/x-toy", frozenset({1, 3})), encode)
""",
    "codecs/toy_codec/writing.py": """
def encode(pixels, encoding, metadata):
    return repr(pixels.tolist()).encode()
""",
}
"""Path below the package -> text."""


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more module or package in each of the three folders."""
    for name, text in TOYS.items():
        path = tmp_path / "plug-ins" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for package in (protocols, sources, codecs):
        folder = tmp_path / "plug-ins" / package.__name__.rpartition(".")[2]
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    yield
    for name in [name for name in sys.modules if ".toy_" in name]:
        sys.modules.pop(name)


@pytest.fixture
def application(toys: None, tmp_path: Path) -> app.Application:
    """Over two images of one value each."""
    (tmp_path / "one").write_bytes(b"TOY\x2a")
    (tmp_path / "two").write_bytes(b"TOY\x07")
    return app.build(Config(filesystem_prefix=f"{tmp_path}/", uri_map=(("play/ground", "toy"),)))


def ask(application: app.Application, address: str, method: str = "GET", text: str | None = None) -> Response:
    path, _, query = address.partition("?")
    environ = {"CONTENT_TYPE": "text/plain; charset=utf-8"}
    body = None if text is None else Body(io.BytesIO(text.encode()), len(text))
    return application.handle(Request(method, path, query, environ, body))


BOTH = b"[[[42], [42]]]|[[[7], [7]]]"
WAYS = [
    pytest.param("/toy/one/two", BOTH, id="own path"),
    pytest.param("/toy/one/two?separator=-", BOTH.replace(b"|", b"-"), id="own path with a query"),
    pytest.param("/toy?IMAGES=one,two", BOTH, id="bare path with a query"),
    pytest.param("/play/ground/one/two?v=2", BOTH, id="URI_MAP"),
    pytest.param("/play/ground?images=one,two", BOTH, id="URI_MAP, bare"),
    pytest.param("/any.fcgi?images=one,two&Service=toy", BOTH, id="value of SERVICE, last, in any case"),
    pytest.param("/toys?REQUEST=gettoy&images=one,two", BOTH, id="value of REQUEST"),
    pytest.param("/?REQUEST=GetToy&images=two&SERVICE=TOY", b"[[[7], [7]]]", id="one image"),
]


@pytest.mark.parametrize(("address", "expected"), WAYS)
def test_toys_work_together(application: app.Application, address: str, expected: bytes) -> None:
    response = ask(application, address)
    assert (response.status, response.body) == (200, expected)
    assert ("Content-Type", "text/x-toys") in response.headers
    assert ask(application, address).body == expected


def test_a_remembered_plan_proves_all_its_images_fresh(application: app.Application, tmp_path: Path) -> None:
    address = "/toy/one/two?separator=none"
    assert ask(application, address).body == ask(application, address).body == b"[[[42], [42]]]"
    (tmp_path / "two").unlink()
    assert b"ImageNotFound" in bytes(ask(application, address).body)  # type: ignore[arg-type]


def test_a_body_reaches_the_protocol(application: app.Application) -> None:
    response = ask(application, "/toy?separator=/", "POST", "one,two")
    assert (response.status, response.body) == (200, BOTH.replace(b"|", b"/"))


def test_errors_have_the_form_and_status_of_their_protocol(application: app.Application) -> None:
    response = ask(application, "/toy?version=9")
    assert response.status == 200
    assert response.body == b"<toy code='InvalidRequest' status='400' query='version=9'/>"
    missing = ask(application, "/toy/one/three")
    assert missing.body == b"<toy code='ImageNotFound' status='404' query=''/>"


@pytest.mark.parametrize(
    ("method", "text", "code"),
    [
        ("POST", "one," * 30, "BodyTooLarge"),
        ("PUT", "one", "MethodNotAllowed"),
        ("DELETE", None, "MethodNotAllowed"),
    ],
)
def test_what_the_protocol_does_not_take(
    application: app.Application, method: str, text: str | None, code: str
) -> None:
    response = ask(application, "/toy", method, text)
    assert f"code='{code}'".encode() in bytes(response.body)  # type: ignore[arg-type]
    assert (("Allow", "GET, HEAD, OPTIONS, POST") in response.headers) is (code == "MethodNotAllowed")


def test_the_transport_learns_which_bodies_are_read(application: app.Application) -> None:
    def limit(method: str, path: str, media_type: str) -> int:
        return application.max_body_length(Request(method, path, "", {"CONTENT_TYPE": media_type}))

    assert limit("POST", "/toy/", "text/plain") == limit("POST", "/toy/x", "Text/Plain;charset=x") == 100
    assert limit("POST", "/toy/x", "text/xml") == limit("PUT", "/toy/x", "text/plain") == 0
    assert limit("GET", "/toy/x", "text/plain") == limit("POST", "/iip", "text/plain") == 0
    assert limit("POST", "/" + "x" * 9000, "text/plain") == 0


def test_preflight_names_the_methods_of_the_protocol(application: app.Application) -> None:
    toy, iip = (
        dict(ask(application, "/toy/", "OPTIONS").headers),
        dict(ask(application, "/", "OPTIONS").headers),
    )
    assert toy["Allow"] == toy["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS, POST"
    assert iip["Allow"] == iip["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"


def test_the_first_parameter_that_leads_somewhere_counts(application: app.Application) -> None:
    assert ask(application, "/x?IIIF=one/info.json&SERVICE=TOY").status == 200
    size = ask(application, "/x?SERVICE=OTHER&FIF=one&OBJ=Max-size")
    assert (size.status, size.body) == (200, b"Max-size:2 1\r\n")
    assert json.loads(bytes(ask(application, "/toy?IIIF=one/info.json").body))["width"] == 2  # type: ignore[arg-type]


def test_toy_encoder_is_used_by_the_other_protocols(application: app.Application) -> None:
    info = json.loads(bytes(ask(application, "/iiif/3/one/info.json").body))  # type: ignore[arg-type]
    assert "toy" in info["extraFormats"]
    tile = ask(application, "/deepzoom/one_files/1/0_0.toy")
    assert (tile.status, tile.body) == (200, b"[[[42], [42]]]")
    assert ("Content-Type", "text/x-toy") in tile.headers
    assert ask(application, "/iip?FIF=one&CVT=toy").body == tile.body


def test_two_protocols_with_one_route_are_refused() -> None:
    config = Config()
    twins = {name: protocols.Protocol(name, (protocols.PathRoute("a"),), print, print) for name in "xy"}  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="same route"):
        app.Router(config, twins)


def test_two_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = SimpleNamespace(load=lambda: SimpleNamespace(name="jpeg"))
    monkeypatch.setattr(registry, "entry_points", lambda group: [twin])
    with pytest.raises(ValueError, match="two entries named 'jpeg'"):
        registry.discover("iipserve.codecs", "ENCODER")


def test_installed_extension_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    extension = SimpleNamespace(load=lambda: SimpleNamespace(name="farbfeld"))
    monkeypatch.setattr(registry, "entry_points", lambda group: [extension])
    assert "farbfeld" in registry.discover("iipserve.codecs", "ENCODER")


def test_module_without_its_package_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "needs_more.py").write_text("import a_package_nobody_has\nENCODER = None\n")
    monkeypatch.setattr(codecs, "__path__", [*codecs.__path__, str(tmp_path)])
    found = registry.discover("iipserve.codecs", "ENCODER")
    assert "jpeg" in found
    assert "a_package_nobody_has" in caplog.text


def test_broken_module_of_ours_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("import iipserve.nonsense\n")
    monkeypatch.setattr(codecs, "__path__", [*codecs.__path__, str(tmp_path)])
    with pytest.raises(ModuleNotFoundError):
        registry.discover("iipserve.codecs", "ENCODER")
