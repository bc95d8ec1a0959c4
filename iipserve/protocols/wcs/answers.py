"""Documents that come before the file of a coverage, and what surrounds both."""

from __future__ import annotations

from iipserve.geo import gmlcov
from iipserve.geo.ows.xml import Xml, document, element, joined, optional
from iipserve.plan import Envelope
from iipserve.protocols.coverage_offerings import Offering
from iipserve.protocols.wcs import describe_2_0, multipart, parts, soap
from iipserve.protocols.wcs.multipart import FilePart
from iipserve.protocols.wcs.query import CoverageQuery, Family, family_of

ROOT_1_1 = {
    "xmlns": "http://www.opengis.net/wcs/1.1",
    "xmlns:ows": "http://www.opengis.net/ows/1.1",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": "http://www.opengis.net/wcs/1.1 http://schemas.opengis.net/wcs/1.1/wcsCoverages.xsd",
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
    root = document(gml_coverage(shown, file, role))
    if query.soap:
        media_type = soap.MEDIA_TYPES[query.soap].partition(";")[0]
        return multipart.related(soap.enveloped(root, query.soap), file, media_type)
    return multipart.related(root, file)


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


def gml_coverage(shown: Offering, file: FilePart, role: str) -> Xml:
    """The root element of a coverage whose samples are in a file (GMLCOV 09-146r2; GML 3.2.1, 19.3.13)."""
    parameters = {
        "xlink:href": multipart.reference(file.name),
        "xlink:role": role,
        "xlink:arcrole": FILE_REFERENCE,
    }
    content = element(
        "gml:File",
        element("gml:rangeParameters", attributes=parameters),
        element("gml:fileReference", multipart.reference(file.name)),
        element("gml:fileStructure", "Record Interleaved"),
        element("gml:mimeType", file.media_type),
    )
    fields = joined(map(describe_2_0.field, shown.bands))
    return gmlcov.coverage(shown.coverage_id, shown.grid, content, fields, parts.time_positions(shown))
