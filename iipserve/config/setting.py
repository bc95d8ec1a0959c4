"""One setting: how its field in `Config` describes it, and how its value is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from iipserve.config.parsers import Parser

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """Description of one setting: the metadata of its field in `Config`."""

    variable: str
    text: str
    """One sentence for administrators."""
    parse: Parser[Any]
    default: Any
    example: str
    """A value other than the default, as it is written in the environment."""
    others: tuple[str, ...] = ()
    """Alternative variables, read if `variable` is not set."""


def setting(
    variable: str, *, default: T, parse: Parser[Any], example: str, text: str, others: tuple[str, ...] = ()
) -> T:
    """A field of `Config`."""
    known = Setting(variable, text, parse, default, example, others)
    return dataclasses.field(default=default, metadata={"setting": known})


def spelling(known: Setting, environ: Mapping[str, str]) -> str | None:
    """The first variable of a setting that `environ` has, or None."""
    return next((name for name in (known.variable, *known.others) if name in environ), None)


def read(known: Setting, variable: str, text: str) -> tuple[Any, list[str]]:
    """The value of a text, and a line if it is not what it should be.

    Raises:
        ValueError: it has no value; the message is what it must be.
    """
    parse, shown = known.parse, known.parse.show(known.default)
    if not text.strip() and parse.empty_is_default:
        note = [f"{variable} is empty; {shown}, the default, is used"] if shown else []
        return known.default, note
    reading = parse.read(text)
    if reading.is_exact:
        return reading.value, []
    used = parse.show(reading.value)
    return reading.value, [f"{variable} is {text!r}; it should be {parse.accepts}, and {used} is used"]
