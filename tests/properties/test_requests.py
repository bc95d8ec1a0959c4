"""Whatever is asked: never a failure of the server, always a refusal that is documented or the right picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iipserve.app import Application, build
from tests.properties import mutations as spoiling
from tests.properties import strategies
from tests.properties.answers import flaw
from tests.properties.images import Subject, ask, describe, make_subjects
from tests.properties.images import settings as server_settings
from tests.properties.strategies import Asked

STABLE = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""The same examples at every run; how long one takes is nothing to fail for."""


@dataclass(frozen=True)
class Place:
    """A server and what it serves."""

    application: Application
    subjects: Sequence[Subject]
    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("subjects-of-properties")
    application = build(server_settings(folder))
    return Place(application, [describe(application, name) for name in make_subjects(folder)], folder)


def check(place: Place, asked: Asked) -> None:
    found = flaw(ask(place.application, asked.address), asked.expected, str(place.folder))
    assert found is None, f"{asked.address}: {found}"


@pytest.mark.parametrize("kind", strategies.KINDS, ids=lambda kind: kind.__name__)
def test_valid_request_is_answered_as_documented(place: Place, kind: object) -> None:
    @settings(STABLE, max_examples=100)
    @given(asked=strategies.valid_requests(place.subjects, [kind]))  # type: ignore[list-item]
    def answered(asked: Asked) -> None:
        check(place, asked)

    answered()


@pytest.mark.parametrize("kind", strategies.KINDS, ids=lambda kind: kind.__name__)
def test_spoiled_request_is_refused_or_answered(place: Place, kind: object) -> None:
    @settings(STABLE, max_examples=200)
    @given(asked=spoiling.spoiled(strategies.valid_requests(place.subjects, [kind])))  # type: ignore[list-item]
    def survived(asked: Asked) -> None:
        check(place, asked)

    survived()


def test_words_in_any_order_are_refused_or_answered(place: Place) -> None:
    @settings(STABLE, max_examples=400)
    @given(asked=spoiling.assembled(place.subjects))
    def survived(asked: Asked) -> None:
        check(place, asked)

    survived()


def test_any_text_is_refused_or_answered(place: Place) -> None:
    @settings(STABLE, max_examples=200)
    @given(path=st.sampled_from(spoiling.PATHS), text=st.text(st.characters(max_codepoint=255), max_size=60))
    def survived(path: str, text: str) -> None:
        check(place, Asked(path + text))

    survived()
