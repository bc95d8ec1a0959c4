"""Layouts and codecs are shared by images that are stored alike: whatever they read is part of what they are found by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iipserve.containers.ifd import Directory, Entry, Reader, read_chain
from iipserve.errors import IIPServeError
from iipserve.sources.tiff import codec, layout
from tests.tiff_corpus import KINDS

SIZE_AND_PLACES = {256, 257, 273, 279, 324, 325}
"""Read anew for each directory."""


class Recorder(dict[int, Entry]):
    """The fields of a directory, and which of them were looked up."""

    def __init__(self, entries: dict[int, Entry]) -> None:
        super().__init__(entries)
        self.read: set[int] = set()

    def get(self, key: int, default: Entry | None = None) -> Entry | None:  # type: ignore[override]
        self.read.add(key)
        return super().get(key, default)

    def __getitem__(self, key: int) -> Entry:
        self.read.add(key)
        return super().__getitem__(key)


@contextmanager
def recorded(path: Path) -> Iterator[tuple[Directory, Recorder]]:
    descriptor = os.open(path, os.O_RDONLY)

    def read(count: int, offset: int) -> bytes:
        return os.pread(descriptor, count, offset)

    try:
        first = next(read_chain(Reader.of(read, read(16, 0), os.fstat(descriptor).st_size)))
        recorder = Recorder(first.entries)
        first.entries = recorder
        yield first, recorder
    finally:
        os.close(descriptor)


def test_every_field_that_is_read_is_part_of_the_key(folder: Path) -> None:
    for kind in KINDS:
        with recorded(folder / f"{kind}.tif") as (directory, recorder):
            base = layout._read_base(directory, layout._size(directory, 322, 323))
            assert recorder.read <= {*layout.READ, *SIZE_AND_PLACES}, kind
            recorder.read.clear()
            codec.make_decoder(base, directory)
            codec.make_converter(base, directory)
            assert recorder.read <= set(codec.FIELDS), kind


def test_remembered_layouts_are_those_of_their_files(folder: Path) -> None:
    for kind in [*KINDS, *reversed(KINDS)]:
        with recorded(folder / f"{kind}.tif") as (directory, _):
            anew = layout._read_base(directory, layout._size(directory, 322, 323))
            assert layout.read_layout(directory) == anew._replace(size=layout.read_size(directory)), kind


def test_refusals_are_not_remembered(folder: Path) -> None:
    with recorded(folder / "rgb8.tif") as (directory, recorder):
        recorder[277] = Entry(3, 1, b"\0\0\0\0")
        for _ in range(2):
            with pytest.raises(IIPServeError):
                layout.read_layout(directory)
