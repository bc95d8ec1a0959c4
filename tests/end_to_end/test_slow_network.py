"""A visitor whose network is slow: something is seen meanwhile, what has arrived can be used, and leaving does not wait."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import monotonic

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.browsing import Visit, throttled, visit
from tests.end_to_end.gallery_images import SCANS, card, gallery
from tests.images import write_tiff_pyramid

NAME = "Scans/IMG_0.tif"
TILE = re.compile(r"IMG_0\.tif/\d+,\d+,\d+,\d+/")
NOTICE_SECONDS = 5.0
"""In which the test hears of requests that the browser has given up."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a gallery with 300 images in a folder, and one before them of noise, whose tiles are large."""
    work = tmp_path_factory.mktemp("gallery")
    with gallery(work) as address:
        noise = np.random.default_rng(1).integers(0, 256, (1536, 1536, 3), np.uint8)
        write_tiff_pyramid(work / "images" / NAME, noise, tile=(256, 256), compression="jpeg")
        yield address


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["desktop", "phone"])
def guest(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Visit]:
    """A window without a page."""
    width, height = request.param
    with visit(browser, address, width=width, height=height) as guest:
        yield guest


def on_their_way(page: Page) -> set[str]:
    """Addresses of tiles that the browser has asked for and that have not come, from now on."""
    found: set[str] = set()
    page.on("request", lambda request: found.add(request.url) if TILE.search(request.url) else None)
    page.on("requestfinished", lambda request: found.discard(request.url))
    page.on("requestfailed", lambda request: found.discard(request.url))
    return found


def test_a_journey_through_a_slow_network(guest: Visit) -> None:
    """At 500 kbit/s, where the tiles of one image take many seconds; at the end the network is a usual one."""
    page = guest.page
    tiles = on_their_way(page)
    loading = page.get_by_role("status").filter(has_text="Loading")
    with throttled(page, kilobits=500, latency=0.2):
        page.goto(f"{guest.address}#folder=Scans", wait_until="commit")
        expect(loading).to_be_visible()
        expect(page.locator("#count")).to_have_text(f"{SCANS + 1} images")
        with page.expect_event("requestfinished", lambda request: bool(TILE.search(request.url))):
            card(page, NAME).click()
            expect(loading).to_be_visible()
        page.keyboard.press("i")
        expect(page.get_by_role("complementary", name="About this image")).to_be_visible()
        page.keyboard.press("i")
        assert tiles, "all have come: the network is not slow"
        page.locator("#back").click()
        expect(page.locator("#reader")).to_be_hidden()
        expect(page.locator("h1")).to_have_text("Scans")
        end = monotonic() + NOTICE_SECONDS
        while tiles and monotonic() < end:
            page.wait_for_timeout(20)
        assert not tiles, "those of an image that was left keep the network from what is wanted now"
        page.locator("#filter").fill("img_299")
        expect(page.locator("#count")).to_have_text("1 image found")
    guest.show(NAME, "iiif")
    assert guest.mistakes == []
