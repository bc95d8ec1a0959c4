"""Requests from CGI variables, conditions, public addresses."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from iipserve import http
from iipserve.config import Config
from iipserve.errors import InvalidRequest
from iipserve.http import Request, Routed, conditions
from iipserve.http.negotiation import negotiated
from iipserve.http.public_address import forwarded_parameters, headers_read

NOON = 1_763_726_400  # Fri, 21 Nov 2025 12:00:00 GMT


def request(**environ: str) -> Request:
    return Request.from_environ(environ)


@pytest.mark.parametrize(
    ("environ", "path", "query"),
    [
        pytest.param({"REQUEST_URI": "/a%2Fb?x=1?y"}, "/a%2Fb", "x=1?y", id="raw target"),
        pytest.param({"REQUEST_URI": "/a", "QUERY_STRING": "x=1"}, "/a", "x=1", id="query apart"),
        pytest.param({"SCRIPT_NAME": "/s", "PATH_INFO": "/p q"}, "/s/p%20q", "", id="no target"),
        pytest.param({}, "/", "", id="nothing"),
    ],
)
def test_target(environ: dict[str, str], path: str, query: str) -> None:
    read = request(**environ)
    assert (read.method, read.path, read.query) == ("GET", path, query)


NOT_MODIFIED, FAILED = HTTPStatus.NOT_MODIFIED, HTTPStatus.PRECONDITION_FAILED
EARLIER, SAME, LATER = (http.http_date(NOON + seconds) for seconds in (-1, 0, 9))
CONDITIONS: list[tuple[str, dict[str, str], HTTPStatus | None]] = [
    ("no condition", {}, None),
    # section 13.1.2, by weak comparison
    ("same tag", {"IF_NONE_MATCH": '"abc"'}, NOT_MODIFIED),
    ("weak tag", {"IF_NONE_MATCH": 'W/"abc"'}, NOT_MODIFIED),
    ("one of several tags", {"IF_NONE_MATCH": '"x", "abc"'}, NOT_MODIFIED),
    ("any tag", {"IF_NONE_MATCH": "*"}, NOT_MODIFIED),
    ("other tag", {"IF_NONE_MATCH": '"x"'}, None),
    # section 13.1.3
    ("modified in the same second", {"IF_MODIFIED_SINCE": SAME}, NOT_MODIFIED),
    ("modified earlier", {"IF_MODIFIED_SINCE": LATER}, NOT_MODIFIED),
    ("modified later", {"IF_MODIFIED_SINCE": EARLIER}, None),
    ("no date", {"IF_MODIFIED_SINCE": "yesterday"}, None),
    ("odd year", {"IF_MODIFIED_SINCE": "Fri, 21 Nov 99999 12:00:00 GMT"}, None),
    # section 13.1.1, by strong comparison
    ("matches", {"IF_MATCH": '"abc"'}, None),
    ("matches one of several", {"IF_MATCH": '"x", "abc"'}, None),
    ("matches anything", {"IF_MATCH": "*"}, None),
    ("does not match", {"IF_MATCH": '"x"'}, FAILED),
    ("matches weakly only", {"IF_MATCH": 'W/"abc"'}, FAILED),
    ("matches nothing", {"IF_MATCH": ""}, FAILED),
    # section 13.1.4
    ("unmodified in the same second", {"IF_UNMODIFIED_SINCE": SAME}, None),
    ("unmodified", {"IF_UNMODIFIED_SINCE": LATER}, None),
    ("not unmodified", {"IF_UNMODIFIED_SINCE": EARLIER}, FAILED),
    ("unmodified since no date", {"IF_UNMODIFIED_SINCE": "yesterday"}, None),
    # section 13.2.2, the order
    ("If-Match before If-Unmodified-Since", {"IF_MATCH": '"abc"', "IF_UNMODIFIED_SINCE": EARLIER}, None),
    ("If-Match before If-None-Match", {"IF_MATCH": '"x"', "IF_NONE_MATCH": '"abc"'}, FAILED),
    ("then If-None-Match", {"IF_MATCH": '"abc"', "IF_NONE_MATCH": '"abc"'}, NOT_MODIFIED),
    ("If-Unmodified-Since before", {"IF_UNMODIFIED_SINCE": EARLIER, "IF_NONE_MATCH": '"abc"'}, FAILED),
    ("If-None-Match before", {"IF_NONE_MATCH": '"x"', "IF_MODIFIED_SINCE": LATER}, None),
    ("both dates", {"IF_UNMODIFIED_SINCE": SAME, "IF_MODIFIED_SINCE": SAME}, NOT_MODIFIED),
    # methods that do more than read
    ("POST of a known tag", {"METHOD": "POST", "IF_NONE_MATCH": '"abc"'}, FAILED),
    ("POST of an unknown tag", {"METHOD": "POST", "IF_NONE_MATCH": '"x"'}, None),
    ("POST and a date", {"METHOD": "POST", "IF_MODIFIED_SINCE": LATER}, None),
    ("POST that does not match", {"METHOD": "POST", "IF_MATCH": '"x"'}, FAILED),
]
"""RFC 9110: request, status; the entity tag is "abc", the date noon."""


@pytest.mark.parametrize(
    ("given", "expected"), [row[1:] for row in CONDITIONS], ids=[row[0] for row in CONDITIONS]
)
def test_conditions(given: dict[str, str], expected: HTTPStatus | None) -> None:
    method = given.get("METHOD", "GET")
    headers = {f"HTTP_{name}": value for name, value in given.items() if name != "METHOD"}
    asked = request(REQUEST_METHOD=method, **headers)
    assert conditions.evaluated(asked, "abc", NOON) is expected
    assert conditions.has_condition(asked) is bool(headers)


@pytest.mark.parametrize("name", ["HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE"])
def test_dates_do_not_count_where_the_date_is_not_known(name: str) -> None:
    for date in (EARLIER, LATER):
        assert conditions.evaluated(request(**{name: date}), "abc", None) is None


def test_date_form() -> None:
    assert http.http_date(NOON) == "Fri, 21 Nov 2025 12:00:00 GMT"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"HTTP_HOST": "a.org"}, "http://a.org/iiif/x", id="plain"),
        pytest.param({"HTTP_HOST": "a.org", "HTTPS": "on"}, "https://a.org/iiif/x", id="https"),
        pytest.param({"HTTP_HOST": "a.org", "HTTPS": "off"}, "http://a.org/iiif/x", id="https off"),
        pytest.param({"HTTP_HOST": "[::1]:80"}, "http://[::1]:80/iiif/x", id="IPv6"),
        pytest.param({"SERVER_NAME": "[::1]", "SERVER_PORT": "81"}, "http://[::1]:81/iiif/x", id="no Host"),
        pytest.param({"SERVER_NAME": "a.org", "SERVER_PORT": "80"}, "http://a.org/iiif/x", id="default port"),
        pytest.param(
            {"SERVER_NAME": "a.org", "SERVER_PORT": "443", "HTTPS": "on"},
            "https://a.org/iiif/x",
            id="default port of https",
        ),
        pytest.param(
            {"HTTP_HOST": "in", "HTTP_X_FORWARDED_HOST": "out.org, in", "HTTP_X_FORWARDED_PROTO": "https"},
            "https://out.org/iiif/x",
            id="proxy",
        ),
        pytest.param(
            {"HTTP_HOST": "a.org", "HTTP_X_FORWARDED_PORT": "8443", "HTTP_X_FORWARDED_PROTO": "https"},
            "https://a.org:8443/iiif/x",
            id="port",
        ),
        pytest.param(
            {"HTTP_HOST": "a.org", "HTTP_X_FORWARDED_PORT": "443", "HTTP_X_FORWARDED_PROTO": "https"},
            "https://a.org/iiif/x",
            id="default port",
        ),
        pytest.param(
            {"HTTP_HOST": "a.org", "HTTP_X_FORWARDED_PREFIX": "/images/"},
            "http://a.org/images/iiif/x",
            id="prefix",
        ),
        pytest.param(
            {"HTTP_HOST": "a.org", "HTTP_X_FORWARDED_PREFIX": "images"},
            "http://a.org/images/iiif/x",
            id="prefix without slashes",
        ),
        pytest.param(
            {"HTTP_HOST": "a.org", "HTTP_X_FORWARDED_PATH": "//images//"},
            "http://a.org/images/iiif/x",
            id="prefix with too many slashes",
        ),
        pytest.param(
            {"HTTP_HOST": "a.org", "HTTP_X_FORWARDED_PREFIX": "/"}, "http://a.org/iiif/x", id="no prefix"
        ),
        pytest.param(
            {"HTTP_HOST": "a.org", "HTTP_X_FORWARDED_PREFIX": "/b\xc3\xbccher"},
            "http://a.org/b%C3%BCcher/iiif/x",
            id="prefix in UTF-8",
        ),
        pytest.param(
            {"HTTP_HOST": "b%C3%BCcher.example:8080"}, "http://b%C3%BCcher.example:8080/iiif/x", id="host"
        ),
        pytest.param(
            {"HTTP_HOST": "in", "HTTP_FORWARDED": 'for=1.2.3.4;proto=https;host="a.org:8443", for=b;host=b'},
            "https://a.org:8443/iiif/x",
            id="Forwarded",
        ),
        pytest.param(
            {"HTTP_HOST": "in", "HTTP_FORWARDED": "for=1.2.3.4, Proto=HTTPS ;HOST=a.org"},
            "https://a.org/iiif/x",
            id="Forwarded by the second proxy",
        ),
        pytest.param(
            {"HTTP_HOST": "in", "HTTP_FORWARDED": "proto=https;host=b", "HTTP_X_FORWARDED_HOST": "a.org"},
            "https://a.org/iiif/x",
            id="Forwarded and X-Forwarded-Host",
        ),
        pytest.param(
            {"HTTP_HOST": "a.org", "HTTP_X_FORWARDED_PROTO": "javascript"},
            "http://a.org/iiif/x",
            id="odd scheme",
        ),
    ],
)
def test_public_url(environ: dict[str, str], expected: str) -> None:
    assert Routed(request(**environ), "/iiif/", "x").public_url("x", Config()) == expected


def test_base_url_beats_all() -> None:
    routed = Routed(request(HTTP_HOST="a.org"), "/iiif/", "x")
    assert routed.public_url("x", Config(base_url="https://b.org/i/")) == "https://b.org/i/x"


def test_forwarded_headers_can_be_distrusted() -> None:
    routed = Routed(request(HTTP_HOST="a.org", HTTP_X_FORWARDED_HOST="evil.org"), "/iiif/", "x")
    assert routed.public_url("x", Config(trust_forwarded=False)) == "http://a.org/iiif/x"


def test_addresses_are_percent_encoded() -> None:
    """RFC 3986; the octets of the request come as characters of the same number."""
    routed = Routed(request(HTTP_HOST="a.org"), "/f\xc3\xbcr/", "x")
    target = '\xc3\xa9%C3%A9 "<>\\^`{|}#?a=b&c=[1]'
    expected = "http://a.org/f%C3%BCr/%C3%A9%C3%A9%20%22%3C%3E%5C%5E%60%7B%7C%7D%23?a=b&c=[1]"
    assert routed.public_url(target, Config()) == expected
    assert routed.public_url(target, Config(base_url="http://a.org/f%C3%BCr/")) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        # RFC 7239 section 4
        ('for="_gazonk"', {"for": "_gazonk"}),
        ('For="[2001:db8:cafe::17]:4711"', {"for": "[2001:db8:cafe::17]:4711"}),
        (
            "for=192.0.2.60;proto=http;by=203.0.113.43",
            {"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"},
        ),
        ("for=192.0.2.43, for=198.51.100.17", {"for": "192.0.2.43"}),
        # what might deceive
        (
            'for="a;host=evil.org, host=evil.org";host=a.org',
            {"for": "a;host=evil.org, host=evil.org", "host": "a.org"},
        ),
        (r'for="\";host=evil.org\"";host=a.org', {"for": '";host=evil.org"', "host": "a.org"}),
        ("for=a host=evil.org", {"for": "a"}),
        ("", {}),
        (";,=;", {}),
    ],
)
def test_forwarded(header: str, expected: dict[str, str]) -> None:
    assert forwarded_parameters(header) == expected


@pytest.mark.parametrize("name", ["X_FORWARDED_PREFIX", "X_FORWARDED_HOST", "FORWARDED"])
def test_long_forwarding_headers_are_refused(name: str) -> None:
    routed = Routed(request(**{"HTTP_HOST": "a.org", f"HTTP_{name}": "x" * 1025}), "/", "x")
    with pytest.raises(InvalidRequest, match="has more than 1024 characters"):
        routed.public_url("x", Config())


def test_every_header_that_changes_an_address_is_named() -> None:
    values = {"Forwarded": "host=evil.org", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "1"}
    plain = Routed(request(HTTP_HOST="a.org"), "/", "x").public_url("x", Config())
    for config in (Config(), Config(base_url="http://a.org/"), Config(trust_forwarded=False)):
        for name in headers_read(Config()):
            if name == "X-IIIF-ID":
                continue
            sent = {"HTTP_HOST": "a.org", f"HTTP_{name.upper().replace('-', '_')}": values.get(name, "evil")}
            changed = Routed(request(**sent), "/", "x").public_url("x", config) != plain
            assert changed is (name in headers_read(config))


def test_names_in_vary_fit_nginx() -> None:
    """It caches nothing with a longer Vary header (NGX_HTTP_CACHE_VARY_LEN)."""
    assert len(", ".join(("Accept", *headers_read(Config())))) <= 128


@pytest.mark.parametrize("host", ['a"b', "a b", "a/b", "a\r\nSet-Cookie: x", "<script>"])
def test_host_that_is_none(host: str) -> None:
    with pytest.raises(InvalidRequest, match="host name"):
        Routed(request(HTTP_HOST=host), "/", "x").public_url("x", Config())


def test_no_cross_origin_headers_when_off() -> None:
    assert http.cors_headers("") == http.preflight_headers("") == ()


CAPABILITIES = ("application/vnd.ogc.wms_xml", "text/xml", "application/json")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param(None, CAPABILITIES[0], id="no header"),
        pytest.param("*/*", CAPABILITIES[0], id="anything"),
        pytest.param("text/*", "text/xml", id="main type"),
        pytest.param("text/*;q=0.5, application/json;q=0.4", "text/xml", id="weights"),
        pytest.param(
            "text/*, text/xml;q=0, application/json;q=0.1", "application/json", id="most specific range"
        ),
        pytest.param(
            "application/*, application/vnd.ogc.wms_xml;q=0.2", "application/json", id="but for one"
        ),
        pytest.param("image/png", None, id="none of them"),
        pytest.param("application/json;q=0", None, id="explicitly not"),
    ],
)
def test_content_negotiation(accept: str | None, expected: str | None) -> None:
    assert negotiated(accept, CAPABILITIES) == expected
