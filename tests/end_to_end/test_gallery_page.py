"""Journeys through the gallery in a real browser: opening and closing, Back and forward, folders, the filter."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.browsing import Visit, visit
from tests.end_to_end.gallery_images import DEEP, card, gallery

WITHOUT_WEBGL = True

SITE = "about:blank"
"""What the browser shows before the gallery, in place of another site."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the gallery."""
    with gallery(tmp_path_factory.mktemp("gallery")) as address:
        yield address


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["desktop", "phone"])
def guest(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Visit]:
    """A window without a page."""
    width, height = request.param
    with visit(browser, address, width=width, height=height) as guest:
        yield guest


@pytest.fixture
def window(browser: Browser, address: str) -> Iterator[Visit]:
    """As `guest`, on a desk."""
    with visit(browser, address) as guest:
        yield guest


NOTED = """() => {
    const { key, top } = history.state?.anchor ?? {};
    const card = document.querySelector(`[data-key="${key}"]`);
    return card && Math.abs(card.getBoundingClientRect().top - top) < 1;
}"""
"""Whether the history knows where the wall is."""


REACHED = """name => {
    const card = document.querySelector(`[data-key="${name}"]`);
    (card ?? document.querySelector("footer")).scrollIntoView({ block: "center" });
    return card;
}"""
"""Whether the list has been loaded as far as an image, which is in the middle of the window then."""

AGREES = """() => {
    const name = new URLSearchParams(location.hash.slice(1)).get("image");
    const reader = document.querySelector("#reader");
    return name ? !reader.hidden && reader.querySelector("#name").textContent.includes(name) : reader.hidden;
}"""
"""Whether the page shows what its address says."""


def scrolled_to(page: Page, name: str) -> tuple[str, float]:
    """Load the list as far as an image, bring that to the middle of the window, and wait until this is noted; returns the first
    image in the window, and how far down it is."""
    page.wait_for_function(REACHED, arg=name)
    page.wait_for_function(NOTED)
    anchor = page.evaluate("history.state.anchor")
    return anchor["key"], anchor["top"]


def assert_at(page: Page, name: str, top: float) -> None:
    """An image comes to a distance from the upper edge of the window."""
    page.wait_for_function(
        """([name, top]) => {
            const card = document.querySelector(`#images li[data-key="${name}"] a`);
            return card && Math.abs(card.getBoundingClientRect().top - top) < 3;
        }""",
        arg=[name, top],
    )


# -- opening and closing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "close",
    [
        "for (let n = 0; n < 3; n += 1) document.querySelector('#back').click()",
        "for (let n = 0; n < 3; n += 1) document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))",
    ],
    ids=["back arrow", "Escape"],
)
@pytest.mark.parametrize(
    "link", ["", "#image=Scans%2FIMG_7.jpg&source=iiif"], ids=["from the gallery", "from elsewhere"]
)
def test_closing_twice_does_not_leave_the_site(window: Visit, link: str, close: str) -> None:
    page = window.page
    page.goto(f"{window.address}{link or '#folder=Scans'}")
    if not link:
        card(page, "Scans/IMG_7.jpg").click()
    window.settle()
    page.evaluate(close)
    expect(page.locator("#reader")).to_be_hidden()
    expect(card(page, "Scans/IMG_7.jpg")).to_be_focused()
    page.evaluate(close)
    assert page.url == f"{window.address}#folder=Scans"
    # thumbnails that are on their way are given up by going back
    assert window.mistakes == []
    page.go_back()
    assert page.url == SITE


def test_real_clicks_and_keys_one_after_the_other(window: Visit) -> None:
    page = window.page
    window.open("#folder=Scans")
    for close in (
        lambda: page.locator("#back").dblclick(),
        lambda: [page.keyboard.press("Escape") for _ in range(4)],
    ):
        card(page, "Scans/IMG_3.jpg").click()
        window.settle()
        close()
        expect(page.locator("#reader")).to_be_hidden()
        expect(card(page, "Scans/IMG_3.jpg")).to_be_focused()
        assert page.url == f"{window.address}#folder=Scans"
    assert window.mistakes == []


def test_a_double_click_opens_once(window: Visit) -> None:
    page = window.page
    window.open("#folder=Scans")
    before = page.evaluate("history.length")
    card(page, "Scans/IMG_3.jpg").dblclick(force=True)
    window.settle()
    assert page.evaluate("history.length") == before + 1
    page.go_back()
    expect(page.locator("#reader")).to_be_hidden()
    assert page.url == f"{window.address}#folder=Scans"


def test_back_and_forward_in_quick_succession(window: Visit) -> None:
    """Wherever it comes to rest, the page shows what the address says."""
    page = window.page
    window.open("#folder=Scans")
    for place in ["folder=Archive", "image=plate.jpg", "filter=plate", "image=book.tif&source=deepzoom"] * 2:
        page.evaluate("place => { location.hash = place; }", place)
        page.wait_for_function(AGREES)
    for _ in range(3):
        page.evaluate("history.back()")
        page.evaluate("history.forward()")
        page.evaluate("history.back()")
        page.wait_for_function(AGREES)
    page.evaluate(
        "location.hash = 'image=Scans%2FIMG_5.jpg'; location.hash = 'image=Scans%2FIMG_9.jpg&source=zoomify'"
    )
    expect(page.locator("#name")).to_have_text(re.compile("IMG_9"))
    window.settle()
    assert "IMG_9" in page.url
    assert "zoomify" in page.url
    page.go_back()
    expect(page.locator("#name")).to_have_text(re.compile("IMG_5"))
    window.settle()
    assert "IMG_5" in page.url


def test_an_image_that_is_loaded_again_is_still_above_the_gallery(window: Visit) -> None:
    page = window.page
    window.open("#folder=Scans")
    card(page, "Scans/IMG_4.jpg").click()
    shown = window.settle()
    page.reload()
    assert window.settle() == pytest.approx(shown, rel=1e-3)
    page.keyboard.press("Escape")
    expect(card(page, "Scans/IMG_4.jpg")).to_be_focused()
    assert page.url == f"{window.address}#folder=Scans"
    page.go_back()
    assert page.url == SITE


def test_a_page_that_was_left_comes_back_as_it_was(window: Visit) -> None:
    page = window.page
    window.open("#folder=Scans&filter=IMG_1")
    card(page, "Scans/IMG_13.jpg").click()
    shown = window.settle()
    page.goto(SITE)
    page.go_back()
    assert window.settle() == pytest.approx(shown, rel=1e-3)
    page.locator("#back").dblclick()
    expect(page.locator("#reader")).to_be_hidden()
    expect(page.locator("#filter")).to_have_value("IMG_1")
    assert "image" not in page.url


# -- folders and the filter ------------------------------------------------------------------------


def test_folders_lead_down_and_up(guest: Visit) -> None:
    page = guest.page
    guest.open()
    expect(page.locator("#count")).to_have_text("2 folders · 5 images")
    folders = page.locator("#folders li")
    expect(folders.filter(has_text="Scans")).to_contain_text("300 images")
    for name in DEEP.split("/"):
        folders.filter(has=page.get_by_text(name, exact=True)).locator("a").click()
        expect(page.locator("h1")).to_have_text(name)
    expect(page.locator("#images strong")).to_have_text(["Ansicht & 50% mehr.jpg"])
    assert guest.mistakes == []
    page.reload()
    expect(page.locator("#images strong")).to_have_text(["Ansicht & 50% mehr.jpg"])
    page.locator("#images a").click()
    guest.settle()
    page.keyboard.press("Escape")
    expect(page.locator("#path a")).to_have_text(["Images", "Archive", "Box 2", "1571"])
    page.locator("#path a", has_text="Archive").click()
    expect(page.locator("#folders strong")).to_have_text(["Box 1", "Box 2", "Box 10"])
    page.go_back()
    expect(page.locator("h1")).to_have_text("Köln")
    page.locator("#path a", has_text="Images").click()
    expect(page.locator("#count")).to_have_text("2 folders · 5 images")
    assert page.url == guest.address


def test_names_are_in_natural_order(window: Visit) -> None:
    window.open("#folder=Scans")
    first = [f"IMG_{number}.jpg" for number in range(1, 61)]
    expect(window.page.locator("#images strong")).to_contain_text(first)


def test_a_folder_that_is_not_there(window: Visit) -> None:
    window.open("#folder=no%2Fsuch")
    expect(window.page.locator("#nothing")).to_contain_text("there is no folder 'no/such'")
    window.page.locator("#path a").first.click()
    expect(window.page.locator("#count")).to_have_text("2 folders · 5 images")


def test_the_filter_searches_below_the_folder(window: Visit) -> None:
    page = window.page
    window.open("#folder=Archive")
    page.locator("#filter").fill("KOLN")
    expect(page.locator("#count")).to_have_text("1 image found")
    expect(page.locator("#images .folder")).to_have_text("Box 2 / 1571 / Köln /")
    page.locator("#filter").fill("IMG")
    expect(page.locator("#nothing")).to_contain_text("No name contains these words.")
    assert window.mistakes == []


def test_filter_and_place_survive_reload_and_back(guest: Visit) -> None:
    page = guest.page
    guest.open("#folder=Scans")
    page.locator("#filter").fill("img_2")
    expect(page.locator("#count")).to_have_text("111 images found")
    name, top = scrolled_to(page, "Scans/IMG_251.jpg")
    page.reload()
    assert_at(page, name, top)
    expect(page.locator("#filter")).to_have_value("img_2")
    card(page, "Scans/IMG_251.jpg").click()
    guest.settle()
    page.reload()
    guest.settle()
    page.locator("#back").click()
    assert_at(page, name, top)
    page.goto(SITE)
    page.go_back()
    assert_at(page, name, top)
    expect(page.locator("#filter")).to_have_value("img_2")


def test_back_to_a_folder_finds_it_where_it_was(window: Visit) -> None:
    page = window.page
    window.open("#folder=Scans")
    name, top = scrolled_to(page, "Scans/IMG_200.jpg")
    page.locator("#path a").first.evaluate("link => link.click()")
    expect(page.locator("h1")).to_have_text("Images")
    page.go_back()
    assert_at(page, name, top)
    page.wait_for_function(
        "() => { scrollTo(0, 0); return document.querySelector('[data-key=\"Scans/IMG_1.jpg\"]'); }"
    )
    assert len(set(page.locator("#images strong").all_inner_texts())) == page.locator("#images li").count()
