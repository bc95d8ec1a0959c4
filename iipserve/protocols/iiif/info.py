"""IIIF info.json, complete for Image API 3.0 and 2.1, and the choice of its media type."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geometry import Size
from iipserve.http import negotiated
from iipserve.image import ImageInfo
from iipserve.plan import Answer, Document
from iipserve.protocols import Server
from iipserve.protocols.iiif.versions import EXTENSIONS, Version
from iipserve.protocols.tiles import has_color

PROTOCOL_URI = "http://iiif.io/api/image"
LEVEL_FORMATS = ("jpg", "png")
"""Formats that level 2 implies."""
RIGHTS_URI = re.compile(
    r"https?://(creativecommons\.org/(licenses|publicdomain)|rightsstatements\.org/(vocab|page))/\S+"
)
"""What Image API 3.0 section 5.6 allows as `rights`."""
JSON = "application/json"
JSON_LD = "application/ld+json"
CONTEXT_LINK = '<{0}>;rel="http://www.w3.org/ns/json-ld#context";type="application/ld+json"'
"""Image API 2.1 section 5: links plain JSON to its context."""


def info_document(
    version: Version, address: str, accept: str | None, info: ImageInfo, server: Server
) -> Answer:
    """The description of the image.

    Args:
        version: of the API.
        address: the base URI as the client wrote it.
        accept: the client's Accept header.
        info: the image.
        server: limits, rights and further members, and the formats.
    """
    members = MEMBERS[version.number](version, address, info, server)
    members.update(extra_members(server.config.iiif_extra_info))
    body = json.dumps(members, ensure_ascii=False, indent=2).encode("utf-8", "replace")
    media_type = negotiated_type(version, accept)
    link = version.profile_link
    if version.number == 2 and media_type == JSON:
        link = f"{link}, {CONTEXT_LINK.format(version.context)}"
    return Answer(Document(body, media_type, vary="Accept"), (("Link", link),))


# -- what is advertised ----------------------------------------------------------------------------


def advertised_tile(info: ImageInfo, limit: int | None) -> Size:
    """The tile in info.json: the file's own, cut to the maximum side of answers."""
    tile = info.tile
    if limit is None or (tile.width <= limit and tile.height <= limit):
        return tile
    return Size(min(tile.width, limit), min(tile.height, limit))


def scale_factors(size: Size, tile: Size) -> list[int]:
    """Powers of two from 1 up to the one at which the whole image fits in a tile."""
    factors = [1]
    while not size.ceil_scaled(factors[-1]).fits_in(tile):
        factors.append(2 * factors[-1])
    return factors


def _sizes(info: ImageInfo, config: Config) -> list[dict[str, int]]:
    """The sizes of the whole image at each scale factor, smallest first, up to the limit."""
    limit = config.max_size
    factors = scale_factors(info.size, advertised_tile(info, limit))
    scaled = [info.size.ceil_scaled(factor) for factor in reversed(factors)]
    return [_sides(size) for size in scaled if limit is None or max(size.width, size.height) <= limit]


def _tiles(info: ImageInfo, config: Config) -> list[dict[str, Any]]:
    tile = advertised_tile(info, config.max_size)
    return [{**_sides(tile), "scaleFactors": scale_factors(info.size, tile)}]


def _sides(size: Size) -> dict[str, int]:
    return {"width": size.width, "height": size.height}


def _limits(config: Config) -> dict[str, int]:
    return {} if config.max_size is None else {"maxWidth": config.max_size, "maxHeight": config.max_size}


def _qualities(info: ImageInfo, config: Config) -> list[str]:
    """Qualities other than `default`; color only for color images."""
    qualities = ["color", "gray", "bitonal"] if has_color(info) else ["gray", "bitonal"]
    return [*qualities, *EXTENSIONS] if config.iiif_extensions else qualities


def _rights(info: ImageInfo, config: Config) -> str:
    return info.text.get("rights", "") or config.copyright


# -- documents by version --------------------------------------------------------------------------


def _members_3(version: Version, address: str, info: ImageInfo, server: Server) -> dict[str, Any]:
    """Image API 3.0 section 5."""
    config, extensions = server.config, server.formats.by_extension
    features = ["rotationArbitrary", "mirroring", "profileLinkHeader", "canonicalLinkHeader"]
    if config.allow_upscaling and config.max_size is not None:
        # section 5.3: servers that upscale must state a limit
        features.append("sizeUpscaling")
    members: dict[str, Any] = {
        "@context": version.context,
        "id": address,
        "type": "ImageService3",
        "protocol": PROTOCOL_URI,
        "profile": "level2",
        **_sides(info.size),
        **_limits(config),
        "sizes": _sizes(info, config),
        "tiles": _tiles(info, config),
        "extraQualities": _qualities(info, config),
        "extraFormats": [extension for extension in extensions if extension not in LEVEL_FORMATS],
        "extraFeatures": features,
    }
    rights = _rights(info, config).strip()
    if RIGHTS_URI.fullmatch(rights):
        members["rights"] = rights
    return members


def _members_2(version: Version, address: str, info: ImageInfo, server: Server) -> dict[str, Any]:
    """Image API 2.1 section 5."""
    config = server.config
    features = ["rotationArbitrary", "mirroring", "regionSquare", "profileLinkHeader", "canonicalLinkHeader"]
    if config.allow_upscaling:
        features.append("sizeAboveFull")
    details = {
        "formats": list(server.formats.by_extension),
        "qualities": ["default", *_qualities(info, config)],
        "supports": features,
        **_limits(config),
    }
    members: dict[str, Any] = {
        "@context": version.context,
        "@id": address,
        "@type": "iiif:Image",
        "protocol": PROTOCOL_URI,
        **_sides(info.size),
        "sizes": _sizes(info, config),
        "tiles": _tiles(info, config),
        "profile": ["http://iiif.io/api/image/2/level2.json", details],
    }
    rights = _rights(info, config)
    if rights:
        members["license" if RIGHTS_URI.fullmatch(rights.strip()) else "attribution"] = rights.strip()
    if info.resolution is not None:
        members["service"] = _physical_dimensions(info.resolution.x)
    return members


def _physical_dimensions(pixels_per_metre: float) -> dict[str, Any]:
    """The service that states the size of the original, as in iipsrv; version 3 does not have it."""
    return {
        "@context": "http://iiif.io/api/annex/services/physdim/1/context.json",
        "profile": "http://iiif.io/api/annex/services/physdim",
        "physicalScale": 100 / pixels_per_metre,
        "physicalUnits": "cm",
    }


MEMBERS: Mapping[int, Callable[[Version, str, ImageInfo, Server], dict[str, Any]]] = {
    2: _members_2,
    3: _members_3,
}
"""By major version."""


def extra_members(text: str) -> Mapping[str, Any]:
    """The members in IIIF_EXTRA_INFO, with or without braces; called at start as a check.

    Raises:
        ConfigError: they are not JSON.
    """
    bare = text.strip().strip(",").strip()
    if not bare:
        return {}
    try:
        members = json.loads(bare if bare.startswith("{") else f"{{{bare}}}")
    except ValueError as error:
        raise ConfigError(
            f'IIIF_EXTRA_INFO is {text!r}; JSON members are needed, as in "attribution": "A library"'
        ) from error
    if not isinstance(members, dict):
        raise ConfigError(f"IIIF_EXTRA_INFO is {text!r}; members of a JSON object are needed")
    return members


# -- media type ------------------------------------------------------------------------------------


def negotiated_type(version: Version, accept: str | None) -> str:
    """The media type of info.json (Image API 3.0 section 5.1, 2.1 section 5).

    Version 3 is JSON-LD with a profile unless the client prefers plain JSON; version 2 is JSON unless it
    prefers JSON-LD, which then names no profile. A client that accepts neither gets plain JSON.
    """
    linked = f'{JSON_LD};profile="{version.context}"'
    if version.number > 2:
        return negotiated(accept, (linked, JSON)) or JSON
    return JSON_LD if negotiated(accept, (JSON, linked)) == linked else JSON
