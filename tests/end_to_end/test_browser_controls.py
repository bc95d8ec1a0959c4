"""The panel of adjustments on the page, driven in a real browser: tiles carry the commands, and what stands
in the window is what the commands make of the picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.browsing import View, Visit, visit
from tests.end_to_end.iip_pictures import (
    LAYERS,
    SEPIA,
    WIDTH,
    correlated,
    finished,
    hillshade,
    hot,
    layers,
    luma,
    normals,
    photograph,
    samples,
    twist,
    write_pictures,
)
from tests.end_to_end.panel import (
    check,
    come_to_agree,
    come_to_rest,
    difference,
    field,
    opened,
    shown,
)
from tests.end_to_end.running import daemon
from tests.ports import free_port

WITHOUT_WEBGL = True

GAUSSIAN = [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the gallery."""
    folder, work = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("server")
    write_pictures(folder)
    tables = tmp_path_factory.mktemp("tables")
    (tables / "dusk.txt").write_text("0 0 64\n255 160 96\n")
    port = free_port()
    with daemon(folder, work, "--http", f"127.0.0.1:{port}", ports=[port], COLORMAPS=str(tables)):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def guest(browser: Browser, address: str) -> Iterator[Visit]:
    """A window on the gallery; at its end nothing may have gone wrong in it."""
    with visit(browser, address) as guest:
        yield guest
        assert guest.mistakes == []


class Case(NamedTuple):
    """What a person does, the command that this is, and what becomes of the picture."""

    do: Callable[[Page], object]
    command: str
    expected: Callable[[NDArray[np.float32]], NDArray[Any]] | None = None
    image: str = "photograph.tif"


def own_matrix(page: Page) -> None:
    field(page, "twist").select_option("own")
    field(page, "matrix").fill("0 1 0; 0 1 0; 0, 0, 1")


def samples_from_40_to_200(page: Page) -> None:
    field(page, "black").fill("40")
    field(page, "white").fill("200")


CASES = {
    "contrast": Case(lambda page: field(page, "contrast").fill("1"), "CNT=2", lambda v: finished(2 * v)),
    "stretch": Case(lambda page: check(page, "contrast-by", "stretch"), "CNT=stretch"),
    "equalize": Case(lambda page: check(page, "contrast-by", "eq"), "CNT=eq"),
    "gamma": Case(lambda page: field(page, "gamma").fill("-1"), "GAM=0.5", lambda v: finished(np.sqrt(v))),
    "logarithm": Case(
        lambda page: check(page, "logarithm"),
        "GAM=log",
        lambda v: finished(np.log(1 + 255 * v) / np.log(256)),
    ),
    "inversion": Case(lambda page: check(page, "invert"), "INV", lambda v: finished(1 - v)),
    "range of samples": Case(
        samples_from_40_to_200, "MINMAX=-:40,200", lambda v: finished((255 * v - 40) / 160)
    ),
    "color map": Case(
        lambda page: field(page, "colormap").select_option("hot"), "CMP=hot", lambda v: finished(hot(v))
    ),
    "color map of the administrator": Case(
        lambda page: field(page, "colormap").select_option("dusk"),
        "CMP=dusk",
        lambda v: [0, 0, 64] + v[..., :1] * [255, 160, 32],
    ),
    "twist": Case(
        lambda page: field(page, "twist").select_option("sepia"),
        "CTW=[0.393,0.769,0.189;0.349,0.686,0.168;0.272,0.534,0.131]",
        lambda v: finished(twist(v, SEPIA)),
    ),
    "matrix": Case(own_matrix, "CTW=[0,1,0;0,1,0;0,0,1]", lambda v: finished(v[..., [1, 1, 2]])),
    "gray": Case(
        lambda page: field(page, "color").select_option("gray"), "COL=gray", lambda v: luma(np.rint(v * 255))
    ),
    "black and white": Case(lambda page: field(page, "color").select_option("binary"), "COL=binary"),
    "convolution": Case(
        lambda page: field(page, "convolution").select_option("gaussian"),
        "CNV=gaussian",
        lambda v: finished(correlated(v, GAUSSIAN)),
    ),
    "quality": Case(lambda page: field(page, "quality").select_option("5"), "QLT=5"),
    "hillshade": Case(
        lambda page: check(page, "hillshade"),
        "SHD=135,45",
        lambda v: finished(hillshade(v, 135, 45)),
        "normals.tif",
    ),
    "layer": Case(
        lambda page: field(page, "layer").select_option(LAYERS[2]),
        "SDS=2",
        lambda _: finished(samples(layers()[2])),
        "stack.tif",
    ),
    "angle": Case(
        lambda page: field(page, "angle").fill("1"),
        "SDS=120,90",
        lambda _: finished(samples(layers()[1])),
        "vase",
    ),
}


AS_STORED = {
    "photograph.tif": photograph(),
    "normals.tif": normals(),
    "stack.tif": layers()[0],
    "vase": layers()[0],
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_control_changes_the_picture(guest: Visit, case: Case) -> None:
    page = opened(guest, case.image)
    guest.settle()
    guest.answered.clear()
    case.do(page)
    expect(page.locator("#export")).to_have_attribute("href", re.compile(re.escape(f"&{case.command}&")))
    pixels = shown(guest)
    tiles = [address for address in guest.answered if "&JTL=" in address]
    assert tiles
    assert all(f"&{case.command}&" in address for address in tiles)
    stored = AS_STORED[case.image]
    assert difference(pixels, stored) > 0.5
    if case.expected is not None:
        assert difference(pixels, case.expected(samples(stored))) < 6


@pytest.mark.parametrize("mirrored", [False, True], ids=["as it is", "mirrored"])
def test_the_picture_turns_and_its_export_with_it(guest: Visit, mirrored: bool) -> None:
    page = opened(guest)
    field(page, "mirror").set_checked(mirrored, force=True)
    picture = photograph()[:, ::-1] if mirrored else photograph()
    for turn in (90, 180, 270, 0):
        check(page, "turn", str(turn))
        expected = np.rot90(picture, -turn // 90).astype(np.float64)
        command = f"&ROT={'!' if mirrored else ''}{turn}&" if turn or mirrored else "tif&WID"
        export = page.locator("#export")
        expect(export).to_have_attribute("href", re.compile(re.escape(command)))
        answer = page.request.get(export.get_attribute("href") or "")
        assert answer.status == 200
        assert difference(imagecodecs.jpeg_decode(answer.body()).astype(float), expected) < 4
        assert difference(shown(guest), expected) < 6
        page.locator("#adjust").click()


@pytest.mark.parametrize("name", ["inversion", "layer", "hillshade"])
def test_the_export_has_what_is_shown(guest: Visit, name: str) -> None:
    case = CASES[name]
    page = opened(guest, case.image)
    case.do(page)
    for format in ("jpeg", "png", "webp", "avif", "tiff"):
        page.locator("#format").select_option(format)
        export = page.locator("#export")
        expect(export).to_have_attribute("href", re.compile(rf"&{case.command}&WID={WIDTH}&CVT={format}$"))
        address = export.get_attribute("href") or ""
        assert page.locator("#download").get_attribute("href") == address
        page.locator("#copy-export").click()
        assert page.evaluate("navigator.clipboard.readText()") == address
        answer = page.request.get(address)
        assert answer.headers["content-type"] == f"image/{format}"
        pixels = imagecodecs.imread(answer.body()).astype(float)
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2) if pixels.ndim == 2 else pixels
        assert case.expected is not None
        assert difference(pixels, case.expected(samples(AS_STORED[case.image]))) < 6


def test_several_controls_count_together_and_reset_undoes_all(guest: Visit) -> None:
    page = opened(guest)
    reset = page.locator("#reset")
    expect(reset).to_be_disabled()
    field(page, "gamma").fill("1")
    check(page, "invert")
    field(page, "colormap").select_option("hot")
    expected = finished(hot(1 - samples(photograph()) ** 2))
    assert difference(shown(guest), expected) < 6
    page.locator("#adjust").click()
    reset.click()
    expect(reset).to_be_disabled()
    expect(field(page, "gamma")).to_have_value("0")
    expect(field(page, "invert")).not_to_be_checked()
    assert difference(shown(guest), photograph()) < 6
    assert "gamma" not in page.url


def test_a_link_shows_the_same_adjustments_elsewhere(browser: Browser, guest: Visit) -> None:
    page = opened(guest)
    field(page, "gamma").fill("-1")
    field(page, "twist").select_option("sepia")
    check(page, "turn", "90")
    shown(guest)
    with visit(browser, guest.address) as other:
        other.open(come_to_rest(guest).removeprefix(guest.address))
        other.settle()
        come_to_rest(other)
        assert come_to_agree(guest, other, 1)
        other.page.locator("#adjust").click()
        expect(field(other.page, "gamma")).to_have_value("-1")
        expect(field(other.page, "twist").locator("option:checked")).to_have_text("sepia")
        expect(field(other.page, "turn", "90")).to_be_checked()
        assert other.mistakes == []


@pytest.mark.parametrize(
    "fragment",
    [
        pytest.param("&gamma=2%26CVT%3Djpeg", id="a command"),
        pytest.param("&contrast=much", id="a word"),
        pytest.param("&twist=%5B1%2C%2C0%5D", id="half a matrix"),
        pytest.param("&turn=45&stack=-1&minmax=1,2&convolution=%3Cb%3E", id="several"),
    ],
)
def test_a_link_with_nonsense_shows_the_picture_as_it_is(guest: Visit, fragment: str) -> None:
    page = opened(guest, fragment=fragment)
    expect(page.locator("#reset")).to_be_disabled()
    assert difference(shown(guest), photograph()) < 6


def test_other_sources_show_the_picture_as_it_is(guest: Visit) -> None:
    page = opened(guest)
    check(page, "invert")
    check(page, "mirror")
    guest.settle()
    page.locator("#sources input[value=deepzoom]").check(force=True)
    guest.settle()
    expect(page.locator("#controls")).to_be_hidden()
    assert "invert" not in page.url
    page.locator("#adjust").click()
    expect(page.locator("#sources input[value=iip]")).to_be_checked()
    expect(field(page, "invert")).to_be_checked()
    assert difference(shown(guest), finished(1 - samples(photograph()[:, ::-1]))) < 6
    page.locator("#sources input[value=zoomify]").check(force=True)
    view = guest.settle()
    assert view.zoom > 0
    assert "mirror" not in page.url


def test_another_image_starts_without_adjustments(guest: Visit) -> None:
    page = opened(guest)
    check(page, "invert")
    guest.settle()
    guest.show("stack.tif", "iip")
    expect(page.locator("#reset")).to_be_disabled()
    assert difference(shown(guest), finished(samples(layers()[0]))) < 6


def test_only_what_makes_sense_is_offered(guest: Visit) -> None:
    page = opened(guest, "stack.tif")
    assert field(page, "layer").locator("option").all_inner_texts() == list(LAYERS)
    expect(field(page, "hillshade")).to_be_disabled()
    expect(page.locator("#relief .hint")).to_be_visible()
    names = field(page, "colormap").locator("option").all_inner_texts()
    assert {"none", "hot", "cold", "jet", "red", "green", "blue", "viridis", "turbo", "dusk"} <= set(names)
    guest.show("photograph.tif", "iip")
    expect(field(page, "layer")).to_be_hidden()
    expect(field(page, "hillshade")).to_be_enabled()


def test_a_wrong_matrix_is_marked_and_not_sent(guest: Visit) -> None:
    page = opened(guest)
    field(page, "twist").select_option("own")
    expect(field(page, "matrix")).to_have_value("")
    for wrong in ("1 0; x", "1,,0", "[1,0", "1;;0"):
        field(page, "matrix").fill(wrong)
        assert field(page, "matrix").evaluate("field => field.validity.customError") == (wrong != "[1,0")
    field(page, "matrix").fill("1, 0, 0")
    guest.settle()
    assert not [address for address in guest.answered if "CTW" in address and "CTW=[1,0" not in address]


def test_keyboard_alone(guest: Visit) -> None:
    guest.open("#image=photograph.tif&source=iip")
    whole = guest.settle()
    page = guest.page
    page.keyboard.press("e")
    expect(page.locator("#close-controls")).to_be_focused()
    page.keyboard.press("Tab")
    expect(field(page, "contrast")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(field(page, "contrast")).to_have_attribute("aria-valuetext", "\N{MULTIPLICATION SIGN} 1.04")
    field(page, "black").focus()
    page.keyboard.type("10")
    expect(field(page, "black")).to_have_value("10")
    page.keyboard.press("Escape")
    expect(page.locator("#controls")).to_be_hidden()
    expect(page.locator("#adjust")).to_be_focused()
    page.keyboard.press("r")
    page.keyboard.press("m")
    assert guest.settle() != whole
    assert "turn=%2190" in page.url


def test_the_picture_stays_while_new_tiles_are_on_their_way(guest: Visit) -> None:
    page = opened(guest)
    page.route(re.compile("&INV&"), lambda route: None)
    check(page, "invert")
    page.wait_for_timeout(500)
    pixels = guest.screenshot().astype(float)
    middle = pixels[300:500, 300:500]
    assert np.abs(middle - photograph().mean(axis=(0, 1))).mean() < 60
    page.unroute_all(behavior="ignoreErrors")


def test_a_refusal_is_told(browser: Browser, address: str) -> None:
    """Hillshade of an image with one band: a link can ask for it."""
    with visit(browser, address) as guest:
        guest.open("#image=stack.tif&source=iip&hillshade=10,20")
        assert "from IIP could not be loaded" in guest.alert()
        guest.page.get_by_text("(400)").wait_for()


def test_nothing_is_cut_off_on_a_phone(browser: Browser, address: str) -> None:
    with visit(browser, address, width=390, height=844) as guest:
        page = opened(guest)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        panel = page.locator("#controls").bounding_box()
        assert panel is not None
        assert panel["y"] >= 844 * 0.4
        for element in page.locator("#controls :is(input, select, button, a):visible").all():
            box = element.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
        assert guest.settle() != View(0, 0, 0)
        assert guest.mistakes == []
