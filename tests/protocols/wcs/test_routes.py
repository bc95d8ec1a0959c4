"""How requests of WCS reach it, and in which version they are understood."""

from __future__ import annotations

import io

import pytest

pytest.importorskip("pyproj")
pytest.importorskip("lxml")

from iipserve import registry
from iipserve.config import Config
from iipserve.http import FORM, Body, Request
from iipserve.protocols.wcs.query import BoxDomain, CapabilitiesQuery
from iipserve.router import Router
from tests.protocols.wcs.services import COVERAGE_1_0, COVERAGE_2_0, kvp, read
from tests.protocols.wcs.test_post_xml import ID, in_2_0

PROTOCOLS = registry.discover("iipserve.protocols", "PROTOCOL")
ROUTES = [
    ("/wcs", "", None, ""),
    ("/wcs", "map=a", b"<GetCapabilities/>", "text/xml"),
    ("/ows", "service=wcs&request=GetCapabilities", None, ""),
    ("/", "SERVICE=WCS&REQUEST=GetCapabilities", None, ""),
    ("/ows", "REQUEST=GetCoverage&VERSION=1.0.0", None, ""),
    ("/ows", "REQUEST=DescribeCoverage&VERSION=2.0.1", None, ""),
    ("/ows", "", b"SERVICE=WCS&REQUEST=GetCapabilities", FORM),
    ("/ows", "", b"<GetCapabilities/>", "text/xml; charset=UTF-8"),
    ("/ows/", "map=a", b"<GetCapabilities/>", "application/xml"),
    ("/ows", "", b"<Envelope/>", "application/soap+xml"),
]


@pytest.mark.parametrize(("path", "query", "body", "media_type"), ROUTES)
def test_routes(path: str, query: str, body: bytes | None, media_type: str) -> None:
    content = None if body is None else Body(io.BytesIO(body), len(body))
    request = Request("GET" if body is None else "POST", path, query, {"CONTENT_TYPE": media_type}, content)
    router = Router(Config(), PROTOCOLS)
    found = router.route(request)
    assert found is not None
    assert found.protocol.name == "wcs"
    # the transport asks before the body is read
    assert router.route(request._replace(body=None)) is not None


def test_bodies_of_other_services() -> None:
    router = Router(Config(), PROTOCOLS)
    request = Request(
        "POST", "/ows", "SERVICE=WMS", {"CONTENT_TYPE": "text/xml"}, Body(io.BytesIO(b"<a/>"), 4)
    )
    found = router.route(request)
    assert found is not None
    assert found.protocol.name == "wms"
    assert router.route(request._replace(path="/nothing", query="")) is None


VERSIONS = [
    ("", "2.0.1"),
    ("&VERSION=", "2.0.1"),
    ("&VERSION=2.0.0", "2.0.1"),
    ("&VERSION=1.1.1", "1.1.1"),
    ("&VERSION=1.0.0", "1.0.0"),
    ("&VERSION=1.0.7", "1.0.0"),
    ("&VERSION=1.2.0", "1.1.2"),
    ("&VERSION=0.0.0", "1.0.0"),
    ("&VERSION=100.0.0", "2.0.1"),
    ("&ACCEPTVERSIONS=1.1.1,1.1.0", "1.1.1"),
    ("&ACCEPTVERSIONS=5.0.0,1.1.0,2.0.1", "1.1.0"),
    ("&ACCEPTVERSIONS=2.0.0", "2.0.1"),
    ("&AcceptVersions=1.0.0&VERSION=2.0.1", "1.0.0"),
]


@pytest.mark.parametrize(("query", "version"), VERSIONS)
def test_versions_of_capabilities(query: str, version: str) -> None:
    found = read(f"SERVICE=WCS&REQUEST=GetCapabilities{query}")
    assert isinstance(found, CapabilitiesQuery)
    assert found.version == version


SECTIONS = [
    ("&SECTIONS=contents,ServiceProvider", {"Contents", "ServiceProvider"}),
    ("&SECTIONS=CoverageSummary", {"Contents"}),
    ("&VERSION=1.0.0&SECTION=/WCS_Capabilities/Capability", {"Capability"}),
    ("&VERSION=1.0.0&SECTION=/", {"Service", "Capability", "ContentMetadata"}),
    ("&VERSION=1.1.2&SECTIONS=All", {"ServiceIdentification", "ServiceProvider", "OperationsMetadata", "Contents"}),
]  # fmt: skip


@pytest.mark.parametrize(("query", "sections"), SECTIONS)
def test_sections(query: str, sections: set[str]) -> None:
    assert read(f"SERVICE=WCS&REQUEST=GetCapabilities{query}").sections == sections


def test_one_coverage_in_every_spelling() -> None:
    expected = read(kvp(COVERAGE_2_0, subset=["Long(11,12)", "Lat(47,48)"], scalefactor="0.5"))
    for query in (
        kvp(COVERAGE_2_0, subset=["Long(11,12)", "Lat(47,48)"], scalefactor="5e-1", service=None),
        kvp(COVERAGE_2_0, subset="Long(11,12),Lat(47,48)", scalefactor="0.50", version="2.0.0"),
        kvp(COVERAGE_2_0, subset=['Long("11","12")', " Lat ( 47 , 48 ) "], scalefactor="0.5", dpi="96"),
        kvp(COVERAGE_2_0, subset=["Long(11,12)", "Lat(47,48)"], scalefactor="0.5")
        .replace("SUBSET=", "subset=")
        .replace("VERSION", "Version"),
    ):
        assert read(query) == expected
        assert read(body=query.encode()) == expected


def test_boxes_across_the_antimeridian() -> None:
    domain = read(kvp(COVERAGE_1_0, bbox="170,-10,-170,10")).domain
    assert isinstance(domain, BoxDomain)
    assert domain.bounds == (170, -10, 190, 10)


def test_xml_wins_over_the_query() -> None:
    assert read("REQUEST=GetCapabilities", body=in_2_0(ID)) == read(kvp(COVERAGE_2_0))
