"""Output formats: what they are called in addresses, and how they are encoded by default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from iipserve import registry
from iipserve.config import AVIF_CODECS, TIFF_COMPRESSIONS, Config
from iipserve.errors import UnsupportedEncoding
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import Encoding

EXTENSIONS: Mapping[str, str] = {"jpg": "jpeg", "png": "png", "webp": "webp", "avif": "avif", "tif": "tiff"}
"""Extension in addresses -> name of the format, for the formats that have settings of their own."""
SPELLINGS: Mapping[str, str] = {"jpeg": "jpg", "tiff": "tif"}
"""Further extensions that makers of tiles write, and the ones they stand for."""
QUALITY_WITHOUT_SETTING = 75
"""Quality of formats that have no setting."""
KEEP_PROFILE = (ColorSpace.GRAY, ColorSpace.SRGB)
"""Pictures of other color spaces are converted, so that their profile describes the finished one no longer."""
DEEP_FORMATS = ("png", "tiff")
"""Formats that clients may ask to have 16 bits per sample."""
SHALLOW_SCHEMES = ("jpeg", "webp")
"""Compressions in TIFF that hold 8 bits per sample."""


class AskedQuality(NamedTuple):
    """What a client asks of the encoder (IIP's QLT)."""

    value: int
    """In the scale of the format; values outside become its limits."""
    scheme: str = ""
    """Compression inside the format, or empty for the setting's."""


@lru_cache(maxsize=1)
def _further_extensions() -> Mapping[str, str]:
    """Extension -> name of formats that were added to the server: encoders without settings."""
    encoders = registry.discover("iipserve.codecs", "ENCODER")
    own = EXTENSIONS.values()
    return {
        encoder.extension: name for name, encoder in encoders.items() if encoder.extension and name not in own
    }


def format_of(extension: str) -> str:
    """The name of the output format with this extension.

    Raises:
        UnsupportedEncoding: no such format is written.
    """
    name = EXTENSIONS.get(extension) or _further_extensions().get(extension)
    if name is None:
        raise UnsupportedEncoding(f"format {extension!r} is not written; {', '.join(extensions())} are")
    return name


def tile_format(extension: str) -> str:
    """The name of the output format of a tile file with this extension, in any of its spellings.

    Raises:
        UnsupportedEncoding: no such format is written.
    """
    return EXTENSIONS.get(extension) or format_of(SPELLINGS.get(extension, extension))


def is_written(name: str) -> bool:
    """Whether the output format called `name` is among those of this server."""
    return name in EXTENSIONS.values() or name in _further_extensions().values()


def extensions() -> tuple[str, ...]:
    """The extensions of all output formats."""
    return (*EXTENSIONS, *_further_extensions())


def extension_of(name: str) -> str:
    """The extension of the output format called `name`."""
    known = {**EXTENSIONS, **_further_extensions()} if name not in EXTENSIONS.values() else EXTENSIONS
    return next((extension for extension, format in known.items() if format == name), name)


def tile_encoding(name: str, info: ImageInfo, config: Config, *, profile: bool = True) -> Encoding:
    """How tiles are encoded: as the settings say, with the ICC profile at most, stored tiles welcome.

    Args:
        name: of the output format.
        info: the image.
        config: the settings.
        profile: False when an operation changes colors so that the profile no longer fits.
    """
    quality, scheme = default_quality(name, config)
    embeds = profile and _embeds_profile(info, config)
    return _encoding(name, quality, scheme, embeds, metadata=False, stored=True)


def export_encoding(name: str, info: ImageInfo, config: Config, *, profile: bool = True) -> Encoding:
    """How regions and whole images are encoded: with all metadata; arguments as of `tile_encoding`."""
    quality, scheme = default_quality(name, config)
    embeds = profile and _embeds_profile(info, config)
    return _encoding(name, quality, scheme, embeds, metadata=True, stored=False)


def raw_encoding() -> Encoding:
    """Samples of 16 bits as they are, without a file around them (IIP's TIL)."""
    return _encoding("raw", 0, "", False, metadata=False, stored=False, bits=16)


def adjusted(
    encoding: Encoding,
    config: Config,
    *,
    asked: AskedQuality | None = None,
    bits: int = 0,
    profile: bool = True,
) -> Encoding:
    """The encoding as a client wants it; what it asks for is never a stored tile.

    Args:
        encoding: by default.
        config: the settings.
        asked: quality and compression (IIP's QLT).
        bits: per sample, 8 or 16; 0 is no wish (BPC).
        profile: False when an operation changes colors so that the profile no longer fits.

    Raises:
        UnsupportedEncoding: the format, or the compression inside it, has no room for so many bits.
    """
    name, quality, scheme, stored = encoding.format, encoding.quality, encoding.scheme, encoding.stored
    if asked is not None:
        quality, scheme = clamped_quality(name, asked, config)
        stored = False
    bits = bits or encoding.bits
    if bits != encoding.bits:
        _check_depth(name, scheme)
        stored = False
    return _encoding(
        name,
        quality,
        scheme,
        encoding.profile and profile,
        metadata=encoding.metadata,
        stored=stored,
        bits=bits,
    )


def _check_depth(name: str, scheme: str) -> None:
    if name not in DEEP_FORMATS:
        raise UnsupportedEncoding(
            f"BPC=16: {name} has 8 bits per sample here; {' and '.join(DEEP_FORMATS)} can have 16"
        )
    if scheme in SHALLOW_SCHEMES:
        raise UnsupportedEncoding(
            f"BPC=16: {scheme} in TIFF has 8 bits per sample; QLT=deflate:1 has room for 16"
        )


def default_quality(name: str, config: Config) -> tuple[int, str]:
    """Quality and scheme that the settings say."""
    if name == "tiff":
        return _tiff_quality(config.tiff_quality, TIFF_COMPRESSIONS[config.tiff_compression])
    setting = QUALITY_SETTINGS.get(name)
    quality = QUALITY_WITHOUT_SETTING if setting is None else setting(config)
    return quality, _scheme(name, config)


def clamped_quality(name: str, asked: AskedQuality, config: Config) -> tuple[int, str]:
    """Quality and scheme nearest to what a client asks for: values outside the scale become its ends."""
    if name == "tiff":
        return _tiff_quality(asked.value, asked.scheme or TIFF_COMPRESSIONS[config.tiff_compression])
    low, high = LIMITS.get(name, (0, 100))
    quality = min(max(asked.value, low), high)
    if name == "webp" and quality < 1:  # iipsrv: QLT=0 is lossless
        quality = -1
    return quality, _scheme(name, config)


QUALITY_SETTINGS: Mapping[str, Callable[[Config], int]] = {
    "jpeg": attrgetter("jpeg_quality"),
    "png": attrgetter("png_quality"),
    "webp": attrgetter("webp_quality"),
    "avif": attrgetter("avif_quality"),
    "jxl": attrgetter("jxl_quality"),
}
LIMITS: Mapping[str, tuple[int, int]] = {
    "jpeg": (1, 100),
    "png": (0, 9),
    "webp": (-1, 100),
    "avif": (-1, 100),
    "jxl": (-1, 100),
    "raw": (0, 0),
}
"""Lowest and highest quality by name of the format."""
TIFF_LIMITS: Mapping[str, tuple[int, int]] = {
    "none": (0, 0),
    "lzw": (0, 0),
    "deflate": (1, 9),
    "jpeg": (1, 100),
    "webp": (0, 100),
    "zstd": (1, 19),
}
"""Lowest and highest quality or level by compression; those without any are always 0."""


def _tiff_quality(value: int, scheme: str) -> tuple[int, str]:
    if scheme not in TIFF_LIMITS:  # iipsrv: an unknown scheme is none
        scheme = "none"
    low, high = TIFF_LIMITS[scheme]
    return min(max(value, low), high), scheme


def _scheme(name: str, config: Config) -> str:
    return AVIF_CODECS[config.avif_codec] if name == "avif" else ""


def _embeds_profile(info: ImageInfo, config: Config) -> bool:
    """Whether the image's profile, if it has one, goes along: it must fit, and be smaller than MAX_ICC."""
    if info.icc is None or info.color_space not in KEEP_PROFILE:
        return False
    limit = config.icc_limit
    return limit is None or len(info.icc) < limit


@lru_cache(maxsize=1024)
def _encoding(
    name: str, quality: int, scheme: str, profile: bool, *, metadata: bool, stored: bool, bits: int = 8
) -> Encoding:
    """The one object for these values: plans of one kind then share it, and compare fast."""
    return Encoding(name, quality, scheme, profile, metadata, stored, bits)
