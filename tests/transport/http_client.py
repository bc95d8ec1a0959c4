"""An HTTP client that sends any bytes, and reads answers by the standard library."""

from __future__ import annotations

import http.client
import socket
from typing import Any

from tests.transport.client import SECONDS


def post(address: str, body: bytes, *, method: str = "POST", chunked: bool = False, **headers: str) -> bytes:
    """A request with a body."""
    lines = [f"{method} {address} HTTP/1.1", "Host: example.org"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(
            b"%x;part=1\r\n%b\r\n" % (len(piece), piece)
            for piece in (body[start : start + 10_007] for start in range(0, len(body), 10_007))
        ) + b"0\r\nTrailer: 1\r\n\r\n"  # fmt: skip
    elif body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1") + body


class Client:
    """A connection to the server."""

    def __init__(self, address: Any) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(address)
        self._file = self.sock.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.sock.close()

    def makefile(self, mode: str) -> Any:
        """The same file for each answer, so that nothing read ahead is lost."""
        return _Kept(self._file)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Status, headers by names in lower case, and body of the next answer."""
        response = http.client.HTTPResponse(self, method=method)  # type: ignore[arg-type]
        response.begin()
        body = response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, body

    def ask(self, address: str, *lines: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Send a request with further header lines, and take its answer."""
        self.send("\r\n".join([f"{method} {address} HTTP/1.1", "Host: a", *lines, "\r\n"]).encode("latin-1"))
        return self.answer(method)

    def rest(self) -> bytes:
        """What comes until the end of the connection."""
        return self._file.read()


class _Kept:
    """A file that its reader cannot close."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        pass
