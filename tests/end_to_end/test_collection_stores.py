"""Services with stores of collections: who has a store, seen from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.databases import postgresql
from tests.end_to_end.collection_servers import Answered, ask
from tests.end_to_end.running import ROOT, daemon
from tests.ports import free_port
from tests.transport.processes import until

pytest.importorskip("sqlalchemy")
SERVICE = '[collections]\nname = "{name}"\nstore = "{store}"\neditable = true\n'


def service_file(folder: Path, name: str, store: str = "shared.sqlite") -> Path:
    """A service file whose store is by default `shared.sqlite` next to it."""
    path = folder / f"{name}.toml"
    path.write_text(SERVICE.format(name=name, store=store))
    return path


def test_a_second_service_with_a_store_does_not_start_and_says_why(tmp_path: Path) -> None:
    first, second = (service_file(tmp_path, name) for name in ("first", "second"))
    ports = [free_port(), free_port()]
    address = f"127.0.0.1:{ports[0]}"
    with daemon(tmp_path, tmp_path, "--http", address, ports=ports[:1], WORKERS="2", SERVICES=str(first)):
        _until_held(tmp_path / "shared.sqlite.lock")
        command = [sys.executable, str(ROOT / "iipserve.fcgi"), "--http", f"127.0.0.1:{ports[1]}"]
        environ = os.environ | {"FILESYSTEM_PREFIX": f"{tmp_path}/", "LOGFILE": "-", "WORKERS": "1"}
        environ["SERVICES"] = str(second)
        ended = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240
        )
    assert ended.returncode == 1
    assert "the store is in use by another service" in ended.stderr
    assert str(first) in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


def _until_held(lock: Path) -> None:
    """Wait for the first worker, which takes the store when it starts: its name is in the lock then."""
    until(lambda: lock.exists() and lock.read_text() != "")


def test_while_the_database_is_away_clients_are_told_when_to_come_back(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with postgresql() as server:
        file = service_file(tmp_path, "archive", server.database(postgis=False))
        port = free_port()
        origin = f"http://127.0.0.1:{port}"
        with daemon(
            tmp_path, tmp_path, "--http", f"127.0.0.1:{port}", ports=[port], WORKERS="2", SERVICES=str(file)
        ):
            assert created(origin).status == HTTPStatus.CREATED
            server.stop()
            for path in ("/stac/collections", "/stac/collections/aerial", "/stac/search?collections=aerial"):
                away = ask(f"{origin}{path}")
                assert away.status == HTTPStatus.SERVICE_UNAVAILABLE
                assert int(away.headers["Retry-After"]) > 0
                assert str(tmp_path) not in json.dumps(away.value)
            assert created(origin).status == HTTPStatus.SERVICE_UNAVAILABLE
            server.start()
            until(lambda: ask(f"{origin}/stac/collections/aerial").status == HTTPStatus.OK)
            # by the other worker too, once that has its own connection again
            until(lambda: created(origin).status == HTTPStatus.CONFLICT)


def created(origin: str) -> Answered:
    """The answer to the creation of a collection."""
    value = {"id": "aerial", "type": "Collection", "description": "Aerial images"}
    return ask(f"{origin}/stac/collections", "POST", value, **{"Content-Type": "application/json"})
