"""Lists of collections and their items, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from iipserve.collections.times import format_instant
from iipserve.collections.values import Collection, Interval, Item, enclosing_box

NOTHING = "-"


def collection_lines(collections: Sequence[Collection]) -> Iterator[str]:
    """A table of collections."""
    rows = [("NAME", "ITEMS", "SIZE", "PERIOD", "PLACE", "TITLE"), *map(_collection_row, collections)]
    yield from _aligned(rows) if collections else ("no collections",)


def _collection_row(collection: Collection) -> tuple[str, ...]:
    summary = collection.summary
    box = enclosing_box(summary.bounds)
    place = ",".join(f"{value:.4g}" for value in box) if box else NOTHING
    return (
        collection.name, str(summary.count), file_size(summary.bytes), _period(summary.interval), place, collection.title
    )  # fmt: skip


def item_lines(items: Iterable[Item]) -> Iterator[str]:
    """A line for each item: id, time, pixel size, reference to the file, status if it is not well."""
    for item in items:
        size = NOTHING if item.gsd_min is None else f"{item.gsd_min:.3g} m"
        status = () if item.is_ok else (item.status,)
        yield "  ".join((item.id, _time(item.datetime or item.start), size, item.href, *status))


def _period(interval: Interval | None) -> str:
    if interval is None:
        return NOTHING
    first, last = ("" if each is None else each.date().isoformat() for each in interval)
    return first if first == last else f"{first}/{last}"


def _time(time: datetime | None) -> str:
    return NOTHING if time is None else format_instant(time)


def file_size(count: int) -> str:
    """A number of bytes: `1.5 GB`."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as their widest text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
