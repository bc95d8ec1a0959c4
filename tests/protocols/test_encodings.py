"""Names and extensions of output formats, also of those added later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from iipserve import registry
from iipserve.config import Config
from iipserve.errors import UnsupportedEncoding
from iipserve.plan import Encoding
from iipserve.protocols import encodings, iip
from iipserve.protocols.encodings import AskedQuality
from iipserve.protocols.iip.errors import IIPError
from tests.protocols.client import CONFIG, IMAGE, ask, image, plan_of, text_of


@pytest.fixture
def bmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server with one more encoder, without JPEG XL."""
    encoders = {
        "jpeg": SimpleNamespace(extension="jpg"),
        "bmp": SimpleNamespace(extension="bmp"),
        "raw": SimpleNamespace(extension=""),
    }
    monkeypatch.setattr(registry, "discover", lambda package, constant: encoders)
    encodings._further_extensions.cache_clear()
    yield
    encodings._further_extensions.cache_clear()


@pytest.mark.parametrize(("extension", "name"), encodings.EXTENSIONS.items())
def test_extensions_and_names(extension: str, name: str) -> None:
    assert encodings.format_of(extension) == name
    assert encodings.tile_format(extension) == name
    assert encodings.extension_of(name) == extension


@pytest.mark.parametrize(("extension", "name"), [("jpeg", "jpeg"), ("tiff", "tiff")])
def test_spellings_of_tile_files(extension: str, name: str) -> None:
    assert encodings.tile_format(extension) == name
    with pytest.raises(UnsupportedEncoding):
        encodings.format_of(extension)


@pytest.mark.usefixtures("bmp")
def test_an_encoder_without_settings_is_found() -> None:
    assert encodings.format_of("bmp") == "bmp"
    assert encodings.extension_of("bmp") == "bmp"
    assert encodings.extensions() == ("jpg", "png", "webp", "avif", "tif", "bmp")
    encoding = encodings.tile_encoding("bmp", IMAGE, CONFIG)
    assert (encoding.format, encoding.quality) == ("bmp", encodings.QUALITY_WITHOUT_SETTING)
    asked = encodings.adjusted(encoding, CONFIG, asked=encodings.AskedQuality(200))
    assert asked.quality == 100


@pytest.mark.usefixtures("bmp")
def test_what_is_written() -> None:
    written = {name: encodings.is_written(name) for name in ("jpeg", "tiff", "bmp", "jxl", "raw", "")}
    assert written == {"jpeg": True, "tiff": True, "bmp": True, "jxl": False, "raw": False, "": False}


@pytest.mark.usefixtures("bmp")
def test_commands_for_jpeg_xl_are_unknown_where_it_is_not_written() -> None:
    with pytest.raises(IIPError, match="command 'XTL' is not supported"):
        ask(iip.PROTOCOL, "FIF=a&XTL=0,0")
    assert plan_of(ask(iip.PROTOCOL, "FIF=a&CVT=jxl")).encoding.format == "jpeg"
    assert "XTL" not in text_of(ask(iip.PROTOCOL, "OBJ=IIP-opt-comm"))


def test_jpeg_xl_has_a_setting_and_limits() -> None:
    assert encodings.format_of("jxl") == encodings.extension_of("jxl") == "jxl"
    assert encodings.default_quality("jxl", Config(jxl_quality=-1)) == (-1, "")
    limits = [encodings.clamped_quality("jxl", AskedQuality(value), CONFIG)[0] for value in (-5, 0, 200)]
    assert limits == [-1, 0, 100]


def test_raw_samples_have_no_address() -> None:
    assert "" not in encodings.extensions()
    with pytest.raises(UnsupportedEncoding):
        encodings.format_of("")
    assert encodings.raw_encoding() == Encoding("raw", 0, stored=False, bits=16)


ADJUSTMENTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("jpeg", {}, {}),
    ("jpeg", {"bits": 8}, {}),
    ("jpeg", {"asked": AskedQuality(5)}, {"quality": 5, "stored": False}),
    ("jpeg", {"profile": False}, {"profile": False}),
    ("png", {"bits": 16}, {"bits": 16, "stored": False}),
    (
        "tiff",
        {"bits": 16, "asked": AskedQuality(7, "zstd")},
        {"bits": 16, "quality": 7, "scheme": "zstd", "stored": False},
    ),
]


@pytest.mark.parametrize(("name", "wishes", "changes"), ADJUSTMENTS)
def test_adjustments(name: str, wishes: dict[str, Any], changes: dict[str, Any]) -> None:
    info = image(icc=b"profile")
    for default in (
        encodings.tile_encoding(name, info, CONFIG),
        encodings.export_encoding(name, info, CONFIG),
    ):
        assert encodings.adjusted(default, CONFIG, **wishes) == replace(default, **changes)
