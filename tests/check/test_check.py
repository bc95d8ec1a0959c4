from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from iipserve import __version__, check
from iipserve.codecs.avif import has_codec
from iipserve.config import Config, settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def run(
    folder: Path, overrides: dict[str, object] | None = None, **environ: str
) -> tuple[int, str, list[str]]:
    """Exit code, report and mistakes."""
    out, err = io.StringIO(), io.StringIO()
    given = {"FILESYSTEM_PREFIX": f"{folder}/", "LOGFILE": "-"} | environ
    code = check.check(given, overrides or {}, out, err)
    return code, out.getvalue(), err.getvalue().splitlines()


@pytest.fixture
def memcached() -> Iterator[str]:
    """A server that answers `version`, as HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(100) == b"version\r\n"
                connection.sendall(b"VERSION 1.6.18\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_everything_is_shown(folder: Path) -> None:
    code, out, mistakes = run(folder)
    assert (code, mistakes) == (0, [])
    assert out.startswith(f"iipserve {__version__}, Python 3")
    for known in settings().values():
        assert f"  {known.variable} = " in out
    assert "written: " in out
    assert "jpeg" in out
    assert "iiif" in out
    for library in ("numpy 2", "libvips 8.", "OpenJPEG 2.", "flup6 1", "gunicorn 2", "imagecodecs 20"):
        assert library in out


def test_formats_are_shown_with_what_reads_and_writes_them(folder: Path) -> None:
    _, out, _ = run(folder, EXTRA_FORMATS="fits")
    for line in (
        "read: JPEG (libvips ",
        "read: TIFF (imagecodecs ",
        "read: JPEG 2000 (OpenJPEG ",
        "read: PAM",
        "read: FITS",
    ):
        assert f"  {line}" in out
    assert "  not read: BMP (EXTRA_FORMATS=bmp reads it)\n" in out
    assert "  written: avif (libavif " in out
    assert "written: png (isal " in out
    assert "  coverages written: cog (GDAL " in out
    assert "  coverages written: netcdf\n" in out
    assert "raw" not in out, "nobody can ask for it"


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({}, "JPEG_QUALITY = 75 (default)"),
        ({"JPEG_QUALITY": "130"}, "JPEG_QUALITY = 100 (environment)"),
        ({"CODEC_PASSTHROUGH": "0"}, "CODEC_PASSTHROUGH = 0 (environment)"),
        ({"MAX_IMAGE_CACHE_SIZE": "10.5"}, "MAX_IMAGE_CACHE_SIZE = 10.5 (environment)"),
        (
            {"MAX_IMAGE_METADATA_CACHE_SIZE": "7"},
            "MAX_METADATA_CACHE_SIZE = 7 (environment, as MAX_IMAGE_METADATA_CACHE_SIZE)",
        ),
        ({"URI_MAP": "iiif=>IIIF, z =>Zoomify"}, "URI_MAP = iiif=>iiif,z=>zoomify (environment)"),
        ({"COPYRIGHT": ""}, "COPYRIGHT = '' (environment)"),
    ],
)
def test_origin_of_a_setting_is_shown(folder: Path, environ: dict[str, str], line: str) -> None:
    assert f"  {line}\n" in run(folder, **environ)[1]


def test_mistakes_do_not_keep_the_rest_from_being_shown(folder: Path) -> None:
    code, out, mistakes = run(folder, JPEG_QUALITY="x", PNG_QUALITY="6", URI_MAP="a=>gopher", WORKERS="2k")
    assert code == 1
    assert [line.split()[0] for line in mistakes] == ["JPEG_QUALITY", "URI_MAP"]
    for known in settings().values():
        assert f"  {known.variable} = " in out
    assert "  JPEG_QUALITY = 'x' (mistake)\n" in out
    assert "  PNG_QUALITY = 6 (environment)\n" in out
    assert "  WORKERS is '2k'; it should be a whole number from 0 to 1024, and 2 is used\n" in out
    for section in ("Precedence", "Libraries", "Formats", "Protocols", "memcached", "Limits", "Warnings"):
        assert f"\n{section}\n  " in out


def test_option_replaces_a_mistake(folder: Path) -> None:
    assert run(folder, {"workers": 3}, WORKERS="many")[0::2] == (0, [])


WINNERS = [
    (
        {},
        None,
        "IIIF ids: X-IIIF-ID, X-Forwarded-Proto, -Host, -Port and -Prefix, Forwarded, the request and its Host",
    ),
    ({"TRUST_FORWARDED": "0"}, None, "IIIF ids: the request and its Host"),
    ({"BASE_URL": "https://a.example/"}, None, "IIIF ids: X-IIIF-ID, BASE_URL"),
    ({"EMBED_ICC": "0", "MAX_ICC": "9"}, None, "EMBED_ICC=0 wins over MAX_ICC: no ICC profile is embedded"),
    ({"WORKERS": "5"}, {"workers": 3}, "--workers wins over WORKERS=5"),
    (
        {"MAX_METADATA_CACHE_SIZE": "5", "MAX_IMAGE_METADATA_CACHE_SIZE": "6"},
        None,
        "MAX_METADATA_CACHE_SIZE wins over MAX_IMAGE_METADATA_CACHE_SIZE=6",
    ),
    ({"PDF_DPI": "100"}, None, "PDF_DPI has no effect: EXTRA_FORMATS does not name pdf"),
    ({"WATERMARK_BLEND": "alpha"}, None, "WATERMARK_BLEND has no effect: WATERMARK is empty"),
    ({"MEMCACHED_TIMEOUT": "9"}, None, "MEMCACHED_TIMEOUT has no effect: MEMCACHED_SERVERS is empty"),
]


@pytest.mark.parametrize(("environ", "overrides", "line"), WINNERS)
def test_what_wins_is_shown(
    folder: Path, environ: dict[str, str], overrides: dict[str, object] | None, line: str
) -> None:
    assert f"  {line}\n" in run(folder, overrides, **environ)[1]


def test_missing_avif_encoder_is_a_warning(folder: Path) -> None:
    for number, name in enumerate(("aom", "rav1e", "svt"), 1):
        code, out, _ = run(folder, AVIF_CODEC=str(number))
        assert (f"has no encoder {name}" in out) is not has_codec(name)
        assert code == 0


def test_option_is_shown_as_origin(folder: Path) -> None:
    assert "  WORKERS = 3 (--workers)\n" in run(folder, {"workers": 3}, WORKERS="5")[1]


def test_memcached_is_asked(folder: Path, memcached: str) -> None:
    code, out, mistakes = run(folder, MEMCACHED_SERVERS=memcached)
    assert (code, mistakes) == (0, [])
    assert f"  {memcached} answers, version 1.6.18\n" in out


MISTAKES = [
    ({"JPEG_QUALITY": "x", "WORKERS": "y"}, ["JPEG_QUALITY is 'x'", "WORKERS is 'y'"]),
    ({"FILESYSTEM_PREFIX": "/no/such/folder/"}, ["FILESYSTEM_PREFIX is '/no/such/folder/'"]),
    ({"FILESYSTEM_PREFIX": "/srv/no such folder"}, ["FILESYSTEM_PREFIX is '/srv/no such folder'"]),
    (
        {"URI_MAP": "a=>iiif,b=>gopher,c=>wais"},
        ["URI_MAP contains the unknown protocol 'gopher'", "URI_MAP contains the unknown protocol 'wais'"],
    ),
    ({"EXTRA_FORMATS": "bmp,doc"}, ["EXTRA_FORMATS contains the unknown format 'doc'"]),
    ({"LOGFILE": "/no/such/folder/log"}, ["LOGFILE is '/no/such/folder/log'"]),
    ({"IIIF_EXTRA_INFO": '"a": '}, ["IIIF_EXTRA_INFO is '\"a\": '; JSON members are needed"]),
    ({"METRICS": "9464"}, ["METRICS is '9464'; it must be HOST:PORT"]),
    ({"SOCKET_GROUP": "no such"}, ["SOCKET_GROUP is 'no such'; there is no group 'no such'"]),
    (
        {"FILESYSTEM_PREFIX": "/no/such/folder/", "URI_MAP": "b=>gopher"},
        ["URI_MAP contains the unknown protocol 'gopher'", "FILESYSTEM_PREFIX"],
    ),
]


@pytest.mark.parametrize(("environ", "expected"), MISTAKES, ids=lambda value: "-".join(value))
def test_each_mistake_is_one_line(folder: Path, environ: dict[str, str], expected: list[str]) -> None:
    code, out, mistakes = run(folder, **environ)
    assert code == 1
    assert len(mistakes) == len(expected)
    for mistake, start in zip(mistakes, expected, strict=True):
        assert mistake.startswith(start)
    assert "Libraries" in out


def test_folder_that_may_not_be_read_is_a_mistake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != f"{folder}/")
    assert run(folder)[2] == [f"FILESYSTEM_PREFIX is '{folder}/'; this user cannot read that folder"]


@pytest.mark.parametrize("prefix", ["", "{folder}", "{folder}/"])
def test_folder_with_or_without_its_slash(folder: Path, prefix: str) -> None:
    config = Config(filesystem_prefix=prefix.format(folder=folder), logfile="-")
    assert check.unusable_paths(config) == []


def test_formats_that_cannot_be_loaded_are_a_mistake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(package: str, constant: str) -> None:
        raise ValueError("two entries of one name")

    monkeypatch.setattr(check, "discover", failing)
    code, _, mistakes = run(folder)
    assert code == 1
    assert mistakes == [
        f"iipserve.{part} cannot be loaded: two entries of one name"
        for part in ("sources", "codecs", "protocols", "coverage_formats")
    ]
