"""PDF output: one page that the image fills, as JPEG (ISO 32000-1)."""

from __future__ import annotations

import imagecodecs

from iipserve.codecs import Encoder, Metadata
from iipserve.codecs.libjpeg import MAX_SIDE, compress
from iipserve.codecs.metadata import select
from iipserve.formats import Format
from iipserve.plan import Encoding
from iipserve.processing import Pixels

MIN_PAGE, MAX_PAGE = 3.0, 14400.0
"""Sides of a page, in points of 1/72 inch, that readers show (Adobe's implementation note to annex C)."""
NAMES = {"title": "Title", "creator": "Author", "description": "Subject"}
"""Entries of the document information dictionary (section 14.3.3) by IIP object name."""
COLOR_SPACES = {1: b"/DeviceGray", 3: b"/DeviceRGB"}


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """Encode the pixels as a PDF file; `encoding.quality` is JPEG's. Without a resolution, a pixel is a point.

    Raises:
        InvalidSize: a side is longer than libjpeg allows.
    """
    height, width, bands = pixels.shape
    body = compress(pixels, encoding.quality, "PDF")
    selected = select(metadata, encoding, bands)
    across, down = selected.resolution.per_inch if selected.resolution else (72.0, 72.0)
    page = _page(width * 72 / across, height * 72 / down)
    color = b"[/ICCBased 6 0 R]" if selected.icc else COLOR_SPACES[bands]
    catalog = b"<</Type/Catalog/Pages 2 0 R%s>>" % (b"/Metadata 7 0 R" if selected.xmp else b"")
    image = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace%s/Filter/DCTDecode"
    objects = {
        1: catalog,
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %s %s]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>"
        % page,
        4: _stream(b"", b"q %s 0 0 %s 0 0 cm /I Do Q" % page),
        5: _stream(image % (width, height, color), body),
    }
    if selected.icc:
        objects[6] = _stream(b"/N %d" % bands, selected.icc)
    if selected.xmp:
        objects[7] = _stream(b"/Type/Metadata/Subtype/XML", selected.xmp)
    if texts := {NAMES[name]: text for name, text in selected.text.items() if name in NAMES}:
        objects[8] = b"<<%s>>" % b"".join(
            b"/%s%s" % (name.encode(), _text(text)) for name, text in texts.items()
        )
    return _file(objects)


def _page(width: float, height: float) -> tuple[bytes, bytes]:
    """The sides of the page, in points, within the limits if the shape allows."""
    width, height = (side * max(1.0, MIN_PAGE / min(width, height)) for side in (width, height))
    scale = min(1.0, MAX_PAGE / max(width, height))
    return b"%.4f" % (width * scale), b"%.4f" % (height * scale)


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


def _text(text: str) -> bytes:
    """A text string in UTF-16 (section 7.9.2.2), in hexadecimal digits."""
    return b"<feff%s>" % text.encode("utf-16-be", "replace").hex().encode()


def _file(objects: dict[int, bytes]) -> bytes:
    """Header, objects, cross-reference table and trailer (section 7.5); numbers without an object are free."""
    parts, offset, offsets = [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"], 0, {}
    for number, content in objects.items():
        offset += len(parts[-1])
        offsets[number] = offset
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start, count = offset + len(parts[-1]), max(objects) + 1
    entries = [
        b"%010d 00000 n \n" % offsets[number] if number in offsets else b"0000000000 65535 f \n"
        for number in range(count)
    ]
    info = b"/Info 8 0 R" if 8 in objects else b""
    parts.append(b"xref\n0 %d\n%s" % (count, b"".join(entries)))
    parts.append(b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (count, info, start))
    return b"".join(parts)


ENCODER = Encoder(
    Format(
        name="pdf",
        extension="pdf",
        media_type="application/pdf",
        bands=frozenset({1, 3}),
        quality_setting="jpeg_quality",
        quality_range=(1, 100),
        max_side=MAX_SIDE,
        position=22,
    ),
    encode=encode,
    memory_factor=3,
    library=imagecodecs.jpeg8_version,
)
