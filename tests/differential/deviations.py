"""Where the answers differ, and why: the only place that excuses a difference.

An entry that no longer holds fails the suite, so what stands here is true. Sections are those of the
specification of iipsrv's behavior that this server is built to; most say what 1.3 does, where 1.1 is older.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.differential.comparing import Kind
from tests.differential.questions import Question


@dataclass(frozen=True, slots=True)
class Deviation:
    """Requests that are answered otherwise on purpose."""

    images: str
    """Regular expression for the whole name of the image."""
    query: str
    """Regular expression for a part of the query string."""
    kind: Kind
    reason: str
    section: str
    """Of the specification of iipsrv's behavior."""

    def covers(self, question: Question) -> bool:
        """Whether it speaks of this request."""
        images, query = re.fullmatch(self.images, question.image), re.search(self.query, question.query)
        return images is not None and query is not None


FLOAT = r"GAM|INV|inv|CNT|CMP=(HOT|cold|JET|RED|green|BLUE)|CTW|SHD|MINMAX"
"""Modifiers that lead through float arithmetic in both."""
AS_IT_IS = rf"^(?!.*({FLOAT}|COL=binary)).*(JTL|_files/|TileGroup)"
"""Tiles with nothing but turns and gray asked for."""
DEEP = r"(gray|rgb|jp2_gray|normals|steps|steps_rgb)16"
GRAY = r"(jp2_)?gray(8|16)?|gray_opacity|float_.*|bilevel|miniswhite|steps(8|16|_float)"
RGB = r"rgb.*|jp2_rgb|normals(16)?|lab8|described|steps_rgb(16)?|sequence"

DEVIATIONS: Sequence[Deviation] = (
    # -- files that 1.1 reads wrongly
    Deviation(
        "palette", "JTL|CVT|jpg", Kind.PIXELS, "BUG: it shows the indexes; the colors are shown", "8.2"
    ),
    Deviation(
        "palette", "PFL|SPECTRA", Kind.TEXT, "BUG: it tells indexes, one for each three samples", "8.2"
    ),
    Deviation(
        "miniswhite", "JTL|CVT|jpg", Kind.PIXELS, "BUG: white is zero, which it takes for black", "8.2"
    ),
    Deviation(
        "miniswhite", "PFL|SPECTRA|Basic-Info", Kind.TEXT, "BUG: it takes it for a negative RGB", "8.2"
    ),
    Deviation(
        "(rgb|gray)_opacity",
        "JTL|CVT|jpg",
        Kind.PIXELS,
        "it drops opacity; where the format has none, the picture is laid on white",
        "12 (bugs worth beating)",
    ),
    Deviation(
        "gray32",
        "^(?!.*(OBJ|CNT=(0&|eq)|COL=binary|bitonal)).*(JTL|CVT|jpg)",
        Kind.PIXELS,
        "BUG: without declared range it shows 0 to 2^32; the image is measured instead",
        "4.3",
    ),
    Deviation("gray32", "Min-Max", Kind.TEXT, "the measured range is what is shown", "4.3"),
    Deviation("gray32", "PFL|SPECTRA", Kind.TEXT, "BUG: it throws digits away; all are told", "3.4"),
    Deviation(
        "float_plain",
        "^(?!.*(CNT=0|MINMAX)).*(JTL|CVT|jpg)",
        Kind.PIXELS,
        "1.1 shows floats without a declared range from 0 to 0; 1.3 from 0 to 1",
        "4.3",
    ),
    Deviation("float_plain", "Min-Max", Kind.TEXT, "1.1 tells 0 to 0; 1.3 0 to 1", "4.3"),
    # -- operations
    Deviation(
        ".*",
        "CTW=%5B",
        Kind.PIXELS,
        "1.1 does not decode the argument, and reads its first number as 0; 1.3 does",
        "3.3",
    ),
    Deviation(
        RGB,
        r"CTW=\[(0\.3,0\.3,0\.4|1\.7)\]",
        Kind.PIXELS,
        "1.1 keeps three bands, of which two are black; the result of 1.3 has as many as the matrix has rows",
        "3.3",
    ),
    Deviation(
        GRAY,
        r"CTW=\[(0,0,1;|0\.2)",
        Kind.PIXELS,
        "1.1 keeps one band; the result of 1.3 has as many as the matrix has rows",
        "3.3",
    ),
    Deviation(
        rf"{RGB}|float_declared|{DEEP}|steps_float",
        "MINMAX",
        Kind.PIXELS,
        "1.1 counts bands from 1, and needs another operation beside it; 1.3 counts from 0",
        "13",
    ),
    Deviation(
        DEEP,
        AS_IT_IS,
        Kind.PIXELS,
        "where nothing is asked 1.1 scales 65535 to 255; 1.3 takes the high byte",
        "4.3, A",
    ),
    Deviation(
        DEEP,
        "CNT=eq",
        Kind.PIXELS,
        "1.1 scales 65535 to 255 for the histogram and what it is applied to; 1.3 applies it to the high byte",
        "4.3",
    ),
    Deviation("(rgb|normals)16", "COL=binary|bitonal", Kind.PIXELS, "the same with Otsu's threshold", "4.3"),
    Deviation(
        "(steps_)?float_?(declared)?",
        "CNT=st",
        Kind.PIXELS,
        "BUG: it takes bins for samples; it is nearly black",
        "4.3",
    ),
    Deviation("lab8", "CNT=st", Kind.PIXELS, "BUG: it takes bins for CIELAB", "4.3"),
    Deviation(
        "lab8",
        "CNT=eq|COL=binary",
        Kind.PIXELS,
        "it counts codes of CIELAB; brightness is that of the colors",
        "4.3",
    ),
    Deviation("lab8", "COL=gr", Kind.PIXELS, "what is asked to be gray is gray, also CIELAB", "4.3"),
    Deviation(
        "gray8",
        "CMP=green&COL=gray",
        Kind.PIXELS,
        "what is asked to be gray is gray, also after a color map",
        "4.3",
    ),
    # -- scaling
    Deviation(
        ".*",
        "HEI=1&",
        Kind.PIXELS,
        "it picks pixels of the smallest level; all of the picture has its share in a small one",
        "4.3, 12 (better resampling)",
    ),
    Deviation(
        "rgb_one_tile",
        "RGN=",
        Kind.SIZE,
        "it derives the shape of a region from whole pixels; the region as asked for has the full image's shape",
        "5.4",
    ),
    # -- other protocols
    Deviation(
        r"^(?!rgb_one_tile).*",
        "^Zoomify=(?!nope)[^/]*/ImageProperties",
        Kind.TEXT,
        "1.1 counts the tiles of the full size alone; the original tools and 1.3 those of all sizes",
        "7.2",
    ),
    Deviation("rgb_tile128x64", "dzi$", Kind.TEXT, "it tells the width of oblong tiles as their side", "7.1"),
    Deviation(
        "rgb_tile128x64",
        "DeepZoom|Zoomify",
        Kind.SIZE,
        "these protocols have square tiles only; it sends oblong ones, which no client can place",
        "7.1",
    ),
    Deviation("rgb_odd|rgb_tile128x64", "info.json", Kind.TEXT, "sizes are rounded up, as clients do", "6.2"),
    Deviation(
        "rgb_odd",
        "_files/9/|TileGroup0/[01]",
        Kind.SIZE,
        "levels are rounded up, as in DeepZoom; it sends the file's own, a pixel short",
        "7.1",
    ),
    Deviation(
        "rgb_one_tile",
        "_files/9/0_0",
        Kind.STATUS,
        "a level that does not exist; it sends the full size",
        "7.1",
    ),
    Deviation(".*", r"IIIF=.*\.gif$", Kind.STATUS, "GIF is written", "6.7 (extension)"),
    Deviation("gray8", "CVT=gif", Kind.FORM, "GIF is written; 1.1 sends JPEG whatever is asked for", "3.4"),
    Deviation(".*", "/45/", Kind.STATUS, "any angle is served", "6.4 (extension)"),
    Deviation(
        "gray8|gray16",
        "IIIF=.*/700,0,10,10/",
        Kind.STATUS,
        "BUG: it answers 200 with an error in the body",
        "2.5",
    ),
    Deviation(
        "gray8", "nothing.json", Kind.STATUS, "an identifier may hold slashes: no such image (404)", "6.1"
    ),
    # -- numbers as text
    Deviation(
        "rgb_one_tile", "PFL=[12]:|SPECTRA", Kind.STATUS, "a resolution that does not exist is 404", "2.5"
    ),
    Deviation("rgb_tile512", "PFL=2:", Kind.STATUS, "a resolution that does not exist is 404", "2.5"),
    Deviation(
        f"(?!gray_opacity|palette|miniswhite|gray32){RGB}",
        "SPECTRA",
        Kind.TEXT,
        "all bands are told, not the first alone",
        "3.4 (extension)",
    ),
    Deviation("gray_opacity", "SPECTRA", Kind.TEXT, "BUG: it counts a pixel as one sample", "3.4"),
    Deviation(
        "sequence", "PFL", Kind.TEXT, "BUG: its numbers grow with each view and run into its memory", "3.4"
    ),
    # -- texts
    Deviation("gray8", "IIP-opt-", Kind.TEXT, "there are more commands and objects", "3.2"),
    Deviation(
        "gray8",
        "^OBJ=IIP(,1.0|-server)$",
        Kind.TEXT,
        "BUG: without an image its header slips into the body",
        "2.3",
    ),
    # -- what 1.1 lets pass
    Deviation("gray8", "JTL=(-1,0|1,-1)$", Kind.STATUS, "what does not exist is 404", "3.4"),
    Deviation("gray8", "JTL=x|GAM=x|RGN=0.1&|WID=-5", Kind.STATUS, "what is no number is refused", "2.5"),
    Deviation(
        "gray8", r"^FIF=([^&]*)&FIF=(?!\1&)", Kind.STATUS, "two images in one request are refused", "2.1"
    ),
    Deviation(
        "gray8", r"FIF=(\.\./|\.\.\.\.//)", Kind.STATUS, "steps upwards are refused, not left out", "3.1"
    ),
    Deviation("gray8", "ROT=45&JTL", Kind.STATUS, "tiles cannot be turned by any angle: refused", "3.3"),
    Deviation("sequence", "SDS=(40,90|30,60)&OBJ", Kind.STATUS, "a view that does not exist is 404", "3.3"),
    Deviation("sequence", "SDS=30&QLT", Kind.STATUS, "1.1 needs both angles; 1.3 takes one", "13"),
    Deviation(
        "gray8", "SHD=", Kind.STATUS, "BUG: it reads past the pixels; gray has no normals: refused", "3.3"
    ),
)


def deviation_of(question: Question) -> Deviation | None:
    """The first entry that speaks of a request."""
    return next((deviation for deviation in DEVIATIONS if deviation.covers(question)), None)
