"""Plans of IIIF: image requests, info.json and the redirect to it, and resources of the Presentation API."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from weakref import ref

from iipserve.config import Config
from iipserve.geometry import Region, Size, new_tuple
from iipserve.http import Headers
from iipserve.http.public_address import headers_read
from iipserve.image import ImageInfo
from iipserve.plan import Answer, Crop, Encoding, ImageRef, Redirect, RenderPlan, image_ref
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
from iipserve.protocols.iiif.presentation import collection, manifest
from iipserve.protocols.iiif.requests import (
    BaseQuery,
    FolderQuery,
    ImageQuery,
    InfoQuery,
    ManifestQuery,
    Options,
    Query,
)
from iipserve.protocols.iiif.versions import UNVERSIONED, VERSIONS, Version
from iipserve.protocols.tiles import has_color, quality_layers
from iipserve.protocols.url_text import inline_disposition
from iipserve.pyramid import Placement, place_region, place_tile


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The image, its description, the redirect to that, its manifest, or a collection of images.

    Raises:
        InvalidRequest: the version lacks what the query requests, or region or size do not fit the image.
        IIPServeError: as `manifest` and `collection`.
    """
    if isinstance(query, FolderQuery):
        return collection(query, images, server)
    if isinstance(query, ManifestQuery):
        return manifest(query, images, server)
    info = images.only()
    if isinstance(query, BaseQuery):
        return Answer(Redirect(f"{query.address}/info.json"), _vary(server.config))
    if isinstance(query, InfoQuery):
        number = query.version or negotiated_version(query.accept, server.config.iiif_version)
        return info_document(VERSIONS[number], query.address, query.accept, info, server)
    version = VERSIONS[query.version] if query.version else UNVERSIONED[server.config.iiif_version]
    return _plan_image(query, version, info, server)


def _plan_image(query: ImageQuery, version: Version, info: ImageInfo, server: Server) -> Answer:
    """Apply region and size to the image.

    Raises:
        InvalidRequest: the version lacks what the query requests, or region or size do not fit the image.
    """
    image = _settled(query.options, version, ref(info), server)
    region = resolve_region(query.region, info.size)
    extent = region.size
    size, factor = _sized(image, region, extent, info)
    check_size(image.size, size, extent, server.config.max_size)
    place = _canonical_place(version, info, region, extent, size, image.limits)
    headers: Headers = (("Link", _links(version, query.address, place, image.suffix)), *image.vary)
    is_tile = factor is not None and image.is_upright and size.fits_in(info.tile)
    if not is_tile:
        suffix = f"_{size.width}x{size.height}.{query.options.extension}"
        disposition = inline_disposition(query.names[0].identifier, suffix)
        headers = (*headers, ("Content-Disposition", disposition))
    view = new_tuple(Crop, (image.ref, *_placement(info, region, size, factor)))
    plan = RenderPlan(view, image.tile_encoding if is_tile else image.export_encoding, image.operations)
    return new_tuple(Answer, (plan, headers))


def _vary(config: Config, *own: str) -> tuple[tuple[str, str], ...]:
    """The Vary header: `own`, and what the base URI in other headers may depend on."""
    names = (*own, *headers_read(config))
    return (("Vary", ", ".join(names)),) if names else ()


def _links(version: Version, address: str, place: str, suffix: str) -> str:
    """The value of the Link header: the compliance level, and the canonical address where the version has one."""
    if not place:
        return version.profile_link
    return f'{version.profile_link}, <{address}/{place}/{suffix}>;rel="canonical"'


class _Settled(NamedTuple):
    """What the options of a request mean for one image, whatever the region."""

    ref: ImageRef
    size: SizeText
    """With `upscales` saying whether it may be larger than the region."""
    limits: Limits
    size_limits: Limits
    """Those that the requested size is reduced to."""
    tile: Size
    """Of the advertised grid."""
    is_upright: bool
    """Rotated by a multiple of 90 degrees, as tiles can be."""
    operations: tuple[Operation, ...]
    tile_encoding: Encoding
    export_encoding: Encoding
    suffix: str
    """The canonical form of rotation, quality and format (Image API 3.0 section 4.7)."""
    vary: Headers


@lru_cache(maxsize=MAX_KEPT)
def _settled(options: Options, version: Version, image: ref[ImageInfo], server: Server) -> _Settled:
    """The options applied to an image, which the caller holds: a viewer sends the same ones with every tile.

    Raises:
        InvalidRequest: the version lacks one of them.
    """
    info, config = image(), server.config
    assert info is not None, "held by the caller"
    quality = _effective_quality(version.quality(options.quality, extensions=config.iiif_extensions), info)
    size, limits = _with_upscaling(options.size, version, config), limits_of(info, server)
    operations = _operations(quality, options.mirrored, options.degrees)
    profile = all(operation.keeps_profile for operation in operations)
    # a box limits its size, as `w,h` does; only 3.0 has the area in its definition (section 4.2)
    by_sides = size.kind is SizeKind.CONFINED and not version.marks_upscaling
    return _Settled(
        ref=image_ref(info, quality_layers(info, config) if info.quality_layers > 1 else 0),
        size=size,
        limits=limits,
        size_limits=limits.sides_only() if by_sides else limits,
        tile=advertised_tile(info, limits),
        is_upright=options.degrees % 90 == 0,
        operations=operations,
        tile_encoding=tile_encoding(options.format, info, server, profile=profile),
        export_encoding=export_encoding(options.format, info, server, profile=profile),
        suffix=f"{canonical_rotation(options.mirrored, options.degrees)}/{quality}.{options.extension}",
        vary=_vary(config, *(("Accept",) if options.is_negotiated else ())),
    )


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


def _sized(image: _Settled, region: Region, extent: Size, info: ImageInfo) -> tuple[Size, int | None]:
    """The size, and the scale factor if region and size address a tile or level of the advertised grid.

    Sizes in the grid are rounded up, as viewers expect of tiles at the edges.
    """
    text, limits = image.size, image.size_limits
    if text.kind is SizeKind.SIDES:
        factor = advertised_factor(info.size, image.tile, region, text.width, text.height)
        size = resolve_size(text, extent, limits) if factor is None else extent.ceil_scaled(factor)
    else:
        size = resolve_size(text, extent, limits)
        factor = advertised_factor(info.size, image.tile, region, size.width, size.height)
    return size, factor


def _effective_quality(quality: str, info: ImageInfo) -> str:
    """The quality, or `default` for gray of a gray image.

    (A bilevel image is no longer bitonal once it is scaled.)
    """
    return "default" if quality == "gray" and not has_color(info) else quality


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


def check(config: Config) -> None:
    """Check that IIIF_EXTRA_INFO is JSON, for each version.

    Raises:
        ConfigError: it is not.
    """
    for name in {name for version in VERSIONS for name in extra_info_settings(version)}:
        extra_members(getattr(config, name), name)
