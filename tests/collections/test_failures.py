"""Errors of databases as clients and the log see them."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from iipserve.collections import failures
from iipserve.errors import Conflict, InvalidRequest, StoreUnavailable


@pytest.fixture(autouse=True)
def nothing_logged_yet() -> None:
    """Reasons that other tests had are due again."""
    failures._logged_at.clear()


def fail(error: Exception) -> None:
    """Raise an error as a statement does."""
    with failures.translated():
        raise error


def test_clients_see_neither_statements_nor_hosts(caplog: pytest.LogCaptureFixture) -> None:
    secret = OperationalError("SELECT secret", {}, Exception("connection to server at 10.0.0.1\nfailed"))
    with pytest.raises(StoreUnavailable) as caught:
        fail(secret)
    assert "10.0.0.1" not in str(caught.value)
    assert "SELECT" not in str(caught.value)
    assert caplog.messages == [
        "the store of the image collections fails: connection to server at 10.0.0.1 failed"
    ]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (IntegrityError("", {}, Exception("duplicate")), Conflict),
        (OverflowError("too large"), InvalidRequest),
        (SQLAlchemyError("pool"), StoreUnavailable),
    ],
)
def test_errors_have_the_status_of_their_cause(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        fail(error)


def test_a_reason_is_logged_once_for_many_requests_and_again_later(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(failures, "monotonic", lambda: now)
    for reason in ("one", "two") * 20:
        failures.unavailable(Exception(reason))
    now += failures.LOG_SECONDS
    failures.unavailable(Exception("one"))
    assert [message.rpartition(" ")[2] for message in caplog.messages] == ["one", "two", "one"]
