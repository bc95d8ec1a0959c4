"""Parameters of OGC API that speak of axes: `subset` of maps and coverages, and sizes of axes of coverages.

One grammar for all: names of axes with a value in parentheses, separated by commas (20-058, clause 12; 19-087, clauses 8
and 9; 20-024).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from iipserve.errors import InvalidRequest
from iipserve.geo import crs
from iipserve.geo.crs import CrsName, Form
from iipserve.geo.grid import Bounds
from iipserve.geo.ows.kvp import Parameters
from iipserve.protocols.map_values import number

CRS84 = CrsName(crs.WGS84, Form.X_FIRST)
"""The system of boxes and subsets that state none."""
VALUE = r'"[^"]{0,100}"|[^\s(),:"]{0,100}'
ITEM = re.compile(
    rf'\s*(?P<axis>[^\s(),:"]{{1,60}})\s*\(\s*(?P<low>{VALUE})\s*(?P<colon>:\s*(?P<high>{VALUE})\s*)?\)\s*(?:,|$)'
)
"""One axis with a point or an interval."""
MAX_LENGTH = 2000
"""Characters of the values of one parameter."""


class Axis(enum.Enum):
    """What an axis measures, whatever it is called."""

    X = "x"
    Y = "y"
    TIME = "time"


AxisNames: TypeAlias = Mapping[Axis, tuple[str, ...]]

GEOGRAPHIC: AxisNames = {
    Axis.X: ("lon", "long", "longitude", "x"),
    Axis.Y: ("lat", "latitude", "y"),
}
PROJECTED: AxisNames = {Axis.X: ("e", "easting", "x"), Axis.Y: ("n", "northing", "y")}
PIXELS: AxisNames = {Axis.X: ("x", "i", "e"), Axis.Y: ("y", "j", "n")}
"""Names of axes in lower case, the first of a system the one that standards prescribe (19-087, 8.2.1)."""
TIME = ("time", "datetime", "date", "t")


class Item(NamedTuple):
    """An axis and its value, as the client wrote them."""

    axis: str
    low: str
    """Without quotes; empty where it is open or absent. A point is only this."""
    high: str = ""
    is_interval: bool = False


class Interval(NamedTuple):
    """A part of an axis, in units of its system."""

    low: float | None
    """None: where the layer begins."""
    high: float | None
    """Below `low` only where the interval crosses the antimeridian."""
    is_point: bool = False
    """Both are equal: one cell, across the axis."""


class Times(NamedTuple):
    """A part of time, as the client wrote it."""

    low: str
    """Empty: open."""
    high: str
    is_point: bool = False


class Subset(NamedTuple):
    """The part of a layer that a request asks for."""

    crs: CrsName = CRS84
    """Of x and y."""
    x: Interval | None = None
    """None: the whole axis."""
    y: Interval | None = None
    time: Times | None = None
    text: str = ""
    """As the client wrote it."""
    others: tuple[Item, ...] = ()
    """Of dimensions that are neither space nor time."""

    @classmethod
    def of_box(cls, bounds: Bounds, name: CrsName, text: str) -> Subset:
        """The intervals of a box: `bbox` is another spelling of `subset` (19-087, 8.1)."""
        x, y = Interval(bounds.min_x, bounds.max_x), Interval(bounds.min_y, bounds.max_y)
        return cls(name, x, y, None, text)

    @property
    def is_spatial(self) -> bool:
        """Whether it limits x or y."""
        return self.x is not None or self.y is not None

    def bounds(self, whole: Bounds) -> Bounds:
        """The box, x before y; `min_x` is above `max_x` across the antimeridian.

        Args:
            whole: the box of the layer in the same system, for what is open.
        """
        x, y = self.x or Interval(None, None), self.y or Interval(None, None)
        return Bounds(
            whole.min_x if x.low is None else x.low,
            whole.min_y if y.low is None else y.low,
            whole.max_x if x.high is None else x.high,
            whole.max_y if y.high is None else y.high,
        )


NO_SUBSET = Subset()


def read_subset(parameters: Parameters, dimensions: Iterable[str] = ()) -> Subset:
    """What `subset` and `subset-crs` ask for (20-058, clause 12; 19-087, clause 8).

    Args:
        parameters: of the request; `subset-crs` is not read where no axis of a system is stated.
        dimensions: names, in lower case, that further axes may have.

    Raises:
        InvalidRequest: it is malformed, names an axis that the system does not have, or one twice.
        UnknownCrs: `subset-crs` names no system.
    """
    texts = parameters.every("subset")
    if not texts:
        return NO_SUBSET
    text, items, further = ",".join(texts), read_items(texts, "subset"), frozenset(dimensions)
    others = tuple(item for item in items if item.axis.lower() in further and item.axis.lower() not in TIME)
    is_spatial = any(item not in others and item.axis.lower() not in TIME for item in items)
    stated = parameters.get("subset-crs") if is_spatial else ""
    name = crs.parse(stated) if stated else CRS84
    found = dict(by_axis([item for item in items if item not in others], name, "subset"))
    x, y, time = (found.get(axis) for axis in Axis)
    return Subset(
        name,
        x and _interval(x, crs.turn(name.key)),
        y and _downwards(_interval(y, None), name),
        time and Times(time.low, time.high if time.is_interval else time.low, not time.is_interval),
        text,
        others,
    )


# -- the grammar -----------------------------------------------------------------------------------


def read_items(texts: Sequence[str], name: str) -> tuple[Item, ...]:
    """The axes of a parameter, of all its occurrences.

    Args:
        texts: its values.
        name: of the parameter, for messages.

    Raises:
        InvalidRequest: one is malformed.
    """
    return tuple(item for text in texts for item in _items(text, name))


def _items(text: str, name: str) -> Iterator[Item]:
    place = 0
    while place < len(text):
        match = ITEM.match(text, place) if len(text) <= MAX_LENGTH else None
        if match is None:
            raise InvalidRequest(
                f"{name} {crs.quoted(text)} is not understood from {crs.quoted(text[place : place + 40])} on; "
                f"write {EXAMPLES.get(name, EXAMPLES['subset'])}"
            )
        low, high = (_unquoted(match[part] or "") for part in ("low", "high"))
        yield Item(match["axis"], low, high, match["colon"] is not None)
        place = match.end()


EXAMPLES = {
    "subset": "axes such as Lat(40:50),Lon(10:20), and times in quotes",
    "resolution": "axes such as Lat(0.5),Lon(0.5)",
    "scale-axes": "axes such as Lat(2),Lon(2)",
    "scale-size": "axes such as Lat(200),Lon(300)",
}


def _unquoted(text: str) -> str:
    stripped = text.strip().strip('"').strip()
    return "" if stripped == "*" else stripped


def by_axis(
    items: Sequence[Item], name: CrsName, parameter: str, *, times: bool = True
) -> Iterator[tuple[Axis, Item]]:
    """What each axis is in a system.

    Args:
        items: of a parameter.
        name: the system.
        parameter: for messages.
        times: the axis of time may occur.

    Raises:
        InvalidRequest: the system has no such axis, or one is named twice.
    """
    names = {**axis_names(name)}
    if times:
        names[Axis.TIME] = TIME
    seen: set[Axis] = set()
    for item in items:
        axis = next((axis for axis, known in names.items() if item.axis.lower() in known), None)
        if axis is None:
            known = ", ".join(spellings[0].capitalize() for spellings in axis_names(name).values())
            raise InvalidRequest(
                f"{parameter}: there is no axis {crs.quoted(item.axis)}; {crs.label(name.key)} has {known}"
            )
        if axis in seen:
            raise InvalidRequest(
                f"{parameter}: the axis {crs.quoted(item.axis)} is stated twice; once will do"
            )
        seen.add(axis)
        yield axis, item


def axis_names(name: CrsName) -> AxisNames:
    """The names of the axes of a system, in lower case; the first is the one that documents write."""
    if name.key == crs.IMAGE:
        return PIXELS
    return GEOGRAPHIC if crs.is_geographic(name.key) else PROJECTED


def _interval(item: Item, turn: float | None) -> Interval:
    low = number(item.low, "subset") if item.low else None
    if not item.is_interval:
        if low is None:
            raise InvalidRequest(f"subset: the axis {crs.quoted(item.axis)} has no value; state a number")
        return Interval(low, low, is_point=True)
    high = number(item.high, "subset") if item.high else None
    if low is not None and high is not None and low > high and not (turn and low - high < turn):
        raise InvalidRequest(f"subset: {item.axis}({item.low}:{item.high}) ends before it begins")
    return Interval(low, high)


def _downwards(rows: Interval, name: CrsName) -> Interval:
    """Rows of an image that are counted downwards, as y of its pixels, which is negative."""
    if name.form is not Form.ROWS_DOWN:
        return rows
    low, high = (None if value is None else -value for value in (rows.high, rows.low))
    return rows._replace(low=low, high=high)
