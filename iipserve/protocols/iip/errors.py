"""Errors in IIP's own syntax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from iipserve.errors import IIPServeError, UnsupportedCommand
from iipserve.http import Routed
from iipserve.plan import Document
from iipserve.protocols import ErrorAnswer, Server, plain_error
from iipserve.protocols.iip.objects import NETFPX

MAX_ERROR_LINE = 31
"""In characters; iipsrv cuts error lines there."""


class ErrorLine(NamedTuple):
    """One error, with its number in IIP."""

    code: str
    """`1 3` no image, `2 1` nothing to send, `2 2` unsupported command, `3 2` unsupported object."""
    argument: str

    @property
    def line(self) -> str:
        """The error line without its line end; the length is that of code and argument."""
        text = f"{self.code} {self.argument}"
        return f"Error/{len(text)}:{text}"[:MAX_ERROR_LINE]


ERROR_TEXTS: Mapping[str, str] = {
    "1 3": "{0!r} needs FIF=name",
    "2 1": "{0!r} requests no output; OBJ, JTL or CVT do",
    "2 2": "command {0!r} is not supported",
    "3 2": "object {0!r} is not supported",
}


class IIPError(UnsupportedCommand):
    """An error that has a number in IIP."""

    def __init__(self, errors: Sequence[ErrorLine]) -> None:
        """One exception for one or more errors."""
        super().__init__("; ".join(ERROR_TEXTS[error.code].format(error.argument) for error in errors))
        self.body = "".join(f"{error.line}\r\n" for error in errors).encode("utf-8", "replace")
        """The error lines."""


def error_answer(
    error: IIPServeError, routed: Routed | None = None, server: Server | None = None
) -> ErrorAnswer:
    """The error in IIP's syntax where it has a number for it, else as plain text."""
    if isinstance(error, IIPError):
        return ErrorAnswer(error.status, Document(error.body, NETFPX))
    return plain_error(error)
