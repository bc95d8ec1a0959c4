"""From requests to queries: parameters in a query string or a form, and XML, of all versions."""

from __future__ import annotations

from collections.abc import Callable

from iipserve.errors import InvalidRequest
from iipserve.geo.crs import quoted
from iipserve.geo.ows import kvp
from iipserve.geo.ows.addresses import Endpoint, endpoint
from iipserve.geo.ows.exceptions import (
    INVALID_VALUE,
    MISSING_VALUE,
    OperationNotSupported,
    OwsError,
)
from iipserve.geo.ows.kvp import Parameters
from iipserve.geo.ows.negotiation import nearest_version, negotiated_version, requested_sections, words
from iipserve.http import Routed
from iipserve.protocols import Server, coverage_options
from iipserve.protocols.map_tiles import image_names, public_address
from iipserve.protocols.wcs import eo_sets, kvp_requests_1_0, kvp_requests_1_1, kvp_requests_2_0, post_xml
from iipserve.protocols.wcs.eo_sets import EoSetQuery
from iipserve.protocols.wcs.exceptions import EMPTY_LIST, fault
from iipserve.protocols.wcs.post_xml import XmlRequest
from iipserve.protocols.wcs.query import (
    SAME_AS,
    V1_0,
    V2_0,
    VERSIONS,
    CapabilitiesQuery,
    CoverageQuery,
    DescribeQuery,
    Family,
    Query,
    family_of,
)
from iipserve.protocols.wcs.values import layers_of

SECTIONS = {
    Family.V1_0: ("Service", "Capability", "ContentMetadata"),
    Family.V1_1: ("ServiceIdentification", "ServiceProvider", "OperationsMetadata", "Contents"),
    Family.V2_0: (
        "ServiceIdentification",
        "ServiceProvider",
        "OperationsMetadata",
        "ServiceMetadata",
        "Contents",
    ),
}
"""Parts of capabilities documents, in their order."""
ROOT_1_0 = "/WCS_Capabilities"
"""Of paths of sections."""
XML_SIGNS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe", b"\xfe\xff")
"""With which XML begins, whatever type its sender states."""


def parse(routed: Routed, server: Server) -> Query | EoSetQuery:
    """Read a request.

    Raises:
        OwsError: a parameter is missing or malformed, or names what does not exist.
        InvalidRequest: a header of the request is malformed.
    """
    if routed.by_path and routed.target:
        raise InvalidRequest(
            f"nothing is at {quoted(routed.request.path)}; ask for /wcs?SERVICE=WCS&REQUEST=..."
        )
    asked = read(routed)
    parameters = asked.parameters
    service = parameters.get("service").strip()
    if service.lower() not in ("", "wcs"):
        raise OwsError(INVALID_VALUE, f"service {quoted(service)} is not served here; WCS is", "service")
    operation = parameters.required("request").strip().lower()
    if operation not in READERS:
        raise _unknown(parameters.get("request"), version_of(parameters))
    if operation == "getcapabilities" and not service:
        raise OwsError(
            MISSING_VALUE, "the parameter SERVICE is missing; SERVICE=WCS is served here", "service"
        )
    answered = coverage_options.operations(server.catalog().metadata)
    if eo_sets.is_offered(server.catalog().metadata):
        answered = (*answered, eo_sets.OPERATION)
    if operation not in map(str.lower, answered):
        raise OperationNotSupported(f"{parameters.get('request')} is switched off here", "request")
    return READERS[operation](parameters, routed, server)._replace(soap=asked.soap)


def read(routed: Routed) -> XmlRequest:
    """The parameters of a request, whatever its encoding.

    Raises:
        OwsError: they cannot be read.
        NotInstalled: the request is in XML, and the extra `geo` is not installed.
    """
    body = routed.request.body
    if body is not None:
        content = body.read()
        if content.lstrip()[:4].startswith(XML_SIGNS):
            return post_xml.read(content)
    return XmlRequest(kvp.read(routed.request))


def _unknown(request: str, version: str) -> OwsError:
    known = ", ".join(name for name in post_xml.OPERATIONS.values() if name != eo_sets.OPERATION)
    text = f"request {quoted(request)} is unknown; {known} are answered"
    if family_of(version) is Family.V1_0:
        return OwsError(INVALID_VALUE, text, "request")
    return OperationNotSupported(text, "request")


def _endpoint(routed: Routed, server: Server) -> Endpoint:
    return endpoint(routed, server.config, "wcs", public_address(server.catalog().metadata))


# -- versions --------------------------------------------------------------------------------------


def version_of(parameters: Parameters) -> str:
    """The version in which a request is understood, also if it is faulty: as it states, else by names of parameters."""
    accepted = [SAME_AS.get(each, each) for each in words(parameters.get("acceptversions"))]
    stated = parameters.get("version").strip()
    stated = next((each for each in accepted if each in VERSIONS), SAME_AS.get(stated, stated))
    if stated:
        return nearest_version(stated, VERSIONS)
    if any(parameters.get(name) for name in ("identifier", "identifiers", "boundingbox")):
        return VERSIONS[1]
    return V1_0 if any(parameters.get(name) for name in ("coverage", "section")) else V2_0


def _negotiated(parameters: Parameters) -> str:
    """The version of capabilities: by ACCEPTVERSIONS, else the nearest to VERSION, else the highest.

    Raises:
        OwsError: VersionNegotiationFailed.
    """
    if words(parameters.get("acceptversions")):
        found = negotiated_version(parameters, (*VERSIONS, *SAME_AS))
        return SAME_AS.get(found, found)
    stated = parameters.get("version").strip()
    return nearest_version(SAME_AS.get(stated, stated), VERSIONS)


def _required_version(parameters: Parameters) -> str:
    """The version of other operations.

    Raises:
        OwsError: MissingParameterValue; InvalidParameterValue: it is not supported.
    """
    stated = parameters.required("version").strip()
    version = SAME_AS.get(stated, stated)
    if version not in VERSIONS:
        raise OwsError(
            INVALID_VALUE, f"version {quoted(stated)} is not supported; {', '.join(VERSIONS)} are", "version"
        )
    return version


# -- documents -------------------------------------------------------------------------------------


def _capabilities(parameters: Parameters, routed: Routed, server: Server) -> CapabilitiesQuery:
    version = _negotiated(parameters)
    return CapabilitiesQuery(
        _endpoint(routed, server),
        version,
        _sections(parameters, family_of(version)),
        parameters.get("updatesequence"),
    )


def _sections(parameters: Parameters, family: Family) -> frozenset[str]:
    known = SECTIONS[family]
    if family is Family.V1_0:
        return _section_1_0(parameters, known)
    if family is Family.V2_0 and parameters.get("sections"):
        # of the Earth observation profile
        listed = (
            each if each.lower() != "coveragesummary" else "Contents"
            for each in words(parameters.get("sections"))
        )
        parameters = Parameters({"sections": ",".join(listed)})
    elif not parameters.get("sections"):
        return frozenset(known)
    return requested_sections(parameters, known)


def _section_1_0(parameters: Parameters, known: tuple[str, ...]) -> frozenset[str]:
    """SECTION, which is a path (03-065r6, 7.2.4)."""
    text = parameters.get("section").strip()
    paths = {"": known, "/": known, ROOT_1_0.lower(): known}
    paths |= {f"{ROOT_1_0}/{name}".lower(): (name,) for name in known}
    if text.lower() not in paths:
        listed = ", ".join(("/", *(f"{ROOT_1_0}/{name}" for name in known)))
        raise OwsError(INVALID_VALUE, f"there is no section {quoted(text)}; {listed} are", "section")
    return frozenset(paths[text.lower()])


def _describe(parameters: Parameters, routed: Routed, server: Server) -> DescribeQuery:
    version = _required_version(parameters)
    family = family_of(version)
    names = next(filter(None, map(parameters.every, LISTS[family])), ())
    if not names and family is Family.V2_0:
        raise fault(EMPTY_LIST, "the parameter COVERAGEID is missing; it lists coverages", "coverageid")
    if not names and family is Family.V1_1:
        raise OwsError(
            MISSING_VALUE, "the parameter IDENTIFIERS is missing; it lists coverages", "identifier"
        )
    layers = layers_of(names, server, family)
    return DescribeQuery(image_names(layers), layers, _endpoint(routed, server), version)


LISTS = {
    Family.V1_0: ("coverage",),
    Family.V1_1: ("identifiers", "identifier"),
    Family.V2_0: ("coverageid",),
}
"""Parameters that list coverages."""


# -- coverages -------------------------------------------------------------------------------------


def _coverage(parameters: Parameters, routed: Routed, server: Server) -> CoverageQuery:
    version = _required_version(parameters)
    return COVERAGE_READERS[family_of(version)](parameters, server, version)


def _eo_set(parameters: Parameters, routed: Routed, server: Server) -> EoSetQuery:
    _required_version(parameters)
    return eo_sets.read_eo_set(parameters, server)


COVERAGE_READERS: dict[Family, Callable[[Parameters, Server, str], CoverageQuery]] = {
    Family.V1_0: kvp_requests_1_0.read_coverage,
    Family.V1_1: kvp_requests_1_1.read_coverage,
    Family.V2_0: kvp_requests_2_0.read_coverage,
}
READERS: dict[str, Callable[[Parameters, Routed, Server], Query | EoSetQuery]] = {
    "getcapabilities": _capabilities,
    "describecoverage": _describe,
    "getcoverage": _coverage,
    eo_sets.OPERATION.lower(): _eo_set,
}
"""By REQUEST in lower case."""
