"""PDF output: the page, the image on it, its colors and metadata."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pypdfium2
import pytest

from iipserve.codecs import NO_METADATA, Metadata, pdf
from iipserve.image import PhysicalResolution
from iipserve.plan import Encoding
from tests.codecs.samples import GRAY_PROFILE, RGB_PROFILE, XMP, read_pillow, with_bands
from tests.contracts.encoder import EVERYTHING, EncoderContract, Reader, picture
from tests.images import Picture


def read_pdfium(body: bytes) -> Picture:
    """The one image on the one page, as PDFium decodes it."""
    document = pypdfium2.PdfDocument(body)
    assert len(document) == 1
    (image,) = document[0].get_objects()
    assert isinstance(image, pypdfium2.PdfImage)
    pixels = with_bands(np.array(image.get_bitmap(render=False).to_numpy()))
    return np.ascontiguousarray(pixels[..., ::-1])


def read_stream(body: bytes) -> Picture:
    """The JPEG stream by its length, as Pillow decodes it."""
    match = re.search(rb"/DCTDecode/Length (\d+)>>stream\n", body)
    assert match
    return read_pillow(body[match.end() : match.end() + int(match[1])])


class TestPdf(EncoderContract):
    encoder = pdf.ENCODER
    encodings: ClassVar[Mapping[str, Encoding]] = {"q75": Encoding("pdf", 75), "q100": Encoding("pdf", 100)}
    tolerance = 70, 12
    agreement = 4
    longest_side = 65500

    def readers(self, encoding: str, bands: int, bits: int) -> Mapping[str, Reader]:
        return {"pdfium": read_pdfium, "stream": read_stream}


EXPORT = Encoding("pdf", 75, profile=True, metadata=True)


@pytest.mark.parametrize(
    ("size", "resolution", "page"),
    [
        ((40, 31), None, (40, 31)),
        ((300, 150), PhysicalResolution(11811.0, 5905.5), (72, 72)),
        ((1, 1), None, (3, 3)),
        ((400, 100), PhysicalResolution(1.0, 1.0), (14400, 3600)),
    ],
)
def test_page(
    size: tuple[int, int], resolution: PhysicalResolution | None, page: tuple[float, float]
) -> None:
    """In points of 1/72 inch, and all of it is covered."""
    body = pdf.encode(picture(size, 3), EXPORT, Metadata(resolution=resolution))
    document = pypdfium2.PdfDocument(body)
    assert document[0].get_size() == pytest.approx(page, rel=1e-3)
    (image,) = document[0].get_objects()
    assert image.get_bounds() == pytest.approx((0, 0, *page), rel=1e-3)


def test_offsets_lead_to_the_objects() -> None:
    """Readers that find an offset wrong repair the file without a word."""
    for metadata in (Metadata(), EVERYTHING, Metadata(text={"title": "x"}), Metadata(xmp=XMP)):
        body = pdf.encode(picture((9, 7), 3), EXPORT, metadata)
        start = int(body.rsplit(b"startxref\n", 1)[1].split()[0])
        head, *entries = body[start:].split(b"trailer")[0].split(b"\n", 2)[2].splitlines(keepends=True)
        assert head == b"0000000000 65535 f \n"
        for number, entry in enumerate(entries, 1):
            assert len(entry) == 20
            if entry[17:18] == b"n":
                assert body[int(entry[:10]) :].startswith(b"%d 0 obj" % number)


def test_texts_read_back() -> None:
    document = pypdfium2.PdfDocument(pdf.encode(picture((9, 7), 3), EXPORT, EVERYTHING))
    found = document.get_metadata_dict()
    assert (found["Title"], found["Author"]) == ("A title", "Zoë Ångström")


@pytest.mark.parametrize(("bands", "profile"), [(1, GRAY_PROFILE), (3, RGB_PROFILE)])
def test_profile_and_packet_are_embedded(bands: int, profile: bytes) -> None:
    body = pdf.encode(picture((9, 7), bands), EXPORT, Metadata(icc=profile, xmp=XMP))
    for content, entry in ((profile, b"/N %d" % bands), (XMP, b"/Subtype/XML")):
        start = body.index(b"stream\n" + content)
        assert entry in body[:start].rpartition(b" obj")[2]


def test_pixels_only_unless_asked_for() -> None:
    plain = pdf.encode(picture((9, 7), 3), Encoding("pdf", 75), NO_METADATA)
    assert b"ICCBased" not in plain
    assert b"/Info" not in plain
    assert pypdfium2.PdfDocument(io.BytesIO(plain)).get_version() == 14
