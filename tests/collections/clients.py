"""Clients of one store, for a process of its own: `python -m tests.collections.clients URL FIRST COUNT STEPS SECONDS`.

Each client adds, changes and deletes items that are its own and searches for them, and all of them count in one item that
they share. What it finds must be what it did. The items that it has left are printed as JSON.
"""

from __future__ import annotations

import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from iipserve.collections.filters import parse_filter
from iipserve.collections.store import Store, open_store
from iipserve.collections.values import CREATED, REFUSED, REPLACED, Item, ItemSearch, SortKey
from iipserve.errors import PreconditionFailed
from iipserve.geo.grid import Bounds
from tests.collections.images import item

NAME = "aerial"
SHARED = "shared"
"""Id of the item in which all count."""
MAX_OWN = 40


def shared_item(number: int = 0) -> Item:
    """The item in which clients count."""
    return item(SHARED, properties={"count": number})


@dataclass
class Client:
    """One client, and what it knows of its items."""

    store: Store
    number: int
    sizes: dict[str, int] = field(default_factory=dict)
    """Of its items, by id."""
    counted: int = 0
    """How often it was the one that counted in the shared item."""

    def __post_init__(self) -> None:
        """Be another one than other clients."""
        self._chance = random.Random(self.number)
        self._serial = count()
        self._version = 0

    def step(self) -> None:
        """Do one thing, and check what came of it."""
        actions = [
            self.add,
            self.add,
            self.change,
            self.replace,
            self.delete,
            self.count,
            self.find_own,
            self.find_near,
        ]
        self._chance.choice(actions)()
        version = self.store.version(NAME)
        assert version >= self._version, "a version went back"
        self._version = version

    def _own(self, id: str, size: int) -> Item:
        west = self.number * 5.0 - 100
        return item(
            id, (west, 10.0, west + 1, 11.0), size=size, properties={"owner": f"client-{self.number}"}
        )

    def _some(self) -> str | None:
        return self._chance.choice(sorted(self.sizes)) if self.sizes else None

    def add(self) -> None:
        """New items, and one that is there."""
        if len(self.sizes) > MAX_OWN:
            return
        ids = [f"{self.number}-{next(self._serial)}" for _ in range(self._chance.randrange(1, 4))]
        known = self._some()
        batch = [self._own(id, 1) for id in ids] + ([self._own(known, 99)] if known else [])
        results = self.store.add_items(NAME, batch)
        assert [result.status for result in results] == [CREATED] * len(ids) + [REFUSED] * bool(known)
        self.sizes |= dict.fromkeys(ids, 1)

    def change(self) -> None:
        """Replace an item by adding it again."""
        id = self._some()
        if id is not None:
            self.sizes[id] += 1
            [result] = self.store.add_items(NAME, [self._own(id, self.sizes[id])], upsert=True)
            assert result.status == REPLACED

    def replace(self) -> None:
        """Replace an item in the revision that it has, and not in an older one."""
        id = self._some()
        if id is None:
            return
        before = self.store.item(NAME, id)
        assert before.size == self.sizes[id], "a change was lost"
        self.sizes[id] += 1
        changed = replace(before, size=self.sizes[id])
        self.store.replace_item(changed, expected=before.revision)
        try:
            self.store.replace_item(replace(changed, size=0), expected=before.revision)
        except PreconditionFailed:
            return
        raise AssertionError("an item was replaced in a revision that it no longer has")

    def delete(self) -> None:
        """One of its items."""
        id = self._some()
        if id is not None:
            self.store.delete_item(NAME, id)
            del self.sizes[id]

    def count(self) -> None:
        """Count in the shared item, if nobody else does meanwhile."""
        before = self.store.item(NAME, SHARED)
        try:
            self.store.replace_item(shared_item(before.properties["count"] + 1), expected=before.revision)
        except PreconditionFailed:
            return
        self.counted += 1

    def find_own(self) -> None:
        """All of its items, page by page."""
        mine = parse_filter(f"owner = 'client-{self.number}'")
        assert dict(self._pages(filter=mine, sort=(SortKey("id"),))) == self.sizes

    def find_near(self) -> None:
        """All of its items by their place."""
        west = self.number * 5.0 - 100
        boxes = (Bounds(west + 0.2, 10.2, west + 0.4, 10.4),)
        assert dict(self._pages(boxes=boxes)) == self.sizes

    def _pages(self, **search: Any) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        token: str | None = ""
        while token is not None:
            page = self.store.search(ItemSearch(collections=(NAME,), limit=7, token=token, **search))
            found += [(each.id, each.size) for each in page.items]
            token = page.next_token
        assert len(found) == len({id for id, _ in found}), "an item was found twice"
        return found


def main(url: str, first: int, number: int, steps: int, seconds: float) -> None:
    """Run some clients, each so many steps and so long at least."""
    store = open_store(url)
    clients = [Client(store, first + each) for each in range(number)]
    end = time.monotonic() + seconds

    def run(client: Client) -> None:
        done = 0
        while done < steps or time.monotonic() < end:
            client.step()
            done += 1

    with ThreadPoolExecutor(number) as pool:
        list(pool.map(run, clients))
    left = {id: size for client in clients for id, size in client.sizes.items()}
    print(json.dumps({"sizes": left, "counted": sum(client.counted for client in clients)}))
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5]))
