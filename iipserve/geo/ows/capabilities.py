"""Parts of capabilities documents that OWS services share (OWS Common 06-121r3 section 7.4), in its namespace `ows`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from iipserve.geo.grid import Bounds
from iipserve.geo.layer import Contact, ServiceMetadata
from iipserve.geo.matrixset import number_text
from iipserve.geo.ows.xml import NOTHING, Xml, element, escaped, joined, optional, several

GET_ENCODING = "GetEncoding"


class Operation(NamedTuple):
    """An operation, and the addresses at which it is reached."""

    name: str
    get: tuple[tuple[str, str], ...]
    """Address and encoding: `KVP`, `RESTful`."""
    post: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Names, and the values they may have."""


def keywords(words: Sequence[str]) -> Xml:
    """`ows:Keywords`; nothing without any."""
    return element("ows:Keywords", several("ows:Keyword", words)) if words else NOTHING


def service_identification(
    metadata: ServiceMetadata, kind: str, versions: Iterable[str], profiles: Iterable[str] = ()
) -> Xml:
    """`ows:ServiceIdentification` (table 11).

    Args:
        metadata: of the service.
        kind: `OGC WMTS`.
        versions: from the highest down.
        profiles: addresses of what the service conforms to.
    """
    return element(
        "ows:ServiceIdentification",
        element("ows:Title", metadata.title),
        optional("ows:Abstract", metadata.abstract),
        keywords(metadata.keywords),
        element("ows:ServiceType", kind),
        several("ows:ServiceTypeVersion", versions),
        several("ows:Profile", profiles),
        optional("ows:Fees", metadata.fees),
        optional("ows:AccessConstraints", metadata.access_constraints),
    )


def service_provider(metadata: ServiceMetadata) -> Xml:
    """`ows:ServiceProvider` (table 12); its name is that of the organization, else the title of the service."""
    contact, site = metadata.contact, metadata.provider_site
    return element(
        "ows:ServiceProvider",
        element("ows:ProviderName", metadata.provider or contact.organization or metadata.title),
        element("ows:ProviderSite", attributes={"xlink:href": site}) if site else NOTHING,
        element(
            "ows:ServiceContact",
            optional("ows:IndividualName", contact.person),
            optional("ows:PositionName", contact.position),
            _contact_info(contact),
        ),
    )


def _contact_info(contact: Contact) -> Xml:
    phone = several("ows:Voice", filter(None, [contact.phone])) + several(
        "ows:Facsimile", filter(None, [contact.facsimile])
    )
    address = _address(contact)
    online = contact.online_resource
    content = joined(
        (
            element("ows:Phone", Xml(phone)) if phone else NOTHING,
            element("ows:Address", address) if address else NOTHING,
            element("ows:OnlineResource", attributes={"xlink:href": online}) if online else NOTHING,
        )
    )
    return element("ows:ContactInfo", content) if content else NOTHING


def _address(contact: Contact) -> Xml:
    return joined(
        (
            optional("ows:DeliveryPoint", contact.address),
            optional("ows:City", contact.city),
            optional("ows:AdministrativeArea", contact.state_or_province),
            optional("ows:PostalCode", contact.post_code),
            optional("ows:Country", contact.country),
            optional("ows:ElectronicMailAddress", contact.email),
        )
    )


def operations_metadata(
    operations: Iterable[Operation], constraints: Iterable[tuple[str, tuple[str, ...]]] = ()
) -> Xml:
    """`ows:OperationsMetadata` (table 13).

    Args:
        operations: that are offered.
        constraints: on all of them: names, and the values they may have.
    """
    limits = joined(allowed("ows:Constraint", name, values) for name, values in constraints)
    return element("ows:OperationsMetadata", joined(map(_operation, operations)), limits)


def _operation(operation: Operation) -> Xml:
    requests = [_request("ows:Get", *each) for each in operation.get]
    requests += [_request("ows:Post", *each) for each in operation.post]
    parameters = joined(allowed("ows:Parameter", name, values) for name, values in operation.parameters)
    http = element("ows:DCP", element("ows:HTTP", joined(requests)))
    return element("ows:Operation", http, parameters, attributes={"name": operation.name})


def _request(name: str, address: str, encoding: str) -> Xml:
    constraint = "PostEncoding" if name == "ows:Post" else GET_ENCODING
    return element(
        name, allowed("ows:Constraint", constraint, (encoding,)), attributes={"xlink:href": address}
    )


def allowed(name: str, what: str, values: Iterable[str]) -> Xml:
    """An `ows:Parameter` or `ows:Constraint` with its allowed values."""
    return element(
        name, element("ows:AllowedValues", several("ows:Value", values)), attributes={"name": what}
    )


def corner(x: float, y: float, swapped: bool) -> str:
    """Two coordinates as text, y before x where they are swapped."""
    first, second = (y, x) if swapped else (x, y)
    return f"{number_text(first)} {number_text(second)}"


def corners(bounds: Bounds, *, swapped: bool = False) -> Xml:
    """`ows:LowerCorner` and `ows:UpperCorner`.

    Args:
        bounds: x before y.
        swapped: write y before x, as authorities define some coordinate reference systems.
    """
    left, bottom, right, top = bounds_text(bounds)
    lower, upper = (
        (f"{bottom} {left}", f"{top} {right}") if swapped else (f"{left} {bottom}", f"{right} {top}")
    )
    return Xml(f"<ows:LowerCorner>{lower}</ows:LowerCorner><ows:UpperCorner>{upper}</ows:UpperCorner>")


@lru_cache(maxsize=64)
def bounds_text(bounds: Bounds) -> tuple[str, ...]:
    """The coordinates as text; remembered, since documents state the same box several times."""
    return tuple(map(number_text, bounds))


def bounding_box(bounds: Bounds, crs: str, *, swapped: bool = False) -> Xml:
    """`ows:BoundingBox` in the coordinate reference system of this URN (section 10.2.1)."""
    inner = corners(bounds, swapped=swapped)
    return Xml(f'<ows:BoundingBox crs="{escaped(crs)}">{inner}</ows:BoundingBox>')


def wgs84_bounding_box(bounds: Bounds | None) -> Xml:
    """`ows:WGS84BoundingBox`, longitude before latitude (section 10.2.2); nothing for what is not on Earth.

    A box that crosses the antimeridian is written from -180 to 180 degrees, as clients do not expect another order.
    """
    return NOTHING if bounds is None else element("ows:WGS84BoundingBox", corners(between_meridians(bounds)))


def between_meridians(bounds: Bounds) -> Bounds:
    """A box in degrees between -180 and 180 degrees, all of these if it crosses the antimeridian."""
    west, east = max(bounds.min_x, -180.0), min(bounds.max_x, 180.0)
    if west >= east:
        west, east = -180.0, 180.0
    return Bounds(west, max(bounds.min_y, -90.0), east, min(bounds.max_y, 90.0))


ROOT_ATTRIBUTES: Mapping[str, str] = {
    "xmlns:ows": "http://www.opengis.net/ows/1.1",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
"""Namespaces of a document with these parts."""
