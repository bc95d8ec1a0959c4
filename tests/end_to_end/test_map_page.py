"""The map page in a real browser: its layers, and the values under the pointer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Response, expect

from iipserve.viewer.site import OPENLAYERS, installed_file
from tests.end_to_end.browsing import new_context, watch
from tests.end_to_end.running import map_server
from tests.geo_rasters import GRIDS, HEIGHT, WIDTH, positions, write_geotiff

WITHOUT_WEBGL = True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rasters on the same ground, and a plain picture."""
    folder = tmp_path_factory.mktemp("rasters")
    crs, transform = GRIDS["wgs84"]
    write_geotiff(folder / "positions.tif", positions(), crs=crs, transform=transform)
    gap = np.full((HEIGHT, WIDTH), -9999, np.float32)
    gap[:, : WIDTH // 2] = 12.5
    write_geotiff(folder / "half.tif", gap, crs=crs, transform=transform, nodata=-9999, units=["m"])
    write_geotiff(folder / "picture.tif", positions(dtype="uint8"), crs=None, transform=None)
    return folder


@pytest.fixture(scope="module")
def origin(folder: Path) -> Iterator[str]:
    """A server of these."""
    with map_server(folder, folder) as address:
        yield address


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Page]:
    """The page, once its layers are listed; nothing may fail on it."""
    with map_page(browser, origin) as opened:
        yield opened


@contextmanager
def map_page(browser: Browser, origin: str) -> Iterator[Page]:
    if not installed_file(OPENLAYERS).exists():
        pytest.skip("OpenLayers is not installed")
    opened = new_context(browser, viewport={"width": 1000, "height": 700}).new_page()
    mistakes: list[str] = []
    watch(opened, [], mistakes)
    opened.goto(f"{origin}/viewer/map.html")
    opened.wait_for_selector("#layers li")
    yield opened
    assert mistakes == []
    opened.context.close()


TIMES = """
[[layer]]
identifier = "positions"
image = "positions"
metadata = {timeextent = "2024-02-10,2024-05-14/2024-08-14/P1M", timedefault = "2024-02-10"}

[[layer]]
identifier = "half"
image = "half"
"""


@pytest.fixture(scope="module")
def timed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server where one layer has times."""
    services = tmp_path_factory.mktemp("services") / "services.toml"
    services.write_text(TIMES)
    with map_server(folder, services.parent, SERVICES=str(services)) as address:
        yield address


def values_at(page: Page, x: int, y: int) -> str:
    """What the page says of a place of its window."""
    page.mouse.move(x, y)
    with page.expect_response(lambda answer: "GetFeatureInfo" in answer.url):
        page.mouse.move(x + 1, y)
    page.wait_for_selector("#values dd")
    return page.inner_text("#values")


def test_layers_are_listed_from_the_top(page: Page) -> None:
    assert page.locator("#layers label").all_inner_texts() == ["positions", "picture", "half"]
    shown = page.locator("#layers input[type=checkbox]")
    assert [shown.nth(index).is_checked() for index in range(3)] == [True, False, True]


def test_values_are_those_of_the_pixel_under_the_pointer(page: Page) -> None:
    values = values_at(page, 300, 350)
    place = page.inner_text("#place")
    latitude, longitude = (float(part.rstrip("°")) for part in place.split(", "))
    column, row = int((longitude - 10) / 0.01), int((50 - latitude) / 0.01)
    assert f"band1 {column}, band2 {row}" in values
    assert "band1 12.5 m" in values
    assert "no data" in values_at(page, 600, 350)


def test_a_picture_is_shown_alone(page: Page) -> None:
    page.locator("#layers button").nth(1).click()
    shown = page.locator("#layers input[type=checkbox]")
    assert [shown.nth(index).is_checked() for index in range(3)] == [False, True, False]
    values = values_at(page, 500, 350)
    column, row = (int(part.rsplit(" ", 1)[1]) for part in page.inner_text("#place").split(", "))
    assert f"band1 {column}, band2 {row}" in values


def test_a_slider_chooses_the_time_of_layers_that_have_one(browser: Browser, timed: str) -> None:
    with map_page(browser, timed) as page:
        assert page.locator("#layers label").all_inner_texts() == ["half", "positions"]
        shown = page.locator("#layers input[type=checkbox]")
        assert [shown.nth(index).is_checked() for index in range(2)] == [False, True]
        slider = page.locator("#times input")
        assert page.inner_text("#times output") == "all times"
        assert slider.get_attribute("max") == "5"
        for place, day in ((1, "2024-02-10"), (4, "2024-07-14")):
            with page.expect_response(partial(is_tile_of, day)) as tile:
                slider.fill(str(place))
            assert page.inner_text("#times output") == day
            assert tile.value.ok
        page.mouse.move(400, 300)
        with page.expect_response(lambda answer: "GetFeatureInfo" in answer.url) as info:
            page.mouse.move(401, 300)
        assert asked_time(info.value.url) == ["2024-07-14"]
        page.click("#times button")
        expect(page.locator("#times output")).to_have_text("2024-08-14")
        expect(page.locator("#times output")).to_have_text("2024-02-10")
        page.click("#times button")
        assert page.inner_text("#times button") == "Play"


def is_tile_of(day: str, answer: Response) -> bool:
    """Whether it is a tile of that time; tiles of the time before may still arrive."""
    return "GetTile" in answer.url and asked_time(answer.url) == [day]


def asked_time(address: str) -> list[str]:
    query = {name.lower(): value for name, value in parse_qs(urlsplit(address).query).items()}
    return query["time"]


@pytest.mark.parametrize(
    ("values", "times"),
    [
        (["2024-08-01", "2024-02-10"], ["2024-02-10", "2024-08-01"]),
        (["2023-12-28/2024-03-28/P1M"], ["2023-12-28", "2024-01-28", "2024-02-28", "2024-03-28"]),
        (["2020-01-01/2022-01-01/P1Y", "2021-01-01"], ["2020-01-01", "2021-01-01", "2022-01-01"]),
        (
            ["2024-03-31T00:00:00Z/2024-03-31T03:00:00Z/PT90M"],
            ["2024-03-31T00:00:00Z", "2024-03-31T01:30:00Z", "2024-03-31T03:00:00Z"],
        ),
        (["2024-01-01/2024-06-01/PT1S"], ["2024-01-01", "2024-06-01"]),
        (["2024-01-01/2024-01-03/P0D"], ["2024-01-01", "2024-01-03"]),
        ([], []),
    ],
)
def test_ranges_of_times_are_listed(page: Page, values: list[str], times: list[str]) -> None:
    assert page.evaluate("async values => (await import('./times.js')).expanded(values)", values) == times


def test_missing_openlayers_is_told_with_the_command(browser: Browser, origin: str) -> None:
    opened = new_context(browser).new_page()
    opened.route("**/ol.js", lambda route: route.fulfill(status=404))
    opened.goto(f"{origin}/viewer/map.html")
    told = opened.wait_for_selector("#problem:not([hidden])")
    assert told is not None
    assert "npm install" in told.inner_text()
    opened.context.close()
