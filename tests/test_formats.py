"""Output formats by their declarations: names, extensions, quality and schemes."""

from __future__ import annotations

import pytest

from iipserve.config import Config, settings
from iipserve.errors import UnsupportedEncoding
from iipserve.formats import Format, Formats, Quality
from tests.protocols.client import CONFIG, FORMATS

EXTENSIONS = {"jpg": "jpeg", "png": "png", "webp": "webp", "avif": "avif", "tif": "tiff", "jxl": "jxl"}
EXTENSIONS |= {name: name for name in ("gif", "jp2", "pdf")}
BMP = Format("bmp", "bmp", "image/bmp", frozenset({3}), default_quality=60)


def test_order_of_advertised_formats() -> None:
    assert {extension: format.name for extension, format in FORMATS.by_extension.items()} == EXTENSIONS
    assert list(FORMATS.by_extension) == list(EXTENSIONS)
    assert list(Formats([BMP, *FORMATS.by_name.values()]).by_extension) == [*EXTENSIONS, "bmp"]


@pytest.mark.parametrize(("extension", "name"), EXTENSIONS.items())
def test_extensions_and_names(extension: str, name: str) -> None:
    assert FORMATS.of_extension(extension) is FORMATS.of_tile_extension(extension) is FORMATS.by_name[name]


@pytest.mark.parametrize("spelling", ["jpeg", "tiff"])
def test_spellings_of_tile_files(spelling: str) -> None:
    assert FORMATS.of_tile_extension(spelling).name == spelling
    with pytest.raises(UnsupportedEncoding, match=f"'{spelling}' is not written; jpg, png, webp, avif"):
        FORMATS.of_extension(spelling)


@pytest.mark.parametrize("extension", ["", "raw", "bmp", "JPG"])
def test_other_extensions_are_refused(extension: str) -> None:
    for find in (FORMATS.of_extension, FORMATS.of_tile_extension):
        with pytest.raises(UnsupportedEncoding, match="is not written"):
            find(extension)


def test_words_of_iip() -> None:
    commands = {"jtl": "jpeg", "ptl": "png", "wtl": "webp", "atl": "avif", "ttl": "tiff", "xtl": "jxl"}
    words = {"jpg": "jpeg", "png": "png", "webp": "webp", "avif": "avif", "tiff": "tiff", "jxl": "jxl"}
    words |= {name: name for name in ("gif", "jp2", "pdf")}
    assert {name: format.name for name, format in FORMATS.by_tile_command.items()} == commands
    assert {word: format.name for word, format in FORMATS.by_export_word.items()} == words
    assert Formats([BMP]).by_export_word == {"bmp": BMP}


CONFIGURED = [
    ("jpeg", {}, (75, "")),
    ("jpeg", {"jpeg_quality": 5}, (5, "")),
    ("png", {}, (1, "")),
    ("webp", {"webp_quality": 0}, (0, "")),
    ("avif", {"avif_quality": -1, "avif_codec": 3}, (-1, "svt")),
    ("jxl", {"jxl_quality": -1}, (-1, "")),
    ("tiff", {}, (1, "deflate")),
    ("tiff", {"tiff_compression": 3}, (75, "jpeg")),
    ("tiff", {"tiff_compression": 4, "jpeg_quality": 60}, (60, "webp")),
    ("tiff", {"tiff_compression": 3, "tiff_quality": 30}, (30, "jpeg")),
    ("tiff", {"tiff_compression": 5}, (1, "zstd")),
    ("tiff", {"tiff_compression": 0, "tiff_quality": 9}, (0, "none")),
    ("tiff", {"tiff_compression": 5, "tiff_quality": 99}, (19, "zstd")),
    ("raw", {}, (0, "")),
]


@pytest.mark.parametrize(("name", "values", "quality"), CONFIGURED)
def test_configured_quality(name: str, values: dict[str, int], quality: tuple[int, str]) -> None:
    assert FORMATS.by_name[name].configured_quality(Config(**values)) == quality  # type: ignore[arg-type]


ASKED = [
    ("jpeg", Quality(0), (1, "")),
    ("jpeg", Quality(200, "deflate"), (100, "")),
    ("png", Quality(12), (9, "")),
    ("webp", Quality(0), (-1, "")),
    ("webp", Quality(-5), (-1, "")),
    ("avif", Quality(0, "svt"), (0, "auto")),
    ("jxl", Quality(-5), (-1, "")),
    ("jxl", Quality(0), (0, "")),
    ("jxl", Quality(200), (100, "")),
    ("tiff", Quality(12), (9, "deflate")),
    ("tiff", Quality(0, "webp"), (0, "webp")),
    ("tiff", Quality(7, "lzw"), (0, "lzw")),
    ("tiff", Quality(7, "packbits"), (0, "none")),
]


@pytest.mark.parametrize(("name", "asked", "quality"), ASKED)
def test_quality_for_a_client(name: str, asked: Quality, quality: tuple[int, str]) -> None:
    assert FORMATS.by_name[name].client_quality(asked, CONFIG) == quality


def test_a_format_without_settings() -> None:
    assert BMP.configured_quality(CONFIG) == (60, "")
    assert BMP.client_quality(Quality(200), CONFIG) == (100, "")
    assert BMP.max_bits("") == 8


def test_depths() -> None:
    assert FORMATS.holding(16) == ("png", "tiff")
    tiff = FORMATS.by_name["tiff"]
    assert [scheme.name for scheme in tiff.schemes if tiff.max_bits(scheme.name) == 8] == ["jpeg", "webp"]


def test_settings_have_a_value_for_each_scheme() -> None:
    for format in FORMATS.by_name.values():
        if format.scheme_setting:
            known = settings()[format.scheme_setting]
            last = len(format.schemes) - 1
            assert (known.parse(str(last)), known.parse(str(last + 1))) == (last, 0)


def test_settings_have_the_range_of_their_format() -> None:
    for format in FORMATS.by_name.values():
        if format.quality_setting and not format.schemes:
            low, high = format.quality_range
            parse = settings()[format.quality_setting].parse
            assert (parse(str(low - 1)), parse(str(high + 1))) == (low, high)
