"""The place of a JPEG 2000 image by its GML: a rectified grid (GMLJP2, OGC 05-047r3 and 08-085r5; GML 3.1.1 and 3.2.1)."""

from __future__ import annotations

from typing import Any

from iipserve.geo import crs
from iipserve.geo.crs import AxisRule, CrsName, UnknownCrs
from iipserve.geo.file_mappings import is_usable
from iipserve.geo.grid import Affine
from iipserve.geo.placement import Placement
from iipserve.geo.xml import parsed


def read_gml(document: bytes) -> Placement:
    """What a document says of the first rectified grid in it; nothing where it has none, or is not well-formed.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    root = parsed(document.rstrip(b"\0"))
    grid = None if root is None else next(root.iter("{*}RectifiedGrid"), None)
    return Placement() if grid is None else _placed(grid)


def _placed(grid: Any) -> Placement:
    origin = next(grid.iter("{*}pos", "{*}coordinates"), None)
    vectors = list(grid.iter("{*}offsetVector"))
    if origin is None or len(vectors) < 2:
        return Placement()
    center, right, down = _pair(origin), _pair(vectors[0]), _pair(vectors[1])
    name = _system([*grid.iter("{*}Point"), origin, *vectors, grid, *grid.iterancestors()])
    if center is None or right is None or down is None:
        return Placement()
    if name is not None and crs.axis_order(name, AxisRule.WCS_1_1):
        center, right, down = center[::-1], right[::-1], down[::-1]
    # the origin is the center of the first pixel
    x, y = (middle - (a + b) / 2 for middle, a, b in zip(center, right, down, strict=True))
    affine = Affine(right[0], down[0], x, right[1], down[1], y)
    return Placement(name.key if name else None, affine if is_usable(affine) else None)


def _pair(element: Any) -> tuple[float, float] | None:
    """The first two numbers of an element."""
    try:
        first, second = (element.text or "").replace(",", " ").split()[:2]
        return float(first), float(second)
    except ValueError:
        return None


def _system(elements: list[Any]) -> CrsName | None:
    """The system that the first of these elements with a `srsName` names."""
    for element in elements:
        if text := element.get("srsName"):
            try:
                return crs.parse(text)
            except UnknownCrs:
                return None
    return None
