"""GetCoverage of 2.0: parameters of the core (OGC 09-110r4, 09-147r3) and of extensions, and those of older clients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from iipserve.geo.crs import CrsName, quoted
from iipserve.geo.ows.exceptions import INVALID_VALUE, OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.protocols import Server
from iipserve.protocols.coverage_images import image_names
from iipserve.protocols.map_values import finite
from iipserve.protocols.wcs.axes import Axis, axis_of
from iipserve.protocols.wcs.boxes import box_of
from iipserve.protocols.wcs.exceptions import (
    INVALID_EXTENT,
    INVALID_FACTOR,
    INVALID_SUBSETTING,
    INVALID_SYNTAX,
    NO_INTERPOLATION,
    NO_OUTPUT_CRS,
    NO_SUBSETTING_CRS,
    fault,
)
from iipserve.protocols.wcs.query import (
    V2_0,
    AxesDomain,
    AxisScale,
    BandRange,
    CoverageQuery,
    Family,
    ScaleKind,
    Subset,
)
from iipserve.protocols.wcs.values import chosen_layer, items, times_of, uri_of

MULTIPART = "multipart/related"
"""The one value of MEDIATYPE."""
GEOTIFF_PREFIX = "geotiff:"
GEOTIFF = ("compression", "jpeg_quality", "predictor", "interleave", "tiling", "tilewidth", "tileheight")
"""Parameters of the GeoTIFF extension (12-100r1), which occur with the prefix and without."""


def read_coverage(parameters: Parameters, server: Server, version: str = V2_0) -> CoverageQuery:
    """Read a request.

    Raises:
        OwsError: a parameter is missing or malformed, or names what does not exist.
    """
    name = parameters.required("coverageid")
    layer = chosen_layer(name, parameters, server, Family.V2_0)
    subsets, subsetting = subsets_of(parameters)
    output = parameters.get("outputcrs")
    domain = AxesDomain(
        tuple(each for each in subsets if axis_of(each.axis) is not Axis.TIME),
        _scales(parameters),
        subsetting,
        uri_of(output, NO_OUTPUT_CRS) if output else None,
    )
    times = _times(parameters, subsets)
    return CoverageQuery(
        image_names(layer, times, box_of(domain, layer.images_crs)),
        layer,
        name,
        version,
        domain,
        _bands(parameters.get("rangesubset")),
        _interpolation(parameters),
        parameters.get("format"),
        times,
        _encoding(parameters),
        _is_multipart(parameters),
    )


# -- intervals -------------------------------------------------------------------------------------


def subsets_of(parameters: Parameters) -> tuple[tuple[Subset, ...], CrsName | None]:
    """Intervals, and the system in which they are: SUBSETTINGCRS, or what they state themselves, as older clients do."""
    found, named = [], {}
    stated = parameters.get("subsettingcrs")
    if stated:
        system = uri_of(stated, NO_SUBSETTING_CRS)
        named[system.key] = system
    for text in parameters.every("subset"):
        for head, values in items(text, "subset"):
            axis, _, own = (part.strip() for part in head.partition(","))
            if own:
                system = uri_of(own, NO_SUBSETTING_CRS)
                named.setdefault(system.key, system)
            found.append(_subset(axis, values))
    if len(named) > 1:
        raise fault(
            INVALID_SUBSETTING,
            f"subsets are in {len(named)} coordinate reference systems; write all of them in one",
            ",".join(parameters.every("subset")),
        )
    return tuple(found), next(iter(named.values()), None)


def _subset(axis: str, values: str) -> Subset:
    bounds = [part.strip().strip("\"'").strip() for part in values.split(",")]
    if len(bounds) > 2 or not values:
        text = f"{axis}({values})"
        raise fault(
            INVALID_SUBSETTING, f"{quoted(text)} is not an interval axis(low,high) or a point axis(at)", text
        )
    low, high = bounds[0], bounds[-1]
    return Subset(axis, low, "" if len(bounds) == 1 else high, is_slice=len(bounds) == 1)


def _times(parameters: Parameters, subsets: tuple[Subset, ...]) -> tuple[str, ...]:
    found = []
    for each in subsets:
        if axis_of(each.axis) is Axis.TIME:
            low, high = ("" if text == "*" else text for text in (each.low, each.high))
            found.append(low if each.is_slice else f"{low}/{high}")
    return tuple(found) or times_of(parameters.get("time"))


# -- scaling ---------------------------------------------------------------------------------------


def _scales(parameters: Parameters) -> tuple[AxisScale, ...]:
    """What one parameter says of scaling; SIZE and RESOLUTION of older clients may be of one axis each.

    Raises:
        OwsError: InvalidParameterValue: there are several; InvalidScaleFactor, InvalidExtent, InvalidEncodingSyntax.
    """
    stated = [name for name in SCALINGS if parameters.get(name)]
    if len(stated) > 1 and set(stated) != {"size", "resolution"}:
        raise OwsError(
            INVALID_VALUE,
            f"{' and '.join(stated).upper()} both scale the coverage; state one of them",
            stated[1],
        )
    return tuple(
        scale for name in stated for text in parameters.every(name) for scale in SCALINGS[name](text)
    )


def _factor(text: str) -> Iterator[AxisScale]:
    yield AxisScale("", ScaleKind.FACTOR, _positive(text, INVALID_FACTOR))


def _factors(text: str) -> Iterator[AxisScale]:
    for axis, value in items(text, "scaleaxes"):
        yield AxisScale(axis, ScaleKind.FACTOR, _positive(value, INVALID_FACTOR))


def _sizes(text: str) -> Iterator[AxisScale]:
    for axis, value in items(text, "scalesize"):
        yield AxisScale(_without_crs(axis), ScaleKind.SIZE, _whole(value, minimum=1))


def _extents(text: str) -> Iterator[AxisScale]:
    for axis, values in items(text, "scaleextent"):
        ends = values.replace(",", ":").split(":")
        if len(ends) != 2:
            raise fault(
                INVALID_SYNTAX, f"SCALEEXTENT {quoted(text)} is not written as axis(low:high)", "scaleextent"
            )
        low, high = (_whole(end) for end in ends)
        if low > high:
            raise fault(
                INVALID_EXTENT, f"{quoted(values)} ends before it starts; write it as low:high", values
            )
        yield AxisScale(axis, ScaleKind.SIZE, high - low + 1)


def _resolutions(text: str) -> Iterator[AxisScale]:
    for axis, value in items(text, "resolution"):
        yield AxisScale(
            _without_crs(axis), ScaleKind.RESOLUTION, _positive(value, INVALID_VALUE, "resolution")
        )


SCALINGS: dict[str, Callable[[str], Iterator[AxisScale]]] = {
    "scalefactor": _factor,
    "scaleaxes": _factors,
    "scalesize": _sizes,
    "scaleextent": _extents,
    "size": _sizes,
    "resolution": _resolutions,
}
"""Parameters that scale a coverage."""


def _without_crs(axis: str) -> str:
    return axis.partition(",")[0].strip()


def _positive(text: str, code: str, locator: str = "") -> float:
    value = finite(text)
    if value is None or value <= 0:
        raise fault(code, f"{quoted(text)} is no number above 0", locator or text)
    return value


def _whole(text: str, minimum: float = -math.inf) -> float:
    value = finite(text)
    if value is None or value != math.floor(value) or value < minimum:
        required = "a whole number" + (" from 1 on" if minimum == 1 else "")
        raise fault(INVALID_EXTENT, f"{quoted(text)} is not {required}", text)
    return value


# -- range, interpolation, encoding ------------------------------------------------------------------


def _bands(text: str) -> tuple[BandRange, ...]:
    """Bands and intervals of them.

    Raises:
        OwsError: InvalidEncodingSyntax: an entry is empty.
    """
    if not text:
        return ()
    ranges = []
    for part in text.split(","):
        first, separator, last = (each.strip() for each in part.partition(":"))
        if not first or (separator and not last):
            raise fault(
                INVALID_SYNTAX,
                f"RANGESUBSET {quoted(text)} is no list of bands; write it as a,b:d",
                "rangesubset",
            )
        ranges.append(BandRange(first, last))
    return tuple(ranges)


def _interpolation(parameters: Parameters) -> str:
    """The method, which has to be the same for all axes that have one of their own."""
    stated = parameters.get("interpolation")
    by_axis = [text.rpartition(",")[2].strip() for text in parameters.every("interpolationperaxis")]
    methods = set(filter(None, (*by_axis, stated)))
    if len(methods) > 1:
        raise fault(
            NO_INTERPOLATION, f"{len(methods)} methods are asked for; one is offered for all axes", by_axis[0]
        )
    return next(iter(methods), "")


def _encoding(parameters: Parameters) -> tuple[tuple[str, str], ...]:
    """Parameters of GeoTIFF; names with the prefix come first, and unknown ones are kept to be reported."""
    found = {
        name.removeprefix(GEOTIFF_PREFIX): value
        for name, value in parameters.values.items()
        if name.startswith(GEOTIFF_PREFIX) and value
    }
    for name in GEOTIFF:
        if value := parameters.get(name):
            found.setdefault(name, value)
    return tuple(sorted(found.items()))


def _is_multipart(parameters: Parameters) -> bool:
    text = parameters.get("mediatype").strip()
    if text and text.partition(";")[0].strip().lower() != MULTIPART:
        raise OwsError(
            INVALID_VALUE, f"MEDIATYPE {quoted(text)} is not {MULTIPART}; leave it out otherwise", "mediatype"
        )
    return bool(text)
