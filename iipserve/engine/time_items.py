"""The dimension `time` of a collection as items of the metadata of its layer, which are computed when a document needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from iipserve.geo.image_index import ImageIndex, Span
from iipserve.geo.time_extents import extent_text, span_text

EXTENT, DEFAULT = "timeextent", "timedefault"
"""Keys that `protocols.map_dimensions` reads."""
LATEST = datetime.max.replace(tzinfo=UTC)


class TimeItems(Mapping[str, str]):
    """None where the collection has no times. Safe for many threads."""

    def __init__(self, index: ImageIndex) -> None:
        """Compute nothing.

        Args:
            index: of the collection.
        """
        self._index = index
        self._items: dict[str, str] | None = None

    def __getitem__(self, key: str) -> str:
        if key not in (EXTENT, DEFAULT):
            raise KeyError(key)
        return self._known()[key]

    def __contains__(self, key: object) -> bool:
        return key in (EXTENT, DEFAULT) and key in self._known()

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def _known(self) -> dict[str, str]:
        if self._items is None:
            self._items = _items(self._index, self._index.times())
        return self._items


def _items(index: ImageIndex, times: tuple[Span, ...]) -> dict[str, str]:
    if not times:
        return {}
    default = index.time_rule.default
    newest = max(times, key=lambda span: span.end or LATEST)
    if default == "newest":
        default = span_text(newest)
    elif default == "all":
        default = span_text(Span(times[0].start, newest.end))
    return {EXTENT: extent_text(times), DEFAULT: default}
