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
    is_mended: bool = False
    """Whether later versions of MapServer than 8.0 do as we do."""

    def covers(self, question: Named) -> bool:
        """Whether it speaks of this request."""
        return re.fullmatch(self.names, question.name) is not None


def first_that_covers(deviations: Sequence[Deviation], question: Named) -> Deviation | None:
    """The first entry that speaks of a request."""
    return next((deviation for deviation in deviations if deviation.covers(question)), None)


def check(listed: Deviation | None, found: Found | None) -> None:
    """See that a difference is listed, and that what is listed is met.

    Args:
        listed: what speaks of the request; None if answers are to be equal.
        found: what differs; None if nothing does.
    """
    if listed is None:
        assert found is None, f"{found.kind.value}: {found.detail}"
    elif found is None:
        assert listed.is_mended, f"no deviation any more: {listed.reason}"
    else:
        assert found.kind is listed.kind, f"{found.kind.value} instead of {listed.kind.value}: {found.detail}"
