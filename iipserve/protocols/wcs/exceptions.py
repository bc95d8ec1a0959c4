"""Faults of WCS requests: their codes, locators and statuses, and the documents that report them.

1.0.0: ServiceExceptionReport (OGC 03-065r6, annex A.6); 1.1: OWS Common 06-121r3; 2.0: OWS Common 06-121r9, with the codes
of 09-110r4 (core), 12-039 (scaling), 12-040 (range subsetting), 12-049 (interpolation), 11-053r1 (CRS) and 12-100r1
(GeoTIFF), whose faults are 404.
"""

from __future__ import annotations

import enum
from http import HTTPStatus
from typing import NamedTuple

from iipserve.errors import IIPServeError, ImageNotFound, UnsupportedImage
from iipserve.geo.crs import NoTransformation, UnknownCrs
from iipserve.geo.ows.exceptions import (
    INVALID_VALUE,
    NAMESPACE_1_1,
    NAMESPACE_2_0,
    NO_CODE,
    OwsError,
    code_and_locator,
    exception_report,
)
from iipserve.geo.ows.xml import document, element
from iipserve.plan import Document
from iipserve.protocols.wcs.query import Family, family_of

MEDIA_TYPE = "text/xml; charset=utf-8"
MEDIA_TYPE_1_0 = "application/vnd.ogc.se_xml; charset=utf-8"
ROOT_1_0 = {
    "version": "1.2.0",
    "xmlns": "http://www.opengis.net/ogc",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": "http://www.opengis.net/ogc http://schemas.opengis.net/wcs/1.0.0/OGC-exception.xsd",
}
REPORTED_AS_OK = frozenset({400, 403, 404, 406, 410, 413, 415, 422, 501})
"""Statuses of faults of a request, which clients of 1.0.0 expect as 200."""

NO_SUCH_COVERAGE = "NoSuchCoverage"
EMPTY_LIST = "emptyCoverageIdList"
INVALID_AXIS = "InvalidAxisLabel"
INVALID_SUBSETTING = "InvalidSubsetting"
INVALID_SYNTAX = "InvalidEncodingSyntax"
INVALID_FACTOR = "InvalidScaleFactor"
INVALID_EXTENT = "InvalidExtent"
SCALE_AXIS_UNDEFINED = "ScaleAxisUndefined"
NO_SUCH_FIELD = "NoSuchField"
ILLEGAL_SEQUENCE = "IllegalFieldSequence"
NO_INTERPOLATION = "InterpolationMethodNotSupported"
NOT_A_CRS = "NotACrs"
NO_SUBSETTING_CRS = "SubsettingCrs-NotSupported"
NO_OUTPUT_CRS = "OutputCrs-NotSupported"
CURRENT_SEQUENCE = "CurrentUpdateSequence"
BAD_REQUESTS = frozenset({INVALID_VALUE, INVALID_SYNTAX, NO_CODE})
"""Codes whose status is 400."""


class ExtensionFault(OwsError):
    """A fault whose code is of 2.0 or one of its extensions: 404."""

    status = HTTPStatus.NOT_FOUND


def fault(code: str, text: str, locator: str = "") -> OwsError:
    """The error for a code of OWS Common, which is 400, or of 2.0 or one of its extensions, which is 404."""
    return (OwsError if code in BAD_REQUESTS else ExtensionFault)(code, text, locator)


# -- faults that versions report differently ---------------------------------------------------------


class Fault(enum.Enum):
    """What is wrong, whatever version is asked in."""

    COVERAGE = enum.auto()
    """There is no such coverage."""
    FORMAT = enum.auto()
    """There is no such format, or it cannot have these samples."""
    FIELD = enum.auto()
    """There is no such band."""
    FIELD_ORDER = enum.auto()
    """An interval of bands ends before it starts."""
    INTERPOLATION = enum.auto()
    """There is no such method."""
    TIME = enum.auto()
    """The coverage does not have that time."""
    OUTPUT_CRS = enum.auto()
    """The result cannot be in that system."""
    SUBSETTING_CRS = enum.auto()
    """Coordinates of that system cannot be found in the coverage."""


class _Report(NamedTuple):
    code: str
    locator: str = ""
    """Empty: what is wrong itself."""


REPORTS: dict[Family, dict[Fault, _Report]] = {
    Family.V1_0: {
        Fault.COVERAGE: _Report(INVALID_VALUE, "coverage"),
        Fault.FORMAT: _Report(INVALID_VALUE, "format"),
        Fault.FIELD: _Report(INVALID_VALUE, "bands"),
        Fault.FIELD_ORDER: _Report(INVALID_VALUE, "bands"),
        Fault.INTERPOLATION: _Report(INVALID_VALUE, "interpolation"),
        Fault.TIME: _Report(INVALID_VALUE, "time"),
        Fault.OUTPUT_CRS: _Report(INVALID_VALUE, "response_crs"),
        Fault.SUBSETTING_CRS: _Report(INVALID_VALUE, "crs"),
    },
    Family.V1_1: {
        Fault.COVERAGE: _Report(INVALID_VALUE, "identifier"),
        Fault.FORMAT: _Report(INVALID_VALUE, "format"),
        Fault.FIELD: _Report(INVALID_VALUE, "RangeSubset"),
        Fault.FIELD_ORDER: _Report(INVALID_VALUE, "RangeSubset"),
        Fault.INTERPOLATION: _Report(INVALID_VALUE, "RangeSubset"),
        Fault.TIME: _Report(INVALID_VALUE, "TimeSequence"),
        Fault.OUTPUT_CRS: _Report(INVALID_VALUE, "GridBaseCRS"),
        Fault.SUBSETTING_CRS: _Report(INVALID_VALUE, "BoundingBox"),
    },
    Family.V2_0: {
        Fault.COVERAGE: _Report(NO_SUCH_COVERAGE),
        Fault.FORMAT: _Report(INVALID_VALUE, "format"),
        Fault.FIELD: _Report(NO_SUCH_FIELD),
        Fault.FIELD_ORDER: _Report(ILLEGAL_SEQUENCE),
        Fault.INTERPOLATION: _Report(NO_INTERPOLATION),
        Fault.TIME: _Report(INVALID_SUBSETTING),
        Fault.OUTPUT_CRS: _Report(NO_OUTPUT_CRS),
        Fault.SUBSETTING_CRS: _Report(NO_SUBSETTING_CRS),
    },
}
"""Code and locator of each fault."""


def refused(kind: Fault, family: Family, text: str, value: str) -> OwsError:
    """The error for a fault as a version reports it.

    Args:
        kind: of fault.
        family: of the version of the request.
        text: the message.
        value: what is wrong, as the client wrote it.
    """
    report = REPORTS[family][kind]
    return fault(report.code, text, report.locator or value)


# -- documents -------------------------------------------------------------------------------------


def reported(error: IIPServeError, version: str) -> IIPServeError:
    """An error of any kind as one of WCS, where it has a code there."""
    if isinstance(error, (ImageNotFound, UnsupportedImage)):
        return refused(Fault.COVERAGE, family_of(version), str(error), "coverageid")
    if isinstance(error, (UnknownCrs, NoTransformation)):
        return refused(Fault.SUBSETTING_CRS, family_of(version), str(error), "crs")
    return error


def report(error: IIPServeError, version: str) -> Document:
    """The document that reports an error, in the form of a version."""
    family = family_of(version)
    if family is Family.V1_0:
        code, locator = code_and_locator(error)
        attributes = {"code": code} | ({"locator": locator} if locator else {})
        exception = element("ServiceException", str(error), attributes=attributes)
        root = element("ServiceExceptionReport", exception, attributes=ROOT_1_0)
        return Document(document(root), MEDIA_TYPE_1_0)
    if family is Family.V1_1:
        return Document(exception_report(error, version, namespace=NAMESPACE_1_1, schema="1.1.0"), MEDIA_TYPE)
    return Document(exception_report(error, version, namespace=NAMESPACE_2_0, schema="2.0"), MEDIA_TYPE)


def status_of(error: IIPServeError, version: str, *, as_ok: bool) -> HTTPStatus:
    """The status of a report.

    Args:
        error: as `reported` gives it.
        version: of the report.
        as_ok: faults of requests of 1.0.0 are 200.
    """
    is_old = family_of(version) is Family.V1_0
    return HTTPStatus.OK if is_old and as_ok and error.status in REPORTED_AS_OK else error.status
