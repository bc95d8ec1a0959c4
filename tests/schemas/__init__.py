"""Validates documents with the schemas of this folder; fetches nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from iipserve.protocols.wms.mapml import SCHEMA

FOLDER = Path(__file__).parent
OWS = "http://www.opengis.net/ows/1.1"
WMTS = "http://www.opengis.net/wmts/1.0"
ENTRIES = {
    f"{{{WMTS}}}Capabilities": "http://schemas.opengis.net/wmts/1.0/wmtsGetCapabilities_response.xsd",
    f"{{{OWS}}}ExceptionReport": "http://schemas.opengis.net/ows/1.1.0/owsExceptionReport.xsd",
    "{http://www.opengis.net/ogc}ServiceExceptionReport": "http://schemas.opengis.net/wms/1.3.0/exceptions_1_3_0.xsd",
}
"""Address of the schema by root element."""
WMS = "http://www.opengis.net/wms"
SLD = "http://www.opengis.net/sld"
MAPML = "urn:x-iipserve:mapml:1.0"
WMS_AND_SLD = f"""<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:both">
<import namespace="{WMS}" schemaLocation="http://schemas.opengis.net/wms/1.3.0/capabilities_1_3_0.xsd"/>
<import namespace="{SLD}" schemaLocation="http://schemas.opengis.net/sld/1.1.0/sld_capabilities.xsd"/>
<import namespace="{MAPML}" schemaLocation="{MAPML}"/></schema>"""
"""Capabilities of WMS 1.3.0 with the operations of the SLD profile, and that of MapML."""
WMTS_ALL = "wmts/1.0/wmts.xsd"
"""Includes requests and answers that have GML; here it includes the capabilities alone."""
WMTS_ONLY = f"""<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="{WMTS}"/>"""


GML = "http://www.opengis.net/gml"
GML_ALL = "gml/3.1.1/base/gml.xsd"
"""Includes all parts of GML; here it includes features, simple geometries and what they need."""
GML_FEATURES = f"""<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="{GML}">
<include schemaLocation="http://schemas.opengis.net/gml/3.1.1/base/feature.xsd"/></schema>"""


class Offline(etree.Resolver):
    """Finds schemas by their addresses."""

    def resolve(self, address: str, public_id: str, context: Any) -> Any:
        """The file of an address."""
        if address.endswith(WMTS_ALL):
            return self.resolve_string(WMTS_ONLY, context)
        if address.endswith(GML_ALL):
            return self.resolve_string(GML_FEATURES, context)
        if address == MAPML:
            return self.resolve_string(SCHEMA.read_bytes(), context, base_url=address)
        path = FOLDER / address.rpartition("://")[2]
        return self.resolve_string(path.read_bytes(), context, base_url=address)


@cache
def schema_of(address: str) -> etree.XMLSchema:
    """The schema of an address."""
    return schema_in(FOLDER / address.removeprefix("http://"), address)


def schema_in(path: Path, address: str) -> etree.XMLSchema:
    """The schema in a file, which stands for that at an address."""
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Offline())
    return etree.XMLSchema(etree.fromstring(path.read_bytes(), parser, base_url=address))


@cache
def wms_schema() -> etree.XMLSchema:
    """That of capabilities of WMS 1.3.0."""
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Offline())
    return etree.XMLSchema(etree.fromstring(WMS_AND_SLD.encode(), parser, base_url="urn:both"))


def validated_by_dtd(body: bytes) -> Any:
    """The root element of a document that is valid by the DTD that it names. Fails with the first mistake otherwise."""
    parser = etree.XMLParser(no_network=True, dtd_validation=True)
    parser.resolvers.add(Offline())
    return etree.fromstring(body, parser)


def validated(body: bytes) -> Any:
    """The root element of a document that is valid. Fails with the first mistake otherwise."""
    root = etree.fromstring(body)
    if root.tag == f"{{{WMS}}}WMS_Capabilities":
        wms_schema().assertValid(root)
        return root
    schema_of(ENTRIES[root.tag]).assertValid(root)
    return root
