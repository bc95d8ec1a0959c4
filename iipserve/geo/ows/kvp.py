"""Parameters of a request: key-value pairs of a query string or of a form (OWS Common 06-121r3 section 11.5.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from iipserve.geo.ows.exceptions import INVALID_VALUE, MISSING_VALUE, OwsError
from iipserve.http import Request

MAX_BODY_LENGTH = 1 << 16
"""Bytes of a form that is read."""
MAX_PARAMETERS = 1000
"""Of one request."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters by name in lower case: names are compared in any case, and of equal names the first counts."""

    values: Mapping[str, str] = field(default_factory=dict)
    """Decoded."""
    repeated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """All values of those that occur more than once, in the order of the request."""

    def get(self, name: str, default: str = "") -> str:
        """The value of a parameter; the default where it is absent or empty."""
        return self.values.get(name.lower()) or default

    def every(self, name: str) -> tuple[str, ...]:
        """All values of a parameter that may occur several times, without empty ones."""
        key = name.lower()
        return tuple(filter(None, self.repeated.get(key) or (self.values.get(key, ""),)))

    def states(self, name: str) -> bool:
        """Whether the parameter occurs, if only with an empty value."""
        return name.lower() in self.values

    def required(self, name: str) -> str:
        """The value of a parameter.

        Args:
            name: as a locator writes it.

        Raises:
            OwsError: MissingParameterValue: it is absent or empty.
        """
        value = self.get(name)
        if not value:
            raise OwsError(MISSING_VALUE, f"the parameter {name.upper()} is missing", name)
        return value

    def integer(self, name: str, code: str = INVALID_VALUE) -> int:
        """The value of a required parameter as an integer of at most nine digits.

        Raises:
            OwsError: MissingParameterValue; `code`: it is not such a number.
        """
        return integer(self.required(name), name, code)


def integer(text: str, name: str, code: str = INVALID_VALUE) -> int:
    """An integer of at most nine digits, negative ones too.

    Raises:
        OwsError: `code`: it is not such a number.
    """
    digits = text.strip().removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise OwsError(code, f"{name.upper()} {text!r} is not an integer of at most nine digits", name)
    return int(text)


def read(request: Request) -> Parameters:
    """The parameters of the query string, then those of a form that was posted.

    Raises:
        OwsError: InvalidParameterValue: one is not UTF-8 or contains a zero byte.
    """
    return parse(f"{request.query}&{request.form}")


def parse(text: str) -> Parameters:
    """The parameters of a query string: percent-decoded once, with spaces for plus signs.

    Args:
        text: one character for each octet (PEP 3333).

    Raises:
        OwsError: InvalidParameterValue: one is not UTF-8 or contains a zero byte, or there are too many.
    """
    return collected(_decoded_pairs(text))


def _decoded_pairs(text: str) -> Iterator[tuple[str, str]]:
    parts = [part for part in text.split("&") if part]
    if len(parts) > MAX_PARAMETERS:
        raise OwsError(
            INVALID_VALUE, f"the request has {len(parts)} parameters; it can have {MAX_PARAMETERS}", ""
        )
    for part in parts:
        name, _, value = part.partition("=")
        if name:
            key = decoded(name, "").lower()
            yield key, decoded(value, key)


def collected(pairs: Iterable[tuple[str, str]]) -> Parameters:
    """Parameters of names in lower case and values."""
    first: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in first:
            first[name] = value
        else:
            repeated.setdefault(name, [first[name]]).append(value)
    return Parameters(first, {name: tuple(values) for name, values in repeated.items()})


def decoded(text: str, locator: str) -> str:
    """A name or a value, decoded.

    Raises:
        OwsError: InvalidParameterValue: it is not UTF-8 or contains a zero byte.
    """
    if text.isascii() and "%" not in text and "+" not in text and "\0" not in text:
        return text
    try:
        result = unquote_to_bytes(text.replace("+", " ").encode("latin-1")).decode()
    except UnicodeError:
        raise OwsError(
            INVALID_VALUE, f"{text!r} is not UTF-8; percent-encode the UTF-8 form", locator
        ) from None
    if "\0" in result:
        raise OwsError(INVALID_VALUE, f"{text!r} contains a zero byte; values cannot", locator)
    return result
