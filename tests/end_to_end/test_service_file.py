"""The service file with workers: what a start and a reload take over, and what a mistake in it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.running import ROOT
from tests.geo_rasters import positions, write_geotiff
from tests.ports import free_port
from tests.transport.processes import SECONDS, until

CAPABILITIES = "/wmts/1.0.0/WMTSCapabilities.xml"


class Server:
    """A supervisor with one worker."""

    def __init__(self, work: Path) -> None:
        self.file = work / "s.toml"
        self.log = work / "log"
        self.port = free_port()
        self._images = work

    def save(self, text: str) -> None:
        """Write the file such that it may be half-saved for the next minute, however long it takes to be read."""
        self.file.write_text(text)
        soon = time.time() + 60
        os.utime(self.file, (soon, soon))

    def run(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            str(ROOT / "iipserve.fcgi"),
            "--http",
            f"127.0.0.1:{self.port}",
            "--workers",
            "1",
        ]
        environ = {
            "FILESYSTEM_PREFIX": f"{self._images}/", "LOGFILE": str(self.log), "PATH": "/usr/bin:/bin",
            "SERVICES": str(self.file), "CATALOG_FILE": f"{self._images}/catalog.json",
        }  # fmt: skip
        return subprocess.Popen(command, env=environ, stderr=subprocess.PIPE)

    def title(self) -> str:
        """Of the service, as the running worker knows it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{CAPABILITIES}", timeout=SECONDS) as answer:
            text: str = answer.read().decode()
        return text.partition("<ows:Title>")[2].partition("<")[0]

    def workers(self) -> list[int]:
        """Their process ids; for a moment there are none or two."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in children.split()]

    process: subprocess.Popen[bytes]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    write_geotiff(tmp_path / "utm.tif", positions())
    server = Server(tmp_path)
    server.file.write_text('[service]\ntitle = "First"')
    with server.run() as server.process:
        try:
            until(server.title)
            yield server
        finally:
            server.process.terminate()
            server.process.wait(SECONDS)


def test_a_reload_takes_over_a_file_and_no_mistake(server: Server) -> None:
    assert server.title() == "First"
    server.file.write_text('[service]\ntitle = "Second"')
    server.process.send_signal(signal.SIGHUP)
    until(lambda: server.title() == "Second" and len(server.workers()) == 1)

    server.file.write_text("[service]\ntitle = 3")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "stays in force" in server.log.read_text())
    assert "s.toml, line 2: service.title is 3; it must be a text" in server.log.read_text()
    assert server.title() == "Second"


def test_a_worker_that_is_started_anew_does_not_read_what_was_not_taken_over(server: Server) -> None:
    server.file.write_text("[service]\ntitle = 3")
    [first] = server.workers()
    os.kill(first, signal.SIGKILL)
    until(lambda: server.workers() and first not in server.workers() and server.title() == "First")


def test_a_mistake_stops_the_start(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.file.write_text("[servise]")
    os.utime(server.file, (0, 0))  # which is not being saved
    with server.run() as process:
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert err.decode() == "s.toml, line 1: [servise] is not known; service is\n"


def test_a_start_waits_for_the_rest_of_a_half_saved_file(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.file.write_text("")

    def is_waiting() -> bool:
        server.file.touch()  # still being saved, however long the process takes to begin
        return server.log.exists() and "may be half-saved" in server.log.read_text()

    with server.run() as server.process:
        try:
            until(is_waiting)
            assert "s.toml: it is empty; write a service into it" in server.log.read_text()
            server.file.write_text('[service]\ntitle = "Whole"')
            until(lambda: server.title() == "Whole")
        finally:
            server.process.terminate()
            server.process.wait(SECONDS)


def test_workers_of_a_file_that_was_half_saved_are_replaced_once_it_is_whole(server: Server) -> None:
    server.save('[service]\ntitle = "Half"')
    server.process.send_signal(signal.SIGHUP)
    until(lambda: server.title() == "Half")
    server.file.write_text('[service]\ntitle = "Whole"\nabstract = "."')
    until(lambda: server.title() == "Whole")
    assert "it is read anew" in server.log.read_text()

    server.save("")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "s.toml: it is empty" in server.log.read_text())
    assert server.title() == "Whole"
    server.file.write_text('[service]\ntitle = "Third"')
    until(lambda: server.title() == "Third")
