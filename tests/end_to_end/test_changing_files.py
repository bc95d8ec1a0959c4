"""Files and links that change under load: each answer shows one version, which was in place during the request.

`CHANGING_FILES_REQUESTS` is the number of requests of each client, for longer runs.
"""

from __future__ import annotations

import io
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.file_versions import History
from tests.end_to_end.running import daemon
from tests.images import write_tiff_pyramid
from tests.ports import free_port

REQUESTS = int(os.environ.get("CHANGING_FILES_REQUESTS", "60"))
CLIENTS = 4
PAUSE = 0.025
"""Seconds between two changes of a file."""
VALUES = range(20, 240, 10)
"""Gray values of the versions of a file; so far apart that lossy formats keep them distinct."""
OUTSIDE = 255
"""Gray value of images outside of the folder."""
SIZE = (600, 500)
REGIONS = ("full", "0,0,256,256", "100,100,400,300", "256,0,256,256")
FORMATS = ("png", "jpg")


@dataclass(frozen=True)
class Changing:
    """An image, and how its versions are put in place."""

    identifier: str
    put: Callable[[int], None]
    values: tuple[int, ...] = tuple(VALUES)
    refusals: frozenset[int] = frozenset({503})
    """Statuses that answers may have besides 200: of a file that is being written also those of a damaged one."""
    history: History = field(default_factory=History)


DAMAGED = frozenset({503, 415, 422})
ABSENT = frozenset({503, 404})


def flat(value: int) -> np.ndarray:
    """An image of one color."""
    return np.full((SIZE[1], SIZE[0], 3), value, np.uint8)


def write(path: Path, value: int, format: str) -> bytes:
    """Write an image file, and return its content."""
    if format == "TIFF":
        write_tiff_pyramid(path, flat(value), compression=None)
    else:
        Image.fromarray(flat(value)).save(path, format)
    return path.read_bytes()


def files(folder: Path, format: str) -> dict[int, bytes]:
    """A file for each value."""
    return {value: write(folder / "file", value, format) for value in VALUES}


def replacing(path: Path, contents: dict[int, bytes]) -> Callable[[int], None]:
    """Replace a file by another one of the same time."""

    def put(value: int) -> None:
        new = path.with_suffix(".new")
        new.write_bytes(contents[value])
        os.utime(new, (1_600_000_000, 1_600_000_000))
        os.replace(new, path)

    return put


def writing(path: Path, contents: dict[int, bytes]) -> Callable[[int], None]:
    """Write over a file in place, from its start on or truncated first, in turn."""
    truncates = cycle([False, True])

    def put(value: int) -> None:
        if next(truncates) or not path.exists():
            path.write_bytes(contents[value])
            return
        with path.open("r+b", buffering=0) as file:
            file.write(contents[value])
            file.truncate()

    return put


def linking(link: Path, targets: dict[int, Path]) -> Callable[[int], None]:
    """Turn a symbolic link to another target."""

    def put(value: int) -> None:
        new = link.with_name(f"{link.name}.new")
        new.symlink_to(targets[value])
        os.replace(new, link)

    return put


def changing_files(folder: Path, outside: Path) -> Iterator[Changing]:
    """Every kind of change."""
    tiffs = files(outside, "TIFF")
    yield Changing("replaced.tif", replacing(folder / "replaced.tif", tiffs))
    yield Changing("written.tif", writing(folder / "written.tif", tiffs), refusals=DAMAGED)
    for format in ("JPEG", "WEBP", "GIF", "PNG"):
        name = f"written.{format.lower()}"
        yield Changing(name, writing(folder / name, files(outside, format)), refusals=DAMAGED)
    inside, turned = (30, 60), {}
    for value in (*inside, OUTSIDE):
        release = (outside if value == OUTSIDE else folder) / f"release-{value}"
        release.mkdir()
        write(release / "image.tif", value, "TIFF")
        os.utime(release / "image.tif", (1_600_000_000, 1_600_000_000))
        turned[value] = release
    yield Changing("current/image.tif", linking(folder / "current", turned), inside)
    everywhere = (inside[0], OUTSIDE)
    yield Changing("escape/image.tif", linking(folder / "escape", turned), everywhere, ABSENT)
    targets = {value: release / "image.tif" for value, release in turned.items()}
    yield Changing("escape.tif", linking(folder / "escape.tif", targets), everywhere, ABSENT)


def keep_changing(image: Changing, stop: threading.Event) -> None:
    """Put one version after the other in place."""
    for value in cycle(image.values):
        if stop.wait(PAUSE):
            return
        image.history.change(value, lambda value=value: image.put(value))  # type: ignore[misc]


def value_of(body: bytes) -> int | None:
    """The value an image shows; None if it shows several."""
    pixels = np.asarray(Image.open(io.BytesIO(body)).convert("RGB")).astype(int)
    return int(np.median(pixels)) if pixels.max() - pixels.min() <= 4 else None


def nearest(value: int) -> int:
    """The value of a version that lossy coding has changed."""
    return min((*VALUES, OUTSIDE), key=lambda known: abs(known - value))


def browse(port: int, images: list[Changing], seed: int) -> Counter[str]:
    """Ask for images, at times for unchanged ones only, and judge each answer."""
    chance, seen, verdicts = random.Random(seed), dict[str, tuple[str, int]](), Counter[str]()
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    for _ in range(REQUESTS):
        image = chance.choice(images)
        name = image.identifier.replace("/", "%2F")
        address = f"/iiif/3/{name}/{chance.choice(REGIONS)}/max/0/default.{chance.choice(FORMATS)}"
        known = seen.get(address) if chance.random() < 0.5 else None
        start = time.monotonic()
        connection.request("GET", address, headers={"If-None-Match": known[0]} if known else {})
        response = connection.getresponse()
        body, end = response.read(), time.monotonic()
        if response.status == 304 and known:
            value: int | None = known[1]
        elif response.status == 200:
            value = value_of(body)
        else:
            allowed = response.status in image.refusals
            verdicts["refused" if allowed else f"{image.identifier}: {response.status} {body!r}"] += 1
            continue
        if value is None:
            verdicts[f"{image.identifier}: mixed"] += 1
        elif nearest(value) == OUTSIDE:
            verdicts[f"{image.identifier}: outside"] += 1
        elif not image.history.allows(nearest(value), start, end):
            verdicts[f"{image.identifier}: {response.status} stale"] += 1
        else:
            verdicts["right"] += 1
            seen[address] = (response.headers["ETag"], value)
    connection.close()
    return verdicts


@pytest.mark.parametrize("version_by", ["inode", "content"])
def test_every_answer_shows_one_version(tmp_path: Path, version_by: str) -> None:
    folder, outside = tmp_path / "images", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    images, stop, port = list(changing_files(folder, outside)), threading.Event(), free_port()
    for image in images:
        image.history.change(image.values[0], lambda image=image: image.put(image.values[0]))  # type: ignore[misc]
    arguments = ("--http", f"127.0.0.1:{port}", "--workers", "2")
    with (
        daemon(folder, tmp_path, *arguments, ports=[port], VERSION_BY=version_by),
        ThreadPoolExecutor(CLIENTS + len(images)) as pool,
    ):
        writers = [pool.submit(keep_changing, image, stop) for image in images]
        try:
            clients = [pool.submit(browse, port, images, seed) for seed in range(CLIENTS)]
            verdicts = sum((client.result() for client in clients), Counter[str]())
        finally:
            stop.set()
        for writer in writers:
            writer.result()
    assert verdicts.keys() <= {"right", "refused"}, verdicts
    assert verdicts["right"] > verdicts["refused"]
    log = (tmp_path / "iipserve.log").read_text()
    assert "Traceback" not in log, log
    assert not re.search("Worker .* was sent|exited|TIMEOUT", log), log
