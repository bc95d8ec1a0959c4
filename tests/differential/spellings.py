"""How clients spell requests: what both servers answer alike, and what differs, with the reason and the setting.

`docs/migration.md` shows `DIFFERENCES` as a table; `scripts/migration_docs.py` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

SCRIPT = "/fcgi-bin/iipsrv.fcgi"
"""An address that begins with `?` is below this one."""

NAMES = (
    "a.tif", "sub/b.tif", "sub/deep/c d.tif", "with space.tif", "plus+sign.tif", "c%20d.tif", "both b.tif",
    "both+b.tif", "comma,name.tif", "semi;colon.tif", "amp&name.tif", "equal=s.tif", "percent%.tif", "schön.tif",
    "tilde~.tif", "UPPER.TIF", "hash#1.tif", "what?.tif", "paren(1).tif", "x_files.tif", "name.dzi.tif", "dots..tif",
)  # fmt: skip
"""Files that the requests name, all of one picture of 600 x 460 pixels in tiles of 256 x 256."""

UNDEFINED = "crash, or 404"
"""What is not compared: iipsrv uses memory that it does not own."""


class Difference(NamedTuple):
    """Requests that the servers answer differently."""

    addresses: tuple[str, ...]
    theirs: str
    """Summary of iipsrv's answer."""
    ours: str
    """Summary of this server's answer."""
    reason: str
    setting: str = ""
    """`NAME=value` with which the answers are alike; empty if there is none."""


ALIKE: Mapping[str, Sequence[str]] = {
    "parameters that are not commands": (
        "?FIF=a.tif&JTL=1,0", "?FIF=a.tif&_=1700000000&JTL=1,0", "?_=1&FIF=a.tif&JTL=1,0", "?FIF=a.tif&JTL=1,0&_=17",
        "?FIF=a.tif&JTL=1,0&17", "?FIF=a.tif&JTL=1,0&t=17", "?FIF=a.tif&JTL=1,0&x=.jpg", "?FIF=a.tif&JTL=1,0&FOO=1&bar",
        "?FOO=1&FIF=a.tif&WID=100&CVT=jpeg", "?FIF=a.tif&WID=100&CVT=jpeg&FOO=1", "?FIF=a.tif&FOO=1",
        "?IIIF=a.tif/full/100,/0/default.jpg&_=1", "?_=1&IIIF=a.tif/full/100,/0/default.jpg",
        "?FOO=2&IIIF=a.tif/full/100,/0/default.jpg", "?DeepZoom=a.tif.dzi&_=1", "?_=1&DeepZoom=a.tif.dzi",
        "?DeepZoom=a.tif_files/9/0_0.jpg&t=1", "?t=1&Zoomify=a.tif/TileGroup0/1-0-0.jpg",
        "?Zoomify=a.tif/TileGroup0/1-0-0.jpg&t=12",
    ),
    "case, order and separators": (
        "?fif=a.tif&jtl=1,0", "?Fif=a.tif&Jtl=1,0", "?WID=100&FIF=a.tif&CVT=jpeg", "?&FIF=a.tif&JTL=1,0",
        "?FIF=a.tif&&JTL=1,0&", "?FIF=a.tif&WID=100&WID=200&CVT=jpeg", "?FIF=a.tif&WID=&HEI=100&CVT=jpeg",
        "?FIF=a.tif&INV=&JTL=1,0", "?FIF=a.tif&INV&JTL=1,0", "?FIF=a.tif&obj=MAX-SIZE", "?FIF=a.tif&CVT=JPEG", "?FIF=a.tif&CVT",
        "?FIF=a.tif&CVT=jpeg.jpg", "?FIF=a.tif&CVT=bmp", "?FIF=a.tif&ICC&JTL=1,0", "?FIF=a.tif&COL=foo&JTL=1,0",
        "?iiif=a.tif/full/100,/0/default.jpg", "?DEEPZOOM=a.tif.dzi", "?deepzoom=a.tif_files/9/0_0.jpg",
        "?zoomify=a.tif/TileGroup0/1-0-0.jpg",
    ),
    "repeated and contradictory requests": (
        "?FIF=a.tif&FIF=a.tif&JTL=1,0", "?FIF=a.tif&JTL=1,0&JTL=1,0",
        "?FIF=a.tif&OBJ=IIP,1.0&OBJ=Max-size&OBJ=Tile-size&JTL=1,0", "?FIF=a.tif&JTL=1,0&OBJ=Max-size",
        "?FIF=a.tif&OBJ=Max-size&WID=100&CVT=jpeg", "?FIF=a.tif&OBJ=nothing&JTL=1,0",
        "?FIF=a.tif&OBJ=Max-size&OBJ=nothing", "?FIF=a.tif&OBJ=Resolution-number&OBJ=Resolution-number",
        "?FIF=a.tif&OBJ=IIP,1.0&OBJ=Max-size&OBJ=Resolutions", "?FIF=a.tif&OBJ=colorspace,*,*",
        "?FIF=a.tif&OBJ=Colorspace", "?FIF=a.tif&OBJ=", "?FIF=a.tif&OBJ", "?FIF=a.tif&OBJ=Max-size&ROT=90",
        "?FIF=a.tif&ROT=90&OBJ=Max-size", "?FIF=a.tif&OBJ=app-name", "?FIF=a.tif&OBJ=copyright",
    ),
    "numbers": (
        "?FIF=a.tif&JTL=0,0.jpg", "?FIF=a.tif&JTL=1,1.jpg", "?FIF=a.tif&JTL=1,1?t=2", "?FIF=a.tif&JTL=1",
        "?FIF=a.tif&JTL=1.0,0", "?FIF=a.tif&JTL=1,%200", "?FIF=a.tif&JTL=1,+1", "?FIF=a.tif&JTL=1%2C1",
        "?FIF=a.tif&JTLS=0,1,0,90", "?FIF=a.tif&JTLS=0,1,0,90.jpg", "?FIF=a.tif&JTL=7,0", "?FIF=a.tif&JTL=0,7",
        "?FIF=a.tif&WID=100px&CVT=jpeg", "?FIF=a.tif&WID=100.7&CVT=jpeg", "?FIF=a.tif&WID=+100&CVT=jpeg",
        "?FIF=a.tif&WID=0&HEI=100&CVT=jpeg", "?FIF=a.tif&WID=99999&CVT=jpeg", "?FIF=a.tif&QLT=90%25&WID=100&CVT=jpeg",
        "?FIF=a.tif&QLT=500&JTL=1,0", "?FIF=a.tif&RGN=0.25,0.25,0.5,0.5&WID=100&CVT=jpeg",
        "?FIF=a.tif&RGN=.25,.25,.5,.5x&WID=100&CVT=jpeg",
        "?FIF=a.tif&RGN=-0.5,0,1,1&WID=100&CVT=jpeg", "?FIF=a.tif&RGN=0.5,0.5,1,1&WID=100&CVT=jpeg",
        "?FIF=a.tif&ROT=90deg&WID=100&CVT=jpeg", "?FIF=a.tif&ROT=360&JTL=1,0", "?FIF=a.tif&CNT=1.5x&JTL=1,0",
        "?FIF=a.tif&CTW=1,0,0;0,1,0;0,0,1&JTL=1,0", "?FIF=a.tif&LYR=3&JTL=1,0", "?FIF=a.tif&SDS=0,90&JTL=1,0",
        "?FIF=a.tif&PFL=1:5,5", "?FIF=a.tif&PFL=1:5,5-9,5.json",
    ),
    "names of images": (
        "?FIF=./a.tif&JTL=1,0", "?FIF=/a.tif&JTL=1,0", "?FIF=//a.tif&JTL=1,0", "?FIF=/./a.tif&JTL=1,0",
        "?FIF=./sub/./b.tif&JTL=1,0", "?FIF=sub//b.tif&JTL=1,0", "?FIF=.%2Fa.tif&JTL=1,0", "?FIF=%2Fa.tif&JTL=1,0",
        "?FIF=sub%2Fb.tif&JTL=1,0", "?FIF=sub/deep/c+d.tif&JTL=1,0", "?FIF=a.tif/&JTL=1,0",
        "?FIF=with+space.tif&JTL=1,0", "?FIF=with%20space.tif&JTL=1,0", "?FIF=plus%2Bsign.tif&JTL=1,0",
        "?FIF=both+b.tif&JTL=1,0", "?FIF=both%20b.tif&JTL=1,0", "?FIF=both%2Bb.tif&JTL=1,0", "?FIF=c%2520d.tif&JTL=1,0",
        "?FIF=c%20d.tif&JTL=1,0",
        "?FIF=comma,name.tif&JTL=1,0", "?FIF=semi;colon.tif&JTL=1,0", "?FIF=amp%26name.tif&JTL=1,0",
        "?FIF=equal=s.tif&JTL=1,0", "?FIF=equal%3Ds.tif&JTL=1,0", "?FIF=percent%.tif&JTL=1,0",
        "?FIF=percent%25.tif&JTL=1,0", "?FIF=sch%C3%B6n.tif&JTL=1,0", "?FIF=sch\xc3\xb6n.tif&JTL=1,0",
        "?FIF=tilde%7E.tif&JTL=1,0", "?FIF=UPPER.TIF&JTL=1,0", "?FIF=upper.tif&JTL=1,0", "?FIF=hash%231.tif&JTL=1,0",
        "?FIF=what%3F.tif&JTL=1,0", "?FIF=what?.tif&JTL=1,0", "?FIF=paren(1).tif&JTL=1,0", "?FIF=dots..tif&JTL=1,0",
        "?FIF&JTL=1,0", "?FIF=&JTL=1,0", "?FIF=nope.tif&JTL=1,0", "?FIF=nope.tif&OBJ=Max-size",
    ),
    "IIIF": (
        "?IIIF=a.tif", "?IIIF=a.tif/full/full/0/native.jpg", "?IIIF=a.tif/full/full/0/native",
        "?IIIF=a.tif/full/full/0/default", "?IIIF=a.tif/full/full/0/default.jpg", "?IIIF=a.tif/full/max/0/default.jpg",
        "?IIIF=a.tif/full/full/0/color.jpg", "?IIIF=a.tif/full/full/0/gray.jpg", "?IIIF=a.tif/full/full/0/grey.jpg",
        "?IIIF=a.tif/full/100,100/0/default.jpg", "?IIIF=a.tif/full/!100,100/0/default.jpg",
        "?IIIF=a.tif/full/,100/0/default.jpg", "?IIIF=a.tif/full/pct:10/0/default.jpg",
        "?IIIF=a.tif/square/100,/0/default.jpg", "?IIIF=a.tif/0,0,256,256/256,/0/default.jpg",
        "?IIIF=a.tif/500,400,256,256/100,/0/default.jpg", "?IIIF=a.tif/pct:10,10,50,50/100,/0/default.jpg",
        "?IIIF=a.tif/pct:0,0,150,150/100,/0/default.jpg", "?IIIF=a.tif/full/100,/90/default.jpg",
        "?IIIF=a.tif/full/100,/90.0/default.jpg", "?IIIF=a.tif/full/100,/360/default.jpg",
        "?IIIF=a.tif/full/100,/!90/default.jpg", "?IIIF=a.tif/full/100,/450/default.jpg",
        "?IIIF=a.tif/full/100,/-90/default.jpg", "?IIIF=a.tif/full/100,/x/default.jpg",
        "?IIIF=a.tif/full/0,/0/default.jpg", "?IIIF=a.tif/0,0,0,0/100,/0/default.jpg",
        "?IIIF=a.tif/full/100/0/default.jpg", "?IIIF=a.tif/full/full/0/nothing.jpg",
        "?IIIF=a.tif/full/full/0/default.xyz", "?IIIF=a.tif/FULL/FULL/0/DEFAULT.JPG",
        "?IIIF=a.tif/full/100%2C/0/default.jpg", "?IIIF=a.tif%2Ffull%2F100,%2F0%2Fdefault.jpg",
        "?IIIF=sub%2Fb.tif%2Ffull%2F100%2C%2F0%2Fdefault.jpg", "?IIIF=./a.tif/full/100,/0/default.jpg",
        "?IIIF=/a.tif/full/100,/0/default.jpg", "?IIIF=%2Fa.tif/full/100,/0/default.jpg",
        "?IIIF=sub/b.tif/full/100,/0/default.jpg", "?IIIF=sub%2Fb.tif/full/100,/0/default.jpg",
        "?IIIF=sub%252Fb.tif/full/100,/0/default.jpg", "?IIIF=with%20space.tif/full/100,/0/default.jpg",
        "?IIIF=with+space.tif/full/100,/0/default.jpg", "?IIIF=with%2520space.tif/full/100,/0/default.jpg",
        "?IIIF=plus%252Bsign.tif/full/100,/0/default.jpg", "?IIIF=c%252520d.tif/full/100,/0/default.jpg",
        "?IIIF=comma,name.tif/full/100,/0/default.jpg", "?GAM=2&IIIF=a.tif/full/100,/0/default.jpg",
        "?FIF=a.tif&IIIF=a.tif/full/100,/0/default.jpg", "?IIIF=nope.tif/info.json", "?IIIF=", "/iiif/a.tif/full/full/0/native.jpg", "/iiif/a.tif",
        "/iiif/sub%2Fb.tif/full/100,/0/default.jpg?t=1", "/iiif/a.tif/0,0,256,256/256,/0/default.jpg",
    ),
    "DeepZoom and Zoomify": (
        "?DeepZoom=a.tif.dzi", "?DeepZoom=./a.tif.dzi", "?DeepZoom=/a.tif.dzi", "?DeepZoom=sub/b.tif.dzi",
        "?DeepZoom=sub%2Fb.tif.dzi", "?DeepZoom=with+space.tif.dzi", "?DeepZoom=name.dzi.tif.dzi",
        "?DeepZoom=nope.tif.dzi", "?DeepZoom=a.dzi", "?DeepZoom=", "?DeepZoom=a.tif_files/9/0_0.jpg",
        "?DeepZoom=a.tif_files/9/0_0.JPG", "?DeepZoom=a.tif_files/9/0_0.jpeg", "?DeepZoom=a.tif_files/9/0_0",
        "?DeepZoom=a.tif_files/9/0_0.jpg?v=1", "?DeepZoom=a.tif_files/10/2_1.jpg", "?DeepZoom=a.tif_files/8/0_0.jpg",
        "?DeepZoom=with%20space.tif_files/9/0_0.jpg", "?DeepZoom=x_files.tif_files/9/0_0.jpg",
        "?GAM=2&DeepZoom=a.tif_files/9/0_0.jpg", "?Zoomify=a.tif/TileGroup0/1-0-0.jpg",
        "?Zoomify=a.tif/TileGroup0/1-0-0", "?Zoomify=a.tif/TileGroup0/1-0-0.JPG", "?Zoomify=a.tif/TileGroup9/1-0-0.jpg",
        "?Zoomify=a.tif/TileGroup/1-0-0.jpg", "?Zoomify=a.tif/TileGroup0/1-0-0.jpg?v=1",
        "?Zoomify=a.tif/TileGroup0/2-2-1.jpg", "?Zoomify=a.tif/TileGroup0/3-0-0.jpg",
        "?Zoomify=./a.tif/TileGroup0/1-0-0.jpg", "?Zoomify=sub/b.tif/TileGroup0/1-0-0.jpg",
        "?Zoomify=with+space.tif/TileGroup0/1-0-0.jpg", "?GAM=2&Zoomify=a.tif/TileGroup0/1-0-0.jpg",
        "?Zoomify=nope.tif/ImageProperties.xml",
    ),
}  # fmt: skip
"""Addresses that both servers answer alike, by subject."""

MAPPED: Mapping[str, Sequence[str]] = {
    "img=>iip": (
        "/img/a.tif&JTL=1,0", "/img/a.tif&WID=100&CVT=jpeg", "/img/sub/b.tif&WID=100&CVT=jpeg",
        "/img/sub%2Fb.tif&WID=100&CVT=jpeg", "/img/a.tif&CVT=jpeg?x=1", "/img/a.tif&OBJ=Max-size", "/img/a.tif",
        "/img/with+space.tif&JTL=1,0", "/img/./a.tif&JTL=1,0", "/img//a.tif&JTL=1,0", "/img/a.tif?JTL=1,0",
        "/img/nope.tif&JTL=1,0", "/other?FIF=a.tif&JTL=1,0",
    ),
    "dz=>DeepZoom": (
        "/dz/a.tif.dzi", "/dz/sub%2Fb.tif.dzi", "/dz/with%20space.tif.dzi", "/dz/with+space.tif.dzi",
        "/dz/amp%26name.tif.dzi", "/dz/a.tif_files/9/0_0.jpg", "/dz/a.tif_files/9/0_0.jpg?t=1",
        "/dz/sub/b.tif_files/9/0_0.jpg", "/dz/a.tif_files/9/0_0", "/dz/nope.tif.dzi", "/x?FIF=a.tif&JTL=1,0",
    ),
    "a/zf=>zoomify": (
        "/a/zf/a.tif/TileGroup0/1-0-0.jpg", "/a/zf/a.tif/TileGroup0/1-0-0.jpg?t=1",
        "/a/zf/sub/b.tif/TileGroup0/1-0-0.jpg", "/a/zf/a.tif/TileGroup0/1-0-0", "/a/zf/nope.tif/ImageProperties.xml",
        "/a/b?FIF=a.tif&JTL=1,0",
    ),
    "fcgi-bin/iiif=>IIIF": (
        "/fcgi-bin/iiif/a.tif/full/100,/0/default.jpg", "/fcgi-bin/iiif/a.tif/full/full/0/native.jpg?t=1",
        "/fcgi-bin/iiif/amp%26name.tif/full/100,/0/default.jpg", "/fcgi-bin/iiif/a.tif",
        "/fcgi-bin/iipsrv.fcgi?IIIF=a.tif/full/100,/0/default.jpg",
    ),
    "=>IIIF": ("/a.tif/full/100,/0/default.jpg", "/sub%2Fb.tif/full/max/0/native.jpg", "/nope.tif/info.json"),
}  # fmt: skip
"""Addresses that both servers answer alike with a value of URI_MAP."""

DIFFERENCES: Mapping[str, Sequence[Difference]] = {
    "IIP": (
        Difference(
            ("?FIF=a.tif&CVT=jpeg&WID=100", "?FIF=a.tif&CVT=jpeg&HEI=77&WID=200"),
            "JPEG 600 x 460",
            "JPEG 100 x 77",
            "modifiers apply wherever they stand, not only before the command that requests the image",
        ),
        Difference(
            ("?FIF=a.tif&JTL=1,0&GAM=2", "?FIF=a.tif&JTL=1,0&INV"),
            "JPEG 256 x 230",
            "JPEG 256 x 230",
            "the same: here with the modifier, there without",
        ),
        Difference(
            ("?JTL=1,0&FIF=a.tif", "?OBJ=Max-size&JTL=1,0&FIF=a.tif"),
            "400",
            "JPEG 256 x 230",
            "`FIF` may stand anywhere",
        ),
        Difference(
            ("?FIF=a.tif&OBJ=Max-size&_=1", "?FIF=a.tif&_=1&OBJ=Max-size"),
            "400",
            "Max-size:600 460",
            "parameters that are not commands are ignored next to `OBJ` too",
        ),
        Difference(
            ("?FIF=a.tif&JTL=1,0&JTL=0,0", "?FIF=a.tif&JTL=1,0&CVT=jpeg", "?FIF=a.tif&FIF=sub/b.tif&JTL=1,0"),
            "JPEG 256 x 230",
            "400",
            "two different outputs or images contradict each other; iipsrv sends one image after the other in one body",
        ),
        Difference(
            ("?IIIF=a.tif/full/100,/0/default.jpg&CVT=jpeg", "?FIF=a.tif&WID=100&CVT=jpeg&JTL=1,0"),
            "JPEG 100 x 77",
            "400",
            "the same",
        ),
        Difference(
            (
                "?FIF=a.tif&JTL=1,1,2",
                "?FIF=a.tif&JTL=1,",
                "?FIF=a.tif&GAM=abc&JTL=1,0",
                "?FIF=a.tif&ROT=x&JTL=1,0",
            ),
            "JPEG",
            "400",
            "what is no number is refused with a message; iipsrv takes it for 0",
        ),
        Difference(
            ("?FIF=a.tif&WID=auto&CVT=jpeg", "?FIF=a.tif&RGN=0,0,1&CVT=jpeg", "?FIF=a.tif&RGN=x&CVT=jpeg"),
            "JPEG 600 x 460",
            "400",
            "the same for sizes and regions, which iipsrv ignores then",
        ),
        Difference(("?FIF=a.tif&WID=-1&CVT=jpeg",), "JPEG 5000 x 3833", "400", "a size below 0 is refused"),
        Difference(
            (
                "?FIF=a.tif&RGN=.25%2C.25%2C.5%2C.5&WID=100&CVT=jpeg",
                "?FIF=a.tif&RGN=.25,%20.25,.5,.5&WID=100&CVT=jpeg",
            ),
            "JPEG 100 x 77",
            "JPEG 100 x 77",
            "arguments of all commands are percent-decoded; iipsrv 1.1 reads `%` as the end of a number",
        ),
        Difference(
            ("?FIF=a.tif&WID=1e2&CVT=jpeg",),
            "JPEG 1 x 1",
            "400",
            "whole numbers have no exponent; iipsrv reads 1",
        ),
        Difference(
            ("?FIF=a.tif&RGN=2,2,1,1&WID=100&CVT=jpeg",),
            UNDEFINED,
            "400",
            "the region is outside the image",
        ),
        Difference(
            ("?FIF=a.tif&CMP=foo&JTL=1,0", "?FIF=a.tif&SHD=45&JTL=1,0", "?FIF=a.tif&MINMAX=foo&JTL=1,0"),
            "JPEG 256 x 230",
            "400",
            "an unknown color map or a malformed argument is refused, not ignored",
        ),
        Difference(
            ("?FIF=a.tif&CMP&JTL=1,0", "?FIF=a.tif&ROT&JTL=1,0"),
            "JPEG 256 x 230",
            "400",
            "only `INV` and `ICC` need no value; `CMP=` with an empty one is ignored by both",
        ),
        Difference(
            ("?FIF=a.tif&CNV=foo&JTL=1,0",),
            "JPEG 256 x 230",
            "400",
            "the same for kernels, which iipsrv has since 1.2",
        ),
        Difference(
            ("?FIF=a.tif&SDS=7,90&JTL=1,0",), "JPEG 256 x 230", "404", "the file has no such layer or view"
        ),
        Difference(
            ("?FIF=a.tif&JTL=99999999999,0",), "404", "400", "a number of more than nine digits is malformed"
        ),
        Difference(
            ("?FIF=a.tif&ROT=-90&WID=100&CVT=jpeg",),
            "JPEG 100 x 77",
            "JPEG 77 x 100",
            "negative angles turn the image the other way",
        ),
        Difference(
            ("?FIF=a.tif&ROT=45&WID=100&CVT=jpeg",),
            "JPEG 100 x 77",
            "JPEG 125 x 125",
            "exports are rotated by any angle",
        ),
        Difference(
            ("?FIF=a.tif&CVT=png",), "JPEG 600 x 460", "PNG 600 x 460", "further formats, as in iipsrv 1.3"
        ),
        Difference(("?FIF=a.tif&PTL=1,0",), "400", "PNG 256 x 230", "further formats, as in iipsrv 1.3"),
        Difference(("?FIF=a.tif&WTL=1,0",), "400", "WEBP 256 x 230", "further formats, as in iipsrv 1.3"),
        Difference(
            ("?FIF=a.tif&OBJ=Summary-info",),
            "app-name/5:tests",
            "tests",
            "texts are bare, as in iipsrv 1.3",
        ),
        Difference(
            ("?FIF=a.tif&OBJ=software",), "400", "tests", "texts by their present names, as in iipsrv 1.3"
        ),
        Difference(
            ("?FIF=a.tif&OBJ=max%2Dsize",),
            "400",
            "Max-size:600 460",
            "arguments of all commands are percent-decoded",
        ),
        Difference(
            ("?FIF=a.tif&OBJ=IIP,2.0", "?FIF=a.tif&OBJ=IIP%2C1.0"), "400", "IIP:1.0", "as in iipsrv 1.3"
        ),
        Difference(
            ("",), "400", "iipserve VERSION, an image server", "a page at the bare address, as in iipsrv 1.3"
        ),
    ),
    "names of images": (
        Difference(
            ("?FIF=../a.tif&JTL=1,0", "?FIF=%2e%2e%2Fa.tif&JTL=1,0"),
            "JPEG 256 x 230",
            "400",
            "`..` is refused, not left out",
        ),
        Difference(
            ("?FIF=....//a.tif&JTL=1,0",), "JPEG 256 x 230", "404", "the same: `....` is the name of a folder"
        ),
        Difference(("?IIIF=../a.tif/full/100,/0/default.jpg",), "JPEG 100 x 77", "400", "the same"),
        Difference(("?FIF=sub/../a.tif&JTL=1,0",), "404", "400", "the same"),
        Difference(
            ("?FIF=a.tif%00&JTL=1,0",), "JPEG 256 x 230", "400", "a zero byte is refused, not left out"
        ),
        Difference(
            ("?FIF=plus+sign.tif&JTL=1,0",),
            "404",
            "JPEG 256 x 230",
            "names with `+` or `%` are found as they are; then `+` is tried as a space, and escapes are decoded again",
        ),
        Difference(
            ("?IIIF=plus+sign.tif/full/100,/0/default.jpg", "?IIIF=c%2520d.tif/full/100,/0/default.jpg"),
            "404",
            "JPEG 100 x 77",
            "the same",
        ),
        Difference(
            ("?FIF=with%2520space.tif&JTL=1,0", "?DeepZoom=with%2520space.tif_files/9/0_0.jpg"),
            UNDEFINED,
            "JPEG 256 x 230",
            "names encoded twice are found in every protocol, as in iipsrv's IIIF",
        ),
        Difference(
            ("?FIF=sch%F6n.tif&JTL=1,0",), "404", "400", "names are UTF-8; files with others are not served"
        ),
    ),
    "IIIF": (
        Difference(
            ("?IIIF=a.tif/info.json", "?IIIF=a.tif/info.json&_=1", "/iiif/a.tif/info.json"),
            "info.json of version 2",
            "info.json of version 3",
            "Image API 3.0 by default, as in iipsrv since 1.2",
            "IIIF_VERSION=2",
        ),
        Difference(
            ("?IIIF=a.tif/full/1200,/0/default.jpg", "?IIIF=a.tif/full/pct:200/0/default.jpg"),
            "JPEG 1200 x 920",
            "400",
            "Image API 3.0 marks sizes above that of the region: `^1200,`",
            "IIIF_LENIENT=1",
        ),
        Difference(
            ("?IIIF=a.tif/full/^1200,/0/default.jpg",), "400", "JPEG 1200 x 920", "the same", "IIIF_VERSION=2"
        ),
        Difference(
            ("?IIIF=a.tif/full/!9999,9999/0/default.jpg",),
            "JPEG 5000 x 3833",
            "JPEG 600 x 460",
            "without `^` a box is filled up to the size of the region; with `IIIF_VERSION=2` as far as `maxArea` allows",
        ),
        Difference(
            ("?IIIF=a.tif/full/99999,/0/default.jpg",),
            "JPEG 5000 x 3833",
            "400",
            "sizes above `MAX_CVT` are refused, as the specification wants, not reduced",
        ),
        Difference(("?IIIF=a.tif/full/100,/45/default.jpg",), "400", "JPEG 125 x 125", "any angle is served"),
        Difference(
            ("?IIIF=a.tif/full/full/0/default.png",),
            "400",
            "PNG 600 x 460",
            "further formats, as in iipsrv 1.3",
        ),
        Difference(
            ("?IIIF=a.tif/full/full/0/default.jpg?v=2",),
            "400",
            "JPEG 600 x 460",
            "a query behind the address is ignored",
        ),
        Difference(("?IIIF=a.tif/info.json?x=1",), "400", "info.json of version 3", "the same"),
        Difference(
            ("?IIIF=a.tif/", "?IIIF=sub/b.tif"), "400", "303", "every base address leads to its info.json"
        ),
        Difference(
            ("?IIIF=nope.tif",), "303", "404", "a redirect would lead to an info.json that does not exist"
        ),
        Difference(
            ("?IIIF=a.tif/info", "?IIIF=a.tif/INFO.JSON"),
            "400",
            "404",
            "could be the name of an image in a folder `a.tif`, which does not exist",
        ),
        Difference(
            (
                "?IIIF=a.tif/full/100.5,/0/default.jpg",
                "?IIIF=a.tif/full/%20100,/0/default.jpg",
                "?IIIF=a.tif/full/!100,/0/default.jpg",
            ),
            "JPEG 100 x 77",
            "400",
            "the parameters follow the specification: whole numbers without spaces",
        ),
        Difference(
            (
                "?IIIF=a.tif/0.5,0.5,256.9,256/256,/0/default.jpg",
                "?IIIF=a.tif/-10,-10,256,256/256,/0/default.jpg",
            ),
            "JPEG",
            "400",
            "the same, and none below 0",
        ),
        Difference(
            ("?IIIF=a.tif/full/full/0/default.jpg/",),
            "404",
            "400",
            "the last segment is empty",
        ),
        Difference(("?IIIF",), "303", "400", "the address names no image"),
    ),
    "DeepZoom and Zoomify": (
        Difference(
            ("?DeepZoom=a.tif_files/7/0_0.jpg",),
            "JPEG 150 x 115",
            "JPEG 75 x 58",
            "levels smaller than the file's have the size that DeepZoom gives them, down to one pixel",
        ),
        Difference(("?DeepZoom=a.tif_files/0/0_0.jpg",), "JPEG 150 x 115", "JPEG 1 x 1", "the same"),
        Difference(
            (
                "?DeepZoom=a.tif_files/11/0_0.jpg",
                "?DeepZoom=a.tif_files/10/3_0.jpg",
                "?Zoomify=a.tif/TileGroup0/2-3-0.jpg",
            ),
            "JPEG",
            "404",
            "there is no such level or column; iipsrv sends another tile",
        ),
        Difference(
            ("?DeepZoom=a.tif_files/9/0_0.png", "?Zoomify=a.tif/TileGroup0/1-0-0.png"),
            "JPEG 256 x 230",
            "PNG 256 x 230",
            "tiles have the format of their extension",
        ),
        Difference(
            ("?DeepZoom=a.tif_files/9/0_0.bmp",),
            "JPEG 256 x 230",
            "400",
            "formats that are not written are refused",
        ),
        Difference(
            ("?DeepZoom=a.tif.DZI", "?DeepZoom=a.tif.xml"),
            "404",
            "XML",
            "further spellings of the description",
        ),
        Difference(
            ("?DeepZoom=a.tif_FILES/9/0_0.jpg", "?Zoomify=a.tif/tilegroup0/1-0-0.jpg"),
            "404",
            "JPEG 256 x 230",
            "in either case",
        ),
        Difference(
            ("?Zoomify=a.tif/ImageProperties.xml", "?Zoomify=a.tif/ImageProperties.xml&t=12"),
            "XML",
            "XML",
            "`NUMTILES` counts the tiles of all tiers, as in iipsrv 1.3, not those of the full size alone",
        ),
        Difference(
            ("?Zoomify=a.tif/IMAGEPROPERTIES.XML", "?Zoomify=a.tif/ImageProperties.xml?t=12"),
            "404",
            "XML",
            "further spellings of the description",
        ),
        Difference(
            ("?DeepZoom=a.tif", "?Zoomify=a.tif"),
            "JPEG 150 x 115",
            "400",
            "names neither a tile nor the description",
        ),
        Difference(("?Zoomify=a.tif/", "?Zoomify=a.tif/1-0-0.jpg"), "404", "400", "the same"),
    ),
}
"""Addresses that the servers answer differently, by subject."""
