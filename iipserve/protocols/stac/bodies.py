"""Bodies of requests in JSON, read strictly: nothing gets past that a store could not keep or a client not read back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeAlias

from iipserve.errors import InvalidRequest
from iipserve.http import FORM, Request

Json: TypeAlias = dict[str, Any]

JSON_TYPES = frozenset(
    ("application/json", "application/geo+json", "application/merge-patch+json", "application/stac+json")
)
"""Media types of bodies in JSON."""
MAX_JSON_LENGTH = 32 << 20
"""Bytes of a body in JSON: some 10,000 items."""
MAX_SEARCH_LENGTH = 4 << 20
"""Bytes of the body of a search, which anybody may send: 10,000 names, and a geometry of 10,000 positions."""
QUOTED_NAME = re.compile(rb"\{\s*'")
"""Begins an object whose names have single quotes."""
TOKEN = re.compile(rb"""\"(?:[^"\\]|\\.)*\"|'([A-Za-z0-9_:.-]*)'\s*:""")
"""A text, or a name in single quotes."""
ESCAPES = {"&lt;": "<", "&gt;": ">", "%26": "&", "%25": "%"}
"""Characters of texts by how that client writes them; the last one is written first."""
MAX_DEPTH = 64
"""Of arrays and objects in one another."""


def json_object(request: Request) -> Json:
    """The object that the body of a request is. Raises `InvalidRequest`."""
    value = json_value(request)
    if not isinstance(value, dict):
        raise InvalidRequest(f"the body is {_kind(value)}; an object of JSON is needed")
    return value


def search_object(request: Request) -> Json:
    """The object that the body of a search is; empty without a body. Raises `InvalidRequest`.

    SuperMap's client posts it as a form, with single quotes around names, and some characters of texts written as in
    addresses and HTML (`Util.toJSON` of `@supermapgis/iclient-common`).
    """
    if request.body is None:
        return {}
    content = request.body.read().strip()
    if request.media_type == FORM and QUOTED_NAME.match(content):
        value = _unescaped(parsed(TOKEN.sub(_strict, content)))
    else:
        value = parsed(content)
    if not isinstance(value, dict):
        raise InvalidRequest('the body is not an object; a search is one, as {"limit": 10}')
    return value


def json_value(request: Request) -> Any:
    """The value in JSON that the body of a request is.

    Raises:
        InvalidRequest: it is no JSON of RFC 8259, or has numbers that are not finite, or texts with the character U+0000 or
            half of a surrogate pair.
    """
    content = b"" if request.body is None else request.body.read()
    if not content.strip():
        raise InvalidRequest("the request has no body; JSON is needed")
    return parsed(content)


def parsed(content: bytes, of: str = "the body") -> Any:
    """The value that a text in JSON is.

    Args:
        content: the text.
        of: what it is, for messages.

    Raises:
        InvalidRequest: as `json_value`.
    """
    try:
        value = json.loads(
            content.decode("utf-8-sig"), parse_float=_finite, parse_int=_whole, parse_constant=_no_constant
        )
    except RecursionError:
        raise InvalidRequest(f"{of} has too many arrays and objects in one another") from None
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{of} is no UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"{of} is no JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    _check(value, MAX_DEPTH)
    return value


def _strict(token: re.Match[bytes]) -> bytes:
    """A token with double quotes around the name, if it is one; texts stay."""
    return b'"%s":' % token[1] if token[1] is not None else token[0]


def _unescaped(value: Any) -> Any:
    if isinstance(value, str):
        for written, character in ESCAPES.items():
            value = value.replace(written, character)
        return value
    if isinstance(value, list):
        return [_unescaped(item) for item in value]
    return {key: _unescaped(item) for key, item in value.items()} if isinstance(value, dict) else value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidRequest(f"the number {text[:40]} is too large")
    return number


def _whole(text: str) -> int:
    if len(text) > 20:
        raise InvalidRequest(f"the number {text[:40]} has too many digits")
    number = int(text)
    if not -(1 << 63) <= number < 1 << 63:
        raise InvalidRequest(f"the number {text} is too large")
    return number


def _no_constant(text: str) -> NoReturn:
    raise InvalidRequest(f"{text} is in the text, which JSON does not have")


def _check(value: Any, depth: int) -> None:
    if depth == 0:
        raise InvalidRequest("there are too many arrays and objects in one another")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check(item, depth - 1)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise InvalidRequest("a text contains the character U+0000")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidRequest("a text contains half of a surrogate pair") from None


def _kind(value: Any) -> str:
    kinds: Mapping[type, str] = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def merged(value: Any, patch: Any) -> Any:
    """A value with a patch applied (RFC 7396, section 2). Neither is changed."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, item in patch.items():
        if item is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), item)
    return result
