"""Errors as pictures of the size and format that a map was asked for (EXCEPTIONS=INIMAGE and BLANK)."""

from __future__ import annotations

from iipserve.errors import IIPServeError
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.geometry import Size
from iipserve.http import Routed
from iipserve.plan import RenderPlan
from iipserve.processing.compositing import WHITE
from iipserve.protocols import ErrorAnswer, Server
from iipserve.protocols import map_options as options
from iipserve.protocols.map_values import color, size, switch
from iipserve.protocols.maps import plan_blank
from iipserve.protocols.wms import faults
from iipserve.protocols.wms.formats import format_name
from iipserve.protocols.wms.query import Exceptions

MAX_SIDE = 4096
"""Width and height of the largest picture of an error, in pixels; a document reports the others."""


def error_answer(
    error: IIPServeError, routed: Routed | None = None, server: Server | None = None
) -> ErrorAnswer:
    """Any error as the request asks for it to be reported; by a document where it states no size of a picture."""
    parameters = faults.readable(routed)
    form = faults.exceptions_of(parameters.get("exceptions"))
    document = faults.error_answer(error, routed, server)
    if server is None or form not in (Exceptions.IN_IMAGE, Exceptions.BLANK) or not _is_fault(error):
        return document
    try:
        pixels = size(parameters, Size(MAX_SIDE, MAX_SIDE))
    except OwsError:
        return document
    message = str(error) if form is Exceptions.IN_IMAGE else ""
    return ErrorAnswer(document.status, _picture(parameters, pixels, message, server))


def _is_fault(error: IIPServeError) -> bool:
    """Whether it is one of the request."""
    return error.status in faults.REPORTED_AS_OK


def _picture(parameters: Parameters, pixels: Size, message: str, server: Server) -> RenderPlan:
    """Values that cannot be read are those of a request without them."""
    metadata = server.catalog().metadata
    try:
        transparent = switch(parameters, "transparent")
        background = color(parameters, options.background(metadata))
    except OwsError:
        transparent, background = False, WHITE
    try:
        format = format_name(parameters.get("format"), server, transparent=transparent)
    except OwsError:
        format = next(iter(options.formats(metadata, server.formats).values()), "png")
    return plan_blank(pixels, format, server, message=message, transparent=transparent, background=background)
