"""Processes that are killed while they change a store."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from iipserve.collections.store import Store
from tests.collections.images import collection, picture

BATCH = 20
ADD = """
import sys
from dataclasses import replace
from iipserve.collections.store import open_store
from tests.collections.images import item
store = open_store(sys.argv[1])
for batch in range(100_000):
    store.add_items("aerial", [item(f"{batch}-{number}") for number in range(int(sys.argv[2]))])
    print(batch, flush=True)
"""


def test_a_killed_process_leaves_whole_batches_and_lets_others_write(store: Store, store_url: str) -> None:
    store.create(collection())
    command = [sys.executable, "-c", ADD, store_url, str(BATCH)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(5)]
        process.kill()
        seen += process.stdout.readlines()
    store.add_items("aerial", [picture("after")])
    batches = {each.id.partition("-")[0] for each in store.items("aerial")} - {"after"}
    count = len(list(store.items("aerial")))
    assert count == BATCH * len(batches) + 1
    assert len(batches) in (len(seen), len(seen) + 1)
    assert store.collection("aerial").summary.count == count
    assert store.version("aerial") == 1 + len(batches) + 1


def test_places_of_sqlite_stay_those_of_the_items(tmp_path: Path) -> None:
    """Whatever is done to items, the R*Tree has one row for each of their boxes."""
    from iipserve.collections.store import open_store
    from tests.collections.images import item

    path = tmp_path / "images.sqlite"
    store = open_store(str(path))
    for name in ("aerial", "other"):
        store.create(collection(name))
        store.add_items(
            name, [item(str(number), (number, 0, number + 1, 1), collection=name) for number in range(9)]
        )
        store.add_items(name, [item("seam", (170, -10, -170, 10), collection=name), picture(collection=name)])
    store.replace_item(item("seam", (20, 0, 21, 1)))
    store.replace_item(item("3", (179, 0, -179, 1)))
    store.replace_item(picture("4"))
    store.replace_item(item("plain.jpg"))
    store.delete_items("aerial", ["5", "6"])
    store.delete("other")
    expected = sorted(tuple(box) for each in store.items("aerial") for box in each.bounds)
    store.close()
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT west, south, east, north FROM iipserve_item_box").fetchall()
        assert connection.execute("SELECT rtreecheck('iipserve_item_box')").fetchone() == ("ok",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert sorted(rows) == expected
