"""The raster layers of a map file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geo.class_names import of_expression
from iipserve.geo.service import map_coverages, tile_index
from iipserve.geo.service.image_paths import ImagePaths
from iipserve.geo.service.keys import WMS_OPERATIONS
from iipserve.geo.service.map_blocks import (
    Item,
    Notes,
    blocks,
    by_keyword,
    keywords,
    line,
    lines,
    metadata,
    texts,
)
from iipserve.geo.service.map_service import WITHOUT_EFFECT, check_allowed
from iipserve.geo.service.map_values import allowed, is_enabled, put, split
from iipserve.geo.service.toml_lines import Path

LAYER_KEYS: Mapping[str, str] = MappingProxyType({
    "title": "title", "label": "title", "abstract": "abstract", "description": "abstract", "keywordlist": "keywords",
    "keywords": "keywords", "srs": "crs", "extent": "extent",
})  # fmt: skip
"""Keys of the TOML form by keywords in METADATA."""
KEPT = (
    "name", "group", "group_title", "group_abstract", "layer_group", "attribution_title", "attribution_onlineresource",
    "metadatalink", "metadataurl", "dataurl", "authorityurl", "identifier", "dimensionlist", "featurelisturl", "opaque", "resolution", "size", "bandcount",
    "imagemode", "formats", "nativeformat", "native_format", "rangeset", "band_names", "band_", "interval",
    "significant_figures", "nilvalues", "timeitem", "timeposition", "timeextent", "timedefault", "outputformat",
    "axes", "values", "queryable", "wmslicense", "projection", "tiled", "use", "legend_",
    "wms_link_rel", "wms_image_format", "style_",
    "getfeatureinfo_formatlist", "keywordlist_",
)  # fmt: skip
"""Beginnings of keywords that are kept with the layer, for the services that show them."""
SERVED = (
    "name",
    "type",
    "status",
    "data",
    "metadata",
    "processing",
    "extent",
    "offsite",
    "group",
    "template",
    "minscaledenom",
    "maxscaledenom",
    "dump",
    "tileindex",
    "tileitem",
)
"""Keywords of LAYER that are understood. STATUS has no effect on OGC services in MapServer either."""
ELSEWHERE: Mapping[str, str] = MappingProxyType({
    "connection": "connections are not made",
    "connectiontype": "connections are not made", "features": "only images are shown",
})  # fmt: skip
"""Keywords of layers that this server cannot show, with the reason."""
RESTRICTING = ("mask", "filter", "validation", "requires")
"""Keywords that hide something: without them more would be shown."""

DIRECTIVE = re.compile("BANDS|SCALE|SCALE_[123]|NODATA|RESAMPLE")
"""Directives of PROCESSING that are understood."""


class MapLayers:
    """Turns LAYER blocks into tables `layer`."""

    def __init__(
        self, found: Mapping[str, Any], folder: str, name: str, config: Config, notes: Notes
    ) -> None:
        """Read nothing yet.

        Args:
            found: the map.
            folder: to which paths of images are relative.
            name: of the map file.
            config: the settings.
            notes: collects what is not understood.
        """
        self._map = found
        self._folder = folder
        self._name = name
        self._notes = notes
        self._paths = ImagePaths(config)

    def read(
        self,
        data: dict[str, Any],
        places: dict[Path, int],
        service: Mapping[str, Item],
        requests: str | None = None,
    ) -> None:
        """Add the tables to `data`, and their lines to `places`.

        Args:
            data: gets the tables.
            places: gets their lines.
            service: items of the service.
            requests: which operations of WCS are answered for the service: names, `*` and `!`; None if it does not say.

        Raises:
            ConfigError: an image is not below the folder, or access is restricted as this server cannot.
        """
        data["layer"] = []
        for block in blocks(self._map, "layers"):
            if self._is_shown(block):
                table, keys = self._layer(block, service, requests)
                self._add_operations(block, table)
                path = ("layer", len(data["layer"]))
                places[path] = line(block)
                places.update({(*path, *key): place for key, place in keys.items()})
                data["layer"].append(table)

    def _is_shown(self, block: Mapping[str, Any]) -> bool:
        """Whether a layer can be shown; notes why not."""
        name, kind = str(block.get("name", "")), str(block.get("type", "")).upper()
        reason = next((text for key, text in ELSEWHERE.items() if key in block), "")
        if kind != "RASTER":
            reason = f"it is of type {kind or 'none'}, and only RASTER is shown"
        elif not name:
            reason = "it has no NAME"
        elif not reason and not (block.get("data") or block.get("tileindex")):
            reason = "it has no DATA"
        elif not reason and not block.get("data") and not tile_index.is_there(self._index(block)):
            reason = f"there is no shapefile {self._index(block).name}"
        if reason:
            self._notes.add(line(block), f"the layer {name!r} is left out: {reason}")
        return not reason

    def _layer(
        self, block: Mapping[str, Any], service: Mapping[str, Item], requests: str | None
    ) -> tuple[dict[str, Any], dict[Path, int]]:
        """A table and the lines of its keys.

        Args:
            block: of the layer.
            service: items of the service.
            requests: which operations of WCS are answered for the service: names, `*` and `!`; None if it does not say.
        """
        stated = metadata(block, self._notes)
        # systems of coverages are no limit for maps
        shared = [item for item in stated if (item.prefix, item.keyword) != ("wcs", "srs")]
        items = by_keyword(shared, self._notes, apart=map_coverages.is_apart)
        check_allowed(items, self._name)
        table: dict[str, Any] = {}
        places: dict[Path, int] = {}
        put(table, places, "identifier", str(block["name"]), line(block, "name"))
        self._add_images(block, table, places)
        if "extent" in block:
            put(table, places, "extent", _numbers(block["extent"]), line(block, "extent"))
        dimensions = (
            tuple(f"{name}_" for name in split(items["dimensionlist"].text.lower()))
            if "dimensionlist" in items
            else ()
        )
        for keyword, item in items.items():
            if dimensions and keyword.startswith(dimensions):
                table.setdefault("metadata", {})[keyword] = item.text
            else:
                self._put_item(keyword, item, table, places)
        if "crs" not in table and (systems := service.get("srs")) is not None:
            put(table, places, "crs", split(systems.text), systems.line)
        self._add_requests(stated, items, service, requests, table, places)
        for key in ("minscaledenom", "maxscaledenom"):
            if key in block:
                table.setdefault("metadata", {})[key] = str(block[key])
        if block.get("group"):
            table.setdefault("metadata", {}).setdefault("group", str(block["group"]))
        if of_coverages := map_coverages.items_of(stated):
            table.setdefault("metadata", {}).update(
                {f"wcs_{keyword}": text for keyword, text in of_coverages.items()}
            )
        if classes := _classes(block):
            put(table, places, "classes", classes, line(block, "classes"))
        self._note_others(block)
        return table, places

    def _add_requests(
        self,
        stated: list[Item],
        items: Mapping[str, Item],
        service: Mapping[str, Item],
        of_coverages: str | None,
        table: dict[str, Any],
        places: dict[Path, int],
    ) -> None:
        """Which operations are answered for a layer, and so whether it is public."""
        requests = items.get("enable_request")
        names = map_coverages.layer_operations(stated, requests, of_coverages)
        if names is not None:
            table.setdefault("metadata", {})["wcs_enable_request"] = " ".join(names)
        if requests is None:
            return
        is_shown = allowed(requests.text, ("getmap", "gettile"))
        if not is_shown:
            table.setdefault("metadata", {})["tiles"] = "false"
        put(table, places, "public", is_shown or bool({*(names or ())} - {"GetCapabilities"}), requests.line)
        said = service["enable_request"].text if "enable_request" in service else "*"
        of_maps = [
            name for name in ("GetCapabilities", *WMS_OPERATIONS) if is_enabled(name, requests.text, said)
        ]
        table.setdefault("metadata", {})["enable_request"] = " ".join(of_maps)

    def _put_item(self, keyword: str, item: Item, table: dict[str, Any], places: dict[Path, int]) -> None:
        if (key := LAYER_KEYS.get(keyword)) is not None:
            value: Any = item.text
            if key in ("crs", "keywords"):
                value = split(item.text)
            elif key == "extent":
                value = _numbers(item.text.replace(",", " ").split())
            if not put(table, places, key, value, item.line) and not map_coverages.is_of_coverages(item):
                self._notes.add(item.line, f"{item.name} has no effect: another keyword sets {key}")
        elif keyword.startswith(KEPT):
            table.setdefault("metadata", {})[keyword] = item.text
        elif keyword in WITHOUT_EFFECT:
            self._notes.add(item.line, f"{item.name} has no effect: {WITHOUT_EFFECT[keyword]}")
        elif keyword not in ("enable_request", "onlineresource") and not map_coverages.is_of_coverages(item):
            self._notes.add(item.line, f"{item.name} means nothing to this server")

    def _note_others(self, block: Mapping[str, Any]) -> None:
        for key in keywords(block):
            if key in RESTRICTING:
                raise ConfigError(
                    f"{self._name}, line {line(block, key)}: {key.upper()} is not offered; without it more would be "
                    "shown than is meant, so remove it or the layer"
                )
            if key not in SERVED:
                self._notes.add(
                    line(block, key), f"{key.upper()} of the layer {block['name']!r} {_reason(key)}"
                )

    def _image(self, block: Mapping[str, Any]) -> str:
        """The identifier of an image. Raises `ConfigError` if it is not below the folder of images."""
        found = texts(block, "data")[0]
        identifier = self._paths.identifier(found, self._folder)
        if identifier is not None:
            return identifier
        raise ConfigError(
            f"{self._name}, line {line(block, 'data')}: DATA {found!r} is not below FILESYSTEM_PREFIX; move the image "
            "there, or remove the layer"
        )

    def _add_images(self, block: Mapping[str, Any], table: dict[str, Any], places: dict[Path, int]) -> None:
        """DATA, or TILEINDEX: a shapefile, or the name of a layer whose DATA is one, which FILTER restricts."""
        if block.get("data"):
            put(table, places, "image", self._image(block), line(block, "data"))
            return
        place = line(block, "tileindex")
        for other in self._indexes(block):
            self._add_filter(other, table)
        put(table, places, "tile_index", str(self._index(block)), place)
        put(table, places, "tile_folder", self._folder, place)
        if "tileitem" in block:
            put(table, places, "tile_item", str(block["tileitem"]), line(block, "tileitem"))

    def _indexes(self, block: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The layers that TILEINDEX names: one or none."""
        name = next(iter(texts(block, "tileindex")), "")
        return [
            other for other in blocks(self._map, "layers") if name and str(other.get("name", "")) == name
        ][:1]

    def _index(self, block: Mapping[str, Any]) -> FilePath:
        """The shapefile of TILEINDEX."""
        found = next(iter(texts(block, "tileindex")), "")
        for other in self._indexes(block):
            found = next(iter(texts(other, "data")), found)
        return FilePath(self._folder, found)

    def _add_filter(self, block: Mapping[str, Any], table: dict[str, Any]) -> None:
        """Which rows of an index count: those where an attribute has one value. Raises `ConfigError` for others."""
        if "filter" not in block:
            return
        value = str(block["filter"]).strip("\"'")
        if "filteritem" not in block or value.startswith(("(", "/")):
            raise ConfigError(
                f"{self._name}, line {line(block, 'filter')}: FILTER of a tile index is read as one value of FILTERITEM only; "
                "without it more would be shown than is meant"
            )
        table["tile_filter"] = [str(block["filteritem"]).strip("\"'"), value]

    def _add_operations(self, block: Mapping[str, Any], table: dict[str, Any]) -> None:
        """The operations of PROCESSING, and the missing data of PROCESSING and OFFSITE."""
        directives = [text.partition("=") for text in texts(block, "processing")]
        by_name = {name.strip().upper(): value.strip() for name, _, value in directives}
        for (name, _, _), place in zip(directives, lines(block, "processing"), strict=False):
            if not DIRECTIVE.fullmatch(name.strip().upper()):
                self._notes.add(place, f"PROCESSING {name.strip().upper()} means nothing to this server")
        bands = [int(text) for text in split(by_name.pop("BANDS", "")) if text.isdigit() and len(text) < 6]
        if bands:
            table["bands"] = bands[:3] if len(bands) > 2 else bands[:1]
        ranges = _ranges(by_name, table.get("bands", []))
        if ranges:
            table["range"] = ranges
        elif by_name.get("SCALE", "").upper() == "AUTO":
            table["stretch"] = True
        if resampling := by_name.get("RESAMPLE", ""):
            table["resampling"] = resampling.lower()
        if "NODATA" in by_name and (values := _numbers(split(by_name["NODATA"]))):
            table["nodata"] = values
        elif "offsite" in block:
            table["nodata"] = _offsite(block["offsite"])


def _classes(block: Mapping[str, Any]) -> list[list[Any]]:
    """Names of classes by CLASS, as far as each EXPRESSION is one value, of which the first CLASS counts."""
    found = (
        of_expression(str(each.get("expression", "")), str(each.get("name", "")))
        for each in blocks(block, "classes")
    )
    names: dict[int, str] = {}
    for each in found:
        if each is not None:
            names.setdefault(each.value, each.name)
    return [[value, name] for value, name in names.items()]


def _ranges(directives: Mapping[str, str], bands: list[int]) -> list[Any]:
    """The range of SCALE, or those of SCALE_1 ..., which number the bands shown (MapServer, `PROCESSING`)."""
    if (whole := _numbers(split(directives.get("SCALE", "")))) and len(whole) == 2:
        return whole
    stated = {index: _numbers(split(directives.get(f"SCALE_{index}", ""))) for index in (1, 2, 3)}
    stated = {index: pair for index, pair in stated.items() if len(pair) == 2}
    if not stated:
        return []
    by_band = {bands[index - 1] if index <= len(bands) else index: pair for index, pair in stated.items()}
    if by_band.keys() != set(range(1, len(by_band) + 1)):
        first = next(iter(by_band.values()))
        return [by_band.get(band, first) for band in range(1, max(by_band) + 1)]
    return [by_band[band] for band in sorted(by_band)]


def _offsite(value: Any) -> Any:
    numbers = _numbers(value if isinstance(value, list) else [value])
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _numbers(values: Any) -> list[Any]:
    """Numbers; an empty list if one is none."""
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError):
        return []


def _reason(key: str) -> str:
    reasons = {
        "projection": "has no effect: the image's own coordinate reference system counts",
        "classes": "names classes in legends at most: CLASS is not applied to images",
        "units": "has no effect: those of the coordinate reference system count",
    }
    return reasons.get(key, "means nothing to this server")
