"""Errors as the versions of WCS report them."""

from __future__ import annotations

from iipserve.errors import IIPServeError
from iipserve.geo.ows.kvp import Parameters
from iipserve.http import Routed
from iipserve.protocols import ErrorAnswer, Server, coverage_options
from iipserve.protocols.wcs import soap
from iipserve.protocols.wcs.exceptions import report, reported, status_of
from iipserve.protocols.wcs.post_xml import XmlRequest
from iipserve.protocols.wcs.requests import read, version_of


def error_answer(
    error: IIPServeError, routed: Routed | None = None, server: Server | None = None
) -> ErrorAnswer:
    """Any error in the form of the version that is asked for, in an envelope if the request came in one."""
    asked = _readable(routed)
    version = version_of(asked.parameters)
    error = reported(error, version)
    document = report(error, version)
    if asked.soap:
        status = soap.fault_status(error.status, asked.soap)
        return ErrorAnswer(status, soap.fault(document, str(error), error.status, asked.soap))
    as_ok = server is None or not coverage_options.answers_errors_with_their_status(server.catalog().metadata)
    return ErrorAnswer(status_of(error, version, as_ok=as_ok), document)


def _readable(routed: Routed | None) -> XmlRequest:
    """What a request says, nothing if it cannot be read."""
    try:
        return read(routed) if routed else XmlRequest(Parameters())
    except IIPServeError:
        return XmlRequest(Parameters())
