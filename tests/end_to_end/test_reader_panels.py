"""The panels of an image on the page, driven in a real browser: what is known of it, its histogram, and Mirador."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms
from playwright.sync_api import Browser, Route, expect

from iipserve.viewer.site import MIRADOR, installed_file
from tests.end_to_end.browsing import Visit, visit
from tests.end_to_end.panel import field, opened
from tests.end_to_end.running import daemon
from tests.end_to_end.viewer_pages import content
from tests.images import write_tiff_pyramid
from tests.ports import free_port

WITHOUT_WEBGL = True

AXE = "axe-core@4.14.1"
CREDIT = "(c) A. Writer, http://creativecommons.org/licenses/by/4.0/"
LOW, HIGH = 1000, 9000
"""Samples of the ramp."""


def write_photograph(path: Path) -> None:
    """A photograph with Exif, a profile and a resolution."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "A. Writer"
    exif[ExifTags.Base.Copyright] = CREDIT
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    photo[ExifTags.Base.FNumber] = 5.6
    photo[ExifTags.Base.ExposureTime] = 0.004
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.fromarray(np.full((300, 400, 3), 90, np.uint8))
    picture.save(path, exif=exif, icc_profile=profile, dpi=(200, 200))


def write_ramp(path: Path) -> None:
    """Gray of 16 bits: as many samples of each value from LOW to HIGH, from left to right."""
    ramp = np.linspace(LOW, HIGH, 800).astype(np.uint16)
    tifffile.imwrite(path, np.tile(ramp, (400, 1)), tile=(128, 128), photometric="minisblack")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    write_photograph(folder / "photograph.jpg")
    write_ramp(folder / "ramp.tif")
    write_tiff_pyramid(folder / "x.tif", np.full((300, 400, 3), 200, np.uint8), compression="deflate")
    return folder


@pytest.fixture(scope="module")
def address(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the gallery."""
    port = free_port()
    with daemon(folder, tmp_path_factory.mktemp("server"), "--http", f"127.0.0.1:{port}", ports=[port]):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def guest(browser: Browser, address: str) -> Iterator[Visit]:
    """A window on the gallery; at its end nothing may have gone wrong in it."""
    with visit(browser, address) as guest:
        yield guest
        assert guest.mistakes == []


def test_what_is_known_of_an_image(guest: Visit) -> None:
    guest.open(f"#{urlencode({'image': 'photograph.jpg', 'source': 'iiif'})}")
    guest.settle()
    page = guest.page
    page.locator("#about").click()
    expect(page.locator("#about-title")).to_have_text("photograph.jpg")
    known = page.locator("#about-metadata")
    for term, text in (
        ("Creator", "A. Writer"),
        ("Aperture", "f/5.6"),
        ("Exposure time", "1/250 s"),
        ("Color profile", "sRGB built-in"),
    ):
        expect(known.locator("dt", has_text=term).locator("+ dd")).to_have_text(text)
    expect(page.locator("#about-rights")).to_contain_text(CREDIT)
    expect(page.locator("#about-rights a")).to_have_attribute(
        "href", "http://creativecommons.org/licenses/by/4.0/"
    )
    stored = page.locator("#about-properties")
    expect(stored.locator("dt", has_text="Size").locator("+ dd")).to_contain_text(
        "400 \N{MULTIPLICATION SIGN} 300"
    )
    expect(stored.locator("dt", has_text="Original").locator("+ dd")).to_have_text(
        "5.08 \N{MULTIPLICATION SIGN} 3.81 cm, at 200 pixels per inch"
    )
    guest.show("ramp.tif", "iiif")
    expect(page.locator("#about-title")).to_have_text("ramp.tif")
    expect(known).not_to_contain_text("A. Writer")


@pytest.mark.parametrize(
    ("refuse", "words"),
    [
        pytest.param(
            lambda route: route.fulfill(status=503, body="too much to do"), "too much", id="refused"
        ),
        pytest.param(lambda route: route.abort(), "could not be loaded", id="away"),
    ],
)
def test_nothing_is_told_of_the_image_before(
    browser: Browser, address: str, refuse: Callable[[Route], None], words: str
) -> None:
    """Where the next one's manifest cannot be had; it is asked for again."""
    manifest = "**/iiif/manifest/ramp.tif"
    with visit(browser, address) as guest:
        page = guest.page
        page.route(manifest, refuse)
        guest.open(f"#{urlencode({'image': 'photograph.jpg', 'source': 'iiif'})}")
        guest.settle()
        page.locator("#about").click()
        expect(page.locator("#about-rights")).to_contain_text(CREDIT)
        guest.show("ramp.tif", "iiif")
        expect(page.locator("#about-summary")).to_contain_text(words)
        for part in ("title", "metadata", "rights"):
            expect(page.locator(f"#about-{part}")).to_be_empty()
        page.unroute(manifest)
        page.locator("#close-about").click()
        page.locator("#about").click()
        expect(page.locator("#about-title")).to_have_text("ramp.tif")


def test_pages_about_an_image(guest: Visit) -> None:
    """The manifest, the page of the doctor, and what is dragged into other viewers."""
    guest.open(f"#{urlencode({'image': 'ramp.tif', 'source': 'iiif'})}")
    guest.settle()
    page = guest.page
    page.locator("#about").click()
    expect(page.locator("#about-title")).to_have_text("ramp.tif")
    manifest = page.locator("#about-manifest").get_attribute("href") or ""
    found = page.request.get(manifest).json()
    assert (found["type"], found["id"]) == ("Manifest", manifest)
    doctor = page.request.get(page.locator("#about-doctor").get_attribute("href") or "")
    assert "Why is ramp.tif slow?" in doctor.text()
    dragged = page.locator("#about-drag").evaluate(
        """anchor => new Promise(resolve => {
            anchor.addEventListener("dragstart", event => resolve(new URL(event.target.closest("a").href)
                .searchParams.get("manifest")));
            anchor.dispatchEvent(new DragEvent("dragstart", { bubbles: true, dataTransfer: new DataTransfer() }));
        })"""
    )
    assert dragged == manifest
    expect(page.locator("#about-drag img")).to_have_js_property("complete", True)
    assert page.locator("#about-drag img").evaluate("image => image.naturalWidth") > 0


def test_mirador_opens_the_image(guest: Visit) -> None:
    if not installed_file(MIRADOR).exists():
        pytest.skip("Mirador is not installed")
    guest.open(f"#{urlencode({'image': 'ramp.tif', 'source': 'iiif'})}")
    guest.settle()
    page = guest.page
    page.locator("#about").click()
    expect(page.locator("#about-title")).to_have_text("ramp.tif")
    page.goto(page.locator("#about-mirador").get_attribute("href") or "")
    page.get_by_role("heading", name="ramp.tif").first.wait_for()
    page.locator("canvas").first.wait_for()
    page.wait_for_function(
        "performance.getEntriesByType('resource').some(each => /ramp.tif.*default.jpg/.test(each.name))"
    )
    mistakes = [each for each in guest.mistakes if "was removed in React 19" not in each]
    guest.mistakes.clear()
    assert mistakes == []


def test_mirador_opens_no_manifest_of_others(guest: Visit) -> None:
    if not installed_file(MIRADOR).exists():
        pytest.skip("Mirador is not installed")
    guest.page.goto(f"{guest.address}viewer/mirador.html?manifest=https://www.example.org/manifest")
    expect(guest.page.get_by_role("alert")).to_contain_text("names no manifest of this server")
    expect(guest.page.locator("#mirador")).to_be_empty()


def test_the_histogram_tells_which_samples_there_are(guest: Visit) -> None:
    """The ramp has as many of each; dragging the white mark to the middle shows the upper half white."""
    page = opened(guest, "ramp.tif")
    histogram = page.locator("#histogram")
    expect(histogram).to_be_visible()
    expect(histogram.locator("figcaption")).to_have_text(f"{LOW:,}{HIGH:,}")
    assert histogram.locator("path").count() == 1
    svg = histogram.locator("svg")
    box = svg.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 3, middle[1])
    page.mouse.down()
    page.mouse.move(*middle, steps=4)
    page.mouse.up()
    expect(field(page, "black")).to_have_value(str(LOW))
    white = float(field(page, "white").input_value())
    assert white == pytest.approx((LOW + HIGH) / 2, abs=60)
    guest.settle()
    export = page.request.get(page.locator("#export").get_attribute("href") or "")
    pixels = np.asarray(Image.open(io.BytesIO(export.body())).convert("L"))
    assert pixels[200, 500:].min() > 250
    assert pixels[200, 100] == pytest.approx(255 * (LOW + 1000 - LOW) / (white - LOW), abs=4)
    field(page, "black").fill("3000")
    line = svg.locator(".black")
    assert float(line.get_attribute("x1") or 0) == pytest.approx(256 * (3000 - LOW) / (HIGH - LOW), abs=0.5)


def test_colors_have_three_histograms(guest: Visit) -> None:
    page = opened(guest, "x.tif")
    expect(page.locator("#histogram")).to_be_visible()
    expect(page.locator("#histogram figcaption")).to_have_text("0255")
    classes = page.locator("#histogram path").evaluate_all(
        "paths => paths.map(each => each.getAttribute('class'))"
    )
    assert classes == ["red", "green", "blue"]


def test_under_a_watermark_there_is_no_histogram(browser: Browser, folder: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 20, 3), 255, np.uint8)).save(tmp_path / "mark.png")
    port = free_port()
    settings = {"WATERMARK": str(tmp_path / "mark.png")}
    with (
        daemon(folder, tmp_path, "--http", f"127.0.0.1:{port}", ports=[port], **settings),
        visit(browser, f"http://127.0.0.1:{port}/") as guest,
    ):
        with guest.page.expect_response(re.compile("OBJ=histogram")) as answer:
            page = opened(guest, "ramp.tif")
        assert answer.value.status == 403
        expect(page.locator("#histogram")).to_be_hidden()


@pytest.mark.parametrize(
    ("scheme", "width", "height"),
    [pytest.param("light", 1280, 800, id="desktop, light"), pytest.param("dark", 390, 844, id="phone, dark")],
)
def test_accessibility(browser: Browser, address: str, scheme: str, width: int, height: int) -> None:
    """The rules of axe, with each panel and with two images."""
    script = content(AXE)["axe.min.js"].decode()
    with visit(browser, address, width=width, height=height) as guest:
        page = guest.page
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        guest.open(f"#{urlencode({'image': 'ramp.tif', 'source': 'iip', 'second': 'x.tif'})}")
        guest.settle()
        page.evaluate(script)
        for which in ("", "about", "details", "adjust", "compare"):
            if which:
                page.locator(f"#{which}").click()
                guest.settle()
            found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
            violations = [
                f"{each['id']}: {node['html'][:150]} {node['failureSummary'][:200]}"
                for each in found["violations"]
                for node in each["nodes"]
            ]
            assert violations == [], which
        assert guest.mistakes == []
