"""Addresses to listen on, of the command line and of settings."""

from __future__ import annotations

import re
from typing import NamedTuple

from iipserve.config.parsers import Parser, Reading

TCP_ADDRESS = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]/]*)):(?P<port>\d{1,5})")


class TcpAddress(NamedTuple):
    """A host and port to listen on."""

    host: str
    """Name or IP address; empty means every interface."""
    port: int
    """0 lets the system choose."""

    def __str__(self) -> str:
        """The form of the command line."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class UnixAddress(NamedTuple):
    """A Unix socket to listen on."""

    path: str

    def __str__(self) -> str:
        """The form of the command line."""
        return self.path


def parse_address(text: str) -> TcpAddress | UnixAddress:
    """Parse `HOST:PORT`, `:PORT`, `[IPV6]:PORT` or the path of a Unix socket.

    Raises:
        ValueError: it is none of these.
    """
    if match := TCP_ADDRESS.fullmatch(text):
        port = int(match["port"])
        if port > 65535:
            raise ValueError(f"{text!r} has port {port}; the maximum is 65535")
        return TcpAddress(match["v6"] or match["host"] or "", port)
    if text and ("/" in text or ":" not in text):
        return UnixAddress(text)
    raise ValueError(f"{text!r} is not HOST:PORT, :PORT, [IPV6]:PORT or the path of a socket")


class OptionalTcpAddress(Parser[TcpAddress | None]):
    """The address of a port; empty for none."""

    accepts = "HOST:PORT, :PORT or [IPV6]:PORT"

    def _read(self, text: str) -> Reading[TcpAddress | None]:
        try:
            address = parse_address(text.strip())
        except ValueError:
            address = None
        if not isinstance(address, TcpAddress):
            raise ValueError(f"{self.accepts}, such as 127.0.0.1:9464")
        return Reading(address)
