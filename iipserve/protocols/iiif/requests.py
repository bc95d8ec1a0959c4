"""IIIF addresses, from text to queries: image requests, info.json, the base URI."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from iipserve.config import Config
from iipserve.errors import InvalidRequest
from iipserve.formats import Formats
from iipserve.http import Routed
from iipserve.image import ImageName, Selector
from iipserve.protocols import Server
from iipserve.protocols.iiif.parameters import RegionText, SizeText, read_region, read_rotation, read_size
from iipserve.protocols.url_text import decoded, decoded_identifier, path_target

VERSION_SEGMENTS = {"2/": 2, "3/": 3}
QUALITY_AND_FORMAT = re.compile(r"([a-z]{1,20})\.([a-z0-9]{1,8})")
PARAMETER = re.compile(
    r"full|square|\^?max|(pct:)?[0-9.,-]*,[0-9.,-]*|\^?!?[0-9]*,[0-9]*|\^?pct:.*|!?[0-9.]+"
    r"|(default|color|gray|grey|bitonal|native)(\..*)?|info\..*"
)
"""What no folder is called: with fewer segments than it needs, a request that has one is no base URI."""
PAGE = re.compile("[0-9]{1,9}")
IIIF_ID = re.compile(r"https?://[!#-;=?-~]{1,2000}")


class Parameters(NamedTuple):
    """The part of an image request that follows the identifier."""

    region: RegionText
    size: SizeText
    mirrored: bool
    degrees: float
    """Clockwise, after mirroring; from 0 and below 360."""
    quality: str
    extension: str
    format: str
    """Name of the output format."""


class ImageQuery(NamedTuple):
    """An image or a part of it."""

    names: tuple[ImageName, ...]
    version: int | None
    """Major version of the API; None is the one of the settings."""
    address: str
    """The base URI."""
    parameters: Parameters


class InfoQuery(NamedTuple):
    """The description of the image: info.json."""

    names: tuple[ImageName, ...]
    version: int | None
    address: str
    accept: str | None
    """The Accept header."""


class BaseQuery(NamedTuple):
    """The bare base URI."""

    names: tuple[ImageName, ...]
    address: str


Query: TypeAlias = ImageQuery | InfoQuery | BaseQuery


# -- parsing ---------------------------------------------------------------------------------------


def parse(routed: Routed, server: Server) -> Query:
    """Read `ID/REGION/SIZE/ROTATION/QUALITY.FORMAT`, `ID/info.json` or `ID`.

    Read from the right, so that slashes in the identifier may arrive decoded. Below a path of the protocol, a first
    segment of 2 or 3 is the version.

    Raises:
        InvalidRequest: it is none of these, or a parameter is malformed.
    """
    target, config = path_target(routed), server.config
    version = VERSION_SEGMENTS.get(target[:2]) if routed.by_path else None
    start = 0 if version is None else 2
    parts = target[start:].rsplit("/", 4)
    last = _last_segment(parts[-1])
    if last == "info.json" and len(parts) > 1:
        raw = target[start : target.rindex("/")]
        address = _address(routed, config, target[:start] + raw)
        return InfoQuery(
            _names(raw, config.iiif_delimiter), version, address, routed.request.header("Accept")
        )
    if len(parts) < 5:
        return _parse_base(routed, config, target[:start], target[start:])
    return _parse_image(routed, server, version, target[:start], parts, last)


def _last_segment(text: str) -> str:
    """The last segment; a question mark that got into it begins parameters, which mean nothing here."""
    return decoded(text).partition("?")[0] if "%" in text or "?" in text else text


def _parse_image(
    routed: Routed, server: Server, version: int | None, prefix: str, parts: list[str], last: str
) -> Query:
    config, (raw, region, size, rotation, _) = server.config, parts
    parameters = read_parameters(region, size, rotation, last, server.formats)
    return ImageQuery(
        _names(raw, config.iiif_delimiter), version, _address(routed, config, prefix + raw), parameters
    )


def read_parameters(region: str, size: str, rotation: str, last: str, formats: Formats) -> Parameters:
    """The parameters in four segments of an address.

    Raises:
        InvalidRequest: one of them follows no form of the grammar.
    """
    quality = QUALITY_AND_FORMAT.fullmatch(last)
    if quality is None:
        raise InvalidRequest(f"{last!r} is no QUALITY.FORMAT, as in default.jpg")
    name, extension = quality.groups()
    mirrored, degrees = read_rotation(decoded(rotation))
    return Parameters(
        read_region(decoded(region)),
        read_size(decoded(size)),
        mirrored,
        degrees,
        name,
        extension,
        formats.of_extension(extension).name,
    )


def _parse_base(routed: Routed, config: Config, prefix: str, target: str) -> Query:
    """The base URI, also with its slashes decoded, unless a segment shows that more was meant."""
    raw = target.removesuffix("/")
    if any(PARAMETER.fullmatch(decoded(segment)) for segment in raw.split("/")[1:]):
        raise InvalidRequest(
            f"{target!r} has too few segments: ID/REGION/SIZE/ROTATION/QUALITY.FORMAT or ID/info.json is needed"
        )
    return BaseQuery(_names(raw, config.iiif_delimiter), _address(routed, config, prefix + raw))


def _names(raw: str, delimiter: str) -> tuple[ImageName, ...]:
    """The image: an identifier and, after the last IIIF_DELIMITER, an index into its stack.

    Without a number after it, the delimiter belongs to the identifier.
    """
    identifier = decoded_identifier(raw)
    if delimiter and delimiter in identifier:
        name, _, page = identifier.rpartition(delimiter)
        if name and PAGE.fullmatch(page):
            return (ImageName(name, Selector(int(page))),)
    return (ImageName(identifier),)


def _address(routed: Routed, config: Config, target: str) -> str:
    """The base URI as the client wrote it; a front end may tell it in X-IIIF-ID (iipsrv)."""
    told = routed.request.environ.get("HTTP_X_IIIF_ID")
    if told and config.trust_forwarded:
        if not IIIF_ID.fullmatch(told):
            raise InvalidRequest(f"X-IIIF-ID {told!r} is no absolute http address")
        return told
    return routed.public_url(target, config)
