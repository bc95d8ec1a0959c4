"""The table of everything that the service file may contain. docs/services.md is generated from it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from iipserve.geo.matrixset_files import FURTHER_NAMES, STANDARD_NAMES
from iipserve.geo.service.collection_keys import COLLECTIONS, STORE
from iipserve.geo.service.key_kinds import LINES, TEXTS
from iipserve.geo.service.key_kinds import Key as Key
from iipserve.geo.service.key_kinds import Section as Section
from iipserve.geo.service.readers import (
    Address,
    Choice,
    Classes,
    Crs,
    Extent,
    Identifier,
    ImagePath,
    Matrix,
    Missing,
    Number,
    Ranges,
    Several,
    Switch,
    Text,
)
from iipserve.processing.filters import KERNELS

INFO_FORMATS = (
    "text/html", "text/xml", "text/plain", "application/json", "application/gml+xml; version=3.1",
)  # fmt: skip
"""Formats of feature info."""
TILE_FORMATS = ("png", "jpeg", "webp", "tiff")
"""Usual formats of tiles."""
OPERATIONS = ("GetTile", "GetFeatureInfo")
"""Operations of WMTS that can be switched off."""
WMS_VERSIONS = ("1.3.0", "1.1.1")
"""Of WMS, the usual one first."""
WMS_OPERATIONS = ("GetMap", "GetFeatureInfo", "GetLegendGraphic", "DescribeLayer", "GetStyles", "GetMapML")
"""Operations of WMS that can be switched off."""
WMS_INFO_FORMATS = (*INFO_FORMATS, "application/vnd.ogc.gml", "text/mapml")
"""Formats of feature info of WMS."""
MAP_FORMATS = TILE_FORMATS
"""Usual formats of maps and legends of WMS."""
LISTED_CRS = ("EPSG:4326", "EPSG:3857")
"""Keys of the systems in which documents of WMS list layers that may be asked for in any."""
MAPML_LINKS = ("tile", "image")
"""What documents of MapML link to in WMS; the first is the default."""
MAX_SIDE, MAX_LAYERS = 8192, 100
"""Usual limits of maps of WMS: width and height in pixels, and layers."""

WCS_OPERATIONS = ("DescribeCoverage", "GetCoverage")
"""Operations of WCS that can be switched off."""
COVERAGE_FORMATS = ("geotiff", "cog", "png", "jpeg", "jp2", "netcdf", "aaigrid", "gml")
"""Usual formats of coverages; the first is that of requests that name none."""
COVERAGE_INTERPOLATIONS = ("nearest", "bilinear", "cubic", "average", "mode")
"""Usual methods by which coverages are resampled; values of `plan.Resampling`."""
COVERAGE_MAX_SIDE = 32_768
"""Usual limit of width and height of coverages, in pixels."""
COMPRESSIONS = ("none", "packbits", "lzw", "jpeg", "deflate", "zstd")
"""Of GeoTIFF and COG."""
PREDICTORS = ("none", "horizontal", "floatingpoint")


SERVICE = {
    "title": Key(Text(), '"Maps of the survey"', "Title of the services."),
    "abstract": Key(LINES, '"Maps from 1850 on."', "What the services are about."),
    "keywords": Key(TEXTS, '["maps", "history"]', "Keywords of the services."),
    "fees": Key(Text(), '"none"', "What using the services costs."),
    "access_constraints": Key(Text(), '"none"', "Who may use the services, and how."),
    "languages": Key(Several(Text(), 'a list of codes, as in ["en", "de"]'), '["en", "de"]', "Languages of titles and abstracts (RFC 5646)."),
    "provider": Key(Text(), '"National survey"', "Name of the organization that provides the services."),
    "provider_site": Key(Address(), '"https://www.example.org/"', "Web site of the provider."),
    "public_address": Key(
        Address(), '"https://maps.example.org/img"',
        "Address of this server in documents, instead of that of the request and of forwarding headers.", "",
    ),
}  # fmt: skip
CONTACT = {
    "person": Key(Text(), '"A. Example"', "Name of the person to ask."),
    "organization": Key(Text(), '"National survey"', "Organization of that person."),
    "position": Key(Text(), '"cartographer"', "Role of that person."),
    "phone": Key(Text(), '"+49 30 12345"', "Telephone number."),
    "facsimile": Key(Text(), '"+49 30 12346"', "Facsimile number."),
    "address": Key(LINES, '"Main street 1"', "Street and number."),
    "city": Key(Text(), '"Berlin"', "City."),
    "state_or_province": Key(Text(), '"Berlin"', "State or province."),
    "post_code": Key(Text(), '"10115"', "Postal code."),
    "country": Key(Text(), '"Germany"', "Country."),
    "email": Key(Text(), '"maps@example.org"', "Address for electronic mail."),
    "online_resource": Key(Address(), '"https://www.example.org/contact"', "Page about the contact."),
}
WMTS = {
    "enabled": Key(Switch(), "false", "Whether the service answers.", True),
    "operations": Key(
        Several(Choice(OPERATIONS), f"a list of {' and '.join(OPERATIONS)}"), '["GetTile"]',
        "Operations besides GetCapabilities that are answered.", OPERATIONS,
    ),
    "formats": Key(
        Several(Identifier(), 'a list of names of output formats, as in ["png", "jpeg"]', 1), '["png", "jpeg"]',
        "Formats of tiles, by the names that `--check` lists.", TILE_FORMATS,
    ),
    "info_formats": Key(
        Several(Choice(INFO_FORMATS), f"a list of media types out of {', '.join(INFO_FORMATS)}", 1),
        '["text/html", "application/json"]', "Formats of feature info.", INFO_FORMATS,
    ),
    "matrix_sets": Key(
        Several(Choice(STANDARD_NAMES + FURTHER_NAMES), f"a list out of {', '.join(STANDARD_NAMES + FURTHER_NAMES)}"),
        '["WebMercatorQuad"]',
        "Tile matrix sets in which layers are offered, besides each image's own.", STANDARD_NAMES,
    ),
    "matrix_set_files": Key(
        Several(Text(), "a list of paths of JSON files, relative to the service file", maximum=64), '["sets/lv95.json"]',
        "Further tile matrix sets, in the JSON encoding of OGC 17-083r4.", (),
    ),
    "overzoom": Key(
        Number(0, 8, whole=True), "1", "Number of levels listed that are finer than the image.", 0
    ),
    "tile_outside": Key(
        Choice(("error", "empty")), '"empty"',
        "The answer to a tile of a matrix that does not show the layer: an error, or an empty picture.", "error",
    ),
    "china_scale": Key(
        Choice(("ogc", "dpi96")), '"dpi96"',
        "Scale denominators of the sets at /wmts-china: of pixels of 0.28 mm, or of 1/96 inch.", "ogc",
    ),
    "china_keys": Key(
        Several(Identifier(), "a list of texts"), '["0123456789abcdef"]',
        "Access keys of which requests at /wmts-china need one as `tk`; none if the list is empty.", (),
    ),
}  # fmt: skip
WMS = {
    "enabled": Key(Switch(), "false", "Whether the service answers.", True),
    "operations": Key(
        Several(Choice(WMS_OPERATIONS), f"a list out of {', '.join(WMS_OPERATIONS)}"), '["GetMap"]',
        "Operations besides GetCapabilities that are answered.", WMS_OPERATIONS,
    ),
    "formats": Key(
        Several(Identifier(), 'a list of names of output formats, as in ["png", "jpeg"]', 1), '["png", "jpeg"]',
        "Formats of maps, by the names that `--check` lists.", MAP_FORMATS,
    ),
    "info_formats": Key(
        Several(Choice(WMS_INFO_FORMATS), f"a list of media types out of {', '.join(WMS_INFO_FORMATS)}", 1),
        '["text/html", "application/json"]', "Formats of feature info.", WMS_INFO_FORMATS,
    ),
    "legend_formats": Key(
        Several(Identifier(), 'a list of names of output formats, as in ["png", "jpeg"]', 1), '["png"]',
        "Formats of pictures of legends.", MAP_FORMATS,
    ),
    "crs": Key(
        Several(Crs(), 'a list of coordinate reference systems, as in ["EPSG:3857"]'), '["EPSG:3857", "EPSG:25832"]',
        "Coordinate reference systems in which layers are offered, besides each one's own; if it is left out, any, of "
        f"which documents list {' and '.join(LISTED_CRS)}.", (),
    ),
    "max_width": Key(Number(1, 1_000_000, whole=True), "4096", "Width of the widest map, in pixels.", MAX_SIDE),
    "max_height": Key(Number(1, 1_000_000, whole=True), "4096", "Height of the highest map, in pixels.", MAX_SIDE),
    "max_layers": Key(Number(1, 10_000, whole=True), "20", "Number of layers that one map may have.", MAX_LAYERS),
    "plain_images": Key(Switch(), "true", "Whether documents list images that are not on the ground.", False),
    "background": Key(
        Several(Number(0, 255, whole=True), "red, green and blue from 0 to 255, as in [255, 255, 255]", 3, 3),
        "[200, 220, 255]", "What shows where a map that is not transparent has no data, unless the request says.",
        (255, 255, 255),
    ),
    "exception_status": Key(
        Choice(("ok", "error")), '"error"',
        "Status of exceptions: 200, without which old clients do not read them, or 400, 404 and so on.", "ok",
    ),
    "sld": Key(
        Switch(), "false", "Whether styles of clients are used (SLD_BODY); the parameters are ignored otherwise.", True,
    ),
    "version": Key(
        Choice(WMS_VERSIONS), '"1.1.1"', "Version of capabilities that are asked for without one.", WMS_VERSIONS[0],
    ),
    "root_name": Key(Identifier(), '"all"', "Name by which all layers are asked for; none if it is left out.", ""),
    "root_title": Key(Text(), '"All maps"', "Title of the layer that all others are in; that of the service if it is left out.", ""),
    "root_abstract": Key(LINES, '"All maps of the survey."', "Abstract of that layer.", ""),
    "root_keywords": Key(TEXTS, '["maps"]', "Keywords of that layer.", ()),
    "metadata": Key(Text(), "", "Further items of that layer, by key, as of a layer.", MappingProxyType({})),
}  # fmt: skip
MAPML = {
    "enabled": Key(
        Switch(), "false",
        "Whether documents of MapML are answered, by any service; also not where `operations` of `[wms]` leave out GetMapML.",
        True,
    ),
    "link_rel": Key(
        Choice(MAPML_LINKS), '"image"',
        "What documents of GetMapML of WMS link to: maps of the size of tiles, or one of the window. A layer's item "
        "`wms_link_rel` goes before it, and LINK_REL of a request before both.", MAPML_LINKS[0],
    ),
    "image_format": Key(
        Identifier(), '"jpeg"',
        "Format of these maps, by its name. A layer's item `wms_image_format`, a media type, goes before it.", "png",
    ),
}  # fmt: skip
WCS = {
    "enabled": Key(Switch(), "false", "Whether the service answers.", True),
    "operations": Key(
        Several(Choice(WCS_OPERATIONS), f"a list out of {', '.join(WCS_OPERATIONS)}"), '["DescribeCoverage"]',
        "Operations besides GetCapabilities that are answered.", WCS_OPERATIONS,
    ),
    "name": Key(Text(), '"coverages"', "Name of the service in documents of 1.0.0.", ""),
    "formats": Key(
        Several(Choice(COVERAGE_FORMATS), f"a list out of {', '.join(COVERAGE_FORMATS)}", 1), '["geotiff", "netcdf"]',
        "Formats of coverages.", COVERAGE_FORMATS,
    ),
    "native_format": Key(
        Choice(COVERAGE_FORMATS), '"cog"', "Format of requests that name none.", COVERAGE_FORMATS[0]
    ),
    "crs": Key(
        Several(Crs(), 'a list of coordinate reference systems, as in ["EPSG:3857"]'), '["EPSG:3857", "EPSG:25832"]',
        "Coordinate reference systems in which coverages are offered, besides each one's own; if it is left out, any, of "
        f"which documents list {' and '.join(LISTED_CRS)}.", (),
    ),
    "interpolations": Key(
        Several(Choice(COVERAGE_INTERPOLATIONS), f"a list out of {', '.join(COVERAGE_INTERPOLATIONS)}", 1),
        '["nearest"]', "Methods by which coverages are resampled; the first is the default of layers whose "
        "`resampling` is none of them.", COVERAGE_INTERPOLATIONS,
    ),
    "max_size": Key(
        Number(1, 1_000_000, whole=True), "4096", "Width and height of the largest coverage, in pixels.",
        COVERAGE_MAX_SIDE,
    ),
    "plain_images": Key(Switch(), "true", "Whether documents list images that are not on the ground.", False),
    "exception_status": Key(
        Choice(("ok", "error")), '"error"',
        "Status of exceptions of 1.0.0: 200, without which old clients do not read them, or 400, 404 and so on.", "ok",
    ),
    "warnings": Key(
        Switch(), "true", "Whether documents have comments about what is left out here, as those of MapServer have.", False
    ),
    "metadata": Key(
        Text(), "", "Further items, by keywords of MapServer without prefix: `metadatalink_href`.", MappingProxyType({})
    ),
}  # fmt: skip
FORMAT = {
    "name": Key(Identifier(), '"GEOTIFF_DEFLATE"', "Name of the format in requests.", required=True),
    "format": Key(Choice(COVERAGE_FORMATS), '"cog"', "Of which format it is.", COVERAGE_FORMATS[0]),
    "media_type": Key(Text(), '"image/tiff"', "Media type in documents; that of the format if it is left out."),
    "extension": Key(Identifier(), '"tif"', "Extension of file names; that of the format if it is left out."),
    "compression": Key(
        Choice(COMPRESSIONS), '"deflate"', "How samples are compressed in GeoTIFF and COG."
    ),
    "predictor": Key(Choice(PREDICTORS), '"horizontal"', "Predictor of the compression."),
    "interleave": Key(Choice(("pixel", "band")), '"band"', "Order of samples in GeoTIFF.", "pixel"),
    "tile": Key(
        Several(Number(16, 8192, whole=True), "width and height of tiles in pixels, as in [256, 256]", 2, 2),
        "[256, 256]", "Tiles of GeoTIFF and COG; strips if it is left out.",
    ),
    "quality": Key(Number(1, 100, whole=True), "85", "Quality of JPEG."),
}  # fmt: skip
RESAMPLING = ("nearest", "bilinear", "cubic", "average", "mode")
"""Of maps; the values of `plan.Resampling`."""
LAYER = {
    "identifier": Key(Identifier(), '"relief"', "Name of the layer in requests.", required=True),
    "image": Key(
        ImagePath(), '"maps/relief"',
        "The image, by its path below FILESYSTEM_PREFIX with or without the extension; the identifier if it is left out.",
    ),
    "tile_index": Key(
        Text(), '"scenes.shp"',
        "A shapefile with one image for each row, of all of which the layer is as a coverage: a path relative to the service "
        "file. Instead of `image`.",
    ),
    "tile_item": Key(Text(), '"path"', "Attribute of the shapefile that has the paths of images.", "location"),
    "tile_folder": Key(Text(), '"/data/scenes"', "To which these paths are relative; the folder of the shapefile if it is left out."),
    "tile_filter": Key(
        Several(Text(), 'an attribute and its value, as in ["sensor", "A"]', 2, 2), '["sensor", "A"]',
        "The only rows of the shapefile that count.",
    ),
    "page": Key(Number(0, 99_999, whole=True), "2", "Which image of a stack it is, from 0.", 0),
    "title": Key(Text(), '"Relief"', "Title; the identifier if it is left out."),
    "abstract": Key(LINES, '"Heights above the sea."', "What the layer is about."),
    "keywords": Key(TEXTS, '["relief"]', "Keywords of the layer."),
    "styles": Key(
        Several(Identifier(), 'a list of names of styles, as in ["gray", "shaded"]', 1), '["gray", "shaded"]',
        "Styles in which the layer is offered, the default first; the image as IIIF shows it if it is left out.",
    ),
    "crs": Key(
        Several(Crs(), 'a list of coordinate reference systems, as in ["EPSG:3857"]'), '["EPSG:3857", "EPSG:4326"]',
        "Coordinate reference systems in which the layer is offered, besides its own; all if it is left out.",
    ),
    "extent": Key(
        Extent(), "[500000, 4992000, 512000, 5000000]", "Part of the image that is shown, in its own coordinates, x first."
    ),
    "nodata": Key(Missing(), "-9999", "Sample that stands for missing data, instead of what the file declares."),
    "resampling": Key(
        Choice(RESAMPLING), '"bilinear"',
        "How maps are made of its pixels; of images with a palette, always by whole pixels.", "nearest",
    ),
    "classes": Key(
        Classes(), '[[1, "Water"], [2, "Forest"]]',
        "Names of the classes of an image with a palette, for legends, instead of those of GDAL's `.aux.xml` (raster "
        "attribute table, or category names).",
    ),
    "public": Key(Switch(), "false", "Whether the layer is listed and answered for.", True),
    "queryable": Key(Switch(), "false", "Whether its samples are given at places (GetFeatureInfo).", True),
    "metadata": Key(Text(), "", "Further items, by key: texts that documents of single services show."),
}  # fmt: skip
STYLE = {
    "name": Key(Identifier(), '"shaded"', "Name of the style in requests.", required=True),
    "title": Key(Text(), '"Shaded relief"', "Title."),
    "abstract": Key(LINES, '"Light from the north-west."', "What the style shows."),
    "range": Key(Ranges(), "[0, 4000]", "Samples that become black and white (IIP's MINMAX)."),
    "stretch": Key(Switch(), "true", "Map the darkest and the lightest sample of the image to black and white (CNT=st)."),
    "hillshade": Key(
        Several(Number(-360, 360, whole=True), "azimuth and elevation of the light in degrees, as in [315, 45]", 2, 2),
        "[315, 45]", "Shade a surface of normal vectors (SHD).",
    ),
    "bands": Key(
        Several(Number(1, 65_535, whole=True), "a list of 1 or 3 numbers of bands from 1, as in [4, 3, 2]", 1, 3),
        "[4, 3, 2]", "Bands that are shown as gray, or as red, green and blue.",
    ),
    "twist": Key(
        Matrix("1 to 3 rows of one number for each band, as in [[0.3, 0.6, 0.1]]"), "[[0.3, 0.6, 0.1]]",
        "Mix bands: a row for each band of the result (CTW).",
    ),
    "gamma": Key(Number(0, 1e30), "0.5", "Exponent; below 1 brightens (GAM)."),
    "logarithm": Key(Switch(), "true", "Show the logarithm of samples (GAM=log)."),
    "invert": Key(Switch(), "true", "Exchange black and white (INV)."),
    "colormap": Key(Identifier(), '"viridis"', "Name of a color map for the first band (CMP)."),
    "convolve": Key(
        Matrix(f"a square of 1, 3 or 5 rows of numbers, or one of {', '.join(KERNELS)}", (1, 3, 5)), '"sharpen"',
        "Convolve with a kernel (CNV).",
    ),
    "contrast": Key(Number(0, 1e30), "1.5", "Factor of samples (CNT)."),
    "grayscale": Key(Switch(), "true", "Show the brightness of colors (COL=gray)."),
    "binary": Key(Switch(), "true", "Show black and white only (COL=binary)."),
    "equalize": Key(Switch(), "true", "Equalize the histogram of the image (CNT=eq)."),
}  # fmt: skip

OPERATION_KEYS = tuple(key for key in STYLE if key not in ("name", "title", "abstract"))
"""Keys of a style that change pixels; in a layer, those of its one style, `default`."""
LAYER |= {key: STYLE[key] for key in OPERATION_KEYS}

SECTIONS: Mapping[str, Section] = {
    "service": Section("What all services say of themselves.", SERVICE),
    "service.contact": Section("Whom to ask about the services.", CONTACT),
    "wmts": Section("Map tiles: WMTS, OGC API Tiles, XYZ.", WMTS),
    "wms": Section("Maps: WMS.", WMS),
    "wcs": Section("Coverages: WCS, OGC API - Coverages.", WCS),
    "mapml": Section("Documents of MapML.", MAPML),
    "collections": Section(
        "Collections of images, which are managed over HTTP or by `iipserve collection`, and shown as layers. Paths are relative to "
        "the service file.", COLLECTIONS,
    ),
    "layer": Section(
        "A layer, once for each. Without any, every image below FILESYSTEM_PREFIX is a layer that is called by its path "
        "without the extension.", LAYER, repeated=True,
    ),
    "format": Section(
        "A format of coverages with settings, once for each: requests may ask for it by its name.", FORMAT, repeated=True
    ),
    "style": Section(
        "A style, once for each. Operations are applied in the order of this table.", STYLE, repeated=True
    ),
}  # fmt: skip
OPTION_SECTIONS = ("wmts", "wms", "wcs", "mapml", "collections")
"""Sections whose keys become options of the service, by `section.key`; besides `service.public_address`."""


def default_options() -> dict[str, Any]:
    """All options with their defaults; `wmts.further_matrix_sets` has the sets of `wmts.matrix_set_files`,
    `wcs.named_formats` the formats of the section `format`."""
    options = {
        f"{name}.{key}": known.default
        for name in OPTION_SECTIONS
        for key, known in SECTIONS[name].keys.items()
    }
    return {
        **options,
        "service.public_address": "",
        STORE: "",
        "wmts.further_matrix_sets": (),
        "wcs.named_formats": (),
    }
