"""A module dropped into a folder is picked up: one toy of each kind is, and serves a picture."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from iipserve import app, codecs, protocols, registry, sources
from iipserve.config import Config
from iipserve.http import Request

TOYS = {
    "protocols": """
from dataclasses import dataclass
from iipserve.plan import Answer, Crop, Encoding, RenderPlan, image_ref
from iipserve.geometry import Region
from iipserve.image import FIRST, Selector
from iipserve.protocols import Protocol

@dataclass(frozen=True)
class Whole:
    identifier: str
    selector: Selector = FIRST

def parse(request):
    return Whole(request.target)

def plan(query, info, config):
    return Answer(RenderPlan(Crop(image_ref(info), 0, Region.of_size(info.size), info.size), Encoding("toytext", 0)))

PROTOCOL = Protocol("toy", "toy", parse, plan)
""",
    "sources": """
import os
import numpy as np
from iipserve.geometry import Size
from iipserve.image import ColorSpace, ImageInfo, Level
from iipserve.sources import Source, SourceFormat

class Toy(Source):
    def __init__(self, file):
        self.value = file.head[3]
        os.close(file.descriptor)
        self.info = ImageInfo(file.identifier, "toyimage", file.version, (Level(Size(2, 1), Size(2, 1)),),
                              Size(256, 256), 1, "uint8", 8, ColorSpace.GRAY)

    def read_tile(self, level, column, row, quality_layers=0):
        return np.full((1, 2, 1), self.value, np.uint8)

FORMAT = SourceFormat("toyimage", lambda head: head.startswith(b"TOY"), Toy)
""",
    "codecs": """
from iipserve.codecs import Encoder

def encode(pixels, encoding, metadata):
    return repr(pixels.tolist()).encode()

ENCODER = Encoder("toytext", "toy", "text/x-toy", frozenset({1, 3}), encode)
""",
}


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more module in each of the three folders."""
    names = []
    for package in (protocols, sources, codecs):
        name = package.__name__.rpartition(".")[2]
        folder = tmp_path / name
        folder.mkdir()
        (folder / "toy_module.py").write_text(TOYS[name])
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        names.append(f"{package.__name__}.toy_module")
    yield
    for name in names:
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("toys")
def test_toy_protocol_source_and_encoder_work_together(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"TOY\x2a")
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    response = application.handle(Request("GET", "/toy/one", "", {}))
    assert (response.status, response.body) == (200, b"[[[42], [42]]]")
    assert ("Content-Type", "text/x-toy") in response.headers


@pytest.mark.usefixtures("toys")
def test_toy_encoder_is_used_by_the_other_protocols(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"TOY\x2a")
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    response = application.handle(Request("GET", "/deepzoom/one.dzi", "", {}))
    assert response.status == 200
    assert b'Width="2"' in bytes(response.body)  # type: ignore[arg-type]


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
