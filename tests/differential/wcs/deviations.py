"""Where the answers of coverage servers differ, and why: the only place that excuses a difference.

An entry that no longer holds fails the suite, so what stands here is true.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.differential.map_deviations import Deviation, first_that_covers
from tests.differential.wcs.comparing import Kind
from tests.differential.wcs.questions import Question

ALL = r"(1\.0\.0( by resolution)?|1\.1\.2|2\.0\.1( XML)?): "
"""Every way of asking."""
BY_EDGES = r"(1\.0\.0( by resolution)?|2\.0\.1( XML)?): "
"""The ways that state outer edges."""
DEVIATIONS: Sequence[Deviation] = (
    # -- places and samples
    Deviation(
        r"(1\..*: south_up, (whole|window|factor .*|enlarged|one .*)|2\.0\.1( XML)?: south_up, (window|factor 4.*|enlarged|one (sample|row)))",
        Kind.FORM,
        "BUG: it finds most parts of a raster whose rows run northward outside of it",
        "none",
    ),
    Deviation(
        r"2\.0\.1( XML)?: south_up, .*",
        Kind.PLACE,
        "it leaves the rows as the file has them; coverages are north-up here, as they are described",
        "none",
    ),
    Deviation(
        BY_EDGES + ".*, one (sample|row|column)",
        Kind.PLACE,
        "BUG: it divides by the number of steps between samples, so that one row or column has no place, or that of the map",
        "09-146r2, clause 6",
    ),
    Deviation(
        r"1\.1\.2: .*, one (sample|row|column)",
        Kind.SIZE,
        "BUG: to a box of centers without width or height, which is of one sample, it answers the whole coverage",
        "07-067r5, 10.3.3",
    ),
    Deviation(
        r"1\.1\.2: (cgcs2000|laea), .*",
        Kind.PLACE,
        "BUG: files of systems with northing first tell one without a name, made of the parameters of the projection",
        "07-067r5, 10.3.11",
    ),
    Deviation(
        r"1\.1\.2: polar, (whole|window)",
        Kind.SIZE,
        "BUG: it reads EPSG:32661, UPS North (N,E), with easting first",
        "07-067r5, 7.2",
    ),
    Deviation(
        r"1\.1\.2: polar, .*",
        Kind.FORM,
        "BUG: it reads EPSG:32661, UPS North (N,E), with easting first",
        "07-067r5, 7.2",
    ),
    Deviation(
        ALL
        + r"((cgcs2000|mercator), factor [24].*|wgs84, factor 4.*|(cgcs2000|mercator|world|south_up), by no whole number)"
        + r"|1\.1\.2: wgs84, factor 2",
        Kind.SAMPLES,
        "a center on the edge of two pixels is of either of them, as numbers are rounded; of the one to the right and below here",
        "none",
    ),
    Deviation(
        ALL + "heights, (?!enlarged).*",
        Kind.SAMPLES,
        "it replaces the sample that stands for no data by 0; samples are those of the file here",
        "none",
    ),
    Deviation(
        r"2\.0\.1: average",
        Kind.SAMPLES,
        "it cuts fractions of averages off; they are rounded here",
        "12-049, 7",
    ),
    Deviation(
        r"2\.0\.1: output system",
        Kind.PLACE,
        "the box in another system is found from another number of points of the edges",
        "11-053r1, 8.3",
    ),
    Deviation(
        r"2\.0\.1: extent",
        Kind.SIZE,
        "both ends of an extent belong to it; it leaves the last sample out",
        "12-039, 8.3.5",
    ),
    # -- what one of both does not do
    Deviation(
        r"2\.0\.1: point",
        Kind.FORM,
        "it has no slices; they have one row or column here",
        "09-110r4, 8.4.1",
    ),
    Deviation(
        r"1\.1\.2: STORE",
        Kind.FORM,
        "coverages are not stored here, as capabilities say; it sends them",
        "07-067r5, 10.3.12",
    ),
    Deviation(
        r"1\.0\.0: reversed box",
        Kind.FORM,
        "each minimum has to be below its maximum; it exchanges them",
        "03-065r6, 9.2.2.4",
    ),
    Deviation(
        r"2\.0\.1: size of 0",
        Kind.FORM,
        "a size is above 0; it passes 0 over",
        "12-039, 8.3.4",
    ),
    # -- exceptions
    Deviation(
        r"1\.0\.0: (unknown system|system that is not listed|box elsewhere|box of words|width (of 0|in words|above the limit))",
        Kind.CODE,
        "a parameter that is there and wrong is InvalidParameterValue; what is too large is of no parameter",
        "03-065r6, table A.2",
    ),
    Deviation(
        r"1\.0\.0: huge width",
        Kind.LOCATOR,
        "the locator is the parameter at fault",
        "03-065r6, table A.2",
    ),
    Deviation(
        r"1\.1\.2: (no (IDENTIFIER|BOUNDINGBOX)|unknown coverage|box elsewhere)",
        Kind.LOCATOR,
        "the locator is the name of a parameter of 1.1",
        "07-067r5, 7.4.1",
    ),
    Deviation(
        r"1\.1\.2: unknown (system|band|axis)",
        Kind.CODE,
        "the code of what a parameter cannot have is InvalidParameterValue",
        "07-067r5, 10.4",
    ),
    Deviation(
        r"2\.0\.1: (no COVERAGEID|unknown (coverage|axis|MEDIATYPE)|axis twice|reversed interval|interval in words)",
        Kind.LOCATOR,
        "the locator is what is wrong, or the parameter that is missing",
        "09-110r4, tables 13, 16 and 21",
    ),
    Deviation(
        r"2\.0\.1: (interval elsewhere|unknown (subsetting system|output system|axis to scale|band|interpolation))",
        Kind.CODE,
        "the core and its extensions have codes for it",
        "09-110r4, 11-053r1, 12-039, 12-040, 12-049",
    ),
    Deviation(
        r"2\.0\.1: (factor of 0|negative factor|reversed extent)",
        Kind.CODE,
        "the scaling extension has codes for it",
        "12-039, table 3",
    ),
    Deviation(
        r"2\.0\.1: RESOLUTION of 0",
        Kind.CODE,
        "BUG: its code is that of a fault of the server",
        "09-110r4, table 18",
    ),
)


def deviation_of(question: Question) -> Deviation | None:
    """The first entry that speaks of a request."""
    return first_that_covers(DEVIATIONS, question)
