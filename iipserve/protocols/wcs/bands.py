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


def selected(ranges: Iterable[BandRange], names: Sequence[str], family: Family) -> tuple[int, ...]:
    """Indices of bands from 0, in the order of the request, repeated as there; all if none is named.

    Args:
        ranges: of the request.
        names: of all bands of the coverage.
        family: of the version of the request.

    Raises:
        OwsError: NoSuchField, IllegalFieldSequence, or the codes of other versions for the same; NoApplicableCode: there
            are more than `MAX_BANDS`.
    """
    found: list[int] = []
    for each in ranges:
        indices = _indices(each, names, family)
        if len(found) + len(indices) > MAX_BANDS:
            raise fault(
                NO_CODE, f"more than {MAX_BANDS} bands are asked for; a coverage has {MAX_BANDS} at most"
            )
        found.extend(indices)
    return tuple(found) or tuple(range(len(names)))


def _indices(each: BandRange, names: Sequence[str], family: Family) -> range:
    text = f"{each.first}:{each.last}" if each.last else each.first
    # a name may have a colon
    whole = _index(text, names)
    if whole is not None:
        return range(whole, whole + 1)
    first = _known(each.first, names, family)
    last = _known(each.last, names, family) if each.last else first
    if last < first:
        raise refused(
            Fault.FIELD_ORDER, family, f"the interval of bands {quoted(text)} ends before it starts", text
        )
    return range(first, last + 1, each.step)


def _known(text: str, names: Sequence[str], family: Family) -> int:
    index = _index(text, names)
    if index is None:
        known = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
        raise refused(
            Fault.FIELD, family, f"there is no band {quoted(text)}; 1 to {len(names)} are: {known}", text
        )
    return index


def _index(text: str, names: Sequence[str]) -> int | None:
    """The index of a band by its name, by its name in any case, or by its number."""
    if text in names:
        return names.index(text)
    folded = [name.lower() for name in names]
    if text.lower() in folded:
        return folded.index(text.lower())
    match = NUMBERED.fullmatch(text)
    number = int(match["number"]) if match else 0
    return number - 1 if 1 <= number <= len(names) else None
