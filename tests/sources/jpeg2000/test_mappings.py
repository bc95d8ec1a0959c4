"""Palettes, component mappings and channel definitions as writers get them wrong: read as OpenJPEG reads them."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from iipserve.sources.jpeg2000 import FORMAT
from tests.contracts.source import open_source
from tests.tiff_corpus.jp2_files import (
    COLOR,
    GRAY,
    OPACITY,
    SRGB,
    box,
    channels,
    codestream,
    enumerated,
    write_boxes,
)

SIZE = (20, 30)


def random_boxes(chance: random.Random, components: int) -> Iterator[bytes]:
    """Boxes that need not make sense."""
    yield enumerated(chance.choice([GRAY, SRGB]))
    count = components
    if chance.random() < 0.6:
        count = chance.randint(1, 4)
        yield box(
            b"pclr", struct.pack(">HB", 256, count) + bytes([7] * count) + chance.randbytes(256 * count)
        )
        if chance.random() < 0.9:
            lines = [
                (
                    chance.choice([0, 0, 0, components - 1]),
                    chance.random() < 0.7,
                    chance.choice([column] * 3 + [0]),
                )
                for column in range(count)
            ]
            yield box(b"cmap", b"".join(struct.pack(">HBB", *line) for line in lines))
    if chance.random() < 0.7:
        opacity = chance.randrange(2 * count)  # of none, in half of all cases
        kinds = [OPACITY if number == opacity else COLOR for number in range(count)]
        yield channels(*((number, kind, chance.randint(0, count)) for number, kind in enumerate(kinds)))


@pytest.mark.parametrize("seed", range(10))
def test_channels_are_those_of_openjpeg(tmp_path: Path, seed: int) -> None:
    chance, compared = random.Random(seed), 0
    for _ in range(40):
        components = chance.choice([1, 1, 2, 3, 4])
        samples = np.frombuffer(chance.randbytes(SIZE[0] * SIZE[1] * components), np.uint8)
        stream = codestream(samples.reshape(*SIZE, components), 8)
        write_boxes(tmp_path / "a.jp2", stream, *random_boxes(chance, components))
        try:
            expected = imagecodecs.jpeg2k_decode((tmp_path / "a.jp2").read_bytes()).reshape(*SIZE, -1)
        except imagecodecs.Jpeg2kError:  # OpenJPEG refuses more
            continue
        source = open_source(FORMAT, tmp_path / "a.jp2")
        pixels, bands = source.read_tile(0, 0, 0), list(np.moveaxis(expected, 2, 0))
        if source.info.has_alpha:  # opacity is the last band here, and where it was there
            place = next(i for i, band in enumerate(bands) if np.array_equal(band, pixels[:, :, -1]))
            bands.append(bands.pop(place))
        assert np.array_equal(pixels, np.stack(bands, axis=-1))
        compared += 1
    assert compared > 15
