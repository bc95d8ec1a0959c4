"""One coverage asked for in every way that there is: WCS 1.0.0, 1.1 and 2.0 by KVP and XML, and OGC API - Coverages."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pyproj

from iipserve.app import Application
from iipserve.http import Body, Request, Response
from tests.projections import swaps
from tests.properties.images import body_of

Box = tuple[float, float, float, float]
SAFE = ":,/()*"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A coverage: the outer edges of a box, and how many samples it is to have."""

    layer: str
    crs: str
    """`EPSG:n`, in which the box is and the answer is to be."""
    box: Box
    """x before y: west, south, east, north."""
    size: tuple[int, int]
    """Columns and rows."""
    bands: tuple[int, ...] = ()
    """From 1, in the order of the answer; none: all."""
    scales: bool = False
    """The size is to be stated: the samples are not those of the coverage."""
    native: bool = True
    """The system is that of the coverage."""
    axes: tuple[str, str] = ("", "")
    """Names of x and y in 2.0 and OGC API; empty: as standards prescribe them."""

    @property
    def code(self) -> int:
        """Of EPSG."""
        return int(self.crs.removeprefix("EPSG:"))

    @property
    def is_geographic(self) -> bool:
        """Angles."""
        return bool(pyproj.CRS(self.crs).is_geographic)

    @property
    def swaps(self) -> bool:
        """The authority's order is y before x."""
        return swaps(self.crs)

    @property
    def steps(self) -> tuple[float, float]:
        """Width and height of a sample."""
        west, south, east, north = self.box
        return (east - west) / self.size[0], (north - south) / self.size[1]


class Asked(NamedTuple):
    """A request."""

    address: str
    body: bytes = b""
    """XML; empty: GET."""


def answer(application: Application, asked: Asked) -> Response:
    """The answer, its body whole."""
    environ = {"HTTP_HOST": "h", "REQUEST_URI": asked.address}
    if not asked.body:
        response = application.handle(Request.from_environ(environ))
    else:
        path, _, query = asked.address.partition("?")
        length = len(asked.body)
        environ |= {"CONTENT_TYPE": "text/xml", "CONTENT_LENGTH": str(length)}
        response = application.handle(
            Request("POST", path, query, environ, Body(io.BytesIO(asked.body), length))
        )
    return Response(response.status, response.headers, body_of(response))


# -- ways ------------------------------------------------------------------------------------------


def _numbers(*values: float) -> str:
    return ",".join(repr(float(value)) for value in values)


def _kvp(path: str, parameters: Mapping[str, Any]) -> str:
    return f"{path}?{urlencode(parameters, safe=SAFE, doseq=True)}"


def by_1_0(wanted: Wanted) -> Asked:
    """Box and size in outer edges."""
    parameters = {
        "SERVICE": "WCS", "VERSION": "1.0.0", "REQUEST": "GetCoverage", "COVERAGE": wanted.layer, "CRS": wanted.crs,
        "BBOX": _numbers(*wanted.box), "WIDTH": wanted.size[0], "HEIGHT": wanted.size[1], "FORMAT": "GeoTIFF",
    }  # fmt: skip
    if wanted.bands:
        parameters["bands"] = ",".join(map(str, wanted.bands))
    return Asked(_kvp("/wcs", parameters))


def by_1_0_resolution(wanted: Wanted) -> Asked:
    """The same by the size of samples."""
    asked = by_1_0(wanted).address
    size = f"WIDTH={wanted.size[0]}&HEIGHT={wanted.size[1]}"
    across, down = wanted.steps
    return Asked(asked.replace(size, f"RESX={across!r}&RESY={down!r}"))


def _centers(wanted: Wanted) -> tuple[Box, tuple[float, float]]:
    """The box of the centers of the outermost samples, x before y, and its upper left corner."""
    (west, south, east, north), (across, down) = wanted.box, wanted.steps
    west, south, east, north = west + across / 2, south + down / 2, east - across / 2, north - down / 2
    return (west, south, east, north), (west, north)


def _in_order(wanted: Wanted, *pairs: tuple[float, float]) -> list[float]:
    return [value for pair in pairs for value in (reversed(pair) if wanted.swaps else pair)]


def by_1_1(wanted: Wanted) -> Asked:
    """Box and offsets of centers, in the order of the URN."""
    (west, south, east, north), origin = _centers(wanted)
    urn, (across, down) = f"urn:ogc:def:crs:EPSG::{wanted.code}", wanted.steps
    parameters: dict[str, Any] = {
        "SERVICE": "WCS", "VERSION": "1.1.2", "REQUEST": "GetCoverage", "IDENTIFIER": wanted.layer, "FORMAT": "image/tiff",
        "BOUNDINGBOX": f"{_numbers(*_in_order(wanted, (west, south), (east, north)))},{urn}",
    }  # fmt: skip
    if wanted.scales or not wanted.native:
        parameters |= {
            "GRIDBASECRS": urn,
            "GRIDTYPE": "urn:ogc:def:method:WCS:1.1:2dSimpleGrid",
            "GRIDORIGIN": _numbers(*_in_order(wanted, origin)),
            "GRIDOFFSETS": _numbers(*_in_order(wanted, (across, -down))),
        }
    if wanted.bands:
        parameters["RANGESUBSET"] = f"{FIELD}[{AXIS}[{','.join(names_of(wanted))}]]"
    return Asked(_kvp("/wcs", parameters))


FIELD, AXIS = "contents", "bands"
"""Of descriptions of 1.1."""


def names_of(wanted: Wanted) -> list[str]:
    """Names of bands, as files without names have them."""
    return [f"band{number}" for number in wanted.bands]


def axes_of(wanted: Wanted) -> tuple[str, str]:
    """Names of x and y in 2.0 and OGC API."""
    if all(wanted.axes):
        return wanted.axes
    return ("Long", "Lat") if wanted.is_geographic else ("E", "N")


def by_2_0(wanted: Wanted) -> Asked:
    """Intervals of axes and sizes."""
    (west, south, east, north), (x, y) = wanted.box, axes_of(wanted)
    parameters: dict[str, Any] = {
        "SERVICE": "WCS", "VERSION": "2.0.1", "REQUEST": "GetCoverage", "COVERAGEID": wanted.layer, "FORMAT": "image/tiff",
        "SUBSET": [f"{x}({_numbers(west, east)})", f"{y}({_numbers(south, north)})"],
    }  # fmt: skip
    if not wanted.native:
        parameters["SUBSETTINGCRS"] = f"http://www.opengis.net/def/crs/EPSG/0/{wanted.code}"
    if wanted.scales or not wanted.native:
        parameters["SCALESIZE"] = f"{x}({wanted.size[0]}),{y}({wanted.size[1]})"
    if wanted.bands:
        parameters["RANGESUBSET"] = ",".join(names_of(wanted))
    return Asked(_kvp("/wcs", parameters))


XML_2_0 = """<?xml version="1.0" encoding="UTF-8"?>
<wcs:GetCoverage xmlns:wcs="http://www.opengis.net/wcs/2.0" xmlns:scal="http://www.opengis.net/wcs/scaling/1.0"
  xmlns:rsub="http://www.opengis.net/wcs/range-subsetting/1.0" xmlns:crs="http://www.opengis.net/wcs/crs/1.0"
  service="WCS" version="2.0.1">
  <wcs:Extension>{extension}</wcs:Extension>
  <wcs:CoverageId>{layer}</wcs:CoverageId>
  <wcs:DimensionTrim><wcs:Dimension>{x}</wcs:Dimension><wcs:TrimLow>{west}</wcs:TrimLow>
    <wcs:TrimHigh>{east}</wcs:TrimHigh></wcs:DimensionTrim>
  <wcs:DimensionTrim><wcs:Dimension>{y}</wcs:Dimension><wcs:TrimLow>{south}</wcs:TrimLow>
    <wcs:TrimHigh>{north}</wcs:TrimHigh></wcs:DimensionTrim>
  <wcs:format>image/tiff</wcs:format>
</wcs:GetCoverage>"""
TARGET_SIZE = "<scal:TargetAxisSize><scal:axis>{}</scal:axis><scal:targetSize>{}</scal:targetSize></scal:TargetAxisSize>"
RANGE_ITEM = "<rsub:RangeItem><rsub:RangeComponent>{}</rsub:RangeComponent></rsub:RangeItem>"


def by_2_0_xml(wanted: Wanted) -> Asked:
    """The same as a document."""
    (west, south, east, north), (x, y) = map(repr, map(float, wanted.box)), axes_of(wanted)
    extension = ""
    if not wanted.native:
        uri = f"http://www.opengis.net/def/crs/EPSG/0/{wanted.code}"
        extension += f"<crs:subsettingCrs>{uri}</crs:subsettingCrs>"
    if wanted.scales or not wanted.native:
        sizes = TARGET_SIZE.format(x, wanted.size[0]) + TARGET_SIZE.format(y, wanted.size[1])
        extension += f"<scal:Scaling><scal:ScaleToSize>{sizes}</scal:ScaleToSize></scal:Scaling>"
    if wanted.bands:
        items = "".join(map(RANGE_ITEM.format, names_of(wanted)))
        extension += f"<rsub:RangeSubset>{items}</rsub:RangeSubset>"
    document = XML_2_0.format(
        layer=wanted.layer, x=x, y=y, west=west, south=south, east=east, north=north, extension=extension
    )
    return Asked("/wcs", document.encode())


XML_1_1 = """<?xml version="1.0" encoding="UTF-8"?>
<GetCoverage xmlns="http://www.opengis.net/wcs/1.1" xmlns:ows="http://www.opengis.net/ows/1.1" service="WCS" version="1.1.2">
  <ows:Identifier>{layer}</ows:Identifier>
  <DomainSubset><ows:BoundingBox crs="{urn}"><ows:LowerCorner>{low}</ows:LowerCorner>
    <ows:UpperCorner>{high}</ows:UpperCorner></ows:BoundingBox></DomainSubset>
  {range}
  <Output format="image/tiff">{grid}</Output>
</GetCoverage>"""
GRID_1_1 = """<GridCRS><GridBaseCRS>{urn}</GridBaseCRS><GridType>urn:ogc:def:method:WCS:1.1:2dSimpleGrid</GridType>
  <GridOrigin>{origin}</GridOrigin><GridOffsets>{offsets}</GridOffsets></GridCRS>"""
RANGE_1_1 = """<RangeSubset><FieldSubset><ows:Identifier>{field}</ows:Identifier><AxisSubset><Identifier>{axis}</Identifier>{keys}
  </AxisSubset></FieldSubset></RangeSubset>"""


def by_1_1_xml(wanted: Wanted) -> Asked:
    """1.1 as a document."""
    (west, south, east, north), origin = _centers(wanted)
    urn, (across, down) = f"urn:ogc:def:crs:EPSG::{wanted.code}", wanted.steps

    def pair(x: float, y: float) -> str:
        return " ".join(map(repr, map(float, _in_order(wanted, (x, y)))))

    grid = GRID_1_1.format(urn=urn, origin=pair(*origin), offsets=pair(across, -down))
    keys = "".join(f"<Key>{name}</Key>" for name in names_of(wanted))
    document = XML_1_1.format(
        layer=wanted.layer,
        urn=urn,
        low=pair(west, south),
        high=pair(east, north),
        range=RANGE_1_1.format(field=FIELD, axis=AXIS, keys=keys) if keys else "",
        grid=grid if wanted.scales or not wanted.native else "",
    )
    return Asked("/wcs", document.encode())


def by_ogc_api(wanted: Wanted) -> Asked:
    """A subset in a system."""
    (west, south, east, north), (x, y) = wanted.box, axes_of(wanted)
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{wanted.code}"
    parameters: dict[str, Any] = {
        "subset": f"{x}({float(west)!r}:{float(east)!r}),{y}({float(south)!r}:{float(north)!r})",
        "subset-crs": uri,
        "f": "geotiff",
    }
    if not wanted.native:
        parameters["crs"] = uri
    if wanted.scales or not wanted.native:
        parameters["scale-size"] = f"{x}({wanted.size[0]}),{y}({wanted.size[1]})"
    if wanted.bands:
        parameters["properties"] = ",".join(names_of(wanted))
    return Asked(_kvp(f"/ogc/collections/{wanted.layer}/coverage", parameters))


def by_ogc_api_box(wanted: Wanted) -> Asked:
    """The same by its box and its sides."""
    west, south, east, north = wanted.box
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{wanted.code}"
    parameters: dict[str, Any] = {
        "bbox": _numbers(*_in_order(wanted, (west, south), (east, north))), "bbox-crs": uri, "crs": f"[{wanted.crs}]"
    }  # fmt: skip
    if wanted.scales or not wanted.native:
        parameters |= {"width": wanted.size[0], "height": wanted.size[1]}
    if wanted.bands:
        parameters["properties"] = ",".join(map(str, wanted.bands))
    return Asked(_kvp(f"/ogc/collections/{wanted.layer}/coverage", parameters))


WAYS: Mapping[str, Callable[[Wanted], Asked]] = {
    "1.0.0": by_1_0,
    "1.0.0 by resolution": by_1_0_resolution,
    "1.1.2": by_1_1,
    "1.1.2 XML": by_1_1_xml,
    "2.0.1": by_2_0,
    "2.0.1 XML": by_2_0_xml,
    "OGC API": by_ogc_api,
    "OGC API by box": by_ogc_api_box,
}
