"""The limits of info.json follow from what can be rendered."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.geometry import Size
from iipserve.http import Request, Routed
from iipserve.image import ImageInfo
from iipserve.plan import Answer, RenderableArea
from iipserve.protocols import Images, Server
from iipserve.protocols.iiif import PROTOCOL
from iipserve.protocols.iiif.limits import Limits
from tests.protocols.client import FORMATS, IMAGE, image, plan_of, text_of


def ask(target: str, area: RenderableArea, config: Config, info: ImageInfo = IMAGE) -> Answer:
    server = Server(config, FORMATS, lambda _: area)
    routed = Routed(Request("GET", "/", "", {"HTTP_HOST": "h"}), "/iiif/", target, by_path=True)
    query = PROTOCOL.parse(routed, server)
    return PROTOCOL.plan(query, Images(dict.fromkeys(query.names, info)), server)


def described(
    area: RenderableArea, config: Config, info: ImageInfo = IMAGE, version: int = 3
) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text_of(ask(f"{version}/a.tif/info.json", area, config, info)))
    return document


MEGAPIXEL = RenderableArea(1_000_000, 10**9)


def test_area_is_stated_in_every_version() -> None:
    assert described(MEGAPIXEL, Config())["maxArea"] == 1_000_000
    assert described(MEGAPIXEL, Config(), version=2)["profile"][1]["maxArea"] == 1_000_000
    assert described(MEGAPIXEL, Config(), version=1)["maxArea"] == 1_000_000


def test_area_that_the_sides_imply_is_left_out() -> None:
    assert "maxArea" not in described(MEGAPIXEL, Config(max_cvt=1000))
    assert "maxArea" in described(MEGAPIXEL, Config(max_cvt=1001))


def test_upscaling_has_limits_without_a_maximum_side() -> None:
    """Those of WebP, 16382 pixels, of which 11583 can be rotated by any angle."""
    document = described(MEGAPIXEL, Config(max_cvt=-1))
    assert {"sizeUpscaling", "rotationArbitrary"} <= set(document["extraFeatures"])
    assert (document["maxWidth"], document["maxHeight"]) == (11_583, 11_583)
    assert document["maxArea"] == 1_000_000
    long = described(RenderableArea(10**9, 10**9), Config(max_cvt=-1), image(20_000, 20))
    assert (long["maxWidth"], long["maxHeight"]) == (16_382, 16_382)
    assert "rotationArbitrary" not in long["extraFeatures"]


def test_longer_sides_than_all_formats_have_are_left_to_the_format() -> None:
    area, long = RenderableArea(10**9, 10**9), image(20_000, 20)
    for size in ("20000,20", "max"):
        plan = plan_of(ask(f"3/a.tif/full/{size}/0/default.png", area, Config(max_cvt=-1), long))
        assert plan.view.size.width == (16_382 if size == "max" else 20_000)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("max", (1070, 933)),
        ("^max", (1070, 933)),
        ("!3000,3000", (1070, 933)),
        ("^!9000,9000", (1070, 933)),
        ("!500,500", (500, 436)),
        ("2000,1744", (2000, 1744)),
    ],
)
def test_sizes_within_the_area(size: str, expected: tuple[int, int]) -> None:
    """Of 3073 x 2680; sizes that are requested by their sides are left to the memory of the format."""
    assert plan_of(ask(f"3/a.tif/full/{size}/0/default.jpg", MEGAPIXEL, Config())).view.size == Size(
        *expected
    )


@pytest.mark.parametrize("version", [1, 2])
def test_boxes_of_earlier_versions_have_no_maximum_area(version: int) -> None:
    quality = "native" if version == 1 else "default"
    for size, expected in (("!3000,3000", (3000, 2616)), ("!9999,9999", (5000, 4361))):
        plan = plan_of(ask(f"{version}/a.tif/full/{size}/0/{quality}.jpg", MEGAPIXEL, Config()))
        assert plan.view.size == Size(*expected)


def test_canonical_form_of_the_largest() -> None:
    answer = ask("3/a.tif/full/1070,933/0/default.jpg", MEGAPIXEL, Config())
    assert "/full/max/0/default.jpg>" in dict(answer.headers)["Link"]


def test_sizes_and_tiles_beyond_the_area_are_not_listed() -> None:
    document = described(RenderableArea(10_000, 10**9), Config())
    (tile,) = document["tiles"]
    assert tile["width"] * tile["height"] <= 10_000
    assert tile["width"] * tile["scaleFactors"][-1] >= 3073
    sizes = [(size["width"], size["height"]) for size in document["sizes"]]
    assert sizes == [(49, 42), (97, 84)]


@pytest.mark.parametrize(
    ("canvas", "size", "rotates", "area"),
    [
        (10**9, (3073, 2680), True, None),
        (17_000_000, (3073, 2680), True, 8_450_000),
        (16_000_000, (3073, 2680), False, None),
        (16_000_000, (500, 400), True, 7_900_000),
        (60_000_000, (40_000, 40_000), True, None),
        (49_000_000, (40_000, 40_000), False, None),
    ],
)
def test_rotation_by_any_angle(canvas: int, size: tuple[int, int], rotates: bool, area: int | None) -> None:
    """A square of 5000 pixels takes 50 megapixels at 45 degrees."""
    for version in (2, 3):
        document = described(RenderableArea(10**9, canvas), Config(), image(*size), version)
        stated = document["profile"][1] if version == 2 else document
        assert ("rotationArbitrary" in stated["supports" if version == 2 else "extraFeatures"]) == rotates
        assert ("maxArea" in stated) == (area is not None)
        if area:
            assert stated["maxArea"] == pytest.approx(area, rel=0.01)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 100_000),
    st.integers(1, 100_000),
    st.one_of(st.none(), st.integers(1, 9000)),
    st.integers(1, 10**8),
)
def test_reduced_and_largest(width: int, height: int, side: int | None, area: int) -> None:
    limits, size = Limits(side, area), Size(width, height)
    smaller, largest = limits.reduced(size), limits.largest(size)
    assert limits.allow(smaller)
    assert limits.allow(largest)
    assert smaller.fits_in(size)
    assert (smaller == size) == limits.allow(size)
    for found in (smaller, largest):
        if min(found.width, found.height) > 50:
            assert math.log(found.width / found.height) == pytest.approx(math.log(width / height), abs=0.03)
