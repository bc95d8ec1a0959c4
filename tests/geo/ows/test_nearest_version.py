"""Version negotiation of WMS, by 06-042 section 6.2.4."""

from __future__ import annotations

import pytest

from iipserve.geo.ows.negotiation import nearest_version


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("", "1.3.0"), ("1.3.0", "1.3.0"), ("1.1.1", "1.1.1"), ("9.9.9", "1.3.0"), ("1.2.0", "1.1.1"), ("1.0.0", "1.1.1"),
        ("0.0.1", "1.1.1"), ("1.3", "1.3.0"), ("1.3.1", "1.3.0"), (" 1.1.1 ", "1.1.1"), ("1", "1.1.1"), ("x", "1.3.0"),
        ("1.1.1.1", "1.3.0"), ("-1.0", "1.3.0"),
    ],
)  # fmt: skip
def test_the_highest_that_is_not_above(asked: str, expected: str) -> None:
    assert nearest_version(asked, ("1.3.0", "1.1.1")) == expected
