"""The gallery where something is wrong: files that cannot be shown, a network that is slow or away; and who cannot see it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.end_to_end.accessibility import violations
from tests.end_to_end.browsing import Visit, visit
from tests.end_to_end.gallery_images import card, gallery

WITHOUT_WEBGL = True


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the gallery."""
    with gallery(tmp_path_factory.mktemp("gallery")) as address:
        yield address


@pytest.fixture
def window(browser: Browser, address: str) -> Iterator[Visit]:
    """A window without a page."""
    with visit(browser, address) as guest:
        yield guest


def test_what_cannot_be_shown_is_listed_with_a_sentence(window: Visit) -> None:
    window.open()
    for name, words in {
        "empty.tif": "The file is empty.",
        "broken.tif": "The file is damaged",
        "letter.jpg": "the content is none that this server knows",
    }.items():
        found = window.page.locator("#images li.unreadable", has_text=name)
        expect(found.locator("small")).to_contain_text(words)
        expect(found.locator("a")).to_have_count(0)
    expect(window.page.locator("#images li", has_text="notes.txt")).to_have_count(0)
    assert window.mistakes == []


def test_pages_of_a_file_are_counted(window: Visit) -> None:
    window.open()
    expect(card(window.page, "book.tif")).to_contain_text("3 pages")


def test_a_folder_is_a_collection(window: Visit) -> None:
    window.open("#folder=Archive%2FBox+2%2F1571%2FK%C3%B6ln")
    link = window.page.get_by_role("link", name="IIIF collection")
    answer = window.page.request.get(link.evaluate("link => link.href"))
    assert answer.json()["items"][0]["label"]["none"] == ["Ansicht & 50% mehr.jpg"]


def test_a_slow_list_is_seen_to_be_on_its_way(window: Visit) -> None:
    held: list[Route] = []
    window.page.route("**/viewer/images.json*", lambda route: held.append(route))
    window.page.goto(window.address)
    expect(window.page.locator("#images li.placeholder").first).to_be_visible()
    expect(window.page.get_by_role("status")).to_have_text("Loading …")
    held[0].continue_()
    expect(window.page.get_by_role("status")).to_have_text("2 folders · 5 images")
    expect(window.page.locator("#images li.placeholder")).to_have_count(0)


def test_a_slow_thumbnail_is_seen_to_be_on_its_way(window: Visit) -> None:
    held: list[Route] = []
    window.page.route("**/iiif/3/plate.jpg/**", lambda route: held.append(route))
    with window.page.expect_request("**/iiif/3/plate.jpg/**"):
        window.page.goto(window.address)
    frame = card(window.page, "plate.jpg").locator(".frame")
    expect(frame).to_have_attribute("data-state", "waiting")
    held[0].continue_()
    expect(frame).not_to_have_attribute("data-state", "waiting")


def test_thumbnails_are_asked_for_again_when_the_network_is_back(browser: Browser, address: str) -> None:
    """In a small window: the browser loads thumbnails of which it is ten windows away."""
    with visit(browser, address, width=390, height=400) as guest:
        page = guest.page
        guest.open("#folder=Scans")
        page.context.set_offline(True)
        card(page, "Scans/IMG_60.jpg").scroll_into_view_if_needed()
        expect(page.locator(".frame[data-state=away]").first).to_have_text("No connection")
        page.context.set_offline(False)
        expect(page.locator(".frame[data-state=away]")).to_have_count(0)
        frame = card(page, "Scans/IMG_60.jpg").locator(".frame")
        expect(frame).not_to_have_attribute("data-state", re.compile("."))
        assert frame.locator("img").evaluate("image => image.naturalWidth") > 0


def test_the_list_is_shown_when_the_network_is_back(window: Visit) -> None:
    page = window.page
    window.open()
    page.context.set_offline(True)
    page.locator("#folders a", has_text="Scans").click()
    expect(page.locator("#nothing")).to_contain_text("The server cannot be reached.")
    page.context.set_offline(False)
    expect(card(page, "Scans/IMG_1.jpg")).to_be_visible()
    expect(page.locator("#nothing")).to_be_hidden()


def test_a_thumbnail_that_the_server_had_no_time_for_is_asked_for_again(window: Visit) -> None:
    answers = iter([503, 503])

    def refuse(route: Route) -> None:
        status = next(answers, None)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status, headers={"Retry-After": "1"}, body="too much to do")

    window.page.route("**/iiif/3/plate.jpg/**", refuse)
    window.page.goto(window.address)
    expect(card(window.page, "plate.jpg").locator(".frame:not([data-state]) img")).to_be_visible()


def test_the_wall_stays_while_the_server_has_no_time_for_more(window: Visit) -> None:
    page = window.page
    refused: list[str] = []

    def refuse(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=503, headers={"Retry-After": "1"}, body="too much to do")

    page.route(re.compile(r"images\.json.*offset="), refuse)
    window.open("#folder=Scans")
    page.locator("#more").scroll_into_view_if_needed()
    expect(card(page, "Scans/IMG_61.jpg")).to_be_attached()
    expect(card(page, "Scans/IMG_1.jpg")).to_be_attached()
    assert len(refused) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_keeps_anybody_from_using_it(browser: Browser, address: str, scheme: str, width: int) -> None:
    with visit(browser, address, width=width) as guest:
        guest.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for place in ("", "#folder=Archive%2FBox+2", "#folder=Scans&filter=IMG_1", "#folder=none"):
            guest.open(place)
            assert violations(guest.page) == []
            assert guest.page.evaluate("document.documentElement.scrollWidth") <= width
