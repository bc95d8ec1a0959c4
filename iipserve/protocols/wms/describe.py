"""DescribeLayer: where the data of layers is to be had (SLD 02-070, 6.7, and 05-078r4, 8)."""

from __future__ import annotations

from iipserve.geo.layer import ServiceMetadata
from iipserve.geo.ows.addresses import Endpoint
from iipserve.geo.ows.xml import Xml, document, element, joined
from iipserve.plan import Document
from iipserve.protocols import coverage_options
from iipserve.protocols.coverage_offerings import coverage_id
from iipserve.protocols.wms.forms import VERSIONS
from iipserve.protocols.wms.query import DescribeQuery
from iipserve.protocols.wms.tree import name_of

DTD = "http://schemas.opengis.net/wms/1.1.1/WMS_DescribeLayerResponse.dtd"
DOCTYPE = f'<!DOCTYPE WMS_DescribeLayerResponse SYSTEM "{DTD}">\n'
XLINK = "http://www.w3.org/1999/xlink"
ROOT_1_3 = {
    "xmlns": "http://www.opengis.net/sld",
    "xmlns:se": "http://www.opengis.net/se",
    "xmlns:xlink": XLINK,
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": (
        "http://www.opengis.net/sld http://schemas.opengis.net/sld/1.1.0/DescribeLayer.xsd"
    ),
}


def coverage_address(endpoint: Endpoint, metadata: ServiceMetadata) -> str:
    """The address of the service of coverages (WCS), before parameters; empty where there is none.

    It is that of WMS: of the services at one address, SERVICE chooses.
    """
    return endpoint.kvp if coverage_options.operations(metadata) else ""


def plan_description(query: DescribeQuery, metadata: ServiceMetadata) -> Document:
    """The document: each layer is a coverage of the same name.

    Args:
        query: the request.
        metadata: of the service.
    """
    address = coverage_address(query.endpoint, metadata)
    if VERSIONS[query.version].is_old:
        described = joined(_description_1_1(name_of(layer), address) for layer in query.layers)
        root = element("WMS_DescribeLayerResponse", described, attributes={"version": "1.1.1"})
        return Document(document(root, DOCTYPE), "text/xml; charset=utf-8")
    described = joined(_description_1_3(coverage_id(layer), address) for layer in query.layers)
    root = element("DescribeLayerResponse", element("Version", "1.1.0"), described, attributes=ROOT_1_3)
    return Document(document(root), "text/xml; charset=utf-8")


def _description_1_1(name: str, address: str) -> Xml:
    service = {"owsURL": address, "owsType": "WCS"} if address else {"owsType": "WCS"}
    return element(
        "LayerDescription",
        element("Query", attributes={"typeName": name}),
        attributes={"name": name} | service,
    )


def _description_1_3(name: str, address: str) -> Xml:
    return element(
        "LayerDescription",
        element("owsType", "wcs"),
        element("se:OnlineResource", attributes={"xlink:type": "simple", "xlink:href": address}),
        element("TypeName", element("se:CoverageName", name)),
    )
