"""Makes a folder of files that are broken, hostile, or no images at all."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from tests.images import gradient, smooth, write_jp2, write_tiff_pyramid

SIZE = (600, 500)


def make_broken_files(folder: Path, outside: Path) -> None:
    """Write every broken file into `folder`; `outside` is an image that no link may reach."""
    _whole_images(folder)
    for name in ("jpeg.tif", "deflate.tif", "whole.jp2", "whole.jpg", "whole.png"):
        data = (folder / name).read_bytes()
        for percent in (1, 50, 90):
            (folder / f"cut-{percent}-{name}").write_bytes(data[: len(data) * percent // 100])
    _lying_tiffs(folder)
    _declared_huge(folder, (folder / "whole.jp2").read_bytes())
    (folder / "empty.tif").write_bytes(b"")
    (folder / "text.tif").write_text("this is not an image\n" * 50)
    (folder / "text.jp2").write_text("neither is this\n")
    (folder / "folder.tif").mkdir()
    os.mkfifo(folder / "fifo.tif")
    (folder / "out.tif").symlink_to(outside)
    (folder / "dangling.tif").symlink_to(folder / "nowhere.tif")
    (folder / "loop.tif").symlink_to(folder / "loop.tif")


def _whole_images(folder: Path) -> None:
    picture = smooth(SIZE)
    write_tiff_pyramid(folder / "jpeg.tif", picture, compression="jpeg")
    write_tiff_pyramid(folder / "deflate.tif", gradient(SIZE), compression="zlib")
    write_jp2(folder / "whole.jp2", picture)
    Image.fromarray(picture).save(folder / "whole.jpg")
    Image.fromarray(picture).save(folder / "whole.png")
    write_tiff_pyramid(folder / "one.tif", gradient((1, 1)), tile=(16, 16))


def _lying_tiffs(folder: Path) -> None:
    tile = b"\x80" * (64 * 64 * 3)
    (folder / "ifd-loop.tif").write_bytes(tiff(tags(64, 64, 64, len(tile)), tile, next_ifd=8))
    (folder / "ifd-past-end.tif").write_bytes(struct.pack("<2sHI", b"II", 42, 0x7FFFFFF0))
    (folder / "offset-past-end.tif").write_bytes(tiff(tags(64, 64, 64, len(tile), offset=2**31), tile))
    (folder / "count-past-end.tif").write_bytes(tiff(tags(64, 64, 64, 2**31), tile))
    (folder / "no-tile-size.tif").write_bytes(tiff({**tags(64, 64, 64, len(tile)), 322: 0, 323: 0}, tile))
    (folder / "no-width.tif").write_bytes(tiff({**tags(64, 64, 64, len(tile)), 256: 0}, tile))
    bomb = zlib.compress(bytes(100_000_000), 9)
    (folder / "bomb.tif").write_bytes(tiff({**tags(64, 64, 64, len(bomb)), 259: 8}, bomb))
    noise = bytes(range(256)) * 20
    (folder / "noise-in-jpeg.tif").write_bytes(tiff({**tags(64, 64, 64, len(noise)), 259: 7}, noise))


def _declared_huge(folder: Path, jp2: bytes) -> None:
    tile = bytes(1000)
    (folder / "huge.tif").write_bytes(tiff(tags(100_000, 100_000, 256, len(tile)), tile))
    (folder / "huge-tile.tif").write_bytes(tiff({**tags(100_000, 100_000, 100_000, 1000), 259: 8}, tile))
    at = jp2.index(b"\xff\x51") + 6
    side = struct.pack(">II", 100_000, 100_000)
    huge = jp2[:at] + side + jp2[at + 8 : at + 16] + side + jp2[at + 24 :]
    (folder / "huge.jp2").write_bytes(huge)
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (folder / "huge.png").write_bytes(png + (folder / "whole.png").read_bytes()[33:])


def addresses_of(name: str) -> list[str]:
    """A description, a tile and an export in every protocol of images."""
    plain, encoded = quote(name), quote(name, safe="")
    return [
        f"/iip?FIF={plain}&OBJ=Max-size",
        f"/iip?FIF={plain}&JTL=0,0",
        f"/iip?FIF={plain}&PTL=1,0",
        f"/iip?FIF={plain}&WID=200&CVT=jpeg",
        f"/iiif/3/{encoded}/info.json",
        f"/iiif/3/{encoded}/0,0,256,256/256,256/0/default.jpg",
        f"/iiif/2/{encoded}/full/100,/90/gray.png",
        f"/deepzoom/{plain}.dzi",
        f"/deepzoom/{plain}_files/0/0_0.jpg",
        f"/deepzoom/{plain}_files/9/0_0.jpg",
        f"/zoomify/{plain}/ImageProperties.xml",
        f"/zoomify/{plain}/TileGroup0/0-0-0.jpg",
    ]


def tags(width: int, height: int, tile: int, count: int, *, offset: int = 0) -> dict[int, int]:
    """The tags of an RGB image of one stored tile; an offset of 0 is put right by `tiff`."""
    return {
        256: width,
        257: height,
        258: 8,
        259: 1,
        262: 2,
        277: 3,
        322: tile,
        323: tile,
        324: offset,
        325: count,
    }


def tiff(entries: Mapping[int, int], data: bytes, *, next_ifd: int = 0) -> bytes:
    """A little-endian TIFF of one directory with LONG values, and `data` behind it."""
    start = 8 + 2 + 12 * len(entries) + 4
    rows = b""
    for tag in sorted(entries):
        value = start if tag == 324 and not entries[tag] else entries[tag]
        rows += struct.pack("<HHII", tag, 4, 1, value)
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + rows + struct.pack("<I", next_ifd) + data
