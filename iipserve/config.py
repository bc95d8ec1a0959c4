"""Every setting, once: variable, type, default, range and sentence stand in its field.

The environment is read by one function, at start; the table in docs/settings.md and the sample in
conf/ are made from the fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from iipserve.errors import ConfigError

MEGABYTE = 1_024_000
"""Bytes in the megabyte of MAX_IMAGE_CACHE_SIZE, as iipsrv counts it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one setting; kept as metadata of its field in `Config`."""

    variable: str
    text: str
    """One sentence for the administrator."""
    parse: Callable[[str], Any]
    """Raises ValueError saying what would do."""
    default: Any
    others: tuple[str, ...] = ()
    """Further names it is read from, when `variable` is not set."""


def setting(
    variable: str, *, default: T, text: str, parse: Callable[[str], T], others: tuple[str, ...] = ()
) -> T:
    """A field of `Config`."""
    field: T = dataclasses.field(
        default=default, metadata={"setting": Setting(variable, text, parse, default, others)}
    )
    return field


# -- readers: text -> value, ValueError("what would do") -------------------------------------------


def text_value(text: str) -> str:
    """Any text."""
    return text


def integer(low: int, high: int | None = None) -> Callable[[str], int]:
    """A whole number; below `low` or above `high` is a mistake."""
    needed = f"a whole number from {low} to {high}" if high is not None else f"a whole number, {low} or more"

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError(needed) from None
        if value < low or (high is not None and value > high):
            raise ValueError(needed)
        return value

    return parse


def clamped(low: int, high: int | None = None) -> Callable[[str], int]:
    """A whole number; one below `low` or above `high` becomes that, as in iipsrv."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError("a whole number") from None
        return max(low, value if high is None else min(value, high))

    return parse


def choice(low: int, high: int, otherwise: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`; any other becomes `otherwise`, as in iipsrv."""

    def parse(text: str) -> int:
        value = clamped(low - 1, high + 1)(text)
        return value if low <= value <= high else otherwise

    return parse


def number(low: float, high: float | None = None) -> Callable[[str], float]:
    """A number; below `low` or above `high` is a mistake."""
    needed = f"a number from {low:g} to {high:g}" if high is not None else f"a number, {low:g} or more"

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(needed) from None
        if not low <= value <= (high if high is not None else float("1e300")):
            raise ValueError(needed)
        return value

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    """One of some words, in either case."""

    def parse(text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise ValueError(" or ".join(words))
        return word

    return parse


def boolean(text: str) -> bool:
    """0 or 1 (also no, yes, off, on, false, true)."""
    values = {"0": False, "no": False, "off": False, "false": False}
    values |= {"1": True, "yes": True, "on": True, "true": True}
    try:
        return values[text.strip().lower()]
    except KeyError:
        raise ValueError("0 or 1") from None


def longest_side(text: str) -> int:
    """MAX_CVT: 0 is the default, below -1 becomes 1, as in iipsrv."""
    value = clamped(-2)(text)
    return {0: 5000, -2: 1}.get(value, value)


def uri_map(text: str) -> tuple[tuple[str, str], ...]:
    """`prefix=>protocol`, several separated by commas -> (prefix without slashes, protocol in lower case)."""
    mappings = []
    for entry in filter(None, (entry.strip() for entry in text.split(","))):
        prefix, arrow, protocol = entry.partition("=>")
        if not arrow or not protocol.strip():
            raise ValueError("PREFIX=>PROTOCOL, several separated by commas, as in iiif=>IIIF,zoom=>DeepZoom")
        mappings.append((prefix.strip().strip("/"), protocol.strip().lower()))
    return tuple(mappings)


def servers(text: str) -> tuple[tuple[str, int], ...]:
    """`host[:port]`, several separated by commas -> (host, port), port 11211 where none is given."""
    found = []
    for entry in filter(None, (entry.strip() for entry in text.split(","))):
        host, _, port = entry.rpartition(":") if ":" in entry else (entry, "", "11211")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError("HOST[:PORT], several separated by commas, as in localhost,cache2:11211")
        found.append((host, int(port)))
    return tuple(found)


TIFF_COMPRESSIONS = ("none", "lzw", "deflate", "jpeg", "webp", "zstd")
AVIF_CODECS = ("auto", "aom", "rav1e", "svt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting of the server. Immutable; read once, passed as an argument."""

    # -- files
    filesystem_prefix: str = setting(
        "FILESYSTEM_PREFIX", default="", parse=text_value,
        text="Put before every identifier; images outside the folder it names are never served.",
    )  # fmt: skip
    filesystem_suffix: str = setting(
        "FILESYSTEM_SUFFIX", default="", parse=text_value, text="Put after every identifier."
    )
    filename_pattern: str = setting(
        "FILENAME_PATTERN", default="_pyr_", parse=text_value,
        text="Stands between the identifier of a panoramic sequence and the angles in its files' names: NAME_pyr_000_090.tif.",
    )  # fmt: skip
    # -- encoders
    jpeg_quality: int = setting(
        "JPEG_QUALITY", default=75, parse=clamped(1, 100), text="Quality of JPEG output."
    )
    png_quality: int = setting(
        "PNG_QUALITY", default=1, parse=clamped(0, 9), text="Compression level of PNG output; 0 is none."
    )
    webp_quality: int = setting(
        "WEBP_QUALITY", default=50, parse=clamped(-1, 100), text="Quality of WebP output; -1 is lossless."
    )
    avif_quality: int = setting(
        "AVIF_QUALITY", default=50, parse=clamped(-1, 100), text="Quality of AVIF output; -1 is lossless."
    )
    avif_codec: int = setting(
        "AVIF_CODEC", default=0, parse=choice(0, 3, 0), text="Encoder of AVIF output: 0 automatic, 1 aom, 2 rav1e, 3 svt."
    )  # fmt: skip
    jxl_quality: int = setting(
        "JXL_QUALITY", default=75, parse=clamped(-1, 100), text="Quality of JPEG XL output; -1 is lossless."
    )
    tiff_compression: int = setting(
        "TIFF_COMPRESSION", default=2, parse=choice(0, 5, 0),
        text="Compression of TIFF output: 0 none, 1 LZW, 2 deflate, 3 JPEG, 4 WebP, 5 zstd.",
    )  # fmt: skip
    tiff_quality: int = setting(
        "TIFF_QUALITY", default=1, parse=clamped(0, 100),
        text="Level (deflate to 9, zstd to 19) or quality (JPEG, WebP) of TIFF output.",
    )  # fmt: skip
    codec_passthrough: bool = setting(
        "CODEC_PASSTHROUGH", default=True, parse=boolean,
        text="Send stored JPEG and WebP tiles as they are, where they are exactly the answer.",
    )  # fmt: skip
    max_icc: int = setting(
        "MAX_ICC", default=65536, parse=clamped(-1),
        text="Embed ICC profiles smaller than this many bytes; 0 embeds none, -1 all.",
    )  # fmt: skip
    embed_icc: bool = setting(
        "EMBED_ICC", default=True, parse=boolean, text="Older spelling: 0 is the same as MAX_ICC=0."
    )
    icc_to_srgb: bool = setting(
        "ICC_TO_SRGB", default=False, parse=boolean,
        text="Convert images that have an ICC profile to sRGB, and embed none (CMYK is always converted).",
    )  # fmt: skip
    colormaps: str = setting(
        "COLORMAPS", default="", parse=text_value,
        text="Folder of further color maps for CMP: NAME.txt or NAME.csv, a line per color from black to white, each of red, green and blue from 0 to 255.",
    )  # fmt: skip
    watermark: str = setting(
        "WATERMARK", default="", parse=text_value,
        text="Image to lay over everything that is served, an absolute path; the server does not start if it cannot be read.",
    )  # fmt: skip
    watermark_probability: float = setting(
        "WATERMARK_PROBABILITY", default=1.0, parse=number(0, 1),
        text="Share of the tiles, and of the blocks of larger images, that the watermark is laid over.",
    )  # fmt: skip
    watermark_opacity: float = setting(
        "WATERMARK_OPACITY", default=1.0, parse=number(0, 1), text="Strength of the watermark."
    )
    watermark_blend: str = setting(
        "WATERMARK_BLEND", default="additive", parse=one_of("additive", "alpha"),
        text="How the watermark is laid over: `additive` brightens (black shows nothing), `alpha` covers.",
    )  # fmt: skip
    interpolation: int = setting(
        "INTERPOLATION", default=1, parse=clamped(0), text="Scaling: 0 nearest neighbor, otherwise averaged without aliasing."
    )  # fmt: skip
    max_layers: int = setting(
        "MAX_LAYERS", default=0, parse=clamped(-1),
        text="JPEG 2000 quality layers to decode: 0 is half of them rounded up, -1 all, otherwise at most this many.",
    )  # fmt: skip
    # -- limits
    max_cvt: int = setting(
        "MAX_CVT", default=5000, parse=longest_side,
        text="Longest side of an exported image, in pixels; -1 is no limit.",
    )  # fmt: skip
    allow_upscaling: bool = setting(
        "ALLOW_UPSCALING", default=True, parse=boolean, text="Serve images larger than the file holds them."
    )
    max_render_memory: float = setting(
        "MAX_RENDER_MEMORY", default=512.0, parse=number(1),
        text="Megabytes of pixels that all requests of a worker together hold while rendering: a request that needs more than this is refused before decoding, others wait their turn.",
    )  # fmt: skip
    max_renders: int = setting(
        "MAX_RENDERS", default=0, parse=integer(0),
        text="Images each worker decodes and encodes at once, tiles and large exports counted apart; 0 is one more than the processor cores it has to itself.",
    )  # fmt: skip
    max_decode: float = setting(
        "MAX_DECODE", default=1000.0, parse=number(1),
        text="Megapixels one request may decode; matters for large images without smaller levels.",
    )  # fmt: skip
    # -- caches
    max_image_cache_size: float = setting(
        "MAX_IMAGE_CACHE_SIZE", default=10.0, parse=number(0),
        text="Megabytes (of 1,024,000 bytes) of finished images and decoded tiles kept in memory by each worker; 0 keeps none.",
    )  # fmt: skip
    max_metadata_cache_size: int = setting(
        "MAX_METADATA_CACHE_SIZE", default=1000, parse=integer(-1), others=("MAX_IMAGE_METADATA_CACHE_SIZE",),
        text="Image headers kept in memory; 0 keeps none, -1 all.",
    )  # fmt: skip
    max_open_images: int = setting(
        "MAX_OPEN_IMAGES", default=100, parse=integer(1), text="Image files each worker keeps open."
    )
    memcached_servers: tuple[tuple[str, int], ...] = setting(
        "MEMCACHED_SERVERS", default=(), parse=servers,
        text="memcached servers as HOST[:PORT], separated by commas; empty uses none.",
    )  # fmt: skip
    memcached_timeout: int = setting(
        "MEMCACHED_TIMEOUT", default=86400, parse=integer(0), text="Seconds an image stays in memcached; 0 is for ever."
    )  # fmt: skip
    # -- HTTP
    cors: str = setting(
        "CORS", default="*", parse=text_value, text="Access-Control-Allow-Origin of every answer; empty sends none."
    )  # fmt: skip
    cache_control: str = setting(
        "CACHE_CONTROL", default="max-age=86400", parse=text_value, text="Cache-Control of every successful answer."
    )  # fmt: skip
    base_url: str = setting(
        "BASE_URL", default="", parse=text_value,
        text="Public address to put before identifiers in IIIF ids, instead of the one the request came to.",
    )  # fmt: skip
    trust_forwarded: bool = setting(
        "TRUST_FORWARDED", default=True, parse=boolean,
        text="Believe X-Forwarded-Proto, -Host, -Port and -Prefix; 0 where clients could send them past the front end.",
    )  # fmt: skip
    uri_map: tuple[tuple[str, str], ...] = setting(
        "URI_MAP", default=(), parse=uri_map,
        text="Paths that lead to a protocol, as PREFIX=>PROTOCOL, separated by commas.",
    )  # fmt: skip
    iiif_version: int = setting(
        "IIIF_VERSION", default=3, parse=integer(2, 3), text="IIIF Image API version of addresses that name none: 2 or 3."
    )  # fmt: skip
    iiif_delimiter: str = setting(
        "IIIF_DELIMITER", default="", parse=text_value,
        text="What stands between an identifier and the number of a picture of its stack in IIIF addresses, as `;` in stack.tif;2; empty is none.",
    )  # fmt: skip
    iiif_extensions: bool = setting(
        "IIIF_EXTENSIONS", default=False, parse=boolean,
        text="Serve the further IIIF qualities negative, stretch, equalization and log.",
    )  # fmt: skip
    iiif_extra_info: str = setting(
        "IIIF_EXTRA_INFO", default="", parse=text_value, text='JSON members to add to info.json, as in "attribution": "A library".'
    )  # fmt: skip
    copyright: str = setting(
        "COPYRIGHT", default="", parse=text_value, text="Rights of images that carry none themselves."
    )
    # -- process
    verbosity: int = setting(
        "VERBOSITY", default=1, parse=clamped(0),
        text="0 logs nothing, 1 start, warnings and errors, 2 and more every request, 4 and more details.",
    )  # fmt: skip
    logfile: str = setting(
        "LOGFILE", default="/tmp/iipsrv.log", parse=text_value, text="File to append the log to; `syslog` or `-` (standard error) instead of a name."
    )  # fmt: skip
    workers: int = setting(
        "WORKERS", default=0, parse=integer(0), text="Worker processes; 0 is one per processor core."
    )
    threads: int = setting(
        "THREADS", default=64, parse=integer(1), text="Connections each worker serves at once; more wait in the backlog."
    )  # fmt: skip
    request_timeout: float = setting(
        "REQUEST_TIMEOUT", default=60.0, parse=number(1),
        text="Seconds a request may take to arrive or to be answered before its worker is replaced.",
    )  # fmt: skip
    viewer: bool = setting(
        "VIEWER", default=False, parse=boolean, text="Serve the gallery page over FastCGI too (over --http it is always on)."
    )  # fmt: skip

    @property
    def icc_limit(self) -> int | None:
        """Profiles must be smaller than this many bytes; None is no limit."""
        if not self.embed_icc:
            return 0
        return None if self.max_icc < 0 else self.max_icc

    @property
    def max_size(self) -> int | None:
        """Longest side of an exported image; None is no limit."""
        return None if self.max_cvt < 0 else self.max_cvt


def settings() -> dict[str, Setting]:
    """Every setting by the name of its field, in the order of `Config`."""
    return {field.name: field.metadata["setting"] for field in dataclasses.fields(Config)}


def from_environ(environ: Mapping[str, str]) -> Config:
    """Read all settings.

    Raises:
        ConfigError: one line per mistake, naming variable, value and what would do.
    """
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for name, known in settings().items():
        variable = spelling(known, environ)
        if variable is None:
            continue
        try:
            values[name] = known.parse(environ[variable])
        except ValueError as error:
            mistakes.append(f"{variable} is {environ[variable]!r}; {error} is needed")
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return Config(**values)


def spelling(known: Setting, environ: Mapping[str, str]) -> str | None:
    """The variable that sets this setting in `environ`: the first of its spellings, or None."""
    return next((name for name in (known.variable, *known.others) if name in environ), None)
