"""A person at a browser: opens the page, moves about, and notes whatever goes wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from iipserve.viewer.site import OPENSEADRAGON, installed_file
from tests.end_to_end.running import needed, runs

MILLISECONDS = 120_000
"""How long to wait for what a page does, on a machine that has other work."""
expect.set_options(timeout=MILLISECONDS)
OVERLAYS = ".bar, .switch, .tools, .steps, .plate, .navigator, .panel, #progress, #loading"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Of Chromium: it runs as root in containers, and is to reach nothing but the server under test."""
SETTLED = """() => {
    const busy = document.querySelector("#progress").classList.contains("busy");
    const scale = document.querySelector("#scale").textContent;
    const state = [busy, scale, location.hash].join();
    const now = performance.now();
    if (state !== window.lastState || busy || scale === "" || !location.hash.includes("view=")) {
        window.lastState = state;
        window.lastChange = now;
        window.looks = 0;
    }
    window.looks += 1;
    return now - window.lastChange > 400 && window.looks > 5;
}"""
"""Nothing has moved and no tile was missing for some time, and for some frames, which a busy machine draws seldom."""


class View(NamedTuple):
    """What part of an image is shown, in OpenSeadragon's units: the image is 1 wide."""

    x: float
    """Middle of the window."""
    y: float
    """Middle of the window."""
    zoom: float
    """Width of the image by width of the window."""


@dataclass
class Visit:
    """One page in a browser of its own, without a cache from before."""

    page: Page
    address: str
    """Of the gallery, with its slash."""
    answered: list[str] = field(default_factory=list)
    """Addresses that were answered 200."""
    mistakes: list[str] = field(default_factory=list)
    """Everything that went wrong, in the order it did."""

    def open(self, fragment: str = "") -> None:
        """Load the page, and wait until it asks for nothing more."""
        self.page.goto(f"{self.address}{fragment}")
        self.page.wait_for_load_state("networkidle")

    def show(self, name: str, source: str, view: View | None = None) -> View:
        """Follow a link to an image, wait until all its tiles are drawn, and tell what is in view."""
        state = {"image": name, "source": source}
        if view is not None:
            state["view"] = ",".join(map(str, view))
        self.page.evaluate("hash => { location.hash = hash; }", urlencode(state))
        return self.settle()

    def settle(self) -> View:
        """Wait until all tiles are drawn, and tell what is in view."""
        self.page.evaluate("window.lastState = null")
        self.page.wait_for_function(SETTLED)
        (view,) = parse_qs(urlsplit(self.page.url).fragment)["view"]
        return View(*map(float, view.split(",")))

    def screenshot(self) -> NDArray[np.uint8]:
        """The image in the window without what is over it, as RGB pixels."""
        hide = "([selector, value]) => document.querySelectorAll(selector).forEach((element) => { element.style.visibility = value; })"
        self.page.evaluate(hide, [OVERLAYS, "hidden"])
        pixels: NDArray[np.uint8] = imagecodecs.png_decode(self.page.screenshot())
        self.page.evaluate(hide, [OVERLAYS, ""])
        return pixels[:, :, :3]

    def alert(self) -> str:
        """The text of the notice over the image."""
        alert = self.page.locator("#alert")
        alert.wait_for(state="visible")
        return alert.inner_text()


@contextmanager
def browsers() -> Iterator[Callable[..., Browser]]:
    """Runs headless Chromium with the flags that it is called with, once for each set of them, with a home of its own."""
    program = needed("chromium")
    runs(sys.executable, "-m", "playwright", "--version")
    with TemporaryDirectory() as home, sync_playwright() as playwright:
        running: dict[tuple[str, ...], Browser] = {}

        def run(*flags: str) -> Browser:
            if flags not in running:
                running[flags] = playwright.chromium.launch(
                    executable_path=program,
                    timeout=MILLISECONDS,
                    args=[*FLAGS, *flags],
                    env=os.environ | {"HOME": home},
                )
            return running[flags]

        yield run
        for browser in running.values():
            browser.close()


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """A context of the browser whose pages have time."""
    context = browser.new_context(**options)
    context.set_default_timeout(MILLISECONDS)
    return context


@contextmanager
def visit(browser: Browser, address: str, *, width: int = 1280, height: int = 800) -> Iterator[Visit]:
    """Open a new, empty browser window on the gallery at `address`; skip the test without OpenSeadragon."""
    if not installed_file(OPENSEADRAGON).exists():
        pytest.skip("OpenSeadragon is not installed")
    context = new_context(
        browser,
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    guest = Visit(page, address)
    watch(page, guest.answered, guest.mistakes, lets_go=True)
    try:
        yield guest
    finally:
        context.close()


@contextmanager
def throttled(page: Page, *, kilobits: float, latency: float) -> Iterator[None]:
    """Let the network of a page carry so much in each second, and answer after so many seconds."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    rate = kilobits * 1000 / 8
    limits = {"latency": latency * 1000, "downloadThroughput": rate, "uploadThroughput": rate}
    session.send("Network.emulateNetworkConditions", {"offline": False, **limits})
    try:
        yield
    finally:
        session.detach()


def watch(page: Page, answered: list[str], mistakes: list[str], *, lets_go: bool = False) -> None:
    """Note which addresses are answered 200, and everything that goes wrong, as it happens; that a page no longer wants pictures
    is none if it `lets_go` of them."""

    def on_answer(answer: Response) -> None:
        if answer.status == 200:
            answered.append(answer.url)
        else:
            mistakes.append(f"{answer.status}: {answer.url}")

    def on_console(said: ConsoleMessage) -> None:
        if said.type == "error":
            mistakes.append(f"console: {said.text}")

    def on_failure(request: Request) -> None:
        if not lets_go or (request.resource_type, request.failure) != ("image", "net::ERR_ABORTED"):
            mistakes.append(f"{request.failure}: {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: mistakes.append(f"script: {error}"))
    page.on("requestfailed", on_failure)
    page.on("response", on_answer)
