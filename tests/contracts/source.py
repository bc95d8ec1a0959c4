"""What every source format must do: a suite that the tests of each format inherit."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import pytest

from iipserve.errors import TileNotFound
from iipserve.geometry import Region, TileGrid, ceil_div
from iipserve.image import ImageVersion
from iipserve.processing import Pixels
from iipserve.sources import OpenFile, Source, SourceFormat
from tests.images import size_of
from tests.tiff_corpus.tiff_writer import Samples


def open_file(path: Path | str, identifier: str = "picture", layer: int = 0) -> OpenFile:
    """The file as the library hands it to a format, with a descriptor of its own."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    state = os.fstat(descriptor)
    head = os.pread(descriptor, 64, 0)
    version = ImageVersion(state.st_mtime_ns, state.st_size)
    return OpenFile(descriptor, str(Path(path).absolute()), identifier, version, head, layer)


def open_source(
    format: SourceFormat, path: Path | str, identifier: str = "picture", layer: int = 0
) -> Source:
    """The file opened by a format that must take it."""
    file = open_file(path, identifier, layer)
    assert format.matches(file.head)
    source = format.open(file)
    _opened[source] = format, path
    return source


_opened: WeakKeyDictionary[Source, tuple[SourceFormat, Path | str]] = WeakKeyDictionary()
"""What sources were opened with."""


def tiles_of(source: Source) -> list[tuple[int, int, int]]:
    """Every tile there is: level, column, row."""
    grids = [TileGrid(level.size, level.tile) for level in source.info.levels]
    return [
        (number, column, row)
        for number, grid in enumerate(grids)
        for row in range(grid.rows)
        for column in range(grid.columns)
    ]


class SourceContract:
    """Inherit and give `source` and `levels`; set `tolerance` for lossy files."""

    format_name: str
    """What `ImageInfo.format` must be."""
    tolerance: float = 0
    """Largest difference of a sample from `levels`."""

    @pytest.fixture
    def source(self) -> Source:
        """The opened file."""
        raise TypeError("a contract needs a source")

    @pytest.fixture
    def levels(self) -> Sequence[Samples]:
        """What the file's levels show, full size first, in the type that the source must hand out."""
        raise TypeError("a contract needs levels")

    def expected(
        self, levels: Sequence[Samples], source: Source, level: int, column: int, row: int
    ) -> Samples:
        """The tile, cut out of the known picture by plain slicing."""
        tile = source.info.levels[level].tile
        x, y = column * tile.width, row * tile.height
        return levels[level][y : y + tile.height, x : x + tile.width]

    def check(self, pixels: Pixels, expected: Samples, tolerance: float | None = None) -> None:
        """Shape, type, layout in memory, and values."""
        assert pixels.shape == expected.shape
        assert pixels.dtype == expected.dtype
        assert pixels.flags.c_contiguous
        most = self.tolerance if tolerance is None else tolerance
        if most == 0:
            assert np.array_equal(pixels, expected, equal_nan=expected.dtype.kind == "f")
            return
        assert np.abs(pixels.astype(np.float64) - expected.astype(np.float64)).max() <= most

    def test_describes_its_levels(self, source: Source, levels: Sequence[Samples]) -> None:
        info = source.info
        assert info.format == self.format_name
        assert [level.size for level in info.levels] == [size_of(pixels) for pixels in levels]
        assert (info.size, info.bands) == (size_of(levels[0]), levels[0].shape[2])
        assert info.dtype == levels[0].dtype.name
        assert len(info.band_ranges) in (0, info.bands)
        assert all(
            level.size.fits_in(above.size) for above, level in zip(info.levels, info.levels[1:], strict=False)
        )

    def test_reads_every_tile_of_every_level(self, source: Source, levels: Sequence[Samples]) -> None:
        for level, column, row in tiles_of(source):
            pixels = source.read_tile(level, column, row)
            self.check(pixels, self.expected(levels, source, level, column, row))

    def test_reads_parts_of_tiles(self, source: Source) -> None:
        for level, column, row in tiles_of(source)[:4]:
            whole, tile = source.read_tile(level, column, row), source.info.levels[level].tile
            height, width = whole.shape[:2]
            x, y = column * tile.width, row * tile.height
            for left, top, right, bottom in [
                (0, 0, width, ceil_div(height, 3)),
                (width // 2, height // 3, width, ceil_div(2 * height, 3)),
                (width - 1, height - 1, width, height),
            ]:
                part = Region(x + left, y + top, right - left, max(1, bottom - top))
                found = source.read_part(level, column, row, part)
                assert np.array_equal(
                    found, whole[top : top + part.height, left:right], equal_nan=whole.dtype.kind == "f"
                )

    def test_reads_samples_as_stored(self, source: Source) -> None:
        """Those of a part, and of some bands, are those of the whole."""
        stored, size = source.info.stored, source.info.size
        if stored is None:
            assert source.info.samples[:2] == (source.info.dtype, source.info.bands)
            return
        every = tuple(range(stored.bands))
        whole = source.read_stored(Region.of_size(size), every)
        assert (whole.shape, whole.dtype.name) == ((size.height, size.width, stored.bands), stored.dtype)
        x, y = size.width // 3, size.height // 3
        part = Region(x, y, size.width - x - size.width // 5, size.height - y - size.height // 5)
        expected = whole[y : part.bottom, x : part.right]
        assert source.read_stored(part, every).tobytes() == np.ascontiguousarray(expected).tobytes()
        chosen = every[::-1][:2]
        assert source.read_stored(part, chosen).tobytes() == expected[..., list(chosen)].tobytes()

    def test_opens_all_images_that_it_lists(self, source: Source) -> None:
        assert len(source.info.stack) != 1
        for selector in source.info.selectors if source.info.stack else ():
            other = open_source(*_opened[source], layer=selector.layer)
            assert other.info.stack == source.info.stack
            assert other.read_tile(0, 0, 0).size

    def test_knows_no_tile_outside(self, source: Source) -> None:
        for number, level in enumerate(source.info.levels):
            grid = TileGrid(level.size, level.tile)
            for column, row in [(-1, 0), (0, -1), (grid.columns, 0), (0, grid.rows), (10**9, 10**9)]:
                with pytest.raises(TileNotFound):
                    source.read_tile(number, column, row)
        for number in (-1, len(source.info.levels), 10**9):
            with pytest.raises(TileNotFound):
                source.read_tile(number, 0, 0)

    def test_serves_many_threads_at_once(self, source: Source, levels: Sequence[Samples]) -> None:
        tiles = tiles_of(source)[:12] * 3
        with ThreadPoolExecutor(6) as pool:
            for tile, pixels in zip(
                tiles, pool.map(lambda tile: source.read_tile(*tile), tiles), strict=True
            ):
                self.check(pixels, self.expected(levels, source, *tile))

    def test_does_not_hand_out_the_same_memory_twice(self, source: Source) -> None:
        first, second = source.read_tile(0, 0, 0), source.read_tile(0, 0, 0)
        assert source.keeps_decoded or not np.shares_memory(first, second)

    def test_refuses_to_name_a_tile_of_an_unknown_format(self, source: Source) -> None:
        assert source.stored_tile(0, 0, 0, "bmp", profile=False) is None

    def test_failure_of_the_storage_is_no_damage(
        self, source: Source, levels: Sequence[Samples], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*arguments: object) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "pread", fail)
        monkeypatch.setattr(os, "preadv", fail)
        try:
            pixels = source.read_tile(0, 0, 0)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        else:
            self.check(pixels, self.expected(levels, source, 0, 0, 0))
