"""IIIF image requests, version by version, against the specification's tables."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.errors import IIPServeError, InvalidRequest, InvalidSize, RegionOutOfBounds, UnsupportedEncoding
from iipserve.geometry import Region, Size
from iipserve.image import FIRST, ColorSpace, ImageInfo, Selector
from iipserve.plan import Redirect
from iipserve.processing import Operation
from iipserve.processing.color import Bitonal, Grayscale
from iipserve.processing.histogram import Equalize
from iipserve.processing.tone import Invert, Logarithm, Stretch
from iipserve.processing.transform import Mirror, Rotate
from iipserve.protocols import deepzoom
from iipserve.protocols.iiif import PROTOCOL
from iipserve.protocols.iiif.parameters import UpscalingOff
from iipserve.protocols.iiif.requests import InfoQuery
from tests.protocols.client import (
    CONFIG,
    GRAY,
    IMAGE,
    Case,
    Refused,
    answer_or_refusal,
    ask,
    image,
    parsed,
    plan_of,
)

SMALL = image(1000, 700)
LIMITED = Config(max_cvt=1000)
NO_UPSCALING = Config(allow_upscaling=False)


def of_size(text: str) -> str:
    return f"a.tif/full/{text}/0/default.jpg"


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
    Case("^max without a limit", of_size("^max"), (3073, 2680), config=Config(max_cvt=-1)),
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
        for extension in ["xyz", "gif", "jp2", "pdf", "jpeg", "tiff"]
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
    refused_size("full", "'max' would do"),
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
    with pytest.raises(InvalidRequest, match=r"'foo' is none of .*bitonal.*negative, stretch"):
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


# -- tiles -----------------------------------------------------------------------------------------


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


# -- addresses -------------------------------------------------------------------------------------


CANONICAL = [
    ("3/a.tif/full/max/0/default.jpg", "full/max/0/default.jpg"),
    ("3/a.tif/pct:0,0,100,100/3073,/360/color.jpg", "full/max/0/default.jpg"),
    ("3/a.tif/square/100,/!0/gray.png", "196,0,2680,2680/100,100/!0/gray.png"),
    ("3/a.tif/full/^max/90.0/default.jpg", "full/^max/90/default.jpg"),
    ("3/a.tif/full/max/!022.500/default.jpg", "full/max/!22.5/default.jpg"),
    ("3/a.tif/full/max/.25/default.jpg", "full/max/0.25/default.jpg"),
    ("2/a.tif/full/full/359.9999999/default.jpg", "full/full/0/default.jpg"),
    ("3/a.tif/full/max/100.000/default.jpg", "full/max/100/default.jpg"),
    ("3/a.tif/full/%5E4000,/0/default.jpg", "full/^4000,3488/0/default.jpg"),
    ("2/a.tif/full/max/0/native.jpg", "full/full/0/default.jpg"),
    ("2/a.tif/full/768,670/0/grey.jpg", "full/768,/0/gray.jpg"),
    ("2/a.tif/0,0,512,512/200,100/0/default.jpg", "0,0,512,512/200,100/0/default.jpg"),
]


@pytest.mark.parametrize(("target", "canonical"), CANONICAL)
def test_links(target: str, canonical: str) -> None:
    version = target[0]
    headers = dict(ask(PROTOCOL, target, mount="/iiif/").headers)
    assert headers["Link"] == (
        f'<http://iiif.io/api/image/{version}/level2.json>;rel="profile", '
        f'<http://example.org/iiif/{version}/a.tif/{canonical}>;rel="canonical"'
    )


@pytest.mark.parametrize("target", [target for target, _ in CANONICAL])
def test_the_canonical_address_is_the_same_plan(target: str) -> None:
    answer = ask(PROTOCOL, target, mount="/iiif/")
    address = dict(answer.headers)["Link"].rpartition("<")[2].partition(">")[0]
    again = ask(PROTOCOL, address.removeprefix("http://example.org/iiif/"), mount="/iiif/")
    assert again == answer


def test_the_canonical_quality_of_a_gray_image_is_default() -> None:
    link = dict(ask(PROTOCOL, "3/a.tif/full/max/0/gray.jpg", GRAY).headers)["Link"]
    assert link.endswith('/full/max/0/default.jpg>;rel="canonical"')


@pytest.mark.parametrize(
    ("target", "by_path", "identifier", "version"),
    [
        ("3/a.tif", True, "a.tif", 3),
        ("2/a.tif", True, "a.tif", 2),
        ("a.tif", True, "a.tif", None),
        ("1/a.tif", True, "1/a.tif", None),
        ("3/a.tif", False, "3/a.tif", None),
        ("3/b%2Fc.tif", True, "b/c.tif", 3),
        ("3/b/c.tif", True, "b/c.tif", 3),
        ("3/b/c/d/e/f/g.tif", True, "b/c/d/e/f/g.tif", 3),
        ("3/a%253C%2D.tif", True, "a%3C-.tif", 3),
        ("3/ark:%2F12025%2F654xz321", True, "ark:/12025/654xz321", 3),
        ("3/urn:foo:a123,456", True, "urn:foo:a123,456", 3),
        ("3/http:%2F%2Fexample.com%2F%3F54%23a", True, "http://example.com/?54#a", 3),
        ("3/a+b.tif", True, "a+b.tif", 3),
        ("3/%C3%BC.tif", True, "ü.tif", 3),
        ("3/\xc3\xbc.tif", True, "ü.tif", 3),
    ],
)
def test_identifiers_and_versions(target: str, by_path: bool, identifier: str, version: int | None) -> None:
    for tail in ("/info.json", "/full/max/0/default.jpg", "/full/max/0/default.jpg?x=1"):
        query = parsed(PROTOCOL, target + tail, mount="/iiif/", by_path=by_path)
        assert (query.identifier, query.version) == (identifier, version)
        assert query.address == f"http://localhost/iiif/{target}"


@pytest.mark.parametrize(
    ("name", "delimiter", "identifier", "selector"),
    [
        ("a.tif;2", ";", "a.tif", Selector(2)),
        ("a.tif%3B2", ";", "a.tif", Selector(2)),
        ("a.tif;0", ";", "a.tif", FIRST),
        ("a.tif;007", ";", "a.tif", Selector(7)),
        ("a;1.tif;2", ";", "a;1.tif", Selector(2)),
        ("a.tif;2;3", ";", "a.tif;2", Selector(3)),
        ("b%2Fa.tif--12", "--", "b/a.tif", Selector(12)),
        ("a.tif_page_3", "_page_", "a.tif", Selector(3)),
        ("a.tif;x", ";", "a.tif;x", FIRST),
        ("a.tif;", ";", "a.tif;", FIRST),
        ("a.tif;-1", ";", "a.tif;-1", FIRST),
        ("a.tif;\xd9\xa1", ";", "a.tif;\u0661", FIRST),
        ("a.tif;1234567890", ";", "a.tif;1234567890", FIRST),
        (";2", ";", ";2", FIRST),
        ("a.tif;2", "", "a.tif;2", FIRST),
        ("a.tif", ";", "a.tif", FIRST),
    ],
)
def test_pictures_of_a_stack(name: str, delimiter: str, identifier: str, selector: Selector) -> None:
    for tail in ("/info.json", "/full/max/0/default.jpg", ""):
        config = Config(iiif_delimiter=delimiter)
        query = parsed(PROTOCOL, f"3/{name}{tail}", mount="/iiif/", by_path=True, config=config)
        assert (query.identifier, query.selector) == (identifier, selector)
        assert query.address == f"http://localhost/iiif/3/{name}"


def test_the_plan_is_of_the_picture_that_was_found() -> None:
    info = image(selector=Selector(2))
    assert plan_of(
        ask(PROTOCOL, "3/a.tif;2/full/max/0/default.jpg", info, Config(iiif_delimiter=";"))
    ).view.image.selector == (
        2,
        90,
    )


@pytest.mark.parametrize("version", [2, 3])
def test_addresses_without_a_version_follow_the_setting(version: int) -> None:
    config = Config(iiif_version=version)
    plain = ask(PROTOCOL, "a.tif/full/max/0/default.jpg", config=config)
    assert plan_of(plain) == plan_of(ask(PROTOCOL, f"{version}/a.tif/full/max/0/default.jpg"))
    assert f"/image/{version}/level2.json" in dict(plain.headers)["Link"]


@pytest.mark.parametrize("tail", ["/info.json", "/full/max/0/default.jpg"])
def test_further_query_parameters_mean_nothing(tail: str) -> None:
    query = parsed(PROTOCOL, f"a.tif{tail}&v=2", mount="/iipsrv.fcgi?IIIF=")
    assert (query.identifier, query.address) == ("a.tif", "http://localhost/iipsrv.fcgi?IIIF=a.tif")


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("3/a.tif", "http://example.org/iiif/3/a.tif/info.json"),
        ("3/a.tif/", "http://example.org/iiif/3/a.tif/info.json"),
        ("b%2Fa.tif", "http://example.org/iiif/b%2Fa.tif/info.json"),
        ("3/b/c/a.tif", "http://example.org/iiif/3/b/c/a.tif/info.json"),
        ("3/\xc3\xbc.tif", "http://example.org/iiif/3/%C3%BC.tif/info.json"),
        ("3/a\r\nX: <y>.tif", "http://example.org/iiif/3/a%0D%0AX:%20%3Cy%3E.tif/info.json"),
    ],
)
def test_the_base_uri_leads_to_the_description(target: str, location: str) -> None:
    assert ask(PROTOCOL, target, mount="/iiif/").content == Redirect(location)


def test_a_front_end_may_tell_the_address() -> None:
    told = "https://images.example.com/x/a%2Fb"
    query = parsed(PROTOCOL, "3/a/info.json", mount="/iiif/", HTTP_X_IIIF_ID=told)
    assert isinstance(query, InfoQuery)
    assert query.address == told
    redirect = ask(PROTOCOL, "3/a", HTTP_X_IIIF_ID=told).content
    assert redirect == Redirect(told + "/info.json")


@pytest.mark.parametrize("told", ["javascript:x", "http://a b", "http://a>b", "http://x\r\ny"])
def test_what_a_front_end_tells_is_an_address(told: str) -> None:
    with pytest.raises(InvalidRequest, match="X-IIIF-ID"):
        ask(PROTOCOL, "3/a/info.json", HTTP_X_IIIF_ID=told)


def test_clients_past_the_front_end_tell_nothing() -> None:
    config = Config(trust_forwarded=False)
    query = parsed(PROTOCOL, "a/info.json", mount="/iiif/", config=config, HTTP_X_IIIF_ID="http://evil/a")
    assert query.address == "http://localhost/iiif/a"


# -- anything --------------------------------------------------------------------------------------


SEGMENTS = st.sampled_from(
    [
        *(
            "a.tif",
            "2",
            "3",
            "full",
            "max",
            "square",
            "^max",
            "%5E5,",
            "0,0,9,9",
            "pct:1,1,9,9",
            "9,",
            "!9,9",
        ),
        *("a.tif;2", "22.5", "log.jpg"),
        *("pct:9", "0", "!90", "default.jpg", "gray.png", "info.json", "", "%", "%00", "%ff", "ü", "é/", "?"),
        *("9" * 30 + ",", "pct:" + "9" * 20, "\0"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(SEGMENTS | st.text(max_size=6), max_size=7).map("/".join), st.booleans())
def test_whatever_comes_is_answered_or_refused(target: str, by_path: bool) -> None:
    for config in (CONFIG, Config(iiif_version=2, max_cvt=-1, allow_upscaling=False)):
        answer = answer_or_refusal(PROTOCOL, target, SMALL, config, by_path=by_path)
        assert all(value.isascii() and value.isprintable() for _, value in answer.headers)


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
