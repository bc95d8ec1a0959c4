"""Which bodies are kept for nginx: under what keys, and not those that a purge overtakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from iipserve import app
from iipserve.config import Config
from iipserve.http import Request, Response
from iipserve.middleware import Around, BodyKeeping
from iipserve.middleware.passed_bodies import KEY, PassedBodies
from iipserve.middleware.purging import Purger
from iipserve.purges import Purges
from iipserve.purges.board import PurgeBoard
from tests.images import smooth, write_tiff_pyramid

ADDRESS = "/iip?FIF=a.tif&JTL=0,0"


class Keeper:
    """Keeps bodies by key."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def set(self, key: str, value: bytes, expiry: int, place: str | None = None) -> None:
        """Keep a value."""
        self.bodies[key] = value


@pytest.fixture
def config(tmp_path: Path) -> Config:
    write_tiff_pyramid(tmp_path / "a.tif", smooth((300, 200)))
    return Config(filesystem_prefix=f"{tmp_path}/", memcached_pass=60)


def asked(address: str) -> Request:
    """The request of nginx that has found nothing in memcached."""
    environ = {"REQUEST_METHOD": "GET", "REQUEST_URI": address, KEY: f"iipserve:{address}"}
    return Request.from_environ(environ)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ("", f"iipserve:{ADDRESS}"),
        ("&x=%20", f"iipserve:{ADDRESS}&x=%2520"),
        ("&x=\xe4", None),
        ("&x=\x7f", None),
        ("&x=\r\n", None),
        ("&x=" + 250 * "y", None),
    ],
)
def test_keys_are_those_that_memcached_can_be_asked_for(config: Config, more: str, key: str | None) -> None:
    kept = Keeper()
    response = app.build(config).handle(asked(ADDRESS))
    PassedBodies(config, kept).keep(asked(ADDRESS + more), response)
    assert kept.bodies == ({} if key is None else {key: response.body})


def test_a_body_that_a_purge_overtakes_is_not_kept(config: Config) -> None:
    board, kept = PurgeBoard(), Keeper()
    purges = iter([Purges().purged("a.tif", 1.0)])

    class Overtaken(Around):
        """The first answer is ready when a purge comes."""

        def handle(self, request: Request, *, over_http: bool = False) -> Response:
            response = super().handle(request, over_http=over_http)
            for purge in purges:
                board.add(purge)
            return response

    purger = Purger("secret", board, None, lambda purges: None, removes_bodies=True)
    application = BodyKeeping(Overtaken(app.build(config)), PassedBodies(config, kept), purger)
    assert application.handle(asked(ADDRESS)).status == 200
    assert kept.bodies == {}
    assert application.handle(asked(ADDRESS)).status == 200
    assert kept.bodies.keys() == {f"iipserve:{ADDRESS}"}
