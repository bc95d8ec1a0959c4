"""What is known of all items of a collection, kept up to date with each of them: counts, sums and extremes.

An added item only widens extremes. If the only item that has one of them is removed, they are computed anew from all rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, and_, case, exists, func, select
from sqlalchemy.sql.elements import ColumnElement

from iipserve.collections.schema import from_microseconds, microseconds
from iipserve.collections.times import MICROSECOND
from iipserve.collections.values import WORLD_EAST, WORLD_WEST, Interval, Item, Summary, split_box
from iipserve.geo.grid import Bounds

LOWEST = ("west", "south", "eastern_west", "earliest", "gsd_min")
"""Fields that are the least of the items' values."""
HIGHEST = ("east", "north", "western_east", "latest", "gsd_max")
"""Fields that are the greatest."""


@dataclass(slots=True)
class Statistics:
    """Of the items of a collection. Boxes in degrees, instants in microseconds since 1970; None where no item has any.

    If items cross 180 degrees and none crosses 0, all of them are between the western edge of those east of 0 and the
    eastern edge of those west of it. So these are kept besides the plain extremes, which are of items that do not cross.
    """

    count: int = 0
    bytes: int = 0
    crossing: int = 0
    """Items over 180 degrees."""
    straddling: int = 0
    """Others over 0 degrees."""
    west: float | None = None
    south: float | None = None
    east: float | None = None
    north: float | None = None
    eastern_west: float | None = None
    western_east: float | None = None
    earliest: int | None = None
    latest: int | None = None
    gsd_min: float | None = None
    gsd_max: float | None = None
    longest: int = 0
    """Microseconds from the start to the end of any item that the collection has had, at most: how far searches look."""
    crs: dict[str, int] = field(default_factory=dict)
    """How many items are in each system."""

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Statistics:
        """As they are stored."""
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in names})

    def stored(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    def add(self, item: Item) -> None:
        """Count an item."""
        self._count(item, 1)
        if item.earliest is not None and item.latest is not None:
            self.longest = max(self.longest, (item.latest - item.earliest) // MICROSECOND)
        for name, value in _extremes(item).items():
            known = getattr(self, name)
            if value is not None and (known is None or (value < known) == (name in LOWEST)):
                setattr(self, name, value)

    def remove(self, item: Item) -> set[str]:
        """Count an item no more: the names of the extremes that it has, which others may have too (`has_all`)."""
        self._count(item, -1)
        return {
            name
            for name, value in _extremes(item).items()
            if value is not None and value == getattr(self, name)
        }

    def _count(self, item: Item, step: int) -> None:
        box = item.bbox
        self.count += step
        self.bytes += step * item.size
        self.crossing += step * bool(box and box.min_x > box.max_x)
        self.straddling += step * bool(box and box.min_x < 0 < box.max_x)
        if item.crs:
            self.crs = dict(+Counter({**self.crs, item.crs: self.crs.get(item.crs, 0) + step}))

    def summary(self) -> Summary:
        """As clients see it."""
        return Summary(
            count=self.count,
            bytes=self.bytes,
            bounds=split_box(self._box()),
            interval=_interval(self.earliest, self.latest),
            gsd_min=self.gsd_min,
            gsd_max=self.gsd_max,
            crs=tuple(sorted(self.crs, key=lambda key: (-self.crs[key], key))),
        )

    def _box(self) -> Bounds | None:
        if self.south is None or self.north is None:
            return None
        west, east = self.west, self.east
        if self.crossing:
            west, east = (
                (WORLD_WEST, WORLD_EAST) if self.straddling else (self.eastern_west, self.western_east)
            )
        return None if west is None or east is None else Bounds(west, self.south, east, self.north)


def computed(connection: Connection, item: Table, number: int) -> Statistics:
    """Statistics of all items of a collection."""
    of_collection = item.c.collection == number
    row = connection.execute(select(*_aggregates(item)).where(of_collection)).one()
    values = dict(row._mapping)
    for name in ("earliest", "latest"):
        instant: datetime | None = values[name]
        values[name] = None if instant is None else microseconds(instant)
    for name in ("bytes", "crossing", "straddling"):
        values[name] = int(values[name] or 0)
    systems = select(item.c.crs, func.count()).where(of_collection, item.c.crs != "").group_by(item.c.crs)
    return Statistics(**values, crs={row[0]: row[1] for row in connection.execute(systems)})


def has_all(
    connection: Connection, item: Table, number: int, statistics: Statistics, names: Collection[str]
) -> bool:
    """Whether there are items that have the extremes of some names: usually many have the same, and one is found at once."""
    columns = _extreme_columns(item)
    conditions = [columns[name] == _bound(name, getattr(statistics, name)) for name in sorted(names)]
    query = select(*(exists().where(item.c.collection == number, condition) for condition in conditions))
    return not conditions or all(connection.execute(query).one())


def _bound(name: str, value: Any) -> Any:
    return from_microseconds(value) if name in ("earliest", "latest") else value


def _aggregates(item: Table) -> list[ColumnElement[Any]]:
    c = item.c
    columns = _extreme_columns(item)
    straddles = and_(c.west <= c.east, c.west < 0, c.east > 0)
    return [
        func.count().label("count"),
        func.sum(c.size).label("bytes"),
        func.sum(case((c.west > c.east, 1), else_=0)).label("crossing"),
        func.sum(case((straddles, 1), else_=0)).label("straddling"),
        *(func.min(columns[name]).label(name) for name in LOWEST),
        *(func.max(columns[name]).label(name) for name in HIGHEST),
    ]


def _extreme_columns(item: Table) -> dict[str, ColumnElement[Any]]:
    """What the extremes are of: as `_extremes` for one item."""
    c = item.c
    within = c.west <= c.east
    return {
        "west": case((within, c.west)),
        "south": c.south,
        "east": case((within, c.east)),
        "north": c.north,
        "eastern_west": case((c.west >= 0, c.west)),
        "western_east": case((c.east <= 0, c.east)),
        "earliest": c.earliest,
        "latest": c.latest,
        "gsd_min": c.gsd_min,
        "gsd_max": func.coalesce(c.gsd_max, c.gsd_min),
    }


def _extremes(item: Item) -> dict[str, Any]:
    box = item.bbox
    crosses = box is not None and box.min_x > box.max_x
    return {
        "west": box.min_x if box and not crosses else None,
        "south": box.min_y if box else None,
        "east": box.max_x if box and not crosses else None,
        "north": box.max_y if box else None,
        "eastern_west": box.min_x if box and box.min_x >= 0 else None,
        "western_east": box.max_x if box and box.max_x <= 0 else None,
        "earliest": item.earliest and microseconds(item.earliest),
        "latest": item.latest and microseconds(item.latest),
        "gsd_min": item.gsd_min,
        "gsd_max": item.gsd_max if item.gsd_max is not None else item.gsd_min,
    }


def _interval(earliest: int | None, latest: int | None) -> Interval | None:
    if earliest is None or latest is None:
        return None
    return Interval(from_microseconds(earliest), from_microseconds(latest))
