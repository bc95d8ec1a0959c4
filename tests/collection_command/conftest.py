from __future__ import annotations

from pathlib import Path

import pytest

from tests.collection_command.running import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """With a collection `demo` that is empty."""
    made = Folder(tmp_path)
    made.ran("create", "demo", "--title", "A title")
    return made
