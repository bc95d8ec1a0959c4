"""Requests for coverages of OGC API (19-087), from text to a query: subsets, boxes, sizes, fields.

Both generations of drafts of the standard are understood: `resolution`, `width` and `height`, and before them
`scale-factor`, `scale-axes` and `scale-size`, also as `scaleSize`, as GDAL writes it. A factor divides the number of
samples, other than that of WCS 2.0, which multiplies it.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from iipserve.errors import InvalidRequest
from iipserve.geo import crs
from iipserve.geo.crs import AxisRule, CrsName, Form
from iipserve.geo.grid import Bounds
from iipserve.geo.layer import Layer
from iipserve.geo.ows.kvp import Parameters
from iipserve.image import ImageName
from iipserve.protocols.collection_selection import selected_by_filter
from iipserve.protocols.coverage_images import image_names
from iipserve.protocols.map_values import box, number, whole
from iipserve.protocols.ogcapi.subset import (
    CRS84,
    Axis,
    Item,
    Subset,
    by_axis,
    read_items,
    read_subset,
)

SPATIAL = (Axis.X, Axis.Y)
ALL = "*"
"""In `properties`: all fields that are not named, before or after those that are."""


class Measure(enum.Enum):
    """What a number says of the length of an axis of the result."""

    DIVISOR = "divisor"
    """Samples of the layer for each sample of the result."""
    COUNT = "count"
    """Samples of the result."""
    RESOLUTION = "resolution"
    """Units of the system of the result between two samples."""


class Length(NamedTuple):
    """How many samples the result has along an axis."""

    measure: Measure
    value: float
    """Above 0."""
    text: str
    """As the client wrote it, for messages."""


class CoverageQuery(NamedTuple):
    """A coverage."""

    names: tuple[ImageName, ...]
    layer: Layer
    format: str
    """As the client wrote it, or a media type; empty: that of the layer."""
    is_negotiated: bool
    """The Accept header decided on the format."""
    crs: CrsName | None
    """Of the result; None: that of the layer."""
    subset: Subset
    """Limits of x, y and time, in the system that it names."""
    lengths: tuple[tuple[str, Length], ...]
    """By axes: `x`, `y`, or as the client wrote them, in the system of the result; empty for all axes."""
    fields: tuple[str, ...] = ()
    """As the client wrote them; none: all."""
    excluded: tuple[str, ...] = ()
    """Instead of `fields`: those that are left out."""
    datetime: str = ""

    @property
    def times(self) -> tuple[str, ...]:
        """The time or the period that is asked for; none for all times."""
        return asked_times(self.datetime, self.subset)


def asked_time(datetime: str, subset: Subset) -> str:
    """The time or period of the parameter `datetime`, or of `subset`, as the client wrote it; empty for none."""
    time = subset.time
    return datetime or (time and (time.low if time.is_point else f"{time.low}/{time.high}")) or ""


def asked_times(datetime: str, subset: Subset) -> tuple[str, ...]:
    """The same with empty ends where a period is open; none for all times."""
    text = asked_time(datetime, subset).replace("..", "")
    return (text,) if text else ()


def read_coverage(parameters: Parameters, layer: Layer, format: str, *, is_negotiated: bool) -> CoverageQuery:
    """The coverage that parameters ask for (19-087, clauses 7 to 11).

    Raises:
        InvalidRequest: a value is malformed, or two exclude each other.
        UnknownCrs: `crs`, `bbox-crs` or `subset-crs` names no system.
    """
    stated = parameters.get("crs")
    fields, excluded = _list(parameters, "properties"), _list(parameters, "exclude-properties")
    if fields and excluded:
        raise InvalidRequest("properties and exclude-properties exclude each other; state one of them")
    subset, datetime = _subset(parameters), parameters.get("datetime").strip()
    times = asked_times(datetime, subset)
    return CoverageQuery(
        image_names(layer, times),
        selected_by_filter(layer, parameters),
        format,
        is_negotiated,
        crs.parse(stated) if stated else None,
        subset,
        _lengths(parameters),
        fields,
        excluded,
        datetime,
    )


def _list(parameters: Parameters, name: str) -> tuple[str, ...]:
    text = parameters.get(name)
    entries = tuple(entry.strip() for entry in text.split(","))
    if text and not all(entries):
        raise InvalidRequest(
            f"{name} {crs.quoted(text)} has an empty entry; write names of fields such as band1,band2"
        )
    return entries if text else ()


def _subset(parameters: Parameters) -> Subset:
    """`subset`, or `bbox` as the same.

    Raises:
        InvalidRequest: both limit x or y.
    """
    subset, text = read_subset(parameters), parameters.get("bbox")
    if not text:
        return subset
    if subset.is_spatial:
        raise InvalidRequest("bbox and subset both limit the same axes; state one of them")
    stated = parameters.get("bbox-crs")
    name = crs.parse(stated) if stated else CRS84
    return Subset.of_box(read_box(text, name), name, text)._replace(time=subset.time)


def read_box(text: str, name: CrsName) -> Bounds:
    """The box of `bbox`; the third and sixth of six numbers are heights, which say nothing of an image.

    Args:
        text: four or six numbers, in the order of the axes of the system.
        name: the system.

    Raises:
        OwsError: it is none, or has no area.
    """
    parts = text.split(",")
    if len(parts) == 6:
        text = ",".join((*parts[:2], *parts[3:5]))
    found = box(text, swapped=crs.axis_order(name, AxisRule.OGC_API), turn=crs.turn(name.key))
    if name.form is Form.ROWS_DOWN:
        return Bounds(found.min_x, -found.max_y, found.max_x, -found.min_y)
    return found


# -- lengths of axes -------------------------------------------------------------------------------


def _lengths(parameters: Parameters) -> tuple[tuple[str, Length], ...]:
    """By axes.

    Raises:
        InvalidRequest: one is malformed, or parameters of several kinds occur.
    """
    found = {
        name: lengths
        for name, lengths in (
            ("scale-factor", _factor(parameters)),
            ("scale-axes", _of_axes(parameters, "scale-axes", Measure.DIVISOR)),
            ("scale-size", _of_axes(parameters, "scale-size", Measure.COUNT)),
            ("resolution", _of_axes(parameters, "resolution", Measure.RESOLUTION)),
            ("width and height", _sides(parameters)),
        )
        if lengths
    }
    if len(found) > 1:
        raise InvalidRequest(f"{' and '.join(found)} exclude each other; state one of them")
    return next(iter(found.values()), ())


def _named(parameters: Parameters, name: str) -> tuple[str, ...]:
    """The values of a parameter, also without the hyphen."""
    return parameters.every(name) or parameters.every(name.replace("-", ""))


def _factor(parameters: Parameters) -> tuple[tuple[str, Length], ...]:
    texts = _named(parameters, "scale-factor")
    if not texts:
        return ()
    return (("", _length(Measure.DIVISOR, texts[0], "scale-factor")),)


def _sides(parameters: Parameters) -> tuple[tuple[str, Length], ...]:
    return tuple(
        (
            axis.value,
            Length(Measure.COUNT, whole(parameters, name, minimum=1), f"{name}={parameters.get(name)}"),
        )
        for axis, name in zip(SPATIAL, ("width", "height"), strict=True)
        if parameters.get(name)
    )


def _of_axes(parameters: Parameters, name: str, measure: Measure) -> tuple[tuple[str, Length], ...]:
    found = []
    for item in read_items(_named(parameters, name), name):
        if item.is_interval:
            raise InvalidRequest(
                f"{name}: {item.axis}({item.low}:{item.high}) is an interval; state one number"
            )
        if item.low:
            found.append((item.axis, _length(measure, item.low, name)))
        elif measure is not Measure.RESOLUTION:
            raise InvalidRequest(f"{name}: the axis {crs.quoted(item.axis)} has no value; state a number")
    return tuple(found)


def _length(measure: Measure, text: str, name: str) -> Length:
    value = number(text, name)
    if value <= 0 or (measure is Measure.COUNT and value != int(value)):
        what = "a positive integer" if measure is Measure.COUNT else "a number above 0"
        raise InvalidRequest(f"{name} {crs.quoted(text)} is not {what}")
    return Length(measure, value, f"{name}={text}")


def lengths_by_axis(query: CoverageQuery, name: CrsName) -> dict[Axis, Length]:
    """The lengths of axes of the result.

    Args:
        query: the request.
        name: the system of the result.

    Raises:
        InvalidRequest: the system has no such axis, one is named twice, or it is one of which a single place is asked for.
    """
    found: dict[Axis, Length] = {}
    for written, length in query.lengths:
        if not written:
            found = dict.fromkeys(SPATIAL, length)
            continue
        parameter = length.text.partition("=")[0]
        ((axis, _),) = by_axis([Item(written, "")], name, parameter, times=False)
        if axis in found:
            raise InvalidRequest(f"{parameter}: the axis {crs.quoted(written)} is stated twice; once will do")
        found[axis] = length
    for axis, interval in zip(SPATIAL, (query.subset.x, query.subset.y), strict=True):
        if axis in found and interval is not None and interval.is_point and query.lengths[0][0]:
            raise InvalidRequest(
                f"{found[axis].text}: an axis of which subset takes one place has no other length; state an interval"
            )
    return found


def select(query: CoverageQuery, names: tuple[str, ...]) -> tuple[int, ...]:
    """The fields of the result, as indices into all of them, in their order.

    Args:
        query: the request.
        names: of all fields; they may be named by their numbers from 1, too (`x-ogc-propertySeq`).

    Raises:
        InvalidRequest: there is no such field, or all are left out.
    """
    every = tuple(range(len(names)))
    if query.excluded:
        excluded = {_field(text, names) for text in query.excluded}
        found = tuple(index for index in every if index not in excluded)
        if not found:
            raise InvalidRequest("exclude-properties leaves no field; exclude fewer of them")
        return found
    if not query.fields:
        return every
    chosen = {text: _field(text, names) for text in query.fields if text != ALL}
    if query.fields.count(ALL) > 1:
        raise InvalidRequest("properties: '*' is stated twice; once will do")
    others = tuple(index for index in every if index not in chosen.values())
    found = ()
    for text in query.fields:
        found += others if text == ALL else (chosen[text],)
    return found


def _field(text: str, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text)
    if text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= len(names):
        return int(text) - 1
    raise InvalidRequest(f"there is no field {crs.quoted(text)}; the layer has {', '.join(names[:20])}")
