"""All settings. Each field of `Config` declares variable, type, default, range and description of its setting.

`from_environ` reads the environment at start. docs/settings.md and conf/iipserve.env are generated from the fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from iipserve.errors import ConfigError

MEGABYTE = 1_024_000
"""Bytes per megabyte in settings, as in iipsrv."""

ABSURD = 1e300
"""Numbers from here on are rejected, infinity included."""

T = TypeVar("T")
N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Setting:
    """Description of one setting: the metadata of its field in `Config`."""

    variable: str
    text: str
    """One sentence for administrators."""
    parse: Callable[[str], Any]
    """Raises ValueError with what the text must be."""
    default: Any
    others: tuple[str, ...] = ()
    """Alternative variables, read if `variable` is not set."""


def setting(
    variable: str, *, default: T, text: str, parse: Callable[[str], T], others: tuple[str, ...] = ()
) -> T:
    """A field of `Config`."""
    known = Setting(variable, text, parse, default, others)
    return dataclasses.field(default=default, metadata={"setting": known})


# -- parsers: text -> value, ValueError("what the text must be") -----------------------------------


def number(
    low: N, high: N | None = None, *, outside: N | Literal["nearest"] | None = None
) -> Callable[[str], N]:
    """A whole number if `low` is an int, otherwise any finite number.

    Args:
        low: minimum.
        high: maximum; None for none.
        outside: the value that replaces a number out of range, or `nearest` (as in iipsrv); None rejects it.
    """
    needed = "a whole number" if isinstance(low, int) else "a number"
    if outside is None:
        needed += f", {low:g} or more" if high is None else f" from {low:g} to {high:g}"

    def parse(text: str) -> N:
        try:
            value = type(low)(text)
        except ValueError:
            raise ValueError(needed) from None
        if not abs(value) < ABSURD:
            raise ValueError(needed)
        maximum = value if high is None else high
        if low <= value <= maximum:
            return value
        if outside is None:
            raise ValueError(needed)
        return max(low, min(value, maximum)) if isinstance(outside, str) else outside

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    """One of `words`, in any case."""

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
    """MAX_CVT: 0 becomes the default, numbers below -1 become 1, as in iipsrv."""
    value = number(-2, outside="nearest")(text)
    return {0: 5000, -2: 1}.get(value, value)


def uri_map(text: str) -> tuple[tuple[str, str], ...]:
    """`prefix=>protocol,...` -> (prefix without slashes, protocol in lower case)."""
    mappings = []
    for entry in filter(None, (entry.strip() for entry in text.split(","))):
        prefix, arrow, protocol = entry.partition("=>")
        if not arrow or not protocol.strip():
            raise ValueError("PREFIX=>PROTOCOL, separated by commas, such as iiif=>IIIF,zoom=>DeepZoom")
        mappings.append((prefix.strip().strip("/"), protocol.strip().lower()))
    return tuple(mappings)


def words(text: str) -> tuple[str, ...]:
    """`first, second` -> words in lower case."""
    return tuple(word.strip().lower() for word in text.split(",") if word.strip())


def servers(text: str) -> tuple[tuple[str, int], ...]:
    """`host[:port],...` -> (host, port); the default port is 11211."""
    found = []
    for entry in filter(None, (entry.strip() for entry in text.split(","))):
        host, _, port = entry.rpartition(":") if ":" in entry else (entry, "", "11211")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError("HOST[:PORT], separated by commas, such as localhost,cache2:11211")
        found.append((host, int(port)))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of the server. Immutable; read once, passed as an argument."""

    # -- files
    filesystem_prefix: str = setting(
        "FILESYSTEM_PREFIX", default="", parse=str,
        text="Prefix of every identifier; images outside the folder it names are never served.",
    )  # fmt: skip
    filesystem_suffix: str = setting(
        "FILESYSTEM_SUFFIX", default="", parse=str, text="Suffix of every identifier."
    )
    filename_pattern: str = setting(
        "FILENAME_PATTERN", default="_pyr_", parse=str,
        text="Text between the identifier of a panoramic sequence and the angles in its file names: NAME_pyr_000_090.tif.",
    )  # fmt: skip
    version_by: str = setting(
        "VERSION_BY", default="inode", parse=one_of("inode", "content"),
        text="How versions of a file are distinguished: `inode` by length, times and inode number; `content` by length, time and samples of its bytes, the same on hosts that hold copies of the files and share a memcached.",
    )  # fmt: skip
    extra_formats: tuple[str, ...] = setting(
        "EXTRA_FORMATS", default=(), parse=words,
        text="Formats to read besides the usual ones, separated by commas: `bmp`, `fits`, `hdr` (Radiance), `pdf`, `pfm`, `svg`.",
    )  # fmt: skip
    pdf_dpi: float = setting(
        "PDF_DPI",
        default=300.0,
        parse=number(1.0, 2400.0),
        text="Resolution of PDF pages, in pixels per inch.",
    )
    svg_dpi: float = setting(
        "SVG_DPI", default=96.0, parse=number(1.0, 2400.0),
        text="Resolution of SVG, in pixels per inch; at 96 one unit is one pixel.",
    )  # fmt: skip
    # -- encoders
    jpeg_quality: int = setting(
        "JPEG_QUALITY", default=75, parse=number(1, 100, outside="nearest"), text="Quality of JPEG output."
    )
    png_quality: int = setting(
        "PNG_QUALITY",
        default=1,
        parse=number(0, 9, outside="nearest"),
        text="Compression level of PNG output; 0 is none.",
    )
    webp_quality: int = setting(
        "WEBP_QUALITY",
        default=50,
        parse=number(-1, 100, outside="nearest"),
        text="Quality of WebP output; -1 is lossless.",
    )
    avif_quality: int = setting(
        "AVIF_QUALITY",
        default=50,
        parse=number(-1, 100, outside="nearest"),
        text="Quality of AVIF output; -1 is lossless.",
    )
    avif_codec: int = setting(
        "AVIF_CODEC", default=0, parse=number(0, 3, outside=0), text="AVIF encoder: 0 automatic, 1 aom, 2 rav1e, 3 svt."
    )  # fmt: skip
    jxl_quality: int = setting(
        "JXL_QUALITY",
        default=75,
        parse=number(-1, 100, outside="nearest"),
        text="Quality of JPEG XL output; -1 is lossless.",
    )
    tiff_compression: int = setting(
        "TIFF_COMPRESSION", default=2, parse=number(0, 5, outside=0),
        text="Compression of TIFF output: 0 none, 1 LZW, 2 deflate, 3 JPEG, 4 WebP, 5 zstd.",
    )  # fmt: skip
    tiff_quality: int = setting(
        "TIFF_QUALITY", default=1, parse=number(0, 100, outside="nearest"),
        text="Compression level (deflate up to 9, zstd up to 19) or quality (JPEG, WebP) of TIFF output.",
    )  # fmt: skip
    codec_passthrough: bool = setting(
        "CODEC_PASSTHROUGH", default=True, parse=boolean,
        text="Send stored JPEG and WebP tiles unchanged if they are exactly what is requested.",
    )  # fmt: skip
    max_icc: int = setting(
        "MAX_ICC", default=65536, parse=number(-1, outside="nearest"),
        text="Embed ICC profiles smaller than this many bytes; 0 embeds none, -1 all.",
    )  # fmt: skip
    embed_icc: bool = setting(
        "EMBED_ICC", default=True, parse=boolean, text="Older setting: 0 is the same as MAX_ICC=0."
    )
    icc_to_srgb: bool = setting(
        "ICC_TO_SRGB", default=False, parse=boolean,
        text="Convert images with an ICC profile to sRGB and embed no profile (CMYK is always converted).",
    )  # fmt: skip
    undeclared_opacity: bool = setting(
        "UNDECLARED_OPACITY", default=True, parse=boolean,
        text="Take the fourth band of 8-bit RGB TIFF files that do not say what it is (no ExtraSamples) for opacity.",
    )  # fmt: skip
    colormaps: str = setting(
        "COLORMAPS", default="", parse=str,
        text="Folder of additional color maps for CMP: files NAME.txt or NAME.csv with one color per line, from black to white, each red, green and blue from 0 to 255.",
    )  # fmt: skip
    watermark: str = setting(
        "WATERMARK", default="", parse=str,
        text="Absolute path of an image to blend onto every served image; the server does not start if it cannot be read.",
    )  # fmt: skip
    watermark_probability: float = setting(
        "WATERMARK_PROBABILITY", default=1.0, parse=number(0.0, 1.0),
        text="Probability, 0 to 1, that a tile, or a block of a larger image, has the watermark.",
    )  # fmt: skip
    watermark_opacity: float = setting(
        "WATERMARK_OPACITY", default=1.0, parse=number(0.0, 1.0), text="Opacity of the watermark, 0 to 1."
    )
    watermark_blend: str = setting(
        "WATERMARK_BLEND", default="additive", parse=one_of("additive", "alpha"),
        text="How the watermark is blended: `additive` brightens (black is invisible), `alpha` covers.",
    )  # fmt: skip
    interpolation: int = setting(
        "INTERPOLATION", default=1, parse=number(0, outside="nearest"), text="Scaling: 0 nearest neighbor, otherwise interpolated without aliasing."
    )  # fmt: skip
    max_layers: int = setting(
        "MAX_LAYERS", default=0, parse=number(-1, outside="nearest"),
        text="Maximum number of JPEG 2000 quality layers to decode: 0 is half of them rounded up, -1 all.",
    )  # fmt: skip
    # -- limits
    max_cvt: int = setting(
        "MAX_CVT", default=5000, parse=longest_side,
        text="Maximum side of an exported image, in pixels; -1 is no limit.",
    )  # fmt: skip
    allow_upscaling: bool = setting(
        "ALLOW_UPSCALING", default=True, parse=boolean, text="Serve images larger than in the file."
    )
    max_render_memory: float = setting(
        "MAX_RENDER_MEMORY", default=512.0, parse=number(1.0),
        text="Megabytes (of 1,024,000 bytes) that all requests of a worker together may hold while rendering: a request that needs more is refused before decoding, others wait.",
    )  # fmt: skip
    max_renders: int = setting(
        "MAX_RENDERS", default=0, parse=number(0),
        text="Images each worker renders at once, tiles and large exports counted separately; 0 is one more than its share of the processor cores.",
    )  # fmt: skip
    max_decode: float = setting(
        "MAX_DECODE", default=1000.0, parse=number(1.0),
        text="Megapixels one request may decode; a limit for large images without smaller levels.",
    )  # fmt: skip
    # -- caches
    max_image_cache_size: float = setting(
        "MAX_IMAGE_CACHE_SIZE", default=10.0, parse=number(0.0),
        text="Megabytes (of 1,024,000 bytes) of encoded images and decoded tiles cached by each worker; 0 caches none.",
    )  # fmt: skip
    max_metadata_cache_size: int = setting(
        "MAX_METADATA_CACHE_SIZE", default=1000, parse=number(-1), others=("MAX_IMAGE_METADATA_CACHE_SIZE",),
        text="Number of image headers cached by each worker; 0 caches none, -1 all.",
    )  # fmt: skip
    max_open_images: int = setting(
        "MAX_OPEN_IMAGES", default=100, parse=number(1), text="Number of image files each worker keeps open."
    )
    memcached_servers: tuple[tuple[str, int], ...] = setting(
        "MEMCACHED_SERVERS", default=(), parse=servers,
        text="memcached servers as HOST[:PORT], separated by commas; empty for none.",
    )  # fmt: skip
    memcached_timeout: int = setting(
        "MEMCACHED_TIMEOUT", default=86400, parse=number(0), text="Seconds an image stays in memcached; 0 means no expiry."
    )  # fmt: skip
    # -- HTTP
    cors: str = setting(
        "CORS", default="*", parse=str, text="Access-Control-Allow-Origin of every response; empty sends none."
    )  # fmt: skip
    cache_control: str = setting(
        "CACHE_CONTROL", default="max-age=86400", parse=str, text="Cache-Control of every successful response."
    )  # fmt: skip
    base_url: str = setting(
        "BASE_URL", default="", parse=str,
        text="Public base URL of IIIF ids, instead of that of the request.",
    )  # fmt: skip
    trust_forwarded: bool = setting(
        "TRUST_FORWARDED", default=True, parse=boolean,
        text="Trust X-Forwarded-Proto, -Host, -Port and -Prefix; set 0 if clients can send them past the front end.",
    )  # fmt: skip
    uri_map: tuple[tuple[str, str], ...] = setting(
        "URI_MAP", default=(), parse=uri_map,
        text="Path prefixes of protocols as PREFIX=>PROTOCOL, separated by commas.",
    )  # fmt: skip
    iiif_version: int = setting(
        "IIIF_VERSION", default=3, parse=number(1, 3), text="IIIF Image API version of URLs without a version: 1, 2 or 3."
    )  # fmt: skip
    iiif_delimiter: str = setting(
        "IIIF_DELIMITER", default="", parse=str,
        text="Delimiter between an identifier and the index of an image in its stack in IIIF URLs, such as `;` in stack.tif;2; empty for none.",
    )  # fmt: skip
    iiif_extensions: bool = setting(
        "IIIF_EXTENSIONS", default=False, parse=boolean,
        text="Serve the additional IIIF qualities negative, stretch, equalization and log.",
    )  # fmt: skip
    iiif_lenient: bool = setting(
        "IIIF_LENIENT", default=False, parse=boolean,
        text="Also answer in IIIF Image API 3 what only earlier versions have: the size `full`, and sizes larger than the region without `^`.",
    )  # fmt: skip
    iiif_extra_info: str = setting(
        "IIIF_EXTRA_INFO", default="", parse=str, text='JSON members to add to info.json in every version, such as "service": [].'
    )  # fmt: skip
    iiif_extra_info_1: str = setting(
        "IIIF_EXTRA_INFO_1", default="", parse=str, text="As IIIF_EXTRA_INFO, only in version 1."
    )
    iiif_extra_info_2: str = setting(
        "IIIF_EXTRA_INFO_2", default="", parse=str, text='As IIIF_EXTRA_INFO, only in version 2, such as "attribution": "A library".'
    )  # fmt: skip
    iiif_extra_info_3: str = setting(
        "IIIF_EXTRA_INFO_3", default="", parse=str, text='As IIIF_EXTRA_INFO, only in version 3, such as "partOf": [].'
    )  # fmt: skip
    zoomify_rounding: str = setting(
        "ZOOMIFY_ROUNDING", default="down", parse=one_of("down", "up"),
        text="How Zoomify halves an image from tier to tier: `down` as the original tools, iipsrv and OpenLayers' `truncated`, `up` as libvips and OpenLayers' `default`.",
    )  # fmt: skip
    copyright: str = setting(
        "COPYRIGHT",
        default="",
        parse=str,
        text="Rights statement of images without one of their own, as text, with or without the URI of a license.",
    )
    # -- process
    verbosity: int = setting(
        "VERBOSITY", default=1, parse=number(0, outside="nearest"),
        text="Log level: 0 nothing, 1 start, warnings and errors, 2 and more also requests, 4 and more also details.",
    )  # fmt: skip
    logfile: str = setting(
        "LOGFILE", default="/tmp/iipsrv.log", parse=str, text="Log file to append to, or `syslog`, or `-` for standard error."
    )  # fmt: skip
    workers: int = setting(
        "WORKERS", default=0, parse=number(0), text="Number of worker processes; 0 is one per processor core."
    )
    threads: int = setting(
        "THREADS", default=64, parse=number(1), text="Connections each worker serves at once; further ones wait in the backlog."
    )  # fmt: skip
    request_timeout: float = setting(
        "REQUEST_TIMEOUT", default=60.0, parse=number(1.0),
        text="Seconds that a request, or 64 KiB more of its body, may take to arrive before its connection is closed, "
        "and that it may take to be answered before its worker is replaced.",
    )  # fmt: skip
    viewer: bool = setting(
        "VIEWER", default=False, parse=boolean, text="Serve the gallery page over FastCGI too (with --http it is always served)."
    )  # fmt: skip

    @property
    def icc_limit(self) -> int | None:
        """Length in bytes from which profiles are not embedded; None for no limit."""
        if not self.embed_icc:
            return 0
        return None if self.max_icc < 0 else self.max_icc

    @property
    def max_size(self) -> int | None:
        """Maximum side of an exported image, in pixels; None for no limit."""
        return None if self.max_cvt < 0 else self.max_cvt


def settings() -> dict[str, Setting]:
    """All settings by field name, in the order of `Config`."""
    return {field.name: field.metadata["setting"] for field in dataclasses.fields(Config)}


def from_environ(environ: Mapping[str, str]) -> Config:
    """Read all settings.

    Raises:
        ConfigError: one line per mistake, with variable, value and what it must be.
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
            mistakes.append(f"{variable} is {environ[variable]!r}; it must be {error}")
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return Config(**values)


def spelling(known: Setting, environ: Mapping[str, str]) -> str | None:
    """The first variable of a setting that `environ` has, or None."""
    return next((name for name in (known.variable, *known.others) if name in environ), None)
