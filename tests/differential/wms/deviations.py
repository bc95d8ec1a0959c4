"""Where the answers of map servers differ, and why: the only place that excuses a difference.

An entry that no longer holds fails the suite, so what stands here is true.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.differential.map_deviations import Deviation, first_that_covers
from tests.differential.wms.comparing import Kind
from tests.differential.wms.questions import Question

BOTH = r"1\.(1\.1|3\.0): "
"""Both versions."""
DEVIATIONS: Sequence[Deviation] = (
    # -- pixels
    Deviation(
        BOTH + "world, own system",
        Kind.OPACITY,
        "longitudes go on beyond both edges of a raster of the whole world; MapServer's only to the east",
        "none",
    ),
    Deviation(
        BOTH + "one (pixel|column|row)",
        Kind.OPACITY,
        "BUG: it draws nothing in maps of one pixel in a direction; a pixel has the color at its center",
        "1.3.0, 7.3.3.8",
    ),
    Deviation(
        BOTH + "(reduced|of the largest width)",
        Kind.PIXELS,
        "it takes one pixel out of several; from a step of two pixels on they are averaged",
        "none",
    ),
    Deviation(
        BOTH + "(heights, (own pixels|own system|EPSG:.*|opaque.*|clear.*)|layers .*,heights.*)",
        Kind.PIXELS,
        "it cuts the fraction off of what SCALE comes to; it is rounded",
        "none",
    ),
    Deviation(
        BOTH + ".*, JPEG",
        Kind.PIXELS,
        "with TRANSPARENT it lays JPEG on black; where the format has no opacity, the background is shown",
        "1.3.0, 7.3.3.9 and 7.3.3.10",
    ),
    Deviation(
        "1.3.0: polar, own .*",
        Kind.OPACITY,
        "BUG: it reads EPSG:32661, UPS North (N,E), with easting first",
        "1.3.0, 6.7.2",
    ),
    Deviation(
        BOTH + "INIMAGE, TRANSPARENT=TRUE",
        Kind.OPACITY,
        "the message of an exception has other words and another font",
        "1.3.0, 7.3.3.11",
    ),
    Deviation(
        BOTH + "INIMAGE, TRANSPARENT=FALSE",
        Kind.PIXELS,
        "the message of an exception has other words and another font",
        "1.3.0, 7.3.3.11",
    ),
    # -- feature info
    Deviation(
        r"1\.3\.0: info, polar, \((20, 30|130, 70)\)",
        Kind.VALUES,
        "BUG: it reads EPSG:32661, UPS North (N,E), with easting first",
        "1.3.0, 6.7.2",
    ),
    Deviation(
        BOTH + r"info, (gaps|heights), \(75, 50\)",
        Kind.VALUES,
        "it tells the value that stands for no data as if it were measured",
        "1.3.0, 7.4.4",
    ),
    Deviation(
        BOTH + r"info, rgba, \((75, 50|20, 30|130, 70)\)",
        Kind.VALUES,
        "opacity is no band here, and a clear pixel has no values",
        "1.3.0, 7.4.4",
    ),
    Deviation(
        BOTH + "info, point (outside|in words)",
        Kind.FORM,
        "it answers that there is nothing; a pixel that is none of the map's is refused",
        "1.3.0, 7.4.3.7",
    ),
    Deviation(
        "1.3.0: info, negative point",
        Kind.CODE,
        "BUG: the code is InvalidPoint",
        "1.3.0, 7.4.3.7 and table E.1",
    ),
    Deviation(
        "1.1.1: info, unknown INFO_FORMAT",
        Kind.CODE,
        "a format that is not offered has the code InvalidFormat in both versions; its answer has one in 1.3.0 only",
        "1.1.1, table A.1",
    ),
    # -- refusals
    Deviation(
        BOTH + "EPSG:900913",
        Kind.FORM,
        "an old name of EPSG:3857 is accepted with it",
        "none",
    ),
    Deviation(
        BOTH + "(no (LAYERS|BBOX|WIDTH|HEIGHT|FORMAT|system)|info, no QUERY_LAYERS)",
        Kind.CODE,
        "the standards have no code for a missing parameter",
        "1.3.0, table E.1; 1.1.1, table A.1",
    ),
    Deviation(
        BOTH + "no STYLES",
        Kind.FORM,
        "a map without STYLES is drawn in default styles: clients leave it out",
        "1.3.0, 7.3.3.4",
    ),
    Deviation(
        BOTH + "too many styles",
        Kind.FORM,
        "there has to be one style for each layer; it ignores the others",
        "1.3.0, 7.3.3.4",
    ),
    Deviation(
        "1.3.0: (unknown system|system that is not listed)",
        Kind.CODE,
        "BUG: InvalidSRS is the code of 1.1.1; that of 1.3.0 is InvalidCRS",
        "1.3.0, table E.1",
    ),
    Deviation(
        "1.3.0: unknown operation",
        Kind.CODE,
        "OperationNotSupported is the code of 1.3.0 for it",
        "1.3.0, table E.1",
    ),
    Deviation(
        BOTH + "version (between|above)",
        Kind.FORM,
        "a request of another version is answered as the nearest",
        "1.3.0, 6.2.4",
    ),
)


def deviation_of(question: Question) -> Deviation | None:
    """The first entry that speaks of a request."""
    return first_that_covers(DEVIATIONS, question)
