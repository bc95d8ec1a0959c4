"""Encodings: the defaults of the settings, and adjustments requested by clients."""

from __future__ import annotations

from functools import lru_cache

from iipserve.config import Config
from iipserve.errors import UnsupportedEncoding
from iipserve.formats import Format, Formats, Quality
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import Encoding
from iipserve.protocols import Server

KEEP_PROFILE = (ColorSpace.GRAY, ColorSpace.SRGB)
"""Images of other color spaces are converted, so that their profile no longer describes the output."""


def tile_encoding(name: str, info: ImageInfo, server: Server, *, profile: bool = True) -> Encoding:
    """The encoding of tiles: quality from the settings, no metadata except the ICC profile, stored tiles allowed.

    Args:
        name: of the output format.
        info: the image.
        server: settings and formats.
        profile: False when an operation changes colors so that the profile no longer fits.
    """
    return _configured(name, server, profile and _embeds_profile(info, server.config), False)


def export_encoding(name: str, info: ImageInfo, server: Server, *, profile: bool = True) -> Encoding:
    """The encoding of regions and whole images, with all metadata; arguments as of `tile_encoding`."""
    return _configured(name, server, profile and _embeds_profile(info, server.config), True)


def plain_encoding(name: str, server: Server) -> Encoding:
    """The encoding of pictures of several images or none: quality from the settings, no metadata and no profile."""
    return _configured(name, server, False, False)


def raw_encoding() -> Encoding:
    """The encoding of 16-bit samples without a file format (IIP's TIL)."""
    return Encoding("raw", 0, stored=False, bits=16)


def adjusted(
    encoding: Encoding,
    server: Server,
    *,
    asked: Quality | None = None,
    bits: int = 0,
    profile: bool = True,
) -> Encoding:
    """The encoding as requested by a client; a request for quality or depth rules stored tiles out.

    Args:
        encoding: the default.
        server: settings and formats.
        asked: requested quality and compression (IIP's QLT).
        bits: requested bits per sample, 8 or 16; 0 is no request (BPC).
        profile: False when an operation changes colors so that the profile no longer fits.

    Raises:
        UnsupportedEncoding: the format, or the compression inside it, does not support `bits`.
    """
    format = server.formats.by_name[encoding.format]
    quality = Quality(encoding.quality, encoding.scheme)
    stored = encoding.stored and asked is None
    if asked is not None:
        quality = format.client_quality(asked, server.config)
    bits = bits or encoding.bits
    if bits != encoding.bits:
        _check_depth(format, quality.scheme, bits, server.formats)
        stored = False
    embeds = encoding.profile and profile
    return Encoding(format.name, *quality, embeds, encoding.metadata, stored, bits)


def _check_depth(format: Format, scheme: str, bits: int, formats: Formats) -> None:
    if bits not in format.depths:
        names = " and ".join(formats.holding(bits))
        raise UnsupportedEncoding(f"BPC={bits}: {format.name} has 8 bits per sample; {names} can have {bits}")
    if bits > format.max_bits(scheme):
        schemes = ", ".join(known.name for known in format.schemes if known.max_bits >= bits)
        raise UnsupportedEncoding(
            f"BPC={bits}: {scheme} in {format.name} has {format.max_bits(scheme)} bits per sample; "
            f"{schemes} can have {bits}"
        )


def _embeds_profile(info: ImageInfo, config: Config) -> bool:
    """Whether the image's profile is embedded: it must describe the output and be smaller than MAX_ICC."""
    if info.icc is None or info.color_space not in KEEP_PROFILE:
        return False
    limit = config.icc_limit
    return limit is None or len(info.icc) < limit


@lru_cache(maxsize=256)
def _configured(name: str, server: Server, embeds: bool, export: bool) -> Encoding:
    quality = server.formats.by_name[name].configured_quality(server.config)
    return Encoding(name, *quality, embeds, metadata=export, stored=not export)
