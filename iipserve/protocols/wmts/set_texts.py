"""The elements `TileMatrixSet` of capabilities documents."""

from __future__ import annotations

from functools import lru_cache

from iipserve.geo.grid import Affine
from iipserve.geo.linked_sets import NativeSet, native_matrices
from iipserve.geo.matrixset import TileMatrix, TileMatrixSet, number_text
from iipserve.geo.ows.capabilities import corner
from iipserve.geo.ows.xml import Xml, escaped, joined, optional
from iipserve.geometry import Size

CORNER_MARK = "\3"
"""Stands for the upper left corner of all matrices."""
MAX_NATIVE = 1024
"""Sizes of images and of their pixels whose matrices are remembered: those of a series are alike."""


def shared_set(matrix_set: TileMatrixSet, count: int) -> Xml:
    """A set with so many of its matrices, from the coarsest."""
    swapped = matrix_set.swaps_axes
    matrices = (_matrix(each, corner(*each.top_left, swapped)) for each in matrix_set.matrices[:count])
    return _set(
        matrix_set.identifier,
        matrix_set.title,
        matrix_set.crs_urn,
        joined(matrices),
        matrix_set.well_known_urn or "",
    )


def own_set(native: NativeSet) -> Xml:
    """The set of one image."""
    affine = native.affine
    matrices = _native_matrices(affine.a, native.size, native.tile, native.unit)
    place = corner(affine.c, affine.f, native.swaps_axes)
    return _set(native.identifier, native.title, native.urn, Xml(matrices.replace(CORNER_MARK, place)))


def _set(identifier: str, title: str, urn: str, matrices: Xml, well_known: str = "") -> Xml:
    return Xml(
        f"<TileMatrixSet><ows:Title>{escaped(title)}</ows:Title>"
        f"<ows:Identifier>{escaped(identifier)}</ows:Identifier>"
        f"<ows:SupportedCRS>{escaped(urn)}</ows:SupportedCRS>"
        f"{optional('WellKnownScaleSet', well_known)}{matrices}</TileMatrixSet>"
    )


@lru_cache(maxsize=MAX_NATIVE)
def _native_matrices(cell_size: float, size: Size, tile: Size, unit: float) -> str:
    affine = Affine(cell_size, 0.0, 0.0, 0.0, -cell_size, 0.0)
    return "".join(_matrix(each, CORNER_MARK) for each in native_matrices(affine, size, tile, unit))


def _matrix(matrix: TileMatrix, corner: str) -> Xml:
    """`TileMatrix`, as one text: there are several for each layer."""
    return Xml(
        f"<TileMatrix><ows:Identifier>{escaped(matrix.identifier)}</ows:Identifier>"
        f"<ScaleDenominator>{number_text(matrix.scale_denominator)}</ScaleDenominator>"
        f"<TopLeftCorner>{corner}</TopLeftCorner>"
        f"<TileWidth>{matrix.tile.width}</TileWidth><TileHeight>{matrix.tile.height}</TileHeight>"
        f"<MatrixWidth>{matrix.columns}</MatrixWidth><MatrixHeight>{matrix.rows}</MatrixHeight></TileMatrix>"
    )
