"""Capabilities documents of WMS 1.3.0 (06-042, 7.2 and annex E) and 1.1.1 (01-068r3, 7.1 and annex A)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from iipserve.geo.layer import Catalog, Contact, LayerEntry, ServiceMetadata
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geo.ows.negotiation import is_current
from iipserve.geo.ows.xml import NOTHING, Xml, document, element, joined, optional, several
from iipserve.http.public_address import headers_read
from iipserve.plan import CatalogPlan, Document
from iipserve.protocols import Server
from iipserve.protocols import map_options as options
from iipserve.protocols.wms.formats import MAPML
from iipserve.protocols.wms.forms import VERSIONS, Version
from iipserve.protocols.wms.layer_texts import layers_text
from iipserve.protocols.wms.links import online_resource
from iipserve.protocols.wms.query import CapabilitiesQuery
from iipserve.protocols.wms.tree import listed, members_in, tree

CURRENT_SEQUENCE = "CurrentUpdateSequence"
DTD = "http://schemas.opengis.net/wms/1.1.1/WMS_MS_Capabilities.dtd"
DOCTYPE = f'<!DOCTYPE WMT_MS_Capabilities SYSTEM "{DTD}">\n'
SLD_OPERATIONS = ("DescribeLayer", "GetLegendGraphic")
"""Operations of the SLD profile (05-078r4), in the order of documents."""
SCHEMAS = (
    "http://www.opengis.net/wms http://schemas.opengis.net/wms/1.3.0/capabilities_1_3_0.xsd "
    "http://www.opengis.net/sld http://schemas.opengis.net/sld/1.1.0/sld_capabilities.xsd"
)
LOCATION = "xsi:schemaLocation"
MAPML_OPERATION = "GetMapML"
MAPML_NAMESPACE = "urn:x-iipserve:mapml:1.0"
"""Of `mapml.xsd`, which GetSchemaExtension gives."""
ROOT_1_3 = {
    "xmlns": "http://www.opengis.net/wms",
    "xmlns:sld": "http://www.opengis.net/sld",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    LOCATION: SCHEMAS,
}
ALL_OPERATIONS = frozenset(options.OPERATIONS)


@dataclass(frozen=True, slots=True)
class Description:
    """Writes the document that a request asks for; equal for equal requests, so that documents are remembered by it."""

    version: Version
    address: str
    """Of the service, before parameters."""
    update_sequence: str
    layers: tuple[str, ...]
    """Names of the only layers or groups to list; none: all."""
    answered: frozenset[str]
    """Names of the operations that there are."""
    server: Server

    def __call__(self, catalog: Catalog) -> Document:
        """The document of a catalog. Raises `OwsError`: CurrentUpdateSequence, InvalidUpdateSequence."""
        if is_current(self.update_sequence, catalog.version):
            raise OwsError(
                CURRENT_SEQUENCE,
                f"the update sequence {self.update_sequence!r} is that of the present document",
                "updateSequence",
            )
        body = document(self._root(catalog), DOCTYPE if self.version.is_old else "")
        return Document(body, f"{self.version.media_type}; charset=utf-8", _vary(self.server))

    def _root(self, catalog: Catalog) -> Xml:
        sequence = {"updateSequence": catalog.version} if catalog.version else {}
        content = joined((self._service(catalog.metadata), self._capability(catalog)))
        number = {"version": self.version.number}
        if self.version.is_old:
            return element("WMT_MS_Capabilities", content, attributes=number | sequence)
        root = dict(ROOT_1_3)
        if MAPML_OPERATION in self._offered(catalog.metadata):
            place = f"{self.address}SERVICE=WMS&VERSION={self.version.number}&REQUEST=GetSchemaExtension"
            root |= {"xmlns:mapml": MAPML_NAMESPACE, LOCATION: f"{SCHEMAS} {MAPML_NAMESPACE} {place}"}
        return element("WMS_Capabilities", content, attributes=root | number | sequence)

    def _offered(self, metadata: ServiceMetadata) -> list[str]:
        return [name for name in options.operations(metadata) if name in self.answered]

    # -- the service -------------------------------------------------------------------------------

    def _service(self, metadata: ServiceMetadata) -> Xml:
        return element(
            "Service",
            element("Name", self.version.service),
            element("Title", metadata.title),
            optional("Abstract", metadata.abstract),
            self.version.keywords(metadata.keywords, metadata.options.get("wms.metadata", {})),
            online_resource(metadata.provider_site or self.address),
            _contact(metadata.contact),
            optional("Fees", metadata.fees),
            optional("AccessConstraints", metadata.access_constraints),
            NOTHING if self.version.is_old else _limits(metadata),
        )

    # -- what it can do ----------------------------------------------------------------------------

    def _capability(self, catalog: Catalog) -> Xml:
        metadata = catalog.metadata
        offered = self._offered(metadata)
        said = repr((tuple(metadata.options.items()), sorted(self.answered)))
        top = tree(self._listed(catalog), metadata)
        return element(
            "Capability",
            element("Request", joined(self._operations(metadata, offered))),
            element("Exception", several("Format", self.version.exceptions)),
            self._symbolization(metadata),
            layers_text(top, metadata, self.version, self.address, said),
        )

    def _symbolization(self, metadata: ServiceMetadata) -> Xml:
        """Styles of clients are read for layers of this server (SLD 02-070, 6.2, and 05-078r4, 6), unless switched off."""
        own = "1" if options.reads_styles(metadata) else "0"
        supported = {"SupportSLD": own, "UserLayer": "0", "UserStyle": own, "RemoteWFS": "0"}
        return element(
            "UserDefinedSymbolization" if self.version.is_old else "sld:UserDefinedSymbolization",
            attributes=supported,
        )

    def _listed(self, catalog: Catalog) -> Iterator[LayerEntry]:
        if not self.layers:
            return listed(catalog)
        wanted = {layer.identifier for name in self.layers for layer in members_in(name, catalog)}
        return (entry for entry in listed(catalog) if entry.layer.identifier in wanted)

    def _operations(self, metadata: ServiceMetadata, offered: list[str]) -> Iterator[Xml]:
        maps = [*options.formats(metadata, self.server.formats)]
        if MAPML_OPERATION in offered:
            maps.append(MAPML)
        yield self._operation("GetCapabilities", [self.version.media_type])
        # required by the schemas, even where it is switched off
        yield self._operation("GetMap", maps)
        if "GetFeatureInfo" in offered and (formats := options.info_formats(metadata)):
            yield self._operation("GetFeatureInfo", formats)
        legends = options.legend_formats(metadata, self.server.formats)
        for name in SLD_OPERATIONS:
            if name in offered:
                prefix = "" if self.version.is_old else "sld:"
                yield self._operation(f"{prefix}{name}", ["text/xml"] if name == "DescribeLayer" else legends)
        if self.version.is_old and "GetStyles" in offered:
            yield self._operation("GetStyles", ["text/xml"])
        # the DTD of 1.1.1 has no place for it
        if not self.version.is_old and MAPML_OPERATION in offered:
            yield self._operation(f"mapml:{MAPML_OPERATION}", [MAPML])

    def _operation(self, name: str, formats: Iterable[str]) -> Xml:
        place = online_resource(self.address)
        http = element("HTTP", element("Get", place), element("Post", place))
        return element(name, several("Format", formats), element("DCPType", http))


def plan_capabilities(
    query: CapabilitiesQuery, server: Server, answered: frozenset[str] = ALL_OPERATIONS
) -> CatalogPlan:
    """The document that a request asks for, to be written from the catalog.

    Args:
        query: the request.
        server: its formats and settings.
        answered: names of the operations that there are, of which the service file may switch off some.
    """
    describe = Description(
        VERSIONS[query.version], query.endpoint.kvp, query.update_sequence, query.layers, answered, server
    )
    return CatalogPlan(describe, _vary(server))


def _vary(server: Server) -> str:
    return ", ".join(headers_read(server.config))


def _limits(metadata: ServiceMetadata) -> Xml:
    size = options.max_size(metadata)
    return joined(
        (
            element("LayerLimit", str(options.max_layers(metadata))),
            element("MaxWidth", str(size.width)),
            element("MaxHeight", str(size.height)),
        )
    )


def _contact(contact: Contact) -> Xml:
    """`ContactInformation`; elements that stand together are all written, as the schemas have them, if one is known."""
    person = contact.person or contact.organization
    primary = element(
        "ContactPersonPrimary",
        element("ContactPerson", contact.person),
        element("ContactOrganization", contact.organization),
    )
    content = joined(
        (
            primary if person else NOTHING,
            optional("ContactPosition", contact.position),
            _address(contact),
            optional("ContactVoiceTelephone", contact.phone),
            optional("ContactFacsimileTelephone", contact.facsimile),
            optional("ContactElectronicMailAddress", contact.email),
        )
    )
    return element("ContactInformation", content) if content else NOTHING


def _address(contact: Contact) -> Xml:
    parts = {
        "Address": contact.address,
        "City": contact.city,
        "StateOrProvince": contact.state_or_province,
        "PostCode": contact.post_code,
        "Country": contact.country,
    }
    if not any(parts.values()):
        return NOTHING
    lines = (element(name, text) for name, text in parts.items())
    return element("ContactAddress", element("AddressType", "postal"), joined(lines))
