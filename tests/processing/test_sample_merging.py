from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.processing.sample_merging import sample_merging

INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def images(dtype: str, count: int = 5) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Random samples over the whole range of their type, and which of them there are."""
    random = np.random.default_rng(count)
    if dtype.startswith("float"):
        samples = random.normal(0, 1000, (count, 6, 8)).astype(dtype)
    else:
        limits = np.iinfo(dtype)
        samples = random.integers(limits.min, limits.max, (count, 6, 8), dtype, endpoint=True)
    valid = random.random((count, 6, 8)) < 0.6
    valid[:, 0, :3] = False
    return samples, valid


def made(rule: str, samples: NDArray[Any], valid: NDArray[np.bool_], empty: float = 3) -> NDArray[Any]:
    merging = sample_merging(rule, samples.shape[1:], samples.dtype)
    for each, there in zip(samples, valid, strict=True):
        merging.add(each, there)
    return merging.result(np.full(samples.shape[1:], empty, samples.dtype))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_means_of_integers_are_exact_and_rounded_half_to_even(dtype: str) -> None:
    samples, valid = images(dtype)
    found = made("mean", samples, valid)
    assert found.dtype == np.dtype(dtype)
    for place in np.ndindex(found.shape):
        known = [int(samples[index][place]) for index in range(len(samples)) if valid[index][place]]
        # Python rounds fractions half to even
        assert int(found[place]) == (round(Fraction(sum(known), len(known))) if known else 3)


@pytest.mark.parametrize(("pair", "mean"), [((1, 2), 2), ((2, 3), 2), ((254, 255), 254), ((0, 1), 0)])
def test_halves_become_the_even_neighbor(pair: tuple[int, int], mean: int) -> None:
    samples = np.array(pair, np.uint8).reshape(2, 1)
    assert made("mean", samples, np.ones((2, 1), bool)).tolist() == [mean]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_means_of_floats_are_those_of_numpy(dtype: str) -> None:
    samples, valid = images(dtype)
    samples[~valid] = np.nan
    with np.errstate(all="ignore"):
        sums = np.where(valid, samples, 0).astype(np.float64).sum(axis=0)
        expected = np.where(valid.any(axis=0), sums / valid.sum(axis=0), 3)
    np.testing.assert_allclose(made("mean", samples, valid), expected, rtol=1e-6)


@pytest.mark.parametrize(("rule", "function"), [("min", np.min), ("max", np.max)])
@pytest.mark.parametrize("dtype", [*INTEGERS, "float32"])
def test_extremes_are_those_of_numpy(dtype: str, rule: str, function: Any) -> None:
    samples, valid = images(dtype)
    found = made(rule, samples, valid)
    for place in np.ndindex(found.shape):
        known = samples[(slice(None), *place)][valid[(slice(None), *place)]]
        assert found[place] == (function(known) if known.size else 3)
