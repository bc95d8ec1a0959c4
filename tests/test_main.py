from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.error
from collections.abc import Mapping
from pathlib import Path

import pytest

from iipserve import __version__
from iipserve.__main__ import main
from iipserve.config import Config
from tests.images import smooth, write_tiff_pyramid
from tests.ports import free_port
from tests.transport.client import SECONDS, connect
from tests.transport.processes import ROOT, Command, fetch_http, until
from tests.transport.stub import TILE, StubApplication


def never(config: Config) -> StubApplication:
    raise AssertionError("nothing may be built")


def run(*arguments: str, environ: Mapping[str, str] | None = None) -> int:
    return main(arguments, environ={"LOGFILE": "-"} | dict(environ or {}), build=never)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--bind"], "--bind"),
        (["--bind", "a:b"], "HOST:PORT"),
        (["--bind", ":70000"], "65535"),
        (["--bind", ":0", "--backlog"], "--backlog"),
        (["--bind", ":0", "--backlog", "many"], "'many'"),
        (["--bind", ":0", "--workers", "0"], "'0'"),
        (["--bind", ":0", "--threads", "-3"], "--threads"),
        (["--http", "::1:80"], "IPV6"),
        (["--frobnicate"], "--frobnicate"),
        (["--work", "3"], "--work"),
        (["9000"], "9000"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], match: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        run(*arguments)
    assert raised.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("usage: iipserve ")
    assert match in err


def test_nothing_to_serve_is_wrong_usage(tmp_path: Path) -> None:
    code, err = Command(tmp_path).end()
    assert code == 2
    assert err.startswith("usage: iipserve ")
    assert "descriptor 0 is not a listening socket" in err


def test_descriptor_0_that_does_not_listen_is_wrong_usage(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        code, _ = Command(tmp_path, stdin=theirs).end()
    assert code == 2


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_questions_are_answered(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        run(option)
    assert raised.value.code == 0
    out = capsys.readouterr().out
    assert __version__ in out if option == "--version" else "--backlog" in out


def test_mistakes_in_settings_are_told_one_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--bind", ":0", environ={"JPEG_QUALITY": "high", "MAX_CVT": "big", "CORS": "*"}) == 1
    assert capsys.readouterr().err.splitlines() == [
        "JPEG_QUALITY is 'high'; it must be a whole number from 1 to 100",
        "MAX_CVT is 'big'; it must be a whole number, -1 or more",
    ]


def test_why_there_is_no_start_is_logged(tmp_path: Path) -> None:
    command = Command(tmp_path, "--bind", ":0", JPEG_QUALITY="high", MAX_CVT="big")
    code, err = command.end()
    assert code == 1
    lines = [line.split(" ", 3)[3] for line in command.log.read_text().splitlines()]
    assert lines == [f"ERROR iipserve does not start: {mistake}" for mistake in err.splitlines()]


def test_address_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    code, err = Command(tmp_path, "--bind", "/no/such/folder/socket").end()
    assert (code, err) == (1, "cannot listen on /no/such/folder/socket: No such file or directory\n")


def test_options_override_settings_and_the_start_is_announced(tmp_path: Path) -> None:
    port = free_port()
    command = Command(
        tmp_path, "--bind", f"127.0.0.1:{port}", "--threads", "3", "--workers", "1", "--backlog", "9",
        WORKERS="7", THREADS="99", JPEG_QUALITY="90.5", KAKADU_READMODE="1", FILESYSTEM_PREFIX="/no/such/folder",
    )  # fmt: skip
    try:
        with until(lambda: connect(("127.0.0.1", port))) as peer:
            assert peer.ask("/tile").body == TILE
    finally:
        command.stop()
    messages = [line.split(" ", 4)[4] for line in command.log.read_text().splitlines()]
    assert messages == [
        "JPEG_QUALITY is '90.5'; it should be a whole number from 1 to 100, and 90 is used",
        "KAKADU_READMODE has no effect, unlike in iipsrv: JPEG 2000 is decoded by OpenJPEG",
        f"iipserve {__version__} serves FastCGI on 127.0.0.1:{port}",
        "FILESYSTEM_PREFIX is '/no/such/folder', which is no folder at present: there are no images until it is one",
        "FILESYSTEM_PREFIX is /no/such/folder",
        "JPEG_QUALITY is 90",
        f"LOGFILE is {tmp_path}/log",
        "WORKERS is 1",
        "THREADS is 3",
        "iipserve ends",
    ]


def test_start_imports_no_image_library() -> None:
    """They would be loaded before the fork, which they do not survive, and twice as long would the start take."""
    script = (
        "import sys, iipserve.__main__, iipserve.transport.supervisor, iipserve.transport.single;"
        "print([name for name in ('numpy', 'pyvips', 'imagecodecs', 'glymur', 'tifffile') if name in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "[]\n"


@pytest.mark.parametrize("prefix", [None, "", "own"])
def test_http_without_a_prefix_serves_the_current_folder_and_says_so(
    tmp_path: Path, prefix: str | None
) -> None:
    port, folder = free_port(), tmp_path / "scans"
    write_tiff_pyramid(folder_with(folder) / "a.tif", smooth((300, 200)), compression="jpeg")
    settings = {"LOGFILE": f"{tmp_path}/log", "WORKERS": "1"}
    if prefix is not None:
        settings["FILESYSTEM_PREFIX"] = f"{folder}/" if prefix else ""
    environ = {name: text for name, text in os.environ.items() if name != "FILESYSTEM_PREFIX"} | settings
    command = [sys.executable, str(ROOT / "iipserve.fcgi"), "--http", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        assert until(lambda: fetch_http(port, "/iip?FIF=a.tif&OBJ=Max-size")) == b"Max-size:300 200\r\n"
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            fetch_http(port, f"/iip?FIF={tmp_path}/log&OBJ=Max-size")
        refused.value.close()
    finally:
        process.terminate()
        _, err = process.communicate(timeout=SECONDS)
    said = f"FILESYSTEM_PREFIX is empty: over HTTP the images below the current folder are served, {folder}/"
    assert err == ("" if prefix else f"{said}; the log is {tmp_path}/log\n")
    assert (said in (tmp_path / "log").read_text()) is not bool(prefix)


def folder_with(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("option", [["--http", ":8080"], []], ids=repr)
def test_check_shows_the_current_folder(
    option: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # with a mistake in SERVICES there is no list of all layers, which would be of the whole disk
    assert run(*option, "--check", environ={"SERVICES": "/no/such/file"}) == 1
    shown = f"{tmp_path}/ (the current folder, for --http)" if option else "'' (default)"
    assert f"  FILESYSTEM_PREFIX = {shown}\n" in capsys.readouterr().out


def test_missing_package_is_a_sentence(tmp_path: Path) -> None:
    """Of an environment in which this package's own files are, and nothing else."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    command = [venv / "bin" / "python", "-m", "iipserve"]
    environ = {"PYTHONPATH": str(ROOT), "LOGFILE": "-", "FILESYSTEM_PREFIX": f"{tmp_path}/"}
    for arguments in (["--check"], ["--http", f"127.0.0.1:{free_port()}"], ["doctor", "a.tif"]):
        done = subprocess.run(
            [*command, *arguments], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert re.fullmatch(
            r"the Python package \w+ is missing; delete .venv and run \S+/scripts/setup\n", done.stderr
        )
