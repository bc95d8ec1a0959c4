"""Interpolation methods by the names and URIs of all versions."""

from __future__ import annotations

from iipserve.geo.crs import quoted
from iipserve.plan import Resampling
from iipserve.protocols.wcs.exceptions import Fault, refused
from iipserve.protocols.wcs.query import Family

METHODS = {
    **dict.fromkeys(
        ("nearest", "nearestneighbor", "nearestneighbour", "none", "near", "nn"), Resampling.NEAREST
    ),
    **dict.fromkeys(("linear", "bilinear"), Resampling.BILINEAR),
    **dict.fromkeys(("cubic", "bicubic"), Resampling.CUBIC),
    **dict.fromkeys(("average", "mean"), Resampling.AVERAGE),
    **dict.fromkeys(("mode", "majority"), Resampling.MODE),
}
"""By names in lower case without separators: of 1.0.0 (03-065r6, 8.3.6), of 1.1 (07-067r5, table 20), of 2.0
(12-049, and http://www.opengis.net/def/interpolation/OGC/1), and of MapServer."""
SEPARATORS = str.maketrans("", "", " -_+")


def method_of(text: str, family: Family) -> Resampling | None:
    """The method of a name or a URI; None for an empty one.

    Raises:
        OwsError: there is no such method here.
    """
    if not text.strip():
        return None
    name = text.strip().replace(":", "/").rstrip("/").rpartition("/")[2]
    method = METHODS.get(name.lower().translate(SEPARATORS))
    if method is None:
        raise refused(
            Fault.INTERPOLATION,
            family,
            f"interpolation {quoted(text)} is not offered; nearest, linear, cubic, average and mode are",
            text,
        )
    return method
