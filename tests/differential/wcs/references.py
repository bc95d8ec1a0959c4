"""What coverages have to be: slices of arrays, and arrays indexed by the place of each sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.differential.wcs.ways import Box, Wanted
from tests.projections import transformer

EDGE = 1e-3
"""Pixels from an edge between two, within which either of them is right."""


def box_of(transform: Any, columns: slice, rows: slice) -> Box:
    """The outer edges of a window of an upright grid, x before y."""
    left, top = transform * (columns.start, rows.start)
    right, bottom = transform * (columns.stop, rows.stop)
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)


def upright(samples: NDArray[Any], transform: Any) -> tuple[NDArray[Any], Any]:
    """The samples of a grid whose rows run northward, from the north on, and their transform."""
    if transform.e < 0:
        return samples, transform
    rows = samples.shape[1]
    turned = type(transform)(transform.a, 0, transform.c, 0, -transform.e, transform.f + rows * transform.e)
    return samples[:, ::-1], turned


def reduced(samples: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Nearest neighbor: sample i is that at `floor((i + 0.5) * length / size)`."""
    rows, columns = samples.shape[1:]
    across = ((np.arange(size[0]) + 0.5) * columns / size[0]).astype(int)
    down = ((np.arange(size[1]) + 0.5) * rows / size[1]).astype(int)
    return samples[:, down[:, None], across[None, :]]


def assert_nearest(
    found: NDArray[Any],
    wanted: Wanted,
    samples: NDArray[Any],
    transform: Any,
    crs: str,
    fill: float = 0,
    *,
    most_near: float = 0.05,
) -> None:
    """Every sample is that of the pixel which the place of its center is in, by PROJ; `fill` outside.

    Args:
        found: shape (bands, rows, columns).
        wanted: what was asked for.
        samples: of the raster, its bands in the order of the answer.
        transform: of the raster's pixels.
        crs: of the raster.
        fill: the sample outside of the raster.
        most_near: part of the samples that may be on the edge of two pixels.
    """
    west, _, _, north = wanted.box
    across, down = wanted.steps
    rows, columns = np.mgrid[: wanted.size[1], : wanted.size[0]] + 0.5
    project = transformer(wanted.crs, crs).transform
    left, top = ~transform * project(west + columns * across, north - rows * down)
    height, width = samples.shape[1:]
    near = np.minimum(np.abs(left - np.round(left)), np.abs(top - np.round(top))) < EDGE
    inside = (left >= 0) & (left < width) & (top >= 0) & (top < height)
    expected = np.full((len(samples), *left.shape), fill, samples.dtype)
    expected[:, inside] = samples[:, top[inside].astype(int), left[inside].astype(int)]
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert near.mean() <= most_near
    np.testing.assert_array_equal(found[:, ~near], expected[:, ~near])
