"""Conditions of requests that change something (RFC 9110 section 13.1)."""

from __future__ import annotations

import pytest

from iipserve.errors import PreconditionFailed
from iipserve.http import Request
from iipserve.http.conditions import Conditions


@pytest.mark.parametrize(
    ("headers", "state", "holds"),
    [
        ({}, "7", True),
        ({"if_match": '"7.abc"'}, "7", True),
        ({"if_match": '"7"'}, "7", True),
        ({"if_match": '"6.abc", "7.abc"'}, "7", True),
        ({"if_match": '"70.abc"'}, "7", False),
        ({"if_match": 'W/"7.abc"'}, "7", False),
        ({"if_match": "*"}, "7", True),
        ({"if_match": "*"}, None, False),
        ({"if_match": '"7.abc"'}, None, False),
        ({"if_none_match": "*"}, None, True),
        ({"if_none_match": "*"}, "7", False),
        ({"if_none_match": 'W/"7.abc"'}, "7", False),
        ({"if_none_match": '"6.abc"'}, "7", True),
    ],
)
def test_conditions_of_changes(headers: dict[str, str], state: str | None, holds: bool) -> None:
    environ = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    conditions = Conditions.of(Request.from_environ({"REQUEST_URI": "/"} | environ))
    if holds:
        conditions.check(state)
    else:
        with pytest.raises(PreconditionFailed):
            conditions.check(state)
