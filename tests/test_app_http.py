"""HTTP semantics of the whole application: entity tags, conditions, Vary, public addresses (RFC 9110)."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from iipserve import app
from iipserve.config import Config
from iipserve.http import Response
from iipserve.http.public_address import FORWARDING_HEADERS
from tests.images import smooth, write_tiff_pyramid
from tests.test_app import ask, body, header

NAMES = ("a.tif", "\u00fc.tif", "\u5716 \u50cf.tif", 'q"<>|^.tif', "100%.tif", "a+b.tif")
TILE = "/iiif/3/a.tif/0,0,256,256/256,256/0/default.jpg"
ADDRESSES = (
    TILE,
    "/iiif/3/a.tif/info.json",
    "/iiif/2/a.tif/info.json",
    "/iip?FIF=a.tif&JTL=1,0",
    "/iip?FIF=a.tif&OBJ=Max-size",
    "/iip?FIF=a.tif&TIL=0,0",
    "/deepzoom/a.tif.dzi",
    "/zoomify/a.tif/ImageProperties.xml",
    "/zoomify/a.tif/TileGroup0/0-0-0.jpg",
)
PAST, FUTURE = "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = tmp_path_factory.mktemp("images")
    for name in NAMES:
        write_tiff_pyramid(images / name, smooth((600, 500)), compression="jpeg")
    return images


@pytest.fixture(scope="module")
def application(folder: Path) -> app.Application:
    return app.build(Config(filesystem_prefix=f"{folder}/", iiif_version=2))


@pytest.mark.parametrize("version", [1, 2, 3])
def test_each_media_type_has_an_entity_tag_of_its_own(application: app.Application, version: int) -> None:
    """Section 8.8.3: a strong tag tells representations of one resource apart."""
    address = f"/iiif/{version}/a.tif/info.json"
    answers = [ask(application, address, accept=f"application/{kind}json") for kind in ("", "ld+")]
    types = {header(answer, "Content-Type") for answer in answers}
    tags = [header(answer, "ETag") or "" for answer in answers]
    assert len(set(tags)) == len(types)
    for tag in tags:
        again = ask(application, address, accept="application/json", if_none_match=tag)
        assert again.status == (304 if tag == tags[0] else 200)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_preconditions(application: app.Application, address: str, method: str) -> None:
    tag = header(ask(application, address, method), "ETag") or ""

    def status(**headers: str) -> int:
        return int(ask(application, address, method, **headers).status)

    assert tag[:1] == tag[-1:] == '"'
    assert status(if_match=tag) == status(if_match="*") == status(if_unmodified_since=FUTURE) == 200
    assert status(if_match='"other"') == status(if_match=f"W/{tag}") == 412
    assert status(if_unmodified_since=PAST) == 412
    assert status(if_match=tag, if_unmodified_since=PAST) == 200
    assert status(if_match=tag, if_none_match=tag) == status(if_none_match=tag) == 304
    assert status(if_match='"other"', if_none_match=tag) == 412


@pytest.mark.parametrize("address", ADDRESSES)
def test_answer_to_a_failed_precondition(application: app.Application, address: str) -> None:
    answer = ask(application, address, if_match='"other"')
    assert header(answer, "Access-Control-Allow-Origin") == "*"
    assert header(answer, "Cache-Control") == "no-store"
    assert b"entity tag" in body(answer)


def test_conditions_do_not_count_where_there_is_no_answer(application: app.Application) -> None:
    """Section 13.2.1: only if the answer without them would be a success."""
    assert ask(application, "/iiif/3/none.tif/info.json", if_match='"other"').status == 404
    assert ask(application, "/iiif/3/a.tif/full/nonsense/0/default.jpg", if_match='"other"').status == 400


def seen(answer: Response) -> tuple[object, ...]:
    """All that a cache would keep."""
    return answer.status, answer.headers, answer.body


@pytest.mark.parametrize(
    "settings", [{}, {"base_url": "https://a.org/iiif/"}, {"trust_forwarded": False}], ids=str
)
@pytest.mark.parametrize("address", ["/iiif/3/a.tif", "/iiif/1/a.tif/full/full/0/native", *ADDRESSES])
def test_vary_names_what_an_answer_depends_on(
    folder: Path, address: str, settings: dict[str, str | bool]
) -> None:
    """Section 12.5.5. An answer that depends on another header poisons shared caches."""
    application = app.build(Config(filesystem_prefix=f"{folder}/", **settings))  # type: ignore[arg-type]
    plain = ask(application, address)
    named = (header(plain, "Vary") or "").split(", ")
    forged = {
        "Forwarded": "proto=https;host=evil.org", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "1",
        "X-IIIF-ID": "http://evil.org/", "Accept": "application/ld+json;q=0.9, image/png, application/json;q=0.1",
        "Accept-Language": "la", "User-Agent": "x", "Cookie": "a=b", "Origin": "https://evil.org", "X-Original-URL": "/x",
        "X-Rewrite-URL": "/x", "X-Forwarded-Scheme": "https", "X-Forwarded-Server": "evil.org", "X-Host": "evil.org",
        "X-Forwarded-For": "1.2.3.4", "X-Real-IP": "1.2.3.4", "X-Script-Name": "/evil", "X-HTTP-Method-Override": "PUT",
    }  # fmt: skip
    for name in {*forged, *FORWARDING_HEADERS}:
        sent = {name.replace("-", "_"): forged.get(name, "evil")}
        if seen(ask(application, address, **sent)) != seen(plain):
            assert name in named
    assert not settings or set(named) <= {"", "Accept", "X-IIIF-ID"}


@pytest.mark.parametrize("raw", [True, False], ids=["as octets", "percent-encoded"])
@pytest.mark.parametrize("name", NAMES)
def test_ids_lead_back_to_the_image(application: app.Application, name: str, raw: bool) -> None:
    """Whatever the client wrote, the id is an address in ASCII (RFC 3986) whose description has the same id."""
    octets = name.encode().decode("latin-1")
    written = octets if raw and "%" not in name and " " not in name else quote(name)
    address = json.loads(body(ask(application, f"/iiif/3/{written}/info.json")))["id"]
    parts = urlsplit(address)
    assert address.isascii()
    assert not set(address) & set('"<>|^ ')
    assert json.loads(body(ask(application, f"{parts.path}/info.json")))["id"] == address
    assert quote(name) == parts.path.removeprefix("/iiif/3/").replace("+", "%2B")


@pytest.mark.parametrize("host", ["b\xc3\xbccher.example", "a.org:80:80", "a.org, b.org"])
def test_hosts_that_are_none_are_refused(application: app.Application, host: str) -> None:
    assert ask(application, "/iiif/3/a.tif/info.json", host=host).status == 400


@pytest.mark.parametrize("host", ["b%C3%BCcher.example", "xn--bcher-kva.example:8080", "[2001:db8::1]:8080"])
def test_hosts_stay_as_they_are(application: app.Application, host: str) -> None:
    answer = json.loads(body(ask(application, "/iiif/3/a.tif/info.json", host=host)))
    assert answer["id"] == f"http://{host}/iiif/3/a.tif"
