"""OpenSeadragon's and OpenLayers' own IIP sources, in a real browser, against a running server.

The window has the size of the image, so that a pixel of the image is one of the screen. Tiles are
asked for as PNG, and what stands in the window is compared with what the formulas of the commands
(iipsrv's) make of the stored pixels, worked out here with numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

from iipserve.viewer.site import OPENSEADRAGON, installed_file
from tests.end_to_end.browsing import new_context, watch
from tests.end_to_end.iip_pictures import (
    HEIGHT,
    LAPLACE,
    SEPIA,
    SHARPEN,
    TILE,
    WIDTH,
    correlated,
    finished,
    hillshade,
    hot,
    jet,
    layers,
    luma,
    normals,
    photograph,
    samples,
    twist,
    write_pictures,
)
from tests.end_to_end.running import daemon
from tests.end_to_end.viewer_pages import content, named
from tests.images import write_tiff_pyramid
from tests.ports import free_port

ODD = (701, 531)
"""Sides of an image whose levels have odd sizes; each level has as many tiles as OpenLayers calculates."""

BLANK = """<!doctype html><title>Viewer</title><link rel="icon" href="data:,">
<style>html, body, #viewer { width: 100%; height: 100%; margin: 0; overflow: hidden; background: #fff }</style>
<div id="viewer"></div>"""

SHOW_IN_OPENSEADRAGON = """options => new Promise((resolve, reject) => {
    const viewer = OpenSeadragon({
        id: "viewer", showNavigationControl: false, animationTime: 0, smoothTileEdgesMinZoom: Infinity,
        imageSmoothingEnabled: false, ...options,
    });
    viewer.addHandler("open-failed", ({ message }) => reject(new Error(message)));
    viewer.addHandler("tile-load-failed", ({ message, tile }) => reject(new Error(`${message}: ${tile.getUrl()}`)));
    viewer.addHandler("open", () => {
        const image = viewer.world.getItemAt(0);
        const drawn = () => requestAnimationFrame(() => requestAnimationFrame(resolve));
        image.addHandler("fully-loaded-change", ({ fullyLoaded }) => fullyLoaded && drawn());
    });
})"""

SHOW_IN_OPENLAYERS = """({ options, zoom }) => new Promise((resolve, reject) => {
    const source = new ol.source.Zoomify({ transition: 0, interpolate: false, ...options });
    source.on("tileloaderror", ({ tile }) => reject(new Error(tile.src_)));
    const grid = source.getTileGrid();
    const map = new ol.Map({
        target: "viewer", controls: [], layers: [new ol.layer.Tile({ source })],
        view: new ol.View({
            resolutions: grid.getResolutions(), extent: grid.getExtent(), constrainOnlyCenter: true,
            center: ol.extent.getCenter(grid.getExtent()), zoom: grid.getMaxZoom() - zoom,
        }),
    });
    map.once("rendercomplete", () => resolve());
})"""


@pytest.fixture(scope="module")
def smallest(folder: Path) -> NDArray[np.uint8]:
    """The smallest level of the photograph: statistics are taken of it."""
    with tifffile.TiffFile(folder / "photograph.tif") as file:
        pixels: NDArray[np.uint8] = file.pages[-1].asarray()
    return pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images."""
    folder = tmp_path_factory.mktemp("images")
    write_pictures(folder)
    write_tiff_pyramid(folder / "odd.tif", photograph(*ODD), compression="deflate")
    return folder


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address."""
    port = free_port()
    work = tmp_path_factory.mktemp("server")
    with daemon(folder, work, "--http", f"127.0.0.1:{port}", ports=[port]):
        yield f"http://127.0.0.1:{port}"


class Window(NamedTuple):
    """A blank page on the server's own origin, with a viewer's script in it."""

    page: Page
    answered: list[str]

    def pixels(self) -> NDArray[np.int64]:
        """What is seen, as RGB."""
        return imagecodecs.png_decode(self.page.screenshot())[..., :3].astype(np.int64)


def openseadragon() -> str:
    """Its script; the test is skipped where it is not installed."""
    if not installed_file(OPENSEADRAGON).exists():
        pytest.skip("OpenSeadragon is not installed")
    return installed_file(OPENSEADRAGON).read_text(encoding="utf-8")


def openlayers() -> str:
    """Its script; the test is skipped where it is not installed."""
    return content(named("ol"))["dist/ol.js"].decode()


@contextmanager
def window(browser: Browser, origin: str, script: str, size: tuple[int, int]) -> Iterator[Window]:
    """Open a window; at its end nothing may have gone wrong in it."""
    context = new_context(browser, viewport={"width": size[0], "height": size[1]})
    try:
        page = context.new_page()
        answered: list[str] = []
        mistakes: list[str] = []
        watch(page, answered, mistakes)
        address = f"{origin}/blank-page-of-the-test"
        page.route(address, lambda route: route.fulfill(content_type="text/html", body=BLANK))
        page.goto(address)
        page.add_script_tag(content=script)
        yield Window(page, answered)
        assert mistakes == []
    finally:
        context.close()


class Case(NamedTuple):
    """A `transform` of OpenSeadragon, what stands in the addresses of its tiles, and what comes out."""

    transform: dict[str, Any]
    command: str
    expected: Callable[[NDArray[np.float32]], NDArray[np.int64]]
    image: str = "photograph.tif"


CASES = {
    "nothing": Case({}, "FIF=photograph.tif&PTL=", finished),
    "contrast": Case({"contrast": 1.7}, "&CNT=1.7&", lambda v: finished(1.7 * v)),
    "gamma": Case({"gamma": 0.5}, "&GAM=0.5&", lambda v: finished(np.sqrt(v))),
    "gamma, logarithm": Case(
        {"gamma": "log"}, "&GAM=log&", lambda v: finished(np.log(1 + 255 * v) / np.log(np.float32(256)))
    ),
    "invert": Case({"invert": True}, "&INV&", lambda v: finished(1 - v)),
    "color": Case({"color": "gray"}, "&COL=gray&", lambda v: luma(np.rint(v * 255))),
    "twist": Case(
        {"twist": "[0,0,1;0,1,0;1,0,0]"}, "&CTW=[0,0,1;0,1,0;1,0,0]&", lambda v: finished(v[..., ::-1])
    ),
    "twist, sepia": Case(
        {"twist": "[0.393,0.769,0.189;0.349,0.686,0.168;0.272,0.534,0.131]"},
        "&CTW=[0.393,",
        lambda v: finished(twist(v, SEPIA)),
    ),
    "convolution": Case(
        {"convolution": "sharpen"}, "&CNV=sharpen&", lambda v: finished(correlated(v, SHARPEN))
    ),
    "convolution, edges": Case(
        {"convolution": "laplace"}, "&CNV=laplace&", lambda v: finished(correlated(v, LAPLACE))
    ),
    "colormap": Case({"colormap": "hot"}, "&CMP=hot&", lambda v: finished(hot(v))),
    "colormap, jet": Case({"colormap": "JET"}, "&CMP=JET&", lambda v: finished(jet(v))),
    "minmax": Case({"minmax": "-:40,200"}, "&MINMAX=-:40,200&", lambda v: finished((255 * v - 40) / 160)),
    "hillshade": Case(
        {"hillshade": "135,45"}, "&SHD=135,45&", lambda v: finished(hillshade(v, 135, 45)), "normals.tif"
    ),
    "stack": Case({"stack": 2}, "&SDS=2&", lambda _: finished(samples(layers()[2])), "stack.tif"),
    "stack, its first picture": Case(
        {"stack": "0"}, "&SDS=0&", lambda _: finished(samples(layers()[0])), "stack.tif"
    ),
    "stack, a view of a sequence": Case(
        {"stack": "240,90"}, "&SDS=240,90&", lambda _: finished(samples(layers()[2])), "vase"
    ),
    "several at once": Case(
        # in iipsrv's order, whatever the order in the address
        {"colormap": "hot", "invert": True, "gamma": 2, "contrast": 1.2, "stack": 1},
        "&SDS=1&",
        lambda _: finished(1.2 * hot(1 - samples(layers()[1]) ** 2)),
        "stack.tif",
    ),
}


def shown_in_openseadragon(
    browser: Browser, origin: str, image: str, transform: dict[str, Any], **options: Any
) -> tuple[NDArray[np.int64], list[str]]:
    """Show an image in a window of its size: its pixels, and the addresses of its tiles at full size."""
    options = {"format": "png"} | options
    source = {
        "iipsrv": f"{origin}/iip",
        "image": image,
        "format": options.pop("format"),
        "transform": transform,
    }
    with window(browser, origin, openseadragon(), (WIDTH, HEIGHT)) as opened:
        opened.page.evaluate(SHOW_IN_OPENSEADRAGON, {"tileSources": source, **options})
        return opened.pixels(), [address for address in opened.answered if "TL=3," in address]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_openseadragon_draws_each_transform(browser: Browser, origin: str, case: Case) -> None:
    stored = normals() if case.image == "normals.tif" else photograph()
    shown, tiles = shown_in_openseadragon(browser, origin, case.image, case.transform)
    assert len(tiles) == -(-WIDTH // TILE) * -(-HEIGHT // TILE)
    assert all(case.command in address for address in tiles)
    difference = np.abs(shown - case.expected(samples(stored)))
    # what comes out whole may be a little less, and is cut off then
    assert difference.max() <= 1
    assert difference.mean() < 0.5


def test_openseadragon_stretches_by_the_whole_image(
    browser: Browser, origin: str, smallest: NDArray[np.uint8]
) -> None:
    shown, _ = shown_in_openseadragon(browser, origin, "photograph.tif", {"contrast": "stretch"})
    brightness = np.rint(smallest.mean(axis=2))
    low, high = brightness.min(), brightness.max()
    assert np.abs(shown - finished((photograph() - low) / (high - low))).max() <= 2


def test_openseadragon_equalizes_all_tiles_alike(
    browser: Browser, origin: str, smallest: NDArray[np.uint8]
) -> None:
    shown, _ = shown_in_openseadragon(browser, origin, "photograph.tif", {"contrast": "eq"})
    brightness = np.rint(smallest.mean(axis=2)).astype(int)
    share_below = np.cumsum(np.bincount(brightness.ravel(), minlength=256)) / brightness.size
    assert np.abs(shown - np.rint(255 * share_below)[photograph()]).max() <= 3


def test_openseadragon_draws_two_tones(browser: Browser, origin: str, smallest: NDArray[np.uint8]) -> None:
    shown, _ = shown_in_openseadragon(browser, origin, "photograph.tif", {"color": "binary"})
    assert set(np.unique(shown)) == {0, 255}
    brightness = luma(photograph())
    threshold = otsu(np.rint(smallest.mean(axis=2)).astype(int))
    clear = np.abs(brightness - threshold) > 1
    assert np.array_equal((shown == 255)[clear], (brightness >= threshold)[clear])


def otsu(brightness: NDArray[Any]) -> int:
    """The first value of the brighter class, where the classes' variance between each other is largest."""
    values = brightness.ravel()
    found = {
        threshold: np.mean(values < threshold)
        * np.mean(values >= threshold)
        * (values[values < threshold].mean() - values[values >= threshold].mean()) ** 2
        for threshold in range(values.min() + 1, values.max() + 1)
    }
    return max(found, key=lambda threshold: found[threshold])


@pytest.mark.parametrize(
    ("quality", "least", "most"),
    [pytest.param(100, 0, 1.5, id="finest"), pytest.param(5, 4, 30, id="coarsest")],
)
def test_openseadragon_chooses_the_quality(
    browser: Browser, origin: str, quality: int, least: float, most: float
) -> None:
    shown, tiles = shown_in_openseadragon(
        browser, origin, "photograph.tif", {"quality": quality}, format="jpg"
    )
    assert all(f"&QLT={quality}&JTL=3," in address for address in tiles)
    assert least < np.abs(shown - photograph()).mean() < most


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "avif"])
def test_openseadragon_draws_each_format(browser: Browser, origin: str, format: str) -> None:
    transform = {"invert": True, "quality": 90 if format != "png" else 9}
    shown, _ = shown_in_openseadragon(browser, origin, "photograph.tif", transform, format=format)
    assert np.abs(shown - (255 - photograph().astype(int))).mean() < 4


@pytest.mark.parametrize("calculation", ["default", "truncated"])
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("", lambda pixels: pixels, id="as stored"),
        pytest.param("&INV", lambda pixels: 255 - pixels, id="inverted"),
        pytest.param("&CTW=[0,0,1;0,1,0;1,0,0]", lambda pixels: pixels[..., ::-1], id="twisted"),
    ],
)
def test_openlayers_draws_what_it_is_asked_for(
    browser: Browser, origin: str, folder: Path, calculation: str, command: str, expected: Callable[..., Any]
) -> None:
    """The full size and the next smaller one, whose sides are odd, in windows of their sizes."""
    with tifffile.TiffFile(folder / "odd.tif") as file:
        levels = [page.asarray().astype(np.int64) for page in file.pages]
    for zoom, level in enumerate(levels[:2]):
        height, width = level.shape[:2]
        with window(browser, origin, openlayers(), (width, height)) as opened:
            options = {
                "url": f"{origin}/iip?FIF=odd.tif{command}&PTL={{z}},{{tileIndex}}",
                "size": ODD,
                "tierSizeCalculation": calculation,
            }
            opened.page.evaluate(SHOW_IN_OPENLAYERS, {"options": options, "zoom": zoom})
            difference = np.abs(opened.pixels() - expected(level))
            tiles = [address for address in opened.answered if f"&PTL={2 - zoom}," in address]
        assert len(set(tiles)) == -(-width // 256) * -(-height // 256)
        assert difference.max() <= 1


def test_openlayers_draws_jpeg_tiles(browser: Browser, origin: str) -> None:
    with window(browser, origin, openlayers(), ODD) as opened:
        options = {"url": f"{origin}/iip?FIF=odd.tif&JTL={{z}},{{tileIndex}}", "size": ODD}
        opened.page.evaluate(SHOW_IN_OPENLAYERS, {"options": options, "zoom": 0})
        assert np.abs(opened.pixels() - photograph(*ODD)).mean() < 3
