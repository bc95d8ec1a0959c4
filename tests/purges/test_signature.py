"""Who may purge: those who know the secret, for a minute."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from iipserve.purges.signature import MAX_AGE, authorization, fault

SECRET = "a long secret"
QUERY = "name=books/&name=a%20b.tif"
NOW = 1_700_000_000.7


def test_signature_is_hmac_of_method_path_and_time() -> None:
    expected = hmac.new(
        SECRET.encode(), f"POST /purge?{QUERY}\n1700000000".encode(), hashlib.sha256
    ).hexdigest()
    header = authorization(SECRET, QUERY, NOW)
    assert header == f"IIPServe-HMAC-SHA256 time=1700000000, signature={expected}"
    assert fault(SECRET, QUERY, header, NOW) == ""


@pytest.mark.parametrize("later", [-MAX_AGE + 1, 0, MAX_AGE - 1])
def test_clocks_may_differ(later: float) -> None:
    assert fault(SECRET, QUERY, authorization(SECRET, QUERY, NOW), NOW + later) == ""


@pytest.mark.parametrize("later", [-MAX_AGE - 2, MAX_AGE + 2, 1e9])
def test_requests_of_other_times_are_refused(later: float) -> None:
    assert "seconds" in fault(SECRET, QUERY, authorization(SECRET, QUERY, NOW), NOW + later)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer x",
        authorization("another secret", QUERY, NOW),
        authorization(SECRET, "name=/", NOW),
        authorization(SECRET, QUERY, NOW).replace("time=1700000000", "time=1700000001"),
        authorization(SECRET, QUERY, NOW)[:-1],
        authorization(SECRET, QUERY, NOW) + "0",
        f"IIPServe-HMAC-SHA256 time=1700000000, signature={'0' * 64}",
        "IIPServe-HMAC-SHA256 time=٣, signature=x",
    ],
)
def test_others_are_refused(header: str) -> None:
    assert fault(SECRET, QUERY, header, NOW)
