"""Errors in IIP's own syntax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from iipserve.errors import UnsupportedCommand

MAX_ERROR_LINE = 31
"""An error line of iipsrv ends after this many characters."""


class ErrorLine(NamedTuple):
    """One thing that is wrong, as IIP numbers it."""

    code: str
    """`1 3` no image, `2 1` nothing to send, `2 2` unsupported command, `3 2` unsupported object."""
    argument: str

    @property
    def line(self) -> str:
        """The error line without its end: its length counts from the code on."""
        text = f"{self.code} {self.argument}"
        return f"Error/{len(text)}:{text}"[:MAX_ERROR_LINE]


ERROR_TEXTS: Mapping[str, str] = {
    "1 3": "FIF=name has to come before {0!r}",
    "2 1": "{0!r} asks for nothing; OBJ, JTL or CVT would",
    "2 2": "command {0!r} is not supported",
    "3 2": "object {0!r} is not supported",
}


class IIPError(UnsupportedCommand):
    """The request is wrong in a way that IIP has a number for."""

    def __init__(self, errors: Sequence[ErrorLine]) -> None:
        """One error of one or more errors."""
        super().__init__("; ".join(ERROR_TEXTS[error.code].format(error.argument) for error in errors))
        self.body = "".join(f"{error.line}\r\n" for error in errors).encode("utf-8", "replace")
        """The error lines."""
