"""Settings: names, defaults and clamps of iipsrv (its table of variables), and clear mistakes."""

from __future__ import annotations

import dataclasses

import pytest

from iipserve import config
from iipserve.errors import ConfigError

DEFAULTS = {
    "VERBOSITY": 1, "LOGFILE": "/tmp/iipsrv.log", "MAX_IMAGE_CACHE_SIZE": 10, "MAX_METADATA_CACHE_SIZE": 1000,
    "FILESYSTEM_PREFIX": "", "FILESYSTEM_SUFFIX": "", "JPEG_QUALITY": 75, "PNG_QUALITY": 1, "WEBP_QUALITY": 50,
    "AVIF_QUALITY": 50, "AVIF_CODEC": 0, "TIFF_COMPRESSION": 2, "TIFF_QUALITY": 1, "MAX_CVT": 5000,
    "ALLOW_UPSCALING": True, "MAX_LAYERS": 0, "MAX_ICC": 65536, "EMBED_ICC": True, "MEMCACHED_TIMEOUT": 86400,
    "INTERPOLATION": 1, "BASE_URL": "", "URI_MAP": (), "CACHE_CONTROL": "max-age=86400",
    "CODEC_PASSTHROUGH": True, "IIIF_VERSION": 3, "COPYRIGHT": "",
}  # fmt: skip
"""iipsrv 1.3's, typed in from its manual."""

CLAMPS = [
    ("VERBOSITY", "-3", 0),
    ("JPEG_QUALITY", "0", 1),
    ("JPEG_QUALITY", "130", 100),
    ("PNG_QUALITY", "12", 9),
    ("WEBP_QUALITY", "-7", -1),
    ("AVIF_QUALITY", "101", 100),
    ("AVIF_CODEC", "4", 0),
    ("TIFF_COMPRESSION", "5", 5),
    ("TIFF_COMPRESSION", "6", 0),
    ("TIFF_QUALITY", "1000", 100),
    ("MAX_CVT", "0", 5000),
    ("MAX_CVT", "-1", -1),
    ("MAX_CVT", "-9", 1),
    ("ALLOW_UPSCALING", "0", False),
    ("MAX_IMAGE_CACHE_SIZE", "0.5", 0.5),
    ("MEMCACHED_SERVERS", "localhost, cache:11212", (("localhost", 11211), ("cache", 11212))),
    ("URI_MAP", "iiif=>IIIF,a/b=>iip,=>Zoomify", (("iiif", "iiif"), ("a/b", "iip"), ("", "zoomify"))),
]

MISTAKES = [
    ("JPEG_QUALITY", "high", "a whole number"),
    ("JPEG_QUALITY", "", "a whole number"),
    ("MAX_IMAGE_CACHE_SIZE", "10MB", "a number, 0 or more"),
    ("MAX_IMAGE_CACHE_SIZE", "nan", "a number, 0 or more"),
    ("MAX_IMAGE_CACHE_SIZE", "-1", "a number, 0 or more"),
    ("IIIF_VERSION", "4", "1 to 3"),
    ("ALLOW_UPSCALING", "maybe", "0 or 1"),
    ("URI_MAP", "iiif", "PREFIX=>PROTOCOL"),
    ("MEMCACHED_SERVERS", "cache:many", "HOST"),
    ("MAX_OPEN_IMAGES", "0", "1 or more"),
]


def _value(variable: str, read: config.Config) -> object:
    names = {known.variable: name for name, known in config.settings().items()}
    return getattr(read, names[variable])


@pytest.mark.parametrize(("variable", "default"), DEFAULTS.items())
def test_default(variable: str, default: object) -> None:
    assert _value(variable, config.from_environ({})) == default


@pytest.mark.parametrize(("variable", "text", "value"), CLAMPS)
def test_value(variable: str, text: str, value: object) -> None:
    assert _value(variable, config.from_environ({variable: text})) == value


@pytest.mark.parametrize(("variable", "text", "needed"), MISTAKES)
def test_mistake_names_variable_value_and_remedy(variable: str, text: str, needed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.from_environ({variable: text})
    message = str(caught.value)
    assert variable in message
    assert repr(text) in message
    assert needed in message


def test_every_mistake_has_a_line() -> None:
    with pytest.raises(ConfigError) as caught:
        config.from_environ({"JPEG_QUALITY": "x", "PNG_QUALITY": "y"})
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("variable", ["MAX_METADATA_CACHE_SIZE", "MAX_IMAGE_METADATA_CACHE_SIZE"])
def test_both_spellings_of_the_metadata_cache(variable: str) -> None:
    assert config.from_environ({variable: "7"}).max_metadata_cache_size == 7


@pytest.mark.parametrize(
    ("environ", "limit"),
    [({}, 65536), ({"MAX_ICC": "-1"}, None), ({"MAX_ICC": "0"}, 0), ({"EMBED_ICC": "0"}, 0)],
)
def test_profile_limit(environ: dict[str, str], limit: int | None) -> None:
    assert config.from_environ(environ).icc_limit == limit


def test_every_field_is_a_documented_setting() -> None:
    for field in dataclasses.fields(config.Config):
        assert field.metadata["setting"].text.endswith((".", "."))


def test_parsing_a_default_as_text_gives_it_back() -> None:
    for known in config.settings().values():
        if isinstance(known.default, int | float) and not isinstance(known.default, bool):
            assert known.parse(str(known.default)) == known.default
