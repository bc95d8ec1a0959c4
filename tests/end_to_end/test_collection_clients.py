"""Many clients change one collection over HTTP while workers are killed, and while its database is away.

They do some steps each; `STORE_SECONDS=60` lets them go on for so long.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("cql2")

from iipserve.collections.store import open_store
from tests.databases import postgresql
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


def feature(id: str, owner: int, step: int) -> dict[str, Any]:
    """An item of a client, as it is after so many changes."""
    west = owner * 5 - 100
    ring = [[west, 0], [west + 1, 0], [west + 1, 1], [west, 1], [west, 0]]
    properties = {"datetime": "2024-07-01T12:00:00Z", "owner": f"o{owner}", "step": step}
    return {
        "type": "Feature", "stac_version": "1.1.0", "id": id, "bbox": [west, 0, west + 1, 1], "assets": {}, "links": [],
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties,
    }  # fmt: skip


class Client:
    """One client, and what it knows of its items."""

    def __init__(self, root: str, number: int) -> None:
        self._items = f"{root}/collections/c/items"
        self._number = number
        self._chance = random.Random(number)
        self._serial = count()
        self.steps: dict[str, int] = {}
        """How often each of its items has been changed."""
        self.done = 0

    def step(self) -> None:
        """Add, change or delete an item, or look for all."""
        known = sorted(self.steps)
        action = self._chance.choice(["add", "add", "change", "delete", "find"])
        if action == "find":
            self._find()
        elif action == "add" or not known:
            id = f"{self._number}-{next(self._serial)}"
            self._change("POST", self._items, id, 0, 201)
        elif action == "change":
            id = self._chance.choice(known)
            self._change("PUT", f"{self._items}/{id}", id, self.steps[id] + 1, 204)
        else:
            id = self._chance.choice(known)
            self._change("DELETE", f"{self._items}/{id}", id, None, 204)
        self.done += 1

    def _change(self, method: str, address: str, id: str, step: int | None, status: int) -> None:
        value = None if step is None else feature(id, self._number, step)
        answered = self._ask(address, method, value)
        before = self.steps.pop(id, None)
        if answered is None:
            after = self._stored(id)
            assert after in (before, step)
        else:
            assert answered.status == status, (method, answered)
            after = step
        if after is not None:
            self.steps[id] = after

    def _stored(self, id: str) -> int | None:
        """What became of an item whose worker was killed before it answered; asked until somebody answers."""
        while (answered := self._ask(f"{self._items}/{id}")) is None:
            pass
        assert answered.status in (200, 404)
        return answered.value["properties"]["step"] if answered.status == 200 else None

    def _find(self) -> None:
        answered = self._ask(f"{self._items}?limit=1000&filter=owner%3D'o{self._number}'")
        if answered is not None:
            assert answered.status == 200, answered
            found = [(each["id"], each["properties"]["step"]) for each in answered.value["features"]]
            assert sorted(found) == sorted(self.steps.items())

    def _ask(self, address: str, method: str = "GET", value: Any = None) -> Answered | None:
        """None: the worker was killed."""
        headers = {} if value is None else {"Content-Type": "application/json"}
        try:
            return ask(address, method, value, **headers)
        except (OSError, http.client.HTTPException):
            return None


def have_gone_on(clients: Sequence[Client], before: Sequence[int]) -> bool:
    """Whether each client has done a step since, so that no request meets two killed workers, which would be refused."""
    return all(
        client.done > done or client.done >= STEPS for client, done in zip(clients, before, strict=True)
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


def test_nothing_is_lost_or_doubled_while_workers_are_killed(tmp_path: Path) -> None:
    path = tmp_path / "collections.sqlite"
    with service(tmp_path, str(path)) as (root, process):
        until(lambda: len(workers_of(process)) == WORKERS)
        clients = [Client(root, number) for number in range(CLIENTS)]
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
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = open_store(str(path))
    assert store.collection("c").summary.count == len(expected)
    store.close()


def refused(address: str) -> bool:
    """Whether a request is refused for the time being, with the time after which to ask again."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.request("GET", parts.path)
    answer = connection.getresponse()
    value = json.loads(answer.read())
    connection.close()
    if answer.status == 200:
        return False
    assert answer.status == 503, value
    assert int(answer.headers["Retry-After"]) > 0
    assert "store" in value["description"]
    return True


def test_a_database_that_is_away_is_503_until_it_is_back(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with postgresql() as server, service(tmp_path, server.database(postgis=False)) as (root, _):
        client = Client(root, 1)
        for _ in range(STEPS):
            client.step()
        server.stop()
        for path in ("collections", "collections/c/items", "search", "collections/c"):
            assert refused(f"{root}/{path}")
        server.start()
        until(lambda: not refused(f"{root}/search"))
        assert all_items(root) == client.steps
        until(lambda: ask(f"{root}/collections").status == 200)
        for _ in range(STEPS):
            client.step()
        assert all_items(root) == client.steps
