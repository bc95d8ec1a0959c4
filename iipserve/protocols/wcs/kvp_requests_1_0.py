"""GetCoverage of 1.0.0 (OGC 03-065r6, table 9)."""

from __future__ import annotations

from iipserve.geo import crs
from iipserve.geo.crs import CrsName, quoted
from iipserve.geo.grid import Bounds
from iipserve.geo.layer import Layer
from iipserve.geo.ows.exceptions import INVALID_VALUE, MISSING_VALUE, OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.geometry import Size
from iipserve.protocols import Server, coverage_options
from iipserve.protocols.coverage_images import image_names
from iipserve.protocols.wcs.boxes import box_of
from iipserve.protocols.wcs.grids_by_box import SIZE
from iipserve.protocols.wcs.query import V1_0, BandRange, BoxDomain, CoverageQuery, Family
from iipserve.protocols.wcs.values import chosen_layer, crs_of, numbers, times_of

BOX = "bbox"
RANGE_PREFIX = "range:"
"""Before axes of the range that XML names."""


def read_coverage(parameters: Parameters, server: Server, version: str = V1_0) -> CoverageQuery:
    """Read a request.

    Raises:
        OwsError: a parameter is missing or malformed, or names what does not exist.
    """
    name = parameters.required("coverage")
    layer = chosen_layer(name, parameters, server, Family.V1_0)
    domain = _domain(parameters)
    axes, bands = _range(parameters, layer)
    times = times_of(parameters.get("time"))
    return CoverageQuery(
        image_names(layer, times, box_of(domain, layer.images_crs)),
        layer,
        name,
        version,
        domain,
        bands,
        parameters.get("interpolation"),
        parameters.required("format"),
        times,
        range_axes=axes,
    )


# -- the grid --------------------------------------------------------------------------------------


def _domain(parameters: Parameters) -> BoxDomain:
    system = crs_of(parameters.required("crs"), "crs")
    if not (parameters.get(BOX) or parameters.get("time")):
        raise OwsError(MISSING_VALUE, "BBOX is missing, and TIME too; one of them is needed", "bbox/time")
    bounds = _bounds(parameters.get(BOX), system) if parameters.get(BOX) else None
    response = parameters.get("response_crs")
    size, resolution = _size(parameters), _resolution(parameters)
    if size is None and resolution is None:
        raise OwsError(MISSING_VALUE, "WIDTH and HEIGHT, or RESX and RESY, are missing", SIZE)
    return BoxDomain(system, bounds, size, resolution, crs_of(response, "response_crs") if response else None)


def _bounds(text: str, system: CrsName) -> Bounds:
    """The box, x before y whatever the system; a height after each corner is left out."""
    found = numbers(text, BOX)
    if len(found) == 6:
        found = (*found[:2], *found[3:5])
    if len(found) != 4:
        raise OwsError(INVALID_VALUE, f"BBOX {quoted(text)} is not four numbers, minx,miny,maxx,maxy", BOX)
    bounds = Bounds(*found)
    turn = crs.turn(system.key)
    if turn and 0 < bounds.min_x - bounds.max_x < turn:
        bounds = bounds._replace(max_x=bounds.max_x + turn)
    if bounds.min_x >= bounds.max_x or bounds.min_y >= bounds.max_y:
        raise OwsError(
            INVALID_VALUE,
            f"BBOX {quoted(text)} has no area: each minimum has to be below its maximum in minx,miny,maxx,maxy",
            BOX,
        )
    return bounds


def _size(parameters: Parameters) -> Size | None:
    """WIDTH and HEIGHT; None where both are left out."""
    sides = [parameters.get(name) for name in ("width", "height")]
    if not any(sides):
        return None
    if not all(sides):
        raise OwsError(MISSING_VALUE, "WIDTH and HEIGHT belong together; one of them is missing", SIZE)
    return Size(*(_side(text, name) for text, name in zip(sides, ("width", "height"), strict=True)))


def _side(text: str, name: str) -> int:
    found = numbers(text, name)
    if len(found) != 1 or not 1 <= found[0] <= 999_999_999 or found[0] != int(found[0]):
        raise OwsError(
            INVALID_VALUE, f"{name.upper()} {quoted(text)} is not an integer from 1 to 999999999", name
        )
    return int(found[0])


def _resolution(parameters: Parameters) -> tuple[float, float] | None:
    """RESX and RESY; None where both are left out."""
    steps = [parameters.get(name) for name in ("resx", "resy")]
    if not any(steps):
        return None
    if not all(steps):
        raise OwsError(MISSING_VALUE, "RESX and RESY belong together; one of them is missing", SIZE)
    return _step(steps[0], "resx"), _step(steps[1], "resy")


def _step(text: str, name: str) -> float:
    found = numbers(text, name)
    if len(found) != 1 or found[0] <= 0:
        raise OwsError(INVALID_VALUE, f"{name.upper()} {quoted(text)} is no number above 0", name)
    return found[0]


# -- the range -------------------------------------------------------------------------------------


def _range(parameters: Parameters, layer: Layer) -> tuple[tuple[str, ...], tuple[BandRange, ...]]:
    """Axes of the range that the request names, and the bands that they have."""
    known = axes_of(layer)
    stated = {
        name.removeprefix(RANGE_PREFIX): value
        for name, value in parameters.values.items()
        if name.startswith(RANGE_PREFIX)
    }
    for name in stated:
        if name not in known:
            raise OwsError(
                INVALID_VALUE, f"there is no axis {quoted(name)} of the range; {known[0]} is", name
            )
    for name in known:
        text = stated.get(name) or parameters.get(name)
        if text:
            return (name,), tuple(
                each for part in text.split(",") if part.strip() for each in _interval(part.strip(), name)
            )
    return (), ()


def axes_of(layer: Layer) -> tuple[str, ...]:
    """Names of the axis of bands in lower case: that of documents, and usual ones."""
    return tuple(dict.fromkeys((coverage_options.band_axis(layer).lower(), "bands", "band")))


def _interval(text: str, name: str) -> tuple[BandRange, ...]:
    """One value, or an interval `min/max` or `min/max/step`."""
    parts = [part.strip() for part in text.split("/")]
    if len(parts) == 1:
        return (BandRange(text),)
    is_stepped = len(parts) == 3 and parts[2].isascii() and parts[2].isdecimal() and len(parts[2]) < 6
    if len(parts) == 2:
        return (BandRange(parts[0], parts[1]),)
    if not is_stepped or not int(parts[2]):
        raise OwsError(
            INVALID_VALUE, f"{name.upper()} {quoted(text)} is not written as min/max or min/max/step", name
        )
    return (BandRange(parts[0], parts[1], int(parts[2])),)
