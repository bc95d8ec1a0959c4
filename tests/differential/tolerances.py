"""How far pixels may be apart, by what is done to them.

Both servers write JPEG at quality 100 with halved chroma. On the smooth pictures asked for, two encoders of
equal pixels differ by 1 to 3 levels here and there, but hardly in the mean of all differences (the bias): that
tells a formula that rounds where the other cuts off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Tolerance(NamedTuple):
    """Of the levels 0 to 255."""

    bias: float
    """The mean difference of a band, in either direction."""
    usual: float
    """Of 99 in 100 samples."""
    most: float
    """Of any sample."""
    sides: int = 0
    """Pixels by which width and height may differ."""
    margin: int = 0
    """Pixels at each edge that are not looked at, in pictures that have others."""


ENCODED = Tolerance(0.15, 3, 7)
"""What two encoders make of equal pixels."""

EXACT = Tolerance(0, 0, 0)
"""Of pictures that JPEG keeps as they are, after one operation."""

TOLERANCES: Mapping[str, Tolerance] = {
    "plain": Tolerance(0, 0, 0),
    "rotate": Tolerance(0, 0, 0),
    "invert": Tolerance(0, 0, 0),
    "gamma": Tolerance(0, 0, 1),
    "contrast": Tolerance(0.1, 0, 1),
    "twist": Tolerance(0, 0, 1),
    "shade": Tolerance(0, 0, 1),
    "gray": Tolerance(0, 0, 0),
    "range": Tolerance(0, 0, 1),
    "stretch": Tolerance(0.05, 0, 1),
    # steep, and every color is another: halved chroma tells
    "colormap": Tolerance(0.15, 2, 6),
    # neighboring levels are drawn apart
    "equalize": Tolerance(0.5, 5, 8),
    # black and white side by side; one level more or less at the threshold would be a bias of 3 and more
    "binary": Tolerance(2.3, 250, 248),
    "edges": Tolerance(0.4, 11, 11),
    # it cuts CIELAB to 8 bits before anything else is done (since 1.2 it stays in float)
    "lab": Tolerance(0.5, 1, 2),
    "lab colormap": Tolerance(2.0, 4, 8),
    # no prefilter there, and no half pixel between centers: a shift of up to a pixel on ramps of a level a pixel.
    # At the last column it takes the first pixel of the next row for a neighbor (iipsrv.md 4.3); what is a region's
    # shape it knows in whole pixels of the level (5.4 has it exact)
    "scale": Tolerance(0.9, 1, 4, sides=2, margin=16),
    # it scales 65535 to 255, where 1.3 takes the high byte
    "deep": Tolerance(0.6, 1, 1),
    # some round to float in between, some do not: now and then a whole number falls to the one below
    "several": Tolerance(0.1, 0, 1),
    "default quality": Tolerance(0.4, 6, 14),
}
"""What each operation adds to `ENCODED`."""


def tolerance_of(operations: Iterable[str]) -> Tolerance:
    """What several operations come to; no more than `exact` says if that comes first."""
    operations = tuple(operations)
    if operations[:1] == ("exact",):
        return EXACT
    parts = [ENCODED, *(TOLERANCES[name] for name in operations)]
    return Tolerance(
        sum(part.bias for part in parts),
        sum(part.usual for part in parts),
        sum(part.most for part in parts),
        max(part.sides for part in parts),
        max(part.margin for part in parts),
    )
