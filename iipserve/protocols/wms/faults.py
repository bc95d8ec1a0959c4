"""Faults of WMS requests: their codes, and the documents that report them (06-042, 6.11 and annex E; 01-068r3, A.3)."""

from __future__ import annotations

import json
from http import HTTPStatus

from iipserve.errors import IIPServeError, ImageNotFound, UnsupportedImage
from iipserve.geo.crs import NoTransformation, UnknownCrs, quoted
from iipserve.geo.ows import kvp
from iipserve.geo.ows.exceptions import NOT_SUPPORTED, OwsError, code_and_locator
from iipserve.geo.ows.negotiation import nearest_version
from iipserve.geo.ows.xml import document, element
from iipserve.http import Routed
from iipserve.plan import Document
from iipserve.protocols import ErrorAnswer, Server
from iipserve.protocols.map_options import answers_errors_with_their_status
from iipserve.protocols.wms.query import V1_1, VERSIONS, Exceptions

INVALID_FORMAT = "InvalidFormat"
INVALID_CRS = "InvalidCRS"
"""`InvalidSRS` in 1.1.1."""
LAYER_NOT_DEFINED = "LayerNotDefined"
STYLE_NOT_DEFINED = "StyleNotDefined"
LAYER_NOT_QUERYABLE = "LayerNotQueryable"
INVALID_POINT = "InvalidPoint"
"""Of 1.3.0 alone."""
CURRENT_SEQUENCE = "CurrentUpdateSequence"
INVALID_SEQUENCE = "InvalidUpdateSequence"
MISSING_DIMENSION = "MissingDimensionValue"
INVALID_DIMENSION = "InvalidDimensionValue"
CODES_1_1 = {
    code: code
    for code in (
        INVALID_FORMAT, LAYER_NOT_DEFINED, STYLE_NOT_DEFINED, LAYER_NOT_QUERYABLE, CURRENT_SEQUENCE, INVALID_SEQUENCE,
        MISSING_DIMENSION, INVALID_DIMENSION,
    )
} | {INVALID_CRS: "InvalidSRS"}  # fmt: skip
"""Codes of 01-068r3, table A.1, by those of this package. Other faults have none."""
CODES_1_3 = {code: code for code in (*CODES_1_1, INVALID_POINT, NOT_SUPPORTED)}
"""Codes of 06-042, table E.1."""

MEDIA_TYPES = {V1_1: "application/vnd.ogc.se_xml; charset=utf-8"}
"""Of documents of exceptions, other than `text/xml`."""
TEXT_XML = "text/xml; charset=utf-8"
DOCTYPE_1_1 = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE ServiceExceptionReport SYSTEM "http://schemas.opengis.net/wms/1.1.1/exception_1_1_1.dtd">\n'
)
ROOT_1_3 = {
    "version": "1.3.0",
    "xmlns": "http://www.opengis.net/ogc",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": "http://www.opengis.net/ogc http://schemas.opengis.net/wms/1.3.0/exceptions_1_3_0.xsd",
}
REPORTED_AS_OK = frozenset({400, 403, 404, 406, 410, 415, 422, 501})
"""Statuses of faults of a request, which clients of WMS expect as 200: many drop the body of another one."""
EXCEPTIONS = {
    "xml": Exceptions.XML,
    "json": Exceptions.JSON, "application/json": Exceptions.JSON,
    "inimage": Exceptions.IN_IMAGE, "application/vnd.ogc.se_inimage": Exceptions.IN_IMAGE,
    "se_inimage": Exceptions.IN_IMAGE,
    "blank": Exceptions.BLANK, "application/vnd.ogc.se_blank": Exceptions.BLANK, "se_blank": Exceptions.BLANK,
}  # fmt: skip
"""Values of EXCEPTIONS in lower case, of both versions; any other means XML."""


# -- errors ----------------------------------------------------------------------------------------


def unknown_layer(name: str) -> OwsError:
    """The error for a layer that does not exist."""
    return OwsError(LAYER_NOT_DEFINED, f"there is no layer {quoted(name)}", "layers")


def code_of(error: IIPServeError, version: str) -> tuple[str, str]:
    """Code and locator of an error of any kind; an empty code where the version has none."""
    if isinstance(error, (ImageNotFound, UnsupportedImage)):
        code, locator = LAYER_NOT_DEFINED, "layers"
    elif isinstance(error, (UnknownCrs, NoTransformation)):
        code, locator = INVALID_CRS, "crs"
    else:
        code, locator = code_and_locator(error)
    codes = CODES_1_1 if version == V1_1 else CODES_1_3
    return codes.get(code, ""), locator


# -- documents -------------------------------------------------------------------------------------


def exceptions_of(text: str) -> Exceptions:
    """What a value of EXCEPTIONS means."""
    return EXCEPTIONS.get(text.strip().lower(), Exceptions.XML)


def version_of(parameters: kvp.Parameters) -> str:
    """As which version a request is understood: the nearest to that which it states.

    One without a version is of 1.1.1 if it has SRS, as 1.3.0 has CRS.
    """
    stated = parameters.get("version") or parameters.get("wmtver")
    if not stated and parameters.get("srs") and not parameters.get("crs"):
        return V1_1
    return nearest_version(stated, VERSIONS)


def report(error: IIPServeError, version: str) -> Document:
    """A ServiceExceptionReport."""
    code, locator = code_of(error, version)
    attributes = {"code": code} if code else {}
    if version == V1_1:
        exception = element("ServiceException", str(error), attributes=attributes)
        root = element("ServiceExceptionReport", exception, attributes={"version": version})
        return Document(f"{DOCTYPE_1_1}{root}\n".encode(), MEDIA_TYPES[version])
    if locator:
        attributes["locator"] = locator
    exception = element("ServiceException", str(error), attributes=attributes)
    return Document(document(element("ServiceExceptionReport", exception, attributes=ROOT_1_3)), TEXT_XML)


def json_report(error: IIPServeError, version: str) -> Document:
    """The same as JSON, in the form of GeoServer."""
    code, locator = code_of(error, version)
    exception = {"code": code or "noCode", "locator": locator or "noLocator", "text": str(error)}
    text = json.dumps({"version": version, "exceptions": [exception]}, ensure_ascii=False)
    return Document(text.encode("utf-8", "replace"), "application/json")


def error_answer(
    error: IIPServeError, routed: Routed | None = None, server: Server | None = None
) -> ErrorAnswer:
    """Any error as the request asks for it to be reported."""
    parameters = readable(routed)
    version, form = version_of(parameters), exceptions_of(parameters.get("exceptions"))
    write = json_report if form is Exceptions.JSON else report
    return ErrorAnswer(_status(error, server), write(error, version))


def _status(error: IIPServeError, server: Server | None) -> HTTPStatus:
    """200 for a fault of the request, unless the service file says otherwise."""
    is_stated = server is not None and answers_errors_with_their_status(server.catalog().metadata)
    return error.status if is_stated or error.status not in REPORTED_AS_OK else HTTPStatus.OK


def readable(routed: Routed | None) -> kvp.Parameters:
    """The parameters of a request, none if they cannot be read."""
    if routed is None:
        return kvp.Parameters()
    try:
        return kvp.read(routed.request)
    except OwsError:
        return kvp.Parameters()
