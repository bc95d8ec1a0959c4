"""Viewers open the server's images, by the very pages of docs/viewers.md, in a real browser.

The pages and the packages they load come from another origin than the images. In each window the whole
picture is looked for, by its colors; then the visitor zooms into its last corner until the full size stands
there. Viewers of manifests show thumbnails of all images. Nothing may fail on the way.

`VIEWERS=all` adds OpenSeadragon 5 by its other protocols, and version 2 of the Image API in every viewer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import imagecodecs
import pytest
import tifffile
from playwright.sync_api import Browser, Request

from tests.end_to_end.browsing import new_context, watch
from tests.end_to_end.located_picture import Seen, find, levels
from tests.end_to_end.running import daemon
from tests.end_to_end.viewer_pages import (
    Site,
    about,
    bound,
    load_packages,
    manifest,
    name_of,
    of_version_2,
    older_version,
    opens_manifest,
    pages,
)
from tests.images import write_tiff_pyramid
from tests.ports import free_port

WITHOUT_WEBGL = True

SIZES = [(3073, 2680), (1, 1), (513, 513), (1025, 1023), (100, 5000)]
SECONDS = 180.0
BOOK, PAGES = "book.tif", [(3073, 2680), (513, 513), (1025, 1023)]
"""A file of several pages, and their sizes."""
OVERLAYS = ".navigator, .mirador-canvas-nav, .leaflet-control-attribution"
"""Parts of viewers that cover the picture, show it again, or have its colors."""
HARMLESS = (
    "console: Failed to load resource",  # said of answers that are noted themselves
    "/images/data:image/gif;base64,",
    "Accessing element.ref was removed in React 19.",
)
"""Mistakes that the server has no part in: Universal Viewer takes an image written as an address (`data:`) for a
path on the page's own site, and Mirador 4 uses a property that React warns of."""
SETTINGS = {"default": {}, "up, lenient": {"ZOOMIFY_ROUNDING": "up", "IIIF_LENIENT": "1"}}
"""Of the two servers."""


class Case(NamedTuple):
    """A page, the manifest it opens if it does, and which of the servers it needs."""

    page: str
    manifest: str
    server: str = "default"


def every_case() -> dict[str, Case]:
    """All pages, in version 3 of the Image API and in version 2, and OpenSeadragon 5."""
    opened = manifest()
    cases = {name: Case(page, opened, _server(page)) for name, page in pages().items()}
    for name, case in list(cases.items()):
        if name.startswith("OpenSeadragon") and "IIP" not in name:
            page = older_version(case.page)
            cases[name_of(page)] = Case(page, opened)
    for name, (page, _, _) in list(cases.items()):
        if "/iiif/3/" in page or "manifest.json" in page:
            cases[f"{name}, Image API 2"] = Case(of_version_2(page), of_version_2(opened))
    return cases


def _server(page: str) -> str:
    """Thumbnails of the height that viewers of manifests like, and tiers rounded up, need settings."""
    return "up, lenient" if opens_manifest(page) or '"default"' in page else "default"


CASES = every_case()
if os.environ.get("VIEWERS") != "all":
    REST = ("OpenSeadragon 5, DeepZoom", "OpenSeadragon 5, Zoomify")
    CASES = {name: case for name, case in CASES.items() if name not in REST and "API 2" not in name}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of the servers, by their settings."""
    folder = tmp_path_factory.mktemp("images")
    for size in SIZES:
        write_tiff_pyramid(folder / file_name(size), levels(size))
    write_book(folder / BOOK)
    with ExitStack() as stack:
        origins = {}
        for name, settings in SETTINGS.items():
            port = free_port()
            work = tmp_path_factory.mktemp("server")
            stack.enter_context(daemon(folder, work, "--http", f"127.0.0.1:{port}", ports=[port], **settings))
            origins[name] = f"http://127.0.0.1:{port}"
        yield origins


def write_book(path: Path) -> None:
    """A file of several pages, each a pyramid."""
    with tifffile.TiffWriter(path) as file:
        for full, *smaller in map(levels, PAGES):
            common = {"photometric": "rgb", "tile": (256, 256), "metadata": None}
            file.write(full, subifds=len(smaller), **common)
            for level in smaller:
                file.write(level, subfiletype=1, **common)


def file_name(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}.tif"


class Visitor:
    """Somebody who opens pages in one window, looks, and zooms."""

    def __init__(self, browser: Browser) -> None:
        self.context = new_context(browser, viewport={"width": 1000, "height": 700}, reduced_motion="reduce")
        self.page = self.context.new_page()
        self.answered: list[str] = []
        self.mistakes: list[str] = []
        self.loading: set[Request] = set()
        watch(self.page, self.answered, self.mistakes)
        self.page.on("request", lambda request: self.loading.add(request))
        self.page.on("requestfinished", lambda request: self.loading.discard(request))
        self.page.on("requestfailed", lambda request: self.loading.discard(request))

    def open(self, address: str) -> None:
        """Load a page, with nothing over the picture."""
        for noted in (self.answered, self.mistakes, self.loading):
            noted.clear()
        self.page.goto(address)
        self.page.add_style_tag(content=f"{OVERLAYS} {{ visibility: hidden !important }}")

    def look(self) -> Seen | None:
        """The picture in the window."""
        return find(imagecodecs.png_decode(self.page.screenshot())[..., :3])

    def until(self, condition: Callable[[Seen], bool], action: Callable[[Seen], None] | None = None) -> Seen:
        """Look, and do something, until nothing is loading and what is seen is as it should be."""
        end = time.monotonic() + SECONDS
        while True:
            seen = self.look()
            if seen is not None and not self.loading:
                if condition(seen):
                    return seen
                if action:
                    action(seen)
            assert time.monotonic() < end, f"{seen}, {self.mistakes}, loading {len(self.loading)}"

    def turn_wheel(self, seen: Seen) -> None:
        """Turn the wheel over the picture's last corner."""
        self.page.mouse.move(seen.across.last - 2, seen.down.last - 2)
        self.page.mouse.wheel(0, -240)

    def click(self, seen: Seen) -> None:
        """Click on the picture's last corner."""
        self.page.mouse.click(seen.across.last - 2, seen.down.last - 2)

    def faults(self) -> list[str]:
        """What went wrong."""
        return [said for said in self.mistakes if not any(known in said for known in HARMLESS)]


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """A window of its own, with an empty cache."""
    visitor = Visitor(browser)
    yield visitor
    visitor.context.close()


@pytest.mark.parametrize("name", CASES)
def test_viewer_draws_every_image(
    visitor: Visitor, documents: Site, images: dict[str, str], name: str
) -> None:
    case = CASES[name]
    load_packages(case.page)
    origin = images[case.server]
    for size in SIZES:
        page = about(case.page, file_name(size), size)
        documents.hold("/page.html", page, origin)
        documents.hold("/manifest.json", about(case.manifest, file_name(size), size), origin)
        visitor.open(f"{documents.origin}/page.html")
        check(visitor, size, visitor.click if name.startswith("Clover") else visitor.turn_wheel)
        assert visitor.faults() == [], size


@pytest.mark.parametrize("name", [name for name in CASES if opens_manifest(CASES[name].page)])
def test_viewer_shows_thumbnails(
    visitor: Visitor, documents: Site, images: dict[str, str], name: str
) -> None:
    case = CASES[name]
    load_packages(case.page)
    named = {file_name(size): size for size in SIZES}
    names, required = set(named), {file_name((1, 1))}
    if "manifest.json" not in case.page:
        names = required = {BOOK, *(f"{BOOK};page={number}" for number in range(2, len(PAGES) + 1))}
    documents.hold("/page.html", about(case.page, BOOK, PAGES[0]), images[case.server])
    documents.hold("/manifest.json", bound(case.manifest, named), images[case.server])
    visitor.open(f"{documents.origin}/page.html")

    def shown() -> set[str]:
        """The images that have a thumbnail; some viewers leave out what the window has no room for."""
        return {
            image for image in names for address in visitor.answered if f"/{image}/full/" in unquote(address)
        }

    visitor.until(lambda _: required <= shown() and len(shown()) > 2)
    assert visitor.faults() == []


def check(visitor: Visitor, size: tuple[int, int], zoom: Callable[[Seen], None]) -> None:
    """Look for the whole picture, each part in its place, and then for its last corner in full size."""
    if size == (1, 1):
        visitor.until(lambda seen: seen.full_size == 1)
        return
    seen = visitor.until(lambda seen: seen.whole and seen.misplaced < 12)
    assert seen.is_undistorted(size), (seen, size)
    seen = visitor.until(lambda seen: seen.full_size > 0.98 and seen.across.ends and seen.down.ends, zoom)
    assert seen.misplaced < 6, size
