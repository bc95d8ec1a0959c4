"""The capabilities document of WCS 1.0.0 (03-065r6, section 8.3; wcsCapabilities.xsd)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from iipserve.geo.layer import Contact, LayerEntry, ServiceMetadata
from iipserve.geo.ows.capabilities import between_meridians, corner
from iipserve.geo.ows.xml import NOTHING, Xml, comment, element, enclosed, joined, nc_name, optional, several
from iipserve.protocols import coverage_options as options
from iipserve.protocols.coverage_offerings import Offering, offering
from iipserve.protocols.metadata_links import MetadataLink
from iipserve.protocols.wcs import parts
from iipserve.protocols.wcs.layer_texts import CoverageText, texts_of
from iipserve.protocols.wcs.query import Family
from iipserve.protocols.wcs.requests import SECTIONS

VERSION = "1.0.0"
NAMESPACE = "http://www.opengis.net/wcs"
ROOT = {
    "xmlns": NAMESPACE,
    "xmlns:gml": "http://www.opengis.net/gml",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
SCHEMA = f"{NAMESPACE} http://schemas.opengis.net/wcs/1.0.0/wcsCapabilities.xsd"
EXCEPTIONS = "application/vnd.ogc.se_xml"
METADATA_TYPES = ("TC211", "FGDC")
"""Types of metadata that the schema knows, besides `other`."""
NONE = "NONE"


def capabilities(
    entries: Iterable[LayerEntry],
    metadata: ServiceMetadata,
    address: str,
    sequence: str,
    sections: frozenset[str],
) -> Iterator[str]:
    """The root element, in parts: that of one section, if only one is asked for.

    Args:
        entries: the layers to list.
        metadata: of the service.
        address: of the service, before parameters.
        sequence: the update sequence; empty for none.
        sections: those that are asked for, out of `requests.SECTIONS`.
    """
    number = {"version": VERSION} | ({"updateSequence": sequence} if sequence else {})
    root = {**ROOT, "xsi:schemaLocation": SCHEMA, **number}
    known = SECTIONS[Family.V1_0]
    chosen = [name for name in known if name in sections] or list(known)
    if len(chosen) == 1:
        yield from _section(chosen[0], entries, metadata, address, root)
        return
    content = (part for name in known for part in _section(name, entries, metadata, address, {}))
    yield from enclosed("WCS_Capabilities", content, root)


def _section(
    name: str,
    entries: Iterable[LayerEntry],
    metadata: ServiceMetadata,
    address: str,
    attributes: dict[str, str],
) -> Iterable[str]:
    if name == "Service":
        return (element(name, _service(metadata), attributes=attributes),)
    if name == "Capability":
        return (element(name, _capability(address), attributes=attributes),)
    return enclosed(name, _contents(entries, metadata), attributes)


# -- the service -----------------------------------------------------------------------------------


def _service(metadata: ServiceMetadata) -> Xml:
    described = options.described(metadata)
    links = parts.service_links(metadata)
    restrictions = described.access_constraints.split(",")
    return joined(
        (
            metadata_links(links),
            optional("description", options.service_item(metadata, "description") or described.abstract),
            element("name", options.service_name(metadata)),
            parts.service_warning(metadata),
            element("label", described.title),
            keywords(described.keywords),
            _responsible_party(described.contact, described.provider_site),
            element("fees", _codes(described.fees)),
            several("accessConstraints", map(_codes, restrictions)),
        )
    )


def _codes(text: str) -> str:
    """A text as names of XML with spaces between them, as the schema has texts here; `NONE` without any."""
    return " ".join(map(nc_name, text.split())) or NONE


def metadata_links(links: Iterable[MetadataLink]) -> Xml:
    """`metadataLink` for each."""
    return joined(
        element(
            "metadataLink",
            attributes={
                "metadataType": link.type if link.type in METADATA_TYPES else "other",
                "xlink:type": "simple",
                "xlink:href": link.address,
            },
        )
        for link in links
    )


def keywords(words: Iterable[str]) -> Xml:
    """`keywords`; nothing without any."""
    text = several("keyword", words)
    return element("keywords", text) if text else NOTHING


def _responsible_party(contact: Contact, site: str) -> Xml:
    """`responsibleParty`; nothing without a name."""
    if not (contact.person or contact.organization):
        return NOTHING
    online = contact.online_resource or site
    phone = joined((optional("voice", contact.phone), optional("facsimile", contact.facsimile)))
    address = joined(
        (
            optional("deliveryPoint", contact.address),
            optional("city", contact.city),
            optional("administrativeArea", contact.state_or_province),
            optional("postalCode", contact.post_code),
            optional("country", contact.country),
            optional("electronicMailAddress", contact.email),
        )
    )
    info = joined(
        (
            element("phone", phone) if phone else NOTHING,
            element("address", address) if address else NOTHING,
            _online_resource("onlineResource", online) if online else NOTHING,
        )
    )
    return element(
        "responsibleParty",
        optional("individualName", contact.person),
        optional("organisationName", contact.organization),
        optional("positionName", contact.position),
        element("contactInfo", info) if info else NOTHING,
    )


def _online_resource(name: str, address: str) -> Xml:
    return element(name, attributes={"xlink:type": "simple", "xlink:href": address})


# -- what it can do --------------------------------------------------------------------------------


def _capability(address: str) -> Xml:
    """All operations, which the schema requires, even where one is switched off."""
    place = _online_resource("OnlineResource", address)
    by_get, by_post = (element("DCPType", element("HTTP", element(how, place))) for how in ("Get", "Post"))
    requests = joined(element(name, by_get, by_post) for name in options.OPERATIONS)
    return joined((element("Request", requests), element("Exception", element("Format", EXCEPTIONS))))


# -- coverages -------------------------------------------------------------------------------------


def _contents(entries: Iterable[LayerEntry], metadata: ServiceMetadata) -> Iterator[str]:
    said = repr(tuple(metadata.options.items()))
    is_empty = True
    for each in texts_of(entries, VERSION, said, lambda entry: _brief(entry, metadata)):
        is_empty = False
        yield each.text
    if is_empty and options.warns(metadata):
        yield comment(parts.NO_LAYERS)


def _brief(entry: LayerEntry, metadata: ServiceMetadata) -> CoverageText:
    """Nothing for what is not on Earth, since the schema requires a box in degrees."""
    shown = offering(entry, metadata)
    if shown.degrees is None:
        return CoverageText(NOTHING)
    return CoverageText(element("CoverageOfferingBrief", brief(shown, metadata)))


def brief(shown: Offering, metadata: ServiceMetadata) -> Xml:
    """What both documents say of a coverage."""
    return joined(
        (
            metadata_links(parts.metadata_links(shown.layer)),
            optional("description", shown.description),
            element("name", shown.coverage_id),
            parts.layer_warning("label", shown, metadata),
            element("label", shown.title),
            _lon_lat_envelope(shown),
            keywords(shown.keywords),
        )
    )


def _lon_lat_envelope(shown: Offering) -> Xml:
    """`lonLatEnvelope`, with the first and the last time."""
    times = parts.time_positions(shown)
    ends = (times[0], times[-1]) if times else ()
    box = between_meridians(shown.degrees) if shown.degrees else None
    positions = (
        () if box is None else (corner(box.min_x, box.min_y, False), corner(box.max_x, box.max_y, False))
    )
    return element(
        "lonLatEnvelope",
        several("gml:pos", positions),
        several("gml:timePosition", ends),
        attributes={"srsName": "urn:ogc:def:crs:OGC:1.3:CRS84"},
    )
