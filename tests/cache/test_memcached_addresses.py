"""A real memcached on IPv6 and on a Unix socket."""

from __future__ import annotations

import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from iipserve.cache.memcached import MemcachedCache
from iipserve.check import memcached_version
from iipserve.config import from_environ
from tests.cache.servers import running_memcached
from tests.contracts.cache import plan, rendition
from tests.transport.processes import until


def test_unix_socket() -> None:
    # memcached as another user may not enter the test's own folder
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        with running_memcached("-s", f"{folder}/memcached.sock", "-a", "0666"):
            _keeps(f"unix:{folder}/memcached.sock")


def test_ipv6() -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
            port = free.getsockname()[1]
    except OSError as error:
        pytest.skip(f"this system has no IPv6: {error.strerror}")
    with running_memcached("-l", "::1", "-p", str(port), "-U", "0"):
        _keeps(f"[::1]:{port}/?2")


def _keeps(servers: str) -> None:
    addresses = from_environ({"MEMCACHED_SERVERS": servers}).memcached_servers
    assert until(lambda: memcached_version(addresses[0]))
    cache = MemcachedCache(addresses, 60, patience=60.0)
    cache.set(plan(1), rendition(plan(1)))
    kept = cache.get(plan(1))
    assert kept is not None
    assert kept.body == rendition(plan(1)).body
