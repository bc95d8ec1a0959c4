"""Requests that map servers answer otherwise than this one, on purpose."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Named(Protocol):
    """A request."""

    @property
    def name(self) -> str:
        """Of the request, as reports of tests show it."""


class Found(Protocol):
    """A difference of two answers."""

    @property
    def kind(self) -> enum.Enum:
        """What differs."""

    @property
    def detail(self) -> str:
        """How."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """Requests of a kind, and why their answers differ."""

    names: str
    """Regular expression for the whole name of the request."""
    kind: enum.Enum
    reason: str
    section: str
    """Of a standard; `none` where they say nothing."""

    @property
    def is_bug(self) -> bool:
        """Whether it is a mistake of MapServer 8.0, which later versions may have mended."""
        return self.reason.startswith("BUG:")

    def covers(self, question: Named) -> bool:
        """Whether it speaks of this request."""
        return re.fullmatch(self.names, question.name) is not None


def first_that_covers(deviations: Sequence[Deviation], question: Named) -> Deviation | None:
    """The first entry that speaks of a request."""
    return next((deviation for deviation in deviations if deviation.covers(question)), None)


def check(listed: Deviation | None, found: Found | None, *, is_later: bool) -> None:
    """See that a difference is listed, and that what is listed is met.

    Args:
        listed: what speaks of the request; None if answers are to be equal.
        found: what differs; None if nothing does.
        is_later: than MapServer 8.0, of which the list is; its bugs are not expected then.
    """
    if listed is not None and listed.is_bug and is_later:
        return
    if listed is None:
        assert found is None, f"{found.kind.value}: {found.detail}"
    else:
        assert found is not None, f"no deviation any more: {listed.reason}"
        assert found.kind is listed.kind, f"{found.kind.value} instead of {listed.kind.value}: {found.detail}"
