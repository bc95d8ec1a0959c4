"""Pages of a search: tokens that say after which item a page begins or before which one it ends, and the condition for it.

A token holds the values that an order compares, of an item at the end of a page, and the number of that item. So pages neither
repeat nor leave out items that are there all the time, whatever is added or deleted meanwhile. It is signed with a secret of
the store, together with the order: what comes back is what was given out.
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
    """An expression that items are sorted by. Those without a value come last, in both directions, unless stated."""

    expression: ColumnElement[Any]
    descending: bool
    is_nullable: bool = False
    nulls_first: bool = False
    """Of an order that is turned round."""


class Position(NamedTuple):
    """Where a page is."""

    values: Values | None = None
    """Of the columns of the order: those of the item after which the page begins. None: it begins with the first item."""
    is_backward: bool = False
    """The page ends before that item instead."""


def write_token(position: Position, sort: Sequence[SortKey], secret: bytes) -> str:
    """The token of a page."""
    plain = None if position.values is None else list(map(_plain, position.values))
    stated = {"before": plain} if position.is_backward else plain
    payload = json.dumps(stated, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(_signature(payload, sort, secret) + payload).decode().rstrip("=")


def read_token(token: str, sort: Sequence[SortKey], secret: bytes) -> Position:
    """The page that a token is of.

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
    plain = json.loads(payload)
    is_backward = isinstance(plain, dict)
    values = plain["before"] if is_backward else plain
    return Position(None if values is None else tuple(map(_value, values)), is_backward)


def _plain(value: Any) -> Any:
    return {"t": microseconds(value)} if isinstance(value, datetime) else value


def _value(plain: Any) -> Any:
    return from_microseconds(plain["t"]) if isinstance(plain, dict) else plain


def _unknown() -> InvalidRequest:
    return InvalidRequest("the token is not one of this search; follow the links of its pages")


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
        return column.expression.is_not(None) if column.is_nullable and column.nulls_first else false()
    beyond = column.expression < value if column.descending else column.expression > value
    is_before_nulls = column.is_nullable and not column.nulls_first
    return or_(beyond, column.expression.is_(None)) if is_before_nulls else beyond


def _same(column: SortColumn, value: Any) -> ColumnElement[bool]:
    return column.expression.is_(None) if value is None else column.expression == value


def order_by(columns: Sequence[SortColumn]) -> list[Any]:
    """What a statement is ordered by."""
    return [_direction(column) for column in columns]


def _direction(column: SortColumn) -> Any:
    direction = column.expression.desc() if column.descending else column.expression.asc()
    if not column.is_nullable:
        return direction
    return direction.nulls_first() if column.nulls_first else direction.nulls_last()


def turned_round(columns: Sequence[SortColumn]) -> list[SortColumn]:
    """The same order from its end to its beginning."""
    return [
        column._replace(descending=not column.descending, nulls_first=not column.nulls_first)
        for column in columns
    ]
