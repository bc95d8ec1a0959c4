"""IIIF Image API 3.0 and 2.1 at level 2: image requests, info.json, and the redirect to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

from iipserve.config import Config
from iipserve.errors import InvalidRequest
from iipserve.geometry import Region, Size
from iipserve.http import Request
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import Answer, Redirect, RenderPlan, image_ref
from iipserve.processing import Operation
from iipserve.processing.color import Bitonal, Grayscale
from iipserve.processing.transform import Mirror, Rotate
from iipserve.protocols import Protocol
from iipserve.protocols.encodings import export_encoding, format_of, tile_encoding
from iipserve.protocols.iiif_info import advertised_tile, info_document
from iipserve.protocols.iiif_parameters import (
    RegionText,
    SizeKind,
    SizeText,
    UpscalingOff,
    advertised_factor,
    check_size,
    read_region,
    read_rotation,
    read_size,
    resolve_region,
    resolve_size,
)
from iipserve.protocols.iiif_versions import VERSIONS, Version
from iipserve.protocols.tiles import plan_tile, quality_layers
from iipserve.protocols.wire_text import decoded, decoded_identifier, inline_disposition, own_target
from iipserve.pyramid import place_region, place_tile

VERSION_SEGMENTS = {"2/": 2, "3/": 3}
QUALITY_AND_FORMAT = re.compile(r"([a-z]{1,20})\.([a-z0-9]{1,8})")
PARAMETER = re.compile(
    r"full|square|\^?max|(pct:)?[0-9.,-]*,[0-9.,-]*|\^?!?[0-9]*,[0-9]*|\^?pct:.*|!?[0-9.]+"
    r"|(default|color|gray|grey|bitonal|native)(\..*)?|info\..*"
)
"""What no folder is called: with fewer segments than it needs, a request that has one is no base URI."""
SAFE_IN_HEADER = re.compile(r"[!#-;=?-~]*")
"""Printable ASCII without what ends a link: blank, quote, angle brackets."""
IIIF_ID = re.compile(r"https?://[!#-;=?-~]+")


class Parameters(NamedTuple):
    """What follows the identifier of an image request."""

    region: RegionText
    size: SizeText
    mirrored: bool
    degrees: int
    """Clockwise, after mirroring: 0, 90, 180 or 270."""
    quality: str
    extension: str
    format: str
    """Name of the output format."""


class ImageQuery(NamedTuple):
    """An image or a part of it."""

    identifier: str
    version: int | None
    """Major version of the API; None is the one of the settings."""
    address: str
    """The base URI."""
    parameters: Parameters


class InfoQuery(NamedTuple):
    """The description of the image: info.json."""

    identifier: str
    version: int | None
    address: str
    accept: str | None
    """The Accept header."""


class BaseQuery(NamedTuple):
    """The bare base URI."""

    identifier: str
    address: str


Query: TypeAlias = ImageQuery | InfoQuery | BaseQuery


# -- parsing ---------------------------------------------------------------------------------------


def parse(request: Request) -> Query:
    """Read `ID/REGION/SIZE/ROTATION/QUALITY.FORMAT`, `ID/info.json` or `ID`.

    Read from the right, so that slashes in the identifier may arrive decoded. Below `/iiif/`, a first
    segment of 2 or 3 is the version.

    Raises:
        InvalidRequest: it is none of these, or a parameter is malformed.
    """
    target = own_target(request)
    version = VERSION_SEGMENTS.get(target[:2]) if request.natural else None
    start = 0 if version is None else 2
    parts = target[start:].rsplit("/", 4)
    last = _last_segment(parts[-1])
    if last == "info.json" and len(parts) > 1:
        raw = target[start : target.rindex("/")]
        address = _address(request, target[:start] + raw)
        return InfoQuery(decoded_identifier(raw), version, address, request.header("Accept"))
    if len(parts) < 5:
        return _parse_base(request, target[:start], target[start:])
    return _parse_image(request, version, target[:start], parts, last)


def _last_segment(text: str) -> str:
    """The last segment; a question mark that got into it begins parameters, which mean nothing here."""
    return decoded(text).partition("?")[0] if "%" in text or "?" in text else text


def _parse_image(request: Request, version: int | None, prefix: str, parts: list[str], last: str) -> Query:
    raw, region, size, rotation, _ = parts
    parameters = read_parameters(region, size, rotation, last)
    return ImageQuery(decoded_identifier(raw), version, _address(request, prefix + raw), parameters)


@lru_cache(maxsize=4096)
def read_parameters(region: str, size: str, rotation: str, last: str) -> Parameters:
    """The parameters in four segments of an address; remembered, as viewers ask again and again.

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
        format_of(extension),
    )


def _parse_base(request: Request, prefix: str, target: str) -> Query:
    """The base URI, also with its slashes decoded, unless a segment shows that more was meant."""
    raw = target.removesuffix("/")
    if any(PARAMETER.fullmatch(decoded(segment)) for segment in raw.split("/")[1:]):
        raise InvalidRequest(
            f"{target!r} has too few segments: ID/REGION/SIZE/ROTATION/QUALITY.FORMAT or ID/info.json is needed"
        )
    return BaseQuery(decoded_identifier(raw), _address(request, prefix + raw))


def _address(request: Request, target: str) -> str:
    """The base URI as the client wrote it; a front end may tell it in X-IIIF-ID (iipsrv)."""
    told = request.environ.get("HTTP_X_IIIF_ID")
    if told and request.trust_forwarded:
        if not IIIF_ID.fullmatch(told):
            raise InvalidRequest(f"X-IIIF-ID {told!r} is no absolute http address")
        return told
    return request.public_url(target)


@lru_cache(maxsize=1024)
def header_address(address: str) -> str:
    """The address as it may stand in a header: what is not plain ASCII is percent-encoded."""
    if SAFE_IN_HEADER.fullmatch(address):
        return address
    return quote(address.encode("latin-1", "replace"), safe="/%~!$&'()*+,;=:@?#[]")


# -- planning --------------------------------------------------------------------------------------


def plan(query: Query, info: ImageInfo | None, config: Config) -> Answer:
    """The image, the description, or the way to it.

    Raises:
        InvalidRequest: the version does not have what the query says, or region or size do not fit.
    """
    assert info is not None, "every IIIF query names an image"
    if isinstance(query, BaseQuery):
        return Answer(Redirect(header_address(query.address) + "/info.json"))
    version = VERSIONS[query.version or config.iiif_version]
    if isinstance(query, InfoQuery):
        return info_document(version, query.address, query.accept, info, config)
    return _plan_image(query, version, info, config)


def _plan_image(query: ImageQuery, version: Version, info: ImageInfo, config: Config) -> Answer:
    parameters = query.parameters
    image = _settled(parameters, version, info, config)
    canonical = _canonical(parameters, version, image, info, config)
    link = ("Link", f'{version.profile_link}, <{header_address(query.address)}/{canonical}>;rel="canonical"')
    if image.factor is not None and image.size.fits_in(info.tile):
        return Answer(_tile(image, image.factor, info, config), (link,))
    suffix = f"_{image.size.width}x{image.size.height}.{parameters.extension}"
    disposition = ("Content-Disposition", inline_disposition(query.identifier, suffix))
    return Answer(_export(image, info, config), (link, disposition))


class _Settled(NamedTuple):
    """What the parameters come to for one image."""

    region: Region
    """In pixels of the full size."""
    size: Size
    """Before rotation."""
    factor: int | None
    """The scale factor, if region and size address a tile or a whole level of the advertised grid."""
    quality: str
    """`default` where the quality asked for has no effect."""
    format: str
    operations: tuple[Operation, ...]


def _settled(parameters: Parameters, version: Version, info: ImageInfo, config: Config) -> _Settled:
    quality = _effective_quality(version.quality(parameters.quality), info)
    region = resolve_region(parameters.region, info.size)
    size, factor = _sized(_with_upscaling(parameters.size, version, config), region, info, config)
    operations: tuple[Operation, ...] = ()
    if parameters.mirrored or parameters.degrees or quality != "default":
        operations = _operations(parameters, quality)
    return _Settled(region, size, factor, quality, parameters.format, operations)


def _with_upscaling(text: SizeText, version: Version, config: Config) -> SizeText:
    """The size with `upscales` telling whether it may be larger than the region.

    Raises:
        InvalidSize: the version has no such size.
        UpscalingOff: it is to be enlarged, and the server does not do that.
    """
    version.check_size(text)
    if version.marks_upscaling:
        if text.upscales and not config.allow_upscaling:
            raise UpscalingOff("sizes after ^ are not served here; leave out the ^")
        return text
    if config.allow_upscaling and text.kind not in (SizeKind.MAX, SizeKind.FULL):
        return text._replace(upscales=True)
    return text


def _sized(text: SizeText, region: Region, info: ImageInfo, config: Config) -> tuple[Size, int | None]:
    """The size, and the scale factor if region and size address something in the advertised grid.

    There, sizes are rounded up, as viewers expect of the tiles at the edges.
    """
    limit = config.max_size
    tile = advertised_tile(info, limit)
    extent = region.size
    if text.kind is SizeKind.SIDES:
        factor = advertised_factor(info.size, tile, region, text.width, text.height)
        size = resolve_size(text, extent, limit) if factor is None else extent.ceil_scaled(factor)
    else:
        size = resolve_size(text, extent, limit)
        factor = advertised_factor(info.size, tile, region, size.width, size.height)
    check_size(text, size, extent, limit)
    return size, factor


def _effective_quality(quality: str, info: ImageInfo) -> str:
    """The quality, or `default` if the image is like that anyway."""
    if quality == "gray" and info.color_space is ColorSpace.GRAY:
        return "default"
    if quality == "bitonal" and info.bits == 1:
        return "default"
    return quality


def _operations(parameters: Parameters, quality: str) -> tuple[Operation, ...]:
    """Colors first, as there are fewer bands to turn then; the result is the same in any order."""
    steps: list[Operation] = []
    if quality != "default":
        steps.append(QUALITIES[quality])
    if parameters.mirrored:
        steps.append(Mirror())
    if parameters.degrees:
        steps.append(Rotate(parameters.degrees))
    return tuple(steps)


QUALITIES: Mapping[str, Operation] = {"gray": Grayscale(), "bitonal": Bitonal()}


def _tile(image: _Settled, factor: int, info: ImageInfo, config: Config) -> RenderPlan:
    """The plan of an advertised tile: the same as that of other protocols with such a grid."""
    region = Region(image.region.x // factor, image.region.y // factor, image.size.width, image.size.height)
    encoding = tile_encoding(image.format, info, config, profile=_keeps_profile(image))
    grid_size = info.halved_sizes[factor.bit_length() - 1]
    return plan_tile(info, config, grid_size, region, encoding, operations=image.operations)


def _export(image: _Settled, info: ImageInfo, config: Config) -> RenderPlan:
    """The plan of any other image; a whole advertised level (`sizes`) is shown as the file holds it."""
    if image.factor is None:
        placement = place_region(info, image.region, image.size)
    else:
        placement = place_tile(info, image.size, Region.of_size(image.size))
    encoding = export_encoding(image.format, info, config, profile=_keeps_profile(image))
    ref = image_ref(info, quality_layers(info, config))
    return RenderPlan(ref, placement.level, placement.region, placement.size, encoding, image.operations)


def _keeps_profile(image: _Settled) -> bool:
    return not image.operations or all(operation.keeps_profile for operation in image.operations)


def _canonical(
    parameters: Parameters, version: Version, image: _Settled, info: ImageInfo, config: Config
) -> str:
    """The parameters that stand for all spellings of this request (Image API 3.0 section 4.7)."""
    x, y, width, height = image.region.x, image.region.y, image.region.width, image.region.height
    is_full = width == info.size.width and height == info.size.height
    region = "full" if is_full else f"{x},{y},{width},{height}"
    size = version.canonical_size(image.region.size, image.size, config.max_size)
    mark = "!" if parameters.mirrored else ""
    return f"{region}/{size}/{mark}{parameters.degrees}/{image.quality}.{parameters.extension}"


PROTOCOL = Protocol("iiif", "iiif", parse, plan)
