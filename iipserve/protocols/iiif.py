"""IIIF Image API 3.0 and 2.1 at level 2: image requests, info.json, and the redirect to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from urllib.parse import quote
from weakref import ref

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
from iipserve.protocols.iiif_info import advertised_tile, extra_members, info_document
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
from iipserve.protocols.tiles import quality_layers
from iipserve.protocols.wire_text import decoded, decoded_identifier, inline_disposition, own_target
from iipserve.pyramid import Placement, place_region, place_tile

VERSION_SEGMENTS = {"2/": 2, "3/": 3}
QUALITY_AND_FORMAT = re.compile(r"([a-z]{1,20})\.([a-z0-9]{1,8})")
PARAMETER = re.compile(
    r"full|square|\^?max|(pct:)?[0-9.,-]*,[0-9.,-]*|\^?!?[0-9]*,[0-9]*|\^?pct:.*|!?[0-9.]+"
    r"|(default|color|gray|grey|bitonal|native)(\..*)?|info\..*"
)
"""What no folder is called: with fewer segments than it needs, a request that has one is no base URI."""
SAFE_IN_HEADER = re.compile(r"[!#-;=?-~]*")
"""Printable ASCII without what ends a link: blank, quote, angle brackets."""
IIIF_ID = re.compile(r"https?://[!#-;=?-~]{1,2000}")


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """What follows the identifier of an image request; compared by identity, as `read_parameters` remembers."""

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
    image = _settled(parameters, version, ref(info), config.max_size, config.allow_upscaling)
    address = header_address(query.address)
    link = ("Link", f'{version.profile_link}, <{address}/{image.canonical}>;rel="canonical"')
    plan = _render_plan(image, info, config)
    if image.is_tile:
        return Answer(plan, (link,))
    suffix = f"_{image.size.width}x{image.size.height}.{parameters.extension}"
    disposition = ("Content-Disposition", inline_disposition(query.identifier, suffix))
    return Answer(plan, (link, disposition))


class _Settled(NamedTuple):
    """What the parameters come to for one image."""

    placement: Placement
    size: Size
    """Before rotation."""
    is_tile: bool
    """It is a tile of the advertised grid."""
    format: str
    operations: tuple[Operation, ...]
    canonical: str
    """The parameters that stand for all spellings of this request (Image API 3.0 section 4.7)."""


@lru_cache(maxsize=4096)
def _settled(
    parameters: Parameters, version: Version, image: ref[ImageInfo], limit: int | None, upscaling: bool
) -> _Settled:
    """The parameters applied to an image; remembered, without keeping the image from being forgotten.

    Args:
        parameters: as asked for.
        version: of the API.
        image: alive.
        limit: longest side of any answer, or None.
        upscaling: ALLOW_UPSCALING.
    """
    info = image()
    assert info is not None, "the caller holds it"
    quality = _effective_quality(version.quality(parameters.quality), info)
    region = resolve_region(parameters.region, info.size)
    size_text = _with_upscaling(parameters.size, version, upscaling)
    size, factor = _sized(size_text, region, info, limit)
    x, y, width, height = region.x, region.y, region.width, region.height
    region_text = "full" if region.size == info.size else f"{x},{y},{width},{height}"
    rotation = f"{'!' if parameters.mirrored else ''}{parameters.degrees}"
    return _Settled(
        _placement(info, region, size, factor),
        size,
        factor is not None and size.fits_in(info.tile),
        parameters.format,
        _operations(parameters, quality),
        f"{region_text}/{version.canonical_size(region.size, size, limit)}/{rotation}"
        f"/{quality}.{parameters.extension}",
    )


def _placement(info: ImageInfo, region: Region, size: Size, factor: int | None) -> Placement:
    """Tiles and whole levels of the grid lie where other protocols with such a grid have them."""
    if factor is None:
        return place_region(info, region, size)
    grid_size = info.halved_sizes[factor.bit_length() - 1]
    return place_tile(
        info, grid_size, Region(region.x // factor, region.y // factor, size.width, size.height)
    )


def _with_upscaling(text: SizeText, version: Version, upscaling: bool) -> SizeText:
    """The size with `upscales` telling whether it may be larger than the region.

    Raises:
        InvalidSize: the version has no such size.
        UpscalingOff: it is to be enlarged, and the server does not do that.
    """
    version.check_size(text)
    if version.marks_upscaling:
        if text.upscales and not upscaling:
            raise UpscalingOff("sizes after ^ are not served here; leave out the ^")
        return text
    if upscaling and text.kind not in (SizeKind.MAX, SizeKind.FULL):
        return text._replace(upscales=True)
    return text


def _sized(text: SizeText, region: Region, info: ImageInfo, limit: int | None) -> tuple[Size, int | None]:
    """The size, and the scale factor if region and size address something in the advertised grid.

    There, sizes are rounded up, as viewers expect of the tiles at the edges.
    """
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


def _render_plan(image: _Settled, info: ImageInfo, config: Config) -> RenderPlan:
    operations = image.operations
    profile = not operations or all(operation.keeps_profile for operation in operations)
    encoding = (tile_encoding if image.is_tile else export_encoding)(
        image.format, info, config, profile=profile
    )
    layers = quality_layers(info, config) if info.quality_layers > 1 else 0
    level, region, size = image.placement
    return RenderPlan(image_ref(info, layers), level, region, size, encoding, operations)


def check(config: Config) -> None:
    """See that what is added to info.json is JSON.

    Raises:
        ConfigError: it is not.
    """
    extra_members(config.iiif_extra_info)


PROTOCOL = Protocol("iiif", "iiif", parse, plan, check=check)
