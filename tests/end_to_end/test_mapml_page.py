"""The MapML page in a real browser: the viewer draws layers where they are, and nothing fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

from iipserve.viewer.site import MAPML, installed_file
from tests.end_to_end.browsing import new_context, watch
from tests.end_to_end.running import map_server
from tests.geo_rasters import GRIDS, HEIGHT, WIDTH, Affine, from_origin, write_geotiff

WITHOUT_WEBGL = True

DEGREES = {"OSMTILE": 360 / 256 / 2**8, "WGS84": 180 / 256 / 2**7}
"""Of a pixel of the screen across, at the finest level that the layer has."""


@contextmanager
def served(folder: Path, transform: Affine, **settings: str) -> Iterator[str]:
    """Run a server of one raster in degrees, red in its western and green in its eastern half; yields its address."""
    halves = np.zeros((3, HEIGHT, WIDTH), np.uint8)
    halves[0, :, : WIDTH // 2] = halves[1, :, WIDTH // 2 :] = 255
    write_geotiff(folder / "halves.tif", halves, crs="EPSG:4326", transform=transform)
    with map_server(folder, folder, **settings) as address:
        yield address


CALM = 0.5
"""Seconds without a change after which a window is complete."""
OPEN_SHORTCUTS = """() => {
    const inside = document.querySelector("mapml-viewer").shadowRoot;
    inside.querySelector(".shortcuts-button").click();
    return inside.querySelector(".shortcuts-dialog").open;
}"""
"""Opens the list of keyboard shortcuts, by a handler that the viewer writes into an attribute."""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a raster in Europe."""
    with served(tmp_path_factory.mktemp("rasters"), GRIDS["wgs84"][1]) as address:
        yield address


@pytest.fixture(scope="module")
def canada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a raster on the central meridian of CBMTILE, with tiles there."""
    folder = tmp_path_factory.mktemp("rasters")
    (folder / "services.toml").write_text('[wmts]\nmatrix_sets = ["WebMercatorQuad", "CanadianNAD83_LCC"]\n')
    with served(
        folder, from_origin(-95.6, 60.4, 0.01, 0.01), SERVICES=str(folder / "services.toml")
    ) as address:
        yield address


def opened(browser: Browser, address: str) -> tuple[Page, list[str]]:
    """A page, and what goes wrong on it."""
    if not installed_file(MAPML).exists():
        pytest.skip("the viewer of MapML is not installed")
    page = new_context(browser, viewport={"width": 1000, "height": 700}).new_page()
    mistakes: list[str] = []
    watch(page, [], mistakes)
    page.goto(address)
    return page, mistakes


def settled(page: Page) -> NDArray[np.uint8]:
    """The window, once it shows both colors and has not changed for `CALM` seconds: tiles arrive one by one, and are
    faded in."""
    end, before, since = time.monotonic() + 120, np.zeros(0, np.uint8), 0.0
    while (now := time.monotonic()) < end:
        pixels: NDArray[np.uint8] = imagecodecs.png_decode(page.screenshot())[:, :, :3]
        is_drawn = {(255, 0, 0), (0, 255, 0)} <= set(map(tuple, pixels[400].tolist()))
        if not is_drawn or not np.array_equal(pixels, before):
            since = now
        elif now - since > CALM:
            return pixels
        before = pixels
    raise AssertionError("the layer is not drawn")


@pytest.mark.parametrize("projection", DEGREES)
def test_the_layer_is_where_it_belongs(browser: Browser, origin: str, projection: str) -> None:
    """The page centers its first layer, so that the border of the colors is in the middle of the window."""
    page, mistakes = opened(browser, f"{origin}/viewer/mapml.html?projection={projection}")
    pixels = settled(page)[400]
    (red,) = np.nonzero((pixels == (255, 0, 0)).all(axis=1))
    (green,) = np.nonzero((pixels == (0, 255, 0)).all(axis=1))
    half = 0.6 / DEGREES[projection]
    assert len(red) == pytest.approx(half, abs=2)
    assert len(green) == pytest.approx(half, abs=2)
    assert red.max() + 1 == green.min()
    assert green.min() == pytest.approx(500, abs=3)
    with page.expect_response(
        lambda answer: answer.url.endswith(".html") and "/wmts/" in answer.url
    ) as asked:
        page.mouse.click(int(red.min()) + 30, 400)
    assert "<th>band1</th><td>255</td>" in asked.value.text()
    assert page.evaluate(OPEN_SHORTCUTS), "the policy of the page blocks what the viewer does at a click"
    assert mistakes == []
    page.context.close()


def test_tiles_of_canada_are_where_they_belong(browser: Browser, canada: str) -> None:
    """The central meridian, which is the border of the colors, is upright in the middle of the window."""
    page, mistakes = opened(browser, f"{canada}/viewer/mapml.html?projection=CBMTILE")
    pixels = settled(page)
    for row in (340, 360):
        (red,), (green,) = (
            np.nonzero((pixels[row] == color).all(axis=1)) for color in ((255, 0, 0), (0, 255, 0))
        )
        assert red.max() + 1 == green.min() == pytest.approx(500, abs=3)
        assert len(red) == pytest.approx(len(green), abs=2)
    with page.expect_response(
        lambda answer: answer.url.endswith(".html") and "/wmts/" in answer.url
    ) as asked:
        page.mouse.click(int(red.min()) + 30, 360)
    assert "<th>band1</th><td>255</td>" in asked.value.text()
    assert mistakes == []
    page.context.close()


@pytest.mark.parametrize("links", ["image", "tile"])
@pytest.mark.parametrize("projection", ["OSMTILE", "WGS84", "APSTILE", "CBMTILE"])
def test_maps_of_wms_are_shown_too(
    browser: Browser, origin: str, canada: str, projection: str, links: str
) -> None:
    """By one map of the window, and by maps as tiles; a click tells of the color under it."""
    site = canada if projection == "CBMTILE" else origin
    page, mistakes = opened(browser, f"{site}/viewer/mapml.html?projection={projection}&links={links}")
    pixels = settled(page)[400]
    if projection in DEGREES:
        (red,) = np.nonzero((pixels == (255, 0, 0)).all(axis=1))
        (green,) = np.nonzero((pixels == (0, 255, 0)).all(axis=1))
        # maps of the window are not limited to the levels of tiles: they are shown at zoom 10, as the page asks
        finer = 4 if projection == "OSMTILE" else 8
        half = 0.6 / DEGREES[projection] * (finer if links == "image" else 1)
        assert len(red) == pytest.approx(min(half, 500), abs=3)
        assert red.max() + 1 == green.min() == pytest.approx(500, abs=3)
    for color, values in (((255, 0, 0), (255, 0)), ((0, 255, 0), (0, 255))):
        (places,) = np.nonzero((pixels == color).all(axis=1))
        with page.expect_response(lambda answer: "GetFeatureInfo" in answer.url) as asked:
            page.mouse.click(int(places[len(places) // 2]), 400)
        assert asked.value.header_value("content-type") == "text/mapml; charset=utf-8"
        for band, value in enumerate(values, 1):
            assert f">band{band}</th><td>{value}</td>" in asked.value.text()
        page.wait_for_selector(".mapml-popup-content")
    assert mistakes == []
    page.context.close()


def test_a_missing_viewer_is_told_with_the_command(browser: Browser, origin: str) -> None:
    page = new_context(browser).new_page()
    page.route("**/maps4html/mapml.js", lambda route: route.fulfill(status=404))
    page.goto(f"{origin}/viewer/mapml.html")
    told = page.wait_for_selector("#problem:not([hidden])")
    assert told is not None
    assert "npm install" in told.inner_text()
    page.context.close()
