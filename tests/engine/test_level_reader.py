"""What reading costs, by source, region and conversion."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.config import Config
from iipserve.engine import assembly
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.level_reader import LevelReader
from iipserve.errors import TooLarge
from iipserve.geometry import Region, Size
from iipserve.processing import Operation
from iipserve.processing.colormap import Colormap
from iipserve.processing.display import display_transform
from iipserve.processing.sample_format import sample_format
from iipserve.processing.tone import Gamma
from iipserve.sources import Source
from tests.engine.fakes import ArraySource, CachingSource, RegionSource
from tests.images import gradient

LARGE = ArraySource([np.broadcast_to(np.uint8(0), (40_000, 40_000, 3))], (256, 256))


def reader(source: Source, *operations: Operation, bits: int = 8) -> LevelReader:
    """A reader for display."""
    ranges = source.info.band_ranges or ((0.0, 255.0),) * source.info.bands
    to_display = display_transform(sample_format(source.info, ranges), operations, bits)
    return LevelReader(source, 0, source.read_tile, to_display)


def test_cost_of_a_tile() -> None:
    found = reader(LARGE).cost(Region(256, 256, 256, 256), Size(256, 256))
    assert (found.identifier, found.size) == ("fake", Size(256, 256))
    assert found.read == found.decoded == found.made == 256 * 256
    assert found.decoding == 1.5 * 256 * 256 * 3
    assert found.memory == 2 * 256 * 256 * 3 + found.decoding
    assert found.is_brief
    assert not found.is_heavy


@pytest.mark.parametrize(
    ("region", "tiles"),
    [
        (Region(0, 0, 1, 1), 1),
        (Region(255, 255, 2, 2), 4),
        (Region(0, 0, 256, 257), 2),
        (Region(100, 0, 512, 1), 3),
    ],
    ids=str,
)
def test_whole_tiles_are_decoded(region: Region, tiles: int) -> None:
    found = reader(LARGE).cost(region, region.size)
    assert found.decoded == tiles * 256 * 256
    assert found.read == region.size.area


@pytest.mark.parametrize("kind", [CachingSource, RegionSource])
def test_sources_that_take_long(kind: type[ArraySource]) -> None:
    assert not reader(kind([gradient((64, 64))])).cost(Region(0, 0, 8, 8), Size(8, 8)).is_brief


@pytest.mark.parametrize(
    ("operations", "bands", "pixel_bytes"),
    [((), 3, 3), ((), 1, 1), ((Gamma(2.0),), 3, 4), ((Colormap("jet"),), 1, 4)],
    ids=["as it is", "gray", "gamma", "colors made of gray"],
)
def test_bytes_of_a_pixel_cover_what_is_read(
    operations: tuple[Operation, ...], bands: int, pixel_bytes: int
) -> None:
    read = reader(ArraySource([gradient((64, 64), bands)]), *operations)
    region = Region(0, 0, 64, 64)
    found = read.cost(region, region.size)
    assert found.pixel_bytes == pixel_bytes
    assert found.result_bytes >= read(region, region.size).nbytes


def test_samples_and_display_pixels_are_held_together() -> None:
    source = ArraySource([np.zeros((64, 64, 3), np.float32)], ranges=((0.0, 1.0),) * 3)
    found = reader(source).cost(Region(0, 0, 64, 64), Size(32, 32))
    assert found.memory - found.decoding == 64 * 64 * (3 * 4 + 3) + 32 * 32 * 3


def test_estimate_covers_what_is_read_and_made() -> None:
    size = Size(4000, 4000)
    found = assembly.region_cost(reader(LARGE), Region(0, 0, 4000, 4000), size)
    assert found.memory >= 2 * 4000 * 4000 * 3


@pytest.mark.parametrize("side", [20_000, 15_000, 30_000], ids=["unscaled", "smaller", "larger"])
def test_export_in_strips_fits_whatever_its_size(side: int) -> None:
    source = ArraySource([np.broadcast_to(np.uint8(0), (20_000, 20_000, 3))], (256, 256))
    region, size = Region(0, 0, 20_000, 20_000), Size(side, side)
    admission = AdmissionControl(Config(max_render_memory=512))
    whole = assembly.region_cost(reader(source), region, size).processed(side * side, 3, 3)
    with pytest.raises(TooLarge, match="limit is 512"), admission.admit(whole):
        pass
    strips = assembly.strips_cost(reader(source), region, size)
    assert strips.memory < 300_000_000
    with admission.admit(strips):
        pass
