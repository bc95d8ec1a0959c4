"""All settings. Each field of `Config` declares variable, type, default, range, example and description of its setting.

`load` reads the environment at start. docs/settings.md and conf/iipserve.env are generated from the fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from iipserve.config.addresses import OptionalTcpAddress, TcpAddress
from iipserve.config.memcached import MemcachedAddress, MemcachedServers
from iipserve.config.names import warnings
from iipserve.config.parsers import (
    BaseUrl,
    FileMode,
    Header,
    Number,
    OneOf,
    Origin,
    Secret,
    Switch,
    Text,
    UriMap,
    Words,
)
from iipserve.config.setting import Setting, read, setting, spelling
from iipserve.errors import ConfigError

__all__ = [
    "MEGABYTE",
    "Config",
    "Loaded",
    "MemcachedAddress",
    "Setting",
    "from_environ",
    "load",
    "settings",
    "spelling",
]

MEGABYTE = 1_024_000
"""Bytes per megabyte in settings, as in iipsrv."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of the server. Immutable; read once, passed as an argument."""

    # -- files
    filesystem_prefix: str = setting(
        "FILESYSTEM_PREFIX", default="", parse=Text("a path"), example="/srv/images/",
        text="Folder of all images; none outside it is served. It may be mounted later: while it is missing there are no images. Empty means the whole disk, and with `--http` the current folder.",
    )  # fmt: skip
    filesystem_suffix: str = setting(
        "FILESYSTEM_SUFFIX", default="", parse=Text(), example=".tif", text="Suffix of every identifier."
    )  # fmt: skip
    filename_pattern: str = setting(
        "FILENAME_PATTERN", default="_pyr_", parse=Text(), example="_view_",
        text="Text between the identifier of a panoramic sequence and the angles in its file names: NAME_pyr_000_090.tif.",
    )  # fmt: skip
    version_by: str = setting(
        "VERSION_BY", default="inode", parse=OneOf("inode", "content"), example="content",
        text="How versions of a file are distinguished: `inode` by length, times and inode number; `content` by length, time and samples of its bytes, the same on hosts that hold copies of the files and share a memcached.",
    )  # fmt: skip
    extra_formats: tuple[str, ...] = setting(
        "EXTRA_FORMATS", default=(), parse=Words("`bmp`, `fits`, `hdr`, `pdf`, `pfm` and `svg`, separated by commas"),
        example="fits,pdf", text="Formats to read besides the usual ones (`hdr` is Radiance).",
    )  # fmt: skip
    pdf_dpi: float = setting(
        "PDF_DPI", default=300.0, parse=Number(1.0, 2400.0), example="150",
        text="Resolution of PDF pages, in pixels per inch.",
    )  # fmt: skip
    svg_dpi: float = setting(
        "SVG_DPI", default=96.0, parse=Number(1.0, 2400.0), example="192",
        text="Resolution of SVG, in pixels per inch; at 96 one unit is one pixel.",
    )  # fmt: skip
    # -- encoders
    jpeg_quality: int = setting(
        "JPEG_QUALITY", default=75, parse=Number(1, 100), example="90", text="Quality of JPEG output."
    )  # fmt: skip
    png_quality: int = setting(
        "PNG_QUALITY", default=1, parse=Number(0, 9), example="6", text="Compression level of PNG output; 0 is none."
    )  # fmt: skip
    webp_quality: int = setting(
        "WEBP_QUALITY", default=50, parse=Number(-1, 100), example="80", text="Quality of WebP output; -1 is lossless."
    )  # fmt: skip
    avif_quality: int = setting(
        "AVIF_QUALITY", default=50, parse=Number(-1, 100), example="60", text="Quality of AVIF output; -1 is lossless."
    )  # fmt: skip
    avif_codec: int = setting(
        "AVIF_CODEC", default=0, parse=Number(0, 3, below=0, above=0), example="1",
        text="AVIF encoder: 0 automatic, 1 aom, 2 rav1e, 3 svt; 0 also replaces any other number, and an encoder that libavif was built without (`--check` lists them).",
    )  # fmt: skip
    jxl_quality: int = setting(
        "JXL_QUALITY", default=75, parse=Number(-1, 100), example="90", text="Quality of JPEG XL output; -1 is lossless, as are images of more than 2 megapixels."
    )  # fmt: skip
    tiff_compression: int = setting(
        "TIFF_COMPRESSION", default=2, parse=Number(0, 5, below=0, above=0), example="1",
        text="Compression of TIFF output: 0 none (also for any other number), 1 LZW, 2 deflate, 3 JPEG, 4 WebP, 5 zstd.",
    )  # fmt: skip
    tiff_quality: int | None = setting(
        "TIFF_QUALITY", default=None, parse=Number(0, 100), example="6",
        text="Compression level (deflate up to 9, zstd up to 19) or quality (JPEG, WebP) of TIFF output; if it is not set, level 1, and JPEG_QUALITY for JPEG and WebP.",
    )  # fmt: skip
    codec_passthrough: bool = setting(
        "CODEC_PASSTHROUGH", default=True, parse=Switch(), example="0",
        text="Send stored JPEG and WebP tiles unchanged if they are exactly what is requested.",
    )  # fmt: skip
    max_icc: int = setting(
        "MAX_ICC", default=65536, parse=Number(-1), example="-1",
        text="Embed ICC profiles smaller than this many bytes; 0 embeds none, -1 all.",
    )  # fmt: skip
    embed_icc: bool = setting(
        "EMBED_ICC", default=True, parse=Switch(), example="0",
        text="Older setting of iipsrv: 0 is the same as MAX_ICC=0, whatever MAX_ICC says.",
    )  # fmt: skip
    icc_to_srgb: bool = setting(
        "ICC_TO_SRGB", default=False, parse=Switch(), example="1",
        text="Convert images with an ICC profile to sRGB and embed no profile (CMYK is always converted).",
    )  # fmt: skip
    undeclared_opacity: bool = setting(
        "UNDECLARED_OPACITY", default=True, parse=Switch(), example="0",
        text="Take the fourth band of 8-bit RGB TIFF files that do not say what it is (no ExtraSamples) for opacity.",
    )  # fmt: skip
    colormaps: str = setting(
        "COLORMAPS", default="", parse=Text("a path"), example="/srv/colormaps",
        text="Folder of additional color maps for CMP: files NAME.txt or NAME.csv with one color per line, from black to white, each red, green and blue from 0 to 255.",
    )  # fmt: skip
    watermark: str = setting(
        "WATERMARK", default="", parse=Text("an absolute path"), example="/srv/mark.png",
        text="Image to blend onto every served image; the server does not start if it cannot be read.",
    )  # fmt: skip
    watermark_probability: float = setting(
        "WATERMARK_PROBABILITY", default=1.0, parse=Number(0.0, 1.0), example="0.5",
        text="Probability that a tile, or a block of a larger image, has the watermark.",
    )  # fmt: skip
    watermark_opacity: float = setting(
        "WATERMARK_OPACITY", default=1.0, parse=Number(0.0, 1.0), example="0.3", text="Opacity of the watermark."
    )  # fmt: skip
    watermark_blend: str = setting(
        "WATERMARK_BLEND", default="additive", parse=OneOf("additive", "alpha"), example="alpha",
        text="How the watermark is blended: `additive` brightens (black is invisible), `alpha` covers.",
    )  # fmt: skip
    watermark_samples: bool = setting(
        "WATERMARK_SAMPLES", default=False, parse=Switch(), example="1",
        text="Answer what has no watermark although one is set: PFL, SPECTRA, values of maps, coverages, histograms, files of collections.",
    )  # fmt: skip
    interpolation: int = setting(
        "INTERPOLATION", default=1, parse=Number(0), example="0",
        text="Scaling: 0 nearest neighbor, otherwise interpolated without aliasing.",
    )  # fmt: skip
    max_layers: int = setting(
        "MAX_LAYERS", default=0, parse=Number(-1), example="-1",
        text="Maximum number of JPEG 2000 quality layers to decode: 0 is half of them rounded up, -1 all.",
    )  # fmt: skip
    # -- limits
    max_cvt: int = setting(
        "MAX_CVT", default=5000, parse=Number(-1, below=1, zero=5000), example="2000",
        text="Maximum side of an exported image, in pixels; -1 is no limit, 0 is 5000, and numbers below -1 are 1.",
    )  # fmt: skip
    allow_upscaling: bool = setting(
        "ALLOW_UPSCALING", default=True, parse=Switch(), example="0", text="Serve images larger than in the file."
    )  # fmt: skip
    max_render_memory: float = setting(
        "MAX_RENDER_MEMORY", default=512.0, parse=Number(1.0, 1e6), example="2048",
        text="Megabytes (of 1,024,000 bytes) that all requests of a worker together may hold while rendering: a request that needs more is refused before decoding, others wait.",
    )  # fmt: skip
    max_renders: int = setting(
        "MAX_RENDERS", default=0, parse=Number(0, 1024), example="4",
        text="Images each worker renders at once, of each kind: tiles, tiles that take long (as those of JPEG 2000), large exports, and bundles of more than 4 tiles; 0 is one more than its share of the processor cores, and for bundles the share itself.",
    )  # fmt: skip
    max_decode: float = setting(
        "MAX_DECODE", default=1000.0, parse=Number(1.0, 1e6), example="300",
        text="Megapixels one request may decode, those around what it shows included; a limit for large images without smaller levels.",
    )  # fmt: skip
    # -- caches
    max_image_cache_size: float = setting(
        "MAX_IMAGE_CACHE_SIZE", default=10.0, parse=Number(0.0, 1e6), example="100",
        text="Megabytes (of 1,024,000 bytes) of encoded images and decoded tiles cached by each worker; 0 caches none.",
    )  # fmt: skip
    max_map_tiles_size: float = setting(
        "MAX_MAP_TILES_SIZE", default=32.0, parse=Number(0.0, 1e6), example="256",
        text="Megabytes (of 1,024,000 bytes) of decoded tiles of images that each worker keeps for neighboring maps; 0 keeps none.",
    )  # fmt: skip
    max_metadata_cache_size: int = setting(
        "MAX_METADATA_CACHE_SIZE", default=10_000, parse=Number(-1), example="50000",
        others=("MAX_IMAGE_METADATA_CACHE_SIZE",),
        text="Number of image headers cached by each worker, of about 10 kB each; 0 caches none, -1 all.",
    )  # fmt: skip
    max_open_images: int = setting(
        "MAX_OPEN_IMAGES", default=1000, parse=Number(1, 30000), example="4000",
        text="Number of image files each worker keeps open.",
    )  # fmt: skip
    memcached_servers: tuple[MemcachedAddress, ...] = setting(
        "MEMCACHED_SERVERS", default=(), parse=MemcachedServers(), example="localhost,[::1]:11212",
        text="memcached servers; empty for none. The port is 11211 unless stated; weights (`/?2`) are ignored.",
    )  # fmt: skip
    memcached_timeout: int = setting(
        "MEMCACHED_TIMEOUT", default=86400, parse=Number(0), example="3600",
        text="Seconds an image stays in memcached; 0 means no expiry.",
    )  # fmt: skip
    memcached_pass: int = setting(
        "MEMCACHED_PASS", default=0, parse=Number(0, 2_592_000), example="60",
        text="Seconds that the body of an image stays in memcached under its address, where nginx takes it without asking this server (conf/nginx-memcached.conf): so long a changed file may be shown as it was; 0 keeps none there.",
    )  # fmt: skip
    purge_secret: str = setting(
        "PURGE_SECRET", default="", parse=Secret(), example="3kX9vQ2mLw",
        text="Secret that signs requests of `iipserve purge`, which lets images count as changed; empty answers none.",
    )  # fmt: skip
    # -- HTTP
    cors: str = setting(
        "CORS", default="*", parse=Origin(), example="https://viewer.example.org",
        text="Access-Control-Allow-Origin of every response but the gallery page; empty sends none.",
    )  # fmt: skip
    cache_control: str = setting(
        "CACHE_CONTROL", default="max-age=86400", parse=Header(), example="public, max-age=604800",
        text="Cache-Control of every image and document.",
    )  # fmt: skip
    base_url: str = setting(
        "BASE_URL", default="", parse=BaseUrl(), example="https://img.example.org/iiif/",
        text="Public base URL of IIIF ids, before the identifier, instead of that of the request; X-IIIF-ID goes before it.",
    )  # fmt: skip
    trust_forwarded: bool = setting(
        "TRUST_FORWARDED", default=True, parse=Switch(), example="0",
        text="Trust Forwarded, X-Forwarded-Proto, -Host, -Port and -Prefix, and X-IIIF-ID; set 0 if clients can send them past the front end.",
    )  # fmt: skip
    uri_map: tuple[tuple[str, str], ...] = setting(
        "URI_MAP", default=(), parse=UriMap(), example="books=>IIIF,zoom=>DeepZoom",
        text="Path prefixes of protocols.",
    )  # fmt: skip
    iiif_version: int = setting(
        "IIIF_VERSION", default=3, parse=Number(1, 3, below=3), example="2",
        text="IIIF Image API version of URLs without a version; 3 also replaces any other number.",
    )  # fmt: skip
    iiif_delimiter: str = setting(
        "IIIF_DELIMITER", default="", parse=Text(), example=";",
        text="Delimiter between an identifier and the index of an image in its stack in IIIF URLs, such as `;` in stack.tif;2; empty for none.",
    )  # fmt: skip
    iiif_collections: bool = setting(
        "IIIF_COLLECTIONS", default=False, parse=Switch(), example="1",
        text="List the images of each folder as a IIIF collection, at /iiif/collection/ and the path of the folder.",
    )  # fmt: skip
    iiif_extensions: bool = setting(
        "IIIF_EXTENSIONS", default=False, parse=Switch(), example="1",
        text="Serve the additional IIIF qualities negative, stretch, equalization and log.",
    )  # fmt: skip
    iiif_lenient: bool = setting(
        "IIIF_LENIENT", default=False, parse=Switch(), example="1",
        text="Also answer in IIIF Image API 3 what only earlier versions have: the size `full`, and sizes larger than the region without `^`.",
    )  # fmt: skip
    iiif_extra_info: str = setting(
        "IIIF_EXTRA_INFO", default="", parse=Text("members of a JSON object"), example='"service": []',
        text="JSON members to add to info.json in every version.",
    )  # fmt: skip
    iiif_extra_info_1: str = setting(
        "IIIF_EXTRA_INFO_1", default="", parse=Text("members of a JSON object"), example='"note": "version 1"',
        text="As IIIF_EXTRA_INFO, only in version 1.",
    )  # fmt: skip
    iiif_extra_info_2: str = setting(
        "IIIF_EXTRA_INFO_2", default="", parse=Text("members of a JSON object"), example='"attribution": "A library"',
        text="As IIIF_EXTRA_INFO, only in version 2.",
    )  # fmt: skip
    iiif_extra_info_3: str = setting(
        "IIIF_EXTRA_INFO_3", default="", parse=Text("members of a JSON object"), example='"partOf": []',
        text="As IIIF_EXTRA_INFO, only in version 3.",
    )  # fmt: skip
    zoomify_rounding: str = setting(
        "ZOOMIFY_ROUNDING", default="down", parse=OneOf("down", "up"), example="up",
        text="How Zoomify halves an image from tier to tier: `down` as the original tools, iipsrv and OpenLayers' `truncated`, `up` as libvips and OpenLayers' `default`.",
    )  # fmt: skip
    copyright: str = setting(
        "COPYRIGHT", default="", parse=Text(), example="https://creativecommons.org/licenses/by/4.0/",
        text="Rights statement of images without one of their own, as text, with or without the URI of a license; info.json has the URI as `rights` (IIIF 2: `license`), and the text as `attribution` of IIIF 2, as IIIF 3 has no place for it.",
    )  # fmt: skip
    # -- map services
    services: str = setting(
        "SERVICES", default="", parse=Text("a path"), example="/etc/iipserve/services.toml",
        text="File that describes the map services and their layers, in TOML or, if its name ends in `.map`, as a map file of MapServer (docs/services.md); empty for all images below FILESYSTEM_PREFIX.",
    )  # fmt: skip
    catalog_file: str = setting(
        "CATALOG_FILE", default="", parse=Text("a path"), example="/var/cache/iipserve/catalog.json",
        text="File that keeps what documents of the map services tell of images, so that one worker reads the folder for all and after a restart only changed images are read; empty for none.",
    )  # fmt: skip
    # -- process
    verbosity: int = setting(
        "VERBOSITY", default=1, parse=Number(0), example="2",
        text="Log level: 0 nothing, 1 start, warnings (damaged files, slow requests) and errors, 2 and more also requests, 4 and more also headers and other details of each.",
    )  # fmt: skip
    logfile: str = setting(
        "LOGFILE", default="/tmp/iipsrv.log", parse=Text("a path, `syslog` or `-`", words=("syslog",)), example="-",
        text="Log file to append to, or `syslog`, or `-` for standard error.",
    )  # fmt: skip
    log_format: str = setting("LOG_FORMAT", default="text", parse=OneOf("text", "json"), example="json", text="Form of the lines of the log: `text`, or `json` with one object each.")  # fmt: skip
    slow_request: int = setting("SLOW_REQUEST", default=10_000, parse=Number(0), example="2000", text="Milliseconds from which on a request has a line in the log that says what took so long, until the client has received all of it; 0 logs none.")  # fmt: skip
    metrics: TcpAddress | None = setting(
        "METRICS", default=None, parse=OptionalTcpAddress(), example="127.0.0.1:9464", text="Address of `/health`, `/ready` and `/metrics` (for Prometheus) over HTTP; empty for none."
    )  # fmt: skip
    workers: int = setting(
        "WORKERS", default=0, parse=Number(0, 1024), example="4",
        text="Number of worker processes; 0 is one per processor core.",
    )  # fmt: skip
    threads: int = setting(
        "THREADS", default=64, parse=Number(1, 65535), example="128",
        text="Requests each worker serves at once, and twice as many that wait for exports and the like to be made; further ones wait in the backlog.",
    )  # fmt: skip
    request_timeout: float = setting(
        "REQUEST_TIMEOUT", default=60.0, parse=Number(1.0, 86400.0), example="30",
        text="Seconds that a request, or 64 KiB more of its body, may take to arrive, and a client may pause in reading, "
        "before its connection is closed, and that a request may take to be answered before its worker is replaced (10 seconds later).",
    )  # fmt: skip
    max_worker_memory: float = setting(
        "MAX_WORKER_MEMORY", default=0.0, parse=Number(-1.0, 1e6), example="2048",
        text="Megabytes (of 1,024,000 bytes) of memory beyond which a worker finishes its requests and is replaced; 0 is half more than the other settings allow it, which `--check` prints, and -1 is no limit.",
    )  # fmt: skip
    socket_mode: int = setting(
        "SOCKET_MODE", default=0o666, parse=FileMode(), example="0660",
        text="Permissions of the Unix socket of `--bind` and `--http`; writing is what connecting needs.",
    )  # fmt: skip
    socket_group: str = setting(
        "SOCKET_GROUP", default="", parse=Text("a name or number of a group"), example="www-data",
        text="Group of the Unix socket of `--bind` and `--http`; empty for that of the process.",
    )  # fmt: skip
    viewer: bool = setting(
        "VIEWER", default=False, parse=Switch(), example="1",
        text="Serve the gallery page, which lists all images below FILESYSTEM_PREFIX, over FastCGI too (with --http it is always served).",
    )  # fmt: skip

    @property
    def image_prefix(self) -> str:
        """FILESYSTEM_PREFIX with a slash at its end, so that no identifier goes on with its name; empty if it is."""
        prefix = self.filesystem_prefix
        return prefix if not prefix or prefix.endswith("/") else f"{prefix}/"

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

    @property
    def has_watermark(self) -> bool:
        """Whether images get a watermark that can be seen."""
        return bool(self.watermark and self.watermark_probability and self.watermark_opacity)


def settings() -> dict[str, Setting]:
    """All settings by field name, in the order of `Config`."""
    return {field.name: field.metadata["setting"] for field in dataclasses.fields(Config)}


class Loaded(NamedTuple):
    """What the environment says."""

    config: Config
    """Settings with a mistake have their default."""
    mistakes: Mapping[str, str]
    """By field of `Config`: a line with variable, value and what it must be. The server does not start."""
    warnings: tuple[str, ...]
    """A line for each value that is not quite what it should be, and for each variable that is no setting."""


def load(environ: Mapping[str, str]) -> Loaded:
    """Read all settings."""
    values: dict[str, Any] = {}
    mistakes: dict[str, str] = {}
    notes: list[str] = []
    for name, known in settings().items():
        variable = spelling(known, environ)
        if variable is None:
            continue
        try:
            values[name], note = read(known, variable, environ[variable])
        except ValueError as error:
            mistakes[name] = f"{variable} is {environ[variable]!r}; it must be {error}"
        else:
            notes += note
    names = [name for known in settings().values() for name in (known.variable, *known.others)]
    return Loaded(Config(**values), mistakes, (*notes, *warnings(environ, names)))


def from_environ(environ: Mapping[str, str]) -> Config:
    """The settings.

    Raises:
        ConfigError: one line per mistake, with variable, value and what it must be.
    """
    loaded = load(environ)
    if loaded.mistakes:
        raise ConfigError("\n".join(loaded.mistakes.values()))
    return loaded.config
