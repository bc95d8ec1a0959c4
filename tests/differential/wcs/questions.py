"""What both servers are asked: a table of requests of WCS 1.0.0, 1.1 and 2.0.1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from tests.differential.wcs.map_file import FORMATS
from tests.differential.wcs.references import box_of
from tests.differential.wcs.ways import WAYS, Wanted
from tests.differential.wms.questions import crs_of
from tests.differential.wms.rasters import MAKERS, OWN_GRIDS
from tests.geo_rasters import GRIDS, HEIGHT, WIDTH

ASKED = ("1.0.0", "1.0.0 by resolution", "1.1.2", "2.0.1", "2.0.1 XML")
"""Ways that MapServer has, too."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request."""

    name: str
    """What is asked, with the way."""
    query: str
    """The query string."""
    body: bytes = b""
    """XML; empty: GET."""
    exact: bool = True
    """The samples are those of the raster, so that no rounding may differ."""

    def __str__(self) -> str:
        return self.name


def transform_of(layer: str) -> Any:
    """Of a raster whose rows run southward."""
    transform = (OWN_GRIDS | GRIDS).get(layer, GRIDS["utm"])[1]
    assert transform is not None
    if transform.e > 0:
        return type(transform)(
            transform.a, 0, transform.c, 0, -transform.e, transform.f + HEIGHT * transform.e
        )
    return transform


WINDOWS: Mapping[str, tuple[slice, slice, tuple[int, int] | None]] = {
    "whole": (slice(0, WIDTH), slice(0, HEIGHT), None),
    "window": (slice(7, 58), slice(31, 64), None),
    "one sample": (slice(13, 14), slice(5, 6), None),
    "one row": (slice(0, WIDTH), slice(40, 41), None),
    "one column": (slice(50, 51), slice(0, HEIGHT), None),
    "factor 2": (slice(0, WIDTH), slice(0, HEIGHT), (WIDTH // 2, HEIGHT // 2)),
    "factor 4 of a window": (slice(8, 72), slice(16, 64), (16, 12)),
    "enlarged": (slice(10, 20), slice(20, 26), (30, 24)),
    "by no whole number": (slice(0, WIDTH), slice(0, HEIGHT), (77, 41)),
}
BANDS: Mapping[str, tuple[int, ...]] = {"second band": (2,), "bands turned round": (3, 2, 1)}


def _coverages() -> Iterator[Question]:
    for layer in MAKERS:
        if layer == "rotated":
            continue
        transform, crs = transform_of(layer), crs_of(layer)
        for name, (columns, rows, size) in WINDOWS.items():
            own = columns.stop - columns.start, rows.stop - rows.start
            wanted = Wanted(
                layer, crs, box_of(transform, columns, rows), size or own, scales=size is not None
            )
            yield from _in_every_way(f"{layer}, {name}", wanted)
    whole = box_of(transform_of("utm"), slice(0, WIDTH), slice(0, HEIGHT))
    for name, bands in BANDS.items():
        yield from _in_every_way(f"utm, {name}", Wanted("utm", crs_of("utm"), whole, (WIDTH, HEIGHT), bands))


def _in_every_way(name: str, wanted: Wanted, *, exact: bool = True) -> Iterator[Question]:
    for way in ASKED:
        asked = WAYS[way](replace(wanted, axes=("x", "y")))
        if way == "1.1.2" and wanted.bands:
            keys = ",".join(map(str, wanted.bands))
            asked = asked._replace(
                address=f"{asked.address.partition('&RANGESUBSET')[0]}&RANGESUBSET=range[bands[{keys}]]"
            )
        query, body = asked.address.partition("?")[2], asked.body
        if form := FORMATS.get(wanted.layer):
            query = query.replace("FORMAT=GeoTIFF", f"FORMAT={form}").replace(
                "FORMAT=image/tiff", f"FORMAT={form}"
            )
            body = body.replace(b">image/tiff<", f">{form}<".encode())
        yield Question(f"{way}: {name}", query, body, exact)


PLACES = {
    "EPSG:3857": (1670200.0, 5643900.0, 1672600.0, 5645500.0),
    "EPSG:4326": (15.002, 45.14, 15.026, 45.152),
}


def _elsewhere() -> Iterator[Question]:
    for crs, box in PLACES.items():
        yield from _in_every_way(f"utm, {crs}", Wanted("utm", crs, box, (120, 80), native=False), exact=False)
    out = box_of(transform_of("utm"), slice(-20, 60), slice(-10, 40))
    yield from _in_every_way("utm, over a corner", Wanted("utm", "EPSG:32633", out, (80, 50)))


GOOD: Mapping[str, dict[str, str]] = {
    "1.0.0": {
        "SERVICE": "WCS", "VERSION": "1.0.0", "REQUEST": "GetCoverage", "COVERAGE": "utm", "CRS": "EPSG:32633",
        "BBOX": "500000,4998400,502400,5000000", "WIDTH": "120", "HEIGHT": "80", "FORMAT": "GeoTIFF",
    },
    "1.1.2": {
        "SERVICE": "WCS", "VERSION": "1.1.2", "REQUEST": "GetCoverage", "IDENTIFIER": "utm", "FORMAT": "image/tiff",
        "BOUNDINGBOX": "500010,4998410,502390,4999990,urn:ogc:def:crs:EPSG::32633",
    },
    "2.0.1": {
        "SERVICE": "WCS", "VERSION": "2.0.1", "REQUEST": "GetCoverage", "COVERAGEID": "utm", "FORMAT": "image/tiff",
    },
}  # fmt: skip
CHANGES: Mapping[str, Mapping[str, Mapping[str, str | None]]] = {
    "1.0.0": {
        "no COVERAGE": {"COVERAGE": None},
        "no CRS": {"CRS": None},
        "no BBOX": {"BBOX": None},
        "no size": {"WIDTH": None, "HEIGHT": None},
        "no FORMAT": {"FORMAT": None},
        "unknown coverage": {"COVERAGE": "nothing"},
        "unknown format": {"FORMAT": "nothing"},
        "unknown system": {"CRS": "EPSG:999999"},
        "system that is not listed": {"CRS": "EPSG:2180"},
        "box of three numbers": {"BBOX": "1,2,3"},
        "box of words": {"BBOX": "a,b,c,d"},
        "reversed box": {"BBOX": "502400,4998400,500000,5000000"},
        "box elsewhere": {"BBOX": "100000,100000,200000,200000"},
        "width of 0": {"WIDTH": "0"},
        "width in words": {"WIDTH": "wide"},
        "width above the limit": {"WIDTH": "5000"},
        "huge width": {"WIDTH": "2000000000"},
        "unknown band": {"bands": "9"},
        "unknown interpolation": {"INTERPOLATION": "nothing"},
        "RESPONSE_CRS": {"RESPONSE_CRS": "EPSG:3857"},
        "bilinear": {"INTERPOLATION": "BILINEAR"},
        "names in lower case": {"coverage": "utm", "COVERAGE": None},
    },
    "1.1.2": {
        "no IDENTIFIER": {"IDENTIFIER": None},
        "no FORMAT": {"FORMAT": None},
        "no BOUNDINGBOX": {"BOUNDINGBOX": None},
        "unknown coverage": {"IDENTIFIER": "nothing"},
        "unknown format": {"FORMAT": "nothing"},
        "unknown system": {"BOUNDINGBOX": "500010,4998410,502390,4999990,urn:ogc:def:crs:EPSG::999999"},
        "box of three numbers": {"BOUNDINGBOX": "1,2,3"},
        "box elsewhere": {"BOUNDINGBOX": "100000,100000,200000,200000,urn:ogc:def:crs:EPSG::32633"},
        "unknown band": {"RANGESUBSET": "range[bands[9]]"},
        "unknown axis": {"RANGESUBSET": "range[nothing[1]]"},
        "STORE": {"STORE": "true"},
    },
    "2.0.1": {
        "no COVERAGEID": {"COVERAGEID": None},
        "unknown coverage": {"COVERAGEID": "nothing"},
        "unknown format": {"FORMAT": "nothing"},
        "unknown axis": {"SUBSET": "nothing(1,2)"},
        "axis twice": {"SUBSET": "x(500000,501000)&SUBSET=x(500000,501000)"},
        "reversed interval": {"SUBSET": "x(501000,500000)"},
        "interval elsewhere": {"SUBSET": "x(100,200)"},
        "interval in words": {"SUBSET": "x(a,b)"},
        "interval beyond the edge": {"SUBSET": "x(490000,501000)"},
        "open interval": {"SUBSET": "x(*,501000)"},
        "point": {"SUBSET": "x(500100)"},
        "unknown subsetting system": {"SUBSETTINGCRS": "EPSG:999999", "SUBSET": "x(1,2)"},
        "unknown output system": {"OUTPUTCRS": "EPSG:999999"},
        "output system": {"OUTPUTCRS": "http://www.opengis.net/def/crs/EPSG/0/3857"},
        "imageCRS": {"SUBSETTINGCRS": "imageCRS", "SUBSET": "x(10,19)&SUBSET=y(5,8)"},
        "factor": {"SCALEFACTOR": "0.5"},
        "factor of 1": {"SCALEFACTOR": "1"},
        "factor of 0": {"SCALEFACTOR": "0"},
        "negative factor": {"SCALEFACTOR": "-1"},
        "factors of axes": {"SCALEAXES": "x(0.5),y(0.25)"},
        "sizes": {"SCALESIZE": "x(60),y(20)"},
        "size of one axis": {"SCALESIZE": "x(60)"},
        "size of 0": {"SCALESIZE": "x(0)"},
        "unknown axis to scale": {"SCALESIZE": "nothing(10)"},
        "extent": {"SCALEEXTENT": "x(10:20),y(0:9)"},
        "reversed extent": {"SCALEEXTENT": "x(20:10)"},
        "SIZE": {"SIZE": "x(60)&SIZE=y(40)"},
        "RESOLUTION": {"RESOLUTION": "x(40)&RESOLUTION=y(40)"},
        "RESOLUTION of 0": {"RESOLUTION": "x(0)"},
        "unknown band": {"RANGESUBSET": "nothing"},
        "band by number": {"RANGESUBSET": "2"},
        "bands by numbers": {"RANGESUBSET": "3,1"},
        "unknown interpolation": {"INTERPOLATION": "nothing"},
        "nearest": {"INTERPOLATION": "NEAREST", "SCALEFACTOR": "0.5"},
        "bilinear": {"INTERPOLATION": "BILINEAR", "SCALEFACTOR": "0.5"},
        "average": {"INTERPOLATION": "AVERAGE", "SCALEFACTOR": "0.5"},
        "unknown MEDIATYPE": {"MEDIATYPE": "nothing"},
        "multipart": {"MEDIATYPE": "multipart/related"},
        "no FORMAT": {"FORMAT": None},
    },
}


def _changed() -> Iterator[Question]:
    for version, changes in CHANGES.items():
        for name, values in changes.items():
            parameters = {
                key: values.get(key, value)
                for key, value in {**GOOD[version], **dict.fromkeys(values)}.items()
            }
            stated = {key: value for key, value in parameters.items() if value is not None}
            yield Question(
                f"{version}: {name}", urlencode(stated, safe=":,/()&=*"), exact="linear" not in name
            )


def questions() -> Sequence[Question]:
    """All of them."""
    return [*_coverages(), *_elsewhere(), *_changed()]
