"""IIP: commands, tiles, exports and the rules between them (iipsrv's documented behavior)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.errors import InvalidRequest, RegionOutOfBounds, TileNotFound, TooLarge, UnsupportedEncoding
from iipserve.geometry import Region, Size
from iipserve.image import FIRST, ColorSpace, ImageInfo, ImageName, Selector
from iipserve.plan import Bundle, RenderPlan
from iipserve.processing.tone import Gamma, Invert, SampleRange
from iipserve.processing.transform import Mirror, Rotate
from iipserve.protocols import deepzoom
from iipserve.protocols.iip import PROTOCOL
from iipserve.protocols.iip.commands import COMMANDS
from iipserve.protocols.iip.errors import IIPError
from iipserve.protocols.iip.object_reply import ADVERTISED_COMMANDS, ADVERTISED_JPEG_XL
from tests.protocols.client import (
    CONFIG,
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
"""The image of the known answers: 1000 x 700, 500 x 350, 250 x 175."""
NO_UPSCALING = Config(allow_upscaling=False)


def planned(target: str, info: ImageInfo = SMALL, config: Config = CONFIG) -> RenderPlan:
    return plan_of(ask(PROTOCOL, target, info, config, mount="/iipsrv.fcgi?"))


TILES = [
    Case("smallest", "FIF=a.tif&JTL=0,0", (250, 175)),
    Case("inner", "FIF=a.tif&JTL=2,0", (256, 256)),
    Case("last column", "FIF=a.tif&JTL=2,3", (232, 256)),
    Case("last tile", "FIF=a.tif&JTL=2,11", (232, 188)),
    Case("one number stands for both", "FIF=a.tif&JTL=0", (250, 175)),
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


EXPORTS = [
    Case("width", "FIF=a&WID=100&CVT=jpeg", (100, 70)),
    Case("height", "FIF=a&HEI=100&CVT=jpeg", (143, 100)),
    Case("both are a box", "FIF=a&WID=100&HEI=10&CVT=jpeg", (14, 10)),
    Case("neither", "FIF=a&CVT=jpeg", (1000, 700)),
    Case("region by width", "FIF=a&RGN=.1,.1,.2,.2&WID=500&CVT=jpeg", (500, 350)),
    Case(
        "limit", "FIF=a&RGN=0,0,.2,.9&HEI=600&CVT=jpeg", (95, 300), config=Config(max_cvt=300),
    ),
    Case("region alone is as large as the image", "FIF=a&RGN=.1,.1,.2,.2&CVT=jpeg", (1000, 700)),
    Case("limit on the whole", "FIF=a&CVT=jpeg", (500, 350), config=Config(max_cvt=500)),
    Case("no limit", "FIF=a&WID=20000&CVT=jpeg", (20000, 14000), config=Config(max_cvt=-1)),
    Case("limit on the height", "FIF=a&WID=9000&CVT=jpeg", (500, 5000), info=image(100, 1000)),
    Case("zero is no wish", "FIF=a&WID=0&HEI=100&CVT=jpeg", (143, 100)),
    Case("decimals are cut off", "FIF=a&WID=100.9&CVT=jpeg", (100, 70)),
    Case("at least a pixel", "FIF=a&WID=1&CVT=jpeg", (1, 1), info=image(1000, 3)),
    Case("last of a name counts", "FIF=a&WID=10&WID=100&CVT=jpeg", (100, 70)),
    Case("enlarged", "FIF=a&WID=2000&CVT=jpeg", (2000, 1400)),
    Case("not enlarged", "FIF=a&WID=2000&CVT=jpeg", (1000, 700), config=NO_UPSCALING),
    Case("region not enlarged", "FIF=a&RGN=.1,.1,.2,.2&WID=500&CVT=jpeg", (200, 140), config=NO_UPSCALING),
    Case("region alone not enlarged", "FIF=a&RGN=.1,.1,.2,.4&CVT=jpeg", (200, 280), config=NO_UPSCALING),
    Case("bare command", "FIF=a&CVT", (1000, 700)),
    Case("encoded", "FIF=a&RGN=0%2C0%2C.5%2C.5&WID=50&CVT=jpeg", (50, 35)),
    Case("exponents", "FIF=a&RGN=1e-7,0,5E-1,.5&WID=50&CVT=jpeg", (50, 35)),
]  # fmt: skip


@pytest.mark.parametrize("case", EXPORTS, ids=lambda case: case.id)
def test_exports(case: Case) -> None:
    info = SMALL if case.info is IMAGE else case.info
    assert planned(case.target, info, case.config).view.size == Size(*case.size)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        pytest.param("0,0,1,1", Region(0, 0, 1000, 700), id="all"),
        pytest.param(".1,.1,.2,.2", Region(100, 70, 200, 140), id="inside"),
        pytest.param(".9,.9,.5,.5", Region(900, 630, 100, 70), id="over the edge"),
        pytest.param("-1,-.5,2,2", Region(0, 0, 1000, 700), id="each number is held to 0 and 1"),
        pytest.param("0,0,1e-9,1e-9", Region(0, 0, 1, 1), id="at least a pixel"),
        pytest.param(".99999,.99999,.00001,.00001", Region(999, 699, 1, 1), id="last pixel"),
    ],
)
def test_regions(region: str, expected: Region) -> None:
    plan = planned(f"FIF=a&RGN={region}&WID=5000&CVT=png")
    assert (plan.view.level, plan.view.region) == (0, expected)


@pytest.mark.parametrize(
    ("argument", "format", "extension"),
    [
        ("jpeg", "jpeg", "jpg"), ("JPG", "jpeg", "jpg"), ("png", "png", "png"), ("webp", "webp", "webp"),
        ("avif", "avif", "avif"), ("tiff", "tiff", "tif"), ("gif", "jpeg", "jpg"), ("%2e%2e", "jpeg", "jpg"),
    ],
)  # fmt: skip
def test_export_formats_and_file_names(argument: str, format: str, extension: str) -> None:
    answer = ask(PROTOCOL, f"FIF=b/my.image.tif&WID=100&CVT={argument}", SMALL)
    encoding = plan_of(answer).encoding
    assert (encoding.format, encoding.metadata, encoding.stored) == (format, True, False)
    assert answer.headers == (("Content-Disposition", f'inline; filename="my.image_100x70.{extension}"'),)


@pytest.mark.parametrize(
    ("identifier", "disposition"),
    [
        ("%C3%BC.tif", "inline; filename=\"__1x1.jpg\"; filename*=UTF-8''%C3%BC_1x1.jpg"),
        ("a%22b%0d%0ac.tif", "inline; filename=\"a_b__c_1x1.jpg\"; filename*=UTF-8''a%22b%0D%0Ac_1x1.jpg"),
        ("dir/", 'inline; filename="_1x1.jpg"'),
        (".hidden", 'inline; filename=".hidden_1x1.jpg"'),
    ],
)  # fmt: skip
def test_file_names_are_safe_in_a_header(identifier: str, disposition: str) -> None:
    headers = ask(PROTOCOL, f"FIF={identifier}&CVT=jpeg", image(1, 1)).headers
    assert headers == (("Content-Disposition", disposition),)


QUALITIES = [
    ("JTL=0,0", "QLT=90", "jpeg", 90, ""),
    ("JTL=0,0", "QLT=0", "jpeg", 1, ""),
    ("JTL=0,0", "QLT=500", "jpeg", 100, ""),
    ("PTL=0,0", "QLT=50", "png", 9, ""),
    ("WTL=0,0", "QLT=0", "webp", -1, ""),
    ("ATL=0,0", "QLT=-5", "avif", -1, "auto"),
    ("TTL=0,0", "QLT=50", "tiff", 9, "deflate"),
    ("TTL=0,0", "QLT=zstd:50", "tiff", 19, "zstd"),
    ("TTL=0,0", "QLT=LZW:5", "tiff", 0, "lzw"),
    ("TTL=0,0", "QLT=jpeg:80", "tiff", 80, "jpeg"),
    ("TTL=0,0", "QLT=what:80", "tiff", 0, "none"),
    ("CVT=jpeg", "QLT=jpeg:33", "jpeg", 33, ""),
]


@pytest.mark.parametrize(("output", "quality", "format", "value", "scheme"), QUALITIES)
def test_quality(output: str, quality: str, format: str, value: int, scheme: str) -> None:
    encoding = planned(f"FIF=a&{quality}&{output}").encoding
    assert (encoding.format, encoding.quality, encoding.scheme, encoding.stored) == (
        format,
        value,
        scheme,
        False,
    )


DEFAULTS = [
    ("JTL", Config(jpeg_quality=90), 90, ""),
    ("PTL", Config(png_quality=6), 6, ""),
    ("WTL", Config(webp_quality=-1), -1, ""),
    ("ATL", Config(avif_codec=1), 50, "aom"),
    ("TTL", Config(), 1, "deflate"),
    ("TTL", Config(tiff_compression=5, tiff_quality=99), 19, "zstd"),
    ("TTL", Config(tiff_compression=0, tiff_quality=9), 0, "none"),
]


@pytest.mark.parametrize(("command", "config", "quality", "scheme"), DEFAULTS)
def test_default_quality(command: str, config: Config, quality: int, scheme: str) -> None:
    encoding = planned(f"FIF=a&{command}=0,0", SMALL, config).encoding
    assert (encoding.quality, encoding.scheme, encoding.stored) == (quality, scheme, True)


@pytest.mark.parametrize(
    ("icc", "config", "embedded"),
    [
        (None, CONFIG, False),
        (bytes(65535), CONFIG, True),
        (bytes(65536), CONFIG, False),
        (bytes(100000), Config(max_icc=-1), True),
        (bytes(10), Config(max_icc=0), False),
        (bytes(10), Config(embed_icc=False), False),
    ],
)
def test_profile(icc: bytes | None, config: Config, embedded: bool) -> None:
    info = image(icc=icc)
    assert planned("FIF=a&JTL=0,0", info, config).encoding.profile is embedded
    assert planned("FIF=a&CVT=png", info, config).encoding.profile is embedded


LAYERS = [
    (0, "", 3), (0, "LYR=1&", 1), (0, "LYR=5&", 0), (0, "LYR=99&", 0), (-1, "", 0), (-1, "LYR=2&", 2),
    (2, "", 2), (2, "LYR=1&", 1), (2, "LYR=4&", 2), (2, "LYR=-1&", 2), (9, "", 0),
]  # fmt: skip


@pytest.mark.parametrize(("setting", "modifier", "layers"), LAYERS)
def test_layers_of_an_image_that_has_five(setting: int, modifier: str, layers: int) -> None:
    config = Config(max_layers=setting)
    for output in ("JTL=0,0", "CVT=jpeg"):
        plan = planned(f"FIF=a&{modifier}{output}", image(quality_layers=5), config)
        assert plan.view.image.quality_layers == layers
        assert planned(f"FIF=a&{modifier}{output}", SMALL, config).view.image.quality_layers == 0


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


# -- views, turns, depths --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("commands", "selector"),
    [
        ("JTL=0,0", FIRST),
        ("SDS=3&JTL=0,0", Selector(3, 90)),
        ("SDS=30,60&TIL=0,0", Selector(30, 60)),
        ("SDS=30,60&CVT=png", Selector(30, 60)),
        ("SDS=1&SPECTRA=0,0,0,0", Selector(1, 90)),
        ("SDS=1&PFL=0:0,0", Selector(1, 90)),
        ("SDS=1&OBJ=Max-size", Selector(1, 90)),
        ("OBJ=Max-size&SDS=1", Selector(1, 90)),
        ("JTLS=30,0,0,60", Selector(30, 60)),
        ("SDS=1&JTLS=30,0,0,60", Selector(30, 60)),
    ],
)
def test_pictures_of_stacks_and_sequences(commands: str, selector: Selector) -> None:
    query = parsed(PROTOCOL, f"FIF=a&{commands}")
    assert query.names == (ImageName("a", selector),)


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


@pytest.mark.parametrize("angle", ["45", "0.5", "359.999", "-30"])
def test_exports_are_turned_by_any_angle(angle: str) -> None:
    plan = planned(f"FIF=a&ROT=!{angle}&WID=200&CVT=jpeg")
    assert plan.operations == (Mirror(), Rotate(float(angle) % 360))
    assert plan.view.size == Size(200, 140)


DEPTHS = [
    ("BPC=16&PTL=0,0", "png", 16),
    ("BPC=16&TTL=0,0", "tiff", 16),
    ("BPC=16&CVT=png", "png", 16),
    ("BPC=16&QLT=zstd:5&CVT=tiff", "tiff", 16),
    ("BPC=16&BPC=8&JTL=0,0", "jpeg", 8),
    ("BPC=8&CVT=png", "png", 8),
]


@pytest.mark.parametrize(("commands", "format", "bits"), DEPTHS)
def test_bits_per_sample(commands: str, format: str, bits: int) -> None:
    encoding = planned(f"FIF=a&{commands}").encoding
    assert (encoding.format, encoding.bits) == (format, bits)
    if bits == 8:
        assert planned(f"FIF=a&{commands}") == planned(f"FIF=a&{commands.rpartition('&')[2]}")


@pytest.mark.parametrize(
    "commands", ["JTL=0,0", "WTL=0,0", "ATL=0,0", "CVT=jpeg", "QLT=jpeg:80&CVT=tiff", "TIL=0,0"]
)
def test_formats_without_room_for_16_bits_are_refused(commands: str) -> None:
    with pytest.raises(UnsupportedEncoding, match=r"BPC=16: .* has 8 bits per sample"):
        planned(f"FIF=a&BPC=16&{commands}")


def test_jpeg_xl() -> None:
    encoding = planned("FIF=a&XTL=0,0", config=Config(jxl_quality=33)).encoding
    assert (encoding.format, encoding.quality, encoding.stored) == ("jxl", 33, True)
    assert planned("FIF=a&QLT=-9&CVT=jxl").encoding.quality == -1


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


@pytest.mark.parametrize("space", [ColorSpace.CMYK, ColorSpace.CIELAB])
def test_a_profile_of_colors_that_are_converted_does_not_go_along(space: ColorSpace) -> None:
    info = image(bands=4 if space is ColorSpace.CMYK else 3, color_space=space, icc=b"profile")
    for commands in ("JTL=0,0", "CVT=png", "QLT=90&CVT=png"):
        assert not planned(f"FIF=a&{commands}", info).encoding.profile


def test_identifiers() -> None:
    for text, identifier in [
        ("b/c.tif", "b/c.tif"),
        ("b%2Fc+d%2B%20e.tif", "b/c d+ e.tif"),
        ("a%26JTL=1.tif", "a&JTL=1.tif"),
        ("a=b.tif", "a=b.tif"),
        ("%zz.tif", "%zz.tif"),
        ("%253C", "%3C"),
        ("\xc3\xbc.tif", "ü.tif"),
    ]:
        query = parsed(PROTOCOL, f"FIF={text}&JTL=0,0")
        assert query.identifier == identifier


REFUSALS = [
    Refused("resolution", "FIF=a&JTL=3,0", TileNotFound, "0 to 2", 404),
    Refused("negative resolution", "FIF=a&JTL=-1,0", TileNotFound, "0 to 2", 404),
    Refused("tile", "FIF=a&JTL=2,12", TileNotFound, "0 to 11", 404),
    Refused("negative tile", "FIF=a&JTL=2,-1", TileNotFound, "0 to 11", 404),
    Refused("huge tile", "FIF=a&JTL=2,999999999", TileNotFound, None, 404),
    Refused("range of a resolution there is not", "FIF=a&TIL=99,0", TileNotFound, None, 404),
    Refused("range that ends outside", "FIF=a&TIL=2,0-12", TileNotFound, None, 404),
    Refused("range that starts outside", "FIF=a&TIL=2,12-0", TileNotFound, None, 404),
    Refused("range without tiles", "FIF=a&TIL=2", InvalidRequest, "first-last"),
    Refused("no numbers", "FIF=a&JTL=x,y", InvalidRequest, "resolution,tile"),
    Refused("three numbers", "FIF=a&JTL=1,2,3", InvalidRequest, "resolution,tile"),
    Refused("endless number", f"FIF=a&JTL=0,{'9' * 5000}", InvalidRequest),
    Refused("other digits", "FIF=a&WID=\u0661&CVT=jpeg", InvalidRequest),
    Refused("width", "FIF=a&WID=abc&CVT=jpeg", InvalidRequest, "WID='abc'"),
    Refused("negative width", "FIF=a&WID=-5&CVT=jpeg", InvalidRequest, "0 or more"),
    Refused("quality", "FIF=a&QLT=high&JTL=0,0", InvalidRequest, "QLT"),
    Refused("region of three", "FIF=a&RGN=0,0,1&CVT=jpeg", InvalidRequest, "four numbers"),
    Refused("region of words", "FIF=a&RGN=nan,inf,1,1&CVT=jpeg", InvalidRequest, "four numbers"),
    Refused("empty region", "FIF=a&RGN=0,0,0,1&CVT=jpeg", RegionOutOfBounds, "empty"),
    Refused("region outside", "FIF=a&RGN=1,0,1,1&CVT=jpeg", RegionOutOfBounds, "outside"),
    Refused("two answers", "FIF=a&JTL=0,0&CVT=jpeg", InvalidRequest, "second answer"),
    Refused("facts and an image", "FIF=a&OBJ=Max-size&JTL=0,0", InvalidRequest, "second answer"),
    Refused("an image and facts", "FIF=a&JTL=0,0&OBJ=Max-size", InvalidRequest, "comes after"),
    Refused("modifier after the output", "FIF=a&CVT=jpeg&WID=100", InvalidRequest, "WID comes after"),
    Refused("two images", "FIF=a&FIF=b&JTL=0,0", InvalidRequest, "twice"),
    Refused("zero byte", "FIF=a%00b&JTL=0,0", InvalidRequest, "zero byte"),
    Refused("not UTF-8", "FIF=%ff&JTL=0,0", InvalidRequest, "UTF-8"),
    Refused("samples and an image", "FIF=a&PFL=0:0,0&JTL=0,0", InvalidRequest, "second answer"),
    Refused("processing after the output", "FIF=a&JTL=0,0&GAM=2", InvalidRequest, "GAM comes after"),
    Refused(
        "three numbers of a view", "FIF=a&JTLS=0,1,0", InvalidRequest, "horizontal,resolution,tile,vertical"
    ),
    Refused("five numbers of a view", "FIF=a&JTLS=0,1,0,90,1", InvalidRequest),
    Refused("negative angle", "FIF=a&JTLS=-30,1,0,90", InvalidRequest, "0 or more"),
    Refused("resolution of a view", "FIF=a&JTLS=0,9,0,90", TileNotFound, "0 to 2", 404),
    Refused("tiles turned by any angle", "FIF=a&ROT=45&JTL=0,0", InvalidRequest, "90, 180 or 270"),
    Refused("range turned by any angle", "FIF=a&ROT=45&TIL=0,0", InvalidRequest, "90, 180 or 270"),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.id)
def test_refusals(case: Refused) -> None:
    with pytest.raises(case.error, match=case.match) as caught:
        planned(case.target)
    assert caught.value.status == case.status
    assert PROTOCOL.error(caught.value, None).document.media_type.startswith("text/plain")


def test_a_range_of_too_many_tiles_is_refused() -> None:
    with pytest.raises(TooLarge, match="1024"):
        planned("FIF=a&TIL=9,0-99999", image(100_000, 100_000))


FAULTS = [
    ("FOO=1&FIF=a&JTL=0,0", "Error/7:2 2 FOO\r\n"),
    ("FIF=a&FOO&bar=2", "Error/7:2 2 FOO\r\nError/7:2 2 bar\r\n"),
    ("FIF=a&OBJ=What", "Error/8:3 2 what\r\n"),
    ("FIF=a&OBJ=Max-size&OBJ=What", "Error/8:3 2 what\r\n"),
    ("OBJ=Max-Size", "Error/12:1 3 max-size\r\n"),
    ("JTL=2,0", "Error/7:1 3 2,0\r\n"),
    ("FIF=meta.tif&OBJ=creator", "Error/28:2 1 FIF=meta.tif&OBJ=c\r\n"),
    ("FIF=a", "Error/9:2 1 FIF=a\r\n"),
    ("WID=5", "Error/9:2 1 WID=5\r\n"),
    ("", "Error/4:2 1 \r\n"),
    ("MINMAX=0:0,9", "Error/10:1 3 MINMAX\r\n"),
    ("MINMAX=0:0,9&JTL=2,0", "Error/7:1 3 2,0\r\n"),
    ("PFL=1:2,3", "Error/9:1 3 1:2,3\r\n"),
    ("SPECTRA=0,0,0,0", "Error/11:1 3 0,0,0,0\r\n"),
    ("FIF=a&IIIF=b", "Error/8:2 2 IIIF\r\n"),
]


@pytest.mark.parametrize(("target", "body"), FAULTS)
def test_errors_in_the_syntax_of_iip(target: str, body: str) -> None:
    with pytest.raises(IIPError) as caught:
        planned(target)
    status, document = PROTOCOL.error(caught.value, None)
    assert document.body.decode() == body
    assert document.media_type == "application/vnd.netfpx"
    assert status == 400


def test_the_server_tells_of_every_command_it_has() -> None:
    told = {name.lower() for name in (*ADVERTISED_COMMANDS.split(), ADVERTISED_JPEG_XL)}
    assert told == COMMANDS.keys() - {"fif", "obj"}


NAMES = st.sampled_from([*COMMANDS, *COMMANDS, "FOO", "", "&", "="])
ARGUMENTS = st.text(max_size=12) | st.sampled_from(
    [
        *(
            "0,0",
            "2,0-5",
            "a.tif",
            "jpeg",
            "png",
            "-1",
            "0",
            "1",
            "1.5",
            "90",
            "!45",
            "30,90",
            "eq",
            "st",
            "log",
        ),
        *("0,0,1,1", "1e999,0,1,1", "0,0,1e-320,1e-320", "0,2,0,90", "2,0,5,5", "2:0,0-9,5", "0:5,5-0,0"),
        *(
            "%00",
            "%ff",
            "9" * 30,
            "max-size",
            "xmp",
            "statistics",
            "stack",
            "-:0,1",
            "1:5,2",
            "16",
            "grey",
            "binary",
        ),
        *("[1,0;0,1]", "[]", "[1,2,3]", "1,1,1,1,1,1,1,1,1", "1e31", "jet", "none", "zstd:5", "nan", "inf"),
    ]
)
PICTURES = (
    SMALL,
    image(1000, 700, bands=1, color_space=ColorSpace.GRAY, dtype="float32", bits=32),
    image(1000, 700, dtype="uint16", bits=12, bands=4, has_alpha=True),
)


@settings(max_examples=600, deadline=None)
@given(st.lists(st.tuples(NAMES, ARGUMENTS), max_size=6))
def test_whatever_comes_is_answered_or_refused(commands: list[tuple[str, str]]) -> None:
    target = "&".join(f"{name}={argument}" for name, argument in [("FIF", "a.tif"), *commands])
    for config in (CONFIG, Config(allow_upscaling=False, max_cvt=10)):
        for info in PICTURES:
            assert answer_or_refusal(PROTOCOL, target, info, config).content
