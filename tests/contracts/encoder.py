"""What every encoder must keep: subclass `EncoderContract` and name the encoder, its encodings and its readers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import ClassVar, TypeAlias

import numpy as np
import pytest

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.errors import InvalidSize
from iipserve.image import PhysicalResolution
from iipserve.plan import Encoding
from tests.codecs.samples import EXIF, GRAY_PROFILE, RGB_PROFILE, XMP
from tests.images import Picture, smooth

Reader: TypeAlias = Callable[[bytes], Picture]
"""A finished file -> pixels (height, width, bands)."""

SIZES = [(1, 1), (1, 9), (17, 1), (37, 53), (256, 256), (301, 203)]
BANDS = [1, 2, 3, 4]
EVERYTHING = Metadata(
    icc=RGB_PROFILE,
    xmp=XMP,
    exif=EXIF,
    resolution=PhysicalResolution(11811.0, 11811.0),
    text={"title": "A title", "creator": "Zoë Ångström", "rights": "© nobody", "date": "2001:02:03 04:05:06"},
)


def picture(size: tuple[int, int], bands: int) -> Picture:
    """A smooth picture that is nowhere quite opaque, and cannot be written to."""
    pixels = smooth(size, bands)
    if bands in (2, 4):
        pixels[:, :, -1] = np.minimum(pixels[:, :, -1], 250)
    pixels.flags.writeable = False
    return pixels


def folded(decoded: Picture, bands: int) -> Picture:
    """Decoded pixels with the bands they were made of: formats without gray hold it three times."""
    if decoded.shape[2] == bands or bands > 2:
        return decoded
    colors = decoded[:, :, :3].astype(int)
    assert np.ptp(colors, axis=2).max() <= 1, "gray has become colored"
    return decoded[:, :, :: decoded.shape[2] - 1] if bands == 2 else decoded[:, :, :1]


def cut(pixels: Picture, heights: Sequence[int]) -> Iterator[Picture]:
    """The picture in strips of these heights, over and over."""
    top = 0
    for height in cycle(heights):
        if top >= pixels.shape[0]:
            return
        yield pixels[top : top + height].copy()
        top += height


class EncoderContract:
    """The tests."""

    encoder: ClassVar[Encoder]
    encodings: ClassVar[Mapping[str, Encoding]]
    """By a name for the test's id."""
    lossless: ClassVar[frozenset[str]] = frozenset()
    """Names of the encodings whose pixels come back unchanged."""
    tolerance: ClassVar[tuple[int, int]] = 24, 8
    """Largest and mean difference that the other encodings may make; small pictures are steep ones."""
    longest_side: ClassVar[int | None] = None
    """Pixels; None where no array in a test could be longer."""

    def readers(self, encoding: str, bands: int) -> Mapping[str, Reader]:
        """Independent readers of what `encoder` makes of `bands` bands; at least two."""
        raise AssertionError("name the readers")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Every encoding by its name."""
        if "name" in metafunc.fixturenames:
            metafunc.parametrize("name", metafunc.cls.encodings)
        if "bands" in metafunc.fixturenames:
            metafunc.parametrize("bands", sorted(metafunc.cls.encoder.bands))

    def encode(self, pixels: Picture, name: str, metadata: Metadata = NO_METADATA) -> bytes:
        return self.encoder.encode(pixels, self.encodings[name], metadata)

    @pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
    def test_readers_see_the_pixels(self, name: str, bands: int, size: tuple[int, int]) -> None:
        pixels = picture(size, bands)
        body = self.encode(pixels, name)
        assert type(body) is bytes
        readers = self.readers(name, bands)
        assert len(readers) >= 2
        seen = {reader: folded(read(body), bands).astype(int) for reader, read in readers.items()}
        for reader, decoded in seen.items():
            assert decoded.shape == pixels.shape, reader
            difference = np.abs(decoded - pixels)
            largest, mean = (0, 0) if name in self.lossless else self.tolerance
            assert difference.max() <= largest, reader
            assert difference.mean() <= mean, reader

    @pytest.mark.parametrize("heights", [(1,), (7, 1, 30), (64,), (1000,)], ids=str)
    def test_strips_make_the_same_picture(self, name: str, bands: int, heights: tuple[int, ...]) -> None:
        if self.encoder.encode_rows is None:
            return
        pixels = picture((301, 203), bands)
        known, output = self.encodings[name], io.BytesIO()
        wanted = Encoding(known.format, known.quality, known.scheme, profile=True, metadata=True)
        self.encoder.encode_rows(cut(pixels, heights), pixels.shape, wanted, EVERYTHING, output)
        for reader, read in self.readers(name, bands).items():
            expected = pixels if name in self.lossless else read(self.encode(pixels, name))
            np.testing.assert_array_equal(read(output.getvalue()), expected, err_msg=reader)

    def test_same_pixels_make_the_same_bytes(self, name: str, bands: int) -> None:
        pixels = picture((37, 53), bands)
        assert self.encode(pixels, name, EVERYTHING) == self.encode(pixels.copy(), name, EVERYTHING)

    def test_metadata_stay_out_unless_asked_for(self, name: str, bands: int) -> None:
        pixels = picture((37, 53), bands)
        assert self.encode(pixels, name, EVERYTHING) == self.encode(pixels, name)

    def test_pixels_are_the_same_with_metadata(self, name: str, bands: int) -> None:
        pixels = picture((37, 53), bands)
        plain = self.encode(pixels, name)
        known = self.encodings[name]
        wanted = Encoding(known.format, known.quality, known.scheme, profile=True, metadata=True)
        body = self.encoder.encode(pixels, wanted, EVERYTHING)
        for reader, read in self.readers(name, bands).items():
            np.testing.assert_array_equal(read(body), read(plain), err_msg=reader)

    def test_profile_of_other_colors_is_left_out(self, name: str, bands: int) -> None:
        pixels = picture((5, 4), bands)
        known = self.encodings[name]
        wanted = Encoding(known.format, known.quality, known.scheme, profile=True)
        for profile in (RGB_PROFILE, GRAY_PROFILE, b"short"):
            body = self.encoder.encode(pixels, wanted, Metadata(icc=profile))
            fits = profile == (GRAY_PROFILE if self.gray_when_written(name, bands) else RGB_PROFILE)
            assert (body != self.encode(pixels, name)) == fits

    def gray_when_written(self, name: str, bands: int) -> bool:
        """Whether the file has a single band of color."""
        return bands < 3

    def test_side_beyond_the_format_is_refused(self, name: str) -> None:
        if self.longest_side is None:
            return
        bands = min(self.encoder.bands)
        for shape in ((1, self.longest_side + 1, bands), (self.longest_side + 1, 1, bands)):
            with pytest.raises(InvalidSize, match=f"at most {self.longest_side} pixels"):
                self.encode(np.zeros(shape, np.uint8), name)
