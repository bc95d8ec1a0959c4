"""IIIF regions and sizes, version by version, against the specification's tables."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.errors import IIPServeError, InvalidRequest, InvalidSize, RegionOutOfBounds, UnsupportedEncoding
from iipserve.geometry import Region, Size
from iipserve.image import ImageInfo
from iipserve.protocols.iiif import PROTOCOL
from iipserve.protocols.iiif.parameters import UpscalingOff
from tests.protocols.client import (
    CONFIG,
    IMAGE,
    Case,
    Refused,
    ask,
    image,
    plan_of,
)

SMALL = image(1000, 700)


LIMITED = Config(max_cvt=1000)


NO_UPSCALING = Config(allow_upscaling=False)


def of_size(text: str) -> str:
    return f"a.tif/full/{text}/0/default.jpg"


LENIENT = Config(iiif_lenient=True)
PIXEL = image(1, 1)

# Of 3073 x 2680 pixels in tiles of 256; the numbers are those of the specification's formulas.
BOTH_VERSIONS = [
    Case("max", of_size("max"), (3073, 2680)),
    Case("w,", of_size("768,"), (768, 670)),
    Case(",h", of_size(",670"), (768, 670)),
    Case("w, rounds to nearest", of_size("300,"), (300, 262)),
    Case("w,h may distort", of_size("200,200"), (200, 200)),
    Case("!w,h keeps the shape", of_size("!200,200"), (200, 174)),
    Case("!w,h by height", of_size("!2000,100"), (115, 100)),
    Case("pct:n", of_size("pct:10"), (307, 268)),
    Case("pct:n without a leading zero", of_size("pct:.5"), (15, 13)),
    Case("pct:100", of_size("pct:100.0"), (3073, 2680)),
    Case("a side is at least a pixel", of_size("1,"), (1, 1), image(1000, 3)),
    Case("pct:n is at least a pixel", of_size("pct:0.001"), (1, 1)),
    Case("a listed size by its width", of_size("769,"), (769, 670)),
    Case("a listed size by its height", of_size(",168"), (193, 168)),
    Case("max within the limit", of_size("max"), (1000, 872), config=LIMITED),
    Case("max within the limit, upright", of_size("max"), (100, 1000), image(300, 3000), LIMITED),
    Case("!w,h within the limit", of_size("!3000,3000"), (1000, 872), config=LIMITED),
    Case("max of a region", "a.tif/3000,2600,500,500/max/0/default.png", (73, 80)),
    Case("square", "a.tif/square/max/0/default.jpg", (2680, 2680)),
    Case("edge tile w,h", "a.tif/3072,0,1,1024/1,256/0/default.jpg", (1, 256)),
    Case("edge tile w,", "a.tif/3072,0,1,1024/1,/0/default.jpg", (1, 256)),
    Case("corner tile", "a.tif/2048,2048,1025,632/129,79/0/default.jpg", (129, 79)),
    Case("grid beats shape", "a.tif/2048,0,561,2048/71,/0/default.jpg", (71, 256), image(2609, 3424)),
    Case(
        "grid beats shape by height",
        "a.tif/0,2048,2048,1376/,172/0/default.jpg",
        (256, 172),
        image(2609, 3424),
    ),
    Case("shape elsewhere", "a.tif/2047,0,561,2048/71,/0/default.jpg", (71, 259), image(2609, 3424)),
    Case("rotation comes after the size", "a.tif/full/300,/90/default.jpg", (300, 262)),
    Case("overshooting region", "a.tif/2816,2560,256,256/256,120/0/default.jpg", (256, 120)),
    Case("1 x 1", "a.tif/full/max/0/default.jpg", (1, 1), image(1, 1)),
]


ONLY_2 = [
    Case("full", of_size("full"), (3073, 2680)),
    Case("full above the limit is reduced", of_size("full"), (1000, 872), config=LIMITED),
    Case("larger", of_size("4000,"), (4000, 3488)),
    Case("larger by percent", of_size("pct:120"), (3688, 3216)),
    Case("larger in a box", of_size("!4000,4000"), (4000, 3488)),
    Case("box without enlarging", of_size("!4000,4000"), (3073, 2680), config=NO_UPSCALING),
    Case("native", "a.tif/full/100,/0/native.jpg", (100, 87)),
    Case("grey", "a.tif/full/100,/0/grey.jpg", (100, 87)),
]


ONLY_3 = [
    Case("^max", of_size("^max"), (5000, 4361)),
    Case("^max encoded", of_size("%5Emax"), (5000, 4361)),
    Case("^w,", of_size("^4000,"), (4000, 3488)),
    Case("^w, that is smaller", of_size("^768,"), (768, 670)),
    Case("^,h", of_size("^,3488"), (3999, 3488)),
    Case("^w,h", of_size("^4000,100"), (4000, 100)),
    Case("^pct:n", of_size("^pct:120"), (3688, 3216)),
    Case("^!w,h", of_size("^!4000,4000"), (4000, 3488)),
    Case("^!w,h stays within the limit", of_size("^!9000,9000"), (5000, 4361)),
    Case("!w,h larger than the region is the region", of_size("!4000,4000"), (3073, 2680)),
    Case("^max below full size", of_size("^max"), (1000, 872), config=LIMITED),
    Case("region in percent", "a.tif/pct:25,25,50,50/max/0/default.jpg", (1537, 1340)),
    Case("encoded percent", "a.tif/pct%3A0,0,100,100/max/0/default.jpg", (3073, 2680)),
]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("case", BOTH_VERSIONS, ids=lambda case: case.id)
def test_sizes_of_both_versions(case: Case, version: int) -> None:
    assert plan_of(ask(PROTOCOL, f"{version}/{case.target}", case.info, case.config)).view.size == Size(
        *case.size
    )


@pytest.mark.parametrize(
    ("version", "case"),
    [*((2, case) for case in ONLY_2), *((3, case) for case in ONLY_3)],
    ids=lambda value: f"{value.id}" if isinstance(value, Case) else str(value),
)
def test_sizes_of_one_version(version: int, case: Case) -> None:
    assert plan_of(ask(PROTOCOL, f"{version}/{case.target}", case.info, case.config)).view.size == Size(
        *case.size
    )


def refused_size(text: str, match: str | None = None, config: Config = CONFIG) -> Refused:
    return Refused(f"size {text}", of_size(text), InvalidSize, match, config=config)


def refused_region(text: str, error: type[IIPServeError] = InvalidRequest) -> Refused:
    return Refused(f"region {text}", f"a.tif/{text}/max/0/default.jpg", error)


def refused_tail(text: str, error: type[IIPServeError] = InvalidRequest, match: str | None = None) -> Refused:
    return Refused(text, f"a.tif/full/max/{text}", error, match)


REFUSED_BY_BOTH = [
    *(refused_size(text) for text in ["0,", ",0", "0,5", ",", "!,", "!5,", "!,5", "-5,", "", "1e2,", "5", "5,5,5"]),
    *(refused_size(text) for text in ["pct:0", "pct:", "pct:-5", "pct:1e2", "pct:5,5", ",^5", "^", "w,h", " 5,"]),
    *(refused_size(text) for text in ["9" * 5000 + ",", "pct:" + "9" * 5000]),
    refused_size("6000,", "larger"),
    refused_size("2000,", "1000,1000", LIMITED),
    refused_size("pct:50", "1000,1000", LIMITED),
    refused_size("3073,2680", "1000,1000", LIMITED),
    *(refused_region(text) for text in ["1,2,3", "1,2,3,4,5", "-1,0,10,10", "max", "", "pct:1,2,3", "1.5,0,5,5"]),
    Refused("other digits", of_size("\u0661,"), InvalidRequest),
    *(refused_region(text) for text in ["pct:-1,0,5,5", "pct:1e1,0,5,5", "0,0,+5,5", " 0,0,5,5", "Full"]),
    *(
        refused_region(text, RegionOutOfBounds)
        for text in ["5000,0,10,10", "0,2680,1,1", "0,0,0,10", "0,0,10,0", "pct:100,0,5,5", "pct:0,0,0,5"]
    ),
    *(refused_tail(f"{angle}/default.jpg") for angle in ["400", "-90", "abc", "1e2", "!", "", "360.1", "90,"]),
    refused_tail("1.5.5/default.png", match="from 0 to 360"),
    *(refused_tail(f"0/{quality}.jpg", match=quality) for quality in ["negative", "stretch", "equalization", "log"]),
    *(refused_tail(f"0/{name}") for name in ["foo.jpg", "default", ".jpg", "default.", "Default.jpg", "default.jpg.png"]),
    *(
        refused_tail(f"0/default.{extension}", UnsupportedEncoding, "jpg, png, webp, avif, tif, jxl")
        for extension in ["xyz", "bmp", "jpeg", "tiff"]
    ),
    Refused("no identifier", "/full/max/0/default.jpg", InvalidRequest),
    Refused("zero byte", "a%00/full/max/0/default.jpg", InvalidRequest, "zero byte"),
    Refused("not UTF-8", "a%ff/full/max/0/default.jpg", InvalidRequest, "UTF-8"),
    *(
        Refused(f"too few segments: {text}", text, InvalidRequest, "too few segments")
        for text in ["a/full/max/0", "a/full/max", "a/full", "a/0,0,5,5/max", "a/max/0/default.jpg", "a/info.xml", "a/100,"]
    ),
]  # fmt: skip


REFUSED_BY_2 = [
    refused_size("^max", r"\^"),
    refused_size("^5,", r"\^"),
    refused_size("4000,", "larger", NO_UPSCALING),
    refused_size("pct:120", "larger", NO_UPSCALING),
]


REFUSED_BY_3 = [
    refused_size("full", "use 'max'"),
    refused_size("4000,", r"\^"),
    refused_size("pct:120", r"\^"),
    refused_size("3073,2681"),
    refused_size("^6000,", "5000,5000"),
    refused_tail("0/native.jpg", match="default, color, gray, bitonal"),
    refused_tail("0/grey.jpg"),
]


@pytest.mark.parametrize(
    ("version", "case"),
    [
        *((version, case) for version in (2, 3) for case in REFUSED_BY_BOTH),
        *((2, case) for case in REFUSED_BY_2),
        *((3, case) for case in REFUSED_BY_3),
    ],
    ids=lambda value: value.id[:40] if isinstance(value, Refused) else str(value),
)
def test_refusals(version: int, case: Refused) -> None:
    with pytest.raises(case.error, match=case.match) as caught:
        ask(PROTOCOL, f"{version}/{case.target}", case.info, case.config)
    assert caught.value.status == case.status


def test_enlarging_where_it_is_off_is_valid_but_not_implemented() -> None:
    with pytest.raises(UpscalingOff) as caught:
        ask(PROTOCOL, "3/" + of_size("^4000,"), config=NO_UPSCALING)
    assert caught.value.status == 501


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("full", Region(0, 0, 1000, 700)),
        ("square", Region(150, 0, 700, 700)),
        ("10,20,30,40", Region(10, 20, 30, 40)),
        ("900,600,500,500", Region(900, 600, 100, 100)),
        ("999,699,99999999999999,1", Region(999, 699, 1, 1)),
        ("pct:10,10,20,20", Region(100, 70, 200, 140)),
        ("pct:0,0,100,100", Region(0, 0, 1000, 700)),
        ("pct:33.3333,50,33.3333,25.05", Region(333, 350, 334, 175)),
        ("pct:99.99,99.99,50,50", Region(999, 699, 1, 1)),
        ("pct:50,50,0.0001,.0001", Region(500, 350, 1, 1)),
    ],
)
def test_regions(text: str, region: Region) -> None:
    assert plan_of(ask(PROTOCOL, f"3/a.tif/{text}/max/0/default.png", SMALL)).view.region == region


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 4000), st.integers(1, 4000), st.data())
def test_sizes_obey_the_region_and_the_limit(width: int, height: int, data: st.DataObject) -> None:
    info = image(width, height)
    numbers = st.integers(1, 6000)
    size = data.draw(st.sampled_from(["{},", ",{}", "{},{}", "!{},{}", "max"])).format(
        data.draw(numbers), data.draw(numbers)
    )
    region = f"0,0,{data.draw(numbers)},{data.draw(numbers)}"
    try:
        plan = plan_of(ask(PROTOCOL, f"3/a/{region}/{size}/0/default.png", info, LIMITED))
    except InvalidSize:
        return
    _, _, w, h = map(int, region.split(","))
    assert plan.view.size.fits_in(Size(min(w, width), min(h, height)))
    assert plan.view.size.fits_in(Size(1000, 1000))


@pytest.mark.parametrize(
    ("size", "info", "expected"),
    [
        (",120", PIXEL, (120, 120)),
        ("200,", PIXEL, (200, 200)),
        ("90,90", PIXEL, (90, 90)),
        ("pct:200", PIXEL, (2, 2)),
        (",120", image(100, 5000), (2, 120)),
        ("full", IMAGE, (3073, 2680)),
        ("!600,600", PIXEL, (1, 1)),
        ("max", PIXEL, (1, 1)),
    ],
)
def test_lenient_sizes_of_version_3(size: str, info: ImageInfo, expected: tuple[int, int]) -> None:
    """As viewers ask for thumbnails, of tiny images too; valid sizes keep the specification's meaning."""
    answer = ask(PROTOCOL, f"3/{of_size(size)}", info, LENIENT)
    assert plan_of(answer).view.size == Size(*expected)
    canonical = dict(answer.headers)["Link"].rpartition("a.tif/full/")[2].partition("/")[0]
    repeated = ask(PROTOCOL, f"3/{of_size(canonical)}", info)
    assert plan_of(repeated).view.size == Size(*expected), "the canonical form is the specification's"


@pytest.mark.parametrize("size", [",120", "pct:200", "2,2"])
def test_lenient_sizes_need_upscaling(size: str) -> None:
    with pytest.raises(InvalidSize, match="larger than the region"):
        ask(PROTOCOL, f"3/{of_size(size)}", PIXEL, Config(iiif_lenient=True, allow_upscaling=False))
    with pytest.raises(InvalidSize, match="larger than the region"):
        ask(PROTOCOL, f"3/{of_size(size)}", PIXEL)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("size", "expected"), [(",120", (120, 120)), ("!200,100", (100, 100))])
def test_tiny_images_are_enlarged_in_earlier_versions(
    version: int, size: str, expected: tuple[int, int]
) -> None:
    assert plan_of(ask(PROTOCOL, f"{version}/{of_size(size)}", PIXEL)).view.size == Size(*expected)
