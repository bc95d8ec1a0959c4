"""Faults of WMTS requests: codes, locators and statuses (WMTS 07-057r7, tables 21, 24 and 28)."""

from __future__ import annotations

import re
from http import HTTPStatus

from iipserve.errors import IIPServeError, ImageNotFound, UnsupportedImage
from iipserve.geo.ows.exceptions import (
    INVALID_VALUE,
    MEDIA_TYPE,
    NO_CODE,
    NoSuchResource,
    OwsError,
    exception_report,
)
from iipserve.http import Routed
from iipserve.plan import Document
from iipserve.protocols import ErrorAnswer, Server

VERSION = "1.0.0"
OUT_OF_RANGE = "TileOutOfRange"
POINT_OUT_OF_RANGE = "PointIJOutOfRange"
LAYER = "layer"
STYLE = "Style"
FORMAT = "format"
MATRIX_SET = "TileMatrixSet"
MATRIX = "TileMatrix"
ROW = "TileRow"
COLUMN = "TileCol"
INFO_FORMAT = "infoformat"
"""Names of parameters as locators have them."""
REQUEST = re.compile(r"(?:^|&)request=", re.IGNORECASE)


class NoKey(OwsError):
    """The access key of the request is none of those that are configured."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__(NO_CODE, "the access key is missing or unknown; add tk=KEY to the address", "tk")


def nothing_there(code: str, text: str, locator: str, *, is_restful: bool) -> OwsError:
    """The error for something that does not exist: 400 for parameters, 404 for paths."""
    return (NoSuchResource if is_restful else OwsError)(code, text, locator)


def unknown_layer(identifier: str, *, is_restful: bool) -> OwsError:
    """The error for a layer that does not exist."""
    return nothing_there(INVALID_VALUE, f"there is no layer {identifier!r}", LAYER, is_restful=is_restful)


def is_restful(routed: Routed) -> bool:
    """Whether a request names a resource by its path; what has the parameter REQUEST is read by its parameters."""
    return routed.by_path and bool(routed.target) and REQUEST.search(routed.request.query) is None


def error_answer(
    error: IIPServeError, routed: Routed | None = None, server: Server | None = None
) -> ErrorAnswer:
    """Any error as an `ows:ExceptionReport`; an image that is none makes a layer that does not exist."""
    if isinstance(error, (ImageNotFound, UnsupportedImage)):
        restful = routed is not None and is_restful(routed)
        error = nothing_there(INVALID_VALUE, str(error), LAYER, is_restful=restful)
    return ErrorAnswer(error.status, Document(exception_report(error, VERSION), MEDIA_TYPE))
