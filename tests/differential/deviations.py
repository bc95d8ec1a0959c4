"""Where the answers differ, and why: the only place that excuses a difference.

An entry that no longer holds fails the suite, so what stands here is true.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.differential.comparing import Kind
from tests.differential.questions import Question


@dataclass(frozen=True, slots=True)
class Deviation:
    """Requests that are answered otherwise on purpose."""

    images: str
    """Regular expression for the whole name of the image."""
    query: str
    """Regular expression for a part of the query string."""
    kind: Kind
    reason: str
    section: str
    """Of the specification of iipsrv's behavior."""

    def covers(self, question: Question) -> bool:
        """Whether it speaks of this request."""
        return (
            re.fullmatch(self.images, question.image) is not None
            and re.search(self.query, question.query) is not None
        )


DEVIATIONS: Sequence[Deviation] = ()


def deviation_of(question: Question) -> Deviation | None:
    """The first entry that speaks of a request."""
    return next((deviation for deviation in DEVIATIONS if deviation.covers(question)), None)
