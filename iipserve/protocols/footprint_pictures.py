"""Footprints as a picture for pages that run no scripts: SVG, longitude across and latitude up (equirectangular)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple, TypeAlias

from iipserve.geo.grid import Bounds

WIDTH, HEIGHT = 720.0, 380.0
"""Of the picture."""
MARGIN = 0.06
"""Of the sides of the window, around what is shown."""
LEAST_DEGREES = 1e-4
"""Side of the window around a single point."""
MAX_LINES = 6
"""Of the grid, in each direction."""
STEPS = (
    *(factor * 10.0**power for power in range(-5, 1) for factor in (1, 2, 5)),
    10.0,
    15.0,
    30.0,
    45.0,
    90.0,
)
"""Distances of lines of the grid, in degrees."""
MAX_FOOTPRINTS = 2000

MAX_LONGITUDE = 540
"""Boxes across the 180th meridian end east of it."""

Ring: TypeAlias = Sequence[tuple[float, float]]


class Footprint(NamedTuple):
    """What is drawn of an image."""

    label: str
    href: str
    """Where it leads; empty for nowhere."""
    geometry: Mapping[str, Any]
    """GeoJSON in CRS84; only polygons are drawn."""


def footprint_picture(footprints: Sequence[Footprint]) -> str:
    """SVG of the footprints, each a link to its image; empty where there are none.

    Those on both sides of the 180th meridian are drawn next to each other.
    """
    drawn = [(each, _rings(each.geometry)) for each in footprints[:MAX_FOOTPRINTS]]
    positions = [position for _, rings in drawn for ring in rings for position in ring]
    if not positions:
        return ""
    window = _Window.around(positions)
    shapes = "".join(_shape(each, rings, window) for each, rings in drawn if rings)
    return (
        f'<svg class="map" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="Map of the footprints" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(_grid(window))}{shapes}</svg>'
    )


class _Window(NamedTuple):
    """What is shown, and how large."""

    is_shifted: bool
    """Western longitudes are right of the eastern ones."""
    west: float
    north: float
    across: float
    """Units of the picture in a degree of longitude."""
    down: float
    """Units of the picture in a degree of latitude."""

    @classmethod
    def around(cls, positions: Sequence[tuple[float, float]]) -> _Window:
        """The window that the positions fill."""
        plain, shifted = ([_turned(x, is_shifted=turn) for x, _ in positions] for turn in (False, True))
        is_shifted = max(shifted) - min(shifted) < max(plain) - min(plain)
        xs, ys = shifted if is_shifted else plain, [y for _, y in positions]
        x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
        narrowing = max(math.cos(math.radians(y)), 0.05)
        width, height = (max(max(side) - min(side), LEAST_DEGREES) * (1 + 2 * MARGIN) for side in (xs, ys))
        down = min(WIDTH / (width * narrowing), HEIGHT / height)
        return cls(
            is_shifted, x - WIDTH / 2 / (down * narrowing), y + HEIGHT / 2 / down, down * narrowing, down
        )

    @property
    def bounds(self) -> Bounds:
        """In degrees; longitudes may be more than 180."""
        return Bounds(self.west, self.north - HEIGHT / self.down, self.west + WIDTH / self.across, self.north)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a position is in the picture."""
        return (_turned(x, is_shifted=self.is_shifted) - self.west) * self.across, (
            self.north - y
        ) * self.down


def _turned(x: float, *, is_shifted: bool) -> float:
    return x + 360 if is_shifted and x < 0 else x


def _rings(geometry: Mapping[str, Any]) -> list[Ring]:
    """The rings of polygons; none where coordinates are none of GeoJSON."""
    coordinates = geometry.get("coordinates") or ()
    try:
        if geometry.get("type") == "Polygon":
            return [_ring(each) for each in coordinates]
        if geometry.get("type") == "MultiPolygon":
            return [_ring(each) for polygon in coordinates for each in polygon]
    except (TypeError, ValueError):
        pass
    return []


def _ring(positions: Any) -> Ring:
    """Longitudes and latitudes. Raises `TypeError`, `ValueError`."""
    found = [(float(x), float(y)) for x, y, *_ in positions]
    if not all(abs(x) <= MAX_LONGITUDE and abs(y) <= 90 for x, y in found):
        raise ValueError("there is no such place")
    return found


def _shape(footprint: Footprint, rings: Iterable[Ring], window: _Window) -> str:
    path = "".join(f"M{_points(ring, window)}Z" for ring in rings)
    shape = (
        f'<path class="shape" d="{path}" fill-rule="evenodd"><title>{escape(footprint.label)}</title></path>'
    )
    if not footprint.href.startswith(("http://", "https://")):
        return shape
    return f'<a href="{escape(footprint.href)}">{shape}</a>'


def _points(ring: Ring, window: _Window) -> str:
    return "L".join("{:.1f},{:.1f}".format(*window.place(x, y)) for x, y in ring)


# -- the grid --------------------------------------------------------------------------------------


def _grid(window: _Window) -> Iterator[str]:
    """Meridians and parallels, with their degrees."""
    shown = window.bounds
    for x in _lines(shown.min_x, shown.max_x):
        at = (x - window.west) * window.across
        yield f'<path class="grid" d="M{at:.1f},0V{HEIGHT:g}"/><text x="{at + 4:.1f}" y="{HEIGHT - 6:g}">'
        yield f"{_degrees((x + 180) % 360 - 180, 'EW')}</text>"
    for y in _lines(max(shown.min_y, -90), min(shown.max_y, 90)):
        at = (window.north - y) * window.down
        yield f'<path class="grid" d="M0,{at:.1f}H{WIDTH:g}"/><text x="4" y="{at - 4:.1f}">{_degrees(y, "NS")}</text>'


def _lines(low: float, high: float) -> list[float]:
    """Where lines are: whole multiples of one of `STEPS`."""
    step = next((step for step in STEPS if high - low <= step * MAX_LINES), STEPS[-1])
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _degrees(value: float, sides: str) -> str:
    value = round(value, 6)
    return f"{abs(value):g}°{sides[value < 0] if value else ''}"
