"""Names and extensions of output formats, also of those added later."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from iipserve import registry
from iipserve.errors import UnsupportedEncoding
from iipserve.protocols import encodings
from tests.protocols.asking import CONFIG, IMAGE


@pytest.fixture
def jxl(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server with one more encoder."""
    encoders = {"jpeg": SimpleNamespace(extension="jpg"), "jxl": SimpleNamespace(extension="jxl")}
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


@pytest.mark.usefixtures("jxl")
def test_an_encoder_without_settings_is_found() -> None:
    assert encodings.format_of("jxl") == "jxl"
    assert encodings.extension_of("jxl") == "jxl"
    assert encodings.extensions() == ("jpg", "png", "webp", "avif", "tif", "jxl")
    encoding = encodings.tile_encoding("jxl", IMAGE, CONFIG)
    assert (encoding.format, encoding.quality) == ("jxl", encodings.QUALITY_WITHOUT_SETTING)
    asked = encodings.asked_encoding("jxl", IMAGE, CONFIG, encodings.AskedQuality(200))
    assert asked.quality == 100
