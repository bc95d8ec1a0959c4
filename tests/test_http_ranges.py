"""Requests for parts of files (RFC 9110 section 14)."""

from __future__ import annotations

import pytest

from iipserve.errors import RangeNotSatisfiable
from iipserve.http import Request, http_date
from iipserve.http.ranges import requested_range

CONTENT = bytes(range(100))


def requested(value: str | None, method: str = "GET", **headers: str) -> bytes | None:
    """The bytes that a range selects; None for all."""
    environ = {"REQUEST_METHOD": method, "REQUEST_URI": "/"}
    environ |= {f"HTTP_{name.upper()}": text for name, text in headers.items()}
    if value is not None:
        environ["HTTP_RANGE"] = value
    part = requested_range(Request.from_environ(environ), len(CONTENT), "tag", 1_000_000_000)
    return None if part is None else CONTENT[part.start : part.stop]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("bytes=0-9", CONTENT[:10]),
        ("bytes=90-", CONTENT[90:]),
        ("bytes=90-1000", CONTENT[90:]),
        ("bytes=-10", CONTENT[-10:]),
        ("bytes=-1000", CONTENT),
        ("bytes=99-99", CONTENT[99:]),
        ("Bytes=0-0", CONTENT[:1]),
        # ignored: several, other units, malformed ones (section 14.2)
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=9-1", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=1-99999999999999999999999", None),
    ],
)
def test_part_of_a_file(value: str | None, expected: bytes | None) -> None:
    assert requested(value) == expected


@pytest.mark.parametrize("value", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=9223372036854775807-"])
def test_no_part_of_the_file(value: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        requested(value)
    assert caught.value.length == len(CONTENT)


def test_only_get_has_parts() -> None:
    assert requested("bytes=0-9", method="HEAD") is None


@pytest.mark.parametrize(
    ("condition", "is_part"),
    [
        ('"tag"', True),
        ('"other"', False),
        ('W/"tag"', False),
        (http_date(1_000_000_000), True),
        (http_date(1_000_000_001), False),
        ("nonsense", False),
    ],
)
def test_a_part_of_the_file_of_which_the_client_has_others(condition: str, is_part: bool) -> None:
    found = requested("bytes=0-9", if_range=condition)
    assert found == (CONTENT[:10] if is_part else None)
