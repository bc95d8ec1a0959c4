from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from iipserve import __version__, check
from iipserve.codecs import Encoder
from iipserve.config import Config, settings
from iipserve.formats import Format
from iipserve.sources import SourceFormat, Support


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


def test_what_cannot_be_read_or_written_is_shown_with_the_reason() -> None:
    def failing(*arguments: object) -> bytes:
        raise OSError("no library")

    source = SourceFormat(
        "toy", lambda head: False, failing, support=lambda: [Support("TOY", "lib 1", "it is small")]
    )
    assert check.read_lines({"toy": source}, ()) == ["not read: TOY (it is small)"]
    broken = SourceFormat("toy", lambda head: False, failing, support=failing)
    assert check.read_lines({"toy": broken}, ()) == ["not read: TOY (cannot be used: OSError)"]
    encoder = Encoder(Format("toy", "toy", "image/toy", frozenset({3})), failing)
    assert check.written_lines({"toy": encoder}) == ["not written: toy (OSError: no library)"]


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


def test_option_is_shown_as_origin(folder: Path) -> None:
    assert "  WORKERS = 3 (--workers)\n" in run(folder, {"workers": 3}, WORKERS="5")[1]


def test_memcached_is_asked(folder: Path, memcached: str) -> None:
    code, out, mistakes = run(folder, MEMCACHED_SERVERS=memcached)
    assert (code, mistakes) == (0, [])
    assert f"  {memcached} answers, version 1.6.18\n" in out


MISTAKES = [
    ({"JPEG_QUALITY": "x", "WORKERS": "-1"}, ["JPEG_QUALITY is 'x'", "WORKERS is '-1'"]),
    ({"FILESYSTEM_PREFIX": "/no/such/folder/"}, ["FILESYSTEM_PREFIX is '/no/such/folder/'"]),
    ({"FILESYSTEM_PREFIX": "/no/such/begin_"}, ["FILESYSTEM_PREFIX is '/no/such/begin_'"]),
    (
        {"URI_MAP": "a=>iiif,b=>gopher,c=>wais"},
        ["URI_MAP contains the unknown protocol 'gopher'", "URI_MAP contains the unknown protocol 'wais'"],
    ),
    ({"EXTRA_FORMATS": "bmp,doc"}, ["EXTRA_FORMATS contains the unknown format 'doc'"]),
    ({"LOGFILE": "/no/such/folder/log"}, ["LOGFILE is '/no/such/folder/log'"]),
    ({"IIIF_EXTRA_INFO": '"a": '}, ["IIIF_EXTRA_INFO is '\"a\": '; JSON members are needed"]),
    ({"MEMCACHED_SERVERS": "127.0.0.1:1"}, ["MEMCACHED_SERVERS contains 127.0.0.1:1, which does not answer"]),
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
    assert run(folder)[2] == [
        f"FILESYSTEM_PREFIX is '{folder}/'; this user cannot read the folder '{folder}/'"
    ]


@pytest.mark.parametrize("prefix", ["", "{folder}", "{folder}/", "{folder}/scan_"])
def test_prefix_may_end_in_the_beginning_of_names(folder: Path, prefix: str) -> None:
    config = Config(filesystem_prefix=prefix.format(folder=folder), logfile="-")
    assert check.unusable_paths(config) == []


def test_library_that_fails_to_load_is_no_mistake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(name: str) -> None:
        raise OSError("libvips.so.42: cannot open shared object file")

    monkeypatch.setattr(check.importlib, "import_module", failing)
    assert "libvips cannot be used (OSError)" in check.library_versions()


def test_formats_that_cannot_be_loaded_are_a_mistake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(package: str, constant: str) -> None:
        raise ValueError("two entries of one name")

    monkeypatch.setattr(check, "discover", failing)
    code, _, mistakes = run(folder)
    assert code == 1
    assert mistakes == [
        f"iipserve.{part} cannot be loaded: two entries of one name"
        for part in ("sources", "codecs", "protocols")
    ]
