"""Metadata to embed, made by other software, and readers of pixels."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import pyvips
from PIL import ExifTags, Image, ImageCms

from tests.images import Picture

RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_PROFILE = RGB_PROFILE[:16] + b"GRAY" + RGB_PROFILE[20:]
"""Gray by its header, which is what is looked at."""

XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="Ærø"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()


def exif_block(order: str = "<") -> bytes:
    """An Exif block with fields in IFD 0, in the Exif directory and in the GPS directory."""
    exif = Image.Exif()
    exif.endian = order
    exif[ExifTags.Base.Make] = "A maker of cameras"
    exif[ExifTags.Base.Artist] = "Somebody"
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    photo[ExifTags.Base.DateTimeOriginal] = "2001:02:03 04:05:06"
    photo[ExifTags.Base.ISOSpeedRatings] = 400
    photo[ExifTags.Base.FNumber] = 5.6
    position = exif.get_ifd(ExifTags.IFD.GPSInfo)
    position[ExifTags.GPS.GPSLatitudeRef] = "N"
    position[ExifTags.GPS.GPSLatitude] = (60.0, 23.0, 33.5)
    return exif.tobytes().removeprefix(b"Exif\0\0")


EXIF = exif_block()


def check_exif(exif: Image.Exif) -> None:
    """Assert that these are the fields of `exif_block`."""
    assert exif[ExifTags.Base.Make] == "A maker of cameras"
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    assert photo[ExifTags.Base.DateTimeOriginal] == "2001:02:03 04:05:06"
    assert photo[ExifTags.Base.ISOSpeedRatings] == 400
    assert float(photo[ExifTags.Base.FNumber]) == pytest.approx(5.6)
    position = exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert position[ExifTags.GPS.GPSLatitudeRef] == "N"
    assert [float(value) for value in position[ExifTags.GPS.GPSLatitude]] == [60.0, 23.0, 33.5]


def opened(body: bytes) -> Image.Image:
    """The file as Pillow sees it, loaded."""
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


def with_bands(pixels: Picture) -> Picture:
    """Pixels of two or three dimensions as (height, width, bands)."""
    return pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]


def read_pillow(body: bytes) -> Picture:
    """Pixels by Pillow."""
    return with_bands(np.asarray(opened(body)))


def read_rust(
    decode_into: Callable[[bytes, Picture], tuple[int, int, int, int]], bands: int, bits: int
) -> Callable[[bytes], Picture]:
    """A reader of one format by a decoder in Rust, which shares nothing with the libraries in C.

    Args:
        decode_into: of `micro_reader_codecs`.
        bands: that are to be found.
        bits: that are to be found in each sample.
    """

    def read(body: bytes) -> Picture:
        height, width = opened(body).size[::-1]
        pixels = np.empty((height, width, bands), f"u{bits // 8}")
        assert decode_into(body, pixels.view(np.uint8)) == (width, height, bands, bits)
        return pixels

    return read


def read_vips(body: bytes) -> Picture:
    """Pixels by libvips, which is to make an error of every warning."""
    image = pyvips.Image.new_from_buffer(body, "", fail_on="warning")
    return np.asarray(image.numpy()).reshape(image.height, image.width, image.bands)
