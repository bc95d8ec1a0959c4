from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collection_command.running import Folder


@pytest.fixture(autouse=True)
def level_of_the_log() -> Iterator[None]:
    """The command sets it for its process, which is that of the tests here."""
    logger = logging.getLogger("iipserve")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """With a collection `demo` that is empty."""
    made = Folder(tmp_path)
    made.ran("create", "demo", "--title", "A title")
    return made
