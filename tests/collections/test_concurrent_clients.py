"""Twenty clients in four processes change and search one collection: nothing is lost, doubled or left over.

They do some steps each; `STORE_SECONDS=60` lets them go on for so long.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cql2")

from iipserve.collections.store import Store
from iipserve.collections.values import ItemSearch
from iipserve.geo.grid import Bounds
from tests.collections.clients import NAME, SHARED, shared_item
from tests.collections.images import collection

ROOT = Path(__file__).resolve().parents[2]
PROCESSES, CLIENTS = 4, 5
STEPS = 12
SECONDS = os.environ.get("STORE_SECONDS", "0")
WORLD = (Bounds(-180.0, -90.0, 180.0, 89.0),)


def test_nothing_is_lost_or_doubled_if_many_change_a_collection(store: Store, store_url: str) -> None:
    store.create(collection(NAME))
    store.add_items(NAME, [shared_item()])
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.collections.clients", store_url, str(first), str(CLIENTS), str(STEPS), SECONDS],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for first in range(0, PROCESSES * CLIENTS, CLIENTS)
    ]  # fmt: skip
    outputs = [process.communicate() for process in processes]
    errors = [error for _, error in outputs]
    assert [process.returncode for process in processes] == [0] * PROCESSES, "".join(errors)[-4000:]
    results = [json.loads(output) for output, _ in outputs]
    sizes = {id: size for result in results for id, size in result["sizes"].items()}
    stored = {each.id: each for each in store.items(NAME)}
    assert stored.pop(SHARED).properties == {"count": sum(result["counted"] for result in results)}
    assert {id: each.size for id, each in stored.items()} == sizes
    summary = store.collection(NAME).summary
    assert (summary.count, summary.bytes) == (len(sizes) + 1, sum(sizes.values()))
    found = store.search(ItemSearch(boxes=WORLD, limit=10_000, count=True))
    assert {each.id for each in found.items} == {*sizes, SHARED}
    assert len(found.items) == found.matched == len(sizes) + 1
