"""What every encoder must keep: subclass `EncoderContract` and name the encoder, its encodings and its readers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.errors import InvalidSize
from iipserve.formats import Scheme
from iipserve.image import PhysicalResolution
from iipserve.plan import Encoding
from tests.codecs.samples import EXIF, GRAY_PROFILE, RGB_PROFILE, XMP
from tests.images import Picture, smooth

Deep: TypeAlias = NDArray[np.uint16]
"""A picture of 16 bits."""
Reader: TypeAlias = Callable[[bytes], Picture | Deep]
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


def picture(size: tuple[int, int], bands: int, bits: int = 8) -> Picture | Deep:
    """A smooth picture that is nowhere quite opaque, and cannot be written to.

    In 16 bits, the lower byte is another in every pixel and band.
    """
    pixels = smooth(size, bands)
    if bands in (2, 4):
        pixels[:, :, -1] = np.minimum(pixels[:, :, -1], 250)
    if bits == 16:
        width, height = size
        y, x, band = np.mgrid[0:height, 0:width, 0:bands]
        deep = (pixels.astype(int) * 256 + (37 * x + 91 * y + 50 * band) % 256).astype(np.uint16)
        deep.flags.writeable = False
        return deep
    pixels.flags.writeable = False
    return pixels


def folded(decoded: Picture | Deep, bands: int) -> Picture | Deep:
    """Decoded pixels with the bands they were made of: formats without gray hold it three times."""
    if decoded.shape[2] == bands or bands > 2:
        return decoded
    colors = decoded[:, :, :3].astype(int)
    assert np.ptp(colors, axis=2).max() <= 1, "gray has become colored"
    return decoded[:, :, :: decoded.shape[2] - 1] if bands == 2 else decoded[:, :, :1]


def cut(pixels: Picture | Deep, heights: Sequence[int]) -> Iterator[Any]:
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
    eight_bits_only: ClassVar[frozenset[str]] = frozenset()
    """Names of the encodings that have no room for more."""
    tolerance: ClassVar[tuple[int, int]] = 24, 8
    """Largest and mean difference that the other encodings may make; small pictures are steep ones."""
    agreement: ClassVar[int] = 0
    """What two readers may differ by in the other encodings."""
    longest_side: ClassVar[int | None] = None
    """Pixels; None where no array in a test could be longer."""

    def readers(self, encoding: str, bands: int, bits: int) -> Mapping[str, Reader]:
        """Independent readers of what `encoder` makes of `bands` bands of `bits` bits; at least two."""
        raise AssertionError("name the readers")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Every encoding by its name, with every number of bits it has room for where the test asks for them."""
        kind = metafunc.cls
        if "bits" in metafunc.fixturenames:
            pairs = [
                (name, bits)
                for name in kind.encodings
                for bits in sorted(kind.encoder.format.depths)
                if bits == 8 or name not in kind.eight_bits_only
            ]
            metafunc.parametrize(("name", "bits"), pairs)
        elif "name" in metafunc.fixturenames:
            metafunc.parametrize("name", kind.encodings)
        if "bands" in metafunc.fixturenames:
            metafunc.parametrize("bands", sorted(kind.encoder.format.bands))

    def encode(self, pixels: Picture | Deep, name: str, metadata: Metadata = NO_METADATA) -> bytes:
        return self.encoder.encode(pixels, self.encodings[name], metadata)

    def export(self, pixels: Picture | Deep, name: str, metadata: Metadata) -> bytes:
        """Encoded with all metadata that the format can hold."""
        return self.encoder.encode(pixels, self.wanted(name), metadata)

    def wanted(self, name: str) -> Encoding:
        """The encoding with metadata; with the profile too where that does not change the pixels."""
        known = self.encodings[name]
        profile = self.states_profile(name)
        return Encoding(known.format, known.quality, known.scheme, profile=profile, metadata=True)

    @pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
    def test_readers_see_the_pixels(self, name: str, bits: int, bands: int, size: tuple[int, int]) -> None:
        pixels = picture(size, bands, bits)
        body = self.encode(pixels, name)
        assert type(body) is bytes
        readers = self.readers(name, bands, bits)
        assert len(readers) >= 2
        seen = {reader: folded(read(body), bands) for reader, read in readers.items()}
        step = 1 if bits == 8 else 257
        largest, mean = (0, 0) if name in self.lossless else self.tolerance
        for reader, decoded in seen.items():
            assert decoded.shape == pixels.shape, reader
            assert decoded.dtype == pixels.dtype, reader
            difference = np.abs(decoded.astype(int) - pixels)
            assert difference.max() <= largest * step, reader
            assert difference.mean() <= mean * step, reader
        for reader, decoded in seen.items():
            for other, also in seen.items():
                apart = np.abs(decoded.astype(int) - also).max()
                assert apart <= self.agreement * step, f"{reader} and {other}"

    @pytest.mark.parametrize("heights", [(1,), (7, 1, 30), (64,), (1000,)], ids=str)
    def test_strips_make_the_same_picture(
        self, name: str, bits: int, bands: int, heights: tuple[int, ...]
    ) -> None:
        if self.encoder.encode_rows is None:
            return
        pixels, output = picture((301, 203), bands, bits), io.BytesIO()
        self.encoder.encode_rows(cut(pixels, heights), pixels.shape, self.wanted(name), EVERYTHING, output)
        for reader, read in self.readers(name, bands, bits).items():
            expected = pixels if name in self.lossless else read(self.encode(pixels, name))
            np.testing.assert_array_equal(read(output.getvalue()), expected, err_msg=reader)

    def test_same_pixels_make_the_same_bytes(self, name: str, bits: int, bands: int) -> None:
        pixels = picture((37, 53), bands, bits)
        assert self.encode(pixels, name, EVERYTHING) == self.encode(pixels.copy(), name, EVERYTHING)

    def test_pixels_stay_as_they_are(self, name: str, bits: int, bands: int) -> None:
        pixels = picture((37, 53), bands, bits).copy()
        before = pixels.copy()
        self.export(pixels, name, EVERYTHING)
        np.testing.assert_array_equal(pixels, before)

    def test_metadata_stay_out_unless_asked_for(self, name: str, bits: int, bands: int) -> None:
        pixels = picture((37, 53), bands, bits)
        assert self.encode(pixels, name, EVERYTHING) == self.encode(pixels, name)

    def test_pixels_are_the_same_with_metadata(self, name: str, bits: int, bands: int) -> None:
        pixels = picture((37, 53), bands, bits)
        plain = self.encode(pixels, name)
        body = self.export(pixels, name, EVERYTHING)
        for reader, read in self.readers(name, bands, bits).items():
            np.testing.assert_array_equal(read(body), read(plain), err_msg=reader)

    def test_profile_of_other_colors_is_left_out(self, name: str, bits: int, bands: int) -> None:
        if not self.states_profile(name):
            return
        pixels = picture((5, 4), bands, bits)
        known = self.encodings[name]
        wanted = Encoding(known.format, known.quality, known.scheme, profile=True)
        for profile in (RGB_PROFILE, GRAY_PROFILE, b"short"):
            body = self.encoder.encode(pixels, wanted, Metadata(icc=profile))
            fits = profile == (GRAY_PROFILE if self.gray_when_written(name, bands) else RGB_PROFILE)
            assert (body != self.encode(pixels, name)) == fits

    def states_profile(self, name: str) -> bool:
        """Whether the file says which profile the pixels have, instead of having them converted."""
        return True

    def gray_when_written(self, name: str, bands: int) -> bool:
        """Whether the file has a single band of color."""
        return bands < 3

    @pytest.mark.parametrize("end", [0, 1], ids=["lowest", "highest"])
    def test_every_declared_quality_is_encoded(self, end: int) -> None:
        known = self.encoder.format
        schemes = known.schemes or (Scheme("", known.quality_range, max(known.depths)),)
        for scheme in schemes:
            encoding = Encoding(known.name, scheme.quality_range[end], scheme.name)
            for bits in {8, scheme.max_bits}:
                pixels = picture((37, 53), max(known.bands), bits)
                assert self.encoder.encode(pixels, encoding, NO_METADATA)

    def test_longest_side_is_encoded(self, name: str) -> None:
        if self.longest_side is None:
            return
        bands = max(self.encoder.format.bands)
        for shape in ((1, self.longest_side, bands), (self.longest_side, 1, bands)):
            assert self.encode(np.zeros(shape, np.uint8), name)

    def test_side_beyond_the_format_is_refused(self, name: str) -> None:
        if self.longest_side is None:
            return
        bands = min(self.encoder.format.bands)
        for shape in ((1, self.longest_side + 1, bands), (self.longest_side + 1, 1, bands)):
            with pytest.raises(InvalidSize, match=f"at most {self.longest_side} pixels"):
                self.encode(np.zeros(shape, np.uint8), name)
