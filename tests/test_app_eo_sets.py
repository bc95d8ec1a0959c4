"""The Earth observation profile of WCS 2.0: collections as series of data sets, and their images as coverages."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import numpy as np
import pytest
from lxml import etree

from iipserve import app
from iipserve.geo import item_names
from tests.protocols.wcs.test_application import post
from tests.published import GRAYS, NAME, SIDE, YEARS, Published
from tests.schemas import WCSEO, coverage_schema, validated
from tests.test_app import ask, body
from tests.test_app_coverages import samples

WCS = "/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST="


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[app.Application]:
    found = Published(tmp_path_factory.mktemp("images"))
    yield found.application()
    found.store.close()


def described(application: app.Application, more: str = "", name: str = f"{NAME}_series") -> etree._Element:
    response = ask(application, f"{WCS}DescribeEOCoverageSet&EOID={name}{more}")
    assert response.status == 200, body(response)
    root: etree._Element = validated(body(response))
    return root


def names(root: etree._Element) -> list[str]:
    """The identifiers of the coverages."""
    return [
        str(each.text)
        for each in root.iterfind("{*}CoverageDescriptions/{*}CoverageDescription/{*}CoverageId")
    ]


def coverage(year: int) -> str:
    return item_names.encoded(f"{NAME}/{year}.tif")


def test_all_images_and_the_series_are_described(application: app.Application) -> None:
    root = described(application)
    assert root.tag == "{http://www.opengis.net/wcs/wcseo/1.0}EOCoverageSetDescription"
    assert names(root) == [coverage(year) for year in (2016, 2015, 2014)]
    assert (root.get("numberMatched"), root.get("numberReturned")) == ("3", "3")
    assert [each.text for each in root.iter("{*}DatasetSeriesId")] == [f"{NAME}_series"]
    (series,) = root.iter("{*}DatasetSeriesDescription")
    assert series.findtext("{*}TimePeriod/{*}beginPosition") == "2014-07-01T00:00:00Z"
    assert series.findtext("{*}TimePeriod/{*}endPosition") == "2016-07-01T00:00:00Z"
    footprint = root.findtext(".//{*}CoverageDescription//{*}EarthObservation//{*}posList") or ""
    latitude, longitude = map(float, footprint.split()[:2])
    assert (latitude, longitude) == pytest.approx((45.13, 15.03), abs=0.02)


@pytest.mark.parametrize(
    ("more", "years"),
    [
        pytest.param('&SUBSET=phenomenonTime("2015-01-01","2015-12-31")', [2015], id="a period"),
        pytest.param('&SUBSET=phenomenonTime("2015-01-01T00:00:00Z",*)', [2016, 2015], id="an open period"),
        pytest.param("&SUBSET=Long(14,15.01)", [2014], id="meets a box"),
        pytest.param("&SUBSET=Long(15,15.05)&SUBSET=Lat(45,46)", [2016, 2015, 2014], id="meets a wider box"),
        pytest.param("&SUBSET=Long(14.99,15.05)&CONTAINMENT=contains", [2015, 2014], id="is in a box"),
        pytest.param("&SUBSET=Lat(0,10)", [], id="nothing there"),
    ],
)
def test_subsets_limit_what_is_described(application: app.Application, more: str, years: list[int]) -> None:
    root = described(application, quote(more, safe="&=(),*"))
    assert names(root) == [coverage(year) for year in years]
    assert root.get("numberMatched") == str(len(years))


def test_fewer_are_described_than_match(application: app.Application) -> None:
    root = described(application, "&COUNT=1&SECTIONS=CoverageDescriptions", NAME)
    assert (root.get("numberMatched"), root.get("numberReturned")) == ("3", "1")
    assert root.find("{*}DatasetSeriesDescriptions") is None


IN_XML = [
    pytest.param("", "", "", id="all"),
    pytest.param(
        "<wcs:DimensionTrim><wcs:Dimension>Long</wcs:Dimension><wcs:TrimLow>14.99</wcs:TrimLow><wcs:TrimHigh>15.05"
        "</wcs:TrimHigh></wcs:DimensionTrim>",
        "<eo:containment>CONTAINS</eo:containment>",
        "&SUBSET=Long(14.99,15.05)&CONTAINMENT=CONTAINS",
        id="inside of a box",
    ),
    pytest.param(
        "<wcs:DimensionTrim><wcs:Dimension>phenomenonTime</wcs:Dimension><wcs:TrimLow>2015-01-01</wcs:TrimLow>"
        "<wcs:TrimHigh>2015-12-31</wcs:TrimHigh></wcs:DimensionTrim>",
        "<eo:Sections><eo:Section>CoverageDescriptions</eo:Section></eo:Sections>",
        "&SUBSET=phenomenonTime(%222015-01-01%22,%222015-12-31%22)&SECTIONS=CoverageDescriptions",
        id="a period, in one section",
    ),
]


@pytest.mark.parametrize(("trims", "others", "parameters"), IN_XML)
def test_requests_in_xml_get_the_answers_of_parameters(
    application: app.Application, trims: str, others: str, parameters: str
) -> None:
    text = (
        f'<eo:DescribeEOCoverageSet xmlns:eo="{WCSEO}" xmlns:wcs="http://www.opengis.net/wcs/2.0" service="WCS" '
        f'version="2.0.1" count="2"><eo:eoId>{NAME}_series</eo:eoId>{others}{trims}</eo:DescribeEOCoverageSet>'
    )
    coverage_schema(WCSEO).assertValid(etree.fromstring(text))
    response = post(application, text.encode())
    expected = ask(application, f"{WCS}DescribeEOCoverageSet&EOID={NAME}_series&COUNT=2{parameters}")
    assert (response.status, body(response)) == (200, body(expected))
    validated(body(response))


def test_filters_choose_what_is_described(application: app.Application) -> None:
    root = described(application, "&FILTER=id%20LIKE%20'2016%25'")
    assert names(root) == [coverage(2016)]
    response = ask(application, f"{WCS}DescribeEOCoverageSet&EOID={NAME}&FILTER=no(")
    found = etree.fromstring(body(response)).find(".//{*}Exception")
    assert found is not None
    assert (response.status, found.get("exceptionCode"), found.get("locator")) == (
        400,
        "InvalidParameterValue",
        "filter",
    )


@pytest.mark.parametrize("year", YEARS)
def test_each_image_is_a_coverage_of_its_own(application: app.Application, year: int) -> None:
    found = samples(ask(application, f"{WCS}GetCoverage&COVERAGEID={coverage(year)}"))
    np.testing.assert_array_equal(found, np.full((1, SIDE, SIDE), GRAYS[year]))
    assert ask(application, f"{WCS}DescribeCoverage&COVERAGEID={coverage(year)}").status == 200


def test_an_image_is_gone_with_its_item(tmp_path_factory: pytest.TempPathFactory) -> None:
    published = Published(tmp_path_factory.mktemp("images"))
    worker = published.application()
    address = f"{WCS}GetCoverage&COVERAGEID={coverage(2015)}"
    assert [ask(worker, address).status for _ in range(2)] == [200, 200]
    published.store.delete_item(NAME, "2015.tif")
    assert ask(worker, address).status == 404
    published.store.close()


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("DescribeEOCoverageSet", "MissingParameterValue"),
        ("DescribeEOCoverageSet&EOID=nothing", "NoSuchDatasetSeriesOrCoverage"),
        (f"DescribeEOCoverageSet&EOID={NAME}&SUBSET=Lat(a,b)", "InvalidSubsetting"),
        (f"DescribeEOCoverageSet&EOID={NAME}&SUBSET=phenomenonTime(x)", "InvalidSubsetting"),
        (f"DescribeEOCoverageSet&EOID={NAME}&CONTAINMENT=near", "InvalidParameterValue"),
    ],
)
def test_faults_have_the_codes_of_the_profile(application: app.Application, address: str, code: str) -> None:
    found = etree.fromstring(body(ask(application, WCS + address))).find(".//{*}Exception")
    assert found is not None
    assert found.get("exceptionCode") == code


def test_capabilities_tell_of_the_series(application: app.Application) -> None:
    root = etree.fromstring(body(ask(application, "/wcs?SERVICE=WCS&REQUEST=GetCapabilities")))
    profiles = [each.text or "" for each in root.iter("{*}Profile")]
    assert any("earth-observation" in each for each in profiles)
    assert "DescribeEOCoverageSet" in [each.get("name") for each in root.iter("{*}Operation")]
    (series,) = root.iterfind("{*}Contents/{*}Extension/{*}DatasetSeriesSummary")
    assert series.findtext("{*}DatasetSeriesId") == f"{NAME}_series"


@pytest.mark.parametrize("name", ["aerial/2015.tif", "a_x/b c.tif", "影像/_x002F_.tif", "1/2", "_/x"])
def test_names_of_images_are_read_back(name: str) -> None:
    written = item_names.encoded(name)
    assert written.isascii()
    assert not set(written) & set(" /")
    assert written[0].isalpha() or written[0] == "_"
    assert item_names.decoded(written) == name
