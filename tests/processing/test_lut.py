"""Lookup tables, compared with plain indexing."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.processing.lut import MIN_PAIRED, LookupTable, look_up_by_band

RANDOM = np.random.default_rng(1)
SHAPES = [(1, 1, 1), (3, 5, 3), (1, MIN_PAIRED, 1), (1, MIN_PAIRED + 1, 1), (161, 127, 3), (160, 128, 4)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("codes", ["uint8", "uint16"])
@pytest.mark.parametrize("values", ["uint8", "uint16", "float32"])
def test_values(values: str, codes: str, shape: tuple[int, int, int]) -> None:
    count = 256 if codes == "uint8" else 65536
    table = (RANDOM.random((count, 1)) * 60000).astype(values)
    pixels = RANDOM.integers(0, count, shape).astype(codes)
    result = LookupTable(table)(pixels)
    np.testing.assert_array_equal(result, table[:, 0][pixels])
    assert result.dtype == table.dtype


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("codes", ["uint8", "uint16"])
@pytest.mark.parametrize("values", ["uint8", "uint16", "float32"])
def test_colors(values: str, codes: str, shape: tuple[int, int, int]) -> None:
    count = 256 if codes == "uint8" else 65536
    table = (RANDOM.random((count, 3)) * 60000).astype(values)
    pixels = RANDOM.integers(0, count, shape).astype(codes)
    look_up = LookupTable(table)
    for _ in range(2):
        np.testing.assert_array_equal(look_up(pixels), table[pixels[..., 0]])


def test_codes_past_the_end_have_the_last_value() -> None:
    table = LookupTable(np.arange(4096, dtype=np.uint16)[:, np.newaxis])
    assert table(np.array([[[5], [4096], [65535]]], np.uint16))[0, :, 0].tolist() == [5, 4095, 4095]


def test_memory_may_hold_band_after_band() -> None:
    table = LookupTable(RANDOM.integers(0, 256, (256, 1)).astype(np.uint8))
    apart = RANDOM.integers(0, 256, (3, 200, 200)).astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(table(apart), table(np.ascontiguousarray(apart)))


def test_a_table_for_each_band() -> None:
    tables = [LookupTable(RANDOM.integers(0, 256, (256, 1)).astype(np.uint8)) for _ in range(3)]
    pixels = RANDOM.integers(0, 256, (20, 20, 4)).astype(np.uint8)
    result = look_up_by_band(tables, pixels)
    assert result.shape == (20, 20, 3)
    for band, table in enumerate(tables):
        np.testing.assert_array_equal(result[..., band], table.values[:, 0][pixels[..., band]])
