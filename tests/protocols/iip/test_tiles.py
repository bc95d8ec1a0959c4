"""IIP: tiles, and ranges of tiles, as iipsrv counts and frames them."""

from __future__ import annotations

from typing import Any

import pytest

from iipserve.errors import TileNotFound, TooLarge
from iipserve.geometry import Region, Size
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import Bundle
from iipserve.processing.tone import Gamma, Invert, SampleRange
from iipserve.protocols import deepzoom
from iipserve.protocols.iip import PROTOCOL
from tests.protocols.client import (
    Case,
    ask,
    image,
    plan_of,
)
from tests.protocols.iip.client import SMALL, planned

TILES = [
    Case("smallest", "FIF=a.tif&JTL=0,0", (250, 175)),
    Case("inner", "FIF=a.tif&JTL=2,0", (256, 256)),
    Case("last column", "FIF=a.tif&JTL=2,3", (232, 256)),
    Case("last tile", "FIF=a.tif&JTL=2,11", (232, 188)),
    Case("one number means both", "FIF=a.tif&JTL=0", (250, 175)),
    Case("names of either case", "fif=a.tif&jTl=2,11", (232, 188)),
    Case("empty tokens", "&&FIF=a.tif&&JTL=2,11&", (232, 188)),
    Case("empty arguments are passed over", "FIF=a.tif&WID=&CNT=&INV=&JTL=2,11", (232, 188)),
    Case("encoded comma", "FIF=a.tif&JTL=2%2C11", (232, 188)),
    Case("plus sign of a number", "FIF=a.tif&JTL=+2,+3", (232, 256)),
    Case("modifier before the image", "QLT=50&FIF=a.tif&JTL=2,11", (232, 188)),
]


@pytest.mark.parametrize("case", TILES, ids=lambda case: case.id)
def test_tiles(case: Case) -> None:
    assert planned(case.target).view.size == Size(*case.size)


@pytest.mark.parametrize(
    ("command", "format"),
    [("JTL", "jpeg"), ("PTL", "png"), ("WTL", "webp"), ("ATL", "avif"), ("TTL", "tiff")],
)
def test_tile_formats(command: str, format: str) -> None:
    plan = planned(f"FIF=a.tif&{command}=2,5")
    assert plan.encoding.format == format
    assert (plan.view.level, plan.view.region) == (0, Region(256, 256, 256, 256))


def test_levels_below_the_files_smallest_are_halves() -> None:
    flat = image(1000, 700, levels=1)
    assert planned("FIF=a.tif&JTL=0,0", flat).view.size == Size(250, 175)
    with pytest.raises(TileNotFound):
        planned("FIF=a.tif&JTL=3,0", flat)


def test_tiles_are_those_of_deepzoom_where_the_levels_agree() -> None:
    info = image(1024, 768)
    assert planned("FIF=a.tif&JTL=2,5", info) == plan_of(
        ask(deepzoom.PROTOCOL, "a.tif_files/10/1_1.jpg", info)
    )


@pytest.mark.parametrize(
    ("argument", "tiles"),
    [
        ("2,0-5", [0, 4, 1, 5]),
        ("2,5-0", [0, 4, 1, 5]),
        ("2,6-9", [5, 9, 6, 10]),
        ("2,11", [11]),
        ("0,0-0", [0]),
    ],
)
def test_tile_ranges(argument: str, tiles: list[int]) -> None:
    bundle = ask(PROTOCOL, f"FIF=a&TIL={argument}", SMALL).content
    assert isinstance(bundle, Bundle)
    resolution = argument[0]
    assert list(bundle.plans) == [planned(f"FIF=a&JTL={resolution},{tile}") for tile in tiles]
    assert bundle.media_type == "application/vnd.netfpx"
    framed = bundle.frame(len(tiles) - 1, b"x" * 3953)
    header = f"Tile,{resolution},{tiles[-1]},0/3961:".encode()
    assert framed == header + b"\x02\0\0\0\0\x11\0\0" + b"x" * 3953 + b"\r\n"


def test_a_tile_of_a_view_is_that_tile_of_the_view() -> None:
    assert planned("FIF=a&JTLS=30,2,5,60") == planned("FIF=a&SDS=30,60&JTL=2,5")


@pytest.mark.parametrize(
    ("turn", "tile"),
    [
        ("0", 1),
        ("90", 1),
        ("180", 10),
        ("-180", 10),
        ("540.0", 10),
        ("270", 1),
        ("!0", 1),
        ("!180", 1),
        ("!90", 1),
    ],
)
def test_tiles_change_places_only_when_the_picture_is_upside_down(turn: str, tile: int) -> None:
    there = planned(f"FIF=a&JTL=2,{tile}")
    plan = planned(f"FIF=a&ROT={turn}&JTL=2,1")
    assert (plan.view.region, plan.view.size) == (there.view.region, there.view.size)


def test_the_number_of_a_tile_that_does_not_exist_is_the_one_asked_for() -> None:
    with pytest.raises(TileNotFound, match="tile 12 does not exist"):
        planned("FIF=a&ROT=180&JTL=2,12")


DEEP: dict[str, Any] = {"dtype": "uint16", "bits": 16, "bands": 1, "color_space": ColorSpace.GRAY}


RAW_RANGES = [
    (image(1000, 700, **DEEP), "", ()),
    (image(1000, 700, **DEEP, band_ranges=((0, 65535),)), "", ()),
    (image(1000, 700, **DEEP), "GAM=2&", (Gamma(2.0),)),
    (image(1000, 700, **DEEP, band_ranges=((5, 900),)), "", (SampleRange(((None, 0, 65535),)),)),
    (image(1000, 700, **{**DEEP, "bits": 12}), "INV&", (SampleRange(((None, 0, 65535),)), Invert())),
    (image(1000, 700, **{**DEEP, "bits": 12}), "MINMAX=0:5,9&", (SampleRange(((0, 5, 9),)),)),
]


@pytest.mark.parametrize(("info", "modifiers", "operations"), RAW_RANGES)
def test_ranges_of_tiles_of_16_bits_are_samples_as_stored(
    info: ImageInfo, modifiers: str, operations: tuple[object, ...]
) -> None:
    bundle = ask(PROTOCOL, f"FIF=a&{modifiers}TIL=2,0-1", info).content
    assert isinstance(bundle, Bundle)
    for plan in bundle.plans:
        assert (plan.encoding.format, plan.encoding.bits, plan.encoding.stored) == ("raw", 16, False)
        assert plan.operations == operations
    assert bundle.frame(1, b"abcd") == b"Tile,2,1,0/12:\x03\0\0\0\0\x11\0\0abcd\r\n"


def test_ranges_of_tiles_of_16_bits_are_jpeg_where_8_are_asked_for() -> None:
    bundle = ask(PROTOCOL, "FIF=a&BPC=8&TIL=2,0", image(1000, 700, **DEEP)).content
    assert isinstance(bundle, Bundle)
    assert [plan.encoding.format for plan in bundle.plans] == ["jpeg"]
    assert bundle.frame(0, b"abcd").startswith(b"Tile,2,0,0/12:\x02")


def test_a_range_of_too_many_tiles_is_refused() -> None:
    with pytest.raises(TooLarge, match="1024"):
        planned("FIF=a&TIL=9,0-99999", image(100_000, 100_000))
