"""Files that several modules read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiff_corpus import KINDS


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    for kind in KINDS:
        KINDS[kind](folder / f"{kind}.tif")
    return folder
