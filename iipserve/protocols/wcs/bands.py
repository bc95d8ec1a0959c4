"""Which bands a request asks for, by names, numbers and intervals (OGC 12-040; 03-065r6, 9.2.2.6; 07-067r5, table 27)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from iipserve.geo.crs import quoted
from iipserve.geo.ows.exceptions import NO_CODE
from iipserve.protocols.wcs.exceptions import Fault, fault, refused
from iipserve.protocols.wcs.query import BandRange, Family

MAX_BANDS = 65_535
"""Of a result, each as often as it is named."""
NUMBERED = re.compile(r"(?:b|band)?[ _-]?(?P<number>[0-9]{1,5})", re.ASCII | re.IGNORECASE)
"""The number of a band, from 1."""


def selected(
    ranges: Iterable[BandRange], names: Sequence[str], family: Family, written: Sequence[str] = ()
) -> tuple[int, ...]:
    """Indices of bands from 0, in the order of the request, repeated as there; all if none is named.

    Args:
        ranges: of the request.
        names: of all bands of the coverage.
        family: of the version of the request.
        written: the same as files and the service file write them.

    Raises:
        OwsError: NoSuchField, IllegalFieldSequence, or the codes of other versions for the same; NoApplicableCode: there
            are more than `MAX_BANDS`.
    """
    bands, found = _Bands(names, written, family), list[int]()
    for each in ranges:
        indices = bands.of(each)
        if len(found) + len(indices) > MAX_BANDS:
            raise fault(
                NO_CODE, f"more than {MAX_BANDS} bands are asked for; a coverage has {MAX_BANDS} at most"
            )
        found.extend(indices)
    return tuple(found) or tuple(range(len(names)))


class _Bands:
    """The bands of a coverage, by their names, by these in any case, and by their numbers, in this order."""

    def __init__(self, names: Sequence[str], written: Sequence[str], family: Family) -> None:
        self._names = names
        self._family = family
        self._by_name: dict[str, int] = {}
        for known in (names, written, map(str.lower, names), map(str.lower, written)):
            for index, name in enumerate(known):
                self._by_name.setdefault(name, index)

    def of(self, each: BandRange) -> range:
        """The indices of a band or an interval. Raises `OwsError`."""
        text = f"{each.first}:{each.last}" if each.last else each.first
        # a name may have a colon
        whole = self._index(text)
        if whole is not None:
            return range(whole, whole + 1)
        first = self._known(each.first)
        last = self._known(each.last) if each.last else first
        if last < first:
            raise refused(
                Fault.FIELD_ORDER,
                self._family,
                f"the interval of bands {quoted(text)} ends before it starts",
                text,
            )
        return range(first, last + 1, each.step)

    def _known(self, text: str) -> int:
        index = self._index(text)
        if index is None:
            count = len(self._names)
            known = ", ".join(self._names[:20]) + (" ..." if count > 20 else "")
            raise refused(
                Fault.FIELD, self._family, f"there is no band {quoted(text)}; 1 to {count} are: {known}", text
            )
        return index

    def _index(self, text: str) -> int | None:
        found = self._by_name.get(text)
        if found is None:
            found = self._by_name.get(text.lower())
        if found is not None:
            return found
        match = NUMBERED.fullmatch(text)
        number = int(match["number"]) if match else 0
        return number - 1 if 1 <= number <= len(self._names) else None
