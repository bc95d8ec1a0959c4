"""Clients of what changes: a file that is replaced while it is read, and a collection of images."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from scripts.torturing.asking import HttpWay
from scripts.torturing.clients import Client, Lost, Task
from scripts.torturing.pictures import part_of
from scripts.torturing.questions import Check, Question, anything, shows
from scripts.torturing.records import Kills, Record
from tests.end_to_end.collection_editing import Client as Editor
from tests.end_to_end.collection_servers import Answered
from tests.end_to_end.file_versions import History
from tests.images import Picture, gradient, write_tiff_pyramid

NAME = "replaced.tif"
SIZE = (600, 500)
PAUSES = (0.05, 0.5)
"""Seconds between two versions of a file, at least and at most."""
READERS, EDITORS = 2, 3
COLLECTION = {"id": "c", "description": "changed all the time"}
JSON = "application/json"
EDITED = frozenset({201, 204, 404, 409})
"""Statuses of changes, and of what does not exist or exists already; the editor knows which are right."""


class Stopped(Exception):
    """The run is over."""


def versions() -> list[Picture]:
    """Two pictures that differ in every pixel."""
    return [gradient(SIZE, level=level) for level in (0, 3)]


def change(task: Task, results: Any, folder: Path) -> None:
    """Run in a process: a file is replaced and read, a collection is changed and searched."""
    contents = []
    for number, pixels in enumerate(versions()):
        path = folder.parent / f"version{number}.tif"
        write_tiff_pyramid(path, pixels, compression="deflate")
        contents.append(path.read_bytes())
    history = History()
    _replace(folder, history, contents, 0)
    task.started.wait()
    record = Record()
    clients = [partial(_read, task, history, number) for number in range(READERS)]
    clients += [partial(_edit, task, number) for number in range(EDITORS)]
    writer = threading.Thread(target=_keep_replacing, args=(task, folder, history, contents))
    writer.start()
    with ThreadPoolExecutor(len(clients)) as pool:
        for done in [pool.submit(client) for client in clients]:
            record.add(done.result())
    writer.join()
    results.put(record)


def _replace(folder: Path, history: History, contents: Sequence[bytes], number: int) -> None:
    new = folder / f"{NAME}.new"
    new.write_bytes(contents[number])
    history.change(number, lambda: os.replace(new, folder / NAME))


def _keep_replacing(task: Task, folder: Path, history: History, contents: Sequence[bytes]) -> None:
    chance, number = random.Random(f"{task.seed} versions"), 0
    while not task.stopped.wait(chance.uniform(*PAUSES)):
        number = 1 - number
        _replace(folder, history, contents, number)


def _read(task: Task, history: History, number: int) -> Record:
    """Ask for parts of the file; each shows one version, which was in place during the request."""
    chance, pictures = random.Random(f"{task.seed} reader {number}"), versions()
    client = Client(task.ports.ways()[number], Kills(task.kills))
    while not task.stopped.is_set():
        x, y, pixels = part_of(pictures[0], chance, 300)
        height, width = pixels.shape[:2]
        parts = [each[y : y + height, x : x + width] for each in pictures]
        address = f"/iiif/3/{NAME}/{x},{y},{width},{height}/max/0/default.png"
        client.ask(Question("replaced file", address, _one_version(parts, history, time.monotonic())))
    return client.finish()


def _one_version(parts: Sequence[Picture], history: History, start: float) -> Check:
    def check(body: bytes) -> str | None:
        end = time.monotonic()
        differences = [shows(each)(body) for each in parts]
        if None not in differences:
            return f"no version: {differences[0]}"
        version = differences.index(None)
        return None if history.allows(version, start, end) else "a version that was not in place"

    return check


def _edit(task: Task, number: int) -> Record:
    """Change a collection, and compare what searches find with what has been done."""
    client = Client(HttpWay("HTTP", task.ports.http), Kills(task.kills))
    ask = partial(_ask, task, client)
    try:
        while ask("/stac/collections", "POST", COLLECTION) is None:
            pass
        editor = Editor(f"/stac/collections/{COLLECTION['id']}/items", number, ask)
        while True:
            editor.step()
    except Stopped:
        pass
    except AssertionError as error:
        client.record.note_wrong("collection", str(error))
    return client.finish()


def _ask(task: Task, client: Client, address: str, method: str, value: Any) -> Answered | None:
    """An answer; None where the worker was killed. Raises `Stopped`."""
    if task.stopped.is_set():
        raise Stopped
    content = b"" if value is None else json.dumps(value).encode()
    client.way.close()  # a change must not be repeated where a kept connection ends
    try:
        answer = client.send(
            Question("collection", address, anything, EDITED), method, content, JSON if content else ""
        )
    except Lost:
        return None
    if answer is None:
        return None
    return Answered(answer.status, json.loads(answer.body) if answer.body else None)
