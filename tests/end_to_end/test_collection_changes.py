"""Changes of a collection under load: the next answer of every worker shows them, and none is of another state.

There are some changes; `STORE_SECONDS=60` lets them go on for so long, with a store of each kind.
"""

from __future__ import annotations

import io
import os
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.databases import store_address
from tests.end_to_end.running import map_server
from tests.published import NAME, STORE, Published
from tests.test_app_collections import BOX

MAP = (
    f"/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS={NAME}&STYLES=&CRS=EPSG:32633&BBOX={BOX}"
    "&WIDTH=256&HEIGHT=128&FORMAT=image/png&TRANSPARENT=TRUE"
)
CHANGES = {"sqlite": 40, "postgis": 10, "postgresql": 0}
"""Of each kind of store, at least; with none it is left out unless changes are to go on for some time."""
SECONDS = float(os.environ.get("STORE_SECONDS", "0"))
CLIENTS = 6
AT = (32, 96, 224)
"""Columns at which the oldest, the middle and the newest image are uppermost."""
WITH, WITHOUT = (40, 120, 200), (40, 120, 0)
"""Gray there with and without the newest image."""


def shown(origin: str) -> tuple[int, ...]:
    """Gray at `AT`; 0 where it is clear."""
    with urllib.request.urlopen(origin + MAP, timeout=120) as answer:
        pixels = np.asarray(Image.open(io.BytesIO(answer.read())).convert("RGBA")).astype(int)
    return tuple(int(pixels[64, column, 0]) if pixels[64, column, 3] else 0 for column in AT)


@pytest.mark.parametrize("kind", [kind for kind, count in CHANGES.items() if count or SECONDS])
def test_each_change_shows_in_the_next_answer_of_every_worker(kind: str, tmp_path: Path) -> None:
    with store_address(kind) as store:
        change_under_load(Published(tmp_path, store=store or STORE), tmp_path, CHANGES[kind])


def change_under_load(published: Published, work: Path, changes: int) -> None:
    """Delete and add the newest image again and again, and ask for a map after each change, while others ask all the time."""
    ended, others = threading.Event(), set[tuple[int, ...]]()

    def ask_on(origin: str) -> int:
        """Ask until the end."""
        count = 0
        while not ended.is_set():
            others.add(shown(origin))
            count += 1
        return count

    with (
        map_server(published.images, work, SERVICES=published.config.services, WORKERS="2") as origin,
        ThreadPoolExecutor(2 * CLIENTS) as pool,
    ):
        load = [pool.submit(ask_on, origin) for _ in range(2)]
        try:
            done, end = 0, time.monotonic() + SECONDS
            while done < changes or time.monotonic() < end:
                published.store.delete_item(NAME, "2016.tif")
                assert set(pool.map(shown, [origin] * CLIENTS)) == {WITHOUT}
                published.add([2016])
                assert set(pool.map(shown, [origin] * CLIENTS)) == {WITH}
                done += 2
        finally:
            ended.set()
        asked = [each.result() for each in load]
    print(f"{done} changes, {done * CLIENTS + sum(asked)} maps")
    assert all(asked)
    assert others == {WITH, WITHOUT}
    published.store.close()
