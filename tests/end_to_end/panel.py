"""A person at the page's panel of adjustments: sets its fields, and looks at the picture in the window."""

from __future__ import annotations

from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from tests.end_to_end.browsing import Visit
from tests.end_to_end.iip_pictures import HEIGHT, WIDTH

PATIENCE = 120.0
"""Seconds."""


def opened(guest: Visit, image: str = "photograph.tif", fragment: str = "") -> Page:
    """Show an image from IIP and open the panel of adjustments."""
    guest.page.goto(f"{guest.address}#image={image}&source=iip{fragment}")
    guest.settle()
    guest.page.locator("#adjust").click()
    return guest.page


def field(page: Page, name: str, value: str = "") -> Any:
    """A field of the panel; of several with one name the one of this value."""
    return page.locator(f'#controls [name="{name}"]' + (f'[value="{value}"]' if value else ""))


def check(page: Page, name: str, value: str = "") -> None:
    field(page, name, value).check(force=True)


def shown(guest: Visit) -> NDArray[np.float64]:
    """The picture as it stands in the window, with the panel closed and pixels of the image's own size."""
    guest.page.locator("#close-controls").click()
    return standing(guest)


def standing(guest: Visit) -> NDArray[np.float64]:
    """As `shown`, where the panel is closed already."""
    view = guest.settle()
    pixels = guest.screenshot().astype(np.float64)
    height, width = pixels.shape[:2]
    scale = view.zoom * width / WIDTH
    turn = parse_qs(urlsplit(guest.page.url).fragment).get("turn", ["0"])[0]
    turned = turn.lstrip("!") in ("90", "270")
    columns, rows = (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
    y, x = np.mgrid[0:rows, 0:columns]
    across = width / 2 + (x + 0.5 - columns / 2) * scale
    down = height / 2 + (y + 0.5 - rows / 2) * scale
    return pixels[np.clip(down.astype(int), 0, height - 1), np.clip(across.astype(int), 0, width - 1)]


def difference(some: NDArray[Any], others: NDArray[Any]) -> float:
    """How far pictures are apart, but for their edges."""
    return float(np.abs(some - others)[8:-8, 8:-8].mean())


def come_to_agree(guest: Visit, other: Visit, most: float) -> bool:
    """Whether two windows, panels closed, show the same at last: a slow machine moves pictures for a while."""
    end = monotonic() + PATIENCE
    while difference(standing(guest), standing(other)) >= most:
        if monotonic() > end:
            return False
    return True


def come_to_rest(guest: Visit) -> str:
    """The address of the page once it stays the same: it tells of the view, which a slow machine moves for a while."""
    address = ""
    while address != guest.page.url:
        address = guest.page.url
        guest.page.wait_for_timeout(1500)
    return address
