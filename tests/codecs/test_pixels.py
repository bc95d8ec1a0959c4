"""Strips of other heights hold the same rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from iipserve.codecs.pixels import regrouped
from tests.contracts.encoder import cut
from tests.images import Picture, gradient

PICTURE = gradient((31, 101))


@pytest.mark.parametrize("rows", [1, 2, 16, 100, 101, 102, 5000])
@pytest.mark.parametrize("heights", [(1,), (3, 40, 1), (16,), (100,), (101,), (5000,)], ids=str)
def test_rows_are_the_same(rows: int, heights: tuple[int, ...]) -> None:
    strips = list(regrouped(cut(PICTURE, heights), rows))
    np.testing.assert_array_equal(np.concatenate(strips), PICTURE)
    assert {strip.shape[0] for strip in strips[:-1]} <= {rows}
    assert 0 < strips[-1].shape[0] <= rows
    assert all(strip.flags.c_contiguous for strip in strips)


def test_nothing_is_taken_before_it_is_needed() -> None:
    taken = []

    def counted() -> Iterator[Picture]:
        for number, strip in enumerate(cut(PICTURE, (10,))):
            taken.append(number)
            yield strip

    strips = regrouped(counted(), 16)
    next(strips)
    assert taken == [0, 1]


def test_no_strip_makes_none() -> None:
    assert list(regrouped(iter(()), 16)) == []
