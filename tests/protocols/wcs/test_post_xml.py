"""Requests in XML ask for the same as parameters."""

from __future__ import annotations

import pytest

pytest.importorskip("lxml")

from iipserve.protocols.wcs.post_xml import MAX_ELEMENTS, MAX_LENGTH
from tests.protocols.wcs.services import COVERAGE_1_0, COVERAGE_1_1, COVERAGE_2_0, kvp, read, refusal

WCS_2 = 'xmlns="http://www.opengis.net/wcs/2.0"'
EXTENSIONS = (
    'xmlns:scal="http://www.opengis.net/WCS_service-extension_scaling/1.0" '
    'xmlns:rsub="http://www.opengis.net/wcs/range-subsetting/1.0" xmlns:crs="http://www.opengis.net/wcs/crs/1.0" '
    'xmlns:int="http://www.opengis.net/WCS_service-extension_interpolation/1.0" '
    'xmlns:geotiff="http://www.opengis.net/gmlcov/geotiff/1.0"'
)


def in_2_0(content: str) -> bytes:
    text = f'<GetCoverage service="WCS" version="2.0.1" {WCS_2} {EXTENSIONS}>{content}</GetCoverage>'
    return text.encode()


ID = "<CoverageId>degrees</CoverageId>"
SAME_2_0 = [
    (ID, {}),
    (
        f"{ID}<DimensionTrim><Dimension>Long</Dimension><TrimLow>11</TrimLow><TrimHigh>12</TrimHigh></DimensionTrim>"
        "<DimensionSlice><Dimension>Lat</Dimension><SlicePoint>48</SlicePoint></DimensionSlice>",
        {"subset": ["Long(11,12)", "Lat(48)"]},
    ),
    (
        "<DimensionTrim>\n <Dimension crs='http://www.opengis.net/def/crs/EPSG/0/4326'>\n  Long\n </Dimension>"
        f"<TrimHigh>12</TrimHigh></DimensionTrim>{ID}",
        {"subset": ["Long,http://www.opengis.net/def/crs/EPSG/0/4326(*,12)"]},
    ),
    (
        "<Extension><scal:Scaling><scal:ScaleByFactor><scal:scaleFactor>0.5</scal:scaleFactor></scal:ScaleByFactor>"
        f"</scal:Scaling></Extension>{ID}",
        {"scalefactor": "0.5"},
    ),
    (
        f"{ID}<Extension><scal:ScaleByFactor><scal:scaleFactor>0.5</scal:scaleFactor></scal:ScaleByFactor></Extension>",
        {"scalefactor": "0.5"},
    ),
    (
        f"{ID}<Extension><scal:ScaleAxesByFactor><scal:ScaleAxis><scal:axis>x</scal:axis><scal:scaleFactor>2"
        "</scal:scaleFactor></scal:ScaleAxis><scal:ScaleAxis><scal:axis>y</scal:axis><scal:scaleFactor>3"
        "</scal:scaleFactor></scal:ScaleAxis></scal:ScaleAxesByFactor></Extension>",
        {"scaleaxes": "x(2),y(3)"},
    ),
    (
        f"{ID}<Extension><scal:Scaling><scal:ScaleToSize><scal:TargetAxisSize><scal:axis>x</scal:axis><scal:targetSize>"
        "20</scal:targetSize></scal:TargetAxisSize></scal:ScaleToSize></scal:Scaling></Extension>",
        {"scalesize": "x(20)"},
    ),
    (
        f"{ID}<Extension><scal:Scaling><scal:ScaleToExtent><scal:TargetAxisExtent>"
        "<scal:axis>http://www.opengis.net/def/axis/OGC/1/i</scal:axis><scal:low>10</scal:low><scal:high>20</scal:high>"
        "</scal:TargetAxisExtent></scal:ScaleToExtent></scal:Scaling></Extension>",
        {"scaleextent": "http://www.opengis.net/def/axis/OGC/1/i(10:20)"},
    ),
    (
        f"{ID}<Extension><rsub:RangeSubset><rsub:RangeItem><rsub:RangeComponent>band3</rsub:RangeComponent>"
        "</rsub:RangeItem><rsub:RangeItem><rsub:RangeInterval><rsub:startComponent>band1</rsub:startComponent>"
        "<rsub:endComponent>band2</rsub:endComponent></rsub:RangeInterval></rsub:RangeItem></rsub:RangeSubset>"
        "</Extension><format>image/tiff</format>",
        {"rangesubset": "band3,band1:band2", "format": "image/tiff"},
    ),
    (
        f"{ID}<Extension><crs:GetCoverageCrs><crs:subsettingCrs>http://www.opengis.net/def/crs/EPSG/0/3857"
        "</crs:subsettingCrs><crs:outputCrs>http://www.opengis.net/def/crs/EPSG/0/4326</crs:outputCrs>"
        "</crs:GetCoverageCrs><int:Interpolation><int:globalInterpolation>"
        "http://www.opengis.net/def/interpolation/OGC/1/linear</int:globalInterpolation></int:Interpolation></Extension>"
        "<mediaType>multipart/related</mediaType>",
        {
            "subsettingcrs": "http://www.opengis.net/def/crs/EPSG/0/3857",
            "outputcrs": "http://www.opengis.net/def/crs/EPSG/0/4326",
            "interpolation": "http://www.opengis.net/def/interpolation/OGC/1/linear",
            "mediatype": "multipart/related",
        },
    ),
    (
        f"{ID}<Extension><geotiff:parameters><geotiff:compression>JPEG</geotiff:compression>"
        "<geotiff:jpeg_quality>75</geotiff:jpeg_quality></geotiff:parameters></Extension>",
        {"geotiff__compression": "JPEG", "geotiff__jpeg_quality": "75"},
    ),
    (
        f"{ID}<Resolution dimension='x'>0.02</Resolution><Size dimension='y'>30</Size>",
        {"resolution": "x(0.02)", "size": "y(30)"},
    ),
    (
        f"{ID}<RangeSubset><RangeComponent>band3</RangeComponent><RangeInterval><startComponent>band1</startComponent>"
        "<endComponent>band2</endComponent></RangeInterval></RangeSubset>",
        {"rangesubset": "band3,band1:band2"},
    ),
    (f"{ID}<RangeSubset><RangeItem>band3</RangeItem></RangeSubset>", {"rangesubset": "band3"}),
]  # fmt: skip


@pytest.mark.parametrize(("content", "fields"), SAME_2_0)
def test_coverages_of_2_0(content: str, fields: dict[str, str]) -> None:
    expected = read(kvp(COVERAGE_2_0, **fields))
    assert read(body=in_2_0(content), media_type="text/xml") == expected
    assert read(body=in_2_0(content), media_type="application/x-www-form-urlencoded") == expected


def test_namespaces_do_not_matter() -> None:
    text = in_2_0(SAME_2_0[3][0]).replace(b"WCS_service-extension_scaling/1.0", b"wcs/scaling/1.0")
    assert read(body=text) == read(kvp(COVERAGE_2_0, scalefactor="0.5"))


COVERAGE_1_1_XML = b"""<?xml version="1.0"?>
<GetCoverage xmlns="http://www.opengis.net/wcs/1.1" xmlns:ows="http://www.opengis.net/ows/1.1" service="WCS" version="1.1.2">
  <ows:Identifier>degrees</ows:Identifier>
  <DomainSubset>
    <ows:BoundingBox crs="urn:ogc:def:crs:EPSG::4326">
      <ows:LowerCorner>47 11</ows:LowerCorner><ows:UpperCorner>48 12</ows:UpperCorner>
    </ows:BoundingBox>
  </DomainSubset>
  <RangeSubset>
    <FieldSubset>
      <ows:Identifier>contents</ows:Identifier><InterpolationType>linear</InterpolationType>
      <AxisSubset><Identifier>bands</Identifier><Key>1</Key><Key>3</Key></AxisSubset>
    </FieldSubset>
  </RangeSubset>
  <Output format="image/tiff" store="false">
    <GridCRS>
      <GridBaseCRS>urn:ogc:def:crs:EPSG::4326</GridBaseCRS>
      <GridType>urn:ogc:def:method:WCS:1.1:2dSimpleGrid</GridType>
      <GridOrigin>48 11</GridOrigin><GridOffsets>-0.02 0.02</GridOffsets>
      <GridCS>urn:ogc:def:cs:OGC:0.0:Grid2dSquareCS</GridCS>
    </GridCRS>
  </Output>
</GetCoverage>"""


def test_coverages_of_1_1() -> None:
    fields = kvp(
        COVERAGE_1_1,
        rangesubset="contents:linear[bands[1,3]]",
        gridbasecrs="urn:ogc:def:crs:EPSG::4326",
        gridtype="urn:ogc:def:method:WCS:1.1:2dSimpleGrid",
        gridorigin="48,11",
        gridoffsets="-0.02,0.02",
    )
    assert read(body=COVERAGE_1_1_XML) == read(fields)


COVERAGE_1_0_XML = b"""<GetCoverage xmlns="http://www.opengis.net/wcs" xmlns:gml="http://www.opengis.net/gml" service="WCS"
    version="1.0.0">
  <sourceCoverage>degrees</sourceCoverage>
  <domainSubset>
    <spatialSubset>
      <gml:Envelope srsName="EPSG:4326"><gml:pos>11 47</gml:pos><gml:pos>12 48</gml:pos></gml:Envelope>
      <gml:Grid dimension="2">
        <gml:limits><gml:GridEnvelope><gml:low>0 0</gml:low><gml:high>99 99</gml:high></gml:GridEnvelope></gml:limits>
        <gml:axisName>x</gml:axisName><gml:axisName>y</gml:axisName>
      </gml:Grid>
    </spatialSubset>
  </domainSubset>
  <rangeSubset>
    <axisSubset name="bands"><singleValue>3</singleValue><interval><min>1</min><max>2</max></interval></axisSubset>
  </rangeSubset>
  <interpolationMethod>bilinear</interpolationMethod>
  <output><crs>EPSG:3857</crs><format>GeoTIFF</format></output>
</GetCoverage>"""


def test_coverages_of_1_0() -> None:
    fields = kvp(COVERAGE_1_0, bands="3,1/2", interpolation="bilinear", response_crs="EPSG:3857")
    assert read(body=COVERAGE_1_0_XML) == read(fields)


DOCUMENTS = [
    ('<GetCapabilities xmlns="http://www.opengis.net/wcs/2.0"/>', "SERVICE=WCS&REQUEST=GetCapabilities"),
    (
        '<GetCapabilities service="WCS" xmlns="http://www.opengis.net/wcs/2.0"/>',
        "SERVICE=WCS&REQUEST=GetCapabilities",
    ),
    (
        '<GetCapabilities service="WCS" xmlns="http://www.opengis.net/wcs/1.1" xmlns:ows="http://www.opengis.net/ows/1.1">'
        "<ows:AcceptVersions><ows:Version>1.1.1</ows:Version><ows:Version>1.0.0</ows:Version></ows:AcceptVersions>"
        "<ows:Sections><ows:Section>Contents</ows:Section></ows:Sections></GetCapabilities>",
        "SERVICE=WCS&REQUEST=GetCapabilities&ACCEPTVERSIONS=1.1.1,1.0.0&SECTIONS=Contents",
    ),
    (
        '<GetCapabilities service="WCS" version="1.0.0" xmlns="http://www.opengis.net/wcs">'
        "<section>/WCS_Capabilities/Service</section></GetCapabilities>",
        "SERVICE=WCS&REQUEST=GetCapabilities&VERSION=1.0.0&SECTION=/WCS_Capabilities/Service",
    ),
    (
        '<DescribeCoverage service="WCS" version="2.0.1" xmlns="http://www.opengis.net/wcs/2.0">'
        "<CoverageId>utm</CoverageId><CoverageId>degrees</CoverageId></DescribeCoverage>",
        "SERVICE=WCS&REQUEST=DescribeCoverage&VERSION=2.0.1&COVERAGEID=utm,degrees",
    ),
    (
        '<DescribeCoverage service="WCS" version="1.1.0" xmlns="http://www.opengis.net/wcs/1.1">'
        "<Identifier>utm</Identifier></DescribeCoverage>",
        "SERVICE=WCS&REQUEST=DescribeCoverage&VERSION=1.1.0&IDENTIFIERS=utm",
    ),
    (
        '<DescribeCoverage service="WCS" version="1.0.0" xmlns="http://www.opengis.net/wcs">'
        "<Coverage>utm</Coverage></DescribeCoverage>",
        "SERVICE=WCS&REQUEST=DescribeCoverage&VERSION=1.0.0&COVERAGE=utm",
    ),
]


@pytest.mark.parametrize(("body", "query"), DOCUMENTS)
def test_documents(body: str, query: str) -> None:
    assert read(body=body.encode()) == read(query)


@pytest.mark.parametrize(
    ("namespace", "version"),
    [
        ("http://www.w3.org/2003/05/soap-envelope", "1.2"),
        ("http://schemas.xmlsoap.org/soap/envelope/", "1.1"),
    ],
)
def test_envelopes(namespace: str, version: str) -> None:
    inner = in_2_0(ID)
    text = b'<s:Envelope xmlns:s="%s"><s:Header/><s:Body>%s</s:Body></s:Envelope>' % (
        namespace.encode(),
        inner,
    )
    assert read(body=text) == read(body=inner)._replace(soap=version)


MALFORMED = [
    b"<GetCoverage",
    b"<GetNothing/>",
    b"<Envelope><Body/></Envelope>",
    b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><GetCoverage>&b;</GetCoverage>",
    b"<GetCoverage>" + b"<a/>" * MAX_ELEMENTS + b"</GetCoverage>",
    b"<GetCoverage>" + b" " * MAX_LENGTH + b"</GetCoverage>",
    b"<a>" * 300,
    b"<GetCoverage>" + b"<a>" * 100 + b"</a>" * 100 + b"</GetCoverage>",
    b"<GetCoverage " + b" ".join(b"a%d='1'" % number for number in range(1000)) + b"/>",
]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_no_request(body: bytes) -> None:
    answer = refusal(body=body, media_type="text/xml")
    assert answer.status == 400
    assert b'exceptionCode="InvalidEncodingSyntax"' in answer.document.body
    assert b"http://www.opengis.net/ows/2.0" in answer.document.body
    assert b"root:" not in answer.document.body


def test_long_texts_are_not_sent_back_whole() -> None:
    answer = refusal(body=in_2_0(f"<CoverageId>{'x' * 200_000}</CoverageId>"), media_type="text/xml")
    assert answer.status == 404
    assert b'exceptionCode="NoSuchCoverage" locator="xxx' in answer.document.body
    assert len(answer.document.body) < 10_000
