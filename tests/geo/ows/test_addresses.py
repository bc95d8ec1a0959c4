"""The addresses that documents state, behind proxies and with BASE_URL."""

from __future__ import annotations

import pytest

from iipserve.config import Config
from iipserve.geo.ows.addresses import endpoint
from iipserve.http import Request, Routed

PROXY = {
    "HTTP_HOST": "127.0.0.1:8080",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "maps.example",
    "HTTP_X_FORWARDED_PREFIX": "/img",
}


def addresses(
    path: str, *, mount: str = "", config: Config | None = None, stated: str = "", **environ: str
) -> tuple[str, str]:
    """By the query string; by a path with `mount`."""
    request = Request("GET", path, "SERVICE=WMTS", {"HTTP_HOST": "a.example", **environ})
    routed = Routed(request, mount or f"{path}?", "", by_path=bool(mount))
    return tuple(endpoint(routed, config or Config(), "wmts", stated))


AT_WMTS = ("http://a.example/wmts?", "http://a.example/wmts/")


@pytest.mark.parametrize("path", ["/wmts", "/wmts/"])
def test_by_query_at_its_own_path(path: str) -> None:
    assert addresses(path) == AT_WMTS


def test_by_its_own_path() -> None:
    assert addresses("/wmts/1.0.0/WMTSCapabilities.xml", mount="/wmts/") == AT_WMTS


def test_common_paths() -> None:
    assert addresses("/ows") == ("http://a.example/ows?", "http://a.example/wmts/")
    assert addresses("/ows", mount="/ows/") == ("http://a.example/ows?", "http://a.example/wmts/")
    assert addresses("/") == ("http://a.example/?", "http://a.example/wmts/")


def test_a_program_has_no_paths_below_it() -> None:
    assert addresses("/fcgi-bin/iipsrv.fcgi") == ("http://a.example/fcgi-bin/iipsrv.fcgi?", "")


def test_a_prefix_of_uri_map() -> None:
    assert addresses("/maps/x", mount="/maps/") == ("http://a.example/maps?", "http://a.example/maps/")


def test_behind_a_proxy_the_prefix_occurs_once() -> None:
    assert addresses("/wmts", **PROXY) == ("https://maps.example/img/wmts?", "https://maps.example/img/wmts/")
    config = Config(trust_forwarded=False)
    assert addresses("/wmts", config=config, **PROXY)[0] == "http://127.0.0.1:8080/wmts?"


@pytest.mark.parametrize(
    ("base", "kvp", "rest"),
    [
        ("https://maps.example/img/", "https://maps.example/img/wmts?", "https://maps.example/img/wmts/"),
        (
            "https://maps.example/img/iiif/",
            "https://maps.example/img/wmts?",
            "https://maps.example/img/wmts/",
        ),
        ("https://maps.example/iiif/3/", "https://maps.example/wmts?", "https://maps.example/wmts/"),
        ("https://maps.example/i.fcgi?IIIF=", "https://maps.example/i.fcgi?", ""),
        ("https://maps.example/?map=a&x=1&IIIF=", "https://maps.example/?map=a&x=1&", ""),
        ("https://maps.example/?map=a&x=1", "https://maps.example/?map=a&x=1&", ""),
    ],
)
def test_base_url(base: str, kvp: str, rest: str) -> None:
    assert addresses("/wmts", config=Config(base_url=base), **PROXY) == (kvp, rest)


def test_the_address_of_the_service_file_goes_first() -> None:
    config = Config(base_url="https://images.example/")
    stated = "https://maps.example/img?map=a"
    assert addresses("/wmts", config=config, stated=stated) == (f"{stated}&", "")
