"""Fixtures every test may use: paths of files that hold known pictures."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import iipserve.libvips  # noqa: F401 (before a test imports pyvips: it sets up the order of libraries)
from iipserve.transport import logs
from tests.images import Picture, gradient, smooth, write_jpeg_pyramid, write_tiff_pyramid

# an example takes as long as the machine lets it, and the examples are the same in each run
settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # as a shell has it for commands in the background: those that tests start would not notice Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def level_of_the_log() -> Iterator[None]:
    """Commands set it for their process, which is that of the tests for some."""
    logger = logging.getLogger("iipserve")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def own_log(tmp_path: Path) -> Iterator[Path]:
    """Where a test may let `logs.set_up` write; the loggers are put back as pytest had them."""
    root, names = logging.getLogger(), ("iipserve", logs.START)
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield tmp_path / "log"
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in names:
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def picture() -> Picture:
    """An RGB picture of odd size, 1000 x 701, that locates itself."""
    return gradient((1000, 701))


@pytest.fixture(scope="session")
def smooth_picture() -> Picture:
    """An RGB picture of odd size, 1000 x 701, of slow ramps, for lossy formats."""
    return smooth((1000, 701))


@pytest.fixture(scope="session")
def deflate_tiff(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> Path:
    """A pyramid of `picture` in 256 x 256 tiles with deflate: exact pixels."""
    path = tmp_path_factory.mktemp("images") / "deflate.tif"
    write_tiff_pyramid(path, picture, compression="deflate", predictor=True)
    return path


@pytest.fixture(scope="session")
def jpeg_tiff(tmp_path_factory: pytest.TempPathFactory, smooth_picture: Picture) -> Path:
    """A pyramid of `smooth_picture` in 256 x 256 JPEG tiles (YCbCr 4:2:0, shared tables)."""
    path = tmp_path_factory.mktemp("images") / "jpeg.tif"
    write_jpeg_pyramid(path, smooth_picture)
    return path
