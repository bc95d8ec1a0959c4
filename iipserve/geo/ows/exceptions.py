"""Exceptions of OGC services, and the documents that report them."""

from __future__ import annotations

from http import HTTPStatus

from iipserve.errors import IIPServeError
from iipserve.geo.ows.xml import document, element

MISSING_VALUE = "MissingParameterValue"
INVALID_VALUE = "InvalidParameterValue"
VERSION_FAILED = "VersionNegotiationFailed"
INVALID_SEQUENCE = "InvalidUpdateSequence"
NOT_SUPPORTED = "OperationNotSupported"
NO_CODE = "NoApplicableCode"
"""Codes of OWS Common 06-121r3, table 27."""

NAMESPACE_1_1 = "http://www.opengis.net/ows/1.1"
NAMESPACE_2_0 = "http://www.opengis.net/ows/2.0"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
MEDIA_TYPE = "text/xml; charset=utf-8"

MAX_LOCATOR = 8192
"""Characters of a locator, which may be a client's text: those of an address, where what was posted may be longer."""


class OwsError(IIPServeError):
    """A fault of a request, with the code that its service gives it."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, code: str, text: str, locator: str = "") -> None:
        """Name a fault.

        Args:
            code: of OWS Common or of the service.
            text: as every message to clients: what came, what would do.
            locator: the parameter at fault; empty for none.
        """
        super().__init__(text)
        self.code = code
        self.locator = locator


class OperationNotSupported(OwsError):
    """The service does not offer what is asked for (OWS Common 06-121r3, table 27)."""

    status = HTTPStatus.NOT_IMPLEMENTED

    def __init__(self, text: str, locator: str = "") -> None:
        super().__init__(NOT_SUPPORTED, text, locator)


class NoSuchResource(OwsError):
    """The path of a RESTful address names nothing."""

    status = HTTPStatus.NOT_FOUND


class NotAcceptable(OwsError):
    """The Accept header excludes all forms of the resource."""

    status = HTTPStatus.NOT_ACCEPTABLE


def code_and_locator(error: IIPServeError) -> tuple[str, str]:
    """Those of an error of any kind."""
    if isinstance(error, OwsError):
        return error.code, error.locator[:MAX_LOCATOR]
    return (NOT_SUPPORTED if error.status is HTTPStatus.NOT_IMPLEMENTED else NO_CODE), ""


def exception_report(
    error: IIPServeError, version: str, *, namespace: str = NAMESPACE_1_1, schema: str = "1.1.0"
) -> bytes:
    """An `ows:ExceptionReport` (OWS Common 06-121r3 section 8, 06-121r9 section 8).

    Args:
        error: of any kind.
        version: of the service.
        namespace: of OWS Common.
        schema: the folder of its schema at schemas.opengis.net/ows.
    """
    code, locator = code_and_locator(error)
    attributes = {"exceptionCode": code} | ({"locator": locator} if locator else {})
    exception = element("ows:Exception", element("ows:ExceptionText", str(error)), attributes=attributes)
    place = f"{namespace} http://schemas.opengis.net/ows/{schema}/owsExceptionReport.xsd"
    root = {
        "xmlns:ows": namespace,
        "xmlns:xsi": SCHEMA_INSTANCE,
        "xsi:schemaLocation": place,
        "version": version,
        "xml:lang": "en",
    }
    return document(element("ows:ExceptionReport", exception, attributes=root))
