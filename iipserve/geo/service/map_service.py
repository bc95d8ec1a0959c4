"""What a map file says of its services: the metadata of WEB, and OUTPUTFORMAT."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from iipserve.errors import ConfigError
from iipserve.geo.service.keys import INFO_FORMATS, OPERATIONS, WMS_INFO_FORMATS, WMS_OPERATIONS
from iipserve.geo.service.map_blocks import Item, Notes, blocks, keywords, line
from iipserve.geo.service.map_coverages import format_of, is_of_coverages
from iipserve.geo.service.map_values import allowed, decided, put, split
from iipserve.geo.service.toml_lines import Path

SERVICE_KEYS: Mapping[str, str] = MappingProxyType({
    "title": "service.title", "label": "service.title", "abstract": "service.abstract",
    "description": "service.abstract", "keywordlist": "service.keywords", "keywords": "service.keywords",
    "fees": "service.fees", "accessconstraints": "service.access_constraints", "languages": "service.languages",
    "service_onlineresource": "service.provider_site",
    "contactorganization": "service.contact.organization", "contactperson": "service.contact.person",
    "contactposition": "service.contact.position", "contactvoicetelephone": "service.contact.phone",
    "contactfacsimiletelephone": "service.contact.facsimile",
    "contactfacimiletelephone": "service.contact.facsimile", "address": "service.contact.address",
    "city": "service.contact.city", "stateorprovince": "service.contact.state_or_province",
    "postcode": "service.contact.post_code", "country": "service.contact.country",
    "contactelectronicmailaddress": "service.contact.email",
    "responsibleparty_individualname": "service.contact.person",
    "responsibleparty_organizationname": "service.contact.organization",
    "responsibleparty_positionname": "service.contact.position",
    "responsibleparty_phone_voice": "service.contact.phone",
    "responsibleparty_phone_facsimile": "service.contact.facsimile",
    "responsibleparty_address_deliverypoint": "service.contact.address",
    "responsibleparty_address_city": "service.contact.city",
    "responsibleparty_address_administrativearea": "service.contact.state_or_province",
    "responsibleparty_address_postalcode": "service.contact.post_code",
    "responsibleparty_address_country": "service.contact.country",
    "responsibleparty_address_electronicmailaddress": "service.contact.email",
    "responsibleparty_onlineresource": "service.contact.online_resource",
    "rootlayer_name": "wms.root_name", "rootlayer_title": "wms.root_title", "rootlayer_abstract": "wms.root_abstract",
    "rootlayer_keywordlist": "wms.root_keywords", "wms_link_rel": "mapml.link_rel",
})  # fmt: skip
"""Keys of the TOML form by keywords in METADATA; the first of two for one key counts."""
LISTS = ("wms.root_keywords", "service.keywords", "service.languages", "layer.keywords", "layer.crs")
WITHOUT_EFFECT: Mapping[str, str] = MappingProxyType({
    "onlineresource": "documents state the address of the request (service.public_address of the TOML form)",
    "encoding": "everything is in UTF-8",
    "addresstype": "it is left out of documents",
    "updatesequence": "it is the time of the last change",
    "exceptions_format": "requests say how errors are reported",
    "bbox_extended": "boxes are stated in all systems that are listed",
    "http_max_age": "the setting CACHE_CONTROL says how long answers are kept",
    "allow_getmap_without_styles": "STYLES may be left out in any case",
    "timeformat": "times are in the forms of ISO 8601",
})  # fmt: skip
READ = (
    "enable_request",
    "srs",
    "getmap_formatlist",
    "getfeatureinfo_formatlist",
    "getlegendgraphic_formatlist",
    "wms_image_format",
    "sld_enabled",
    "layerlimit",
    "getcapabilities_version",
)
"""Other keywords that are understood."""
ROOT_ITEMS = ("attribution_", "authorityurl_", "identifier_", "metadataurl_", "dataurl_", "keywordlist_")
"""Beginnings of keywords that are items of the layer that all others are in."""
FORBIDDEN = ("allowed_ip_list", "denied_ip_list")
"""Keywords that must not be ignored: what they protect would be public."""
SERVED = ("name", "web", "layers", "shapepath", "outputformats", "status", "maxsize", "imagecolor")
"""Keywords of MAP that are understood."""
FORMATS: Mapping[str, str] = MappingProxyType({
    "image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/webp": "webp", "image/tiff": "tiff",
    "image/jxl": "jxl", "image/avif": "avif", "image/jp2": "jp2",
})  # fmt: skip
"""Names of output formats by media type without parameters."""
DRIVERS: Mapping[str, str] = MappingProxyType({
    "agg/png": "png", "agg/png8": "png", "gd/png": "png", "gdal/png": "png", "cairo/png": "png",
    "agg/jpeg": "jpeg", "gdal/jpeg": "jpeg", "cairo/jpeg": "jpeg", "gdal/webp": "webp", "gdal/gtiff": "tiff",
    "gdal/cog": "tiff", "gdal/jp2openjpeg": "jp2",
})  # fmt: skip
"""Names of output formats by DRIVER."""


BUILT_IN = ("png", "jpeg")
"""Formats that a map has without OUTPUTFORMAT."""


def read_service(
    found: Mapping[str, Any],
    items: dict[str, Item],
    data: dict[str, Any],
    lines: dict[Path, int],
    notes: Notes,
) -> None:
    """Add tables and keys about the services to `data`, and their lines to `lines`.

    Raises:
        ConfigError: access is restricted in a way that this server does not offer.
    """
    for item in items.values():
        _put_item(item, data, lines, notes)
    if "title" not in data.get("service", {}) and found.get("name"):
        put(data, lines, "service.title", str(found["name"]), line(found, "name"))
    if found.get("name"):
        put(data, lines, "wms.root_name", str(found["name"]), line(found, "name"))
    _sizes_and_colors(found, data, lines)
    _provider(data)
    _operations(items.get("enable_request"), data, lines)
    _formats(found, items, data, lines, notes)
    for name, block, known in (("WEB", found.get("web", {}), ("metadata",)), ("MAP", found, SERVED)):
        for key in keywords(block):
            if key not in known:
                notes.add(line(block, key), f"{key.upper()} of {name} means nothing to this server")


def _put_item(item: Item, data: dict[str, Any], lines: dict[Path, int], notes: Notes) -> None:
    if (key := SERVICE_KEYS.get(item.keyword)) is not None:
        value = split(item.text) if key in LISTS else item.text
        if not put(data, lines, key, value, item.line) and not is_of_coverages(item):
            notes.add(item.line, f"{item.name} has no effect: another keyword sets {key}")
    elif item.keyword.startswith(ROOT_ITEMS):
        data.setdefault("wms", {}).setdefault("metadata", {})[item.keyword] = item.text
    elif item.keyword in WITHOUT_EFFECT:
        notes.add(item.line, f"{item.name} has no effect: {WITHOUT_EFFECT[item.keyword]}")
    elif item.keyword not in READ and not is_of_coverages(item):
        notes.add(item.line, f"{item.name} means nothing to this server")


def check_allowed(items: Mapping[str, Item], name: str) -> None:
    """Raises `ConfigError` if access is restricted in a way that this server does not offer."""
    for keyword in FORBIDDEN:
        if (item := items.get(keyword)) is not None:
            raise ConfigError(
                f"{name}, line {item.line}: {item.name} is not offered; restrict access in the web server, "
                "and remove it here"
            )


def _sizes_and_colors(found: Mapping[str, Any], data: dict[str, Any], lines: dict[Path, int]) -> None:
    """MAXSIZE and IMAGECOLOR of the map."""
    if "maxsize" in found:
        for key in ("wms.max_width", "wms.max_height"):
            put(data, lines, key, found["maxsize"], line(found, "maxsize"))
    color = found.get("imagecolor")
    if isinstance(color, str) and re.fullmatch("#[0-9a-fA-F]{6}", color):
        color = list(bytes.fromhex(color[1:]))
    if color is not None:
        put(data, lines, "wms.background", color, line(found, "imagecolor"))


def _provider(data: dict[str, Any]) -> None:
    organization = data.get("service", {}).get("contact", {}).get("organization")
    if organization:
        data["service"].setdefault("provider", organization)


def _operations(item: Item | None, data: dict[str, Any], lines: dict[Path, int]) -> None:
    if item is None:
        return
    operations = [
        name
        for name in OPERATIONS
        if allowed(item.text, (name.lower(), name.lower().replace("gettile", "getmap")))
    ]
    put(data, lines, "wmts.operations", operations, item.line)
    offered = [name for name in WMS_OPERATIONS if decided(item.text, name)]
    put(data, lines, "wms.operations", offered, item.line)
    if not offered:
        put(data, lines, "wms.enabled", False, item.line)
    if not operations:
        put(data, lines, "wmts.enabled", False, item.line)


def _formats(
    found: Mapping[str, Any],
    items: Mapping[str, Item],
    data: dict[str, Any],
    lines: dict[Path, int],
    notes: Notes,
) -> None:
    """Formats of tiles by getmap_formatlist or OUTPUTFORMAT, those of feature info by getfeatureinfo_formatlist."""
    formats: dict[str, int] = {}
    for block in blocks(found, "outputformats"):
        name = FORMATS.get(_media_type(block.get("mimetype"))) or DRIVERS.get(
            str(block.get("driver")).lower()
        )
        if name is None:
            if format_of(block) is not None:
                continue
            notes.add(line(block), f"OUTPUTFORMAT {block.get('name', '')} is none of this server's")
        else:
            formats.setdefault(name, line(block))
            _options(block, notes)
    formats |= {name: min(formats.values()) for name in BUILT_IN if formats and name not in formats}
    if (item := items.get("getmap_formatlist")) is not None:
        known = [FORMATS.get(_media_type(one)) for one in split(item.text)]
        formats = {name: item.line for name in known if name}
    if formats:
        for key in ("wmts.formats", "wms.formats"):
            put(data, lines, key, list(formats), min(formats.values()))
    _other_formats(items, data, lines)


def _other_formats(items: Mapping[str, Item], data: dict[str, Any], lines: dict[Path, int]) -> None:
    """Formats of legends, of feature info, and of maps that documents of MapML link to; what else is said of WMS."""
    if (item := items.get("sld_enabled")) is not None:
        put(data, lines, "wms.sld", item.text.lower() != "false", item.line)
    if (item := items.get("layerlimit")) is not None and item.text.isdecimal():
        put(data, lines, "wms.max_layers", int(item.text[:9]), item.line)
    if (item := items.get("getcapabilities_version")) is not None:
        put(data, lines, "wms.version", item.text, item.line)
    if (item := items.get("wms_image_format")) and (name := FORMATS.get(_media_type(item.text))):
        put(data, lines, "mapml.image_format", name, item.line)
    if (item := items.get("getlegendgraphic_formatlist")) is not None:
        named = [FORMATS.get(_media_type(one)) for one in split(item.text)]
        if any(named):
            put(data, lines, "wms.legend_formats", list(filter(None, named)), item.line)
    if (item := items.get("getfeatureinfo_formatlist")) is not None:
        known = [one for one in split(item.text) if one in INFO_FORMATS]
        if known:
            put(data, lines, "wmts.info_formats", known, item.line)
        if known := [one for one in split(item.text) if one in WMS_INFO_FORMATS]:
            put(data, lines, "wms.info_formats", known, item.line)


def _options(block: Mapping[str, Any], notes: Notes) -> None:
    for key in keywords(block):
        if key not in ("name", "driver", "mimetype", "extension", "imagemode", "transparent") and not (
            key == "formatoption" and format_of(block) is not None
        ):
            notes.add(line(block, key), f"{key.upper()} of OUTPUTFORMAT means nothing to this server")


def _media_type(value: Any) -> str:
    return re.split("[;\\s]", str(value or "").lower().strip(), maxsplit=1)[0]
