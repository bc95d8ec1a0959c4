"""The service file as a map file of MapServer: raster layers and metadata are taken over, the rest is reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geo.grid import Bounds
from iipserve.geo.service import Services, load
from iipserve.image import ImageName
from iipserve.processing.color import Twist
from iipserve.processing.tone import SampleRange, Stretch

Loader = Callable[[str], Services]

EXAMPLE = """
# A server for rasters, as the manual of MapServer builds one up step by step
MAP
  NAME            "itasca"
  STATUS          ON
  SIZE            800 400
  EXTENT          388107.634400379 5203120.88405952 500896.339019834 5310243.30613897
  UNITS           METERS
  SHAPEPATH       "data"
  IMAGECOLOR      255 255 255
  FONTSET         "fonts.txt"
  CONFIG          "PROJ_LIB" "/usr/share/proj"
  PROJECTION
    "init=epsg:26915"
  END

  OUTPUTFORMAT
    NAME          "png24"
    DRIVER        "AGG/PNG"
    MIMETYPE      "image/png; mode=24bit"
    IMAGEMODE     RGB
    EXTENSION     "png"
    FORMATOPTION  "INTERLACE=OFF"
  END
  OUTPUTFORMAT
    NAME          "GEOTIFF_16"
    DRIVER        "GDAL/GTiff"
    MIMETYPE      "image/tiff"
    IMAGEMODE     FLOAT32
    EXTENSION     "tif"
  END
  OUTPUTFORMAT
    NAME          "kml"
    DRIVER        KML
  END

  WEB
    IMAGEPATH     "/tmp/"
    METADATA
      "ows_title"                        "Rasters of Itasca"
      "wcs_label"                        "Coverages of Itasca"
      "ows_abstract"                     "Elevation and land use"
      "ows_keywordlist"                  "itasca,land use"
      "ows_onlineresource"               "http://localhost/cgi-bin/mapserv?map=itasca.map&"
      "ows_service_onlineresource"       "https://www.example.org/"
      "ows_fees"                         "none"
      "ows_accessconstraints"            "none"
      "ows_srs"                          "EPSG:26915 EPSG:4326 EPSG:3857"
      "ows_enable_request"               "*"
      "ows_contactperson"                "A. Example"
      "ows_contactorganization"          "University"
      "ows_contactposition"              "Engineer"
      "ows_contactelectronicmailaddress" "a@example.org"
      "ows_address"                      "Main street 1"
      "ows_city"                         "Duluth"
      "ows_stateorprovince"              "MN"
      "ows_postcode"                     "55801"
      "ows_country"                      "US"
      "ows_contactvoicetelephone"        "555-5555"
      "ows_contactfacsimiletelephone"    "555-5556"
      "wms_getfeatureinfo_formatlist"    "text/html,text/plain"
      "wms_rootlayer_title"              "All"
    END
  END

  LAYER
    NAME          "drg"
    TYPE          RASTER
    STATUS        DEFAULT
    DATA          "drg.tif"
    OFFSITE       252 252 252
    GROUP         "base"
    METADATA
      "ows_title"        "Scanned map"
      "wms_abstract"     "1 : 100,000"
      "ows_keywordlist"  "map scan"
      "wms_layer_group"  "/base"
      "wms_exclude_items" "all"
    END
    PROJECTION
      "init=epsg:26915"
    END
  END
  LAYER
    NAME          "landsat"
    TYPE          RASTER
    DATA          'sub folder/landsat.tif'
    EXTENT        0 1 2 3
    PROCESSING    "BANDS=4,3,2"
    PROCESSING    "SCALE_1=0,100"
    PROCESSING    "SCALE_2=1,200"
    PROCESSING    "SCALE_3=2,300"
    PROCESSING    "NODATA=-9999"
    PROCESSING    "RESAMPLE=AVERAGE"
    PROCESSING    "DITHER=YES"
    TOLERANCE     3
    METADATA
      "wcs_label"               "Scene"
      "wcs_rangeset_name"       "Range 1"
      "wcs_rangeset_label"      "My Label"
      "wcs_native_format"       "image/tiff"
      "wms_srs"                 "EPSG:3857"
      "wms_enable_request"      "!*"
    END
    CLASS
      NAME "water"
      EXPRESSION ([pixel] < 30)
      STYLE
        COLOR 0 0 255
      END
    END
  END
  LAYER
    NAME          "roads"
    TYPE          LINE
    DATA          "roads"
    CLASS
      STYLE
        COLOR 255 0 0
      END
    END
  END
  LAYER
    NAME          "tiles"
    TYPE          RASTER
    TILEINDEX     "tiles.shp"
    TILEITEM      "location"
  END
END
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loader:
    def load_text(text: str) -> Services:
        (tmp_path / "s.map").write_text(text)
        return load(Config(services=str(tmp_path / "s.map"), filesystem_prefix=f"{tmp_path}/data/"))

    return load_text


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Services:
    folder = tmp_path_factory.mktemp("example")
    (folder / "itasca.map").write_text(EXAMPLE)
    return load(Config(services=f"{folder}/itasca.map", filesystem_prefix=f"{folder}/data/"))


def test_services_of_a_map_file(example: Services) -> None:
    metadata = example.metadata
    assert metadata.title == "Rasters of Itasca"
    assert metadata.abstract == "Elevation and land use"
    assert metadata.keywords == ("itasca", "land use")
    assert (metadata.fees, metadata.access_constraints) == ("none", "none")
    assert (metadata.provider, metadata.provider_site) == ("University", "https://www.example.org/")
    contact = metadata.contact
    assert (contact.person, contact.organization, contact.position) == (
        "A. Example",
        "University",
        "Engineer",
    )
    assert (contact.phone, contact.facsimile, contact.email) == ("555-5555", "555-5556", "a@example.org")
    assert (contact.address, contact.city, contact.state_or_province, contact.post_code, contact.country) == (
        "Main street 1", "Duluth", "MN", "55801", "US",
    )  # fmt: skip
    assert metadata.options["wmts.formats"] == ("png", "tiff", "jpeg")
    assert metadata.options["wmts.info_formats"] == ("text/html", "text/plain")
    assert metadata.options["wmts.operations"] == ("GetTile", "GetFeatureInfo")


def test_what_a_map_file_says_of_wms(example: Services, loaded: Loader) -> None:
    options = example.metadata.options
    assert (options["wms.root_name"], options["wms.root_title"]) == ("itasca", "All")
    assert options["wms.background"] == (255, 255, 255)
    assert options["wms.formats"] == ("png", "tiff", "jpeg")
    assert options["wms.info_formats"] == ("text/html", "text/plain")
    items = (
        '"wms_attribution_title" "A" "wms_enable_request" "* !GetFeatureInfo" "wms_bbox_extended" "true"\n'
        '"wms_getlegendgraphic_formatlist" "image/png"'
    )
    layer = (
        'MINSCALEDENOM 1000 METADATA "wms_enable_request" "GetFeatureInfo !GetLegendGraphic" "wms_dimensionlist" "wave"\n'
        '"wms_wave_extent" "1,2" "wms_wave_units" "nm" END'
    )
    found = loaded(_map(layer, f'MAXSIZE 500 IMAGECOLOR "#0a0b0c" WEB METADATA {items} END END'))
    options = found.metadata.options
    assert (options["wms.max_width"], options["wms.max_height"]) == (500, 500)
    assert options["wms.background"] == (10, 11, 12)
    assert options["wms.metadata"] == {"attribution_title": "A"}
    assert options["wms.legend_formats"] == ("png",)
    assert "GetFeatureInfo" not in options["wms.operations"]
    said = found.layers[0].metadata
    assert said["enable_request"] == "GetCapabilities GetMap GetFeatureInfo DescribeLayer GetStyles GetMapML"
    assert (float(said["minscaledenom"]), said["wave_extent"], said["wave_units"]) == (1000, "1,2", "nm")
    assert not [note for note in found.notes if "MAXSIZE" in note or "wave" in note]


def test_raster_layers_of_a_map_file(example: Services) -> None:
    drg, landsat = example.layers
    assert (drg.identifier, drg.name, drg.title) == ("drg", ImageName("drg.tif"), "Scanned map")
    assert (drg.abstract, drg.keywords) == ("1 : 100,000", ("map", "scan"))
    assert (drg.nodata, drg.is_public) == ((252.0,), True)
    assert drg.crs == ("EPSG:26915", "EPSG:4326", "EPSG:3857")
    assert dict(drg.metadata) == {
        "group": "base", "layer_group": "/base", "wcs_title": "Scanned map", "wcs_keywordlist": "map scan",
        "wcs_enable_request": "GetCapabilities DescribeCoverage GetCoverage",
    }  # fmt: skip
    assert drg.styles[0].operations == ()
    assert (landsat.name, landsat.title) == (ImageName("sub folder/landsat.tif"), "Scene")
    assert (landsat.extent, landsat.nodata) == (Bounds(0, 1, 2, 3), (-9999.0,))
    assert (drg.resampling, landsat.resampling) == ("nearest", "average")
    assert landsat.crs == ("EPSG:3857",)
    # switched off for maps alone
    assert landsat.is_public
    assert (landsat.metadata["enable_request"], landsat.metadata["wcs_enable_request"].split()[-1]) == (
        "",
        "GetCoverage",
    )
    assert landsat.metadata["rangeset_name"] == "Range 1"
    assert landsat.styles[0].name == "default"
    bands = Twist(((0, 0, 0, 1), (0, 0, 1), (0, 1)))
    # MapServer numbers the bands that are shown: SCALE_1 is that of band 4
    ranges = SampleRange(((0, 0.0, 100.0), (1, 2.0, 300.0), (2, 1.0, 200.0), (3, 0.0, 100.0)))
    assert landsat.styles[0].operations == (ranges, bands)


REPORTED = [
    ("SIZE            800", "SIZE of MAP"), ("EXTENT          388107", "EXTENT of MAP"), ("UNITS", "UNITS of MAP"),
    ("FONTSET", "FONTSET of MAP"), ("CONFIG", "CONFIG of MAP"),
    ('FORMATOPTION  "INTER', "FORMATOPTION"), ("IMAGEPATH", "IMAGEPATH of WEB"),
    ("onlineresource", "ows_onlineresource has no effect"),
    ("wms_exclude_items", "wms_exclude_items"), ("DITHER", "PROCESSING DITHER"), ("TOLERANCE", "TOLERANCE of the layer"),
    ("CLASS\n      NAME", "CLASS is not applied"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "message"), REPORTED)
def test_what_means_nothing_here_is_reported_with_its_line(
    example: Services, place: str, message: str
) -> None:
    notes = [note for note in example.notes if message in note]
    line = EXAMPLE[: EXAMPLE.index(place)].count("\n") + 1
    assert len(notes) == 1
    assert notes[0].startswith(f"itasca.map, line {line}: ")


def test_layers_that_cannot_be_shown_are_reported(example: Services) -> None:
    notes = "\n".join(example.notes)
    assert "the layer 'roads' is left out: it is of type LINE" in notes
    assert "the layer 'tiles' is left out: there is no shapefile tiles.shp" in notes


def _map(layer: str, rest: str = "") -> str:
    return f'MAP\n{rest}\nSHAPEPATH "data"\nLAYER\nNAME "a"\nTYPE RASTER\nDATA "a.tif"\n{layer}\nEND\nEND'


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('MAP\nINCLUDE "other.map"\nEND', 2, "INCLUDE is not followed"),
        ('MAP\nLAYER\nINCLUDE "other.map"\nEND\nEND', 3, "INCLUDE is not followed"),
        (_map("").replace('"a.tif"', '"../a.tif"'), 7, "not below FILESYSTEM_PREFIX"),
        (_map("").replace('"a.tif"', '"/etc/passwd"'), 7, "not below FILESYSTEM_PREFIX"),
        (_map("").replace('"a.tif"', '"x/../../data2/a.tif"'), 7, "not below FILESYSTEM_PREFIX"),
        (_map('METADATA\n"wms_allowed_ip_list" "127.0.0.1"\nEND'), 9, "restrict access in the web server"),
        (_map("", 'WEB METADATA "ows_denied_ip_list" "10.0.0.0/8" END END'), 2, "restrict access"),
        (_map('MASK "b"'), 8, "MASK is not offered"),
        (_map('METADATA\n"wms_srs" "EPSG:0"\nEND'), 9, "EPSG:0"),
        (_map('METADATA\n"wms_extent" "1 2 3"\nEND'), 9, "minimum x"),
        (_map("END\nLAYER\nNAME a\nTYPE RASTER\nDATA b"), 9, "as of another one above"),
        ("MAP\nNAME\nEND", 3, "it is no map file"),
        ("MAP\nNAME 'a\nEND", 2, "it is no map file"),
        ("LAYER\nNAME a\nEND", 0, "must begin with MAP"),
        ("", 0, "it is empty; write a service into it"),
        ("# nothing", 1, "it is no map file"),
    ],
)
def test_mistakes_name_their_lines(loaded: Loader, text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    first = str(caught.value).splitlines()[0]
    assert message in first
    assert first.startswith(f"s.map, line {line}: " if line else "s.map: ")


@pytest.mark.parametrize(
    ("layer", "operations", "nodata"),
    [
        ('PROCESSING "SCALE=0,255"', (SampleRange(((None, 0.0, 255.0),)),), None),
        ('PROCESSING "SCALE=AUTO"', (Stretch(),), None),
        ('PROCESSING "BANDS=2"', (Twist(((0, 1),)),), None),
        ('PROCESSING "BANDS=1,2"', (Twist(((1,),)),), None),
        ('PROCESSING "NODATA=OFF"', (), None),
        ("OFFSITE 0 0 0", (), (0.0,)),
        ("OFFSITE 1 2 3", (), (1.0, 2.0, 3.0)),
        ('PROCESSING "NODATA=7"\nOFFSITE 1 2 3', (), (7.0,)),
    ],
)
def test_processing(loaded: Loader, layer: str, operations: tuple[object, ...], nodata: object) -> None:
    found = loaded(_map(layer)).layers[0]
    assert (found.styles[0].operations, found.nodata) == (operations, nodata)


@pytest.mark.parametrize(
    ("text", "operations", "is_public"),
    [
        ("*", ("GetTile", "GetFeatureInfo"), True),
        ("* !GetFeatureInfo", ("GetTile",), True),
        ("GetCapabilities GetMap", ("GetTile",), True),
        ("GetFeatureInfo", ("GetFeatureInfo",), False),
        ("!*", (), False),
    ],
)
def test_requests_that_are_enabled(
    loaded: Loader, text: str, operations: tuple[str, ...], is_public: bool
) -> None:
    services = loaded(_map("", f'WEB METADATA "ows_enable_request" "{text}" END END'))
    assert services.metadata.options["wmts.operations"] == operations
    assert services.metadata.options["wmts.enabled"] is bool(operations)
    layer = loaded(_map(f'METADATA "wms_enable_request" "{text}" END')).layers[0]
    assert layer.is_public is is_public


def test_paths_are_relative_to_the_map_file_without_shapepath(tmp_path: Path) -> None:
    (tmp_path / "s.map").write_text('MAP LAYER NAME a TYPE RASTER DATA "maps/a.tif" END END')
    services = load(Config(services=f"{tmp_path}/s.map", filesystem_prefix=str(tmp_path)))
    assert services.layers[0].name == ImageName("maps/a.tif")
    (tmp_path / "maps").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    services = load(Config(services=f"{tmp_path}/link/s.map", filesystem_prefix=str(tmp_path / "maps")))
    assert services.layers[0].name == ImageName("a.tif") if services.layers else False


def test_a_map_without_raster_layers_offers_none(loaded: Loader) -> None:
    services = loaded("MAP LAYER NAME a TYPE POINT END END")
    assert services.has_layers
    assert services.layers == ()
