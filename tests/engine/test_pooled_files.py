"""Files whose descriptors are limited in number, while what was parsed of them is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from iipserve import registry
from iipserve.config import Config
from iipserve.engine.files import ImageChanged
from iipserve.engine.library import Library
from iipserve.errors import ImageNotFound
from iipserve.plan import image_ref
from tests.images import write_tiff_pyramid
from tests.open_files import open_paths

COUNT = 12


def library(folder: Path, **settings: object) -> Library:
    config = Config(filesystem_prefix=f"{folder}/", **settings)  # type: ignore[arg-type]
    return Library(config, registry.discover("iipserve.sources", "FORMAT"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pyramids of one value each."""
    for value in range(COUNT):
        write_tiff_pyramid(tmp_path / f"{value}.tif", np.full((300, 300, 3), value, np.uint8))
    return tmp_path


def first_value(images: Library, identifier: str) -> int:
    source = images.source(image_ref(images.info(identifier)))
    return int(source.read_tile(0, 0, 0)[0, 0, 0])


def test_more_images_than_descriptors(folder: Path) -> None:
    images = library(folder, max_open_images=3)
    for _ in range(2):
        assert [first_value(images, f"{value}.tif") for value in range(COUNT)] == [*range(COUNT)]
        assert len(open_paths(folder)) <= 3


def test_structure_outlives_its_descriptor(folder: Path) -> None:
    images = library(folder, max_open_images=1)
    first = image_ref(images.info("0.tif"))
    source = images.source(first)
    images.info("1.tif")
    assert [os.path.basename(path) for path in open_paths(folder)] == ["1.tif"]
    assert images.source(first) is source
    assert source.read_tile(0, 0, 0).max() == 0


@pytest.mark.parametrize("settings", [{"max_metadata_cache_size": 0}, {"max_metadata_cache_size": 1}])
def test_few_structures_are_kept(folder: Path, settings: dict[str, object]) -> None:
    images = library(folder, max_open_images=100, **settings)
    first = image_ref(images.info("0.tif"))
    source = images.source(first)
    images.info("1.tif")
    if settings["max_metadata_cache_size"]:
        assert images.source(first) is not source
    assert first_value(images, "0.tif") == 0


def test_a_file_replaced_while_it_was_closed(folder: Path) -> None:
    images = library(folder, max_open_images=1)
    source = images.source(image_ref(images.info("0.tif")))
    images.info("1.tif")
    os.replace(folder / "7.tif", folder / "0.tif")
    with pytest.raises(ImageChanged):
        source.read_tile(0, 0, 0)
    assert first_value(images, "0.tif") == 7


def test_a_file_removed_while_it_was_closed(folder: Path) -> None:
    images = library(folder, max_open_images=1)
    source = images.source(image_ref(images.info("0.tif")))
    images.info("1.tif")
    (folder / "0.tif").unlink()
    with pytest.raises(ImageNotFound):
        source.read_tile(0, 0, 0)


def test_no_descriptor_is_closed_while_it_is_read(folder: Path) -> None:
    """Numbers of closed descriptors are used again at once, so that a read would give bytes of another file."""
    images = library(folder, max_open_images=1)

    def read(index: int) -> bool:
        return first_value(images, f"{index % COUNT}.tif") == index % COUNT

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(60 * COUNT)))


def test_files_that_are_open_when_the_interpreter_ends() -> None:
    """It empties modules to which something still refers, name by name."""
    script = (
        "import ctypes, os; from iipserve.engine import files;"
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(files));"
        "files.last = files.Descriptor(os.open(os.devnull, os.O_RDONLY))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
