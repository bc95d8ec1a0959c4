"""Windows of samples equal slices of the whole array, and say which samples are valid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.cache.memory import MemoryCache
from iipserve.config import Config
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.values import WindowReader
from iipserve.errors import TooLarge
from iipserve.geometry import Region, Size
from iipserve.plan import Document, ImageRef, ValuePlan, Window, WindowRef, image_ref
from iipserve.sources import Source
from tests.engine.fakes import ArraySource, PartSource, RegionSource
from tests.images import gradient

SIZE = (333, 211)
REGIONS = (
    Region(0, 0, 1, 1),
    Region(332, 210, 1, 1),
    Region(63, 63, 2, 2),
    Region(10, 20, 5, 5),
    Region(0, 0, 333, 211),
    Region(64, 128, 64, 64),
)


class One:
    """A library of one source."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def source(self, image: ImageRef) -> Source:
        return self._source


class MaskedSource(ArraySource):
    """One with a mask for its tiles."""

    def __init__(self, levels: Sequence[NDArray[Any]], mask: NDArray[np.bool_]) -> None:
        super().__init__(levels)
        self.mask = mask

    def read_mask(self, level: int, column: int, row: int) -> NDArray[np.bool_]:
        return self.mask[row * 64 : (row + 1) * 64, column * 64 : (column + 1) * 64]


def undescribed(windows: Sequence[Window]) -> Document:
    raise AssertionError("the caller describes windows")


def read(
    source: ArraySource,
    region: Region,
    size: Size | None = None,
    nodata: tuple[float, ...] | None = None,
    **settings: Any,
) -> Window:
    config = Config(**settings)
    reader = WindowReader(One(source), AdmissionControl(config), TileDecoder(MemoryCache(0)))  # type: ignore[arg-type]
    ref = WindowRef(image_ref(source.info), 0, region, size or region.size, nodata)
    (window,) = reader.windows(ValuePlan((ref,), undescribed))
    return window


def sliced(array: NDArray[Any], region: Region) -> NDArray[Any]:
    return array[region.y : region.bottom, region.x : region.right]


@pytest.mark.parametrize("kind", [ArraySource, RegionSource, PartSource])
@pytest.mark.parametrize("region", REGIONS)
def test_a_window_is_a_slice(kind: type[ArraySource], region: Region) -> None:
    picture = gradient(SIZE)
    window = read(kind([picture]), region)
    np.testing.assert_array_equal(window.samples, sliced(picture, region))
    assert window.samples.dtype == np.uint8
    assert window.valid.shape == (region.height, region.width)
    assert window.valid.all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32"])
@pytest.mark.parametrize("bands", [1, 3, 9])
def test_samples_of_every_type_are_as_stored(dtype: str, bands: int) -> None:
    picture = np.repeat(gradient(SIZE, 1), bands, axis=2).astype(dtype)
    picture[0, 0] = np.array(picture.max()) // 3
    window = read(ArraySource([picture]), Region(0, 0, 70, 70))
    assert window.samples.dtype == dtype
    np.testing.assert_array_equal(window.samples, picture[:70, :70])


@pytest.mark.parametrize("kind", [ArraySource, RegionSource])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 3), (100, 211), (166, 105)])
def test_fewer_samples_are_those_at_the_centers(kind: type[ArraySource], width: int, height: int) -> None:
    picture, region = gradient(SIZE), Region(1, 0, 332, 211)
    window = read(kind([picture]), region, Size(width, height))
    # by the rule that maps and coverages are sampled by: floor((i + 0.5) * scale)
    columns = [1 + int((i + 0.5) * 332 / width) for i in range(width)]
    rows = [int((j + 0.5) * 211 / height) for j in range(height)]
    np.testing.assert_array_equal(window.samples, picture[np.ix_(rows, columns)])


def test_tiles_without_a_sample_of_the_window_are_not_read() -> None:
    source = ArraySource([gradient(SIZE)])
    read(source, Region(0, 0, 333, 211), Size(1, 1))
    assert source.reads == [(0, 166 // 64, 105 // 64)]


def test_opacity_is_no_sample() -> None:
    picture = gradient(SIZE, 4)
    picture[5, 7, 3] = 0
    window = read(ArraySource([picture]), Region(0, 0, 20, 20))
    np.testing.assert_array_equal(window.samples, picture[:20, :20, :3])
    expected = np.ones((20, 20), np.bool_)
    expected[5, 7] = False
    np.testing.assert_array_equal(window.valid, expected)


def test_nan_is_not_valid_in_any_number_of_bands_with_opacity() -> None:
    picture = np.repeat(gradient(SIZE, 1), 5, axis=2).astype(np.float32)
    picture[..., 4] = 1
    picture[3, 4, 2] = np.nan
    picture[8, 9, 4] = 0
    window = read(ArraySource([picture], alpha=True), Region(0, 0, 20, 20))
    assert window.samples.shape == (20, 20, 4)
    assert [tuple(place) for place in np.argwhere(~window.valid)] == [(3, 4), (8, 9)]


def test_missing_data_is_that_of_all_bands() -> None:
    picture = np.full((40, 50, 3), 9, np.uint8)
    picture[3, 4] = 0
    picture[5, 6] = (0, 120, 90)
    source = ArraySource([picture])
    source.info = replace(source.info, nodata=(0.0, 0.0, 0.0))
    window = read(source, Region(0, 0, 50, 40))
    assert [tuple(place) for place in np.argwhere(~window.valid)] == [(3, 4)]


@pytest.mark.parametrize("nodata", [(7.0,), (7.0, 7.0, 7.0)])
def test_declared_missing_data_replaces_that_of_the_image(nodata: tuple[float, ...]) -> None:
    picture = np.full((40, 50, 3), 9, np.uint8)
    picture[3, 4], picture[5, 6] = 7, 0
    source = ArraySource([picture])
    source.info = replace(source.info, nodata=(0.0, 0.0, 0.0))
    window = read(source, Region(0, 0, 50, 40), nodata=nodata)
    assert [tuple(place) for place in np.argwhere(~window.valid)] == [(3, 4)]


@pytest.mark.parametrize(
    "nodata", [(-9999.0,), (256.0,), (0.5,), (float("nan"),), (float("inf"),), (1.0, 2.0)]
)
def test_what_no_sample_can_be_masks_nothing(nodata: tuple[float, ...]) -> None:
    every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert read(ArraySource([every]), Region(0, 0, 16, 16), nodata=nodata).valid.all()


def test_the_mask_of_the_file() -> None:
    picture = gradient(SIZE)
    mask = gradient(SIZE, 1)[..., 0] % 3 > 0
    source = MaskedSource([picture], mask)
    for region in REGIONS:
        np.testing.assert_array_equal(read(source, region).valid, sliced(mask, region))


def test_what_a_window_decodes_is_limited() -> None:
    with pytest.raises(TooLarge):
        read(ArraySource([gradient((1200, 1000))]), Region(0, 0, 1200, 1000), Size(4, 4), max_decode=1)
