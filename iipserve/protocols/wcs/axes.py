"""Names of axes: of pixels, of reference systems and of time, in every spelling that clients use."""

from __future__ import annotations

import enum


class Axis(enum.Enum):
    """What an axis runs along."""

    X = "x"
    """Columns; easting or longitude."""
    Y = "y"
    """Rows; northing or latitude."""
    TIME = "time"


def _spellings(*stems: str) -> frozenset[str]:
    return frozenset(
        f"{stem}{separator}{end}" for stem in stems for separator in "-_" for end in ["axis"]
    ) | {
        *stems,
        *(f"{stem}axis" for stem in stems),
    }


NAMES = {
    Axis.X: _spellings(
        "x", "long", "lon", "longitude", "e", "east", "easting", "i", "col", "column", "columns", "width"
    ),
    Axis.Y: _spellings("y", "lat", "latitude", "n", "north", "northing", "j", "row", "rows", "height"),
    Axis.TIME: _spellings("time", "t", "temporal", "ansi", "unix", "date", "phenomenontime", "datetime"),
}
"""In lower case. Those of MapServer, of OGC's axis definitions, and labels of reference systems."""
BY_NAME = {name: axis for axis, names in NAMES.items() for name in names}


def axis_of(text: str) -> Axis | None:
    """The axis of a name in any case, or of a URI that ends in one: `http://www.opengis.net/def/axis/OGC/1/i`."""
    name = text.strip().lower()
    if name.startswith(("http://", "https://", "urn:")):
        name = name.replace(":", "/").rstrip("/").rpartition("/")[2]
    return BY_NAME.get(name)
