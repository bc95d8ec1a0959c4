"""One image and its neighbours on the page, driven in a real browser: steps, full screen, tiles that fail and come back,
and two images next to each other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Route, expect

from tests.end_to_end.browsing import View, Visit, visit
from tests.end_to_end.iip_pictures import HEIGHT, LAYERS, WIDTH, layers, photograph, write_pictures
from tests.end_to_end.panel import check, field, opened, standing
from tests.end_to_end.running import daemon
from tests.images import write_tiff_pyramid
from tests.ports import free_port

WITHOUT_WEBGL = True

NAMES = ["a photograph.tif", "b stack.tif", "c.tif"]
TILE = re.compile(r"_files/\d+/\d+_\d+")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the gallery, with three images in it."""
    folder, work = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("server")
    write_pictures(folder)
    (folder / "photograph.tif").rename(folder / NAMES[0])
    (folder / "stack.tif").rename(folder / NAMES[1])
    for path in folder.iterdir():
        if path.name not in NAMES:
            path.unlink()
    write_tiff_pyramid(folder / NAMES[2], photograph()[::-1], tile=(128, 128), compression="deflate")
    port = free_port()
    with daemon(folder, work, "--http", f"127.0.0.1:{port}", ports=[port]):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def guest(browser: Browser, address: str) -> Iterator[Visit]:
    """A window on the gallery."""
    with visit(browser, address) as guest:
        yield guest


def shown(page: Page, name: str) -> None:
    """Wait until an image is open."""
    expect(page.locator("#name")).to_have_text(name)
    page.wait_for_function(
        "name => new URLSearchParams(location.hash.slice(1)).get('image') === name", arg=name
    )


def fragment(name: str, source: str = "deepzoom", **more: str) -> str:
    return f"#{urlencode({'image': name, 'source': source} | more)}"


def test_steps_to_other_images(guest: Visit) -> None:
    guest.open()
    guest.show(NAMES[0], "deepzoom")
    page = guest.page
    expect(page.locator("#next")).to_be_enabled()
    expect(page.locator("#previous")).to_be_disabled()
    expect(page.locator("#position")).to_have_text("1 of 3")
    page.locator("#next").click()
    shown(page, NAMES[1])
    expect(page.locator("#position")).to_have_text("2 of 3")
    guest.settle()
    page.keyboard.press("n")
    shown(page, NAMES[2])
    guest.settle()
    expect(page.locator("#next")).to_be_disabled()
    page.keyboard.press("n")
    page.keyboard.press("p")
    shown(page, NAMES[1])
    expect(page.locator("#position")).to_have_text("2 of 3")
    guest.settle()
    page.locator("#previous").click()
    shown(page, NAMES[0])
    guest.settle()
    assert "source=deepzoom" in page.url
    page.locator("#back").click()
    expect(page.locator("#reader")).to_be_hidden()
    assert guest.mistakes == []


def test_letters_in_fields_are_written(guest: Visit) -> None:
    guest.open(fragment(NAMES[0]))
    guest.settle()
    page = guest.page
    page.keyboard.press("c")
    page.locator("#choice-filter").focus()
    page.keyboard.type("npf stack")
    expect(page.locator("#choice-filter")).to_have_value("npf stack")
    shown(page, NAMES[0])
    expect(page.locator("#no-choice")).not_to_be_empty()
    assert page.evaluate("document.fullscreenElement") is None


def test_full_screen_by_button_and_key(guest: Visit) -> None:
    guest.open(fragment(NAMES[0]))
    guest.settle()
    page = guest.page
    is_full = "on => (document.fullscreenElement?.id === 'reader') === on"
    page.locator("#full-screen").click()
    page.wait_for_function(is_full, arg=True)
    expect(page.locator("#full-screen")).to_have_attribute("aria-label", "Leave full screen")
    page.keyboard.press("f")
    page.wait_for_function(is_full, arg=False)
    expect(page.locator("#full-screen")).to_have_attribute("aria-label", "Full screen")
    page.keyboard.press("f")
    page.wait_for_function(is_full, arg=True)
    guest.settle()
    page.locator("#back").click()
    page.wait_for_function(is_full, arg=False)
    assert guest.mistakes == []


def test_a_browser_without_full_screen_has_no_button(guest: Visit) -> None:
    guest.page.add_init_script("Object.defineProperty(document, 'fullscreenEnabled', { value: false })")
    guest.open(fragment(NAMES[0]))
    guest.settle()
    expect(guest.page.locator("#full-screen")).to_be_hidden()
    guest.page.keyboard.press("f")
    assert guest.mistakes == []


@pytest.mark.parametrize("source", ["iiif", "iip"])
def test_tiles_come_back_with_the_network(guest: Visit, source: str) -> None:
    guest.open(fragment(NAMES[0], source, view="0.05,0.05,8"))
    guest.settle()
    page = guest.page
    page.context.set_offline(True)
    page.keyboard.press("0")
    assert "could not be loaded" in guest.alert()
    page.get_by_text("The server cannot be reached.").wait_for()
    page.context.set_offline(False)
    expect(page.locator("#alert")).to_be_hidden()
    guest.settle()
    assert np.abs(standing(guest) - photograph())[8:-8, 8:-8].mean() < 6


def test_tiles_come_back_after_errors_of_the_moment(guest: Visit) -> None:
    page = guest.page
    page.route(
        TILE, lambda route: route.fulfill(status=503, content_type="text/plain", body="too much to do")
    )
    page.goto(f"{guest.address}{fragment(NAMES[0])}")
    page.get_by_text("too much to do (503)").wait_for()
    page.unroute(TILE)
    expect(page.locator("#alert")).to_be_hidden()
    assert np.abs(standing(guest) - photograph())[8:-8, 8:-8].mean() < 6


def test_refused_tiles_are_not_asked_for_again(guest: Visit) -> None:
    asked: Counter[str] = Counter()
    fetched: Counter[str] = Counter()

    def refuse(route: Route) -> None:
        asked[route.request.url] += 1
        # by the page, for the reason; other requests are of images, and one that was given up is made again
        fetched[route.request.url] += route.request.resource_type == "fetch"
        route.fulfill(status=404, content_type="text/plain", body="no such tile")

    page = guest.page
    page.route(TILE, refuse)
    guest.open(fragment(NAMES[0]))
    page.get_by_text("no such tile (404)").wait_for()
    guest.settle()
    refused = {address: asked[address] for address, number in fetched.items() if number}
    assert refused
    page.evaluate("dispatchEvent(new Event('online'))")
    page.keyboard.press("+")
    guest.settle()
    page.keyboard.press("0")
    guest.settle()
    assert {address: asked[address] for address in refused} == refused
    assert max(fetched.values()) == 1
    assert "could not be loaded" in guest.alert()


def test_an_image_is_opened_once_the_network_is_back(guest: Visit) -> None:
    guest.open()
    guest.show(NAMES[0], "deepzoom")
    page = guest.page
    page.context.set_offline(True)
    page.keyboard.press("n")
    assert "The server cannot be reached." in guest.alert()
    page.context.set_offline(False)
    expect(page.locator("#alert")).to_be_hidden()
    guest.settle()
    shown(page, NAMES[1])


def test_loading_is_seen_until_tiles_are_there(guest: Visit) -> None:
    held: list[Route] = []
    page, is_slow = guest.page, True
    page.route(TILE, lambda route: held.append(route) if is_slow else route.continue_())
    page.goto(f"{guest.address}{fragment(NAMES[0])}")
    loading = page.get_by_role("status").filter(has_text="Loading")
    expect(loading).to_be_visible()
    is_slow = False
    for route in held:
        route.continue_()
    expect(loading).to_be_hidden()
    guest.settle()
    assert guest.mistakes == []


def test_a_protocol_pressed_before_the_image_is_there_shows_the_view_of_the_link(guest: Visit) -> None:
    held: list[Route] = []
    page = guest.page
    page.route("**/info.json", lambda route: held.append(route))
    with page.expect_request("**/info.json"):
        page.goto(f"{guest.address}{fragment(NAMES[0], 'iiif', view='0.4,0.3,1.5')}")
    page.locator("#sources [value=deepzoom]").check(force=True)
    assert guest.settle() == pytest.approx(View(0.4, 0.3, 1.5), rel=0.01)
    assert "source=deepzoom" in page.url


def test_a_second_image_that_is_refused_is_not_that_of_before(guest: Visit) -> None:
    page = guest.page
    page.route(re.compile(r"c\.tif.*obj=IIP"), lambda route: route.fulfill(status=503, body="too much to do"))
    guest.open(fragment(NAMES[0], "iip", second=NAMES[1]))
    guest.settle()
    expect(page.locator("#second-stage canvas").first).to_be_visible()
    page.locator("#compare").click()
    page.locator("#choices button", has_text=NAMES[2]).click()
    expect(page.locator("#second-note")).to_contain_text("too much to do")
    expect(page.locator("#second-stage canvas")).to_have_count(0)
    page.keyboard.press("r")
    guest.settle()
    assert "turn=90" in page.url
    assert not [said for said in guest.mistakes if said.startswith("script: ")]


def halves(guest: Visit) -> list[NDArray[np.float64]]:
    """The middles of both images in the window."""
    pixels = guest.screenshot().astype(np.float64)
    height, width = pixels.shape[:2]
    if width > height:
        return [pixels[300:500, left + 60 : left + 580] for left in (0, 640)]
    return [pixels[top + 120 : top + 300, 60:330] for top in (0, 422)]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)], ids=["desktop", "phone"])
def test_two_images_are_moved_as_one(browser: Browser, address: str, width: int, height: int) -> None:
    """The second image is the first one upside down, so that lines of the one are those of the other in reverse."""
    with visit(browser, address, width=width, height=height) as guest:
        page = guest.page
        guest.open(fragment(NAMES[0], "iiif"))
        guest.settle()
        page.locator("#compare").click()
        page.locator("#choices button", has_text=NAMES[2]).click()
        expect(page.locator("#second-name")).to_have_text(NAMES[2])
        page.wait_for_function("location.hash.includes('second=c.tif')")
        for stage in ("#second", "#stage"):
            box = page.locator(stage).bounding_box()
            assert box is not None
            page.mouse.move(box["x"] + 150, box["y"] + box["height"] / 2)
            before = guest.settle()
            page.mouse.wheel(0, -200)
            page.wait_for_function(
                "former => !location.hash.includes(former)", arg=page.url.split("view=")[1]
            )
            assert guest.settle().zoom > before.zoom
        page.locator("#fit").click()
        guest.settle()
        upper, lower = halves(guest)
        assert np.abs(upper - lower).mean() > 10
        assert np.abs(upper - lower[::-1]).mean() < 6
        link = page.url
        with visit(browser, address, width=width, height=height) as other:
            other.open(link.removeprefix(address))
            assert other.settle() == pytest.approx(
                View(*map(float, parse_qs(urlsplit(link).fragment)["view"][0].split(","))), rel=0.01
            )
            expect(other.page.locator("#second-name")).to_have_text(NAMES[2])
            other.page.locator("#close-second").click()
            expect(other.page.locator("#second")).to_be_hidden()
            other.settle()
            assert "second=" not in other.page.url
            assert other.mistakes == []
        assert guest.mistakes == []


def second_view(page: Page) -> View:
    """Where the second image is that is moved by itself, by the page's address."""
    (view,) = parse_qs(urlsplit(page.url).fragment)["apart"]
    return View(*map(float, view.split(",")))


def test_two_images_are_moved_apart(guest: Visit) -> None:
    page = guest.page
    guest.open(fragment(NAMES[0], "iiif", second=NAMES[2], view="0.5,0.35,2"))
    together = guest.settle()
    page.get_by_role("button", name="Move both images as one", pressed=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Move both images as one", pressed=False)).to_be_visible()
    assert (guest.settle(), second_view(page)) == (together, pytest.approx(together, rel=0.01))
    for stage, name in (("#second-stage", NAMES[2]), ("#stage", NAMES[0])):
        before = guest.settle(), second_view(page)
        page.locator(stage).get_by_role("application", name=name).focus()
        address = page.url
        page.keyboard.press("+")
        page.wait_for_function("before => location.href !== before", arg=address)
        after = guest.settle(), second_view(page)
        grown = [new.zoom / old.zoom for new, old in zip(after, before, strict=True)]
        assert grown == pytest.approx([1, 2] if stage == "#second-stage" else [2, 1], rel=0.01)
    assert guest.mistakes == []
    page.reload()
    assert (guest.settle(), second_view(page)) == after
    page.keyboard.press("u")
    page.wait_for_function("!location.hash.includes('apart=')")
    page.locator("#stage").get_by_role("application").focus()
    page.keyboard.press("0")
    guest.settle()
    upper, lower = halves(guest)
    assert np.abs(upper - lower[::-1]).mean() < 6


def fetched(page: Page, address: str) -> NDArray[np.float64]:
    """The picture at an address, as gray."""
    answer = page.request.get(address)
    assert answer.status == 200, address
    pixels: NDArray[np.float64] = np.asarray(imagecodecs.imread(answer.body()), np.float64)
    return pixels.mean(axis=2) if pixels.ndim == 3 else pixels


def test_addresses_and_export_are_of_what_is_shown(guest: Visit) -> None:
    """The third layer, inverted and turned, the part in view."""
    page = opened(guest, NAMES[1])
    field(page, "layer").select_option(LAYERS[2])
    check(page, "invert")
    check(page, "turn", "90")
    check(page, "part", "view")
    page.locator("#format").select_option("png")
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    for _ in range(3):
        page.locator("#zoom-in").click()
    view = guest.settle()
    export = page.locator("#export").get_attribute("href") or ""
    x, y, width, height = (float(part) for part in parse_qs(urlsplit(export).query)["RGN"][0].split(","))
    assert [x + width / 2, (y + height / 2) * HEIGHT / WIDTH] == pytest.approx(view[:2], abs=0.01)
    assert width < 0.7
    left, top = round(x * WIDTH), round(y * HEIGHT)
    right, bottom = left + round(width * WIDTH), top + round(height * HEIGHT)
    picture = 255.0 - layers()[2][..., 0]
    part = np.rot90(picture[top:bottom, left:right], -1)
    # inverting cuts off fractions
    assert np.abs(fetched(page, export) - part).max() <= 1
    address = {
        row.get_attribute("id"): row.locator(".address").inner_text()
        for row in page.locator("#addresses li").all()
    }
    assert np.abs(fetched(page, address["address-view"]) - part).mean() < 4
    assert np.abs(fetched(page, address["address-whole"]) - np.rot90(picture, -1)).mean() < 4
    tile = picture[:128, :128]
    for protocol, end, other in (
        ("iiif", "/info.json", "/0,0,128,128/max/0/default.png"),
        ("deepzoom", ".dzi", "_files/10/0_0.png"),
        ("zoomify", "/ImageProperties.xml", "/TileGroup0/3-0-0.png"),
        ("iip", "", "&RGN=0,0,0.2,0.285714286&WID=128&CVT=png"),
    ):
        base = address[f"address-{protocol}"].removesuffix(end)
        assert np.abs(fetched(page, f"{base}{other}") - tile).max() <= 1, protocol
        if end:
            assert page.request.get(f"{base}{end}").status == 200
    expect(page.locator("#adjusted")).to_be_visible()
    assert guest.mistakes == []


def test_sizes_and_formats_of_exports(guest: Visit) -> None:
    page = opened(guest, NAMES[0])
    export = page.locator("#export")
    formats = page.locator("#format option").evaluate_all("options => options.map(each => each.value)")
    assert {"jpeg", "png", "webp", "avif", "tiff", "gif", "pdf"} <= set(formats)
    for name in formats:
        page.locator("#format").select_option(name)
        answer = page.request.get(export.get_attribute("href") or "")
        assert answer.status == 200
        assert name in answer.headers["content-type"]
    page.locator("#format").select_option("png")
    check(page, "turn", "270")
    for size, width in (("full", HEIGHT), ("half", HEIGHT // 2), ("own", 100)):
        field(page, "size").select_option(size)
        if size == "own":
            field(page, "width").fill("100")
        expect(page.locator("#export-size")).to_have_text(re.compile(rf"^{width} "))
        expect(export).to_have_attribute("href", re.compile("&ROT=270&WID="))
        assert fetched(page, export.get_attribute("href") or "").shape[1] == pytest.approx(width, abs=1)
    field(page, "size").select_option("screen")
    page.locator("#zoom-out").click()
    guest.settle()
    scale = float(page.locator("#scale").inner_text().removesuffix("%")) / 100
    pixels = fetched(page, export.get_attribute("href") or "")
    assert pixels.shape[1] == pytest.approx(min(1, scale) * HEIGHT, rel=0.02)
    assert guest.mistakes == []
