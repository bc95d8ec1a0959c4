"""Documents that come before the file of a coverage, and what surrounds both."""

from __future__ import annotations

from iipserve.geo.ows.exceptions import OperationNotSupported
from iipserve.geo.ows.xml import Xml, document, element, optional
from iipserve.plan import Envelope
from iipserve.protocols.coverage_offerings import Offering
from iipserve.protocols.wcs import multipart
from iipserve.protocols.wcs.multipart import FilePart
from iipserve.protocols.wcs.query import CoverageQuery, Family, family_of

ROOT_1_1 = {
    "xmlns": "http://www.opengis.net/wcs/1.1",
    "xmlns:ows": "http://www.opengis.net/ows/1.1",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": "http://www.opengis.net/wcs/1.1 http://schemas.opengis.net/wcs/1.1/wcsCoverages.xsd",
}
ROOT_2_0 = {
    "xmlns:gml": "http://www.opengis.net/gml/3.2",
    "xmlns:gmlcov": "http://www.opengis.net/gmlcov/1.0",
    "xmlns:swe": "http://www.opengis.net/swe/2.0",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": "http://www.opengis.net/gmlcov/1.0 http://schemas.opengis.net/gmlcov/1.0/gmlcovAll.xsd",
}
FILE_REFERENCE = "fileReference"
"""`arcrole` of the file (OGC 09-110r4, 8.4.2, as servers and clients write it)."""


def enclosed(query: CoverageQuery, shown: Offering, file: FilePart, role: str) -> Envelope:
    """What surrounds the file of an answer in several parts.

    Args:
        query: what was asked for.
        shown: the coverage, with the grid and the bands of the result.
        file: the file.
        role: of the file in GML.
    """
    if family_of(query.version) is not Family.V2_0:
        return multipart.mixed(document(coverages(shown, file)), file)
    raise OperationNotSupported("coverages in several parts are not answered here", "mediatype")


def coverages(shown: Offering, file: FilePart) -> Xml:
    """The root element of a `Coverages` document (07-067r5, 10.3.11; wcsCoverages.xsd)."""
    coverage = element(
        "Coverage",
        element("ows:Title", shown.title),
        optional("ows:Abstract", shown.description),
        element("ows:Identifier", shown.coverage_id),
        element(
            "ows:Reference",
            attributes={
                "xlink:href": multipart.reference(file.name),
                "xlink:role": "urn:ogc:def:role:WCS:1.1:coverage",
            },
        ),
    )
    return element("Coverages", coverage, attributes=ROOT_1_1)
