"""Changes of a collection under load: the next answer of every worker shows them, and none is of another state."""

from __future__ import annotations

import io
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from tests.end_to_end.running import map_server
from tests.published import NAME, Published
from tests.test_app_collections import BOX

MAP = (
    f"/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS={NAME}&STYLES=&CRS=EPSG:32633&BBOX={BOX}"
    "&WIDTH=256&HEIGHT=128&FORMAT=image/png&TRANSPARENT=TRUE"
)
CHANGES = 40
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


def test_each_change_shows_in_the_next_answer_of_every_worker(tmp_path: Path) -> None:
    published = Published(tmp_path)
    ended, others = threading.Event(), set[tuple[int, ...]]()

    def ask_on(origin: str) -> int:
        """Ask until the end."""
        count = 0
        while not ended.is_set():
            others.add(shown(origin))
            count += 1
        return count

    with (
        map_server(published.images, tmp_path, SERVICES=published.config.services, WORKERS="2") as origin,
        ThreadPoolExecutor(2 * CLIENTS) as pool,
    ):
        load = [pool.submit(ask_on, origin) for _ in range(2)]
        try:
            for _ in range(CHANGES // 2):
                published.store.delete_item(NAME, "2016.tif")
                assert set(pool.map(shown, [origin] * CLIENTS)) == {WITHOUT}
                published.add([2016])
                assert set(pool.map(shown, [origin] * CLIENTS)) == {WITH}
        finally:
            ended.set()
        assert all(each.result() > 0 for each in load)
    assert others == {WITH, WITHOUT}
    published.store.close()
