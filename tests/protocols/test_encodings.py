"""Encodings by default and as clients ask for them, also of formats that are added later."""

from __future__ import annotations

from typing import Any

import pytest

from iipserve.errors import UnsupportedEncoding
from iipserve.formats import Format, Formats, Quality
from iipserve.plan import Encoding
from iipserve.protocols import Server, encodings, iip
from iipserve.protocols.iip.errors import IIPError
from tests.protocols.client import CONFIG, FORMATS, IMAGE, SERVER, ask, image, plan_of, text_of

OTHER_FORMATS = Formats(
    [
        *(FORMATS.by_name[name] for name in ("jpeg", "tiff", "raw")),
        Format("bmp", "bmp", "image/bmp", frozenset({3}), frozenset({8, 16}), tile_command="BTL"),
    ]
)
"""With one more, without JPEG XL."""


def test_a_format_without_settings() -> None:
    server = Server(CONFIG, OTHER_FORMATS)
    encoding = encodings.tile_encoding("bmp", IMAGE, server)
    assert (encoding.format, encoding.quality) == ("bmp", 75)
    assert encodings.adjusted(encoding, server, asked=Quality(200), bits=16) == encoding._replace(
        quality=100, bits=16, stored=False
    )


def test_commands_for_a_format_are_known_where_it_is_written() -> None:
    with pytest.raises(IIPError, match="command 'XTL' is not supported"):
        ask(iip.PROTOCOL, "FIF=a&XTL=0,0", formats=OTHER_FORMATS)
    assert plan_of(ask(iip.PROTOCOL, "FIF=a&CVT=jxl", formats=OTHER_FORMATS)).encoding.format == "jpeg"
    assert plan_of(ask(iip.PROTOCOL, "FIF=a&BTL=0,0", formats=OTHER_FORMATS)).encoding.format == "bmp"
    assert plan_of(ask(iip.PROTOCOL, "FIF=a&CVT=bmp", formats=OTHER_FORMATS)).encoding.format == "bmp"
    advertised = text_of(ask(iip.PROTOCOL, "OBJ=IIP-opt-comm", formats=OTHER_FORMATS)).split()
    assert "XTL" not in advertised
    assert advertised[-1] == "BTL"


def test_raw_samples() -> None:
    assert encodings.raw_encoding() == Encoding("raw", 0, stored=False, bits=16)


REFUSED_DEPTHS = [
    ("jpeg", None, "jpeg has 8 bits per sample; png and tiff can have 16"),
    (
        "tiff",
        Quality(80, "jpeg"),
        "jpeg in tiff has 8 bits per sample; none, lzw, deflate, zstd can have 16",
    ),
]


@pytest.mark.parametrize(("name", "asked", "message"), REFUSED_DEPTHS)
def test_refused_depths(name: str, asked: Quality | None, message: str) -> None:
    encoding = encodings.export_encoding(name, IMAGE, SERVER)
    with pytest.raises(UnsupportedEncoding, match=message):
        encodings.adjusted(encoding, SERVER, asked=asked, bits=16)


ADJUSTMENTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("jpeg", {}, {}),
    ("jpeg", {"bits": 8}, {}),
    ("jpeg", {"asked": Quality(5)}, {"quality": 5, "stored": False}),
    ("jpeg", {"profile": False}, {"profile": False}),
    ("png", {"bits": 16}, {"bits": 16, "stored": False}),
    (
        "tiff",
        {"bits": 16, "asked": Quality(7, "zstd")},
        {"bits": 16, "quality": 7, "scheme": "zstd", "stored": False},
    ),
]


@pytest.mark.parametrize(("name", "requests", "changes"), ADJUSTMENTS)
def test_adjustments(name: str, requests: dict[str, Any], changes: dict[str, Any]) -> None:
    info = image(icc=b"profile")
    for default in (
        encodings.tile_encoding(name, info, SERVER),
        encodings.export_encoding(name, info, SERVER),
    ):
        assert encodings.adjusted(default, SERVER, **requests) == default._replace(**changes)
