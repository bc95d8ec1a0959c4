"""Debian's MapServer as a partner for comparison: one FastCGI process, started live, which reads one map file."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.differential.replies import Reply, output, read_reply
from tests.transport.client import connect, request

PROGRAM = Path("/usr/lib/cgi-bin/mapserv")


def is_later() -> bool:
    """Whether it is a later version than 8.0, of which the lists of deviations are."""
    said = subprocess.run([str(PROGRAM), "-v"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"MapServer version (\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) > (8, 0)


class MapServer:
    """One process of Debian's server."""

    def __init__(self, map_file: Path, work: Path) -> None:
        settings = work / "mapserver.conf"
        settings.write_text(f'CONFIG ENV MS_MAP_PATTERN "." MS_MAPFILE "{map_file}" END END\n')
        self._environ = os.environ | {"MAPSERVER_CONFIG_FILE": str(settings)}
        self._path = str(work / "mapserver.socket")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # FastCGI's way to hand over a socket: the standard input (specification, 2.2)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self._path)
            listening.listen()
            self._process = subprocess.Popen(
                [str(PROGRAM)],
                env=self._environ,
                stdin=listening,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def ask(self, query: str, body: bytes = b"") -> Reply:
        """The answer to a query string, or to XML that is posted. Raises `Died` if there is none."""
        about = {"QUERY_STRING": query, "HTTP_HOST": "a.example"}
        if body:
            about |= {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/xml", "CONTENT_LENGTH": str(len(body))}
        with connect(self._path) as peer:
            peer.send(request(f"/mapserv?{query}", keep=False, body=body, **about))
            found = output(peer)
        reply = read_reply(found)
        assert reply.media_type, f"MapServer's answer to {query} has no head: {found[:200]!r}"
        return reply
