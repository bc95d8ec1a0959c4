"""TIFF output: pixels, fields, metadata."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import ClassVar

import imagecodecs
import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from iipserve import __version__
from iipserve.codecs import Metadata, tiff
from iipserve.errors import InvalidSize, TooLarge, UnsupportedEncoding
from iipserve.image import PhysicalResolution
from iipserve.plan import Encoding
from tests.codecs.samples import (
    EXIF,
    GRAY_PROFILE,
    RGB_PROFILE,
    XMP,
    check_exif,
    exif_block,
    opened,
    read_pillow,
    read_vips,
    with_bands,
)
from tests.contracts.encoder import EVERYTHING, EncoderContract, Reader, cut, picture
from tests.images import Picture, gradient

LOSSLESS = ("none", "lzw", "deflate", "zstd")


def read_tifffile(body: bytes) -> Picture:
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        return with_bands(file.pages.first.asarray())


def read_libtiff(body: bytes) -> Picture:
    return with_bands(imagecodecs.tiff_decode(body))


class TestTiff(EncoderContract):
    encoder = tiff.ENCODER
    encodings: ClassVar[Mapping[str, Encoding]] = {
        scheme: Encoding("tiff", 90, scheme) for scheme in (*LOSSLESS, "jpeg", "webp")
    }
    lossless = frozenset(LOSSLESS)
    eight_bits_only = frozenset({"jpeg", "webp"})

    def readers(self, encoding: str, bands: int, bits: int) -> Mapping[str, Reader]:
        # the libtiff of some builds of Pillow and of libvips lacks these two; imagecodecs' has them
        if encoding in ("zstd", "webp"):
            return {"tifffile": read_tifffile, "libtiff": read_libtiff}
        # Pillow cuts 16 bits down to 8
        if bits == 16:
            return {"tifffile": read_tifffile, "libtiff": read_libtiff, "libvips": read_vips}
        return {"tifffile": read_tifffile, "pillow": read_pillow, "libvips": read_vips}

    def gray_when_written(self, name: str, bands: int) -> bool:
        return bands < 3 and name != "webp"


def export(metadata: Metadata, bands: int = 3, scheme: str = "deflate") -> bytes:
    return tiff.encode(
        picture((40, 30), bands), Encoding("tiff", 1, scheme, profile=True, metadata=True), metadata
    )


def fields(body: bytes) -> dict[str, object]:
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        return {tag.name: tag.value for tag in file.pages.first.tags}


PHOTOMETRICS = [
    pytest.param(1, "deflate", 1, None, id="gray is min-is-black"),
    pytest.param(2, "deflate", 1, (2,), id="gray and alpha"),
    pytest.param(3, "deflate", 2, None, id="RGB"),
    pytest.param(4, "deflate", 2, (2,), id="RGB and alpha"),
    pytest.param(3, "jpeg", 6, None, id="JPEG color is YCbCr"),
    pytest.param(4, "jpeg", 2, (2,), id="JPEG with alpha is RGB"),
    pytest.param(1, "jpeg", 1, None, id="JPEG gray"),
    pytest.param(1, "webp", 2, None, id="WebP has no gray"),
    pytest.param(2, "webp", 2, (2,), id="WebP has no gray with alpha"),
]


@pytest.mark.parametrize(("bands", "scheme", "photometric", "extra"), PHOTOMETRICS)
def test_photometric_and_alpha(
    bands: int, scheme: str, photometric: int, extra: tuple[int, ...] | None
) -> None:
    found = fields(export(Metadata(), bands, scheme))
    assert found["PhotometricInterpretation"] == photometric
    assert found.get("ExtraSamples") == extra


NUMBERS = {"none": 1, "lzw": 5, "deflate": 8, "jpeg": 7, "webp": 50001, "zstd": 50000}


@pytest.mark.parametrize(("scheme", "number"), NUMBERS.items())
def test_compression_and_predictor(scheme: str, number: int) -> None:
    found = fields(export(Metadata(), scheme=scheme))
    assert found["Compression"] == number
    assert found.get("Predictor") == (2 if scheme in ("lzw", "deflate", "zstd") else None)


@pytest.mark.parametrize("quality", [-1, 0, 1, 9, 19, 75, 100, 101])
@pytest.mark.parametrize("scheme", NUMBERS)
def test_every_quality_is_taken(scheme: str, quality: int) -> None:
    pixels = picture((33, 21), 3)
    body = tiff.encode(pixels, Encoding("tiff", quality, scheme), Metadata())
    assert read_tifffile(body).shape == pixels.shape


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("scheme", NUMBERS)
def test_large_picture_is_cut_into_strips(scheme: str, bands: int) -> None:
    pixels = picture((1201, 905), bands)
    body = tiff.encode(pixels, Encoding("tiff", 90, scheme), Metadata())
    found = fields(body)
    strips = -(-905 // int(str(found["RowsPerStrip"])))
    assert len(np.atleast_1d(found["StripOffsets"])) == strips
    if bands > 1:
        assert strips > 1
        assert int(str(found["RowsPerStrip"])) % 16 == 0
    decoded = read_tifffile(body)
    assert np.abs(decoded[:, :, -1].astype(int) - pixels[:, :, -1]).max() <= (0 if scheme in LOSSLESS else 12)
    other = read_libtiff if scheme == "webp" else read_pillow
    np.testing.assert_array_equal(decoded, other(body))


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("scheme", NUMBERS)
def test_strips_make_the_file_of_the_whole(scheme: str, bands: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "STRIP_BYTES", 20_000)
    pixels = picture((301, 203), bands)
    encoding = Encoding("tiff", 90, scheme, profile=True, metadata=True)
    output = io.BytesIO()
    tiff.encode_rows(cut(pixels, (37, 1)), pixels.shape, encoding, EVERYTHING, output)
    assert output.getvalue() == tiff.encode(pixels, encoding, EVERYTHING)
    assert len(np.atleast_1d(fields(output.getvalue())["StripOffsets"])) > 2


def test_tile_is_one_strip() -> None:
    assert (
        len(
            np.atleast_1d(
                fields(tiff.encode(gradient((256, 256)), Encoding("tiff", 1), Metadata()))["StripOffsets"]
            )
        )
        == 1
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_metadata_read_back(order: str) -> None:
    metadata = Metadata(RGB_PROFILE, XMP, exif_block(order), EVERYTHING.resolution, EVERYTHING.text)
    image = opened(export(metadata))
    assert image.info["icc_profile"] == RGB_PROFILE
    assert image.info["xmp"] == XMP
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    check_exif(image.getexif())
    np.testing.assert_array_equal(np.asarray(image), picture((40, 30), 3))


def test_texts_read_back() -> None:
    found = fields(export(EVERYTHING))
    assert found["DocumentName"] == "A title"
    assert found["Artist"] == "Zoë Ångström"
    assert found["Copyright"] == "© nobody"
    assert found["DateTime"] == "2001:02:03 04:05:06"
    assert found["Software"] == f"iipserve/{__version__}"


def test_metadata_read_back_by_libvips() -> None:
    image = pyvips.Image.new_from_buffer(export(EVERYTHING), "", fail_on="warning")
    assert image.get("icc-profile-data") == RGB_PROFILE
    assert image.get("xmp-data") == XMP
    assert image.xres == pytest.approx(11.811, abs=0.001)


def test_exif_read_back_by_tifffile() -> None:
    found = fields(export(Metadata(exif=EXIF)))
    assert found["ExifTag"]["ISOSpeedRatings"] == 400  # type: ignore[index]
    assert found["GPSTag"]["GPSLatitudeRef"] == "N"  # type: ignore[index]


def test_date_of_another_form_is_left_out() -> None:
    assert "DateTime" not in fields(export(Metadata(text={"date": "1887, in spring"})))


def test_gray_profile_goes_into_gray() -> None:
    assert fields(export(Metadata(icc=GRAY_PROFILE), 1))["InterColorProfile"] == GRAY_PROFILE


RESOLUTIONS = [
    pytest.param(11811.023438, 300, id="300 dpi as iipsrv's floats have it"),
    pytest.param(2834.645669, 72, id="72 dpi"),
    pytest.param(1e12, 1e12 * 0.0254, id="enormous"),
    pytest.param(0.04, 0.001, id="tiny"),
]


@pytest.mark.parametrize(("pixels_per_metre", "per_inch"), RESOLUTIONS)
def test_resolution(pixels_per_metre: float, per_inch: float) -> None:
    found = fields(export(Metadata(resolution=PhysicalResolution(pixels_per_metre, pixels_per_metre))))
    numerator, denominator = found["XResolution"]  # type: ignore[misc]
    assert found["ResolutionUnit"] == 2
    assert min(per_inch, 2**32 - 1) == pytest.approx(numerator / denominator, rel=0.05)


DAMAGED_EXIF = {
    "empty": b"",
    "text": b"no Exif at all",
    "only a header": EXIF[:8],
    "cut": EXIF[:40],
    "directory beyond the end": b"II*\0\xff\xff\xff\x7f",
    "65535 entries": b"II*\0\x08\0\0\0\xff\xff" + bytes(100),
    "unknown type": EXIF[:12] + b"\x63" + EXIF[13:],
    "value beyond the end": b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff\xff\x7f\x08\0\0\0\0\0\0\0",
    "pointer of no value": b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\0\0\0\0\x08\0\0\0\0\0\0\0",
}


@pytest.mark.parametrize("block", DAMAGED_EXIF.values(), ids=DAMAGED_EXIF.keys())
def test_damaged_exif_is_left_out(block: bytes) -> None:
    body = export(Metadata(exif=block))
    assert "ExifTag" not in fields(body)
    np.testing.assert_array_equal(read_pillow(body), picture((40, 30), 3))


def test_unknown_compression_is_refused() -> None:
    with pytest.raises(
        UnsupportedEncoding, match="'packbits' is unknown; the known ones are none, lzw, deflate"
    ):
        export(Metadata(), scheme="packbits")


@pytest.mark.parametrize("scheme", ["jpeg", "webp"])
def test_compression_without_room_for_16_bits_is_refused(scheme: str) -> None:
    pixels, encoding = picture((40, 30), 3, 16), Encoding("tiff", 75, scheme)
    sentence = f"'{scheme}' holds 8 bits per sample; for 16 use one of none, lzw, deflate, zstd"
    with pytest.raises(UnsupportedEncoding, match=sentence):
        tiff.encode(pixels, encoding, Metadata())
    with pytest.raises(UnsupportedEncoding, match=sentence):
        tiff.encode_rows(cut(pixels, (7,)), pixels.shape, encoding, Metadata(), io.BytesIO())


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("scheme", LOSSLESS)
def test_16_bits_stand_in_the_byte_order_of_the_file(scheme: str, order: str, bands: int) -> None:
    """Which is that of the Exif block it holds."""
    pixels = picture((301, 203), bands, 16)
    encoding = Encoding("tiff", 1, scheme, metadata=True, bits=16)
    body = tiff.encode(pixels, encoding, Metadata(exif=exif_block(order)))
    assert body[:2] == {"<": b"II", ">": b"MM"}[order]
    assert fields(body)["BitsPerSample"] == (16 if bands == 1 else (16,) * bands)
    for read in (read_tifffile, read_libtiff):
        np.testing.assert_array_equal(read(body), pixels)


@pytest.mark.parametrize(("scheme", "longest"), [("webp", 16382), ("jpeg", 65500)])
def test_side_beyond_the_compression_is_refused(scheme: str, longest: int) -> None:
    with pytest.raises(InvalidSize, match=f"at most {longest} pixels"):
        tiff.encode(np.zeros((1, longest + 1, 3), np.uint8), Encoding("tiff", 50, scheme), Metadata())


def test_file_beyond_its_offsets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "MAX_LENGTH", 3000)
    with pytest.raises(TooLarge, match="4 GB"):
        export(Metadata(), scheme="none")


def test_strips_beyond_the_offsets_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "MAX_LENGTH", 100_000)
    monkeypatch.setattr(tiff, "STRIP_BYTES", 20_000)
    strips = cut(picture((301, 2030), 3), (64,))
    with pytest.raises(TooLarge, match="4 GB"):
        tiff.encode_rows(strips, (2030, 301, 3), Encoding("tiff", 0, "none"), Metadata(), io.BytesIO())
    assert len(list(strips)) > 20, "everything was read"


def test_pillow_finds_no_warning_in_it(recwarn: pytest.WarningsRecorder) -> None:
    Image.open(io.BytesIO(export(EVERYTHING))).load()
    assert not recwarn.list
