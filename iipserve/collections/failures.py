"""Errors of databases as errors of this server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from iipserve.errors import Conflict, InvalidRequest, SearchTooLong, StoreUnavailable

log = logging.getLogger(__name__)

LOG_SECONDS = 10.0
MAX_REASONS = 64
_logging = threading.Lock()
_logged_at: dict[str, float] = {}
"""When reasons were logged last, on the monotonic clock."""
TOO_LARGE = ("Expression tree is too large", "parser stack overflow", "too many SQL variables")
"""How errors of SQLite about the size of a statement begin."""
INTERRUPTED = "interrupted"
"""What SQLite says of a statement that has taken too long."""
TOO_SLOW = "the search takes too long; a time, a place, or a property that has an index leaves fewer items to go through"
UNAVAILABLE = "the store of the image collections cannot be used at present; try again later"


@contextmanager
def translated() -> Iterator[None]:
    """Raise what happens in the database as an error for clients, and log what clients do not see.

    Raises:
        Conflict: a row with these keys is there.
        InvalidRequest: a value is out of the range of its column, or the statement is too large for the database.
        SearchTooLong: the statement takes too long.
        StoreUnavailable: anything else.
    """
    try:
        yield
    except IntegrityError as error:
        raise Conflict("another request has added or deleted the same") from error
    except (DataError, OverflowError, UnicodeEncodeError) as error:
        raise InvalidRequest("a number or text is not one that the store can hold") from error
    except SQLAlchemyError as error:
        if _is_too_large(error):
            raise InvalidRequest(
                "the search has too many conditions, or too many within each other"
            ) from error
        if _is_too_slow(error):
            raise SearchTooLong(TOO_SLOW) from error
        raise unavailable(error) from error


def _is_too_large(error: SQLAlchemyError) -> bool:
    """Whether a statement exceeds what a database compiles: SQLite says it in words, PostgreSQL by class 54 (program limit
    exceeded)."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return reason(error).startswith(TOO_LARGE) or str(state).startswith("54")


def _is_too_slow(error: SQLAlchemyError) -> bool:
    """Whether a statement has been ended: of PostgreSQL by its `statement_timeout` (57014, query canceled)."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return reason(error) == INTERRUPTED or state == "57014"


def unavailable(error: Exception) -> StoreUnavailable:
    """The error for clients. The reason is logged, at most once in `LOG_SECONDS`: every request meets it."""
    text, now = reason(error), monotonic()
    with _logging:
        is_due = now - _logged_at.get(text, -LOG_SECONDS) >= LOG_SECONDS
        if is_due:
            if len(_logged_at) >= MAX_REASONS:
                _logged_at.clear()
            _logged_at[text] = now
    if is_due:
        log.warning("the store of the image collections fails: %s", text)
    return StoreUnavailable(UNAVAILABLE)


def reason(error: Exception) -> str:
    """What a driver says, in one line, without statements and their values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(str(cause).split()) or type(cause).__name__
