"""Images for journeys through the gallery: three hundred in one folder, some deep below others, and what is no image."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyvips
import tifffile
from playwright.sync_api import Locator, Page

from tests.end_to_end.running import daemon
from tests.ports import free_port

SCANS = 300
DEEP = "Archive/Box 2/1571/Köln"


def write_images(folder: Path) -> None:
    """Make all of them."""
    gray = pyvips.Image.black(60, 40, bands=3).copy(interpretation="srgb") + 150
    gray.cast("uchar").jpegsave(str(folder / "plate.jpg"))
    (folder / "Scans").mkdir()
    for number in range(1, SCANS + 1):
        shutil.copy(folder / "plate.jpg", folder / f"Scans/IMG_{number}.jpg")
    for number in (2, 10, 1):
        (folder / f"Archive/Box {number}").mkdir(parents=True)
    (folder / DEEP).mkdir(parents=True)
    shutil.copy(folder / "plate.jpg", folder / DEEP / "Ansicht & 50% mehr.jpg")
    tifffile.imwrite(folder / "book.tif", np.full((3, 40, 30), 200, np.uint8), photometric="minisblack")
    (folder / "empty.tif").touch()
    (folder / "broken.tif").write_bytes(b"II*\0 and then no directory")
    (folder / "letter.jpg").write_bytes(b"a text that somebody has given another name")
    (folder / "notes.txt").write_bytes(b"a text")


@contextmanager
def gallery(work: Path) -> Iterator[str]:
    """Run a server over the images; yields the address of its gallery."""
    folder = work / "images"
    folder.mkdir()
    write_images(folder)
    port = free_port()
    with daemon(folder, work, "--http", f"127.0.0.1:{port}", ports=[port], IIIF_COLLECTIONS="1"):
        yield f"http://127.0.0.1:{port}/"


def card(page: Page, name: str) -> Locator:
    """Of an image, by the whole of its name."""
    return page.locator(f'#images li[data-key="{name}"] a')
