"""The times that requests ask for, of coverages that have some."""

from __future__ import annotations

from iipserve.geo.crs import quoted
from iipserve.protocols.coverage_offerings import Offering
from iipserve.protocols.coverage_times import agrees
from iipserve.protocols.wcs.exceptions import INVALID_AXIS, Fault, fault, refused
from iipserve.protocols.wcs.query import CoverageQuery, Family, family_of


def check(query: CoverageQuery, offered: Offering) -> None:
    """See that a coverage has the times that are asked for; one without times has no axis of them.

    Raises:
        OwsError: InvalidSubsetting and the like: it does not; InvalidAxisLabel in 2.0: it has none.
    """
    family = family_of(query.version)
    if not offered.times:
        # older versions ask for TIME of coverages that have none; it is passed over there
        if query.times and family is Family.V2_0:
            raise fault(INVALID_AXIS, f"coverage {quoted(offered.coverage_id)} has no axis of time", "time")
        return
    for text in query.times:
        if not any(agrees(each, text) for each in offered.times):
            known = ", ".join(offered.times[:5]) + (" ..." if len(offered.times) > 5 else "")
            raise refused(
                Fault.TIME, family, f"the coverage has no time {quoted(text)}; it has {known}", text
            )
