"""Descriptions of coverages: valid by their schemas, read by OWSLib, and true."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree
from pyproj import CRS

from iipserve.geo.ows.exceptions import OwsError
from tests.protocols.wcs.documents import (
    KINDS,
    VERSIONS,
    catalog_of,
    crs_name,
    descriptions,
    texts,
    with_items,
)

PLAIN = ("plain", "mars")
GRIDS = [name for name in KINDS if name not in PLAIN]


def numbers(root: Any, path: str) -> list[float]:
    """The numbers of one element or attribute."""
    (text,) = texts(root, path)
    return [float(number) for number in text.split()]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", KINDS)
def test_descriptions_are_valid(version: str, name: str) -> None:
    if version == "1.0.0" and name in PLAIN:
        with pytest.raises(OwsError, match="no place on Earth"):
            descriptions(version, name)
    else:
        descriptions(version, name)


def test_all_coverages_in_1_0_0_and_each_once_in_2_0_1() -> None:
    root = descriptions("1.0.0")
    assert len(root) == len(GRIDS)
    hidden = with_items(KINDS["utm"], wcs_enable_request="GetCapabilities GetCoverage")
    root = descriptions("1.0.0", catalog=catalog_of(hidden, KINDS["degrees"]))
    assert texts(root, "//wcs10:CoverageOffering/wcs10:name") == ["degrees"]
    root = descriptions("2.0.1", "utm", "degrees", "utm")
    assert texts(root, "//wcs:CoverageId") == ["utm", "degrees"]


@pytest.mark.parametrize("name", GRIDS)
def test_grids_of_2_0_1_have_their_envelopes_as_edges(name: str) -> None:
    """The origin is half a pixel inside of the edges, in the order of axes of PROJ."""
    root = descriptions("2.0.1", name)
    lower, upper = (numbers(root, f"//gml32:{corner}Corner") for corner in ("lower", "upper"))
    origin = numbers(root, "//gml32:origin//gml32:pos")
    columns, rows = (numbers(root, f"//gml32:offsetVector[{index}]") for index in (1, 2))
    width, height = (int(high) + 1 for high in numbers(root, "//gml32:high"))
    first = [place - (step + other) / 2 for place, step, other in zip(origin, columns, rows, strict=True)]
    last = [
        place + step * width + other * height for place, step, other in zip(first, columns, rows, strict=True)
    ]
    assert [*map(min, first, last)] == pytest.approx(lower, rel=1e-12)
    assert [*map(max, first, last)] == pytest.approx(upper, rel=1e-12)
    (system,) = set(texts(root, "//@srsName"))
    north_first = CRS(system).axis_info[0].direction == "north"
    assert texts(root, "//gml32:Envelope/@axisLabels")[0].split()[0] in (
        {"Lat", "N"} if north_first else {"Long", "E"}
    )
    assert columns.index(0.0) == (0 if north_first else 1)


@pytest.mark.parametrize("name", GRIDS)
def test_all_versions_describe_one_grid(name: str) -> None:
    new, old, middle = (descriptions(version, name) for version in ("2.0.1", "1.0.0", "1.1.2"))
    (system,) = set(texts(new, "//@srsName"))
    swapped = CRS(system).axis_info[0].direction == "north"
    origin = numbers(new, "//gml32:origin//gml32:pos")
    assert numbers(middle, "//w:GridOrigin") == origin
    assert numbers(old, "//gml:origin/gml:pos") == (origin[::-1] if swapped else origin)
    assert numbers(old, "//gml:high") == numbers(new, "//gml32:high")
    assert not texts(middle, "//ows:BoundingBox[@crs='urn:ogc:def:crs:OGC::imageCRS']/ows:UpperCorner")
    steps = [sum(numbers(old, f"//gml:offsetVector[{index}]")) for index in (1, 2)]
    assert numbers(middle, "//w:GridOffsets") == (steps[::-1] if swapped else steps)


def test_boxes_of_1_1_are_of_centers() -> None:
    root = descriptions("1.1.2", "degrees")
    own = "//ows:BoundingBox[@crs='urn:ogc:def:crs:EPSG::4326']/ows:{}Corner"
    assert numbers(root, own.format("Lower")) == pytest.approx([46.005, 10.005])
    assert numbers(root, own.format("Upper")) == pytest.approx([49.995, 15.995])


@pytest.mark.parametrize("name", PLAIN)
def test_plain_pictures_are_grids_of_pixels(name: str) -> None:
    root = descriptions("2.0.1", name)
    width, height = KINDS[name].info.size
    assert texts(root, "//gml32:Grid//gml32:high") == [f"{width - 1} {height - 1}"]
    assert texts(root, "//wcs:CoverageSubtype") == ["GridCoverage"]
    assert texts(root, "//@srsName") == [crs_name("image")]
    assert "4326" not in etree.tostring(root).decode()


# -- bands -----------------------------------------------------------------------------------------

FIELD = "//swe:field[1]/swe:Quantity"


def test_what_the_file_tells_of_samples() -> None:
    root = descriptions("2.0.1", "scaled")
    assert texts(root, "//swe:field/@name") == ["temp\u00e9rature___co"]
    assert texts(root, f"{FIELD}/swe:description") == ["temp\u00e9rature & co"]
    assert texts(root, f"{FIELD}/swe:uom/@code") == ["K"]
    assert texts(root, f"{FIELD}//swe:nilValue") == ["-9999"]
    assert texts(root, f"{FIELD}//swe:interval") == ["-32768 32767"]
    assert texts(root, f"{FIELD}//swe:significantFigures") == ["5"]
    assert texts(descriptions("1.0.0", "scaled"), "//wcs10:nullValues/*") == ["-9999"]
    assert texts(descriptions("1.1.2", "scaled"), "//w:NullValue") == ["-9999"]


def test_floats_and_units_that_are_no_codes() -> None:
    root = descriptions("2.0.1", "nan")
    assert texts(root, f"{FIELD}//swe:nilValue") == ["NaN"]
    assert texts(root, f"{FIELD}//swe:interval") == []
    many = descriptions("2.0.1", "multispectral")
    assert texts(many, f"{FIELD}/swe:uom/@code") == ["W/m2_sr"]
    assert len(texts(many, "//swe:field/@name")) == 12
    assert texts(descriptions("1.1.2", "multispectral"), "//w:Axis[@identifier='bands']//w:Key") == [
        str(number) for number in range(1, 13)
    ]


def test_items_of_bands() -> None:
    shown = with_items(
        KINDS["nan"], wcs_band_names="one", wcs_one_band_interpretation="brightness", wcs_one_band_uom="W/cm2",
        wcs_one_band_definition="http://x.example/?a&b", wcs_one_band_description="<first>", wcs_one_interval="-1.5 2e3",
        wcs_one_significant_figures="4", wcs_nilvalues="-1 -2", wcs_nilvalues_reasons="http://x.example/low unknown",
    )  # fmt: skip
    root = descriptions("2.0.1", "nan", catalog=catalog_of(shown))
    assert texts(root, "//swe:field/@name") == ["one"]
    assert texts(root, f"{FIELD}/@definition") == ["http://x.example/?a&b"]
    assert texts(root, f"{FIELD}/swe:label | {FIELD}/swe:description") == ["brightness", "<first>"]
    assert texts(root, f"{FIELD}/swe:uom/@code") == ["W/cm2"]
    assert texts(root, f"{FIELD}//swe:interval") == ["-1.5 2000"]
    assert texts(root, f"{FIELD}//swe:significantFigures") == ["4"]
    assert texts(root, "//swe:nilValue") == ["-1", "-2"]
    assert texts(root, "//swe:nilValue/@reason") == ["http://x.example/low", "unknown"]


def test_range_axes_with_their_nine_items() -> None:
    shown = with_items(
        KINDS["utm"], wcs_rangeset_name="Range 1", wcs_rangeset_label="My label", wcs_rangeset_description="What it is",
        wcs_rangeset_nullvalue="255", wcs_rangeset_axes="bands,Depth", wcs_depth_semantic="http://x.example/depth",
        wcs_depth_refsys="http://x.example/sys", wcs_depth_refsyslabel="Sys", wcs_depth_description="How deep",
        wcs_depth_label="Depths", wcs_depth_values="1,2,5", wcs_depth_values_semantic="http://x.example/v",
        wcs_depth_values_type="http://x.example/t", wcs_depth_interval="0/10/0.5",
    )  # fmt: skip
    root = descriptions("1.0.0", "utm", catalog=catalog_of(shown))
    range_set = "//wcs10:RangeSet/wcs10:"
    assert [*texts(root, f"{range_set}description | {range_set}name | {range_set}label")] == [
        "What it is", "Range 1", "My label",
    ]  # fmt: skip
    axes = "//wcs10:AxisDescription"
    assert texts(root, f"{axes}/wcs10:name") == ["bands", "Depth"]
    assert texts(root, f"{axes}[1]//wcs10:singleValue")[:3] == ["1", "2", "3"]
    depth = f"{axes}[wcs10:name='Depth']"
    assert texts(root, f"{depth}/@*") == ["http://x.example/depth", "http://x.example/sys", "Sys"]
    assert texts(root, f"{depth}/wcs10:values/@*") == ["http://x.example/t", "http://x.example/v"]
    assert texts(root, f"{depth}//wcs10:interval/*") == ["0", "10", "0.5"]
    assert texts(root, f"{depth}//wcs10:singleValue") == ["1", "2", "5"]
    assert texts(root, "//wcs10:nullValues/wcs10:singleValue") == ["255"]
    middle = descriptions("1.1.2", "utm", catalog=catalog_of(shown))
    assert texts(middle, "//w:Field/w:Identifier | //w:NullValue") == ["Range_1", "255"]


def test_what_is_missing_is_told_on_demand() -> None:
    root = descriptions("1.0.0", "utm", catalog=catalog_of(KINDS["utm"], warnings=True))
    told = [each.text for each in root.iter(etree.Comment)]
    assert [word for word in ("label", "rangeset_name", "rangeset_label") if any(f"wcs_{word}" in one for one in told)] == [
        "label", "rangeset_name", "rangeset_label",
    ]  # fmt: skip


# -- lists -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_times(version: str) -> None:
    shown = with_items(KINDS["utm"], wcs_timeposition="2002-01-01T00:00:00Z,2001-01-01")
    root = descriptions(version, "utm", catalog=catalog_of(shown))
    found = texts(root, "//gml:timePosition | //gml32:beginPosition | //gml32:endPosition")
    assert found[-2:] == ["2001-01-01", "2002-01-01T00:00:00Z"]


def test_formats_and_systems() -> None:
    shown = with_items(
        KINDS["utm"],
        wcs_formats="image/png GTiff",
        wcs_nativeformat="GeoTIFF",
        wcs_srs="EPSG:25833,EPSG:4326",
    )
    catalog = catalog_of(shown)
    old, middle, new = (descriptions(each, "utm", catalog=catalog) for each in ("1.0.0", "1.1.2", "2.0.1"))
    assert texts(old, "//wcs10:formats") == ["PNG", "GeoTIFF"]
    assert texts(old, "//@nativeFormat") == ["GeoTIFF"]
    assert texts(old, "//wcs10:requestResponseCRSs") == ["EPSG:32633", "EPSG:25833", "EPSG:4326"]
    assert texts(old, "//wcs10:nativeCRSs") == ["EPSG:32633"]
    assert texts(middle, "//w:SupportedFormat") == ["image/png", "image/tiff"]
    assert texts(middle, "//w:SupportedCRS") == [
        *(f"urn:ogc:def:crs:EPSG::{code}" for code in (32633, 25833, 4326)), "urn:ogc:def:crs:OGC::imageCRS",
    ]  # fmt: skip
    assert texts(new, "//wcs:nativeFormat") == ["image/tiff"]
