"""IIP: the list of commands, its rules and its errors (iipsrv's documented behavior)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.errors import InvalidRequest, RegionOutOfBounds, TileNotFound
from iipserve.image import FIRST, ColorSpace, ImageName, Selector
from iipserve.protocols.iip import PROTOCOL
from iipserve.protocols.iip.commands import known_commands
from iipserve.protocols.iip.errors import IIPError
from iipserve.protocols.iip.object_reply import advertised_commands
from tests.protocols.client import (
    CONFIG,
    FORMATS,
    Refused,
    answer_or_refusal,
    ask,
    image,
    parsed,
)
from tests.protocols.iip.client import SMALL, planned


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


def test_identifiers() -> None:
    for text, identifier in [
        ("b/c.tif", "b/c.tif"),
        ("b%2Fc+d%2B%20e.tif", "b/c d+ e.tif"),
        ("a%26JTL=1.tif", "a&JTL=1.tif"),
        ("a=b.tif", "a=b.tif"),
        ("%zz.tif", "%zz.tif"),
        ("%253C", "%3C"),
        ("c+d.tif", "c+d.tif"),
        ("./b/.//./c.tif", "b//c.tif"),
        (".%2Fc./d.tif", "c./d.tif"),
        ("\xc3\xbc.tif", "ü.tif"),
    ]:
        query = parsed(PROTOCOL, f"FIF={text}&JTL=0,0")
        assert query.names == (ImageName(identifier),)


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
    Refused("two answers", "FIF=a&JTL=0,0&CVT=jpeg", InvalidRequest, "second output"),
    Refused("two tiles", "FIF=a&JTL=0,0&JTL=1,0", InvalidRequest, "second output"),
    Refused("two formats", "FIF=a&JTL=0,0&PTL=0,0", InvalidRequest, "second output"),
    Refused("two images", "FIF=a&FIF=b&JTL=0,0", InvalidRequest, "twice"),
    Refused("zero byte", "FIF=a%00b&JTL=0,0", InvalidRequest, "zero byte"),
    Refused("not UTF-8", "FIF=%ff&JTL=0,0", InvalidRequest, "UTF-8"),
    Refused("samples and an image", "FIF=a&PFL=0:0,0&JTL=0,0", InvalidRequest, "second output"),
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
    assert PROTOCOL.error(caught.value, None, None).document.media_type.startswith("text/plain")


ERRORS = [
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


@pytest.mark.parametrize(("target", "body"), ERRORS)
def test_errors_in_the_syntax_of_iip(target: str, body: str) -> None:
    with pytest.raises(IIPError) as caught:
        planned(target)
    status, document, _ = PROTOCOL.error(caught.value, None, None)
    assert document.body.decode() == body
    assert document.media_type == "application/vnd.netfpx"
    assert status == 400


SAME = [
    ("FIF=a&JTL=2,1", "_=1700000000&FIF=a&JTL=2,1"),
    ("FIF=a&JTL=2,1", "FIF=a&FOO=1&JTL=2,1&x=.jpg"),
    ("FIF=a&JTL=2,1", "FIF=a&JTL=2,1&1700000000"),
    ("FIF=a&JTL=2,1", "JTL=2,1&FIF=a"),
    ("FIF=a&JTL=2,1", "FIF=a&FIF=%61&jtl=2,1&JTL=2,1"),
    ("FIF=a&JTL=2,1", "FIF=a&OBJ=IIP,1.0&OBJ=Max-size&OBJ=What&JTL=2,1&OBJ=Tile-size"),
    ("FIF=a&JTL=2,1", "FIF=a&JTL=2,1.jpg"),
    ("FIF=a&JTL=2,1", "FIF=a&JTL=%202.9,+1?v=3"),
    ("FIF=a&JTL=2,1", "FIF=./a&JTL=2,1"),
    ("FIF=a&GAM=2&JTL=2,1", "FIF=a&JTL=2,1&GAM=2"),
    ("FIF=a&GAM=2&JTL=2,1", "GAM=9&JTL=2,1&FIF=a&GAM=2"),
    ("FIF=a&WID=300&RGN=0,0,.5,.5&CVT=jpeg", "FIF=a&CVT=jpeg&WID=300&RGN=0,0,.5,.5"),
    ("FIF=a&WID=300&CVT=jpeg", "FIF=a&WID=300px&CVT=jpeg"),
    ("FIF=a&RGN=.25,.25,.5,.5&QLT=80&CVT=jpeg", "FIF=a&RGN=.25, .25, .5, .5&QLT=80%25&CVT=jpeg"),
    ("FIF=a&ROT=90&TIL=2,0-1", "FIF=a&TIL=2,0-1.jpg&ROT=90deg"),
]  # fmt: skip


@pytest.mark.parametrize(("plain", "other"), SAME, ids=[other for _, other in SAME])
def test_spellings_of_one_request(plain: str, other: str) -> None:
    assert ask(PROTOCOL, other, SMALL).content == ask(PROTOCOL, plain, SMALL).content


def test_the_server_advertises_every_command() -> None:
    advertised = [name.lower() for name in advertised_commands(FORMATS).split()]
    assert sorted(advertised) == sorted(known_commands(FORMATS).keys() - {"fif", "obj"})


NAMES = st.sampled_from([*known_commands(FORMATS), *known_commands(FORMATS), "FOO", "", "&", "="])
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
