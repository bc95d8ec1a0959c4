"""Rasters of any size, type and structure: what is written is what is read."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from iipserve.coverage_formats import by_name
from iipserve.geometry import Size
from tests.coverage_formats.rasters import TYPES, raster, samples_of
from tests.coverage_formats.reading import assert_same_bits, read

SIDES = st.integers(1, 80)
TILES = st.none() | st.builds(
    Size, st.sampled_from([16, 32, 48, 80, 128]), st.sampled_from([16, 32, 48, 80, 128])
)


def cut(samples: NDArray[Any], rows: list[int]) -> Iterator[NDArray[Any]]:
    """The samples in strips of these numbers of rows, again and again."""
    start = 0
    for count in itertools.cycle(rows):
        if start >= samples.shape[0]:
            return
        yield samples[start : start + count]
        start += count


@given(
    size=st.tuples(SIDES, SIDES),
    dtype=st.sampled_from(TYPES),
    bands=st.integers(1, 6),
    compression=st.sampled_from(["none", "packbits", "lzw", "deflate", "zstd"]),
    predictor=st.sampled_from(["", "none", "horizontal", "floatingpoint"]),
    interleave=st.sampled_from(["pixel", "band"]),
    tile=TILES,
    rows=st.lists(st.integers(1, 40), min_size=1, max_size=4),
)
@settings(max_examples=40, deadline=None)
def test_geotiff(size: tuple[int, int], dtype: str, bands: int, rows: list[int], **encoding: Any) -> None:
    wanted = raster(dtype=dtype, bands=bands, size=size, **encoding)
    if by_name("geotiff").refusal(wanted) is not None:
        return
    samples, output = samples_of(wanted), io.BytesIO()
    by_name("geotiff").write(wanted, cut(samples, rows), output)
    assert_same_bits(read(output.getvalue()).samples, samples)


@given(
    size=st.tuples(SIDES, SIDES),
    dtype=st.sampled_from(["uint8", "uint16", "int16"]),
    bands=st.integers(1, 5),
    rows=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    format=st.sampled_from(["png", "jp2"]),
)
@settings(max_examples=40, deadline=None)
def test_pictures(size: tuple[int, int], dtype: str, bands: int, rows: list[int], format: str) -> None:
    wanted = raster(format, dtype=dtype, bands=bands, size=size)
    if by_name(format).refusal(wanted) is not None:
        return
    samples, output = samples_of(wanted), io.BytesIO()
    by_name(format).write(wanted, cut(samples, rows), output)
    decode = imagecodecs.png_decode if format == "png" else imagecodecs.jpeg2k_decode
    assert_same_bits(np.asarray(decode(output.getvalue())).reshape(samples.shape), samples)
