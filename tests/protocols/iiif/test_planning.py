"""IIIF image requests: rotation, quality, format and tiles."""

from __future__ import annotations

import math

import pytest

from iipserve.config import Config
from iipserve.errors import InvalidRequest
from iipserve.geometry import Region, Size
from iipserve.image import ColorSpace, ImageInfo
from iipserve.processing import Operation
from iipserve.processing.color import Bitonal, Grayscale
from iipserve.processing.histogram import Equalize
from iipserve.processing.tone import Invert, Logarithm, Stretch
from iipserve.processing.transform import Mirror, Rotate
from iipserve.protocols import deepzoom
from iipserve.protocols.iiif import PROTOCOL
from tests.protocols.client import (
    GRAY,
    IMAGE,
    ask,
    image,
    plan_of,
)

ROTATIONS = [
    ("22.5", (Rotate(22.5),)), ("022.500", (Rotate(22.5),)), (".5", (Rotate(0.5),)), ("!359.99", (Mirror(), Rotate(359.99))),
    ("0.0000001", ()), ("359.9999999", ()), ("44.99999996", (Rotate(45),)),
    ("0", ()), ("360", ()), ("0.0", ()), ("!0", (Mirror(),)), ("!360", (Mirror(),)), ("90", (Rotate(90),)),
    ("90.0", (Rotate(90),)), ("180", (Rotate(180),)), ("!270", (Mirror(), Rotate(270))),
    ("%2190", (Mirror(), Rotate(90))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "operations"), ROTATIONS)
def test_rotations(text: str, operations: tuple[object, ...]) -> None:
    assert plan_of(ask(PROTOCOL, f"3/a.tif/full/100,/{text}/default.jpg")).operations == operations


@pytest.mark.parametrize(
    ("info", "quality", "operations"),
    [
        (IMAGE, "default", ()),
        (IMAGE, "color", ()),
        (IMAGE, "gray", (Grayscale(),)),
        (IMAGE, "bitonal", (Bitonal(),)),
        (GRAY, "color", ()),
        (GRAY, "gray", ()),
        (GRAY, "bitonal", (Bitonal(),)),
        (image(bands=4, color_space=ColorSpace.CMYK), "gray", (Grayscale(),)),
        (image(color_space=ColorSpace.CIELAB), "gray", (Grayscale(),)),
        (image(bands=2, has_alpha=True, color_space=ColorSpace.GRAY), "gray", ()),
        (image(bands=9, color_space=ColorSpace.GRAY), "gray", ()),
        (image(bands=1, bits=1, color_space=GRAY.color_space), "bitonal", (Bitonal(),)),
    ],
)
def test_qualities(info: ImageInfo, quality: str, operations: tuple[object, ...]) -> None:
    assert plan_of(ask(PROTOCOL, f"3/a.tif/full/100,/0/{quality}.jpg", info)).operations == operations


@pytest.mark.parametrize(
    ("quality", "operation"),
    [("negative", Invert()), ("stretch", Stretch()), ("equalization", Equalize()), ("log", Logarithm())],
)
@pytest.mark.parametrize("version", [2, 3])
def test_qualities_beyond_the_specification(quality: str, operation: Operation, version: int) -> None:
    config = Config(iiif_extensions=True)
    answer = ask(PROTOCOL, f"{version}/a.tif/full/100,/!90/{quality}.jpg", IMAGE, config)
    assert plan_of(answer).operations == (operation, Mirror(), Rotate(90))
    assert f"/!90/{quality}.jpg>" in dict(answer.headers)["Link"]
    with pytest.raises(InvalidRequest, match=r"'foo' is not one of .*bitonal.*negative, stretch"):
        ask(PROTOCOL, f"{version}/a.tif/full/100,/0/foo.jpg", IMAGE, config)


def test_a_profile_goes_with_colors_only() -> None:
    info = image(icc=b"profile")
    profiles = {
        quality: plan_of(ask(PROTOCOL, f"3/a.tif/full/100,/90/{quality}.jpg", info)).encoding.profile
        for quality in ("default", "gray")
    }
    assert profiles == {"default": True, "gray": False}


@pytest.mark.parametrize(
    ("extension", "format"),
    [("jpg", "jpeg"), ("png", "png"), ("webp", "webp"), ("avif", "avif"), ("tif", "tiff"), ("jxl", "jxl")],
)
def test_formats(extension: str, format: str) -> None:
    assert plan_of(ask(PROTOCOL, f"3/a.tif/full/max/0/default.{extension}")).encoding.format == format


@pytest.mark.parametrize(
    "info",
    [image(), image(2609, 3424), image(1025, 513, levels=1), image(3000, 2000, (512, 512)), image(100, 90)],
    ids=lambda info: f"{info.size.width}x{info.size.height}",
)
@pytest.mark.parametrize("spelling", ["{w},{h}", "{w},", ",{h}"])
def test_every_tile_is_that_of_deepzoom(info: ImageInfo, spelling: str) -> None:
    """In all spellings viewers use, so that one cache entry serves all protocols."""
    width, height, tile = info.size.width, info.size.height, info.tile.width
    last = math.ceil(math.log2(max(width, height)))
    factor, fits = 1, False
    while not fits:
        fits = max(width, height) <= tile * factor
        for column in range(math.ceil(math.ceil(width / factor) / tile)):
            for row in range(math.ceil(math.ceil(height / factor) / tile)):
                x, y = column * tile * factor, row * tile * factor
                w, h = min(tile * factor, width - x), min(tile * factor, height - y)
                size = spelling.format(w=math.ceil(w / factor), h=math.ceil(h / factor))
                if size in ("1,", ",1"):
                    continue  # the same address stands for tiles of several factors
                mine = ask(PROTOCOL, f"3/a.tif/{x},{y},{w},{h}/{size}/0/default.jpg", info)
                zoom = last - int(math.log2(factor))
                theirs = ask(deepzoom.PROTOCOL, f"a.tif_files/{zoom}/{column}_{row}.jpg", info)
                assert plan_of(mine) == plan_of(theirs)
        factor *= 2


@pytest.mark.parametrize(
    "target",
    [
        "3/a.tif/0,0,256,256/max/0/default.jpg",
        "3/a.tif/0,0,256,256/!256,256/0/default.jpg",
        "3/a.tif/0,0,256,256/^256,/0/color.jpg",
        "3/a.tif/0,0,256,256/pct:100/360/default.jpg",
        "2/a.tif/0,0,256,256/full/0/native.jpg",
    ],
)
def test_spellings_of_one_tile_make_one_plan(target: str) -> None:
    assert plan_of(ask(PROTOCOL, target)) == plan_of(ask(deepzoom.PROTOCOL, "a.tif_files/12/0_0.jpg"))


def test_tiles_carry_a_profile_at_most_and_exports_everything() -> None:
    tile = ask(PROTOCOL, "3/a.tif/0,0,512,512/256,256/0/default.jpg")
    export = ask(PROTOCOL, "3/b%2Fa.tif/full/800,/0/default.jpg")
    assert (plan_of(tile).encoding.metadata, plan_of(tile).encoding.stored) == (False, True)
    assert (plan_of(export).encoding.metadata, plan_of(export).encoding.stored) == (True, False)
    assert "Content-Disposition" not in dict(tile.headers)
    assert dict(export.headers)["Content-Disposition"] == 'inline; filename="a_800x698.jpg"'


def test_tiles_turned_by_quarters_are_tiles_and_by_other_angles_exports() -> None:
    plans = {
        angle: plan_of(ask(PROTOCOL, f"3/a.tif/0,0,512,512/256,256/{angle}/default.jpg"))
        for angle in ("0", "90", "22.5")
    }
    assert {angle: plan.encoding.metadata for angle, plan in plans.items()} == {
        "0": False,
        "90": False,
        "22.5": True,
    }
    assert len({(plan.view.level, plan.view.region, plan.view.size) for plan in plans.values()}) == 1


def test_a_listed_size_is_the_level_as_it_is() -> None:
    plan = plan_of(ask(PROTOCOL, "3/a.tif/full/769,670/0/default.jpg"))
    assert (plan.view.level, plan.view.region, plan.view.size) == (2, Region(0, 0, 769, 670), Size(769, 670))


def test_quality_layers_follow_the_setting() -> None:
    layered = image(quality_layers=6)
    for target in ("3/a/0,0,256,256/max/0/default.jpg", "3/a/full/800,/0/default.jpg"):
        assert plan_of(ask(PROTOCOL, target, layered)).view.image.quality_layers == 3
