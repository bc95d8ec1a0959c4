"""info.json per version, and the choice of its media type."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geometry import Size
from iipserve.image import ColorSpace, ImageInfo, PhysicalResolution
from iipserve.plan import Document
from iipserve.protocols.iiif import PROTOCOL
from iipserve.protocols.iiif.info import extra_members
from tests.protocols.client import CONFIG, GRAY, IMAGE, ask, image, plan_of, text_of

CC = "http://creativecommons.org/licenses/by/4.0/"
LD_3 = 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"'


def described(version: int, info: ImageInfo = IMAGE, config: Config = CONFIG) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        text_of(ask(PROTOCOL, f"{version}/a%2Fb.tif/info.json", info, config, mount="/iiif/"))
    )
    return document


def with_rights(rights: str) -> ImageInfo:
    return image(text=MappingProxyType({"rights": rights}))


SIZES = [
    {"width": 193, "height": 168},
    {"width": 385, "height": 335},
    {"width": 769, "height": 670},
    {"width": 1537, "height": 1340},
    {"width": 3073, "height": 2680},
]


def test_version_3_complete() -> None:
    document = described(3)
    assert next(iter(document)) == "@context"
    assert document == {
        "@context": "http://iiif.io/api/image/3/context.json",
        "id": "http://example.org/iiif/3/a%2Fb.tif",
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level2",
        "width": 3073,
        "height": 2680,
        "maxWidth": 5000,
        "maxHeight": 5000,
        "sizes": SIZES,
        "tiles": [{"width": 256, "height": 256, "scaleFactors": [1, 2, 4, 8, 16]}],
        "extraQualities": ["color", "gray", "bitonal"],
        "extraFormats": ["webp", "avif", "tif", "jxl", "gif", "jp2", "pdf"],
        "extraFeatures": [
            "rotationArbitrary",
            "mirroring",
            "profileLinkHeader",
            "canonicalLinkHeader",
            "sizeUpscaling",
        ],
    }


def test_version_2_complete() -> None:
    assert described(2) == {
        "@context": "http://iiif.io/api/image/2/context.json",
        "@id": "http://example.org/iiif/2/a%2Fb.tif",
        "@type": "iiif:Image",
        "protocol": "http://iiif.io/api/image",
        "width": 3073,
        "height": 2680,
        "sizes": SIZES,
        "tiles": [{"width": 256, "height": 256, "scaleFactors": [1, 2, 4, 8, 16]}],
        "profile": [
            "http://iiif.io/api/image/2/level2.json",
            {
                "formats": ["jpg", "png", "webp", "avif", "tif", "jxl", "gif", "jp2", "pdf"],
                "qualities": ["default", "color", "gray", "bitonal"],
                "supports": [
                    "rotationArbitrary",
                    "mirroring",
                    "regionSquare",
                    "profileLinkHeader",
                    "canonicalLinkHeader",
                    "sizeAboveFull",
                ],
                "maxWidth": 5000,
                "maxHeight": 5000,
            },
        ],
    }


def test_tiles_that_are_not_square() -> None:
    assert described(3, image(1000, 700, (128, 64)))["tiles"] == [
        {"width": 128, "height": 64, "scaleFactors": [1, 2, 4, 8, 16]}
    ]


def test_an_image_that_fits_in_a_tile() -> None:
    document = described(3, image(100, 90))
    assert document["tiles"] == [{"width": 256, "height": 256, "scaleFactors": [1]}]
    assert document["sizes"] == [{"width": 100, "height": 90}]


def test_levels_the_file_lacks_are_advertised() -> None:
    assert described(3, image(levels=1)) == described(3)


def test_gray_images_list_no_color() -> None:
    assert described(3, GRAY)["extraQualities"] == ["gray", "bitonal"]
    assert described(2, GRAY)["profile"][1]["qualities"] == ["default", "gray", "bitonal"]


@pytest.mark.parametrize(
    ("info", "color"),
    [
        (image(bands=4, color_space=ColorSpace.CMYK), True),
        (image(color_space=ColorSpace.CIELAB), True),
        (image(bands=4, has_alpha=True), True),
        (image(bands=2, has_alpha=True, color_space=ColorSpace.GRAY), False),
        (image(bands=9, color_space=ColorSpace.GRAY), False),
    ],
)
def test_color_is_listed_where_there_is_some(info: ImageInfo, color: bool) -> None:
    assert ("color" in described(3, info)["extraQualities"]) is color


def test_qualities_beyond_the_specification_are_listed_where_they_are_on() -> None:
    config = Config(iiif_extensions=True)
    extensions = ["negative", "stretch", "equalization", "log"]
    assert described(3, IMAGE, config)["extraQualities"] == ["color", "gray", "bitonal", *extensions]
    assert described(2, GRAY, config)["profile"][1]["qualities"] == [
        "default",
        "gray",
        "bitonal",
        *extensions,
    ]
    for quality in extensions:
        for version in (2, 3):
            assert plan_of(ask(PROTOCOL, f"{version}/a/full/max/0/{quality}.jpg", IMAGE, config)).operations


def test_the_id_keeps_the_number_of_the_picture_as_it_was_written() -> None:
    for written in ("a.tif;2", "a.tif%3B2", "a.tif%3b02"):
        document = json.loads(
            text_of(
                ask(PROTOCOL, f"3/{written}/info.json", config=Config(iiif_delimiter=";"), mount="/iiif/")
            )
        )
        assert document["id"] == f"http://example.org/iiif/3/{written}"


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("info", [IMAGE, image(2609, 3424, (128, 64)), image(900, 7, levels=1)], ids=str)
@pytest.mark.parametrize(
    "config", [CONFIG, Config(max_cvt=1000), Config(max_cvt=100)], ids=["5000", "1000", "100"]
)
def test_everything_listed_works_and_is_within_the_limits(
    version: int, info: ImageInfo, config: Config
) -> None:
    document = described(version, info, config)
    limit = config.max_cvt
    for size in document["sizes"]:
        width, height = size["width"], size["height"]
        assert max(width, height) <= limit
        spellings = [f"{width},{height}"] if version == 3 else [f"{width},{height}", f"{width},"]
        for spelling in spellings:
            plan = plan_of(ask(PROTOCOL, f"{version}/a/full/{spelling}/0/default.jpg", info, config))
            assert plan.view.size == Size(width, height)
    tile = document["tiles"][0]
    for factor in tile["scaleFactors"]:
        width, height = (
            min(side * factor, whole)
            for side, whole in ((tile["width"], document["width"]), (tile["height"], document["height"]))
        )
        size = Size(-(-width // factor), -(-height // factor))
        target = f"{version}/a/0,0,{width},{height}/{size.width},{size.height}/0/default.jpg"
        assert plan_of(ask(PROTOCOL, target, info, config)).view.size == size


@pytest.mark.parametrize(
    ("config", "limits", "features"),
    [
        (Config(max_cvt=100), (100, 100), True),
        (Config(max_cvt=-1), (11_583, 11_583), True),
        (Config(allow_upscaling=False), (5000, 5000), False),
    ],
)
def test_upscaling_and_limits(config: Config, limits: tuple[int | None, int | None], features: bool) -> None:
    document = described(3, IMAGE, config)
    assert (document.get("maxWidth"), document.get("maxHeight")) == limits
    assert ("sizeUpscaling" in document["extraFeatures"]) is features


@pytest.mark.parametrize(
    ("rights", "in_3", "in_2"),
    [
        (CC, {"rights": CC}, {"license": CC}),
        (
            "http://rightsstatements.org/vocab/InC/1.0/",
            {"rights": "http://rightsstatements.org/vocab/InC/1.0/"},
            {"license": "http://rightsstatements.org/vocab/InC/1.0/"},
        ),
        ('"Ours"\n', {}, {"attribution": '"Ours"'}),
        ("https://example.org/rights", {}, {"license": "https://example.org/rights"}),
        (f"A library ({CC}).", {"rights": CC}, {"attribution": f"A library ({CC}).", "license": CC}),
        (
            "A library, http://creativecommons.org/",
            {},
            {"attribution": "A library, http://creativecommons.org/"},
        ),
    ],
)
def test_rights(rights: str, in_3: dict[str, str], in_2: dict[str, str]) -> None:
    names = ("rights", "license", "attribution")
    for document, expected in (
        (described(3, with_rights(rights)), in_3),
        (described(2, with_rights(rights)), in_2),
        (described(1, with_rights(rights)), in_2),
    ):
        assert {name: document[name] for name in names if name in document} == expected


def test_images_without_rights_get_those_of_the_settings() -> None:
    assert described(3, IMAGE, Config(copyright=CC))["rights"] == CC
    assert described(2, IMAGE, Config(copyright="A museum"))["attribution"] == "A museum"
    assert described(3, with_rights(CC), Config(copyright="A museum"))["rights"] == CC


def test_physical_size_only_where_the_version_has_a_place_for_it() -> None:
    info = image(resolution=PhysicalResolution(11811.0, 11811.0))
    service = described(2, info)["service"]
    assert service["profile"] == "http://iiif.io/api/annex/services/physdim"
    assert service["physicalUnits"] == "cm"
    assert service["physicalScale"] * 118.11 == pytest.approx(1)
    assert "service" not in described(3, info)


@pytest.mark.parametrize(
    "text",
    [
        '"service": [{"id": "x"}], "a": 1',
        '{"service": [{"id": "x"}], "a": 1}',
        ' "service":[{"id":"x"}],"a":1 , ',
    ],
)
def test_further_members(text: str) -> None:
    document = described(3, IMAGE, Config(iiif_extra_info=text))
    assert (document["service"], document["a"]) == ([{"id": "x"}], 1)


def test_further_members_of_one_version() -> None:
    config = Config(
        iiif_extra_info='"a": 0, "b": 0',
        iiif_extra_info_1='"b": 1',
        iiif_extra_info_2='{"b": 2, "c": 2}',
        iiif_extra_info_3='"d": 3',
    )
    added = set("abcd")
    found = {
        version: {name: value for name, value in described(version, IMAGE, config).items() if name in added}
        for version in (1, 2, 3)
    }
    assert found == {1: {"a": 0, "b": 1}, 2: {"a": 0, "b": 2, "c": 2}, 3: {"a": 0, "b": 0, "d": 3}}


@pytest.mark.parametrize("setting", ["iiif_extra_info", "iiif_extra_info_1", "iiif_extra_info_3"])
@pytest.mark.parametrize("text", ["attribution: x", '"a"', "{", "[1]", "1", '"a": 1 "b": 2'])
def test_further_members_that_are_no_json(setting: str, text: str) -> None:
    assert PROTOCOL.check is not None
    with pytest.raises(ConfigError, match=f"^{setting.upper()} is "):
        PROTOCOL.check(Config(**{setting: text}))


@pytest.mark.parametrize("name", ["id", "@id", "width", "tiles"])
def test_members_that_no_setting_may_replace(name: str) -> None:
    assert PROTOCOL.check is not None
    with pytest.raises(ConfigError, match=f"; {name} cannot be replaced"):
        PROTOCOL.check(Config(iiif_extra_info=f'"attribution": "x", "{name}": 1'))


@pytest.mark.parametrize("text", ["", "  ", ","])
def test_no_further_members(text: str) -> None:
    assert extra_members(text, "iiif_extra_info") == {}


ACCEPTS = [
    (3, None, LD_3),
    (3, "", LD_3),
    (3, "*/*", LD_3),
    (3, "text/html,application/xhtml+xml,*/*;q=0.8", LD_3),
    (3, "application/json", "application/json"),
    (3, "application/json, text/plain, */*", "application/json"),
    (3, "application/ld+json", LD_3),
    (3, "application/ld+json, application/json", LD_3),
    (3, "application/json;q=0.9, application/ld+json;q=0.5", "application/json"),
    (3, "application/json;q=0.1, */*", LD_3),
    (3, "application/ld+json;q=0, */*", "application/json"),
    (3, f"{LD_3};q=0.9, application/json;q=0.2", LD_3),
    (3, 'application/ld+json;profile="http://iiif.io/api/image/2/context.json"', "application/json"),
    (3, 'application/ld+json;profile="a,b";q=1, application/json;q=0.5', "application/json"),
    (3, "text/html", "application/json"),
    (3, "APPLICATION/JSON ; Q=1", "application/json"),
    (3, ';;,,q="', "application/json"),
    (2, None, "application/json"),
    (2, "*/*", "application/json"),
    (2, "application/ld+json", "application/ld+json"),
    (2, "application/ld+json;q=0.5, application/json", "application/json"),
    (2, "application/ld+json, */*;q=0.1", "application/ld+json"),
    (2, 'application/ld+json;profile="http://iiif.io/api/image/2/context.json"', "application/ld+json"),
    (2, "image/png", "application/json"),
]


@pytest.mark.parametrize(("version", "accept", "media_type"), ACCEPTS)
def test_media_types(version: int, accept: str | None, media_type: str) -> None:
    headers: dict[str, Any] = {} if accept is None else {"HTTP_ACCEPT": accept}
    answer = ask(PROTOCOL, f"{version}/a.tif/info.json", **headers)
    assert isinstance(answer.content, Document)
    assert answer.content.media_type == media_type
    assert "Accept" in answer.content.vary.split(", ")


CONTEXTS = {
    1: "http://library.stanford.edu/iiif/image-api/1.1/context.json",
    2: "http://iiif.io/api/image/2/context.json",
    3: "http://iiif.io/api/image/3/context.json",
}
PROFILED = 'application/ld+json;profile="{0}"'
ACCEPTED_VERSIONS = [
    *((PROFILED.format(context), number) for number, context in CONTEXTS.items()),
    (f"{PROFILED.format(CONTEXTS[2])}, */*;q=0.1", 2),
    (f"{PROFILED.format(CONTEXTS[3])};q=0.5,{PROFILED.format(CONTEXTS[2])}", 2),
    (f"{PROFILED.format(CONTEXTS[2])};q=0", None),
    (PROFILED.format("http://iiif.io/api/image/9/context.json"), None),
    (f"{PROFILED.format(CONTEXTS[2])},{PROFILED.format(CONTEXTS[3])}", None),
    ("application/ld+json", None),
    ("*/*", None),
    ("", None),
]
"""Accept headers, and the version that they prefer; None is that of the settings."""


@pytest.mark.parametrize("configured", [2, 3])
@pytest.mark.parametrize(("accept", "version"), ACCEPTED_VERSIONS)
def test_the_client_may_choose_the_version_where_the_address_does_not(
    accept: str, version: int | None, configured: int
) -> None:
    config = Config(iiif_version=configured)
    answer = ask(PROTOCOL, "a.tif/info.json", config=config, HTTP_ACCEPT=accept)
    assert json.loads(text_of(answer))["@context"] == CONTEXTS[version or configured]
    assert isinstance(answer.content, Document)
    assert "Accept" in answer.content.vary.split(", ")
    for number, context in CONTEXTS.items():
        other = ask(PROTOCOL, f"{number}/a.tif/info.json", config=config, HTTP_ACCEPT=accept)
        assert json.loads(text_of(other))["@context"] == context


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='ab/*+;,="q01.\\ \t', max_size=60))
def test_any_accept_header_gets_a_description(accept: str) -> None:
    content = ask(PROTOCOL, "3/a.tif/info.json", HTTP_ACCEPT=accept).content
    assert isinstance(content, Document)
    assert content.media_type in (LD_3, "application/json")


def test_links() -> None:
    profile = '<http://iiif.io/api/image/{0}/level2.json>;rel="profile"'
    assert dict(ask(PROTOCOL, "3/a.tif/info.json").headers)["Link"] == profile.format(3)
    plain = dict(ask(PROTOCOL, "2/a.tif/info.json").headers)["Link"]
    assert plain == (
        profile.format(2)
        + ', <http://iiif.io/api/image/2/context.json>;rel="http://www.w3.org/ns/json-ld#context";type="application/ld+json"'
    )
    linked = ask(PROTOCOL, "2/a.tif/info.json", HTTP_ACCEPT="application/ld+json")
    assert dict(linked.headers)["Link"] == profile.format(2)


def test_the_address_is_the_one_the_client_used() -> None:
    answer = ask(
        PROTOCOL,
        "3/a%2Fb%22.tif/info.json",
        mount="/iiif/",
        HTTPS="on",
        HTTP_X_FORWARDED_HOST="img.example.com",
    )
    assert json.loads(text_of(answer))["id"] == "https://img.example.com/iiif/3/a%2Fb%22.tif"
    answer = ask(PROTOCOL, "b/c.tif/info.json", mount="/iipsrv.fcgi?IIIF=", by_path=False)
    assert json.loads(text_of(answer))["id"] == "http://example.org/iipsrv.fcgi?IIIF=b/c.tif"
