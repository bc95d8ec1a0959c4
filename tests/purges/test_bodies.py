"""Which keys of memcached are bodies of an image, and their removal from the real one."""

from __future__ import annotations

import pytest

from iipserve.cache.memcached_keys import BATCH, remove
from iipserve.config import MemcachedAddress
from iipserve.middleware.shared_purges import is_body_of
from tests.cache.servers import FakeServer, fake_server, hang_up, started


@pytest.mark.parametrize(
    "key",
    [
        "iipserve:/iiif/sub%252Fa.tif/0,0,256,256/256,/0/default.jpg",
        "iipserve:/iiif/sub%25252Fa.tif/0,0,256,256/256,/0/default.jpg",
        "iipserve:/iip?FIF=sub/a.tif&JTL=2,0",
        "iipserve:/iip?FIF=/sub//./a.tif&JTL=2,0",
        "iipserve:/iip?FIF=%2573ub/a.tif&JTL=2,0",
        "iipserve-maps:/deepzoom/sub/a.tif_files/1/0_0.jpg",
        "iipserve:/iip?FIF=x/../sub/a.tif&JTL=2,0",
        "iipserve:/iiif/sub%25252fa.tif/0,0,256,256/256,/0/default.jpg",
    ],
)
def test_keys_of_an_image(key: str) -> None:
    assert is_body_of(key, ["sub/a.tif"])
    assert is_body_of(key, ["other.tif", "sub/"])
    assert is_body_of(key, ["/"])


@pytest.mark.parametrize(
    "key",
    [
        "iipserve:/iiif/sub%252Fb.tif/0,0,256,256/256,/0/default.jpg",
        "iipserve:/iip?FIF=a.tif&JTL=2,0",
        "iipserve:0123456789ab:0123456789abcdef0123456789abcdef",
        "iipserve-purges:0123456789ab",
        "others:/sub/a.tif",
        "sub/a.tif",
    ],
)
def test_other_keys(key: str) -> None:
    assert not is_body_of(key, ["sub/a.tif"])


def test_spaces_are_written_in_two_ways() -> None:
    for key in ("iipserve:/iip?FIF=a+b.tif&JTL=0,0", "iipserve:/iiif/a%2520b.tif/x.jpg"):
        assert is_body_of(key, ["a b.tif"])


def test_keys_are_removed_from_memcached() -> None:
    with started() as memcached:
        address = MemcachedAddress("127.0.0.1", memcached.port)
        assert remove(address, lambda key: True) == 0
        keys = [f"iipserve:/iip?FIF={number}%25.tif" for number in range(2 * BATCH + 1)]
        for key in keys:
            assert memcached.command(f"set {key} 0 0 1\r\nx") == b"STORED\r\n"
        assert remove(address, lambda key: key in keys[:-1]) == len(keys) - 1
        assert memcached.statistic("curr_items") == 1
        assert memcached.command(f"get {keys[-1]}").startswith(b"VALUE")


def test_server_that_lists_no_keys() -> None:
    with fake_server(hang_up) as server, pytest.raises(OSError, match="closed"):
        remove(_address(server), lambda key: True, 60.0)


def _address(server: FakeServer) -> MemcachedAddress:
    return MemcachedAddress("127.0.0.1", server.port)
