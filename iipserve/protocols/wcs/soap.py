"""SOAP 1.1 and 1.2 around answers (OGC 09-149r1)."""

from __future__ import annotations

from http import HTTPStatus

from iipserve.geo.ows.xml import DECLARATION, Xml, document, element
from iipserve.plan import Document

NAMESPACES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
"""Of envelopes, by version."""
MEDIA_TYPES = {"1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8"}


def enveloped(body: bytes, version: str) -> bytes:
    """A document in the body of an envelope.

    Args:
        body: an XML document in UTF-8, with the declaration that `geo.ows.xml.document` writes or none.
        version: of SOAP.
    """
    return _envelope(Xml(body.decode().removeprefix(DECLARATION).strip()), version)


def _envelope(content: Xml, version: str) -> bytes:
    attributes = {"xmlns:soap": NAMESPACES[version]}
    return document(element("soap:Envelope", element("soap:Body", content), attributes=attributes))


def wrapped(answer: Document, version: str) -> Document:
    """A document as the answer to a request in an envelope."""
    return Document(enveloped(answer.body, version), MEDIA_TYPES[version], answer.vary)


def fault(report: Document, text: str, status: HTTPStatus, version: str) -> Document:
    """An exception report as the detail of a fault (SOAP 1.2 section 5.4, SOAP 1.1 section 4.4)."""
    detail = Xml(report.body.decode().removeprefix(DECLARATION).strip())
    is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if version == "1.1":
        content = element(
            "soap:Fault",
            element("faultcode", "soap:Server" if is_ours else "soap:Client"),
            element("faultstring", text),
            element("detail", detail),
        )
    else:
        content = element(
            "soap:Fault",
            element("soap:Code", element("soap:Value", "soap:Receiver" if is_ours else "soap:Sender")),
            element("soap:Reason", element("soap:Text", text, attributes={"xml:lang": "en"})),
            element("soap:Detail", detail),
        )
    return Document(_envelope(content, version), MEDIA_TYPES[version])


def fault_status(status: HTTPStatus, version: str) -> HTTPStatus:
    """The status of a fault: 500 in SOAP 1.1 (6.2), 400 for faults of requests in SOAP 1.2 (part 2, table 20)."""
    if version == "1.1" or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return status if status >= HTTPStatus.INTERNAL_SERVER_ERROR else HTTPStatus.INTERNAL_SERVER_ERROR
    return HTTPStatus.BAD_REQUEST
