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
EXCEPTIONS_1_2 = "http://schemas.opengis.net/wcs/1.0.0/OGC-exception.xsd"
"""Of exceptions of WCS 1.0.0, whose version is 1.2.0."""
WCS_1_0 = "http://www.opengis.net/wcs"
WCS_1_1 = "http://www.opengis.net/wcs/1.1"
WCS_2_0 = "http://www.opengis.net/wcs/2.0"
WCSEO = "http://www.opengis.net/wcs/wcseo/1.0"
COVERAGES = {
    WCS_1_0: {WCS_1_0: "wcs/1.0.0/describeCoverage.xsd"},
    WCS_1_1: {WCS_1_1: "wcs/1.1/wcsAll.xsd"},
    "http://www.opengis.net/ows/2.0": {"http://www.opengis.net/ows/2.0": "ows/2.0/owsAll.xsd"},
    "http://www.opengis.net/gmlcov/1.0": {"http://www.opengis.net/gmlcov/1.0": "gmlcov/1.0/gmlcovAll.xsd"},
    WCSEO: {WCSEO: "wcs/wcseo/1.0/wcsEOAll.xsd"},
    WCS_2_0: {
        WCS_2_0: "wcs/2.0/wcsAll.xsd",
        "http://www.opengis.net/WCS_service-extension_scaling/1.0": "wcs/scaling/1.0/wcsScal.xsd",
        "http://www.opengis.net/wcs/crs/1.0": "wcs/crs/1.0/wcsCrs.xsd",
        "http://www.opengis.net/WCS_service-extension_interpolation/1.0": "wcs/interpolation/1.0/wcsInt.xsd",
        "http://www.opengis.net/wcs/range-subsetting/1.0": "wcs/range-subsetting/1.0/wcsRsub.xsd",
    },
}
"""The schemas of documents whose root element is of a namespace, below schemas.opengis.net: address by namespace."""
WMS = "http://www.opengis.net/wms"
SLD = "http://www.opengis.net/sld"
STYLES = "http://schemas.opengis.net/sld/{}/StyledLayerDescriptor.xsd"
"""Of styles, by their version."""
DESCRIPTIONS = "http://schemas.opengis.net/sld/1.1.0/DescribeLayer.xsd"
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

    def __init__(self, *, whole: bool = False) -> None:
        """Give everything that is asked for, if `whole`, and not only what answers of WMTS need."""
        self._whole = whole

    def resolve(self, address: str, public_id: str, context: Any) -> Any:
        """The file of an address."""
        if address.endswith(WMTS_ALL):
            return self.resolve_string(WMTS_ONLY, context)
        if address.endswith(GML_ALL) and not self._whole:
            return self.resolve_string(GML_FEATURES, context)
        if address == MAPML:
            return self.resolve_string(SCHEMA.read_bytes(), context, base_url=address)
        path = FOLDER / address.rpartition("://")[2]
        return self.resolve_string(path.read_bytes(), context, base_url=address)


@cache
def schema_of(address: str, *, whole: bool = False) -> etree.XMLSchema:
    """The schema of an address; `whole` as of `Offline`."""
    return schema_in(FOLDER / address.removeprefix("http://"), address, whole=whole)


def schema_in(path: Path, address: str, *, whole: bool = False) -> etree.XMLSchema:
    """The schema in a file, which stands for that at an address."""
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Offline(whole=whole))
    return etree.XMLSchema(etree.fromstring(path.read_bytes(), parser, base_url=address))


@cache
def wms_schema() -> etree.XMLSchema:
    """That of capabilities of WMS 1.3.0."""
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Offline())
    return etree.XMLSchema(etree.fromstring(WMS_AND_SLD.encode(), parser, base_url="urn:both"))


@cache
def coverage_schema(namespace: str) -> etree.XMLSchema:
    """That of documents whose root element is of a namespace of `COVERAGES`."""
    imports = "".join(
        f'<import namespace="{name}" schemaLocation="http://schemas.opengis.net/{path}"/>'
        for name, path in COVERAGES[namespace].items()
    )
    text = f'<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:all">{imports}</schema>'
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Offline(whole=True))
    return etree.XMLSchema(etree.fromstring(text.encode(), parser, base_url="urn:all"))


def validated_by_dtd(body: bytes) -> Any:
    """The root element of a document that is valid by the DTD that it names. Fails with the first mistake otherwise."""
    parser = etree.XMLParser(no_network=True, dtd_validation=True)
    parser.resolvers.add(Offline())
    return etree.fromstring(body, parser)


def validated(body: bytes) -> Any:
    """The root element of a document that is valid. Fails with the first mistake otherwise."""
    # a parser of its own: OWSLib 0.36 replaces lxml's default one by one that leaves comments out
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    if root.tag == f"{{{WMS}}}WMS_Capabilities":
        wms_schema().assertValid(root)
        return root
    if root.tag == f"{{{SLD}}}StyledLayerDescriptor":
        schema_of(STYLES.format(root.get("version")), whole=True).assertValid(root)
        return root
    if root.tag == f"{{{SLD}}}DescribeLayerResponse":
        schema_of(DESCRIPTIONS, whole=True).assertValid(root)
        return root
    if (namespace := etree.QName(root).namespace) in COVERAGES:
        coverage_schema(namespace).assertValid(root)
    elif root.tag.endswith("}ServiceExceptionReport") and root.get("version") == "1.2.0":
        schema_of(EXCEPTIONS_1_2).assertValid(root)
    else:
        schema_of(ENTRIES[root.tag]).assertValid(root)
    return root
