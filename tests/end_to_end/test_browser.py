"""The gallery and every kind of tile source of OpenSeadragon, driven in a real browser.

The image has odd sides, so that every level ends in tiles of odd sizes, and colors that tell where
each of its points belongs: what stands in the window is compared with what should.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from playwright.sync_api import Browser, Route, expect

from tests.end_to_end.browsing import View, Visit, visit
from tests.end_to_end.running import daemon, needed, nginx
from tests.ports import free_port

WIDTH, HEIGHT = 3073, 2680
CHART = "Old maps/Köln & 50% more.tif"
BROKEN = "Old maps/broken.tif"
PAGES = 70
"""Small images, so that the gallery does not fit in one answer."""

SOURCES = {
    "iiif": (
        "/iiif/3/Old%20maps%2FK%C3%B6ln%20%26%2050%25%20more.tif/",
        "/3072,2560,1,120/1,120/0/default.jpg",
    ),
    "deepzoom": ("/deepzoom/Old%20maps/K%C3%B6ln%20%26%2050%25%20more.tif_files/", "/12/12_10.jpg"),
    "zoomify": ("/zoomify/Old%20maps/K%C3%B6ln%20%26%2050%25%20more.tif/TileGroup", "/4-12-10.jpg"),
    "iip": ("/iip?FIF=Old%20maps/K%C3%B6ln%20%26%2050%25%20more.tif&JTL=", "=4,142"),
}
"""What the addresses of tiles contain, and how the one in the last corner of the full size ends."""
VIEWS = [None, View(0.12, 0.1, 3.0), View(0.93, 0.82, 5.0), View(0.5, 0.43, 2.4), View(0.97, 0.05, 8.0)]
"""The whole image, the first corner, the last, the middle, and a third corner, enlarged."""


def colors(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The colors of the chart at points in pixels of its full size: waves of 1024 pixels and a ramp."""
    red = 30 + np.abs(x % 1024 - 512) * 0.4
    green = 30 + np.abs(y % 1024 - 512) * 0.4
    blue = 10 + 60 * x / WIDTH + 60 * y / HEIGHT
    return np.stack([red, green, blue], axis=-1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images: the chart, one that is broken, and many small ones."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "Old maps").mkdir()
    (folder / "pages").mkdir()
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    chart = pyvips.Image.new_from_array(np.rint(colors(x + 0.5, y + 0.5)).astype(np.uint8))
    # libvips rounds the sizes of smaller levels down: 1536, 768, 384, 192
    chart.tiffsave(
        str(folder / CHART),
        compression="jpeg",
        Q=92,
        tile=True,
        tile_width=256,
        tile_height=256,
        pyramid=True,
    )
    (folder / BROKEN).write_bytes(b"II*\0 and then no directory")
    page = pyvips.Image.black(40, 30, bands=3).copy(interpretation="srgb") + 200
    for number in range(PAGES):
        page.cast("uchar").pngsave(str(folder / f"pages/{number:02}.png"))
    return folder


@pytest.fixture(scope="module")
def addresses(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of the gallery: straight over HTTP, through nginx by FastCGI, and through nginx below a prefix."""
    needed("nginx")
    work = tmp_path_factory.mktemp("servers")
    http, fastcgi = free_port(), free_port()
    listen = ("--http", f"127.0.0.1:{http}", "--bind", f"127.0.0.1:{fastcgi}")
    with (
        daemon(folder, work, *listen, ports=[http, fastcgi], VIEWER="1"),
        nginx(work, fastcgi=f"127.0.0.1:{fastcgi}", http=f"127.0.0.1:{http}") as front,
    ):
        yield {
            "http": f"http://127.0.0.1:{http}/",
            "fastcgi": f"{front}/",
            "prefix": f"{front}/below/a/prefix/",
        }


@pytest.fixture(params=["http", "fastcgi", "prefix"])
def guest(request: pytest.FixtureRequest, browser: Browser, addresses: dict[str, str]) -> Iterator[Visit]:
    """A window on the gallery, by each way to it."""
    with visit(browser, addresses[request.param]) as guest:
        yield guest


@pytest.fixture
def local(browser: Browser, addresses: dict[str, str]) -> Iterator[Visit]:
    """A window on the gallery, straight over HTTP."""
    with visit(browser, addresses["http"]) as guest:
        yield guest


def assert_shown(guest: Visit, view: View) -> None:
    """The window holds the part of the chart that `view` says, and nothing where the chart ends."""
    pixels = guest.screenshot().astype(np.float64)
    height, width = pixels.shape[:2]
    down, across = np.mgrid[0:height, 0:width].astype(np.float64) + 0.5
    x = (view.x + (across - width / 2) / (view.zoom * width)) * WIDTH
    y = (view.y + (down - height / 2) / (view.zoom * width)) * WIDTH
    margin = 3 * WIDTH / (view.zoom * width)
    inside = (x > margin) & (x < WIDTH - margin) & (y > margin) & (y < HEIGHT - margin)
    outside = (x < -margin) | (x > WIDTH + margin) | (y < -margin) | (y > HEIGHT + margin)
    # the mark of the keyboard's focus
    outside[:4] = outside[-4:] = outside[:, :4] = outside[:, -4:] = False
    assert inside.mean() > 0.25
    errors = np.abs(pixels - colors(x, y)).max(axis=-1)[inside]
    assert np.percentile(errors, 99) < 8
    assert errors.max() < 40
    assert len(np.unique(pixels[outside], axis=0)) <= 1


def test_every_image_is_on_the_page(guest: Visit) -> None:
    guest.open("#folder=Old+maps")
    card = guest.page.locator("#images li", has_text="Köln")
    expect(card).to_contain_text("3,073 \N{MULTIPLICATION SIGN} 2,680 · TIFF · 5 levels")
    thumbnail = card.locator("img")
    thumbnail.scroll_into_view_if_needed()
    guest.page.wait_for_function("image => image.complete", arg=thumbnail.element_handle())
    size = thumbnail.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    # browsers give the size in CSS pixels, which depends on the candidate they chose
    assert size[0] > 200
    assert size[0] / size[1] == pytest.approx(WIDTH / HEIGHT, rel=0.01)
    expect(guest.page.locator("#count")).to_have_text("2 images")
    assert guest.mistakes == []


@pytest.mark.parametrize("source", SOURCES)
def test_tiles_are_where_they_belong(local: Visit, source: str) -> None:
    """Links to several views: whole, between two levels of the file, at full size, and beyond."""
    local.open()
    for view in VIEWS:
        shown = local.show(CHART, source, view)
        assert view is None or shown == pytest.approx(view, rel=0.2)
        assert_shown(local, shown)
    assert local.mistakes == []
    tiles, last = SOURCES[source]
    assert any(tiles in address and address.endswith(last) for address in local.answered)
    # thumbnails come from IIIF, whatever the source of the tiles
    others = [tiles for name, (tiles, _) in SOURCES.items() if name not in (source, "iiif")]
    assert not [address for address in local.answered for other in others if other in address]


def test_every_source_through_every_front_end(guest: Visit) -> None:
    """One window, the switch clicked: the view stays, and every tile to the last corner is there."""
    guest.open()
    guest.show(CHART, "iiif")
    corner = View(0.93, 0.82, 4.0)
    shown = guest.show(CHART, "iiif", corner)
    for source, (tiles, last) in SOURCES.items():
        guest.page.locator(f"#sources input[value={source}]").check(force=True)
        assert guest.settle() == pytest.approx(shown, rel=1e-3)
        assert_shown(guest, shown)
        arrived = [address for address in guest.answered if tiles in address]
        assert [address for address in arrived if address.endswith(last)], (source, arrived)
    assert guest.mistakes == []


def test_zooming_with_the_buttons_and_the_wheel(local: Visit) -> None:
    local.open()
    whole = local.show(CHART, "deepzoom")
    for _ in range(3):
        local.page.locator("#zoom-in").click()
    closer = local.settle()
    assert closer.zoom == pytest.approx(whole.zoom * 8, rel=0.01)
    assert_shown(local, closer)
    local.page.mouse.move(300, 300)
    fragment = local.page.evaluate("location.hash")
    local.page.mouse.wheel(0, 300)
    local.page.wait_for_function("former => location.hash !== former", arg=fragment)
    assert local.settle().zoom < closer.zoom
    local.page.locator("#full-size").click()
    assert local.settle().zoom == pytest.approx(WIDTH / 1280, rel=0.01)
    expect(local.page.locator("#scale")).to_have_text("100 %")
    local.page.locator("#fit").click()
    assert local.settle() == pytest.approx(whole, rel=0.01)
    assert local.mistakes == []


def test_keyboard_alone(local: Visit) -> None:
    local.open()
    local.page.keyboard.press("Tab")
    local.page.keyboard.type("köln")
    expect(local.page.locator("#count")).to_have_text("1 image found")
    for name in ("Map", "MapML", "Collections"):
        local.page.keyboard.press("Tab")
        expect(local.page.get_by_role("link", name=name, exact=True)).to_be_focused()
    local.page.keyboard.press("Tab")
    local.page.keyboard.press("Enter")
    whole = local.settle()
    local.page.keyboard.press("+")
    assert local.settle().zoom == pytest.approx(2 * whole.zoom, rel=0.01)
    for key, panel in (("i", "#about-panel"), ("l", "#panel"), ("c", "#choice")):
        local.page.keyboard.press(key)
        expect(local.page.locator(panel)).to_be_visible()
        expect(local.page.locator(f"{panel} header button")).to_be_focused()
        local.page.keyboard.press("Escape")
        expect(local.page.locator(panel)).to_be_hidden()
    local.page.keyboard.press("Escape")
    expect(local.page.locator("#reader")).to_be_hidden()
    expect(local.page.locator("#images a")).to_be_focused()
    assert "image=" not in local.page.url
    assert local.mistakes == []


def test_a_link_shows_the_same_view_elsewhere(browser: Browser, local: Visit) -> None:
    local.open()
    local.show(CHART, "zoomify")
    shown = local.show(CHART, "zoomify", View(0.3, 0.3, 3.0))
    fragment = local.page.url.removeprefix(local.address)
    with visit(browser, local.address) as other:
        other.open(fragment)
        assert other.settle() == pytest.approx(shown, rel=1e-3)
        assert_shown(other, shown)
        assert other.page.locator("#sources input:checked").input_value() == "zoomify"
        assert other.mistakes == []


def test_back_closes_and_forward_opens(local: Visit) -> None:
    local.open("#folder=pages")
    local.page.locator("#images a").first.click()
    local.settle()
    local.page.go_back()
    expect(local.page.locator("#reader")).to_be_hidden()
    local.page.go_forward()
    local.settle()
    expect(local.page.locator("#reader")).to_be_visible()
    assert local.mistakes == []


def test_addresses_can_be_copied_and_lead_to_the_image(guest: Visit) -> None:
    guest.open()
    guest.show(CHART, "iiif")
    guest.page.locator("#details").click()
    rows = guest.page.locator("#addresses li")
    expect(rows).to_have_count(8)
    guest.page.wait_for_function("document.querySelector('#address-link a').textContent")
    kinds = {}
    for row in rows.all():
        row.locator("button").click()
        expect(row.locator("button")).to_have_text("Copied")
        address = guest.page.evaluate("navigator.clipboard.readText()")
        assert address == row.locator(".address").inner_text()
        assert address.startswith(guest.address)
        answer = guest.page.request.get(
            f"{address}&OBJ=Max-size" if "/iip?" in address and "CVT" not in address else address
        )
        assert answer.status == 200, address
        kinds[row.locator("strong").inner_text()] = answer.headers["content-type"].partition(";")[0]
    assert kinds == {
        "IIP": "application/vnd.netfpx",
        "IIIF": "application/ld+json",
        "IIIF manifest": "application/ld+json",
        "DeepZoom": "application/xml",
        "Zoomify": "application/xml",
        "Whole image": "image/jpeg",
        "Part in view": "image/jpeg",
        "Link to this view": "text/html",
    }


def test_what_cannot_be_read_is_listed_with_the_reason(local: Visit) -> None:
    local.open("#folder=Old+maps")
    card = local.page.locator("#images li", has_text="broken.tif")
    expect(card).to_have_class("unreadable")
    expect(card.locator("a")).to_have_count(0)
    assert len(card.locator("small").inner_text()) > 10
    assert local.mistakes == []


def test_the_list_goes_on_as_one_scrolls(local: Visit) -> None:
    local.open("#folder=pages")
    local.page.locator("footer").scroll_into_view_if_needed()
    expect(local.page.locator("#images li")).to_have_count(PAGES)
    expect(local.page.locator("#more")).to_be_hidden()
    assert local.mistakes == []


def test_the_filter_says_when_nothing_is_found(local: Visit) -> None:
    local.open()
    local.page.locator("#filter").fill("<b>nothing</b>")
    expect(local.page.locator("#nothing")).to_contain_text("No name contains these words.")
    expect(local.page.locator("#images li")).to_have_count(0)
    assert local.mistakes == []


def test_failed_tiles_are_told_with_the_reason(local: Visit) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=422, content_type="text/plain", body="this tile is damaged")

    local.page.route(re.compile(r"_files/\d+/0_0\.jpg"), refuse)
    local.open()
    local.page.evaluate(
        "hash => { location.hash = hash; }", "image=" + CHART.replace("&", "%26") + "&source=deepzoom"
    )
    local.page.get_by_text("this tile is damaged (422)").wait_for()
    assert "from DeepZoom could not be loaded" in local.alert()


def test_an_image_that_is_not_there(local: Visit) -> None:
    local.open("#image=no%2Fsuch.tif&source=zoomify")
    assert "cannot be shown from Zoomify" in local.alert()
    assert "(404)" in local.alert()


def test_a_missing_openseadragon_is_told_with_the_command(local: Visit) -> None:
    local.page.route("**/openseadragon.min.js", lambda route: route.fulfill(status=404))
    local.open("#image=pages%2F00.png")
    assert "npm install" in local.alert()


@pytest.mark.parametrize("opened", ["", "#image=pages%2F00.png"], ids=["gallery", "image"])
def test_nothing_is_cut_off_on_a_phone(browser: Browser, addresses: dict[str, str], opened: str) -> None:
    with visit(browser, addresses["http"], width=390, height=844) as guest:
        guest.open(opened)
        if opened:
            guest.settle()
            guest.page.locator("#details").click()
        assert guest.page.evaluate("document.documentElement.scrollWidth") <= 390
        selector = "#reader button:visible, #reader label:visible" if opened else "#filter"
        for element in guest.page.locator(selector).all():
            box = element.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
            assert box["height"] >= 32
        assert guest.mistakes == []
