"""Pages of a search: tokens that say after which item the next page begins, and the condition for it.

A token holds the values that an order compares, of the last item of a page, and the number of that item. So a page neither
repeats nor leaves out items that are there all the time, whatever is added or deleted meanwhile. It is signed with a
secret of the store, together with the order: what comes back is what was given out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from iipserve.collections.times import from_microseconds, microseconds
from iipserve.collections.values import SortKey
from iipserve.errors import InvalidRequest

if TYPE_CHECKING:
    from sqlalchemy.sql.elements import ColumnElement

Values: TypeAlias = tuple[Any, ...]
SIGNATURE_LENGTH = 16
"""Bytes."""
MAX_TOKEN_LENGTH = 4_000
MAX_TEXT_LENGTH = 200
"""Characters of a text that are compared when items are sorted by it."""


class SortColumn(NamedTuple):
    """An expression that items are sorted by. Those without a value come last, in both directions."""

    expression: ColumnElement[Any]
    descending: bool
    is_nullable: bool = False


def write_token(values: Sequence[Any], sort: Sequence[SortKey], secret: bytes) -> str:
    """The token of a page that begins after these values of its columns."""
    plain = [{"t": microseconds(value)} if isinstance(value, datetime) else value for value in values]
    payload = json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(_signature(payload, sort, secret) + payload).decode().rstrip("=")


def read_token(token: str, sort: Sequence[SortKey], secret: bytes) -> Values:
    """The values of a token.

    Raises:
        InvalidRequest: it was not given out by this store for this order.
    """
    try:
        if len(token) > MAX_TOKEN_LENGTH:
            raise ValueError
        signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise _unknown() from None
    signature, payload = signed[:SIGNATURE_LENGTH], signed[SIGNATURE_LENGTH:]
    if not hmac.compare_digest(signature, _signature(payload, sort, secret)):
        raise _unknown()
    return tuple(
        from_microseconds(value["t"]) if isinstance(value, dict) else value for value in json.loads(payload)
    )


def _unknown() -> InvalidRequest:
    return InvalidRequest("the token is not one of this search; follow the next link of its last page")


def _signature(payload: bytes, sort: Sequence[SortKey], secret: bytes) -> bytes:
    order = json.dumps([list(key) for key in sort]).encode()
    return hmac.digest(secret, order + b"\0" + payload, hashlib.sha256)[:SIGNATURE_LENGTH]


def after(columns: Sequence[SortColumn], values: Values) -> ColumnElement[bool]:
    """The condition that an item comes after these values."""
    from sqlalchemy import and_, false, or_

    condition: ColumnElement[bool] = false()
    for column, value in reversed(list(zip(columns, values, strict=True))):
        condition = or_(_beyond(column, value), and_(_same(column, value), condition))
    first, value = columns[0], values[0]
    if value is None or first.is_nullable:
        return condition
    # says nothing new, but an index can begin there
    begins = first.expression <= value if first.descending else first.expression >= value
    return and_(begins, condition)


def _beyond(column: SortColumn, value: Any) -> ColumnElement[bool]:
    from sqlalchemy import false, or_

    if value is None:
        return false()
    beyond = column.expression < value if column.descending else column.expression > value
    return or_(beyond, column.expression.is_(None)) if column.is_nullable else beyond


def _same(column: SortColumn, value: Any) -> ColumnElement[bool]:
    return column.expression.is_(None) if value is None else column.expression == value


def order_by(columns: Sequence[SortColumn]) -> list[Any]:
    """What a statement is ordered by."""
    return [_direction(column) for column in columns]


def _direction(column: SortColumn) -> Any:
    direction = column.expression.desc() if column.descending else column.expression.asc()
    return direction.nulls_last() if column.is_nullable else direction
