"""JPEG streams written by hand: segments in, header out (ITU-T T.81 annex B)."""

from __future__ import annotations

import pytest

from iipserve.containers.jpeg import HeadMemo
from iipserve.containers.tags import Compression, Photometric
from iipserve.geometry import Size
from iipserve.sources.tiff.image_codecs import JpegSplicer
from iipserve.sources.tiff.jpeg_stream import (
    DamagedStream,
    Head,
    read_head,
    table_segments,
    without_segments,
)
from iipserve.sources.tiff.layout import EIGHT_BITS, Layout
from iipserve.sources.tiff_pixel_format import Alpha, Bands

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
QUANTIZATION = b"\xff\xdb\x00\x05abc"
HUFFMAN = b"\xff\xc4\x00\x04de"
LONGER = b"\xff\xc4\x00\x07fghij"
FRAME = b"\xff\xc0\x00\x0b\x08\x00\x20\x00\x30\x01\x01\x11\x00"
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00data"
TWO_OF_THREE = b"\xff\xda\x00\x0a\x02\x01\x00\x02\x00\x00\x3f\x00data"
JFIF = b"\xff\xe0\x00\x07JFIF\0"
COMMENT = b"\xff\xfe\x00\x04hi"

PLAIN = Head(0xC0, 8, 32, 48, 1, has_tables=False, foreign=(), length=0, frame_start=2, one_scan=True)
READABLE = [
    pytest.param(SOI + FRAME + SCAN + EOI, PLAIN, id="bare"),
    pytest.param(
        SOI + b"\xff\xff" + FRAME + b"\xff" + SCAN + EOI, PLAIN._replace(frame_start=4), id="fill bytes"
    ),
    pytest.param(SOI + FRAME + SCAN + EOI + b"\0\0", PLAIN, id="padding after the end"),
    pytest.param(
        SOI + QUANTIZATION + FRAME + HUFFMAN + SCAN + EOI,
        PLAIN._replace(has_tables=True, frame_start=9),
        id="own tables",
    ),
    pytest.param(
        SOI + JFIF + FRAME + COMMENT + SCAN + EOI,
        PLAIN._replace(foreign=((2, 11), (24, 30)), frame_start=11),
        id="marks",
    ),
    pytest.param(
        SOI + FRAME.replace(b"\xc0", b"\xc2") + SCAN + EOI,
        PLAIN._replace(frame=0xC2, one_scan=False),
        id="progressive",
    ),
]


@pytest.mark.parametrize(("stream", "head"), READABLE)
def test_reads_the_head(stream: bytes, head: Head) -> None:
    assert read_head(stream) == head._replace(length=stream.index(SCAN[:2]) + 2)


@pytest.mark.parametrize("read", ["memo", "splicer"])
def test_reader_tells_tiles_apart(read: str) -> None:
    """Whatever came before, the head is the stream's own."""
    streams = [
        *(parameters.values[0] for parameters in READABLE),
        SOI + HUFFMAN + FRAME + SCAN + EOI,
        SOI + QUANTIZATION + FRAME + HUFFMAN + LONGER + SCAN + EOI,
        SOI + QUANTIZATION + FRAME + LONGER + SCAN + EOI,
        SOI + QUANTIZATION + FRAME + LONGER + TWO_OF_THREE + EOI,
        SOI + QUANTIZATION + FRAME + HUFFMAN + COMMENT + SCAN + EOI,
        SOI + QUANTIZATION + FRAME + HUFFMAN + QUANTIZATION + SCAN + EOI,
    ]
    memo, splicer = HeadMemo(lambda stream: (read_head(stream), read_head(stream).length + 3)), gray_splicer()
    reader = memo.read if read == "memo" else lambda stream: splicer.read_head(stream).head
    for first in streams:
        for second in streams:
            assert reader(first) == read_head(first)
            assert reader(second) == read_head(second)


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param(b"\xff\xc4", id="tables that end early"),
        pytest.param(b"\xff\xc4\xff\xff" + SCAN + EOI, id="tables that are longer than the stream"),
        pytest.param(b"\xff\xc4\0\0" + SCAN + EOI, id="tables without a length"),
        pytest.param(b"\xff\xc4\0\4xy", id="nothing after the tables"),
        pytest.param(b"\xff\xc4\0\4xy" + SCAN, id="no end"),
        pytest.param(b"\xff\xc4\0\4xy" + FRAME + SCAN + EOI, id="two frames"),
    ],
)
def test_what_is_damaged_after_a_known_beginning_is_refused(tail: bytes) -> None:
    splicer = gray_splicer()
    beginning = SOI + QUANTIZATION + FRAME
    splicer.read_head(beginning + HUFFMAN + SCAN + EOI)
    with pytest.raises(DamagedStream) as known:
        splicer.read_head(beginning + tail)
    with pytest.raises(DamagedStream) as fresh:
        gray_splicer().read_head(beginning + tail)
    assert str(known.value) == str(fresh.value)


def gray_splicer() -> JpegSplicer:
    """Of tiles of 48 x 32 pixels of gray."""
    size = Size(48, 32)
    bands = Bands(Photometric.BLACK_IS_ZERO, stored=1, colors=1, alpha=Alpha.NONE, alpha_index=0)
    layout = Layout(size, size, EIGHT_BITS, bands, 1, Compression.JPEG, 1, (1, 1), False, False, "<")
    return JpegSplicer(layout, b"", None)


DAMAGED = [
    pytest.param(b"", id="empty"),
    pytest.param(SOI, id="start only"),
    pytest.param(FRAME + SCAN + EOI, id="no start"),
    pytest.param(SOI + SCAN + EOI, id="no frame"),
    pytest.param(SOI + FRAME + FRAME + SCAN + EOI, id="two frames"),
    pytest.param(SOI + FRAME + EOI, id="no scan"),
    pytest.param(SOI + FRAME + SCAN, id="no end"),
    pytest.param(SOI + b"\0\0" + FRAME + SCAN + EOI, id="bytes between segments"),
    pytest.param(
        SOI + b"\xff\xdc\x00\x04\x00\x08" + FRAME + SCAN + EOI, id="a segment that has no place here"
    ),
    pytest.param(SOI + FRAME[:8], id="half a frame"),
    pytest.param(SOI + JFIF[:3] + b"\0" + FRAME + SCAN + EOI, id="a segment of no length"),
]


@pytest.mark.parametrize("stream", DAMAGED)
def test_refuses_what_is_no_stream(stream: bytes) -> None:
    with pytest.raises(DamagedStream):
        read_head(stream)


def test_takes_segments_out() -> None:
    stream = SOI + JFIF + FRAME + COMMENT + SCAN + EOI
    assert (
        without_segments(stream, read_head(stream).foreign, SOI + b"own") == SOI + b"own" + FRAME + SCAN + EOI
    )


TABLES = [
    pytest.param(SOI + QUANTIZATION + HUFFMAN + EOI, QUANTIZATION + HUFFMAN, id="as they should be"),
    pytest.param(SOI + JFIF + QUANTIZATION + COMMENT + EOI, QUANTIZATION, id="marks are left out"),
    pytest.param(SOI + FRAME + QUANTIZATION + EOI, b"", id="nothing after a frame"),
    pytest.param(SOI + QUANTIZATION + SCAN + HUFFMAN, QUANTIZATION, id="nothing after a scan"),
    pytest.param(SOI + QUANTIZATION[:6], b"", id="cut"),
    pytest.param(SOI + EOI, b"", id="none"),
    pytest.param(b"", b"", id="empty"),
]


@pytest.mark.parametrize(("field", "segments"), TABLES)
def test_keeps_tables_only(field: bytes, segments: bytes) -> None:
    assert table_segments(field) == segments
