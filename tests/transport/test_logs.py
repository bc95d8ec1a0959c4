from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.transport import logs

pytestmark = pytest.mark.usefixtures("own_log")


def speak() -> None:
    logging.getLogger("tifffile").warning("foreign warning")
    logging.getLogger("tifffile").info("foreign information")
    logging.getLogger(logs.START).info("start")
    for level in ("debug", "info", "warning"):
        getattr(logging.getLogger("iipserve.transport.service"), level)("own %s", level)


@pytest.mark.parametrize(
    ("verbosity", "expected"),
    [
        (0, []),
        (1, ["foreign warning", "start", "own warning"]),
        (2, ["foreign warning", "start", "own info", "own warning"]),
        (3, ["foreign warning", "start", "own info", "own warning"]),
        (4, ["foreign warning", "start", "own debug", "own info", "own warning"]),
        (9, ["foreign warning", "start", "own debug", "own info", "own warning"]),
    ],
)
def test_verbosity(tmp_path: Path, verbosity: int, expected: list[str]) -> None:
    path = tmp_path / "log"
    logs.set_up(Config(verbosity=verbosity, logfile=str(path)))
    speak()
    lines = path.read_text().splitlines() if path.exists() else []
    assert [line.split(" ", 4)[4] for line in lines] == expected
    assert path.exists() == bool(verbosity)


def test_file_is_added_to_and_followed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("earlier\n")
    logs.set_up(Config(logfile=str(path)))
    logging.getLogger(logs.START).info("one")
    path.rename(tmp_path / "log.1")
    logging.getLogger(logs.START).info("two")
    assert (tmp_path / "log.1").read_text().startswith("earlier\n")
    assert "one" in (tmp_path / "log.1").read_text()
    assert "two" in path.read_text()


@pytest.mark.parametrize("name", ["-", "", "/dev/stderr"])
def test_standard_error(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    logs.set_up(Config(logfile=name))
    logging.getLogger(logs.START).info("here")
    out, err = capfd.readouterr()
    assert (out, "here" in err) == ("", True)


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(Config(logfile="/dev/stdout"))
    logging.getLogger(logs.START).info("here")
    assert "here" in capsys.readouterr().out


def test_file_that_does_not_open_is_one_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(Config(logfile=str(tmp_path / "missing" / "log")))
    logging.getLogger(logs.START).info("here")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("LOGFILE '")
    assert lines[1].endswith("here")


def test_syslog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(60)
        monkeypatch.setattr(logs, "SYSLOG_SOCKET", str(path))
        logs.set_up(Config(logfile="syslog"))
        logging.getLogger(logs.START).info("here")
        message = receiver.recv(1000)
    assert message.startswith(b"<14>iipserve[")
    assert b"INFO here" in message
    assert capsys.readouterr().err == ""


def test_without_syslog_standard_error_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logs, "SYSLOG_SOCKET", str(tmp_path / "missing"))
    logs.set_up(Config(logfile="syslog"))
    assert "LOGFILE 'syslog' cannot be used" in capsys.readouterr().err
