"""In which sets layers are offered: native sets, sets of China, other systems and units."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import morecantile
import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.geo.crs import CRS84_URN
from iipserve.geo.georeference import ControlPoint, ControlPoints, GeoImage, Georeference, Mapping
from iipserve.geo.grid import Affine, Bounds
from iipserve.geo.layer import Layer, LayerEntry, ServiceMetadata
from iipserve.geo.linked_sets import (
    FURTHER_MATRIX_SETS,
    MATRIX_SETS,
    OVERZOOM,
    NativeSet,
    china_sets,
    find_set,
    link,
    native_link,
    native_set,
    sets_of,
)
from iipserve.geo.matrixset import LinkedSet, MatrixLimits
from iipserve.geo.matrixset_files import standard_sets
from iipserve.geometry import Size, TileGrid
from iipserve.image import ImageName
from tests.protocols.client import image

PLAIN = ServiceMetadata()
PIXELS = Affine(1, 0, 0, 0, -1, 0)
UTM = Affine(20, 0, 500000, 0, -20, 5000000)
DEGREES = Affine(0.01, 0, 10, 0, -0.01, 50)
MERCATOR = Affine(152.8740565703525, 0, 1487158.8223163895, 0, -152.8740565703525, 6144314.081675608)


def entry(
    crs: str, mapping: Mapping, size: tuple[int, int] = (600, 400), tile: int = 256, **layer: Any
) -> LayerEntry:
    info = image(*size, tile=(tile, tile), identifier="maps/scene.tif")
    geo = GeoImage(Georeference(crs, mapping, Size(*size)), ())
    return LayerEntry(Layer("maps/scene", ImageName("maps/scene.tif"), **layer), info, geo)


def metadata(**options: Any) -> ServiceMetadata:
    return ServiceMetadata(
        options=MappingProxyType({f"wmts.{name}": value for name, value in options.items()})
    )


def native(entry: LayerEntry) -> LinkedSet:
    found = native_link(entry)
    assert found is not None
    return found


def described(entry: LayerEntry) -> NativeSet:
    found = native_set(entry)
    assert found is not None
    return found


def has_all_tiles(limits: MatrixLimits) -> bool:
    return limits.tile_count == limits.matrix.columns * limits.matrix.rows


@given(
    multiple=st.integers(1, 40),
    rest=st.integers(-3, 3),
    step=st.floats(1e-4, 1e4),
    x=st.floats(-1e8, 1e8),
    y=st.floats(-1e8, 1e8),
)
def test_documents_need_no_limits_of_images_that_fill_their_tiles(
    multiple: int, rest: int, step: float, x: float, y: float
) -> None:
    """Of sizes around those with a last column or row of one pixel, and wherever floats round their edges to."""
    one = entry("EPSG:32633", Affine(step, 0, x, 0, -step, y), (256 * multiple + rest, 300))
    own = described(one)
    if own.shows_all_tiles:
        assert all(has_all_tiles(each) for each in native(one).limits)
        assert own.bounds == native(one).bounds
    if rest == 1:
        assert not own.shows_all_tiles
    elif rest == 0 and multiple & (multiple - 1) == 0 and max(abs(x), abs(y)) < 1e6 * step:
        assert own.shows_all_tiles


def identifiers(sets: tuple[LinkedSet, ...]) -> list[str]:
    return [one.set.identifier for one in sets]


# -- native sets -----------------------------------------------------------------------------------


@given(width=st.integers(1, 5000), height=st.integers(1, 5000), tile=st.sampled_from([128, 256, 512]))
def test_native_levels_are_those_of_deep_zoom(width: int, height: int, tile: int) -> None:
    """Matrices have the tiles of the levels of the deep zoom protocols."""
    one = entry("image", PIXELS, (width, height), tile)
    found = native(one)
    assert not described(one).shows_all_tiles or all(has_all_tiles(each) for each in found.limits)
    side = tile if tile != 128 else 256
    sizes = [size for size in one.info.power_of_two_sizes if max(size) > side]
    sizes.append(one.info.power_of_two_sizes[len(sizes)])
    assert len(found.limits) == len(sizes)
    for zoom, (limits, size) in enumerate(zip(reversed(found.limits), sizes, strict=True)):
        matrix, grid = limits.matrix, TileGrid(size, Size(side, side))
        assert (matrix.columns, matrix.rows, matrix.tile) == (grid.columns, grid.rows, (side, side))
        # the last column and row of pixels are of the image if their centers are
        shown = (max(1, math.ceil(length / 2**zoom - 0.5)) for length in (width, height))
        last = tuple((count - 1) // side for count in shown)
        assert limits[1:] == (0, last[0], 0, last[1])
    assert found.limits[0].tile_count == 1
    assert found.limits[-1].matrix.cell_size == 1


def test_native_tiles_are_windows_of_the_image() -> None:
    one = entry("EPSG:32633", UTM, (1300, 700))
    found = native(one)
    assert [limits.matrix.cell_size for limits in found.limits] == [160, 80, 40, 20]
    grid = found.set.grid(found.limits[-1].matrix, 5, 2)
    column, row = UTM.inverse().apply(grid.affine.c, grid.affine.f)
    assert (column, row, grid.affine.a, grid.affine.e) == (1280, 512, 20, -20)
    assert grid.crs == "EPSG:32633"
    grid = found.set.grid(found.limits[1].matrix, 1, 0)
    assert UTM.inverse().apply(grid.affine.c, grid.affine.f) == (1024, 0)
    assert found.bounds == (500000, 5000000 - 700 * 20, 526000, 5000000)


def test_scales_of_plain_pictures() -> None:
    found = native(entry("image", PIXELS))
    assert found.limits[-1].matrix.scale_denominator == pytest.approx(3571.428571428571, rel=1e-15)
    assert found.limits[0].matrix.top_left == (0, 0)
    assert found.set.crs_urn == "urn:ogc:def:crs:OGC::imageCRS"
    assert not found.set.swaps_axes


@pytest.mark.parametrize(
    ("code", "scale"),
    [
        (2263, 1088.57360571864),  # US survey foot, 0.30480060960121924 m
        (2222, 1088.57142857143),  # international foot, 0.3048 m
        (32633, 3571.428571428571),
        (4326, 397569609.97597706),
        (4490, 397569609.97597706),
        (4267, 397569609.97597706),  # clients take the same length of a degree on all ellipsoids
    ],
)
def test_scale_denominators_by_unit(code: int, scale: float) -> None:
    found = native(entry(f"EPSG:{code}", Affine(1, 0, 10, 0, -1, 50), (20, 20)))
    assert found.limits[-1].matrix.scale_denominator == pytest.approx(scale, rel=1e-12)


@pytest.mark.parametrize("code", [4326, 4490, 3035, 3857, 32633, 5936, 2180])
def test_documents_have_the_order_of_the_authority(code: int) -> None:
    found = native(entry(f"EPSG:{code}", Affine(1, 0, 10, 0, -1, 50), (20, 20)))
    first = pyproj.CRS.from_epsg(code).axis_info[0].direction
    second = pyproj.CRS.from_epsg(code).axis_info[1].direction
    north_first = (first, second) == ("north", "east")
    assert found.set.in_axis_order(*found.limits[0].matrix.top_left) == (
        (50, 10) if north_first else (10, 50)
    )


@pytest.mark.parametrize(
    "mapping",
    [
        Affine(20, 1, 0, 1, -20, 0),
        Affine(20, 0, 0, 0, 20, 0),
        Affine(-20, 0, 0, 0, -20, 0),
        Affine(20, 0, 0, 0, -20.001, 0),
        ControlPoints((ControlPoint(0, 0, 0, 0), ControlPoint(9, 0, 9, 0), ControlPoint(0, 9, 0, 9)), 1),
    ],
    ids=["rotated", "south-up", "mirrored", "not square", "control points"],
)
def test_grids_that_a_set_cannot_describe(mapping: Mapping) -> None:
    assert native_link(entry("EPSG:32633", mapping)) is None


def test_systems_without_a_code_have_no_native_set() -> None:
    wkt = pyproj.CRS.from_proj4("+proj=sinu +R=6371007.181").to_wkt("WKT2_2019")
    one = entry(wkt, Affine(428.9, 0, 7e5, 0, -428.9, 5e6))
    assert native_link(one) is None
    assert identifiers(sets_of(one, PLAIN)) == ["WebMercatorQuad", "WorldCRS84Quad", "WGS1984Quad"]


def test_other_bodies_are_not_in_sets_of_the_earth() -> None:
    europa = pyproj.CRS.from_proj4("+proj=eqc +R=1560800").to_wkt("WKT2_2019")
    assert sets_of(entry(europa, Affine(100, 0, 0, 0, -100, 0)), PLAIN) == ()


@pytest.mark.parametrize(
    "name", ["native", "maps/scene:native", "native_maps/scene", "maps/scene.tif:native"]
)
def test_the_native_set_has_several_names(name: str) -> None:
    found = find_set(entry("EPSG:32633", UTM), PLAIN, name)
    assert found is not None
    assert found.set.identifier == "maps/scene:native"


# -- shared sets -----------------------------------------------------------------------------------


def test_sets_are_offered_in_order() -> None:
    one = entry("EPSG:32633", UTM)
    assert identifiers(sets_of(one, PLAIN)) == [
        "WebMercatorQuad",
        "WorldCRS84Quad",
        "WGS1984Quad",
        "maps/scene:native",
    ]
    assert identifiers(sets_of(entry("image", PIXELS), PLAIN)) == ["maps/scene:native"]
    polar = standard_sets()["APSTILE"]
    chosen = metadata(matrix_sets=("WGS1984Quad", "CanadianNAD83_LCC"), further_matrix_sets=(polar,))
    assert tuple(chosen.options) == (MATRIX_SETS, FURTHER_MATRIX_SETS)
    assert "WGS1984Quad" in identifiers(sets_of(one, chosen))
    assert "WebMercatorQuad" not in identifiers(sets_of(one, chosen))
    assert find_set(one, chosen, "WebMercatorQuad") is None
    alaska = entry("EPSG:5936", Affine(1000, 0, 1e6, 0, -1000, 1e6))
    assert identifiers(sets_of(alaska, chosen))[:1] == ["WGS1984Quad"]
    assert identifiers(sets_of(alaska, chosen))[-2:] == ["APSTILE", "maps/scene:native"]


@pytest.mark.parametrize(
    ("alias", "identifier"),
    [
        ("EPSG:900913", "WebMercatorQuad"),
        ("GoogleMapsCompatible", "WebMercatorQuad"),
        ("EPSG:4326", "WGS1984Quad"),
    ],
)
def test_aliases(alias: str, identifier: str) -> None:
    found = find_set(entry("EPSG:32633", UTM), PLAIN, alias)
    assert found is not None
    assert found.set.identifier == identifier
    assert find_set(entry("EPSG:32633", UTM), PLAIN, "nothing") is None


def test_a_layer_is_offered_in_its_own_systems_only() -> None:
    one = entry("EPSG:32633", UTM)
    one = replace(one, layer=replace(one.layer, crs=("EPSG:4326",)))
    assert identifiers(sets_of(one, PLAIN)) == ["WorldCRS84Quad", "WGS1984Quad", "maps/scene:native"]


@pytest.mark.parametrize("overzoom", [0, 2])
def test_limits_of_an_image_on_the_grid(overzoom: int) -> None:
    """It covers tiles 550 to 552 and 355 to 356 of zoom 10, which has its pixels."""
    found = find_set(entry("EPSG:3857", MERCATOR, (768, 512)), metadata(overzoom=overzoom), "WebMercatorQuad")
    assert OVERZOOM == "wmts.overzoom"
    assert found is not None
    assert len(found.limits) == 11 + overzoom
    assert found.limits[10][1:] == (550, 552, 355, 356)
    assert found.limits[9][1:] == (275, 276, 177, 178)
    assert found.limits_of("10") is found.limits[10]
    assert found.limits_of("13") is None


@pytest.mark.parametrize("name", ["WebMercatorQuad", "WorldCRS84Quad"])
@pytest.mark.parametrize(
    ("crs", "affine"),
    [("EPSG:32633", UTM), ("EPSG:4326", DEGREES), ("EPSG:3035", Affine(25, 0, 4e6, 0, -25, 3e6))],
)
def test_limits_of_projected_images(name: str, crs: str, affine: Affine) -> None:
    """Against pixels of morecantile's tiles in and around the limits, transformed to the image by pyproj."""
    found = find_set(entry(crs, affine), PLAIN, name)
    assert found is not None
    theirs = morecantile.tms.get(name)
    to_image = pyproj.Transformer.from_crs(theirs.crs.to_epsg() or 4326, crs, always_xy=True)
    for limits in found.limits[-4:]:
        zoom, tiles = int(limits.matrix.identifier), set()
        for column in range(limits.min_column - 1, limits.max_column + 2):
            for row in range(limits.min_row - 1, limits.max_row + 2):
                west, south, east, north = theirs.xy_bounds(morecantile.Tile(column, row, zoom))
                steps = (np.arange(256) + 0.5) / 256
                xs, ys = np.meshgrid(west + steps * (east - west), north - steps * (north - south))
                xs, ys = to_image.transform(xs, ys)
                columns, rows = (xs - affine.c) / affine.a, (ys - affine.f) / affine.e
                if ((columns >= 0) & (columns < 600) & (rows >= 0) & (rows < 400)).any():
                    tiles.add((column, row))
        assert min(tiles) == (limits.min_column, limits.min_row)
        assert max(tiles) == (limits.max_column, limits.max_row)


def test_the_finest_matrix_has_pixels_as_small_as_those_of_the_image() -> None:
    found = find_set(
        entry("EPSG:4326", Affine(0.125, 0, -180, 0, -0.15, 90), (2880, 1200)), PLAIN, "WGS1984Quad"
    )
    assert found is not None
    assert found.limits[-1].matrix.cell_size == 0.703125 / 8
    assert found.limits[-1].tile_count == 16 * 8


def test_an_extent_of_the_layer_narrows_the_limits() -> None:
    extent = Bounds(12, 47, 13, 48.5)
    whole, part = (
        entry("EPSG:4326", DEGREES, (800, 500)),
        entry("EPSG:4326", DEGREES, (800, 500), extent=extent),
    )
    found = [find_set(one, PLAIN, "WorldCRS84Quad") for one in (whole, part)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].bounds == pytest.approx((10, 45, 18, 50))
    assert found[1].bounds == pytest.approx((12, 47, 13, 48.5))
    cell = 0.703125 / 2**6 * 256
    assert found[1].limits[6][1:] == (
        math.floor(192 / cell), math.floor(193 / cell), math.floor(41.5 / cell), math.floor(43 / cell)
    )  # fmt: skip


def test_latitudes_of_the_whole_world_are_finite_in_mercator() -> None:
    found = find_set(
        entry("EPSG:4326", Affine(0.5, 0, -180, 0, -0.5, 90), (720, 360)), PLAIN, "WebMercatorQuad"
    )
    assert found is not None
    assert found.bounds == pytest.approx((-20037508.342789244,) * 2 + (20037508.342789244,) * 2, rel=1e-9)
    assert all(limits.tile_count == 4**zoom for zoom, limits in enumerate(found.limits))


# -- China -----------------------------------------------------------------------------------------


def test_sets_of_china() -> None:
    degrees, mercator = china_sets()
    assert [matrix.identifier for matrix in degrees.matrices] == [str(level) for level in range(1, 21)]
    for level, matrix in enumerate(degrees.matrices, start=1):
        assert (matrix.columns, matrix.rows) == (2**level, 2 ** (level - 1))
        assert matrix.cell_size == 360 / 256 / 2**level
    for level, matrix in enumerate(mercator.matrices, start=1):
        assert (matrix.columns, matrix.rows) == (2**level, 2**level)
    assert degrees.crs_urn == "urn:ogc:def:crs:EPSG::4490"
    assert degrees.in_axis_order(*degrees.matrices[0].top_left) == (90, -180)
    assert mercator.crs_urn == "urn:ogc:def:crs:EPSG::3857"
    assert degrees.answers_to("tdt_c")
    seventh = degrees.matrix("7")
    assert seventh is not None
    assert degrees.grid(seventh, 104, 18).bounds == (112.5, 36.5625, 115.3125, 39.375)
    assert CRS84_URN not in (degrees.crs_urn, mercator.crs_urn)


def test_scales_of_china() -> None:
    """As the national service writes them, and by pixels of 0.28 mm."""
    degrees, _ = china_sets("dpi96")
    assert degrees.matrices[0].scale_denominator == pytest.approx(295829355.45456565, rel=1e-15)
    assert degrees.matrices[17].scale_denominator == pytest.approx(2256.998866688275, rel=1e-15)
    assert degrees.matrices[19].scale_denominator == pytest.approx(564.2497166720689, rel=1e-15)
    degrees, _ = china_sets()
    assert degrees.matrices[0].scale_denominator == 279541132.0143589
    assert degrees.matrices[17].scale_denominator == pytest.approx(2132.729583849784, rel=1e-15)
    assert degrees.matrices[19].scale_denominator == pytest.approx(533.182395962446, rel=1e-15)


def test_an_image_on_the_grid_of_china() -> None:
    """It is exactly tiles 104 of rows 18 and 19 of level 7."""
    one = entry("EPSG:4490", Affine(0.010986328125, 0, 112.5, 0, -0.010986328125, 39.375), (256, 512))
    found = link(one, china_sets()[0])
    assert found is not None
    assert found.limits[-1].matrix.identifier == "7"
    assert found.limits[-1][1:] == (104, 104, 18, 19)
