"""Zoomify: tiers as the original tools count them, tiles of the grid that rounds up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.errors import InvalidRequest, TileNotFound, UnsupportedEncoding
from iipserve.geometry import Size
from iipserve.plan import Document
from iipserve.protocols import deepzoom
from iipserve.protocols.zoomify import PROTOCOL
from tests.protocols.client import Case, Refused, answer_or_refusal, ask, image, plan_of, text_of

UP = Config(zoomify_rounding="up")

TILES = [
    Case("whole image", "a.tif/TileGroup0/0-0-0.jpg", (193, 168)),
    Case("a column that halves rounded down lack", "a.tif/TileGroup7/2-3-2.jpg", (1, 158)),
    Case("last tile", "a.tif/TileGroup0/4-12-10.jpg", (1, 120)),
    Case("any group", "a.tif/TileGroup99/4-12-10.png", (1, 120)),
    Case("513 pixels have two tiers", "a/TileGroup0/1-2-0.jpg", (1, 256), image(513, 513)),
    Case("and a column more than rounding down has", "a/TileGroup0/0-1-0.jpg", (1, 256), image(513, 513)),
    Case("1 x 1", "a/TileGroup0/0-0-0.jpg", (1, 1), image(1, 1)),
    Case("a third tier by rounding up", "a/TileGroup0/2-2-2.jpg", (1, 1), image(513, 513)),
    Case("three tiers of 513 by rounding up", "a/TileGroup0/0-0-0.jpg", (129, 129), image(513, 513), UP),
    Case("the second of them", "a/TileGroup0/1-1-1.jpg", (1, 1), image(513, 513), UP),
    Case("the last of them", "a/TileGroup0/2-2-0.jpg", (1, 256), image(513, 513), UP),
    Case("a column of the second tier of two", "a/TileGroup0/1-2-0.jpg", (1, 256), image(513, 513), UP),
    Case("the same number of tiers both ways", "a.tif/TileGroup7/2-3-2.jpg", (1, 158), config=UP),
]


@pytest.mark.parametrize("case", TILES, ids=lambda case: case.id)
def test_tiles(case: Case) -> None:
    assert plan_of(ask(PROTOCOL, case.target, case.info, case.config)).view.size == Size(*case.size)


REFUSALS = [
    Refused("tier outside", "a/TileGroup0/5-0-0.jpg", TileNotFound, "0 to 4", 404),
    Refused("column outside", "a/TileGroup0/4-13-0.jpg", TileNotFound, "columns 0 to 12", 404),
    Refused("row outside", "a/TileGroup0/4-0-11.jpg", TileNotFound, "rows 0 to 10", 404),
    Refused("fourth tier of 513", "a/TileGroup0/3-0-0.jpg", TileNotFound, "0 to 1", 404, image(513, 513)),
    Refused("third tier of 512", "a/TileGroup0/2-0-0.jpg", TileNotFound, "0 to 1", 404, image(512, 512)),
    Refused("fourth column of 513", "a/TileGroup0/2-3-0.jpg", TileNotFound, "0 to 1", 404, image(513, 513)),
    Refused("third tier of 513", "a/TileGroup0/3-0-0.jpg", TileNotFound, "0 to 2", 404, image(513, 513), UP),
    Refused("column of neither", "a/TileGroup0/1-3-0.jpg", TileNotFound, "0 to 1", 404, image(513, 513), UP),
    Refused("format", "a/TileGroup0/0-0-0.bmp", UnsupportedEncoding),
    Refused("negative", "a/TileGroup0/0--1-0.jpg", InvalidRequest),
    Refused("no group", "a/0-0-0.jpg", InvalidRequest, "ImageProperties.xml"),
    Refused("no name", "/ImageProperties.xml", InvalidRequest),
    Refused("nothing", "", InvalidRequest),
    Refused("digits", f"a/TileGroup0/{'1' * 5000}-0-0.jpg", InvalidRequest),
    Refused("zero byte", "a%00/ImageProperties.xml", InvalidRequest),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.id)
def test_refusals(case: Refused) -> None:
    with pytest.raises(case.error, match=case.match) as caught:
        ask(PROTOCOL, case.target, case.info, case.config)
    assert caught.value.status == case.status


def test_properties() -> None:
    answer = ask(PROTOCOL, "b/a.tif/ImageProperties.xml")
    assert text_of(answer) == (
        '<IMAGE_PROPERTIES WIDTH="3073" HEIGHT="2680" NUMTILES="193" NUMIMAGES="1" VERSION="1.8" TILESIZE="256" />'
    )
    assert isinstance(answer.content, Document)
    assert answer.content.media_type == "application/xml"
    # as IIPMooViewer reads it
    assert [text_of(answer).split('"')[index] for index in (1, 3, 11)] == ["3073", "2680", "256"]


@pytest.mark.parametrize(
    ("size", "tiles"),
    [((1000, 700), 12 + 4 + 1), ((256, 256), 1), ((257, 1), 2 + 1), ((1, 1), 1), ((513, 513), 9 + 1)],
)
def test_number_of_tiles(size: tuple[int, int], tiles: int) -> None:
    assert f'NUMTILES="{tiles}"' in text_of(ask(PROTOCOL, "a/ImageProperties.xml", image(*size)))


@pytest.mark.parametrize(
    ("size", "tiles"),
    [((3073, 2680), 202), ((513, 513), 9 + 4 + 1), ((512, 512), 4 + 1), ((257, 1), 2 + 1), ((1, 1), 1)],
)
def test_number_of_tiles_by_rounding_up(size: tuple[int, int], tiles: int) -> None:
    """That of `ol/source/Zoomify` with its `tierSizeCalculation` `default`."""
    assert f'NUMTILES="{tiles}"' in text_of(ask(PROTOCOL, "a/ImageProperties.xml", image(*size), UP))


@pytest.mark.parametrize("tier", range(5))
def test_tiles_are_those_of_deepzoom(tier: int) -> None:
    zoomed = ask(deepzoom.PROTOCOL, f"a.tif_files/{tier + 8}/0_0.jpg")
    assert ask(PROTOCOL, f"a.tif/TileGroup0/{tier}-0-0.jpg") == zoomed


PIECES = st.sampled_from(
    ["a", "/TileGroup", "/", "0", "4-1-1", "-", ".jpg", "/ImageProperties.xml", "%", "%00", "é", "7" * 40]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES | st.text(max_size=4), max_size=10).map("".join))
def test_whatever_comes_is_answered_or_refused(target: str) -> None:
    assert answer_or_refusal(PROTOCOL, target).content
