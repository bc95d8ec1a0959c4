"""Versions, sections and update sequences, by OWS Common 06-121r3 section 7.3."""

from __future__ import annotations

import pytest

from iipserve.geo.ows import negotiation
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geo.ows.kvp import parse

SECTIONS = ("ServiceIdentification", "Contents")


def refusal(code: str, locator: str = "") -> pytest.RaisesExc[OwsError]:
    return pytest.raises(OwsError, check=lambda error: (error.code, error.locator) == (code, locator))


@pytest.mark.parametrize(
    ("query", "version"),
    [
        ("", "2.0"),
        ("acceptversions=", "2.0"),
        ("acceptversions=1.0,2.0", "1.0"),
        ("acceptversions=9.9, 1.0", "1.0"),
        ("version=1.0", "1.0"),
        ("version=1.0&acceptversions=2.0", "2.0"),
    ],
)
def test_the_first_version_that_is_supported(query: str, version: str) -> None:
    assert negotiation.negotiated_version(parse(query), ("2.0", "1.0")) == version


@pytest.mark.parametrize("query", ["acceptversions=9.9", "acceptversions=2.0.0,1", "version=3"])
def test_no_version_that_is_supported(query: str) -> None:
    with refusal("VersionNegotiationFailed"):
        negotiation.negotiated_version(parse(query), ("2.0", "1.0"))


def test_versions_of_other_requests() -> None:
    assert negotiation.required_version(parse("version=1.0"), ("1.0",)) == "1.0"
    with refusal("MissingParameterValue", "version"):
        negotiation.required_version(parse(""), ("1.0",))
    with refusal("InvalidParameterValue", "version"):
        negotiation.required_version(parse("version=1.0.0"), ("1.0",))


def test_sections() -> None:
    def requested(query: str) -> set[str]:
        return set(negotiation.requested_sections(parse(query), SECTIONS))

    assert requested("") == set(SECTIONS)
    assert requested("sections=All") == set(SECTIONS)
    assert requested("sections=contents") == {"Contents"}
    assert requested("sections=Contents,ServiceIdentification") == set(SECTIONS)
    with refusal("MissingParameterValue", "sections"):
        requested("sections=")
    with refusal("InvalidParameterValue", "sections"):
        requested("sections=Contents,Bogus")


@pytest.mark.parametrize(
    ("asked", "current", "expected"),
    [
        ("", "7", False),
        ("7", "", False),
        ("7", "7", True),
        ("6", "7", False),
        ("9", "10", False),
        ("abc", "7", False),
        ("abc", "abc", True),
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", False),
    ],
)
def test_what_a_client_has_is_current(asked: str, current: str, expected: bool) -> None:
    assert negotiation.is_current(asked, current) is expected


@pytest.mark.parametrize(("asked", "current"), [("10", "9"), ("2026-01-03", "2026-01-02T00:00:00Z")])
def test_later_than_the_present(asked: str, current: str) -> None:
    with refusal("InvalidUpdateSequence", "updateSequence"):
        negotiation.is_current(asked, current)
