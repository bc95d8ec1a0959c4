"""IIIF addresses, from text to queries: image requests, info.json, the base URI, manifests and collections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple, TypeAlias

from iipserve.config import Config
from iipserve.errors import InvalidRequest, UnsupportedEncoding
from iipserve.formats import Formats
from iipserve.geometry import new_tuple
from iipserve.http import Routed
from iipserve.http.negotiation import negotiated
from iipserve.http.public_address import ascii_address
from iipserve.image import ImageName, Selector
from iipserve.protocols import Server
from iipserve.protocols.iiif.parameters import (
    MAX_KEPT,
    RegionText,
    SizeText,
    read_region,
    read_rotation,
    read_size,
)
from iipserve.protocols.iiif.versions import EARLIER_QUALITIES, EXTENSIONS, VERSIONS
from iipserve.protocols.tiles import USUAL_EXTENSION
from iipserve.protocols.url_text import decoded, decoded_identifier, path_target

MANIFEST, COLLECTION = "manifest", "collection"
"""First segments of the addresses of the Presentation API."""
PRESENTATION = (f"{MANIFEST}/", f"{COLLECTION}/")
VERSION_SEGMENTS = {"1/": 1, "2/": 2, "3/": 3}
QUALITY_AND_FORMAT = re.compile(r"([a-z]{1,20})(?:\.([a-z0-9]{1,8}))?")
PARAMETER = re.compile(
    r"full|square|\^?max|(pct:)?[0-9.,-]*,[0-9.,-]*|\^?!?[0-9]*,[0-9]*|\^?pct:.*|!?[0-9.]+"
    r"|(default|color|gray|grey|bitonal|native)(\..*)?|info\..*"
)
"""A segment that is a parameter of an incomplete image request, not a folder of a base URI."""
PAGE = re.compile("[0-9]{1,9}")
PAGE_PARAMETER = re.compile(";page=([1-9][0-9]{0,8})$")
"""The page of a file with several, at the end of an identifier, whatever IIIF_DELIMITER is."""
ENCODED_SLASH = re.compile("%2F", re.IGNORECASE)
KNOWN_QUALITY = re.compile(rf"(?:{'|'.join((*EARLIER_QUALITIES, *EXTENSIONS))})(?:\.[a-z0-9]{{1,8}})?")
IIIF_ID = re.compile(r"https?://[!#-;=?-~\x80-\xff]{1,2000}")


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """The part of an image request that follows the region. Compared by identity, as one is kept for each text."""

    size: SizeText
    mirrored: bool
    degrees: float
    """Clockwise, after mirroring; from 0 to below 360."""
    quality: str
    extension: str
    format: str
    """Name of the output format."""
    is_negotiated: bool = False
    """The Accept header, not the address, decided on the format."""


class UnknownFormat(UnsupportedEncoding):
    """The format is not one that this server writes, in version 1 (Image API 1.1 section 6.2)."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class ImageQuery(NamedTuple):
    """An image or a part of it."""

    names: tuple[ImageName, ...]
    address: str
    """The base URI."""
    version: int | None
    """Major version of the API; None is that of the settings."""
    region: RegionText
    options: Options


class InfoQuery(NamedTuple):
    """The description of the image: info.json."""

    names: tuple[ImageName, ...]
    address: str
    version: int | None
    accept: str | None
    """The Accept header."""


class BaseQuery(NamedTuple):
    """The base URI without anything after it."""

    names: tuple[ImageName, ...]
    address: str


class ManifestQuery(NamedTuple):
    """The manifest of an image (Presentation API 3.0)."""

    names: tuple[ImageName, ...]
    address: str
    """Of the manifest, as the client wrote it."""
    root: str
    """The address that targets of this protocol follow: `https://example.org/iiif/`."""
    accept: str | None
    """The Accept header."""


class FolderQuery(NamedTuple):
    """The images of a folder as a collection (Presentation API 3.0)."""

    names: tuple[ImageName, ...]
    """None."""
    folder: str
    """Its path below the prefix, without a slash at its end; empty for the prefix itself."""
    address: str
    root: str
    accept: str | None


Query: TypeAlias = ImageQuery | InfoQuery | BaseQuery | ManifestQuery | FolderQuery


# -- parsing ---------------------------------------------------------------------------------------


def parse(routed: Routed, server: Server) -> Query:
    """Read `ID/REGION/SIZE/ROTATION/QUALITY.FORMAT`, `ID/info.json`, `ID`, `manifest/ID` or `collection/FOLDER`.

    Read from the right, so that the identifier may contain unencoded slashes. Below a path of the protocol,
    a first segment of 1, 2 or 3 is the version. Without a version, what iipsrv takes is taken: upper case, no format,
    an address that is encoded as a whole.

    Raises:
        InvalidRequest: it has none of these forms, or a parameter is malformed.
    """
    target, accept = path_target(routed), routed.request.header("Accept")
    if routed.by_path and target.startswith(PRESENTATION) and (resource := _resource(routed, target, server)):
        return resource
    version = VERSION_SEGMENTS.get(target[:2]) if routed.by_path else None
    if version is None:
        target = _with_slashes(target)
    start = 0 if version is None else 2
    parts = target[start:].rsplit("/", 4)
    last = _last_segment(parts[-1])
    if last == "info.json" and len(parts) > 1:
        end = target.rindex("/")
        return InfoQuery(*_base(routed, server.config, target[:end], start), version, accept)
    if len(parts) < 5:
        bare = target.removesuffix("/")
        _check_base(bare[start:])
        return BaseQuery(*_base(routed, server.config, bare, start))
    raw, region, size, rotation, _ = parts
    options = _options(size, rotation, last, version, server, _relevant(accept, version, server))
    region = decoded(region) if version else decoded(region).lower()
    base = _base(routed, server.config, target[: start + len(raw)], start)
    return new_tuple(ImageQuery, (*base, version, read_region(region), options))


def _resource(routed: Routed, target: str, server: Server) -> ManifestQuery | FolderQuery | None:
    """What a target of the Presentation API leads to; None if it is of the Image API, of a folder of such a name."""
    kind, _, rest = target.partition("/")
    *_, region, _, _, last = ("", "", "", *target.rsplit("/", 4))
    last = _last_segment(last)
    if last == "info.json" or (
        PARAMETER.fullmatch(decoded(region)) and KNOWN_QUALITY.fullmatch(last.lower())
    ):
        return None
    address, root = routed.public_url(target, server.config), routed.public_url("", server.config)
    accept = routed.request.header("Accept")
    if kind == MANIFEST:
        return ManifestQuery(_names(rest, server.config.iiif_delimiter), address, root, accept)
    return FolderQuery((), decoded(rest).strip("/"), address, root, accept)


def _with_slashes(target: str) -> str:
    """The target with its slashes, if they are encoded although more than an identifier was."""
    if "/" in target or "%2F" not in target.upper():
        return target
    plain = ENCODED_SLASH.sub("/", target)
    last = _last_segment(plain.rpartition("/")[2])
    whole = last == "info.json" or (plain.count("/") >= 4 and KNOWN_QUALITY.fullmatch(last.lower()))
    return plain if whole else target


def _relevant(accept: str | None, version: int | None, server: Server) -> str | None:
    """The Accept header, if it may decide on the format."""
    return accept if VERSIONS[version or server.config.iiif_version].negotiates_format else None


@lru_cache(maxsize=MAX_KEPT)
def _options(
    size: str, rotation: str, last: str, version: int | None, server: Server, accept: str | None
) -> Options:
    """The options in the last three segments of an image request; only `last` is decoded."""
    segments = decoded(size), decoded(rotation), last
    size, rotation, last = segments if version else (segment.lower() for segment in segments)
    if VERSIONS[version or server.config.iiif_version].negotiates_format:
        quality = read_quality_1(last, server.formats, accept)
    else:
        quality = read_quality(last, server.formats, USUAL_EXTENSION if version is None else None)
    mirrored, degrees = read_rotation(rotation)
    return Options(read_size(size), mirrored, degrees, *quality)


def _last_segment(text: str) -> str:
    """The last segment, without query parameters that were encoded into it, which are ignored."""
    return decoded(text).partition("?")[0] if "%" in text or "?" in text else text


@lru_cache(maxsize=MAX_KEPT)
def read_quality(last: str, formats: Formats, usual: str | None) -> tuple[str, str, str, bool]:
    """The quality, extension and format in the last segment of an address.

    Args:
        last: the segment.
        formats: those of the server.
        usual: the extension of an address without one; None if it needs one.

    Raises:
        InvalidRequest: it is not QUALITY.FORMAT, or the format is not written.
    """
    match = QUALITY_AND_FORMAT.fullmatch(last)
    extension = (match[2] or usual) if match else None
    if match is None or extension is None:
        raise InvalidRequest(f"{last!r} is not QUALITY.FORMAT, as in default.jpg")
    return match[1], extension, formats.of_extension(extension).name, False


def read_quality_1(last: str, formats: Formats, accept: str | None) -> tuple[str, str, str, bool]:
    """As `read_quality`, in version 1: without a format, that of the Accept header (Image API 1.1 section 4.5).

    Raises:
        InvalidRequest: it is not QUALITY or QUALITY.FORMAT.
        UnknownFormat: the format is not written.
    """
    match = QUALITY_AND_FORMAT.fullmatch(last)
    if match is None:
        raise InvalidRequest(f"{last!r} is not QUALITY or QUALITY.FORMAT, as in native.jpg")
    if match[2] is None:
        known = formats.by_extension.values()
        wanted = negotiated(accept, tuple(format.media_type for format in known))
        found = next((format for format in known if format.media_type == wanted), None) or next(iter(known))
        return match[1], found.extension, found.name, True
    try:
        return match[1], match[2], formats.of_extension(match[2]).name, False
    except UnsupportedEncoding as error:
        raise UnknownFormat(str(error)) from None


def _check_base(text: str) -> None:
    """Refuse a base URI with unencoded slashes one of whose segments shows that more was intended."""
    if any(PARAMETER.fullmatch(decoded(segment)) for segment in text.split("/")[1:]):
        raise InvalidRequest(
            f"{text!r} has too few segments; ID/REGION/SIZE/ROTATION/QUALITY.FORMAT or ID/info.json is needed"
        )


def _base(routed: Routed, config: Config, target: str, start: int) -> tuple[tuple[ImageName, ...], str]:
    """The image and the base URI of a target that ends with the identifier, which begins at `start`."""
    return _names(target[start:], config.iiif_delimiter), _address(routed, config, target)


@lru_cache(maxsize=MAX_KEPT)
def _names(raw: str, delimiter: str) -> tuple[ImageName, ...]:
    """The image: an identifier and, after the last IIIF_DELIMITER, an index into its stack, or `;page=` and one more than that.

    Without a number after it, the delimiter belongs to the identifier.
    """
    identifier = decoded_identifier(raw)
    parameter = PAGE_PARAMETER.search(identifier) if ";" in identifier else None
    if parameter is not None and parameter.start():
        return (ImageName(identifier[: parameter.start()], Selector(int(parameter[1]) - 1)),)
    if delimiter and delimiter in identifier:
        name, _, page = identifier.rpartition(delimiter)
        if name and PAGE.fullmatch(page):
            return (ImageName(name, Selector(int(page))),)
    return (ImageName(identifier),)


def _address(routed: Routed, config: Config, target: str) -> str:
    """The base URI as the client wrote it; a front end may state it in X-IIIF-ID (iipsrv)."""
    stated = routed.request.environ.get("HTTP_X_IIIF_ID")
    if stated and config.trust_forwarded:
        if not IIIF_ID.fullmatch(stated):
            raise InvalidRequest(f"X-IIIF-ID {stated!r} is not an absolute http address")
        return ascii_address(stated)
    return routed.public_url(target, config)
