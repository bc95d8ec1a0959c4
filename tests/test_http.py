"""Requests from CGI variables, conditions, public addresses."""

from __future__ import annotations

import pytest

from iipserve import http
from iipserve.config import Config
from iipserve.errors import InvalidRequest
from iipserve.http import Request, Routed

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


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"HTTP_IF_NONE_MATCH": '"abc"'}, True, id="same tag"),
        pytest.param({"HTTP_IF_NONE_MATCH": 'W/"abc"'}, True, id="weak tag"),
        pytest.param({"HTTP_IF_NONE_MATCH": '"x", "abc"'}, True, id="one of several"),
        pytest.param({"HTTP_IF_NONE_MATCH": "*"}, True, id="any"),
        pytest.param({"HTTP_IF_NONE_MATCH": '"x"'}, False, id="other tag"),
        pytest.param(
            {"HTTP_IF_NONE_MATCH": '"x"', "HTTP_IF_MODIFIED_SINCE": http.http_date(NOON)},
            False,
            id="tag wins",
        ),
        pytest.param({"HTTP_IF_MODIFIED_SINCE": http.http_date(NOON)}, True, id="same second"),
        pytest.param({"HTTP_IF_MODIFIED_SINCE": http.http_date(NOON + 9)}, True, id="later"),
        pytest.param({"HTTP_IF_MODIFIED_SINCE": http.http_date(NOON - 1)}, False, id="earlier"),
        pytest.param({"HTTP_IF_MODIFIED_SINCE": "yesterday"}, False, id="no date"),
        pytest.param({"HTTP_IF_MODIFIED_SINCE": "Fri, 21 Nov 99999 12:00:00 GMT"}, False, id="odd year"),
        pytest.param({}, False, id="no condition"),
    ],
)
def test_not_modified(environ: dict[str, str], expected: bool) -> None:
    assert http.not_modified(request(**environ), "abc", NOON) is expected


def test_date_form() -> None:
    assert http.http_date(NOON) == "Fri, 21 Nov 2025 12:00:00 GMT"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"HTTP_HOST": "a.org"}, "http://a.org/iiif/x", id="plain"),
        pytest.param({"HTTP_HOST": "a.org", "HTTPS": "on"}, "https://a.org/iiif/x", id="https"),
        pytest.param({"HTTP_HOST": "a.org", "HTTPS": "off"}, "http://a.org/iiif/x", id="https off"),
        pytest.param({"HTTP_HOST": "[::1]:80"}, "http://[::1]:80/iiif/x", id="IPv6"),
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
    assert http.negotiated(accept, CAPABILITIES) == expected
