"""The page that manages collections, in a real browser: everything it does is seen through the REST interface."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("sqlalchemy")

from playwright.sync_api import Browser, Page, expect

from iipserve.viewer.site import OPENLAYERS, installed_file
from tests.end_to_end.browsing import new_context, watch
from tests.end_to_end.collection_servers import ask, collection_server
from tests.end_to_end.running import map_server
from tests.geo_rasters import GRIDS, Affine, positions, write_geotiff

WITHOUT_WEBGL = True

TOKEN = "long-enough-to-guess"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rasters next to each other, and a file that is none."""
    folder = tmp_path_factory.mktemp("rasters")
    (folder / "coast").mkdir()
    (folder / "uploads").mkdir()
    crs, transform = GRIDS["wgs84"]
    for number in range(3):
        tags = {"TIFFTAG_DATETIME": f"202{number}:05:14 10:30:00"}
        placed = Affine.translation(number * 1.0, 0) * transform
        write_geotiff(
            folder / f"coast/{number}.tif", positions(dtype="uint8"), crs=crs, transform=placed, tags=tags
        )
    (folder / "coast/broken.tif").write_bytes(b"II*\0 no image")
    return folder


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that may be edited with a token."""
    work = tmp_path_factory.mktemp("work")
    (work / "tokens").write_text(f"{hashlib.sha256(TOKEN.encode()).hexdigest()} Jane Doe\n")
    lines = (
        'services = ["rest", "wmts"]',
        "editable = true",
        f'tokens = "{work}/tokens"',
        f'upload_folder = "{folder}/uploads"',
        f'overview_folder = "{folder}/overviews"',
    )
    with collection_server(folder, work, *lines) as address:
        yield address


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Page]:
    """The page, once it has said what collections there are; no script may fail on it."""
    if not installed_file(OPENLAYERS).exists():
        pytest.skip("OpenLayers is not installed")
    opened = new_context(browser, viewport={"width": 1200, "height": 800}).new_page()
    mistakes: list[str] = []
    watch(opened, [], mistakes)
    opened.goto(f"{origin}/viewer/collections.html")
    expect(opened.locator("#new")).to_be_visible()
    yield opened
    assert [said for said in mistakes if said.startswith("script: ")] == []
    opened.context.close()


def sign_in(page: Page, token: str = TOKEN) -> None:
    page.click("#sign-in")
    page.fill("#token", token)
    page.click("#ask-token button.main")


def create(page: Page, name: str, title: str = "") -> None:
    """A collection, as a person makes one."""
    page.click("#new summary")
    page.fill("#create [name=id]", name)
    page.fill("#create [name=title]", title)
    page.click("#create button")


def add(page: Page, folder: str, message: str) -> None:
    """All images of a folder, until the page says a message."""
    page.click("#adding summary")
    page.fill("#add-names [name=folder]", folder)
    page.click("#add-names button")
    expect(page.locator("#added")).to_have_text(message)


def test_a_collection_is_made_filled_restyled_and_deleted(page: Page, origin: str) -> None:
    sign_in(page)
    create(page, "coast", "The coast")
    expect(page.locator("#title")).to_have_text("The coast")
    add(page, "coast", "3 of 4 images added, 1 failed")
    assert "coast/broken.tif" in page.inner_text("#failed li")
    expect(page.locator("#items li")).to_have_count(3)
    items = ask(f"{origin}/stac/collections/coast/items").value["features"]
    assert sorted(each["id"] for each in items) == ["0.tif", "1.tif", "2.tif"]
    page.click("#appearance summary")
    page.fill("#style [name=black]", "0")
    page.fill("#style [name=white]", "120")
    page.select_option("#style [name=order]", "number")
    with page.expect_response(lambda answer: answer.request.method == "PATCH") as changed:
        page.click("#style button")
    assert changed.value.ok
    collection = ask(f"{origin}/stac/collections/coast").value
    assert collection["iipserve:style"]["range"] == [0, 120]
    assert collection["iipserve:order"] == "number"
    page.get_by_role("button", name="Delete 1.tif").click()
    page.click("#yes")
    expect(page.locator("#items li")).to_have_count(2)
    page.click("#delete")
    page.click("#yes")
    expect(page.locator("#none")).to_be_visible()
    assert ask(f"{origin}/stac/collections").value["collections"] == []


def test_files_are_checked_and_an_overview_is_built(page: Page, folder: Path) -> None:
    sign_in(page)
    create(page, "kept")
    add(page, "coast/[01].*", "2 of 2 images added")
    os.utime(folder / "coast/0.tif", (1, 1))
    page.click("#maintenance summary")
    page.click("#check button")
    expect(page.locator("#added")).to_have_text("2 items, 1 not as they were")
    expect(page.locator("#failed li")).to_have_text("0.tif changed")
    page.check("#check [name=repair]")
    page.click("#check button")
    expect(page.locator("#added")).to_have_text("2 items, 1 repaired")
    page.click("#overview button")
    expect(page.locator("#added")).to_contain_text("0 images left out")
    assert (folder / "overviews/kept.tif").exists()


def test_a_file_is_uploaded(page: Page, origin: str, folder: Path, tmp_path: Path) -> None:
    crs, transform = GRIDS["wgs84"]
    path = write_geotiff(tmp_path / "von hier é.tif", positions(dtype="uint8"), crs=crs, transform=transform)
    bad = tmp_path / "letter.tif"
    bad.write_bytes(b"no image")
    sign_in(page)
    create(page, "uploaded")
    page.click("#adding summary")
    page.set_input_files("#add-files input", [path, bad])
    page.click("#add-files button")
    expect(page.locator("#added")).to_have_text("1 of 2 images added, 1 failed")
    expect(page.locator("#items .name")).to_contain_text("von hier é.tif")
    assert "letter.tif" in page.inner_text("#failed")
    page.set_input_files("#add-files input", path)
    page.click("#add-files button")
    expect(page.locator("#failed")).to_contain_text("has an image of this name")
    item = ask(f"{origin}/stac/collections/uploaded/items/{quote('von hier é.tif')}").value
    assert item["properties"]["proj:shape"] == [80, 120]


def test_a_change_without_a_token_asks_for_one(page: Page, origin: str) -> None:
    create(page, "asked")
    page.fill("#token", "wrong")
    page.click("#ask-token button.main")
    expect(page.locator("#problem")).to_contain_text("token")
    assert "asked" not in [each["id"] for each in ask(f"{origin}/stac/collections").value["collections"]]
    page.click("#create button")
    page.fill("#token", TOKEN)
    page.click("#ask-token button.main")
    expect(page.locator("#title")).to_have_text("asked")


def test_a_search_by_time_and_place_shortens_the_list(page: Page) -> None:
    sign_in(page)
    create(page, "searched")
    add(page, "coast", "3 of 4 images added, 1 failed")
    page.fill("#search [name=from]", "2021-01-01")
    page.fill("#search [name=to]", "2021-12-31")
    page.click("#search button")
    expect(page.locator("#items li")).to_have_count(1)
    expect(page.locator("#items .name")).to_contain_text("2021-05-14 10:30")
    page.fill("#search [name=filter]", "nonsense (")
    page.click("#search button")
    expect(page.locator("#problem")).to_be_visible()


def test_the_mosaic_is_shown_under_the_footprints(page: Page) -> None:
    sign_in(page)
    create(page, "shown")
    with page.expect_response(lambda answer: "/xyz/shown/" in answer.url and answer.ok) as tile:
        add(page, "coast", "3 of 4 images added, 1 failed")
    assert tile.value.headers["content-type"] == "image/png"


def test_a_long_list_is_shown_page_by_page(page: Page, origin: str) -> None:
    credentials = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    long = {"type": "Collection", "id": "long", "description": "Many images"}
    assert ask(f"{origin}/stac/collections", "POST", long, **credentials).status == 201
    many = {"type": "FeatureCollection", "features": [feature(number) for number in range(60)]}
    assert ask(f"{origin}/stac/collections/long/items", "POST", many, **credentials).status == 201
    page.goto(f"{origin}/viewer/collections.html#collection=long")
    expect(page.locator("#items li")).to_have_count(50)
    expect(page.locator("#matched")).to_contain_text("50")
    page.click("#more")
    expect(page.locator("#items li")).to_have_count(60)
    expect(page.locator("#matched")).to_have_text("60 images")
    expect(page.locator("#more")).to_be_hidden()
    names = page.locator("#items li").evaluate_all("rows => rows.map((row) => row.dataset.id)")
    assert names == [f"{number}.tif" for number in range(59, -1, -1)]


def feature(number: int) -> dict[str, Any]:
    """An item without a file, a day later than that of the number before."""
    west = number / 10
    ring = [[west, 0], [west + 1, 0], [west + 1, 1], [west, 1], [west, 0]]
    moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return {
        "type": "Feature",
        "id": f"{number}.tif",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": moment.isoformat()},
        "assets": {},
        "links": [],
    }


def test_a_wrong_style_is_said(page: Page) -> None:
    sign_in(page)
    create(page, "styled")
    page.click("#appearance summary")
    page.fill("#style [name=colormap]", "nonsense")
    page.click("#style button")
    expect(page.locator("#problem")).to_contain_text("nonsense")
    page.fill("#style [name=colormap]", "")
    page.fill("#style [name=black]", "7")
    page.click("#style button")
    expect(page.locator("#problem")).to_contain_text("both samples")


def test_a_service_that_is_not_editable_is_only_read(browser: Browser, folder: Path, tmp_path: Path) -> None:
    with collection_server(folder, tmp_path) as origin:
        opened = new_context(browser).new_page()
        opened.goto(f"{origin}/viewer/collections.html")
        expect(opened.locator("#none")).to_be_visible()
        for control in ("#new", "#sign-in"):
            expect(opened.locator(control)).to_be_hidden()
        opened.context.close()


def test_a_service_without_collections_says_so(browser: Browser, folder: Path, tmp_path: Path) -> None:
    with map_server(folder, tmp_path) as origin:
        opened = new_context(browser).new_page()
        opened.goto(f"{origin}/viewer/collections.html")
        expect(opened.locator("#problem")).to_contain_text("no collections")
        opened.context.close()


def test_missing_openlayers_leaves_the_lists(browser: Browser, origin: str) -> None:
    opened = new_context(browser).new_page()
    opened.route("**/ol.js", lambda route: route.fulfill(status=404))
    opened.goto(f"{origin}/viewer/collections.html")
    expect(opened.locator("#problem")).to_contain_text("OpenLayers")
    expect(opened.locator("#all")).to_be_visible()
    opened.context.close()


def failing_once(page: Page, address: str) -> None:
    """Have the next request for an address fail."""
    page.route(address, lambda route: route.fulfill(status=503, body="too much to do"), times=1)


def test_a_folder_is_watched_until_that_is_ended(page: Page, origin: str) -> None:
    sign_in(page)
    create(page, "watched")
    page.click("#adding summary")
    page.fill("#watch [name=folder]", "coast")
    page.click("#watch button")
    expect(page.locator("#watched .name")).to_contain_text("coast")
    asked = {"Authorization": f"Bearer {TOKEN}"}
    (job,) = ask(f"{origin}/stac/collections/watched/jobs", **asked).value["jobs"]
    assert (job["processID"], job["parameters"]) == ("watch", {"href": "coast"})
    expect(page.locator("#watched .failed li")).to_contain_text("coast/broken.tif")
    expect(page.locator("#items li")).to_have_count(3)
    page.reload()
    page.click("#adding summary")
    end = page.get_by_role("button", name="End watching coast")
    failing_once(page, "**/stac/collections/watched/jobs")
    end.focus()
    page.locator("#watched > li").evaluate("row => row.classList.add('former')")
    expect(page.locator("#watched > li:not(.former)")).to_be_visible()
    expect(end).to_be_focused()
    end.click()
    expect(page.locator("#watched .warning")).to_contain_text("dismissed")
    page.get_by_role("button", name="Forget coast").click()
    expect(page.locator("#watched li")).to_have_count(0)
    assert ask(f"{origin}/stac/collections/watched/jobs", **asked).value["jobs"] == []
