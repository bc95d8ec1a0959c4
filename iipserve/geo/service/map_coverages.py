"""What a map file says of coverages: the items `wcs_...` of METADATA, and OUTPUTFORMAT (MapServer, "WCS Server").

MapServer looks for items with the prefix `wcs_`, then with `ows_`. They are kept apart from those of maps: a layer can
have a label as a coverage, and another title in WMS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from iipserve.geo.service.keys import WCS_OPERATIONS
from iipserve.geo.service.map_blocks import Item, Notes, blocks, keywords, line, lines, texts
from iipserve.geo.service.map_values import decided, is_enabled, put
from iipserve.geo.service.toml_lines import Path

PREFIXES = ("wcs", "ows")
"""Of items of coverages, the most important first."""
OPERATIONS = ("GetCapabilities", *WCS_OPERATIONS)
KEYWORDS = frozenset({
    "label", "title", "description", "abstract", "name", "keywordlist", "keywords", "srs", "size", "resolution",
    "bandcount", "imagemode", "formats", "nativeformat", "native_format", "interval", "significant_figures", "timeitem",
    "timeposition", "band_names", "nilvalues", "nilvalues_reasons", "fees", "accessconstraints",
})  # fmt: skip
"""Of layers and of the service, without prefix."""
BEGINNINGS = ("metadatalink", "rangeset_", "outputformat_", "band_")
ENDS = (
    "_band_interpretation", "_band_uom", "_band_definition", "_band_description", "_interval", "_significant_figures",
    "_semantic", "_refsys", "_refsyslabel", "_description", "_label", "_values", "_values_semantic", "_values_type",
    "_rangeitem",
)  # fmt: skip
"""Of keywords that begin with the name of a band or of a range axis."""
DRIVERS: Mapping[str, str] = MappingProxyType({
    "gdal/gtiff": "geotiff", "gdal/cog": "cog", "gdal/png": "png", "gdal/jpeg": "jpeg", "gdal/jp2openjpeg": "jp2",
    "gdal/jp2kak": "jp2", "gdal/jp2ecw": "jp2", "gdal/netcdf": "netcdf", "gdal/aaigrid": "aaigrid", "agg/png": "png",
    "gd/png": "png", "agg/png8": "png", "cairo/png": "png", "agg/jpeg": "jpeg", "gd/jpeg": "jpeg", "cairo/jpeg": "jpeg",
})  # fmt: skip
"""Names of formats of coverages by DRIVER."""
MEDIA_TYPES: Mapping[str, str] = MappingProxyType({
    "image/tiff": "geotiff", "image/png": "png", "image/jpeg": "jpeg", "image/jp2": "jp2",
    "application/x-netcdf": "netcdf", "application/netcdf": "netcdf",
})  # fmt: skip
"""The same by MIMETYPE without parameters."""
PREDICTORS = {"1": "none", "2": "horizontal", "3": "floatingpoint"}
SIDES = ("BLOCKXSIZE", "BLOCKYSIZE")
USUAL_TILE = 256
"""Side of tiles of files that are tiled, in pixels (GDAL)."""


# -- items -----------------------------------------------------------------------------------------


def is_of_coverages(item: Item) -> bool:
    """Whether an item tells of coverages."""
    word = item.keyword
    return item.prefix in PREFIXES and (
        word in KEYWORDS or word.startswith(BEGINNINGS) or word.endswith(ENDS)
    )


def is_apart(item: Item) -> bool:
    """Whether an item has an effect on coverages alone, whatever those of other services are."""
    return is_of_coverages(item) or (item.keyword == "enable_request" and item.prefix in PREFIXES)


def items_of(items: Iterable[Item]) -> dict[str, str]:
    """The texts of items of coverages, by keyword without prefix."""
    found: dict[str, str] = {}
    known = [item for item in items if is_of_coverages(item)]
    for item in sorted(known, key=lambda item: PREFIXES.index(item.prefix)):
        found.setdefault(item.keyword, item.text)
    return found


def requests_of(items: Iterable[Item]) -> Item | None:
    """The item enable_request of coverages; None where there is none."""
    found = [item for item in items if item.keyword == "enable_request" and item.prefix in PREFIXES]
    return min(found, key=lambda item: PREFIXES.index(item.prefix), default=None)


# -- the service -------------------------------------------------------------------------------------


def read_service(
    found: Mapping[str, Any],
    stated: list[Item],
    service: Mapping[str, Item],
    data: dict[str, Any],
    lines: dict[Path, int],
    notes: Notes,
) -> str | None:
    """Add the tables `wcs` and `format` to `data`, and their lines to `lines`.

    Args:
        found: the map.
        stated: all items of METADATA of WEB.
        service: the same by keyword.
        data: gets the tables.
        lines: gets their lines.
        notes: get what is not understood.

    Returns:
        Which operations are answered: names, `*` and `!`; None if the service does not say.
    """
    put(data, lines, "wcs.warnings", True, 0)
    data["wcs"]["metadata"] = items_of(stated)
    if "maxsize" in found:
        put(data, lines, "wcs.max_size", found["maxsize"], line(found, "maxsize"))
    for table, place in format_tables(found, notes):
        data.setdefault("format", []).append(table)
        lines[("format", len(data["format"]) - 1)] = place
    item = requests_of(stated) or service.get("enable_request")
    return item.text if item else None


def layer_operations(stated: list[Item], requests: Item | None, of_service: str | None) -> list[str] | None:
    """The operations that are answered for a layer; None where nothing is said of them.

    Args:
        stated: items of METADATA of the layer.
        requests: its item enable_request, of whichever service.
        of_service: as `read_service` gives it.
    """
    own = requests_of(stated)
    if own is None and of_service is None:
        if requests is None:
            return None
        return [name for name in OPERATIONS if decided(requests.text, name)]
    return [name for name in OPERATIONS if is_enabled(name, own.text if own else "", of_service or "*")]


def add_operations(requests: str | None, data: dict[str, Any], lines: dict[Path, int]) -> None:
    """Add which operations there are for the service or for any layer; the service is switched off without any.

    Args:
        requests: as `read_service` gives it.
        data: has the tables `layer`.
        lines: gets the lines.
    """
    if requests is None:
        return
    words = {word for layer in data["layer"] for word in layer["metadata"]["wcs_enable_request"].split()}
    offered = [name for name in OPERATIONS if name in words or decided(requests, name)]
    put(data, lines, "wcs.operations", [name for name in WCS_OPERATIONS if name in offered], 0)
    if not offered:
        put(data, lines, "wcs.enabled", False, 0)


# -- formats ---------------------------------------------------------------------------------------


def format_tables(found: Mapping[str, Any], notes: Notes) -> list[tuple[dict[str, Any], int]]:
    """The tables `format` of the blocks OUTPUTFORMAT that are formats of coverages, with their lines."""
    tables: dict[str, tuple[dict[str, Any], int]] = {}
    for block in blocks(found, "outputformats"):
        name, kind = str(block.get("name", "")).strip(), format_of(block)
        if kind is not None and name:
            tables.setdefault(name.lower(), (_table(name, kind, block, notes), line(block)))
    return list(tables.values())


def format_of(block: Mapping[str, Any]) -> str | None:
    """The name of the format of coverages that a block OUTPUTFORMAT describes; None of others."""
    media = re.split(r"[;\s]", str(block.get("mimetype", "")).lower().strip(), maxsplit=1)[0]
    return DRIVERS.get(str(block.get("driver", "")).lower().strip()) or MEDIA_TYPES.get(media)


def _table(name: str, kind: str, block: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    table: dict[str, Any] = {"name": name, "format": kind}
    if media := str(block.get("mimetype", "")).strip():
        table["media_type"] = media
    if extension := str(block.get("extension", "")).strip().lstrip("."):
        table["extension"] = extension
    stated = [text.partition("=") for text in texts(block, "formatoption")]
    by_name = {key.strip().upper(): value.strip() for key, _, value in stated}
    table |= settings(by_name)
    for (key, _, _), place in zip(stated, lines(block, "formatoption"), strict=False):
        if key.strip().upper() not in OPTIONS:
            notes.add(place, f"FORMATOPTION {key.strip().upper()} means nothing to this server")
    for key in keywords(block):
        if key == "imagemode" and str(block[key]).upper() in ("INT16", "FLOAT32"):
            notes.add(
                line(block, key), "IMAGEMODE has no effect on coverages: samples are written as they are"
            )
    return table


OPTIONS = frozenset({
    "COMPRESS", "PREDICTOR", "INTERLEAVE", "TILED", *SIDES, "QUALITY", "JPEG_QUALITY", "FILENAME", "NULLVALUE",
})  # fmt: skip
"""Options of formats that are understood. Names of files are those of coverages, and missing data is as files have it."""


def settings(options: Mapping[str, str]) -> dict[str, Any]:
    """Keys of `[[format]]` by creation options of GDAL, in upper case."""
    table: dict[str, Any] = {}
    for key, option in (("compression", "COMPRESS"), ("interleave", "INTERLEAVE")):
        if option in options:
            table[key] = options[option].lower()
    if "PREDICTOR" in options:
        table["predictor"] = PREDICTORS.get(options["PREDICTOR"], options["PREDICTOR"])
    sides = [int(options[side]) for side in SIDES if options.get(side, "").isdigit()]
    if sides or options.get("TILED", "").upper() in ("YES", "ON", "TRUE"):
        table["tile"] = [sides[0], sides[-1]] if sides else [USUAL_TILE, USUAL_TILE]
    quality = options.get("JPEG_QUALITY", options.get("QUALITY", ""))
    if quality.isdigit() and int(quality) <= 100:
        table["quality"] = int(quality)
    return table
