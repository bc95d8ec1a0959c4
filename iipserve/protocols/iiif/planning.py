"""IIIF Image API 3.0, 2.1 and 1.1 at level 2: image requests, info.json, and the redirect to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from iipserve.config import Config
from iipserve.geometry import Region, Size, new_tuple
from iipserve.http.public_address import headers_read
from iipserve.image import ImageInfo
from iipserve.plan import Answer, Crop, Redirect, RenderPlan, image_ref
from iipserve.processing import Operation
from iipserve.processing.color import Bitonal, Grayscale
from iipserve.processing.histogram import Equalize
from iipserve.processing.tone import Invert, Logarithm, Stretch
from iipserve.processing.transform import Mirror, Rotate
from iipserve.protocols import Images, Server
from iipserve.protocols.encodings import export_encoding, tile_encoding
from iipserve.protocols.iiif.info import (
    advertised_tile,
    extra_info_settings,
    extra_members,
    info_document,
    negotiated_version,
)
from iipserve.protocols.iiif.limits import Limits, limits_of
from iipserve.protocols.iiif.parameters import (
    MAX_KEPT,
    SizeKind,
    SizeText,
    UpscalingOff,
    advertised_factor,
    canonical_rotation,
    check_size,
    resolve_region,
    resolve_size,
)
from iipserve.protocols.iiif.requests import BaseQuery, ImageQuery, InfoQuery, Parameters, Query
from iipserve.protocols.iiif.versions import UNVERSIONED, VERSIONS, Version
from iipserve.protocols.tiles import has_color, quality_layers
from iipserve.protocols.url_text import inline_disposition
from iipserve.pyramid import Placement, place_region, place_tile


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The image, its description, or the redirect to that.

    Raises:
        InvalidRequest: the version lacks what the query requests, or region or size do not fit the image.
    """
    info = images.only()
    if isinstance(query, BaseQuery):
        return Answer(Redirect(f"{query.address}/info.json"), _vary(server.config))
    if isinstance(query, InfoQuery):
        number = query.version or negotiated_version(query.accept, server.config.iiif_version)
        return info_document(VERSIONS[number], query.address, query.accept, info, server)
    version = VERSIONS[query.version] if query.version else UNVERSIONED[server.config.iiif_version]
    return _plan_image(query, version, info, server)


def _plan_image(query: ImageQuery, version: Version, info: ImageInfo, server: Server) -> Answer:
    parameters = query.parameters
    image = _resolve(parameters, version, info, server)
    own = ("Accept",) if parameters.is_negotiated else ()
    headers = [("Link", _links(version, query.address, image.canonical)), *_vary(server.config, *own)]
    if not image.is_tile:
        suffix = f"_{image.size.width}x{image.size.height}.{parameters.extension}"
        headers.append(("Content-Disposition", inline_disposition(query.names[0].identifier, suffix)))
    return Answer(_render_plan(image, info, server), tuple(headers))


def _vary(config: Config, *own: str) -> tuple[tuple[str, str], ...]:
    """The Vary header: `own`, and what the base URI in other headers may depend on."""
    names = (*own, *headers_read(config))
    return (("Vary", ", ".join(names)),) if names else ()


def _links(version: Version, address: str, canonical: str) -> str:
    """The value of the Link header: the compliance level, and the canonical address where the version has one."""
    if not canonical:
        return version.profile_link
    return f'{version.profile_link}, <{address}/{canonical}>;rel="canonical"'


class _Resolved(NamedTuple):
    """The parameters in pixels of one image."""

    placement: Placement
    size: Size
    """Before rotation."""
    is_tile: bool
    """Of the advertised grid."""
    format: str
    operations: tuple[Operation, ...]
    canonical: str
    """The canonical form of the parameters (Image API 3.0 section 4.7); empty where the version has none."""


def _resolve(parameters: Parameters, version: Version, info: ImageInfo, server: Server) -> _Resolved:
    """The parameters applied to an image.

    Raises:
        InvalidRequest: the version lacks one of them, or region or size do not fit the image.
    """
    config, limits = server.config, limits_of(info, server)
    meaning = version.quality(parameters.quality, extensions=config.iiif_extensions)
    quality = _effective_quality(meaning, info)
    region = resolve_region(parameters.region, info.size)
    extent = region.size
    size_text = _with_upscaling(parameters.size, version, config)
    size, factor = _sized(size_text, region, extent, info, limits, version)
    check_size(size_text, size, extent, config.max_size)
    place = _canonical_place(version, info, region, extent, size, limits)
    rotation = canonical_rotation(parameters.mirrored, parameters.degrees)
    return new_tuple(_Resolved, (
        _placement(info, region, size, factor),
        size,
        factor is not None and size.fits_in(info.tile) and parameters.degrees % 90 == 0,
        parameters.format,
        _operations(quality, parameters.mirrored, parameters.degrees),
        f"{place}/{rotation}/{quality}.{parameters.extension}" if place else "",
    ))  # fmt: skip


def _canonical_place(
    version: Version, info: ImageInfo, region: Region, extent: Size, size: Size, limits: Limits
) -> str:
    """Region and size in canonical form; empty where the version has none."""
    if version.canonical_size is None:
        return ""
    x, y, width, height = region
    region_text = "full" if extent == info.size else f"{x},{y},{width},{height}"
    return f"{region_text}/{version.canonical_size(extent, size, limits)}"


def _placement(info: ImageInfo, region: Region, size: Size, factor: int | None) -> Placement:
    """Tiles and whole levels of the grid are placed as by the other protocols with such a grid."""
    if factor is None:
        return place_region(info, region, size)
    grid_size = info.power_of_two_sizes[factor.bit_length() - 1]
    x, y, _, _ = region
    return place_tile(info, grid_size, new_tuple(Region, (x // factor, y // factor, *size)))


def _with_upscaling(text: SizeText, version: Version, config: Config) -> SizeText:
    """The size, with `upscales` saying whether it may be larger than the region.

    Raises:
        InvalidSize: the version has no such size.
        UpscalingOff: it requests upscaling, which is off.
    """
    version.check_size(text, lenient=config.iiif_lenient)
    upscaling = config.allow_upscaling
    if version.marks_upscaling:
        if text.upscales and not upscaling:
            raise UpscalingOff("upscaling is off on this server; omit the ^")
        if config.iiif_lenient and upscaling and text.kind in (SizeKind.SIDES, SizeKind.PERCENT):
            return text._replace(upscales=True)
        return text
    if upscaling and text.kind not in (SizeKind.MAX, SizeKind.FULL):
        return text._replace(upscales=True)
    return text


def _sized(
    text: SizeText, region: Region, extent: Size, info: ImageInfo, limits: Limits, version: Version
) -> tuple[Size, int | None]:
    """The size, and the scale factor if region and size address a tile or level of the advertised grid.

    Sizes in the grid are rounded up, as viewers expect of tiles at the edges.
    """
    tile = advertised_tile(info, limits)
    if text.kind is SizeKind.CONFINED and not version.marks_upscaling:
        # a box limits its size, as `w,h` does; only 3.0 has the area in its definition (section 4.2)
        limits = limits.sides_only()
    if text.kind is SizeKind.SIDES:
        factor = advertised_factor(info.size, tile, region, text.width, text.height)
        size = resolve_size(text, extent, limits) if factor is None else extent.ceil_scaled(factor)
    else:
        size = resolve_size(text, extent, limits)
        factor = advertised_factor(info.size, tile, region, size.width, size.height)
    return size, factor


def _effective_quality(quality: str, info: ImageInfo) -> str:
    """The quality, or `default` for gray of a gray image.

    (A bilevel image is no longer bitonal once it is scaled.)
    """
    return "default" if quality == "gray" and not has_color(info) else quality


@lru_cache(maxsize=MAX_KEPT)
def _operations(quality: str, mirrored: bool, degrees: float) -> tuple[Operation, ...]:
    """In canonical order: colors first, then mirroring and rotation."""
    operations: list[Operation] = []
    if quality != "default":
        operations.append(QUALITIES[quality])
    if mirrored:
        operations.append(Mirror())
    if degrees:
        operations.append(Rotate(degrees))
    return tuple(operations)


QUALITIES: Mapping[str, Operation] = {
    "gray": Grayscale(),
    "bitonal": Bitonal(),
    "negative": Invert(),
    "stretch": Stretch(),
    "equalization": Equalize(),
    "log": Logarithm(),
}


def _render_plan(image: _Resolved, info: ImageInfo, server: Server) -> RenderPlan:
    operations = image.operations
    profile = not operations or all(operation.keeps_profile for operation in operations)
    encoding = (tile_encoding if image.is_tile else export_encoding)(
        image.format, info, server, profile=profile
    )
    layers = quality_layers(info, server.config) if info.quality_layers > 1 else 0
    return RenderPlan(new_tuple(Crop, (image_ref(info, layers), *image.placement)), encoding, operations)


def check(config: Config) -> None:
    """Check that IIIF_EXTRA_INFO is JSON, for each version.

    Raises:
        ConfigError: it is not.
    """
    for name in {name for version in VERSIONS for name in extra_info_settings(version)}:
        extra_members(getattr(config, name), name)
