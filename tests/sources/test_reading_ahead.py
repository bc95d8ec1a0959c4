"""Beginnings of files that are read once."""

from __future__ import annotations

import itertools

import pytest

from iipserve.sources import reading_ahead

DATA = bytes(range(100))


@pytest.mark.parametrize("ahead", [0, 1, 50, 100, 1000])
def test_bytes_are_the_files(ahead: int) -> None:
    asked: list[tuple[int, int]] = []

    def read(count: int, offset: int) -> bytes:
        asked.append((count, offset))
        return DATA[offset : offset + count]

    read_at = reading_ahead(read, ahead)
    assert asked == [(ahead, 0)]
    for count, offset in itertools.product((0, 1, 7, 60, 200), range(110)):
        assert read_at(count, offset) == DATA[offset : offset + count]
    assert all(offset + count > min(ahead, len(DATA)) for count, offset in asked[1:])
