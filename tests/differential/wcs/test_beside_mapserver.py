"""Every request to both coverage servers: the same answer, or a deviation that is listed with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("rasterio")
pytest.importorskip("mappyfile")

from iipserve.app import Application, build
from iipserve.config import Config
from tests.differential.map_deviations import Deviation, check
from tests.differential.replies import Reply
from tests.differential.wcs.comparing import difference
from tests.differential.wcs.deviations import DEVIATIONS, deviation_of
from tests.differential.wcs.map_file import make
from tests.differential.wcs.questions import Question, questions
from tests.differential.wcs.ways import Asked
from tests.differential.wcs.ways import answer as answer_of
from tests.differential.wms.mapserver import PROGRAM, MapServer, is_later
from tests.end_to_end.running import needed

QUESTIONS = questions()
LATER = PROGRAM.exists() and is_later()


@pytest.fixture(scope="module")
def map_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("rasters"))


@pytest.fixture(scope="module")
def theirs(map_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MapServer]:
    """Debian's MapServer."""
    needed(str(PROGRAM))
    with MapServer(map_file, tmp_path_factory.mktemp("work")) as server:
        yield server


@pytest.fixture(scope="module")
def ours(map_file: Path) -> Iterator[Application]:
    """Our application, with the same map file."""
    application = build(Config(filesystem_prefix=f"{map_file.parent}/", services=str(map_file)))
    yield application
    application.clear()


def answer(application: Application, question: Question) -> Reply:
    """Ours."""
    response = answer_of(application, Asked(f"/wcs?{question.query}", question.body))
    assert isinstance(response.body, bytes)
    return Reply(int(response.status), dict(response.headers).get("Content-Type", ""), response.body)


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_answer_is_mapservers(ours: Application, theirs: MapServer, question: Question) -> None:
    own = answer(ours, question)
    assert own.status < 500, own.body
    found = difference(question, own, theirs.ask(question.query, question.body))
    check(deviation_of(question), found, is_later=LATER)


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.names)
def test_deviation_is_met_and_explained(deviation: Deviation) -> None:
    assert any(deviation_of(question) is deviation for question in QUESTIONS), "no request is of this kind"
    assert deviation.reason
    assert deviation.section


def test_questions_are_many() -> None:
    assert len(QUESTIONS) > 500
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS)
