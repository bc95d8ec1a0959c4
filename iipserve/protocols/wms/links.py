"""What the metadata of a layer refers to: attribution, identifiers, further metadata, data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial

from iipserve.geo.ows.xml import NOTHING, Xml, element, joined
from iipserve.protocols.layer_items import address, is_count
from iipserve.protocols.metadata_links import links_of
from iipserve.protocols.wms.forms import Version

XLINK = "http://www.w3.org/1999/xlink"
NOT_TOKEN = re.compile(r"[^\w.\-:]")
"""Characters that an NMTOKEN of XML cannot have."""


def online_resource(address: str) -> Xml:
    """An address. The namespace is declared here, as the DTD of version 1.1.1 has it."""
    return element(
        "OnlineResource", attributes={"xmlns:xlink": XLINK, "xlink:type": "simple", "xlink:href": address}
    )


def referred(name: str, format: str, address: str, attributes: Mapping[str, str]) -> Xml:
    """An element that refers to a document or picture of a format."""
    return element(name, element("Format", format), online_resource(address), attributes=attributes)


def links(items: Mapping[str, str], version: Version) -> Xml:
    """Attribution, AuthorityURL, Identifier, MetadataURL, DataURL and FeatureListURL, as far as they are stated."""
    parts = (
        _attribution(items),
        _authority(items),
        _identifier(items),
        *_metadata_urls(items, version),
        *_urls(items, "dataurl", "DataURL"),
        *_urls(items, "featurelisturl", "FeatureListURL"),
    )
    return joined(parts)


def _attribution(items: Mapping[str, str]) -> Xml:
    title, site = items.get("attribution_title", ""), address(items, "attribution_onlineresource")
    logo, start = NOTHING, "attribution_logourl"
    sides = {name: items.get(f"{start}_{name}", "") for name in ("width", "height")}
    if (place := address(items, f"{start}_href")) and all(map(is_count, sides.values())):
        logo = referred("LogoURL", items.get(f"{start}_format") or "image/png", place, sides)
    content = joined(
        (element("Title", title) if title else NOTHING, online_resource(site) if site else NOTHING, logo)
    )
    return element("Attribution", content) if content else NOTHING


def _authority(items: Mapping[str, str]) -> Xml:
    name, place = items.get("authorityurl_name", ""), address(items, "authorityurl_href")
    if not (name and place):
        return NOTHING
    return element("AuthorityURL", online_resource(place), attributes={"name": _token(name)})


def _identifier(items: Mapping[str, str]) -> Xml:
    authority, value = items.get("identifier_authority", ""), items.get("identifier_value", "")
    if not (authority and value):
        return NOTHING
    return element("Identifier", value, attributes={"authority": _token(authority)})


def _token(text: str) -> str:
    return NOT_TOKEN.sub("_", text)


def _metadata_urls(items: Mapping[str, str], version: Version) -> Iterator[Xml]:
    for link in links_of(partial(_text, items), "metadataurl"):
        if kind := version.metadata_type(_token(link.type or "ISO19115:2003")):
            yield referred("MetadataURL", link.format or "text/xml", link.address, {"type": kind})


def _urls(items: Mapping[str, str], key: str, name: str) -> Iterator[Xml]:
    for link in links_of(partial(_text, items), key):
        yield referred(name, link.format or "text/html", link.address, {})


def _text(items: Mapping[str, str], key: str) -> str:
    return items.get(key, "")
