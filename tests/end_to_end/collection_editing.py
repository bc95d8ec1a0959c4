"""Clients that change a collection and know what it has to contain."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any, TypeAlias

from tests.end_to_end.collection_servers import Answered

Ask: TypeAlias = Callable[[str, str, Any], Answered | None]
"""Takes an address, a method and a value to send; returns nothing where the worker was killed, or the store is not available."""
BATCH = 5
"""Items that are added in one request."""
MAX_ITEMS = 200
"""Of one client, which a search finds on one page."""


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

    def __init__(self, items: str, number: int, ask: Ask) -> None:
        """Take the address of the items of a collection, a number below 50 of its own, and how to ask."""
        self._items, self._ask_for = items, ask
        self._number = number
        self._chance = random.Random(number)
        self._serial = count()
        self.steps: dict[str, int] = {}
        """How often each of its items has been changed."""
        self.done = 0

    def step(self) -> None:
        """Add, change or delete an item, or look for all."""
        known = sorted(self.steps)
        action = self._chance.choice(["add", "add several", "change", "delete", "find"])
        if len(known) >= MAX_ITEMS and action.startswith("add"):
            action = "delete"
        if action == "find":
            self._find()
        elif action == "add several":
            self._add([self._new_id() for _ in range(BATCH)])
        elif action == "add" or not known:
            self._change("POST", self._items, self._new_id(), 0, 201)
        elif action == "change":
            id = self._chance.choice(known)
            self._change("PUT", f"{self._items}/{id}", id, self.steps[id] + 1, 204)
        else:
            id = self._chance.choice(known)
            self._change("DELETE", f"{self._items}/{id}", id, None, 204)
        self.done += 1

    def _new_id(self) -> str:
        return f"{self._number}-{next(self._serial)}"

    def _add(self, ids: list[str]) -> None:
        """Several items in one request: all of them or none."""
        features = [feature(id, self._number, 0) for id in ids]
        answered = self._ask(self._items, "POST", {"type": "FeatureCollection", "features": features})
        if answered is None:
            stored = {self._stored(id) for id in ids}
            assert stored in ({0}, {None}), f"a part of a batch was stored: {stored} of {ids}"
            if stored == {None}:
                return
        else:
            assert answered.status == 201, answered
        self.steps |= dict.fromkeys(ids, 0)

    def _change(self, method: str, address: str, id: str, step: int | None, status: int) -> None:
        value = None if step is None else feature(id, self._number, step)
        answered = self._ask(address, method, value)
        before = self.steps.pop(id, None)
        if answered is None:
            after = self._stored(id)
            assert after in (before, step), f"{method} {id}: {after} is stored, neither {before} nor {step}"
        else:
            assert answered.status == status, (method, answered)
            after = step
        if after is not None:
            self.steps[id] = after

    def _stored(self, id: str) -> int | None:
        """What became of an item whose change was not answered; asked until somebody answers."""
        while (answered := self._ask(f"{self._items}/{id}")) is None:
            pass
        assert answered.status in (200, 404), answered
        return answered.value["properties"]["step"] if answered.status == 200 else None

    def _find(self) -> None:
        answered = self._ask(f"{self._items}?limit={MAX_ITEMS + BATCH}&filter=owner%3D'o{self._number}'")
        if answered is not None:
            assert answered.status == 200, answered
            found = Counter((each["id"], each["properties"]["step"]) for each in answered.value["features"])
            known = Counter(self.steps.items())
            assert found == known, f"found besides {found - known}, not found {known - found}"

    def _ask(self, address: str, method: str = "GET", value: Any = None) -> Answered | None:
        """Ask by an address that no other step has: a request that two workers died of is refused."""
        joint = "&" if "?" in address else "?"
        return self._ask_for(f"{address}{joint}step={self._number}-{self.done}", method, value)
