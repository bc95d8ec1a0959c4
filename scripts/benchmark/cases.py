"""What the benchmark asks for: the rows of its table, each with a list of addresses."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scripts.benchmark.images import CACHE, WATERMARK, Image

UNCACHED: Mapping[str, str] = {"MAX_IMAGE_CACHE_SIZE": "0"}
"""Nothing is kept in memory, so that every request does the whole work."""
CACHED: Mapping[str, str] = {"MAX_IMAGE_CACHE_SIZE": "100"}


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    name: str
    image: str
    """File name."""
    addresses: Callable[[Image], list[str]]
    """What is asked for."""
    settings: Mapping[str, str] = field(default_factory=lambda: CACHED)
    warm: bool = False
    """Everything is asked for once before it is measured."""
    keeps_connections: bool = True
    """nginx keeps its connections to iipserve (Debian's iipsrv cannot: it serves one at a time)."""
    once: bool = False
    """Each address once, neighbors one after the other; caches are dropped between rounds."""
    iipsrv: bool = True
    """Debian's iipsrv 1.1 can do it too."""
    modifiers: str = ""
    """IIP commands before the one that asks for the tile."""


def _jtl(picture: Image, resolution: int, index: int) -> str:
    return f"?FIF={picture.name}&JTL={resolution},{index}"


def _inner(picture: Image, level: int) -> list[tuple[int, int]]:
    """Columns and rows of tiles that are neither in the last column nor in the last row."""
    columns, rows = picture.grid(level)
    return list(itertools.product(range(columns - 1), range(rows - 1)))


def iip_inner(picture: Image) -> list[str]:
    """Inner tiles of the full size and the level below it, in random order."""
    found = []
    for level in (0, 1):
        columns, _ = picture.grid(level)
        resolution = picture.levels - 1 - level
        found += [_jtl(picture, resolution, row * columns + column) for column, row in _inner(picture, level)]
    return random.Random(1).sample(found, min(400, len(found)))


def iip_few(picture: Image) -> list[str]:
    """Tiles few enough to stay in any cache."""
    return iip_inner(picture)[:60]


def iip_right(picture: Image) -> list[str]:
    """Tiles of the last column of the full size."""
    columns, rows = picture.grid(0)
    return [_jtl(picture, picture.levels - 1, row * columns + columns - 1) for row in range(rows - 1)]


def iip_bottom(picture: Image) -> list[str]:
    """Tiles of the last row of the full size."""
    columns, rows = picture.grid(0)
    return [_jtl(picture, picture.levels - 1, (rows - 1) * columns + column) for column in range(columns - 1)]


def iip_png(picture: Image) -> list[str]:
    """The inner tiles as PNG."""
    return [path.replace("JTL=", "PTL=") for path in iip_inner(picture)[:100]]


def iip_walk(picture: Image) -> list[str]:
    """A window of 16 x 12 tiles in the middle, row by row: what a viewer asks for when it is dragged about."""
    columns, rows = picture.grid(0)
    left, top = columns // 2 - 8, rows // 2 - 6
    return [
        _jtl(picture, picture.levels - 1, row * columns + column)
        for row in range(top, top + 12)
        for column in range(left, left + 16)
    ]


def iiif_few(picture: Image) -> list[str]:
    """The same kind of tiles by IIIF, in the spelling both servers know."""
    tiles = random.Random(1).sample(_inner(picture, 0), 60)
    return [
        f"iiif/{picture.name}/{column * 256},{row * 256},256,256/256,/0/default.jpg" for column, row in tiles
    ]


def deepzoom_few(picture: Image) -> list[str]:
    """The same kind of tiles by DeepZoom."""
    tiles = random.Random(1).sample(_inner(picture, 0), 60)
    top = (max(picture.width, picture.height) - 1).bit_length()
    return [f"?DeepZoom={picture.name}_files/{top}/{column}_{row}.jpg" for column, row in tiles]


def export_1000(picture: Image) -> list[str]:
    """The whole image, about 1000 pixels wide: all different, as equal ones under way are made once."""
    return [f"?FIF={picture.name}&WID={width}&CVT=jpeg" for width in range(980, 1020)]


def export_region(picture: Image) -> list[str]:
    """A tenth of each side, 700 pixels wide, at 40 places."""
    places = random.Random(2)
    return [
        f"?FIF={picture.name}&RGN={places.uniform(0, 0.9):.3f},{places.uniform(0, 0.9):.3f},0.1,0.1&WID=700&CVT=jpeg"
        for _ in range(40)
    ]


def processed(
    name: str, image: str, modifiers: str = "", *, mark: str = "", iipsrv: bool = True
) -> list[Case]:
    """Two rows: tiles that are processed at every request, and the same ones asked for again.

    Args:
        name: of the rows.
        image: file name.
        modifiers: IIP commands.
        mark: file name of a watermark.
        iipsrv: Debian's iipsrv 1.1 can do it too.
    """
    settings = {"WATERMARK": str(CACHE / mark)} if mark else {}
    return [
        Case(f"{name}, first time", image, iip_inner, {**UNCACHED, **settings}, modifiers=modifiers, iipsrv=iipsrv),
        Case(
            f"{name}, again", image, iip_few, {**CACHED, **settings}, warm=True, modifiers=modifiers, iipsrv=iipsrv
        ),
    ]  # fmt: skip


JPEG, DEFLATE, LZW, ZSTD = "jpeg.tif", "deflate.tif", "lzw.tif", "zstd.tif"

CASES = (
    Case("warm tile, IIP", JPEG, iip_few, warm=True),
    Case("warm tile, IIIF", JPEG, iiif_few, warm=True),
    Case("warm tile, DeepZoom", JPEG, deepzoom_few, warm=True),
    Case("warm tile, IIP, new connections", JPEG, iip_few, warm=True, keeps_connections=False),
    Case("warm tile, IIIF, new connections", JPEG, iiif_few, warm=True, keeps_connections=False),
    Case("warm tile, DeepZoom, new conn.", JPEG, deepzoom_few, warm=True, keeps_connections=False),
    Case("cold JPEG tile, inner", JPEG, iip_inner, UNCACHED),
    Case("cold JPEG tile, right edge", JPEG, iip_right, UNCACHED),
    Case("cold JPEG tile, bottom edge", JPEG, iip_bottom, UNCACHED),
    Case("cold deflate tile", DEFLATE, iip_inner, UNCACHED),
    Case("cold LZW tile", LZW, iip_inner, UNCACHED),
    Case("cold zstd tile", ZSTD, iip_inner, UNCACHED),
    Case("JPEG 2000 walk, tiled 512", "tiled.jp2", iip_walk, once=True),
    Case("JPEG 2000 walk, untiled", "untiled.jp2", iip_walk, once=True),
    Case("export 1000 px wide", JPEG, export_1000, UNCACHED),
    Case("region 0.1 x 0.1 at 700 px", JPEG, export_region, UNCACHED),
    Case("PNG tile", JPEG, iip_png, UNCACHED, iipsrv=False),
    *processed("gamma, contrast", JPEG, "GAM=0.7&CNT=1.2"),
    *processed("color map, gray", "gray.tif", "CMP=JET"),
    *processed("color map, RGB", JPEG, "CMP=JET"),
    *processed("color twist", JPEG, "CTW=[0.2,0.5,0.3;0.1,0.8,0.1;0.4,0.2,0.4]"),
    *processed("16 bits, deflate", "deflate16.tif"),
    *processed("32 bits, float", "float.tif"),
    # iipsrv 1.1 dies of SHD at the first or second tile, and has no CNV
    *processed("hillshade", "normals.tif", "SHD=120,40", iipsrv=False),
    *processed("convolution", JPEG, "CNV=sharpen", iipsrv=False),
    *processed("CIELAB", "cielab.tif"),
    *processed("watermark", JPEG, mark=WATERMARK),
)


def paths_of(case: Case, images: Mapping[str, Image]) -> list[str]:
    """Addresses below the server's mount, for nginx."""
    paths = case.addresses(images[case.image])
    if case.modifiers:
        paths = [path.replace("&JTL=", f"&{case.modifiers}&JTL=") for path in paths]
    return [path.replace("?", "i.fcgi?", 1) if path.startswith("?") else path for path in paths]
