"""IIIF info.json, complete for Image API 3.0, 2.1 and 1.1, and the choice of its media type."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geometry import Size, ceil_div
from iipserve.http.negotiation import negotiated
from iipserve.http.public_address import headers_read
from iipserve.image import ImageInfo
from iipserve.plan import Answer, Document
from iipserve.protocols import Server
from iipserve.protocols.iiif.limits import Limits, limits_of
from iipserve.protocols.iiif.versions import EXTENSIONS, VERSIONS, Version
from iipserve.protocols.tiles import has_color

PROTOCOL_URI = "http://iiif.io/api/image"
LEVEL_FORMATS = ("jpg", "png")
"""Formats that level 2 implies."""
RIGHTS_URI = re.compile(
    r"https?://(creativecommons\.org/(licenses|publicdomain)|rightsstatements\.org/(vocab|page))/[^\s<>\"]*[^\s<>\".,;)]"
)
"""What Image API 3.0 section 5.6 allows as `rights`. A period or a parenthesis at the end is the sentence's."""
ANY_URI = re.compile(r"https?://\S+")
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
    for name in extra_info_settings(version.number):
        members.update(extra_members(getattr(server.config, name), name))
    body = indented_json(members).encode("utf-8", "replace")
    media_type = negotiated_type(version, accept)
    link = version.profile_link
    if version.number == 2 and media_type == JSON:
        link = f"{link}, {CONTEXT_LINK.format(version.context)}"
    vary = ", ".join(("Accept", *headers_read(server.config)))
    return Answer(Document(body, media_type, vary=vary), (("Link", link),))


_json_string = json.encoder.encode_basestring  # what `json.dumps(value, ensure_ascii=False)` calls in the end


def indented_json(value: Any, margin: str = "\n") -> str:
    """`json.dumps(value, ensure_ascii=False, indent=2)`, whose encoder takes 40 µs: it is in Python then.

    Args:
        value: JSON as Python holds it; the keys of dictionaries are strings.
        margin: precedes the lines of the value, except the first.
    """
    inner = margin + "  "
    kind = type(value)
    if kind is str:
        return _json_string(value)
    if kind is dict and value:
        members = [
            f"{inner}{_json_string(name)}: {indented_json(each, inner)}" for name, each in value.items()
        ]
        return f"{{{','.join(members)}{margin}}}"
    if kind in (list, tuple) and value:
        return f"[{','.join([inner + indented_json(each, inner) for each in value])}{margin}]"
    return repr(value) if kind is int else json.dumps(value)


# -- what is advertised ----------------------------------------------------------------------------


def advertised_tile(info: ImageInfo, limits: Limits) -> Size:
    """The tile in info.json: the file's own, within the maximum size of answers."""
    tile, side = info.tile, limits.side
    if side is not None and max(tile.width, tile.height) > side:
        tile = Size(min(tile.width, side), min(tile.height, side))
    while tile.area > limits.area:
        tile = Size(ceil_div(tile.width, 2), ceil_div(tile.height, 2))
    return tile


def scale_factors(size: Size, tile: Size) -> list[int]:
    """Powers of two from 1 up to the one at which the whole image fits in a tile."""
    factors = [1]
    while not size.ceil_scaled(factors[-1]).fits_in(tile):
        factors.append(2 * factors[-1])
    return factors


def factors_by_width(size: Size, tile: Size) -> list[int]:
    """Scale factors of versions in which tiles and sizes are requested by their width: none after a width of 1."""
    return [factor for factor in scale_factors(size, tile) if factor < 2 * size.width]


def _sizes(info: ImageInfo, limits: Limits, factors: Sequence[int]) -> list[dict[str, int]]:
    """The sizes of the whole image at each scale factor, smallest first, up to the limits."""
    scaled = [info.size.ceil_scaled(factor) for factor in reversed(factors)]
    return [_sides(size) for size in scaled if limits.allow(size)]


def _sides(size: Size) -> dict[str, int]:
    return {"width": size.width, "height": size.height}


def _rotation(limits: Limits) -> tuple[str, ...]:
    """The feature of rotation by any angle, where all sizes can be rotated."""
    return ("rotationArbitrary",) if limits.rotates else ()


def _qualities(info: ImageInfo, config: Config) -> list[str]:
    """Qualities other than `default`; color only for color images."""
    qualities = ["color", "gray", "bitonal"] if has_color(info) else ["gray", "bitonal"]
    return [*qualities, *EXTENSIONS] if config.iiif_extensions else qualities


def rights_of(info: ImageInfo, config: Config) -> str:
    """The image's own rights statement, or that of the settings: free text, with or without a URI."""
    return (info.text.get("rights", "").strip() or config.copyright).strip()


def _attribution(info: ImageInfo, config: Config) -> dict[str, str]:
    """Free text as `attribution`, a URI as `license` (Image API 2.1 section 5.5); both if the text has one in it."""
    rights = rights_of(info, config)
    if not rights:
        return {}
    if ANY_URI.fullmatch(rights):
        return {"license": rights}
    stated = RIGHTS_URI.search(rights)
    return {"attribution": rights} | ({"license": stated[0]} if stated else {})


# -- documents by version --------------------------------------------------------------------------


def _members_3(version: Version, address: str, info: ImageInfo, server: Server) -> dict[str, Any]:
    """Image API 3.0 section 5."""
    config, extensions = server.config, server.formats.by_extension
    limits = limits_of(info, server)
    tile = advertised_tile(info, limits)
    factors = scale_factors(info.size, tile)
    features = [*_rotation(limits), "mirroring", "profileLinkHeader", "canonicalLinkHeader"]
    if config.allow_upscaling:
        features.append("sizeUpscaling")
    members: dict[str, Any] = {
        "@context": version.context,
        "id": address,
        "type": "ImageService3",
        "protocol": PROTOCOL_URI,
        "profile": "level2",
        **_sides(info.size),
        **limits.members(),
        "sizes": _sizes(info, limits, factors),
        "tiles": [{**_sides(tile), "scaleFactors": factors}],
        "extraQualities": _qualities(info, config),
        "extraFormats": [extension for extension in extensions if extension not in LEVEL_FORMATS],
        "extraFeatures": features,
    }
    # section 5.6: a URI of these; other text belongs into a manifest of the Presentation API
    if rights := RIGHTS_URI.search(rights_of(info, config)):
        members["rights"] = rights[0]
    return members


def _members_2(version: Version, address: str, info: ImageInfo, server: Server) -> dict[str, Any]:
    """Image API 2.1 section 5."""
    config, limits = server.config, limits_of(info, server)
    tile = advertised_tile(info, limits)
    factors = factors_by_width(info.size, tile)
    features = [*_rotation(limits), "mirroring", "regionSquare", "profileLinkHeader", "canonicalLinkHeader"]
    if config.allow_upscaling:
        features.append("sizeAboveFull")
    details = {
        "formats": list(server.formats.by_extension),
        "qualities": ["default", *_qualities(info, config)],
        "supports": features,
        **limits.members(),
    }
    members: dict[str, Any] = {
        "@context": version.context,
        "@id": address,
        "@type": "iiif:Image",
        "protocol": PROTOCOL_URI,
        **_sides(info.size),
        "sizes": _sizes(info, limits, factors),
        "tiles": [{**_sides(tile), "scaleFactors": factors}],
        "profile": [version.profile, details],
        **_attribution(info, config),
    }
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


def _members_1(version: Version, address: str, info: ImageInfo, server: Server) -> dict[str, Any]:
    """Image API 1.1 section 5, which allows further members: limits and rights are named as in version 2."""
    limits = limits_of(info, server)
    tile = advertised_tile(info, limits)
    qualities = ["grey" if quality == "gray" else quality for quality in _qualities(info, server.config)]
    return {
        "@context": version.context,
        "@id": address,
        **_sides(info.size),
        **limits.members(),
        "scale_factors": factors_by_width(info.size, tile),
        "tile_width": tile.width,
        "tile_height": tile.height,
        "formats": list(server.formats.by_extension),
        "qualities": ["native", *qualities],
        "profile": version.profile,
        **_attribution(info, server.config),
    }


MEMBERS: Mapping[int, Callable[[Version, str, ImageInfo, Server], dict[str, Any]]] = {
    1: _members_1,
    2: _members_2,
    3: _members_3,
}
"""By major version."""


OWN_MEMBERS = frozenset(
    {"@context", "@id", "@type", "id", "type", "protocol", "width", "height", "sizes", "tiles"}
)
"""Members that describe the image, or how it is asked for; without the true ones no viewer shows it."""


def extra_info_settings(version: int) -> tuple[str, str]:
    """The fields of `Config` with members for a version; those of the second replace those of the first."""
    return ("iiif_extra_info", f"iiif_extra_info_{version}")


def extra_members(text: str, setting: str) -> Mapping[str, Any]:
    """The members in a setting, with or without braces; called at start as a check.

    Args:
        text: its value.
        setting: the field of `Config`, for the message.

    Raises:
        ConfigError: they are not JSON, or replace one of `OWN_MEMBERS`.
    """
    bare = text.strip().strip(",").strip()
    if not bare:
        return {}
    try:
        members = json.loads(bare if bare.startswith("{") else f"{{{bare}}}")
    except ValueError as error:
        raise ConfigError(
            f'{setting.upper()} is {text!r}; JSON members are needed, as in "attribution": "A library"'
        ) from error
    if not isinstance(members, dict):
        raise ConfigError(f"{setting.upper()} is {text!r}; members of a JSON object are needed")
    if taken := sorted(OWN_MEMBERS & members.keys()):
        raise ConfigError(f"{setting.upper()} is {text!r}; {', '.join(taken)} cannot be replaced")
    return members


# -- media type ------------------------------------------------------------------------------------


def negotiated_version(accept: str | None, configured: int) -> int:
    """The version of info.json at an address without one: that whose profile the client prefers, as with iipsrv.

    Args:
        accept: the Accept header.
        configured: the version if it prefers none, as most do.
    """
    if not accept or "context.json" not in accept:
        return configured
    order = [configured, *(number for number in sorted(VERSIONS, reverse=True) if number != configured)]
    offers = {_linked_type(VERSIONS[number]): number for number in order}
    preferred = negotiated(accept, tuple(offers))
    return configured if preferred is None else offers[preferred]


def _linked_type(version: Version) -> str:
    return f'{JSON_LD};profile="{version.context}"'


def negotiated_type(version: Version, accept: str | None) -> str:
    """The media type of info.json (Image API 3.0 section 5.1, 2.1 section 5).

    Version 3 is JSON-LD with a profile unless the client prefers plain JSON; earlier ones are JSON unless it
    prefers JSON-LD, which then names no profile. A client that accepts neither gets plain JSON.
    """
    linked = _linked_type(version)
    if version.number > 2:
        return negotiated(accept, (linked, JSON)) or JSON
    return JSON_LD if negotiated(accept, (JSON, linked)) == linked else JSON
