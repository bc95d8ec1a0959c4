"""Settings: names, defaults and clamps of iipsrv (its table of variables), and clear mistakes."""

from __future__ import annotations

import dataclasses

import pytest

from iipserve import config
from iipserve.errors import ConfigError

DEFAULTS = {
    "VERBOSITY": 1, "LOGFILE": "/tmp/iipsrv.log", "MAX_IMAGE_CACHE_SIZE": 10, "MAX_METADATA_CACHE_SIZE": 10_000,
    "FILESYSTEM_PREFIX": "", "FILESYSTEM_SUFFIX": "", "JPEG_QUALITY": 75, "PNG_QUALITY": 1, "WEBP_QUALITY": 50,
    "AVIF_QUALITY": 50, "AVIF_CODEC": 0, "TIFF_COMPRESSION": 2, "MAX_CVT": 5000,
    "ALLOW_UPSCALING": True, "MAX_LAYERS": 0, "MAX_ICC": 65536, "EMBED_ICC": True, "MEMCACHED_TIMEOUT": 86400,
    "INTERPOLATION": 1, "BASE_URL": "", "URI_MAP": (), "CACHE_CONTROL": "max-age=86400",
    "CODEC_PASSTHROUGH": True, "IIIF_VERSION": 3, "COPYRIGHT": "",
}  # fmt: skip
"""iipsrv 1.3's, typed in from its manual."""

VALUES = [
    ("ALLOW_UPSCALING", "0", False),
    ("ALLOW_UPSCALING", "off", False),
    ("ALLOW_UPSCALING", " TRUE ", True),
    ("TIFF_COMPRESSION", "5", 5),
    ("TIFF_QUALITY", "7", 7),
    ("MAX_CVT", "0", 5000),
    ("MAX_CVT", "-1", -1),
    ("MAX_IMAGE_CACHE_SIZE", "0.5", 0.5),
    ("MAX_IMAGE_CACHE_SIZE", " 1e2 ", 100),
    ("URI_MAP", "iiif=>IIIF,a/b=>iip,=>Zoomify", (("iiif", "iiif"), ("a/b", "iip"), ("", "zoomify"))),
    ("LOGFILE", "SYSLOG", "syslog"),
    ("LOGFILE", "/var/log/SYSLOG", "/var/log/SYSLOG"),
    ("CORS", "https://example.org:8080", "https://example.org:8080"),
    ("CORS", "", ""),
    ("BASE_URL", "https://a.org/iiif/", "https://a.org/iiif/"),
    ("BASE_URL", "http://[2001:db8::1]:8080/", "http://[2001:db8::1]:8080/"),
    ("BASE_URL", "https://a.org/iipsrv.fcgi?IIIF=", "https://a.org/iipsrv.fcgi?IIIF="),
    ("BASE_URL", "https://a.org/b%C3%BCcher/", "https://a.org/b%C3%BCcher/"),
    ("BASE_URL", "", ""),
    ("SOCKET_MODE", "660", 0o660),
    ("SOCKET_MODE", "0o600", 0o600),
    ("EXTRA_FORMATS", "FITS, pdf,", ("fits", "pdf")),
    ("METRICS", "127.0.0.1:9464", ("127.0.0.1", 9464)),
    ("METRICS", ":9464", ("", 9464)),
    ("METRICS", " [::1]:9464", ("::1", 9464)),
    ("METRICS", "", None),
]
"""Taken as they are, without a line in the log."""

CORRECTED = [
    ("VERBOSITY", "-3", 0),
    ("JPEG_QUALITY", "0", 1),
    ("JPEG_QUALITY", "130", 100),
    ("JPEG_QUALITY", "1" + "0" * 5000, 100),
    ("JPEG_QUALITY", "75.5", 75),
    ("JPEG_QUALITY", "90abc", 90),
    ("JPEG_QUALITY", "90 %", 90),
    ("PNG_QUALITY", "12", 9),
    ("WEBP_QUALITY", "-7", -1),
    ("AVIF_QUALITY", "101", 100),
    ("AVIF_CODEC", "4", 0),
    ("TIFF_COMPRESSION", "6", 0),
    ("TIFF_COMPRESSION", "-1", 0),
    ("TIFF_QUALITY", "1000", 100),
    ("MAX_CVT", "-9", 1),
    ("MAX_IMAGE_CACHE_SIZE", "10MB", 10),
    ("MAX_IMAGE_CACHE_SIZE", "-1", 0),
    ("WATERMARK_OPACITY", "1.5", 1),
    ("IIIF_VERSION", "0", 3),
    ("IIIF_VERSION", "4", 3),
    ("WORKERS", "-1", 0),
    ("MAX_OPEN_IMAGES", "0", 1),
    ("REQUEST_TIMEOUT", "1e9", 86400),
    ("ALLOW_UPSCALING", "2", True),
    ("CODEC_PASSTHROUGH", "0x", False),
    ("CORS", "https://example.org/", "https://example.org"),
    ("BASE_URL", "https://a.org", "https://a.org/"),
    ("BASE_URL", " HTTPS://a.org/iiif ", "https://a.org/iiif/"),
    ("BASE_URL", "https://b\u00fccher.example/\u00e9", "https://xn--bcher-kva.example/%C3%A9/"),
]
"""As iipsrv (atoi, atof and its limits), with a line in the log."""

MISTAKES = [
    ("JPEG_QUALITY", "high", "a whole number from 1 to 100"),
    ("MAX_IMAGE_CACHE_SIZE", "nan", "a number from 0 to 1000000"),
    ("MEMCACHED_TIMEOUT", "9e400", "a whole number, 0 or more"),
    ("ALLOW_UPSCALING", "maybe", "0 or 1"),
    ("VERSION_BY", "name", "inode or content"),
    ("URI_MAP", "iiif", "PREFIX=>PROTOCOL"),
    ("MEMCACHED_SERVERS", "cache:many", "HOST"),
    ("CORS", "https://a.example https://b.example", "one origin"),
    ("CORS", "https://a.example,https://b.example", "one origin"),
    ("CORS", "example.org", "one origin"),
    ("BASE_URL", "a.org/iiif/", "an absolute http or https address"),
    ("BASE_URL", "//a.org/iiif/", "an absolute http or https address"),
    ("BASE_URL", "/iiif/", "such as https://img.example.org/iiif/"),
    ("BASE_URL", "ftp://a.org/", "an absolute http or https address"),
    ("BASE_URL", "https://user@a.org/", "an absolute http or https address"),
    ("BASE_URL", "https://a.org/#iiif/", "an absolute http or https address"),
    ("BASE_URL", "https://a.org/ b/", "an absolute http or https address"),
    ("BASE_URL", "https://" + "\u00fc" * 70 + ".example/", "no host name"),
    ("CORS", "*\r\nX: 1", "one origin"),
    ("CACHE_CONTROL", "max-age=1\nX: 1", "one line"),
    ("CACHE_CONTROL", "m\xe4x", "one line"),
    ("SOCKET_MODE", "888", "octal"),
    ("SOCKET_MODE", "rw", "octal"),
    ("METRICS", "9464", "such as 127.0.0.1:9464"),
    ("METRICS", ":x", "such as 127.0.0.1:9464"),
    ("METRICS", ":99999", "such as 127.0.0.1:9464"),
    ("METRICS", "/run/metrics", "HOST:PORT, :PORT or [IPV6]:PORT"),
]


def _value(variable: str, read: config.Config) -> object:
    names = {known.variable: name for name, known in config.settings().items()}
    return getattr(read, names[variable])


@pytest.mark.parametrize(("variable", "default"), DEFAULTS.items())
def test_default(variable: str, default: object) -> None:
    assert _value(variable, config.from_environ({})) == default


@pytest.mark.parametrize(("variable", "text", "value"), VALUES)
def test_value(variable: str, text: str, value: object) -> None:
    loaded = config.load({variable: text})
    assert _value(variable, loaded.config) == value
    assert (loaded.mistakes, loaded.warnings) == ({}, ())


@pytest.mark.parametrize(("variable", "text", "value"), CORRECTED)
def test_corrected_value_has_a_line(variable: str, text: str, value: object) -> None:
    loaded = config.load({variable: text})
    assert _value(variable, loaded.config) == value
    assert not loaded.mistakes
    (line,) = loaded.warnings
    assert line.startswith(f"{variable} is {text!r}; it should be ")
    known = next(known for known in config.settings().values() if known.variable == variable)
    assert line.endswith(f", and {known.parse.show(value)} is used")


def test_empty_value_is_the_default_where_it_means_nothing() -> None:
    for name, known in config.settings().items():
        loaded = config.load({known.variable: " " if known.parse.empty_is_default else ""})
        expected = known.default if known.parse.empty_is_default else known.parse("")
        assert getattr(loaded.config, name) == expected
        shown = known.parse.show(known.default)
        named = known.parse.empty_is_default and shown != ""
        line = f"{known.variable} is empty; {shown}, the default, is used"
        assert loaded.warnings == ((line,) if named else ())


def test_setting_with_a_mistake_has_its_default() -> None:
    loaded = config.load({"JPEG_QUALITY": "x", "PNG_QUALITY": "3"})
    assert (loaded.config.jpeg_quality, loaded.config.png_quality) == (75, 3)
    assert list(loaded.mistakes) == ["jpeg_quality"]


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


def test_default_and_example_are_read_as_they_are_shown() -> None:
    for known in config.settings().values():
        if known.default is not None:
            assert known.parse.read(known.parse.show(known.default)) == (known.default, True)
        assert known.parse.read(known.example).is_exact, known.variable
        assert known.parse(known.example) != known.default


@pytest.mark.parametrize(
    ("environ", "seen"),
    [
        ({}, False),
        ({"WATERMARK": "/mark.png"}, True),
        ({"WATERMARK": "/mark.png", "WATERMARK_OPACITY": "0"}, False),
        ({"WATERMARK": "/mark.png", "WATERMARK_PROBABILITY": "0"}, False),
    ],
)
def test_watermark_in_force(environ: dict[str, str], seen: bool) -> None:
    assert config.from_environ(environ).has_watermark is seen
