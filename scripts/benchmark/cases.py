"""The rows of the table: what is asked for, of which image, with which settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scripts.benchmark import addresses as ask
from scripts.benchmark import maps
from scripts.benchmark.addresses import Addresses
from scripts.benchmark.images import CACHE, COVERAGE, MAP, WATERMARK, Image

UNCACHED: Mapping[str, str] = {"MAX_IMAGE_CACHE_SIZE": "0"}
"""Nothing is kept in memory, so that every request does the whole work."""
DECODED_ANEW: Mapping[str, str] = {**UNCACHED, "MAX_MAP_TILES_SIZE": "0"}
"""Each map also decodes all that it shows."""
DECODED_BEFORE: Mapping[str, str] = {**UNCACHED, "MAX_MAP_TILES_SIZE": "1000"}
"""No map is kept, but decoded tiles of the raster are, as GDAL's block cache (5 % of memory) keeps them for MapServer."""
CACHED: Mapping[str, str] = {"MAX_IMAGE_CACHE_SIZE": "100"}
DEFAULT: Mapping[str, str] = {}
IIPSRV, MAPSERVER, MAPPROXY = "iipsrv", "MapServer", "MapProxy"
"""Debian's iipsrv 1.1 and MapServer 8.0, and MapProxy of PyPI."""
MANY, VERY_MANY = 1_000, 20_000
"""Images of a crowd."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    name: str
    image: str
    """File name."""
    addresses: Addresses
    """What is asked for."""
    settings: Mapping[str, str] = field(default_factory=lambda: CACHED)
    warm_seconds: float = 0.0
    """How long everything is asked for before it is measured."""
    keeps_connections: bool = True
    """nginx keeps its connections to iipserve (Debian's iipsrv cannot: it serves one at a time)."""
    once: bool = False
    """Each address once, one after the other; caches are dropped between rounds."""
    partner: str = IIPSRV
    """The server that is measured in turn with this one; empty where none can do it."""
    partner_addresses: Addresses | None = None
    """What the partner is asked for, if it is not the same."""
    modifiers: str = ""
    """IIP commands before the one that asks for the tile."""
    connections: int | None = None
    """Of the load generator, if not the number that the options say."""
    links: int = 0
    """Hard links to the image that the addresses name."""
    resampling: str = ""
    """`RESAMPLE` of MapServer's layers, nearest without it."""
    services: bool = False
    """Our server reads the map file too; without it, it finds its layers by itself."""
    memcached: bool = False
    """Both servers use a memcached of their own."""
    refused: bool = False
    """What is asked for does not exist: answers are errors."""
    long: bool = False
    """Takes minutes, and is run on demand only."""


def processed(
    name: str, image: str, modifiers: str = "", *, mark: str = "", partner: str = IIPSRV
) -> list[Case]:
    """Two rows: tiles that are processed at every request, and the same ones asked for again.

    Args:
        name: of the rows.
        image: file name.
        modifiers: IIP commands.
        mark: file name of a watermark.
        partner: as of `Case`.
    """
    settings = {"WATERMARK": str(CACHE / mark)} if mark else {}
    return [
        Case(f"{name}, first time", image, ask.iip_inner, {**UNCACHED, **settings}, modifiers=modifiers, partner=partner),
        Case(
            f"{name}, again", image, ask.iip_few, {**CACHED, **settings}, warm_seconds=1, modifiers=modifiers, partner=partner
        ),
    ]  # fmt: skip


JPEG, DEFLATE, LZW, ZSTD = "jpeg.tif", "deflate.tif", "lzw.tif", "zstd.tif"
CROWD_JPEG, CROWD_JP2 = "crowd.tif", "crowd.jp2"
OBJECTS = "?FIF={0}&obj=IIP,1.0&obj=Max-size&obj=Tile-size&obj=Resolution-number"

WARM = (
    Case("warm tile, IIP", JPEG, ask.iip_few, warm_seconds=1),
    Case("warm tile, IIIF", JPEG, ask.iiif_few, warm_seconds=1),
    Case("warm tile, DeepZoom", JPEG, ask.deepzoom_few, warm_seconds=1),
    Case("warm tile, IIP, new connections", JPEG, ask.iip_few, warm_seconds=1, keeps_connections=False),
    Case("warm tile, IIIF, new connections", JPEG, ask.iiif_few, warm_seconds=1, keeps_connections=False),
    Case("warm tile, DeepZoom, new connections", JPEG, ask.deepzoom_few, warm_seconds=1, keeps_connections=False),
    Case("warm tile, 256 connections", JPEG, ask.iip_few, warm_seconds=1, connections=256),
    Case("1,000 tiles from memcached", JPEG, ask.iip_thousand, UNCACHED, warm_seconds=3, memcached=True),
)  # fmt: skip
DOCUMENTS = (
    Case("info.json asked for before", CROWD_JPEG, ask.of_each(60, "iiif/{0}/info.json"), DEFAULT, warm_seconds=1, links=60),
    Case("DeepZoom descriptor asked for before", CROWD_JPEG, ask.of_each(60, "?DeepZoom={0}.dzi"), DEFAULT, warm_seconds=1, links=60),
    Case("Zoomify properties asked for before", CROWD_JPEG, ask.of_each(60, "?Zoomify={0}/ImageProperties.xml"), DEFAULT, warm_seconds=1, links=60),
    Case("OBJ asked for before", CROWD_JPEG, ask.of_each(60, OBJECTS), DEFAULT, warm_seconds=1, links=60),
)  # fmt: skip
ERRORS = (
    Case("image that does not exist", CROWD_JPEG, ask.of_each(60, "?FIF=no-{0}&JTL=0,0"), DEFAULT, refused=True, warm_seconds=1),
    Case("tile that does not exist", CROWD_JPEG, ask.of_each(60, "?FIF={0}&JTL=99,0"), DEFAULT, links=60, refused=True, warm_seconds=1),
)  # fmt: skip
FIRST = (
    Case("image never opened, tile", CROWD_JPEG, ask.first_tiles(MANY), DEFAULT, once=True, links=MANY),
    Case("image never opened, info.json", CROWD_JPEG, ask.of_each(MANY, "iiif/{0}/info.json"), DEFAULT, once=True, links=MANY),
    Case("image never opened, thumbnail 200 px wide", CROWD_JPEG, ask.of_each(MANY, "iiif/{0}/full/200,/0/default.jpg"), DEFAULT, once=True, links=MANY),
    Case("JPEG 2000 never opened, info.json", CROWD_JP2, ask.of_each(MANY, "iiif/{0}/info.json"), DEFAULT, once=True, links=MANY),
)  # fmt: skip
CROWDS = (
    Case("crowd on 1,000 images, JPEG", CROWD_JPEG, ask.crowd(MANY), DEFAULT, warm_seconds=3, connections=64, links=MANY),
    Case("crowd on 1,000 images, JPEG 2000", CROWD_JP2, ask.crowd(MANY), DEFAULT, warm_seconds=3, connections=64, links=MANY),
    Case("crowd on 20,000 images, JPEG", CROWD_JPEG, ask.crowd(VERY_MANY), DEFAULT, warm_seconds=30, connections=64, links=VERY_MANY, long=True),
    Case("crowd on 20,000 images, JPEG 2000", CROWD_JP2, ask.crowd(VERY_MANY), DEFAULT, warm_seconds=30, connections=64, links=VERY_MANY, long=True),
)  # fmt: skip
DECODED = (
    Case("stored JPEG tile, inner", JPEG, ask.iip_inner, UNCACHED),
    Case("stored JPEG tile, right edge", JPEG, ask.iip_right, UNCACHED),
    Case("stored JPEG tile, bottom edge", JPEG, ask.iip_bottom, UNCACHED),
    *(
        Case(f"JPEG tile, {command}, one connection", JPEG, ask.iip_inner, UNCACHED, modifiers=command, connections=1)
        for command in ("QLT=50", "ROT=90", "COL=gray")
    ),
    Case("deflate tile", DEFLATE, ask.iip_inner, UNCACHED),
    Case("LZW tile", LZW, ask.iip_inner, UNCACHED),
    Case("zstd tile", ZSTD, ask.iip_inner, UNCACHED),
    Case("PNG of a JPEG tile", JPEG, ask.iip_png, UNCACHED, partner=""),
    Case("JPEG 2000, tiles of 512, walk", "tiled.jp2", ask.iip_walk, once=True),
    Case("JPEG 2000, untiled, walk", "untiled.jp2", ask.iip_walk, once=True),
    Case("JPEG 2000, tiles of 1,024, one tile at random", "tiled1024.jp2", ask.iip_inner, UNCACHED),
    Case("JPEG 2000, untiled, one tile at random", "untiled.jp2", ask.iip_inner, UNCACHED),
    Case("export 1,000 px wide", JPEG, ask.export_1000, UNCACHED),
    Case("region 0.1 x 0.1 at 700 px", JPEG, ask.export_region, UNCACHED),
    Case("region 1,000 x 1,000, not aligned", JPEG, ask.iiif_regions, UNCACHED),
)  # fmt: skip
PROCESSED = (
    *processed("gamma, contrast", JPEG, "GAM=0.7&CNT=1.2"),
    *processed("color map, gray", "gray.tif", "CMP=JET"),
    *processed("color map, RGB", JPEG, "CMP=JET"),
    *processed("color twist", JPEG, "CTW=[0.2,0.5,0.3;0.1,0.8,0.1;0.4,0.2,0.4]"),
    *processed("16 bits, deflate", "deflate16.tif"),
    *processed("32 bits, float", "float.tif"),
    # iipsrv 1.1 dies of SHD at the first or second tile, and has no CNV
    *processed("hillshade", "normals.tif", "SHD=120,40", partner=""),
    *processed("convolution", JPEG, "CNV=sharpen", partner=""),
    *processed("CIELAB", "cielab.tif"),
    *processed("watermark", JPEG, mark=WATERMARK),
)


def map_rows(name: str, squares: maps.Squares, media_type: str) -> list[Case]:
    """Two rows: tiles of WMTS asked for the first time, and again; MapServer is asked for the same by WMS."""
    again = maps.few(squares)
    return [
        Case(
            f"{name}, first time", MAP, maps.wmts(squares, media_type), DECODED_BEFORE, warm_seconds=3,
            partner=MAPSERVER, partner_addresses=maps.wms(squares, media_type),
        ),
        Case(
            f"{name}, again", MAP, maps.wmts(again, media_type), DEFAULT, warm_seconds=1,
            partner=MAPSERVER, partner_addresses=maps.wms(again, media_type),
        ),
    ]  # fmt: skip


def wms_rows(name: str, squares: maps.Squares, media_type: str, resampling: str = "") -> list[Case]:
    """Two rows: GetMap asked for the first time, and again, of two servers with the same map file."""
    asked = (("first time", squares, DECODED_BEFORE), ("again", maps.few(squares), DEFAULT))
    return [
        Case(
            f"WMS, {name}, {when}", MAP, maps.wms(chosen, media_type), settings, warm_seconds=3,
            partner=MAPSERVER, resampling=resampling, services=True,
        )
        for when, chosen, settings in asked
    ]  # fmt: skip


def capabilities_rows() -> list[Case]:
    """Documents of nine layers, which are asked for again and again; MapServer knows no WMTS."""
    wms = "?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetCapabilities"
    asked = {"WMS 1.3.0": wms, "WMTS": "?SERVICE=WMTS&VERSION=1.0.0&REQUEST=GetCapabilities"}
    return [
        Case(
            f"capabilities of {name}, {LISTED} layers, asked for before", MAP, maps.same(address), DEFAULT,
            warm_seconds=1, links=LISTED, partner=MAPSERVER, partner_addresses=maps.same(wms), services=True,
        )
        for name, address in asked.items()
    ]  # fmt: skip


def protocol_rows() -> list[Case]:
    """The same stored tiles of a raster by WMTS and by IIP, in each state of the caches; no other server is asked."""
    protocols = {"WMTS": maps.wmts(maps.native_squares, "image/jpeg"), "IIP": maps.iip}
    states = (
        ("nothing kept", UNCACHED, False),
        ("in memory", CACHED, False),
        ("from memcached", UNCACHED, True),
    )
    return [
        Case(
            f"stored tile of a raster, {state}, {protocol}", MAP, addresses, settings,
            warm_seconds=3, partner="", memcached=memcached,
        )
        for state, settings, memcached in states
        for protocol, addresses in protocols.items()
    ]  # fmt: skip


LISTED = 9
"""Layers of the capabilities."""
RASTERS = 200
"""Of a crowd on maps."""
_crowd_squares = maps.crowd(RASTERS)
MAPS = (
    *map_rows("map tile, reprojected, JPEG", maps.mercator_squares, "image/jpeg"),
    Case(
        "map tile, reprojected, JPEG, decoded anew", MAP, maps.wmts(maps.mercator_squares, "image/jpeg"), DECODED_ANEW,
        warm_seconds=1, partner=MAPSERVER, partner_addresses=maps.wms(maps.mercator_squares, "image/jpeg"),
    ),
    *map_rows("map tile, reprojected, PNG", maps.mercator_squares, "image/png"),
    *map_rows("map tile on the raster's own grid, JPEG", maps.native_squares, "image/jpeg"),
    *wms_rows("reprojected, nearest, JPEG", maps.mercator_squares, "image/jpeg"),
    *wms_rows("reprojected, nearest, PNG", maps.mercator_squares, "image/png"),
    *wms_rows("reprojected, bilinear, JPEG", maps.mercator_squares, "image/jpeg", "BILINEAR"),
    *wms_rows("on the raster's own grid, JPEG", maps.native_squares, "image/jpeg"),
    Case(
        "crowd on 200 rasters", MAP, maps.wmts(_crowd_squares, "image/jpeg"), DEFAULT, warm_seconds=3,
        connections=64, links=RASTERS, partner=MAPSERVER, partner_addresses=maps.wms(_crowd_squares, "image/jpeg"),
    ),
    *protocol_rows(),
    *capabilities_rows(),
    Case(
        "map tile from caches", MAP, maps.wmts(maps.few(maps.mercator_squares), "image/jpeg"), DEFAULT, warm_seconds=3,
        partner=MAPPROXY, partner_addresses=maps.mapproxy(maps.few(maps.mercator_squares), "jpeg"),
    ),
    *(
        Case(
            f"WCS 2.0, window 1,024 x 1,024 x 3 of a deflate COG, GeoTIFF, {when}", COVERAGE, windows, settings,
            warm_seconds=1, partner=MAPSERVER, services=True,
        )
        for when, windows, settings in (("first time", maps.wcs, UNCACHED), ("again", maps.few_windows, DEFAULT))
    ),
)  # fmt: skip
CASES: Sequence[Case] = (*WARM, *DOCUMENTS, *ERRORS, *FIRST, *CROWDS, *DECODED, *PROCESSED, *MAPS)


def paths_of(case: Case, images: Mapping[str, Image], *, partner: bool = False) -> list[str]:
    """Addresses below the server's mount, for nginx; those of the partner if it is asked for others."""
    addresses = (partner and case.partner_addresses) or case.addresses
    paths = addresses(images[case.image])
    if case.modifiers:
        paths = [path.replace("&JTL=", f"&{case.modifiers}&JTL=") for path in paths]
    return [path.replace("?", "i.fcgi?", 1) if path.startswith("?") else path for path in paths]
