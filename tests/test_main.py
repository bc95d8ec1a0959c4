from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from iipserve import __version__
from iipserve.__main__ import main
from iipserve.config import Config
from tests.ports import free_port
from tests.transport.client import connect
from tests.transport.processes import ROOT, Command, until
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
