"""Documents next to coverages, envelopes of SOAP, and reports of errors, against their schemas."""

from __future__ import annotations

import email
import re
from http import HTTPStatus
from typing import Any

import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")

from lxml import etree

from iipserve.errors import ImageNotFound, Overloaded, TooLarge
from iipserve.plan import Answer, CatalogPlan, CoveragePlan, Document
from iipserve.protocols import ErrorAnswer
from iipserve.protocols.wcs import PROTOCOL
from tests.protocols.wcs.services import COVERAGE_1_0, COVERAGE_1_1, COVERAGE_2_0, kvp, routed
from tests.protocols.wcs.test_coverages import asked, planned
from tests.protocols.wcs.test_post_xml import ID, in_2_0
from tests.protocols.wmts.services import CATALOG
from tests.schemas import validated

GML, GMLCOV = "{http://www.opengis.net/gml/3.2}", "{http://www.opengis.net/gmlcov/1.0}"
XLINK = "{http://www.w3.org/1999/xlink}"
SOAP = {
    "1.1": ("http://schemas.xmlsoap.org/soap/envelope/", "text/xml"),
    "1.2": ("http://www.w3.org/2003/05/soap-envelope", "application/soap+xml"),
}


def parts(plan: CoveragePlan, file: bytes = b"FILE\r\n--\x00") -> list[Any]:
    """The parts of an answer around a file, as the standard library takes them apart."""
    envelope = plan.envelope
    assert envelope is not None
    head = f"Content-Type: {envelope.media_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    message = email.message_from_bytes(head + envelope.head + file + envelope.tail)
    assert message.is_multipart()
    return list(message.get_payload())


def test_coverages_of_1_1_come_after_a_document() -> None:
    document, file = parts(planned(kvp(COVERAGE_1_1)))
    assert document.get_content_type() == "text/xml"
    root = validated(document.get_payload(decode=True))
    (reference,) = root.iter("{http://www.opengis.net/ows/1.1}Reference")
    assert file["Content-ID"] == f"<{reference.get(XLINK + 'href').removeprefix('cid:')}>"
    assert 'filename="degrees.tif"' in file["Content-Disposition"]


@pytest.mark.parametrize("format", ["image/tiff", "application/gml+xml", None])
def test_coverages_of_2_0_come_after_one_in_gml_if_that_is_asked_for(format: str | None) -> None:
    query = kvp(
        COVERAGE_2_0, subset="Long(11,12)", rangesubset="3,1", mediatype="multipart/related", format=format
    )
    document, file = parts(planned(query))
    assert document.get_content_type() == "application/gml+xml"
    assert file.get_content_type() == "image/tiff"
    root = validated(document.get_payload(decode=True))
    assert root.tag == f"{GMLCOV}RectifiedGridCoverage"
    assert root.findtext(f".//{GML}lowerCorner") == "46 11"
    assert root.findtext(f".//{GML}high") == "99 399"
    assert root.findtext(f".//{GML}pos") == "49.995 11.005"
    assert [field.get("name") for field in root.iter("{http://www.opengis.net/swe/2.0}field")] == [
        "band3",
        "band1",
    ]
    assert file["Content-ID"] == f"<{root.findtext(f'.//{GML}fileReference').removeprefix('cid:')}>"
    assert planned(kvp(COVERAGE_2_0, subset="Long(11,12)")).envelope is None


def test_coverages_of_plain_pictures() -> None:
    document, _ = parts(planned(kvp(COVERAGE_2_0, coverageid="plain", mediatype="multipart/related")))
    root = validated(document.get_payload(decode=True))
    assert root.tag == f"{GMLCOV}GridCoverage"
    assert root.findtext(f".//{GML}high") == "399 299"


# -- SOAP ------------------------------------------------------------------------------------------


def enveloped(content: bytes, version: str) -> bytes:
    namespace = SOAP[version][0].encode()
    return b'<s:Envelope xmlns:s="%s"><s:Body>%s</s:Body></s:Envelope>' % (namespace, content)


def body_of(text: bytes, version: str) -> Any:
    """The element in the body of an envelope."""
    root = etree.fromstring(text)
    assert root.tag == f"{{{SOAP[version][0]}}}Envelope"
    (body,) = root
    (content,) = body
    return content


DESCRIBE = (
    b'<DescribeCoverage xmlns="http://www.opengis.net/wcs/2.0" service="WCS" version="2.0.1"><CoverageId>degrees</CoverageId>'
    b"</DescribeCoverage>"
)


@pytest.mark.parametrize("version", list(SOAP))
def test_documents_in_envelopes(version: str) -> None:
    media_type = SOAP[version][1]
    answer = asked("", body=enveloped(DESCRIBE, version), media_type=media_type)
    assert isinstance(answer, Answer)
    assert isinstance(answer.content, Document)
    assert answer.content.media_type.startswith(media_type)
    assert validated(etree.tostring(body_of(answer.content.body, version))).tag.endswith(
        "}CoverageDescriptions"
    )


def test_capabilities_in_envelopes() -> None:
    content = b'<GetCapabilities xmlns="http://www.opengis.net/wcs/2.0" service="WCS"/>'
    answer, plain = asked("", body=enveloped(content, "1.2")), asked("", body=content)
    for each in (answer, plain):
        assert isinstance(each.content, CatalogPlan)
    text = answer.content.describe(CATALOG)
    assert text.media_type.startswith("application/soap+xml")
    inner = body_of(text.body, "1.2")
    whole = etree.fromstring(plain.content.describe(CATALOG).body)
    assert [(each.tag, each.attrib, each.text) for each in inner.iter()] == [
        (each.tag, each.attrib, each.text) for each in whole.iter()
    ]


@pytest.mark.parametrize("version", list(SOAP))
def test_coverages_in_envelopes(version: str) -> None:
    plan = planned("", body=enveloped(in_2_0(ID), version))
    document, file = parts(plan)
    assert document.get_content_type() == SOAP[version][1]
    assert document["Content-Type"].lower().count("charset=") == 1
    root = validated(etree.tostring(body_of(document.get_payload(decode=True), version)))
    assert root.tag == f"{GMLCOV}RectifiedGridCoverage"
    assert file.get_content_type() == "image/tiff"


@pytest.mark.parametrize(("version", "status"), [("1.1", 500), ("1.2", 400)])
def test_faults_in_envelopes(version: str, status: int) -> None:
    answer = asked("", body=enveloped(in_2_0("<CoverageId>nothing</CoverageId>"), version))
    assert isinstance(answer, ErrorAnswer)
    assert answer.status == status
    content = body_of(answer.document.body, version)
    assert content.tag == f"{{{SOAP[version][0]}}}Fault"
    assert ("Client" if version == "1.1" else "Sender") in etree.tostring(content[0]).decode()
    report = validated(etree.tostring(content[-1][0]))
    assert report[0].attrib == {"exceptionCode": "NoSuchCoverage", "locator": "nothing"}


# -- reports ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [COVERAGE_1_0, COVERAGE_1_1, COVERAGE_2_0])
def test_reports_are_valid(fields: dict[str, str]) -> None:
    names = {name: "nothing" for name in ("COVERAGE", "IDENTIFIER", "COVERAGEID") if name in fields}
    assert validated(asked(kvp(fields | names)).document.body).tag.endswith("ExceptionReport")


ERRORS = [
    (ImageNotFound("gone"), 404, "NoSuchCoverage"),
    (TooLarge("too large"), 400, "NoApplicableCode"),
    (Overloaded("busy"), 503, "NoApplicableCode"),
]


@pytest.mark.parametrize(("error", "status", "code"), ERRORS)
def test_errors_of_other_parts(error: Any, status: int, code: str) -> None:
    answer = PROTOCOL.error(error, routed(kvp(COVERAGE_2_0)), None)
    assert answer.status == status
    assert re.findall(rb'exceptionCode="([^"]*)"', answer.document.body) == [code.encode()]
    old = PROTOCOL.error(error, routed(kvp(COVERAGE_1_0)), None)
    assert old.status == (HTTPStatus.OK if status < 500 else status)
    assert PROTOCOL.error(error, None, None).status == status
