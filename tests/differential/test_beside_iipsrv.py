"""Every request to both servers: the same answer, or a deviation that is listed with its reason."""

from __future__ import annotations

import pytest

from iipserve.app import Application
from tests.differential.client import answer
from tests.differential.comparing import difference
from tests.differential.deviations import DEVIATIONS, Deviation, deviation_of
from tests.differential.iipsrv import Iipsrv
from tests.differential.pictures import PICTURES
from tests.differential.questions import Question, questions
from tests.differential.replies import Died, Reply
from tests.differential.tolerances import tolerance_of

QUESTIONS = questions()


def reply_of(server: Iipsrv, query: str) -> Reply | None:
    try:
        return server.ask(query)
    except Died:
        return None


@pytest.fixture(scope="module")
def unreadable(theirs: Iipsrv) -> frozenset[str]:
    """Images that this build of iipsrv cannot read: those of two tones. Debian 13's dies, Debian 14's finds 0 bits."""
    dies = reply_of(theirs, "FIF=bilevel.tif&PFL=1:10,10") is None
    bits = None if dies else reply_of(theirs, "FIF=bilevel.tif&OBJ=Bits-per-channel")
    return frozenset({"bilevel"} if bits is None or b"Bits-per-channel:0" in bits.body else ())


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_answer_is_iipsrvs(
    ours: Application, theirs: Iipsrv, unreadable: frozenset[str], question: Question
) -> None:
    if question.image in unreadable:
        pytest.skip(f"this build of iipsrv cannot read {question.image}.tif")
    found = difference(
        answer(ours, question.query), reply_of(theirs, question.query), tolerance_of(question.operations)
    )
    listed = deviation_of(question)
    if listed is None:
        assert found is None, f"{found.kind.value}: {found.detail}"
    else:
        assert found is not None, f"no deviation any more: {listed.reason}"
        assert found.kind is listed.kind, f"{found.kind.value} instead of {listed.kind.value}: {found.detail}"


@pytest.mark.parametrize(
    "deviation", DEVIATIONS, ids=lambda deviation: f"{deviation.images} {deviation.query}"
)
def test_deviation_is_met_and_explained(deviation: Deviation) -> None:
    assert any(deviation_of(question) is deviation for question in QUESTIONS), "no request is of this kind"
    assert deviation.reason
    assert deviation.section


def test_questions_are_many_and_of_many_kinds() -> None:
    assert len(QUESTIONS) > 500
    assert {question.image for question in QUESTIONS} == set(PICTURES)
