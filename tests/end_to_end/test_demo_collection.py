"""The collection of scripts/demo in a real browser: the slider of the map goes through its seasons."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rasterio")
pytest.importorskip("sqlalchemy")

import rasterio
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from iipserve.viewer.site import OPENLAYERS, installed_file
from scripts import demo
from scripts.gallery import collection, seasons
from scripts.gallery.maps import ORIGIN
from tests.end_to_end.browsing import new_context, watch
from tests.end_to_end.running import map_server

WITHOUT_WEBGL = True

GROUND = (222, 222, 219)
"""Color of the page where there is no map."""
NEAR = 0.06
"""Largest difference of shares: controls and borders of footprints are over the map."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenes of the gallery."""
    folder = tmp_path_factory.mktemp("gallery")
    for name, write in seasons.WRITERS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        write(folder / name)
    shutil.copy(folder / name, folder / "copy.tif")
    return folder


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of the demo, with the collection of these scenes."""
    work = tmp_path_factory.mktemp("work")
    services = demo.write_services(work, folder / "Uploads")
    with map_server(folder, work, SERVICES=str(services)) as address:
        collection.make(f"{address}/")
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window in which nothing may fail."""
    if not installed_file(OPENLAYERS).exists():
        pytest.skip("OpenLayers is not installed")
    opened = new_context(browser, viewport={"width": 1200, "height": 800}, reduced_motion="reduce").new_page()
    mistakes: list[str] = []
    watch(opened, [], mistakes)
    yield opened
    # what is added is answered 201; a list that is shown anew ends requests for pictures of the former one
    assert [said for said in mistakes if not said.startswith(("201: ", "net::ERR_ABORTED: "))] == []
    opened.context.close()


def shares(pixels: NDArray[np.integer], is_shown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Shares of snow, sea and other land of the pixels that are shown. Shapes (rows, columns, 3), (rows, columns)."""
    red, green, blue = np.moveaxis(pixels[is_shown].astype(int), 1, 0)
    sea = blue > red + 25
    snow = (abs(red - blue) < 20) & (red > 110)
    return np.array([snow.mean(), sea.mean(), (~sea & ~snow & (green > 60)).mean()])


def in_files(folder: Path, day: str) -> NDArray[np.float64]:
    """The shares of both scenes of a day."""
    whole = np.zeros((800, 1000, 4), np.uint8)
    for path in sorted((folder / seasons.FOLDER).glob(f"{day}*.tif")):
        with rasterio.open(path) as file:
            column = round((file.transform.c - ORIGIN[0]) / file.transform.a)
            part, mask = whole[:, column : column + file.width], file.dataset_mask()
            part[mask > 0] = np.moveaxis(np.concatenate([file.read(), mask[None]]), 0, 2)[mask > 0]
    return shares(whole[..., :3], whole[..., 3] > 0)


def on_the_map(page: Page, corner: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float64]:
    """The shares of a part of the window, without the ground."""
    (left, top), (width, height) = corner, size
    shown = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    part = shown[top : top + height, left : left + width]
    return shares(part, (part != GROUND).any(axis=2))


def wait_for(expected: NDArray[np.float64], found: Callable[[], NDArray[np.float64]]) -> None:
    """Look until the shares are as expected; tiles come one by one."""
    end = time.monotonic() + 120
    while abs(seen := found() - expected).max() > NEAR:
        assert time.monotonic() < end, (seen, expected)


def test_the_slider_goes_through_the_seasons(page: Page, folder: Path, origin: str) -> None:
    page.goto(f"{origin}/viewer/map.html")
    expect(page.locator("#times output")).to_have_text("all times")
    assert page.locator("#layers label").first.inner_text() == "Island in four seasons"
    assert page.locator("#layers input[type=checkbox]:checked").count() == 1
    for place, season in enumerate(seasons.SEASONS, 1):
        page.locator("#times input").fill(str(place))
        expect(page.locator("#times output")).to_have_text(season.day)
        wait_for(in_files(folder, season.day), lambda: on_the_map(page, (0, 80), (840, 640)))


def test_the_collection_is_managed(page: Page, folder: Path, origin: str) -> None:
    page.goto(f"{origin}/viewer/collections.html")
    page.click("#collections a")
    expect(page.locator("#items li")).to_have_count(8)
    expect(page.locator("#matched")).to_have_text("8 images")
    newest = in_files(folder, seasons.SEASONS[-1].day)
    wait_for(newest, lambda: on_the_map(page, (500, 0), (700, 760)))
    page.click("#adding summary")
    page.set_input_files("#add-files input", folder / "copy.tif")
    page.click("#add-files button")
    expect(page.locator("#items li")).to_have_count(9)
    page.click("#as-document")
    expect(page.locator("svg .shape")).to_have_count(1)
    page.get_by_role("link", name="Images", exact=True).click()
    expect(page.locator("svg .shape")).to_have_count(9)
    expect(page.locator(".rows tbody tr")).to_have_count(9)
