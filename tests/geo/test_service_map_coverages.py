"""What map files say of coverages: the example of MapServer's documentation, and every keyword of WCS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geo.coverages import NamedFormat
from iipserve.geo.service import Services, load
from iipserve.geometry import Size
from iipserve.protocols import coverage_options as options

EXAMPLE = """
MAP
  NAME WCS_server
  STATUS ON
  SIZE 400 300
  SYMBOLSET "../etc/symbols.txt"
  EXTENT -2200000 -712631 3072800 3840000
  UNITS METERS
  SHAPEPATH "."
  IMAGECOLOR 255 255 255
  FONTSET "../etc/fonts.txt"
  WEB
    IMAGEPATH "/ms4w/tmp/ms_tmp/"
    IMAGEURL "/ms_tmp/"
    METADATA
      "wcs_label"           "Depths of the sea"
      "wcs_description"     "What the service is for"
      "wcs_onlineresource"  "http://127.0.0.1/cgi-bin/mapserv.exe?"
      "wcs_fees"            "none"
      "wcs_accessconstraints"    "none"
      "wcs_keywordlist"     "wcs,test"
      "wcs_metadatalink_type"    "TC211"
      "wcs_metadatalink_format"  "text/plain"
      "wcs_metadatalink_href"    "http://someurl.example"
      "wcs_address"         "1 Main Street"
      "wcs_city"            "Ottawa"
      "wcs_stateorprovince" "ON"
      "wcs_postcode"        "90210"
      "wcs_country"         "Canada"
      "wcs_contactelectronicmailaddress" "me@example.org"
      "wcs_contactperson"   "me"
      "wcs_contactorganization"      "an office"
      "wcs_contactposition" "manager"
      "wcs_contactvoicetelephone"    "613-555-1234"
      "wcs_contactfacimiletelephone" "613-555-1235"
      "wcs_service_onlineresource"   "http://127.0.0.1/cgi-bin/mapserv.exe?"
      "wcs_enable_request"  "*"
    END
  END
  PROJECTION
    "init=epsg:42304"
  END
  LAYER
    NAME bathymetry
    METADATA
      "wcs_label"           "Elevation/Bathymetry"
      "wcs_rangeset_name"   "Range 1"
      "wcs_rangeset_label"  "My Label"
    END
    TYPE RASTER
    STATUS ON
    DATA bath_mapserver.tif
    PROJECTION
      "init=epsg:42304"
    END
    DUMP TRUE
  END
END
"""
"""As the chapter "WCS Server" of MapServer's documentation has one, in other words."""
OUTPUTFORMATS = """
OUTPUTFORMAT NAME "GEOTIFF_16" DRIVER "GDAL/GTiff" MIMETYPE "image/tiff" EXTENSION "tif" IMAGEMODE INT16
  FORMATOPTION "COMPRESS=DEFLATE" FORMATOPTION "PREDICTOR=2" FORMATOPTION "TILED=YES" FORMATOPTION "BLOCKXSIZE=512"
  FORMATOPTION "BLOCKYSIZE=256" FORMATOPTION "INTERLEAVE=BAND" FORMATOPTION "FILENAME=result.tif"
END
OUTPUTFORMAT NAME "AAIGRID" DRIVER "GDAL/AAIGRID" MIMETYPE "image/x-aaigrid" FORMATOPTION "FORCE_CELLSIZE=YES" END
OUTPUTFORMAT NAME "small" DRIVER AGG/JPEG MIMETYPE "image/jpeg" FORMATOPTION "QUALITY=60" END
"""
Loader = Callable[[str], Services]


@pytest.fixture
def loaded(tmp_path: Path) -> Loader:
    def load_text(text: str) -> Services:
        path = tmp_path / "s.map"
        path.write_text(text if text.strip().startswith("MAP") else f"MAP {text} END")
        return load(Config(services=str(path), filesystem_prefix=f"{tmp_path}/"))

    return load_text


def layer_of(items: str, web: str = "") -> str:
    return f'WEB METADATA {web} "x" "" END END LAYER NAME a TYPE RASTER DATA "a.tif" METADATA {items} "x" "" END END'


def test_the_example_of_the_documentation(loaded: Loader) -> None:
    services = loaded(EXAMPLE)
    metadata, (layer,) = services.metadata, services.layers
    described = options.described(metadata)
    assert (described.title, described.abstract) == ("Depths of the sea", "What the service is for")
    assert (described.fees, described.access_constraints, described.keywords) == (
        "none",
        "none",
        ("wcs", "test"),
    )
    contact = metadata.contact
    assert (contact.person, contact.organization, contact.position) == ("me", "an office", "manager")
    assert (contact.phone, contact.facsimile, contact.email) == (
        "613-555-1234",
        "613-555-1235",
        "me@example.org",
    )
    assert (contact.address, contact.city, contact.country) == ("1 Main Street", "Ottawa", "Canada")
    assert options.service_item(metadata, "metadatalink_href") == "http://someurl.example"
    assert options.operations(metadata) == ("GetCapabilities", "DescribeCoverage", "GetCoverage")
    assert layer.is_public
    assert options.item(layer, "label") == "Elevation/Bathymetry"
    assert (options.field_name(layer), options.field_identifier(layer)) == ("Range 1", "Range_1")
    assert not [note for note in services.notes if "wcs_" in note and "onlineresource" not in note]
    assert not [note for note in services.notes if "DUMP" in note]


KEYWORDS = [
    "label",
    "title",
    "description",
    "abstract",
    "name",
    "keywordlist",
    "keywords",
    "metadatalink_href",
    "metadatalink_list",
    "metadatalink_x_type",
    "srs",
    "size",
    "resolution",
    "bandcount",
    "imagemode",
    "formats",
    "nativeformat",
    "native_format",
    "rangeset_name",
    "rangeset_label",
    "rangeset_axes",
    "rangeset_description",
    "rangeset_nullvalue",
    "Bands_semantic",
    "bands_refsys",
    "bands_refsyslabel",
    "bands_description",
    "bands_label",
    "bands_values",
    "bands_values_semantic",
    "bands_values_type",
    "bands_interval",
    "bands_rangeitem",
    "band_names",
    "red_band_interpretation",
    "red_band_uom",
    "red_band_definition",
    "red_band_description",
    "red_interval",
    "red_significant_figures",
    "band_uom",
    "band_definition",
    "band_interpretation",
    "band_description",
    "interval",
    "significant_figures",
    "nilvalues",
    "nilvalues_reasons",
    "timeitem",
    "timeposition",
    "outputformat_GTiff_creationoption_COMPRESS",
]


@pytest.mark.parametrize("prefix", ["wcs", "ows"])
def test_every_keyword_of_layers_is_kept(loaded: Loader, prefix: str) -> None:
    said = [(word, "EPSG:4326" if word == "srs" else f"of {word}") for word in KEYWORDS]
    services = loaded(layer_of(" ".join(f'"{prefix}_{word}" "{text}"' for word, text in said)))
    (layer,) = services.layers
    for word, text in said:
        assert options.item(layer, word.lower()) == text
    assert not [note for note in services.notes if prefix in note]


def test_items_of_coverages_go_before_those_of_all_services_and_stay_apart(loaded: Loader) -> None:
    services = loaded(layer_of('"wms_title" "Map" "wcs_label" "Coverage" "wms_label" "Other"'))
    (layer,) = services.layers
    assert layer.title == "Map"
    assert options.item(layer, "label") == "Coverage"
    assert not [note for note in services.notes if "wcs_label" in note]


ALL = ("GetCapabilities", "DescribeCoverage", "GetCoverage")


@pytest.mark.parametrize(
    ("web", "layer", "expected"),
    [
        ("", "", ALL),
        ('"wcs_enable_request" "*"', "", ALL),
        ('"wcs_enable_request" "* !GetCoverage"', "", ALL[:2]),
        ('"wcs_enable_request" "GetCapabilities, DescribeCoverage"', "", ALL[:2]),
        ('"wcs_enable_request" "!*"', '"wcs_enable_request" "GetCoverage"', ALL[2:]),
        ('"wcs_enable_request" "*"', '"wcs_enable_request" "!GetCapabilities"', ALL[1:]),
        ('"ows_enable_request" "*" "wcs_enable_request" "!GetCoverage GetCapabilities"', "", ALL[:1]),
        ('"ows_enable_request" "*"', '"wms_enable_request" "!*"', ALL),
        ('"ows_enable_request" "*"', '"ows_enable_request" "!*" "wcs_enable_request" "*"', ALL),
        ("", '"wms_enable_request" "GetMap"', ()),
        ("", '"wcs_enable_request" "GetCoverage !GetCapabilities"', ALL[1:]),
    ],
)
def test_requests_that_are_enabled(loaded: Loader, web: str, layer: str, expected: tuple[str, ...]) -> None:
    """First what is said of the service, then of the layer; `!` excludes (MapServer, `wcs_enable_request`)."""
    services = loaded(layer_of(layer, web))
    (found,) = services.layers
    assert found.is_public or not expected
    assert options.layer_operations(found, services.metadata) == expected


def test_a_service_without_operations_is_switched_off(loaded: Loader) -> None:
    services = loaded(layer_of("", '"ows_enable_request" "!*"'))
    assert options.operations(services.metadata) == ()
    assert services.metadata.options["wcs.enabled"] is False


def test_output_formats_are_formats_with_settings(loaded: Loader) -> None:
    stated = layer_of('"wcs_formats" "GEOTIFF_16 aaigrid"')
    services = loaded(f"MAXSIZE 5000 {OUTPUTFORMATS} {stated}")
    assert options.named_formats(services.metadata) == (
        NamedFormat(
            "GEOTIFF_16", "geotiff", "image/tiff", "tif", "deflate", "horizontal", "band", Size(512, 256)
        ),
        NamedFormat("AAIGRID", "aaigrid", "image/x-aaigrid"),
        NamedFormat("small", "jpeg", "image/jpeg", quality=60),
    )
    (layer,) = services.layers
    assert options.layer_formats(layer, services.metadata) == ("GEOTIFF_16", "AAIGRID")
    assert options.layer_native_format(layer, services.metadata) == "GEOTIFF_16"
    assert options.max_size(services.metadata) == 5000
    noted = [note for note in services.notes if "FORMATOPTION" in note or "IMAGEMODE" in note]
    assert [note.rpartition(": ")[2][:27] for note in noted if "FORCE" in note] == [
        "FORMATOPTION FORCE_CELLSIZE"
    ]
    assert any("IMAGEMODE" in note for note in noted)


def test_what_cannot_be_offered_is_a_mistake_with_its_line(loaded: Loader) -> None:
    with pytest.raises(ConfigError, match=r"s\.map, line 2: format\.compression is 'ccittfax3'"):
        loaded('MAP\nOUTPUTFORMAT NAME "a" DRIVER "GDAL/GTiff" FORMATOPTION "COMPRESS=CCITTFAX3" END END')


def test_systems_of_coverages_are_no_limit_for_maps(loaded: Loader) -> None:
    (layer,) = loaded(layer_of('"wcs_srs" "EPSG:32633"', web='"ows_srs" "EPSG:3857 EPSG:4326"')).layers
    assert layer.crs == ("EPSG:3857", "EPSG:4326")
    assert options.item(layer, "srs") == "EPSG:32633"
