"""The two servers, over the same pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iipserve.app import Application, build
from iipserve.config import Config
from tests.differential.iipsrv import PROGRAM, Iipsrv
from tests.differential.pictures import make_pictures
from tests.end_to_end.running import needed


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pictures")
    make_pictures(made)
    return made


@pytest.fixture(scope="package")
def theirs(folder: Path) -> Iterator[Iipsrv]:
    """Debian's iipsrv 1.1."""
    needed(str(PROGRAM))
    with Iipsrv(folder) as server:
        yield server


@pytest.fixture(scope="package")
def ours(folder: Path) -> Iterator[Application]:
    """Our application, with version 2 of IIIF: 1.1 knows no other."""
    application = build(Config(filesystem_prefix=f"{folder}/", iiif_version=2))
    yield application
    application.clear()
