"""The keys that a memcached server holds, and their removal. Reference: doc/protocol.txt of memcached, "LRU Crawler"."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

from iipserve.cache.memcached_server import connect
from iipserve.config import MemcachedAddress

SECONDS = 30.0
"""Maximum for each part of the answer: all keys are listed."""
BUSY_SECONDS = 0.2
"""Until a server that is listing its keys for another client is asked again."""
ATTEMPTS = 50
RECEIVE_BYTES = 1 << 16
BATCH = 500
"""Keys that are removed at once."""


def remove(address: MemcachedAddress, is_meant: Callable[[str], bool], seconds: float = SECONDS) -> int:
    """Remove the entries of a server whose keys are meant; their number.

    Raises:
        OSError: it does not answer, or does not list its keys.
    """
    count, batch = 0, []
    with connect(address, seconds) as deleting:
        deleting.settimeout(seconds)
        for key in _keys(address, seconds):
            if is_meant(key):
                batch.append(key)
                count += 1
            if len(batch) == BATCH:
                _delete(deleting, batch)
                batch = []
        _delete(deleting, batch)
        # answered after all before
        deleting.sendall(b"version\r\n")
        if not deleting.recv(RECEIVE_BYTES):
            raise ConnectionError("the connection was closed")
    return count


def _delete(connection: socket.socket, keys: list[str]) -> None:
    connection.sendall(b"".join(b"delete %b noreply\r\n" % key.encode("latin-1") for key in keys))


def _keys(address: MemcachedAddress, seconds: float) -> Iterator[str]:
    """All keys of a server."""
    for _ in range(ATTEMPTS):
        with connect(address, seconds) as connection:
            connection.settimeout(seconds)
            connection.sendall(b"lru_crawler metadump all\r\n")
            for line in _lines(connection):
                if line == b"END":
                    return
                if line == b"OK":  # before the end of an empty list, as of memcached 1.6.45
                    continue
                if line.startswith(b"BUSY"):
                    break
                if not line.startswith(b"key="):
                    raise OSError(f"it does not list its keys: {line[:100].decode('ascii', 'replace')}")
                yield unquote_to_bytes(line[4:].partition(b" ")[0]).decode("latin-1")
        time.sleep(BUSY_SECONDS)
    raise OSError("it lists its keys for other clients all the time")


def _lines(connection: socket.socket) -> Iterator[bytes]:
    rest = b""
    while received := connection.recv(RECEIVE_BYTES):
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")
    raise ConnectionError("the connection was closed")
