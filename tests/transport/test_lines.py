"""Nothing that a client, a file or a library says breaks a line of the log, in any form."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.transport import logs
from iipserve.transport.lines import FIELDS, field
from tests.transport.client import SECONDS, request
from tests.transport.conftest import StartServer
from tests.transport.http_client import Client
from tests.transport.processes import until

HOSTILE = {
    "line": "a\nb",
    "return": "a\r\n2026-01-01 00:00:00,000 [1] ERROR forged",
    "escape": "\x1b[2J\x1b]0;title\x07",
    "null": "a\0b",
    "delete": "a\x7fb",
    "next line": "a\x85b",
    "separators": "a\u2028b\u2029c",
    "direction": "a\u202eb\u2066c",
    "half a pair": "a\udcffb",
    "long": "x" * 100_000,
}
TERMINAL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What moves a cursor, begins a line, or changes the direction of text."""
LOGGER = logging.getLogger("iipserve.transport")


def as_text(line: str) -> str:
    return line.split(" ", 4)[4]


def as_json(line: str) -> str:
    return str(json.loads(line)["message"])


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(("form", "message_of"), [("text", as_text), ("json", as_json)])
def test_a_message_is_one_line(own_log: Path, form: str, message_of: Callable[[str], str], text: str) -> None:
    logs.set_up(Config(logfile=str(own_log), log_format=form))
    LOGGER.warning("begin %s", text)
    data = own_log.read_bytes()
    assert data.endswith(b"\n")
    line = data[:-1].decode("utf-8")
    assert not TERMINAL.search(line)
    assert len(line) < 4200
    assert message_of(line).startswith("begin ")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("form", ["text", "json"])
def test_syslog_gets_one_line(
    own_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, text: str
) -> None:
    path = tmp_path / "socket"
    monkeypatch.setattr(logs, "SYSLOG_SOCKET", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(SECONDS)
        logs.set_up(Config(logfile="syslog", log_format=form))
        try:
            raise ValueError(text)
        except ValueError:
            LOGGER.exception("failed for %s", text)
        line = receiver.recv(1 << 20).rstrip(b"\0").decode("utf-8")
    assert not TERMINAL.search(line)
    assert re.match(r"<11>iipserve\[\d+\]: ", line)
    assert "Traceback" in line


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_lines_of_a_traceback_are_marked(own_log: Path, text: str) -> None:
    """So that an error's message, which may quote a client, cannot look like a line of its own."""
    logs.set_up(Config(logfile=str(own_log)))
    try:
        raise ValueError(text)
    except ValueError:
        LOGGER.exception("failed")
    first, *others = own_log.read_text("utf-8").removesuffix("\n").split("\n")
    assert first.endswith(" ERROR failed")
    assert all(line.startswith("  |") and not TERMINAL.search(line) for line in others)


def test_a_traceback_is_a_field_of_json(own_log: Path) -> None:
    logs.set_up(Config(logfile=str(own_log), log_format="json"))
    try:
        raise ValueError("why")
    except ValueError:
        LOGGER.exception("failed")
    (line,) = own_log.read_text().splitlines()
    found = json.loads(line)
    assert (found["level"], found["message"]) == ("ERROR", "failed")
    assert found["traceback"].endswith("ValueError: why")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a.tif", "a.tif"),
        ("level 0 0,0 256x256 jpeg", '"level 0 0,0 256x256 jpeg"'),
        ('a" b\\c', '"a\\" b\\\\c"'),
        ("a\nb", '"a\\nb"'),
        ("a \\", '"a \\\\"'),
        ("a\\ b", '"a\\ b"'),
        ("", '""'),
        (12.5, "12.5"),
        (False, "false"),
    ],
)
def test_fields_are_words(value: str | float | bool, expected: str) -> None:
    assert field(value) == expected


def test_fields_follow_the_message(own_log: Path) -> None:
    logs.set_up(Config(logfile=str(own_log)))
    LOGGER.warning("first", extra={FIELDS: {"image": "a b", "empty": "", "ms": 1.5, "status": 200}})
    assert own_log.read_text().endswith(' WARNING first image="a b" ms=1.5\n')


ADDRESSES = (
    b"/a\nb", b"/a\r\n2026-01-01 forged", b"/\x1b[2J", b"/\xff\xfe", b"/a\xe2\x80\xa8b", b"/\x85", b"/" + b"x" * 9000,
    b'/a "b" c', b"/a\0",
)  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json"])
def test_addresses_of_clients_are_one_line_each(start_server: StartServer, own_log: Path, form: str) -> None:
    """FastCGI passes on whatever the front end lets through, also in the variables that the log shows."""
    settings = {"verbosity": 4, "logfile": str(own_log), "log_format": form}
    logs.set_up(Config(**settings))
    server = start_server(**settings)
    for address in ADDRESSES:
        text = address.decode("latin-1")
        hostile = dict.fromkeys(
            ("REMOTE_ADDR", "HTTP_X_REQUEST_ID", "HTTP_USER_AGENT", "REQUEST_METHOD"), text
        )
        with server.connect() as peer:
            peer.send(request(text, **hostile))
            assert peer.answer().status == 404
    until(lambda: own_log.read_bytes().count(b"\n") >= 2 * len(ADDRESSES))
    lines = own_log.read_bytes().decode("ascii").removesuffix("\n").split("\n")
    assert len(lines) == 2 * len(ADDRESSES)
    assert not any(TERMINAL.search(line) or len(line) > 4200 for line in lines)
    if form == "json":
        assert {json.loads(line)["level"] for line in lines} == {"INFO", "DEBUG"}
    else:
        assert all(
            re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[\d+\] (INFO|DEBUG) ", line) for line in lines
        )


def test_heads_that_are_refused_are_logged_too(start_server: StartServer, own_log: Path) -> None:
    settings = {"verbosity": 2, "logfile": str(own_log), "log_format": "json"}
    logs.set_up(Config(**settings))
    server = start_server(http=True, **settings)
    with Client(server.address) as client:
        client.send(b"GET /a\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.answer()[0] == 400
    found = json.loads(until(own_log.read_text))
    assert (found["status"], found["error"], found["address"]) == (400, "BAD_REQUEST", "")
