"""DeepZoom: names and sizes as the format has them."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.errors import InvalidRequest, TileNotFound, UnsupportedEncoding
from iipserve.geometry import Region, Size
from iipserve.http import Request, Routed
from iipserve.image import ImageName
from iipserve.plan import Document
from iipserve.protocols import Images
from iipserve.protocols.deepzoom import PROTOCOL
from tests.protocols.client import (
    IMAGE,
    SERVER,
    Case,
    Refused,
    answer_or_refusal,
    ask,
    image,
    parsed,
    plan_of,
    text_of,
)

TILES = [
    Case("full size, last tile", "a.tif_files/12/12_10.jpg", (1, 120)),
    Case("full size, first tile", "a.tif_files/12/0_0.jpg", (256, 256)),
    Case("half, the column that halves rounded down lack", "a.tif_files/11/6_0.jpg", (1, 256)),
    Case("quarter, last row", "a.tif_files/10/0_2.jpg", (256, 158)),
    Case("below the file's smallest level", "a.tif_files/7/0_0.jpg", (97, 84)),
    Case("one pixel", "a.tif_files/0/0_0.jpg", (1, 1)),
    Case("folders in the name", "b/c/a.tif_files/0/0_0.png", (1, 1)),
    Case("a name that contains the mark", "a_files/1/0_0.jpg_files/0/0_0.jpg", (1, 1)),
    Case("1 x 1", "a.tif_files/0/0_0.jpg", (1, 1), image(1, 1)),
    Case(
        "tiles that are not square count as 256",
        "a.tif_files/12/11_10.jpg",
        (256, 120),
        image(tile=(128, 64)),
    ),
    Case("large tiles count as 256", "a.tif_files/12/11_10.jpg", (256, 120), image(tile=(2048, 2048))),
    Case("other tiles", "a.tif_files/12/6_5.jpg", (1, 120), image(tile=(512, 512))),
    Case("panorama", "a.tif_files/13/19_0.jpg", (136, 100), image(5000, 100)),
    *(
        Case(extension, f"a.tif_files/12/0_0.{extension}", (256, 256))
        for extension in ("png", "webp", "avif", "tif", "jpeg")
    ),
]


@pytest.mark.parametrize("case", TILES, ids=lambda case: case.id)
def test_tiles(case: Case) -> None:
    assert plan_of(ask(PROTOCOL, case.target, case.info)).view.size == Size(*case.size)


REFUSALS = [
    Refused("column outside", "a.tif_files/12/13_0.jpg", TileNotFound, "columns 0 to 12", 404),
    Refused("row outside", "a.tif_files/12/0_11.jpg", TileNotFound, "rows 0 to 10", 404),
    Refused("zoom outside", "a.tif_files/13/0_0.jpg", TileNotFound, "0 to 12", 404),
    Refused("unknown format", "a.tif_files/12/0_0.bmp", UnsupportedEncoding, "jpg, png"),
    Refused("negative", "a.tif_files/12/-1_0.jpg", InvalidRequest, "neither NAME.dzi"),
    Refused("too many digits", f"a.tif_files/12/{'9' * 5000}_0.jpg", InvalidRequest),
    Refused("other digits", "a.tif_files/12/\u0661_0.jpg", InvalidRequest),
    Refused("no name", "_files/12/0_0.jpg", InvalidRequest),
    Refused("no name of a descriptor", ".dzi", InvalidRequest),
    Refused("anything", "a.tif", InvalidRequest),
    Refused("nothing", "", InvalidRequest),
    Refused("zero byte", "a%00.dzi", InvalidRequest, "zero byte"),
    Refused("not UTF-8", "a%FF.dzi", InvalidRequest, "UTF-8"),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.id)
def test_refusals(case: Refused) -> None:
    with pytest.raises(case.error, match=case.match) as caught:
        ask(PROTOCOL, case.target, case.info)
    assert caught.value.status == case.status


@pytest.mark.parametrize("name", ["a.tif.dzi", "a.tif.xml"])
def test_descriptor(name: str) -> None:
    answer = ask(PROTOCOL, name)
    assert text_of(answer) == (
        '<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" TileSize="256" Overlap="0" Format="jpg">'
        '<Size Width="3073" Height="2680"/></Image>'
    )
    assert isinstance(answer.content, Document)
    assert answer.content.media_type == "application/xml"


@pytest.mark.parametrize("name", ["a.tif.js", "a.tif.json"])
def test_json_descriptor_says_the_same(name: str) -> None:
    answer = ask(PROTOCOL, name)
    assert isinstance(answer.content, Document)
    assert answer.content.media_type == "application/json"
    document = json.loads(answer.content.body)["Image"]
    size = document.pop("Size")
    root = ElementTree.fromstring(text_of(ask(PROTOCOL, "a.tif.dzi")))
    namespace = document.pop("xmlns")
    assert document == dict(root.attrib)
    element = root.find(f"{{{namespace}}}Size")
    assert element is not None
    assert size == element.attrib


@pytest.mark.parametrize(
    ("target", "query", "mount"),
    [
        ("a.js", "callback=a", "/deepzoom/"),
        ("a.js", "v=2&callback=b&callback=a", "/deepzoom/"),
        ("a.js", "callback=%61", "/deepzoom/"),
        ("a.js&callback=a", "DeepZoom=a.js&callback=a", "/iipsrv.fcgi?DeepZoom="),
    ],
)
def test_script(target: str, query: str, mount: str) -> None:
    """JSONP, as OpenSeadragon's `jsonp` requests it."""
    routed = Routed(Request("GET", "/", query, {}), mount, target, by_path="?" not in mount)
    answer = PROTOCOL.plan(PROTOCOL.parse(routed, SERVER), Images({ImageName("a"): IMAGE}), SERVER)
    assert isinstance(answer.content, Document)
    assert answer.content.media_type == "text/javascript"
    assert ("X-Content-Type-Options", "nosniff") in answer.headers
    script = text_of(answer)
    assert script.startswith("/**/a(")
    assert script.endswith(");")
    assert json.loads(script[6:-2]) == json.loads(text_of(ask(PROTOCOL, "a.json")))


@pytest.mark.parametrize(
    "callback",
    [
        "",
        "a.tif",
        "a-b",
        "1a",
        "alert(1)//",
        "a%28%29",
        "%3Cscript%3E",
        "a%0A",
        "%C3%A4",
        "a" * 101,
        "a[0]",
        "a%2Eb",
    ],
)
def test_callbacks_that_are_no_identifiers(callback: str) -> None:
    routed = Routed(Request("GET", "/", f"callback={callback}", {}), "/deepzoom/", "a.js", by_path=True)
    with pytest.raises(InvalidRequest, match="not the name of a JavaScript function"):
        PROTOCOL.parse(routed, SERVER)


@pytest.mark.parametrize("name", ["a.dzi", "a.xml", "a.json"])
def test_other_descriptors_take_no_callback(name: str) -> None:
    routed = Routed(Request("GET", "/", "callback=a.b", {}), "/deepzoom/", name, by_path=True)
    assert PROTOCOL.parse(routed, SERVER).callback is None


@pytest.mark.parametrize(
    ("target", "mount", "identifier"),
    [
        ("b%2Fc%20d.tif.dzi", "/deepzoom/", "b/c d.tif"),
        ("a%253C.tif_files/0/0_0.jpg", "/deepzoom/", "a%3C.tif"),
        ("%C3%BC.tif.dzi", "/deepzoom/", "ü.tif"),
        ("a+b&c.tif.dzi", "/deepzoom/", "a+b&c.tif"),
        ("a.tif.dzi&v=2", "/iipsrv.fcgi?DeepZoom=", "a.tif"),
    ],
)
def test_identifiers(target: str, mount: str, identifier: str) -> None:
    query = parsed(PROTOCOL, target, mount=mount)
    assert query.names == (ImageName(identifier),)


def test_inner_tile_is_the_stored_one() -> None:
    plan = plan_of(ask(PROTOCOL, "a.tif_files/11/2_1.jpg"))
    assert (plan.view.level, plan.view.region) == (1, Region(512, 256, 256, 256))
    assert plan.encoding.stored
    assert not plan.encoding.metadata


def test_quality_layers_follow_the_setting() -> None:
    layered = image(quality_layers=6)
    assert plan_of(ask(PROTOCOL, "a_files/0/0_0.jpg", layered)).view.image.quality_layers == 3
    everything = Config(max_layers=-1)
    assert plan_of(ask(PROTOCOL, "a_files/0/0_0.jpg", layered, everything)).view.image.quality_layers == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9000), st.integers(1, 9000))
def test_every_level_is_there_and_no_other_tile(width: int, height: int) -> None:
    info = image(width, height)
    last = math.ceil(math.log2(max(width, height)))
    for zoom in range(last + 1):
        level = math.ceil(width / 2 ** (last - zoom)), math.ceil(height / 2 ** (last - zoom))
        column, row = (level[0] - 1) // 256, (level[1] - 1) // 256
        plan = plan_of(ask(PROTOCOL, f"a_files/{zoom}/{column}_{row}.png", info))
        assert plan.view.size == Size(level[0] - 256 * column, level[1] - 256 * row)
        for outside in (f"{column + 1}_{row}", f"{column}_{row + 1}"):
            with pytest.raises(TileNotFound):
                ask(PROTOCOL, f"a_files/{zoom}/{outside}.png", info)


PIECES = st.sampled_from(
    ["a", "_files", "/", "0", "12", "_", ".jpg", ".dzi", ".xml", "%", "%00", "%ff", "é", "\0", "9" * 40]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.text(max_size=4), max_size=10).map("".join))
def test_whatever_comes_is_answered_or_refused(target: str) -> None:
    assert answer_or_refusal(PROTOCOL, target).content
