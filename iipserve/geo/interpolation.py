"""Interpolation of coordinates between nodes: a polynomial in each direction through 9 Chebyshev points."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Coordinates: TypeAlias = NDArray[np.float64]

NODES = 9
"""Exact coordinates along each side of a block."""
ROWS_AT_ONCE = 64
"""Rows of a matrix product; OpenBLAS computes larger ones with threads, whose start takes longer than all of it."""


@lru_cache(maxsize=64)
def nodes_of(length: int, count: int) -> Coordinates:
    """Chebyshev points of the second kind from the center of the first pixel to that of the last (edges included)."""
    points: Coordinates = 0.5 - 0.5 * np.cos(np.arange(count) * math.pi / (count - 1))
    return 0.5 + points * (length - 1)


def centers(length: int) -> Coordinates:
    """Of pixels."""
    return np.arange(length, dtype=np.float64) + 0.5


@lru_cache(maxsize=64)
def checks(length: int) -> Coordinates:
    """Places midway between nodes, every other."""
    nodes = nodes_of(length, NODES)
    midway: Coordinates = (nodes[1:] + nodes[:-1]) / 2
    return midway[::2]


@lru_cache(maxsize=64)
def weights(length: int) -> Coordinates:
    """Weights of the nodes at the centers of all pixels, shape (length, nodes)."""
    return _barycentric(centers(length), nodes_of(length, NODES))


@lru_cache(maxsize=64)
def weights_of_checks(length: int) -> Coordinates:
    """Weights of the nodes at the places of `checks`."""
    return _barycentric(checks(length), nodes_of(length, NODES))


def _barycentric(places: Coordinates, nodes: Coordinates) -> Coordinates:
    """Weights of the polynomial through nodes (Berrut and Trefethen 2004, 4.2 and 5.4), shape (places, nodes)."""
    if nodes[0] == nodes[-1]:
        return np.eye(1, len(nodes)).repeat(len(places), axis=0)
    signs = np.where(np.arange(len(nodes)) % 2, -1.0, 1.0)
    signs[[0, -1]] /= 2
    differences = places[:, None] - nodes
    at_node = np.abs(differences) < 1e-9
    terms = signs / np.where(at_node, 1.0, differences)
    weights = terms / terms.sum(axis=1, keepdims=True)
    return np.where(at_node.any(axis=1, keepdims=True), at_node.astype(np.float64), weights)


def interpolated(nodes: Coordinates, width: int, height: int) -> Coordinates:
    """The polynomial through nodes at the centers of all pixels of a block."""
    return product(weights(height) @ nodes, weights(width).T)


def product(left: Coordinates, right: Coordinates) -> Coordinates:
    """The product of two matrices, some rows at a time."""
    result = np.empty((left.shape[0], right.shape[1]))
    for top in range(0, len(left), ROWS_AT_ONCE):
        np.matmul(left[top : top + ROWS_AT_ONCE], right, out=result[top : top + ROWS_AT_ONCE])
    return result
