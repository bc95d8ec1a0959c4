"""Many clients change one collection over HTTP while workers are killed, and while its database is away.

They do some steps each; `STORE_SECONDS=60` lets them go on for so long, with a store of each kind.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("cql2")

from iipserve.collections.store import open_store
from tests.databases import postgresql, store_address
from tests.end_to_end.collection_editing import Client, feature
from tests.end_to_end.collection_servers import Answered, ask
from tests.end_to_end.processes import workers_of
from tests.end_to_end.running import daemon
from tests.ports import free_port
from tests.transport.processes import until

CLIENTS = 20
STEPS = 8
SECONDS = float(os.environ.get("STORE_SECONDS", "0"))
WORKERS = 3
KILLED_AFTER = (30, 80)
"""Steps of all clients after which a worker is killed."""


@contextmanager
def service(work: Path, store: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server of several workers with an editable store: the address of its STAC API, and its process."""
    file = work / "services.toml"
    file.write_text(f'[collections]\nstore = "{store}"\neditable = true\n')
    port = free_port()
    address = f"127.0.0.1:{port}"
    settings = {"SERVICES": str(file), "WORKERS": str(WORKERS)}
    with daemon(work, work, "--http", address, ports=[port], **settings) as process:
        root = f"http://{address}/stac"
        created = ask(
            f"{root}/collections",
            "POST",
            {"id": "c", "description": "d"},
            **{"Content-Type": "application/json"},
        )
        assert created.status == 201, created
        yield root, process


def asked(address: str, method: str, value: Any) -> Answered | None:
    """An answer; none if the worker was killed, or too many wait to write."""
    headers = {} if value is None else {"Content-Type": "application/json"}
    try:
        answered = ask(address, method, value, **headers)
    except (OSError, http.client.HTTPException):
        return None
    return None if answered.status == 503 else answered


def have_gone_on(clients: Sequence[Client], before: Sequence[int]) -> bool:
    """Whether each client has done a step since, so that no request meets two killed workers, which would be refused."""
    return all(
        client.done > done or (client.done >= STEPS and not SECONDS)
        for client, done in zip(clients, before, strict=True)
    )


def run(client: Client) -> None:
    """All steps of a client."""
    end = time.monotonic() + SECONDS
    while client.done < STEPS or time.monotonic() < end:
        client.step()


def all_items(root: str) -> dict[str, int]:
    """Items of the collection, page by page; each is on one page only."""
    found: list[tuple[str, int]] = []
    address: str | None = f"{root}/collections/c/items?limit=17&sortby=id"
    while address:
        page = ask(address).value
        found += [(each["id"], each["properties"]["step"]) for each in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert len(found) == len(dict(found))
    return dict(found)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "postgis"] if SECONDS else ["sqlite"])
def test_nothing_is_lost_or_doubled_while_workers_are_killed(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "collections.sqlite"
    with store_address(kind) as address:
        change_while_workers_are_killed(tmp_path, address or str(path))
    if kind == "sqlite":
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


def change_while_workers_are_killed(work: Path, address: str) -> None:
    """Some steps of all clients of a store; what it has then is what they have left."""
    with service(work, address) as (root, process):
        until(lambda: len(workers_of(process)) == WORKERS)
        clients = [Client(f"{root}/collections/c/items", number, asked) for number in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            running = [pool.submit(run, client) for client in clients]
            for steps in KILLED_AFTER:
                until(lambda steps=steps: sum(client.done for client in clients) >= steps)  # type: ignore[misc]
                os.kill(workers_of(process)[0], signal.SIGKILL)
                before = [client.done for client in clients]
                until(lambda before=before: have_gone_on(clients, before))  # type: ignore[misc]
            for each in running:
                each.result()
        until(lambda: len(workers_of(process)) == WORKERS)
        expected = {id: step for client in clients for id, step in client.steps.items()}
        assert all_items(root) == expected
    print(f"{sum(client.done for client in clients)} steps")
    store = open_store(address)
    assert store.collection("c").summary.count == len(expected)
    store.close()


def refused(address: str, value: Any = None) -> bool:
    """Whether a request is refused for the time being, with the time after which to ask again."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=120)
    content = None if value is None else json.dumps(value)
    method = "GET" if value is None else "POST"
    connection.request(method, parts.path, content, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    if answer.status < 300:
        return False
    assert answer.status == 503, said
    assert int(answer.headers["Retry-After"]) > 0
    assert "store" in said["description"]
    return True


def assert_refused(root: str) -> None:
    """See that nothing is read or changed while the database is away, and that clients hear when to ask again."""
    for path in ("collections", "collections/c/items", "search", "collections/c"):
        assert refused(f"{root}/{path}")
    assert refused(f"{root}/collections/c/items", feature("unknown", 1, 0))


def test_a_database_that_is_away_is_503_until_it_is_back(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with postgresql() as server, service(tmp_path, server.database(postgis=False)) as (root, _):
        client = Client(f"{root}/collections/c/items", 1, asked)
        for _ in range(STEPS):
            client.step()
        server.stop()
        assert_refused(root)
        server.start()
        until(lambda: not refused(f"{root}/search"))
        assert all_items(root) == client.steps
        until(lambda: ask(f"{root}/collections").status == 200)
        for _ in range(STEPS):
            client.step()
        assert all_items(root) == client.steps


@pytest.mark.parametrize("kind", ["postgresql", "postgis"] if SECONDS else ["postgresql"])
def test_nothing_is_lost_or_doubled_while_the_database_is_killed(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with postgresql() as server:
        if kind == "postgis" and not server.has_postgis:
            pytest.skip("PostGIS is not installed")
        with service(tmp_path, server.database(postgis=kind == "postgis")) as (root, _):
            clients = [Client(f"{root}/collections/c/items", number, asked) for number in range(CLIENTS)]
            with ThreadPoolExecutor(CLIENTS) as pool:
                running = [pool.submit(run, client) for client in clients]
                for steps in KILLED_AFTER:
                    until(lambda steps=steps: sum(client.done for client in clients) >= steps)  # type: ignore[misc]
                    server.kill()
                    try:
                        assert_refused(root)
                    finally:
                        server.start()
                    until(lambda: not refused(f"{root}/search"))
                for each in running:
                    each.result()
            assert all_items(root) == {id: step for client in clients for id, step in client.steps.items()}
            summary = ask(f"{root}/collections/c").value["iipserve:count"]
            assert summary == len(all_items(root))
