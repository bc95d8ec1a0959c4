"""`datetime` of OGC API, and dimensions of `subset` (20-058, clauses 14 and 15): what layers have of them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from typing import NamedTuple

from iipserve.geo.crs import quoted
from iipserve.geo.layer import Layer
from iipserve.geo.ows.kvp import Parameters
from iipserve.protocols.map_dimensions import INSTANT, TIME, Dimension, Value, dimensions_of, value_range
from iipserve.protocols.map_tiles import NotThere
from iipserve.protocols.map_values import invalid
from iipserve.protocols.ogcapi.subset import Item, Subset

OPEN = ("", "..")
FIRST, LAST = "0000", "9999"
"""Years that stand for open ends."""
LOWEST, HIGHEST = "-1e300", "1e300"
"""Numbers that do."""


class Stated(NamedTuple):
    """The value of a dimension that a request states."""

    name: str
    """In lower case."""
    value: str
    """As an entry of an extent: `first/last`, or a value."""


def read_dimensions(parameters: Parameters, subset: Subset) -> tuple[Stated, ...]:
    """What `datetime` and `subset` state of dimensions other than those of space.

    Raises:
        OwsError: a time is malformed, or stated twice.
    """
    text, time = parameters.get("datetime").strip(), subset.time
    if text and time:
        raise invalid("datetime and time of SUBSET exclude each other; state one of them", "datetime")
    stated = [Stated(each.axis.lower(), _entry(each)) for each in subset.others]
    if text or time:
        locator = "datetime" if text else "subset"
        written = text or (time and (time.low if time.is_point else f"{time.low}/{time.high}")) or ""
        stated.append(Stated(TIME, _instants(written, locator)))
    return tuple(stated)


def _entry(item: Item) -> str:
    """The value of a dimension as an entry of an extent."""
    if not item.is_interval:
        return item.low
    return f"{item.low or LOWEST}/{item.high or HIGHEST}"


def names_of(layers: Iterable[Layer]) -> tuple[str, ...]:
    """Names of all dimensions of layers, as requests may write them."""
    return tuple(name for layer in layers for dimension in _named(layer) for name in dimension)


def _named(layer: Layer) -> tuple[tuple[str, str], ...]:
    """Name and parameter of each dimension; those of a collection need no list of its times."""
    if layer.index is not None:
        return ((TIME, TIME),)
    return tuple((each.name, each.parameter) for each in dimensions_of(layer))


def _instants(text: str, locator: str) -> str:
    """A time or an interval of times (RFC 3339, 5.6; dates and years as well), in UTC."""
    parts = [part.strip() for part in text.split("/")]
    if len(parts) > 2 or all(part in OPEN for part in parts):
        raise invalid(
            f"{locator} {quoted(text)} is no time and no interval; write one as 2018-02-12T00:00:00Z/..",
            locator,
        )
    if len(parts) == 1:
        return _instant(text, locator)
    ends = (
        end if part in OPEN else _instant(part, locator)
        for part, end in zip(parts, (FIRST, LAST), strict=True)
    )
    return "/".join(ends)


def _instant(text: str, locator: str) -> str:
    if INSTANT.fullmatch(text):
        return text
    try:
        found = datetime.datetime.fromisoformat(text)
        return found.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        raise invalid(
            f"{locator} {quoted(text)} is not a time; write one as 2018-02-12T23:20:52Z", locator
        ) from None


# -- layers ----------------------------------------------------------------------------------------


def having(layers: Iterable[Layer], stated: Iterable[Stated]) -> tuple[Layer, ...]:
    """The layers that have what is stated. Those without a time have every time (/req/datetime/datetime-response),
    and those of collections are looked at by `selected_layers`.

    Raises:
        NotThere: none is left.
    """
    found = tuple(layers)
    for each in stated:
        known = [None if layer.index is not None else _dimension(layer, each.name) for layer in found]
        found = tuple(
            layer
            for layer, dimension in zip(found, known, strict=True)
            if dimension is None or dimension.has(each.value)
        )
        if not found:
            extents = "; ".join(dict.fromkeys(dimension.extent for dimension in known if dimension))
            raise NotThere(
                f"there is nothing at {each.name} {quoted(each.value)}; there is something at {extents}"
            )
    return found


def stated_time(stated: Iterable[Stated]) -> str:
    """The time that a request states, with `..` for open ends; empty without one."""
    text = next((each.value for each in stated if each.name == TIME), "")
    return "/".join(".." if end in (FIRST, LAST) else end for end in text.split("/"))


def _dimension(layer: Layer, name: str) -> Dimension | None:
    return next((each for each in dimensions_of(layer) if name in (each.name, each.parameter)), None)


def time_interval(layer: Layer) -> tuple[str, str] | None:
    """The first and the last time of a layer, as RFC 3339 writes them; None without any."""
    dimension = _dimension(layer, TIME)
    ends = [value_range(entry) for entry in dimension.values] if dimension else []
    known = [
        end for end in ends if all(end) and all(math.isfinite(number) for pair in end for number in pair)
    ]
    if not known:
        return None
    first, last = min(first for first, _ in known), max(last for _, last in known)
    return written(first), written(last)


def written(value: Value) -> str:
    """A time as RFC 3339 writes it: what is not known of it is its beginning."""
    numbers = (*value, *(1.0, 1.0, 1.0, 0.0, 0.0, 0.0)[len(value) :])
    year, month, day, hour, minute = map(int, numbers[:5])
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{int(numbers[5]):02}Z"
