"""What scripts/fuzz sends to services and connections is judged as it has to be, and the first of it is answered rightly."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

pytest.importorskip("rasterio")
pytest.importorskip("cql2")

from iipserve.app import build
from iipserve.config import Config
from scripts.fuzzing import wire
from scripts.fuzzing.services import ADDRESSES, BODIES, Sent, Services
from scripts.fuzzing.wire import Wire
from tests.properties.images import body_of, make_subjects, settings
from tests.transport.client import request
from tests.transport.stub import StubApplication

ALL = (*(("GET", address, "", "") for address in ADDRESSES), *BODIES)
MAKERS = {"FastCGI": wire.fastcgi, "HTTP": wire.http}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "images"
    folder.mkdir()
    make_subjects(folder)
    return folder


@pytest.mark.parametrize("protocol", MAKERS)
def test_spoiled_bytes(images: Path, protocol: str) -> None:
    chance, config = random.Random(7), settings(images)
    connections = Wire(build(config), config)
    for _ in range(200):
        data = wire.spoiled(MAKERS[protocol](chance), chance)
        assert connections.flaw(data, over_http=protocol == "HTTP", chance=chance) is None, data


@pytest.mark.parametrize(
    ("data", "over_http"), [(request("/raise"), False), (b"GET /raise HTTP/1.1\r\nHost: a\r\n\r\n", True)]
)
def test_failure_of_the_application_is_found(data: bytes, over_http: bool) -> None:
    connections = Wire(StubApplication(Config()), Config())
    assert connections.flaw(data, over_http=over_http, chance=random.Random(1)) == "status 500"


def test_spoiled_requests_of_services(images: Path) -> None:
    services, chance = Services(images), random.Random(7)
    assert services.create().status == 201
    for _ in range(100):
        sent = services.sent(chance)
        assert services.flaw(services.answer(sent)) is None, str(sent)


def test_requests_of_services_that_are_not_spoiled_are_answered(images: Path) -> None:
    services = Services(images)
    services.create()
    for method, address, media_type, body in ALL:
        answer = services.answer(Sent(method, address, media_type, body.encode()))
        assert answer.status < 300 or answer.status == 501, (address, body_of(answer)[:500])
