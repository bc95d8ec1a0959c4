"""Errors of databases as errors of this server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from iipserve.errors import Conflict, InvalidRequest, StoreUnavailable

log = logging.getLogger(__name__)

UNAVAILABLE = "the store of the image collections cannot be used at present; try again later"


@contextmanager
def translated() -> Iterator[None]:
    """Raise what happens in the database as an error for clients, and log what they are not told.

    Raises:
        Conflict: a row with these keys is there.
        InvalidRequest: a value is out of the range of its column.
        StoreUnavailable: anything else.
    """
    try:
        yield
    except IntegrityError as error:
        raise Conflict("another request has added or deleted the same") from error
    except (DataError, OverflowError) as error:
        raise InvalidRequest("a number or text is not one that the store can hold") from error
    except SQLAlchemyError as error:
        log.warning("the store of the image collections fails: %s", reason(error))
        raise StoreUnavailable(UNAVAILABLE) from error


def reason(error: Exception) -> str:
    """What a driver says, in one line, without statements and their values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(str(cause).split()) or type(cause).__name__
