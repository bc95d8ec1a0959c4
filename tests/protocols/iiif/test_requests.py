"""IIIF addresses: identifiers, versions, canonical and base URIs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.errors import InvalidRequest
from iipserve.image import FIRST, ImageName, Selector
from iipserve.plan import Redirect
from iipserve.protocols.iiif import PROTOCOL
from iipserve.protocols.iiif.requests import InfoQuery
from tests.protocols.client import (
    CONFIG,
    GRAY,
    answer_or_refusal,
    ask,
    image,
    parsed,
    plan_of,
)

SMALL = image(1000, 700)


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
        ("1/a.tif", True, "a.tif", 1),
        ("1/a.tif", False, "1/a.tif", None),
        ("4/a.tif", True, "4/a.tif", None),
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
        assert (query.names, query.version) == ((ImageName(identifier),), version)
        encoded = target.replace("\xc3\xbc", "%C3%BC")
        assert query.address == f"http://localhost/iiif/{encoded}"


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
        assert query.names == (ImageName(identifier, selector),)
        encoded = name.replace("\xd9\xa1", "%D9%A1")
        assert query.address == f"http://localhost/iiif/3/{encoded}"


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


UNVERSIONED = [
    ("a.tif/full/full/0/native.jpg", "full/max/0/default.jpg"),
    ("a.tif/full/full/0/native", "full/max/0/default.jpg"),
    ("a.tif/full/full/0/grey.png", "full/max/0/gray.png"),
    ("a.tif/FULL/Full/!0/DEFAULT.JPG", "full/max/!0/default.jpg"),
    ("a.tif/SQUARE/PCT:50/0/Gray.Png", "square/pct:50/0/gray.png"),
    ("a.tif%2Ffull%2F100%2C%2F0%2Fdefault.jpg", "full/100,/0/default.jpg"),
    ("a.tif%2ffull%2ffull%2f0%2fnative", "full/max/0/default.jpg"),
]
"""Without a version, and the tail of the same request in version 3."""


@pytest.mark.parametrize(("target", "tail"), UNVERSIONED)
@pytest.mark.parametrize("by_path", [False, True])
def test_habits_of_earlier_versions_are_taken_without_a_version(
    target: str, tail: str, by_path: bool
) -> None:
    answer = ask(PROTOCOL, target, by_path=by_path, mount="/iiif/")
    assert plan_of(answer) == plan_of(ask(PROTOCOL, f"3/a.tif/{tail}", mount="/iiif/"))
    assert "level2.json" in dict(answer.headers)["Link"]
    if "%2f" not in target.lower():
        with pytest.raises(InvalidRequest):
            ask(PROTOCOL, f"3/{target}", mount="/iiif/")


@pytest.mark.parametrize(
    "identifier", ["b%2Fa.tif", "b%2Fc%2Fd%2Fe%2Fa.tif", "b%2Fdefault.jpg", "1%2F2%2F3%2F4%2F5.jpg"]
)
def test_encoded_slashes_of_a_base_address_are_the_identifiers(identifier: str) -> None:
    redirect = ask(PROTOCOL, identifier, mount="/x?IIIF=", by_path=False).content
    assert redirect == Redirect(f"http://example.org/x?IIIF={identifier}/info.json")


def test_an_address_that_is_encoded_as_a_whole_is_read_again() -> None:
    query = parsed(PROTOCOL, "b%2Fc%20d.tif%2Finfo.json", mount="/x?IIIF=")
    assert (query.names, query.address) == ((ImageName("b/c d.tif"),), "http://localhost/x?IIIF=b/c%20d.tif")
    with_version = parsed(PROTOCOL, "3/b%2Finfo.json", mount="/iiif/", by_path=True)
    assert with_version.names == (ImageName("b/info.json"),)


@pytest.mark.parametrize("tail", ["/info.json", "/full/max/0/default.jpg"])
def test_further_query_parameters_mean_nothing(tail: str) -> None:
    query = parsed(PROTOCOL, f"a.tif{tail}&v=2", mount="/iipsrv.fcgi?IIIF=")
    assert (query.names, query.address) == ((ImageName("a.tif"),), "http://localhost/iipsrv.fcgi?IIIF=a.tif")


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


def test_a_front_end_may_state_the_address() -> None:
    stated = "https://images.example.com/x/a%2Fb"
    query = parsed(PROTOCOL, "3/a/info.json", mount="/iiif/", HTTP_X_IIIF_ID=stated)
    assert isinstance(query, InfoQuery)
    assert query.address == stated
    redirect = ask(PROTOCOL, "3/a", HTTP_X_IIIF_ID=stated).content
    assert redirect == Redirect(stated + "/info.json")


def test_address_that_a_front_end_states_in_utf_8_is_percent_encoded() -> None:
    query = parsed(PROTOCOL, "3/a/info.json", mount="/iiif/", HTTP_X_IIIF_ID="http://a.org/\xc3\xbc/[%2F]")
    assert query.address == "http://a.org/%C3%BC/[%2F]"


@pytest.mark.parametrize("stated", ["javascript:x", "http://a b", "http://a>b", "http://x\r\ny"])
def test_what_a_front_end_states_is_an_address(stated: str) -> None:
    with pytest.raises(InvalidRequest, match="X-IIIF-ID"):
        ask(PROTOCOL, "3/a/info.json", HTTP_X_IIIF_ID=stated)


def test_clients_past_the_front_end_state_nothing() -> None:
    config = Config(trust_forwarded=False)
    query = parsed(PROTOCOL, "a/info.json", mount="/iiif/", config=config, HTTP_X_IIIF_ID="http://evil/a")
    assert query.address == "http://localhost/iiif/a"


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
