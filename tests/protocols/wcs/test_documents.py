"""Capabilities documents of WCS: valid by their schemas, read by OWSLib, and true."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree
from owslib.wcs import WebCoverageService

from iipserve.geo.layer import Contact
from iipserve.geo.ows.exceptions import OwsError
from tests.protocols.wcs.documents import (
    ADDRESS,
    KINDS,
    VERSIONS,
    capabilities,
    catalog_of,
    texts,
    with_items,
)
from tests.protocols.wmts.catalogs import STRANGE

CONTACT = Contact(
    "A. Person", "Office", "Head", "1", "2", "Street 3", "Town", "State", "4", "Land", "a@b.example"
)
SAID: dict[str, Any] = {
    "abstract": "About <maps>", "keywords": ("a", "b & c"), "fees": "5 EUR", "access_constraints": "none,no copies",
    "provider": "Survey", "provider_site": "https://s.example/?a=1&b=2", "contact": CONTACT,
}  # fmt: skip
IDENTIFIERS = {"1.0.0": "//wcs10:CoverageOfferingBrief/wcs10:name", "1.1": "//w:CoverageSummary/w:Identifier"}
ON_EARTH = {
    *("utm", "degrees", "mercator", "maps_cgcs", "maps_laea", "polar", "dateline", "rotated", "world", "south_up", "gcps"),
    *("palette", "nan", "scaled", "multispectral", "rgba", "feet", "sinusoidal", "_-x", "\u5f71\u50cf_2024_a_b_c"),
}  # fmt: skip


def identifiers(root: Any) -> set[str]:
    """Of all coverages of a document."""
    version = root.get("version")
    path = IDENTIFIERS.get(version) or IDENTIFIERS.get(version[:3], "//wcs:CoverageId")
    return set(texts(root, path))


@pytest.mark.parametrize("version", VERSIONS)
def test_documents_are_valid_and_list_what_is_on_the_ground(version: str) -> None:
    root = capabilities(version, catalog_of(said=SAID))
    assert root.get("version") == version
    assert root.get("updateSequence") == "7"
    assert identifiers(root) == ON_EARTH
    capabilities(version, catalog_of(version=""))


@pytest.mark.parametrize("version", VERSIONS)
def test_plain_pictures_are_listed_on_demand(version: str) -> None:
    """In 1.0.0 they cannot be."""
    found = identifiers(capabilities(version, catalog_of(plain_images=True)))
    assert found == (ON_EARTH if version == "1.0.0" else ON_EARTH | {"plain", "mars"})


@pytest.mark.parametrize("version", VERSIONS)
def test_addresses_are_those_of_the_client(version: str) -> None:
    root = capabilities(version)
    assert {ADDRESS} == {*texts(root, "//*[local-name()='Get' or local-name()='Post']//@xlink:href")}


@pytest.mark.filterwarnings("ignore:Truth-testing of elements:FutureWarning")
@pytest.mark.parametrize("version", ["1.0.0", "2.0.1"])
def test_owslib_reads_them(version: str) -> None:
    """Of 1.1, it expects another namespace than that of the standard."""
    body = etree.tostring(capabilities(version, catalog_of(said=SAID)))
    service: Any = WebCoverageService("https://x.example/", version=version, xml=body)
    assert set(service.contents) == ON_EARTH
    assert service.identification.title == "Maps & <more>"
    names = {each.name for each in service.operations}
    assert names >= {
        "GetCapabilities",
        "DescribeCoverage",
        "GetCoverage",
    }
    if version == "1.0.0":
        assert service.contents["degrees"].boundingBoxWGS84 == (10, 46, 16, 50)


@pytest.mark.parametrize("version", VERSIONS)
def test_parts(version: str) -> None:
    if version == "1.0.0":
        for name in ("Service", "Capability", "ContentMetadata"):
            root = capabilities(version, sections=(name,))
            assert etree.QName(root).localname == name
            assert root.get("version") == version
        return
    root = capabilities(version, sections=("ServiceProvider", "Contents"))
    assert [etree.QName(each).localname for each in root] == ["ServiceProvider", "Contents"]


@pytest.mark.parametrize("version", VERSIONS)
def test_update_sequences(version: str) -> None:
    assert len(capabilities(version, update_sequence="6"))
    with pytest.raises(OwsError) as caught:
        capabilities(version, update_sequence="8")
    assert caught.value.code == "InvalidUpdateSequence"
    if version == "1.0.0":
        with pytest.raises(OwsError) as caught:
            capabilities(version, update_sequence="7")
        assert caught.value.code == "CurrentUpdateSequence"
    else:
        root = capabilities(version, update_sequence="7")
        assert len(root) == 0
        assert root.get("updateSequence") == "7"


def test_version_1_0_0_tells_all_of_the_service() -> None:
    root = capabilities("1.0.0", catalog_of(said=SAID, name="coverages"))
    assert texts(root, "//wcs10:Service/wcs10:name") == ["coverages"]
    assert texts(root, "//wcs10:Service/wcs10:label") == ["Maps & <more>"]
    assert texts(root, "//wcs10:Service/wcs10:keywords/*") == ["a", "b & c"]
    assert texts(root, "//wcs10:accessConstraints") == ["none", "no copies"]
    party = [text for text in texts(root, "//wcs10:responsibleParty//text()") if text.strip()]
    assert party == [
        "A. Person",
        "Office",
        "Head",
        "1",
        "2",
        "Street 3",
        "Town",
        "State",
        "4",
        "Land",
        "a@b.example",
    ]


def test_version_2_0_1_tells_what_it_conforms_to() -> None:
    """All that a client needs to know: profiles, encodings of requests, formats, methods, systems."""
    root = capabilities("2.0.1")
    profiles = texts(root, "//ows2:Profile")
    assert "http://www.opengis.net/spec/WCS/2.0/conf/core" in profiles
    assert len(profiles) == len({*profiles}) >= 11
    everywhere = texts(root, "//ows2:OperationsMetadata/ows2:Constraint[@name='PostEncoding']//ows2:Value")
    assert "XML" in everywhere
    assert "XML" in texts(root, "//ows2:Operation[@name='GetCoverage']//ows2:Post//ows2:Value")
    assert texts(root, "//wcs:formatSupported")[0] == "image/tiff"
    methods = texts(root, "//*[local-name()='interpolationSupported']")
    assert "http://www.opengis.net/def/interpolation/OGC/1/nearest-neighbor" in methods
    systems = texts(root, "//*[local-name()='crsSupported']")
    assert {f"http://www.opengis.net/def/crs/EPSG/0/{code}" for code in (4326, 3857, 32633)} <= {*systems}


def test_boxes_have_the_order_of_the_authority_in_2_0_1() -> None:
    root = capabilities("2.0.1")
    path = "//wcs:CoverageSummary[wcs:CoverageId='{}']/ows2:BoundingBox/*"
    assert texts(root, path.format("degrees")) == ["46 10", "50 16"]
    assert texts(root, path.format("utm")) == ["500000 4992000", "512000 5000000"]
    assert texts(root, path.format("maps_laea")) == ["3200000 4321000", "3210000 4336000"]


@pytest.mark.parametrize("version", VERSIONS)
def test_names_that_are_no_names_of_xml(version: str) -> None:
    root = capabilities(version, catalog_of(KINDS[STRANGE]))
    assert identifiers(root) == {"\u5f71\u50cf_2024_a_b_c"}
    assert "\u5f71\u50cf" in texts(root, "//*[local-name()='Title' or local-name()='label']")


@pytest.mark.parametrize("version", VERSIONS)
def test_operations_can_be_switched_off(version: str) -> None:
    layers = (
        with_items(KINDS["utm"], wcs_enable_request="GetCoverage DescribeCoverage"),
        with_items(KINDS["degrees"], wcs_enable_request="GetCapabilities"), KINDS["mercator"],
    )  # fmt: skip
    assert identifiers(capabilities(version, catalog_of(*layers))) == {"degrees", "mercator"}
    if version != "1.0.0":
        root = capabilities(version, catalog_of(operations=("DescribeCoverage",)))
        names = texts(root, "//*[local-name()='Operation']/@name")
        assert names == ["GetCapabilities", "DescribeCoverage"]


@pytest.mark.parametrize("version", VERSIONS)
def test_links_to_metadata(version: str) -> None:
    one = with_items(
        KINDS["utm"], wcs_metadatalink_href="https://m.example/a?b&c", wcs_metadatalink_type="TC211"
    )
    two = with_items(
        KINDS["degrees"], metadatalink_list="X y", metadatalink_x_href="https://m.example/x",
        metadatalink_y_href="https://m.example/y", metadatalink_y_type="own kind",
    )  # fmt: skip
    root = capabilities(version, catalog_of(one, two))
    path = "//*[local-name()='Metadata' or local-name()='metadataLink']"
    assert texts(root, f"{path}/@xlink:href") == [f"https://m.example/{each}" for each in ("a?b&c", "x", "y")]
    if version == "1.0.0":
        assert texts(root, f"{path}/@metadataType") == ["TC211", "other", "other"]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_missing_is_told_on_demand(version: str) -> None:
    def comments(**options: Any) -> list[str]:
        root = capabilities(version, catalog_of(KINDS["utm"], **options))
        return [each.text.strip() for each in root.iter(etree.Comment)]

    assert comments() == []
    told = 'WARNING: Mandatory metadata "wcs_label" or "ows_label" was missing in this context.'
    assert comments(warnings=True) == [told, told]
    assert comments(warnings=True, metadata={"label": "x"}) == [told]
    root = capabilities(version, catalog_of(with_items(KINDS["utm"], wcs_enable_request=""), warnings=True))
    assert any("No WCS layers are enabled" in each.text for each in root.iter(etree.Comment))


@pytest.mark.parametrize("version", VERSIONS)
def test_texts_of_layers_are_kept(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = catalog_of(*KINDS.values())
    first = etree.tostring(capabilities(version, catalog))
    monkeypatch.setattr("iipserve.protocols.coverage_offerings.bands_of", None)
    assert etree.tostring(capabilities(version, catalog)) == first
