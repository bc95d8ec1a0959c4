"""Which of several servers nginx asks for a key: `hash KEY consistent` of an upstream.

Each server has 160 points on a circle of 32-bit numbers, and has the keys up to each of them (Ketama, as of the Perl module
Cache::Memcached::Fast). Reference: documentation and source of nginx's ngx_http_upstream_hash_module.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from zlib import crc32

POINTS = 160
"""Of each server."""


class NginxRing:
    """Servers by key, of those that nginx knows by the same names."""

    def __init__(self, names: Sequence[str]) -> None:
        """Place servers on the circle.

        Args:
            names: `HOST:PORT` as nginx's configuration has them, or the path of a Unix socket.
        """
        servers: dict[int, str] = {}
        for name in names:
            for point in _points(name):
                servers.setdefault(point, name)
        self._points = sorted(servers)
        self._names = [servers[point] for point in self._points]

    def get_node(self, key: str) -> str | None:
        """The server of a key, which is in ASCII; None if there are no servers."""
        if not self._points:
            return None
        index = bisect_left(self._points, crc32(key.encode()))
        return self._names[index % len(self._names)]


def _points(name: str) -> list[int]:
    """Where a server is: each point is the checksum of its address and the point before."""
    host, _, port = ("", "", "") if name.startswith("/") else name.rpartition(":")
    base = crc32(f"{host}\0{port}".encode() if host else f"{name}\0".encode())
    points, last = [], 0
    for _ in range(POINTS):
        last = crc32(last.to_bytes(4, "little"), base)
        points.append(last)
    return points
