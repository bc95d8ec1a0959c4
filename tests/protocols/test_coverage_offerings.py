"""Layers as coverages: names, grids and bands, compared with the pixels of rasters and with the standards' tables."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from iipserve.config import Config
from iipserve.geo.georeference import PIXEL_SPACE
from iipserve.geo.grid import Affine, Bounds
from iipserve.geo.layer import LayerEntry, ServiceMetadata
from iipserve.geometry import Size
from iipserve.protocols import Server
from iipserve.protocols.coverage_offerings import Offering, find_layer, listed, offering
from tests.protocols.client import FORMATS
from tests.protocols.wmts.catalogs import STRANGE, FakeCatalog
from tests.protocols.wmts.services import ENTRIES, entry, north_up

METADATA = ServiceMetadata()
MODIS = (
    'PROJCRS["Sinusoidal",BASEGEOGCRS["WGS 84",DATUM["World Geodetic System 1984",ELLIPSOID["WGS 84",6378137,'
    '298.257223563]]],CONVERSION["s",METHOD["Sinusoidal"]],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],'
    'LENGTHUNIT["metre",1]]'
)


def with_items(shown: LayerEntry, **items: str) -> LayerEntry:
    return replace(shown, layer=replace(shown.layer, metadata=MappingProxyType(items)))


def offered(shown: LayerEntry, **items: str) -> Offering:
    return offering(with_items(shown, **items), METADATA)


def server_of(entries: list[LayerEntry]) -> Server:
    catalog = FakeCatalog([each.layer for each in entries], entries=entries)
    return Server(Config(), FORMATS, catalog=lambda: catalog, listed=lambda: catalog)


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relief", "relief"),
        ("maps/relief", "maps_relief"),
        ("2024", "_2024"),
        (STRANGE, "\u5f71\u50cf_2024_a_b_c"),
    ],
)
def test_identifiers_are_names_of_xml_and_found_again(name: str, expected: str) -> None:
    shown = entry(name, "EPSG:4326", north_up(1, 0, 50))
    assert offering(shown, METADATA).coverage_id == expected
    assert offering(shown, METADATA).title == name
    for each in (name, expected):
        assert find_layer(each, server_of([shown])) == shown.layer


def test_of_two_layers_with_one_identifier_one_is_listed() -> None:
    slash, exact = (entry(name, "EPSG:4326", north_up(1, 0, 50)) for name in ("a/b", "a_b"))
    server = server_of([slash, exact])
    assert [each.layer.identifier for each in listed(server.catalog())] == ["a_b"]
    assert find_layer("a_b", server) == exact.layer
    assert find_layer("a/b", server) == slash.layer
    assert find_layer("nothing", server) is None


def test_plain_pictures_are_listed_on_demand_only() -> None:
    catalog = FakeCatalog([each.layer for each in ENTRIES], entries=ENTRIES)
    names = [each.layer.identifier for each in listed(catalog)]
    assert "utm" in names
    assert not {"plain", "mars"} & {*names}
    catalog = FakeCatalog([each.layer for each in ENTRIES], entries=ENTRIES)
    catalog.metadata = ServiceMetadata(options=MappingProxyType({"wcs.plain_images": True}))
    assert {"plain", "mars"} <= {each.layer.identifier for each in listed(catalog)}


# -- grids -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "affine",
    [
        Affine(20, 0, 500000, 0, -20, 5000000), Affine(20, 0, 500000, 0, 20, 4992000),
        Affine(-20, 0, 512000, 0, -20, 5000000), Affine(0, 20, 500000, -20, 0, 5000000),
    ],
)  # fmt: skip
def test_upright_pixels_keep_their_places(affine: Affine) -> None:
    """The centers of all pixels are those of the image, whatever order they have there."""
    shown = offering(entry("a", "EPSG:32633", affine, (60, 40)), METADATA)
    assert shown.grid.affine.is_north_up
    centers = []
    for each, size in ((affine, Size(60, 40)), (shown.grid.affine, shown.grid.size)):
        columns, rows = np.meshgrid(np.arange(size.width) + 0.5, np.arange(size.height) + 0.5)
        xs, ys = each.apply(columns, rows)
        centers.append({*zip(xs.ravel().round(6), ys.ravel().round(6), strict=True)})
    assert centers[0] == centers[1]


def test_a_rotated_image_is_covered_by_square_pixels() -> None:
    affine = Affine(16, 12, 500000, 12, -16, 5000000)
    shown = offering(entry("a", "EPSG:32633", affine, (60, 40)), METADATA)
    assert shown.grid.affine == Affine(20, 0, 500000, 0, -20, 5000000 + 12 * 60)
    assert shown.grid.size == Size((16 * 60 + 12 * 40) // 20, (12 * 60 + 16 * 40) // 20)


def test_a_system_without_a_name_is_replaced_and_another_planet_is_in_pixels() -> None:
    sinusoidal = offering(entry("a", MODIS, north_up(500, 300000, 5500000)), METADATA)
    assert sinusoidal.crs[0] == sinusoidal.grid.crs == "EPSG:4326"
    assert sinusoidal.grid.affine.is_north_up
    mars = next(each for each in ENTRIES if each.layer.identifier == "mars")
    shown = offering(mars, METADATA)
    assert (shown.grid.crs, shown.crs, shown.degrees, shown.is_plain) == (
        PIXEL_SPACE,
        (PIXEL_SPACE,),
        None,
        True,
    )


def test_an_extent_is_a_window_of_pixels_unless_a_size_is_stated() -> None:
    shown = entry(
        "a", "EPSG:32633", north_up(20, 500000, 5000000), extent=Bounds(500100, 4999000, 500300, 4999500)
    )
    assert offered(shown).grid.affine == Affine(20, 0, 500100, 0, -20, 4999500)
    assert offered(shown).grid.size == Size(10, 25)
    assert offered(shown, wcs_size="40 50").grid.affine == Affine(5, 0, 500100, 0, -10, 4999500)
    assert offered(shown, wcs_resolution="50,100").grid.size == Size(4, 5)
    assert offered(shown, wcs_size="0 nan").grid.size == Size(10, 25)


# -- bands -----------------------------------------------------------------------------------------

BANDS: dict[str, Any] = {
    "wcs_band_names": "Radiance_1 Radiance_2 3rd",
    "wcs_radiance_1_band_uom": "W/cm2",
    "wcs_radiance_1_band_definition": "http://opengis.net/def/property/OGC/0/Radiance",
    "wcs_radiance_1_band_description": "first",
    "wcs_radiance_1_band_interpretation": "brightness",
    "wcs_radiance_1_interval": "0 200",
    "wcs_radiance_1_significant_figures": "4",
    "wcs_band_uom": "m",
    "wcs_nilvalues": "0 255",
    "wcs_nilvalues_reasons": "http://opengis.net/def/nil/OGC/0/BelowDetectionRange",
}


def test_items_of_bands_and_their_defaults() -> None:
    first, second, third = offered(ENTRIES[0], **BANDS).bands
    assert (first.name, first.unit, first.description, first.interpretation) == (
        "Radiance_1", "W/cm2", "first", "brightness",
    )  # fmt: skip
    assert first.definition.endswith("Radiance")
    assert (first.interval, first.significant_figures) == ((0, 200), 4)
    assert (second.unit, second.interval, second.significant_figures) == ("m", (0, 255), 3)
    assert (third.name, third.description) == ("_3rd", "3rd")
    assert [nil.value for nil in third.nil_values] == ["0", "255"]
    assert third.nil_values[0].reason.endswith("BelowDetectionRange")
    assert len(offered(ENTRIES[0], wcs_bandcount="1").bands) == 1


def test_names_of_bands_differ() -> None:
    names = [band.name for band in offered(ENTRIES[0], band_names="a/b a_b a_b").bands]
    assert len({*names}) == 3


# -- what it is offered in -------------------------------------------------------------------------


def test_lists_of_a_layer() -> None:
    shown = offered(
        ENTRIES[0], wcs_srs="EPSG:25833 EPSG:nonsense", wcs_formats="PNG", wcs_nativeformat="png",
        wcs_label="Label", title="Title", wcs_keywordlist="a,b", wcs_timeposition="2001-01-01,2002-01-01",
    )  # fmt: skip
    assert shown.crs == ("EPSG:32633", "EPSG:25833")
    assert (shown.formats, shown.native_format) == (("png",), "png")
    assert (shown.title, shown.keywords) == ("Label", ("a", "b"))
    assert shown.times == ("2001-01-01", "2002-01-01")
