"""Coding styles of JPEG 2000 components: resolutions, precincts and code-blocks, and how many blocks a tile has.

Marker codes and fields: ISO/IEC 15444-1 Annex A.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from iipserve.errors import DecodeError
from iipserve.geometry import ceil_div


@dataclass(frozen=True, slots=True)
class CodingStyle:
    """The coding style of one component, from COD or COC."""

    levels: int
    """Decomposition levels: number of times the resolution can be halved."""
    block_width: int
    """Exponent of a code-block's width in samples."""
    block_height: int
    precincts: tuple[tuple[int, int], ...]
    """Exponents of the precincts' width and height, lowest resolution first."""


def styles_of(cod: bytes, coc: Iterable[bytes], count: int) -> tuple[CodingStyle, ...]:
    """The coding style of each component."""
    # COD: marker, length, Scod, progression, layers, transform, then the coding style (A.6.1)
    return with_exceptions([_coding_style(cod, 9, has_precincts=bool(cod[4] & 1))] * count, coc)


def with_exceptions(styles: list[CodingStyle], coc: Iterable[bytes]) -> tuple[CodingStyle, ...]:
    """Coding styles with those of single components."""
    wide = len(styles) >= 257
    for segment in coc:  # marker, length, component (1 or 2 bytes), Scoc, coding style (A.6.2)
        index = int.from_bytes(segment[4:6], "big") if wide else segment[4]
        offset = 6 if wide else 5
        styles[index] = _coding_style(segment, offset + 1, has_precincts=bool(segment[offset] & 1))
    return tuple(styles)


def _coding_style(segment: bytes, offset: int, *, has_precincts: bool) -> CodingStyle:
    levels, block_width, block_height = segment[offset], segment[offset + 1] + 2, segment[offset + 2] + 2
    if levels > 32 or block_width > 10 or block_height > 10 or block_width + block_height > 12:
        raise DecodeError("the codestream's coding style is damaged")
    if not has_precincts:
        return CodingStyle(levels, block_width, block_height, ((15, 15),) * (levels + 1))
    sizes = tuple(
        (segment[offset + 5 + level] & 15, segment[offset + 5 + level] >> 4) for level in range(levels + 1)
    )
    return CodingStyle(levels, block_width, block_height, sizes)


def count_blocks(sizes: Iterable[tuple[int, int]], styles: Iterable[CodingStyle]) -> int:
    """Number of code-blocks of a tile, never too low; `sizes` are columns and rows of its components."""
    return sum(_count_blocks(*size, style) for size, style in zip(sizes, styles, strict=True))


@lru_cache(maxsize=256)
def _count_blocks(width: int, height: int, style: CodingStyle) -> int:
    """Number of code-blocks of one component of a tile: an estimate, never too low."""
    count = 0
    for level, (precinct_width, precinct_height) in enumerate(style.precincts):
        # each resolution above the lowest has three subbands of half the size, with half the precinct (B.7)
        bands, halving = (3, 1) if level else (1, 0)
        shrink = style.levels - level + halving
        block_width = min(style.block_width, max(0, precinct_width - halving))
        block_height = min(style.block_height, max(0, precinct_height - halving))
        count += (
            bands * ceil_div(width, 1 << shrink + block_width) * ceil_div(height, 1 << shrink + block_height)
        )
    return count
