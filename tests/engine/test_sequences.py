"""Panoramic sequences: one identifier, many files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.engine.files import ImageChanged
from iipserve.engine.library import Library
from iipserve.errors import ImageNotFound
from iipserve.image import FIRST, Angles, Selector
from iipserve.plan import image_ref
from tests.engine.fakes import marked_format

FORMATS = {"marked": marked_format("marked", b"MARK")}
ANGLES = Angles((0, 30, 90), (90, 120))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for angles in ("000_090", "030_090", "090_090", "000_120"):
        (tmp_path / f"vase_pyr_{angles}.tif").write_bytes(b"MARK" + angles.encode())
    (tmp_path / "vase_pyr_0300_090.tif").write_bytes(b"MARK")  # four digits are no angle
    (tmp_path / "lone_pyr_030_090.tif").write_bytes(b"MARK")
    (tmp_path / "plain.tif").write_bytes(b"MARK")
    return tmp_path


def library(folder: Path, **settings: str) -> Library:
    return Library(Config(filesystem_prefix=f"{folder}/", **settings), FORMATS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("selector", "length"),
    [(FIRST, 11), (Selector(30), 11), (Selector(0, 120), 11)],
)
def test_each_view_is_its_own_file(folder: Path, selector: Selector, length: int) -> None:
    books = library(folder)
    info = books.info("vase", selector)
    assert (info.identifier, info.selector, info.angles) == ("vase", selector, ANGLES)
    assert books.source(image_ref(info)).info is info


@pytest.mark.parametrize("identifier", ["old+vase", "old%20vase"])
def test_each_view_of_a_name_spelled_otherwise(folder: Path, identifier: str) -> None:
    for angles in ("000_090", "030_090"):
        (folder / f"old vase_pyr_{angles}.tif").write_bytes(b"MARK" + angles.encode())
    books = library(folder)
    info = books.info(identifier, Selector(30))
    assert (info.identifier, info.selector) == ("old vase", Selector(30))
    assert books.info(identifier, Selector(30)) is info
    with pytest.raises(ImageNotFound, match=re.escape(identifier)):
        books.info(identifier, Selector(60))


def test_views_of_one_vertical_angle(folder: Path) -> None:
    assert library(folder).info("vase").selectors == (Selector(0), Selector(30), Selector(90))


@pytest.mark.parametrize("selector", [Selector(31), Selector(30, 120), Selector(-1), Selector(0, 5000)])
def test_missing_view(folder: Path, selector: Selector) -> None:
    with pytest.raises(ImageNotFound) as caught:
        library(folder).info("vase", selector)
    assert str(selector.horizontal) in str(caught.value)
    assert str(folder) not in str(caught.value)


@pytest.mark.parametrize("identifier", ["lone", "vase_pyr_", "vas", "plain"])
def test_no_sequence_without_its_first_view(folder: Path, identifier: str) -> None:
    with pytest.raises(ImageNotFound):
        library(folder).info(identifier)


def test_pattern_of_the_settings(folder: Path) -> None:
    (folder / "vase-000_090.jp2").write_bytes(b"MARK")
    assert library(folder, filename_pattern="-").info("vase").angles == Angles((0,), (90,))


def test_a_changed_view_is_noticed_by_itself(folder: Path) -> None:
    books = library(folder)
    first, other = books.info("vase"), books.info("vase", Selector(30))
    path = folder / "vase_pyr_030_090.tif"
    os.utime(path, ns=(1, 1))
    assert books.info("vase") is first
    assert books.info("vase", Selector(30)) is not other
    with pytest.raises(ImageChanged):
        books.source(image_ref(other))


def test_a_plain_image_has_one_number_and_any_vertical_angle(folder: Path) -> None:
    books = library(folder)
    assert books.info("plain.tif", Selector(0, 8)) is books.info("plain.tif")
    for selector in (Selector(7), Selector(7, 8)):
        with pytest.raises(ImageNotFound, match="has one image, 0"):
            books.info("plain.tif", selector)


def test_listed_once(folder: Path) -> None:
    assert library(folder).identifiers() == ["plain.tif", "vase", "vase_pyr_0300_090.tif"]
