"""Addresses of memcached servers, in the forms of libmemcached, which iipsrv uses."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from iipserve.config.parsers import Parser, Reading

DEFAULT_PORT = 11211
OPTION = re.compile(r"""--(?:SERVER|SOCKET)=(["']?)(?P<entry>.*)\1""", re.IGNORECASE)
"""An entry written as an option of libmemcached."""
WEIGHTED = re.compile(r"(?P<bare>.+?)(?P<weight>/\?\d*|\s+\d+)?")
ADDRESS = re.compile(
    r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]/\s?]+))(?::(?P<port>\d{1,5})(?P<weight>:\d+)?)?"
)


class MemcachedAddress(NamedTuple):
    """Where a memcached server listens."""

    host: str
    """Name or IP address, or the path of a Unix socket."""
    port: int
    """0 for a Unix socket."""

    @property
    def is_path(self) -> bool:
        """Whether it is a Unix socket."""
        return self.host.startswith("/")

    def __str__(self) -> str:
        """The form of the setting."""
        if self.is_path:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class MemcachedServers(Parser[tuple[MemcachedAddress, ...]]):
    """`host:port, [v6]:port, /path` -> addresses. Weights are ignored: all servers get an equal share of the keys."""

    empty_is_default = False
    accepts = "HOST[:PORT], [IPV6]:PORT or the path of a Unix socket, separated by commas"

    def _read(self, text: str) -> Reading[tuple[MemcachedAddress, ...]]:
        found = [self._address(entry.strip()) for entry in text.split(",") if entry.strip()]
        return Reading(tuple(each.value for each in found), all(each.is_exact for each in found))

    def _show(self, value: tuple[MemcachedAddress, ...]) -> str:
        return ",".join(map(str, value))

    def _address(self, entry: str) -> Reading[MemcachedAddress]:
        option = OPTION.fullmatch(entry)
        weighted = WEIGHTED.fullmatch(option["entry"] if option else entry)
        bare, weight = (weighted["bare"], weighted["weight"]) if weighted else ("", None)
        bare = bare.removeprefix("unix:")
        if bare.startswith("/"):
            return Reading(MemcachedAddress(bare, 0), not weight)
        if _is_v6(bare):
            return Reading(MemcachedAddress(bare, DEFAULT_PORT), not weight)
        match = ADDRESS.fullmatch(bare)
        port = int(match["port"] or DEFAULT_PORT) if match else 0
        if match is None or not 0 < port < 65536 or (match["v6"] and not _is_v6(match["v6"])):
            raise ValueError(f"{self.accepts}, such as localhost,cache2:11211")
        return Reading(
            MemcachedAddress(match["v6"] or match["host"], port), not weight and not match["weight"]
        )


def _is_v6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
