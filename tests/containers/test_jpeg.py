"""JPEG segments, in streams by hand and by libjpeg (ITU-T T.81 annex B)."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from iipserve.containers.jpeg import (
    FRAME_MARKERS,
    ICC_STEP,
    MAX_CONTENT,
    MAX_SEGMENTS,
    SOS,
    Frame,
    Segment,
    application_segment,
    coefficient_bytes,
    icc_segments,
    read_frame,
    segments,
)

COMMENT, SCAN = b"\xff\xfe\x00\x04hi", b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
STREAMS = [
    pytest.param(COMMENT + SCAN + b"data", [(0xFE, 0, 6), (SOS, 6, 16)], id="up to the scan"),
    pytest.param(COMMENT + SCAN + COMMENT, [(0xFE, 0, 6), (SOS, 6, 16)], id="nothing after the scan"),
    pytest.param(b"\xff\xff" + COMMENT + b"\xff" + SCAN, [(0xFE, 2, 8), (SOS, 9, 19)], id="fill bytes"),
    pytest.param(COMMENT + b"\0" + SCAN, [(0xFE, 0, 6)], id="a byte between segments"),
    pytest.param(COMMENT[:4], [(0xFE, 0, 6)], id="longer than the stream"),
    pytest.param(COMMENT[:3], [], id="cut inside the length"),
    pytest.param(b"\xff\xfe\0\0" + SCAN, [(0xFE, 0, 2)], id="shorter than its length"),
    pytest.param(b"\xff" * 1000, [], id="fill bytes alone"),
    pytest.param(b"", [], id="empty"),
]


@pytest.mark.parametrize(("stream", "found"), STREAMS)
def test_segments(stream: bytes, found: list[tuple[int, int, int]]) -> None:
    expected = [Segment(marker, start + 2, stop + 2) for marker, start, stop in found]
    assert list(segments(b"\xff\xd8" + stream)) == expected


def test_segments_are_bounded() -> None:
    assert len(list(segments(b"\xff\xd8" + COMMENT * (MAX_SEGMENTS + 50)))) == MAX_SEGMENTS


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_frame_of_a_real_file(mode: str, progressive: bool) -> None:
    file = io.BytesIO()
    Image.new(mode, (48, 32)).save(file, "JPEG", progressive=progressive, comment="hi")
    stream = file.getvalue()
    frames = [segment for segment in segments(stream) if segment.marker in FRAME_MARKERS]
    assert len(frames) == 1
    expected = Frame(0xC2 if progressive else 0xC0, 8, 32, 48, len(mode))
    assert read_frame(stream, frames[0]) == expected
    assert read_frame(stream[: frames[0].start + 9], frames[0]) is None


FRAME = b"\xff%c\x00\x11\x08\x00\x21\x00\x31\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
"""Of 49 x 33 pixels, colors at half the resolution: 4 x 3 units of six blocks."""
SCAN_OF_ALL = b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00"


@pytest.mark.parametrize(
    ("content", "blocks"),
    [
        pytest.param(FRAME % 0xC0 + SCAN_OF_ALL, 0, id="sequential"),
        pytest.param(COMMENT + FRAME % 0xC2 + SCAN_OF_ALL, 4 * 3 * 6, id="progressive"),
        pytest.param(FRAME % 0xC0 + COMMENT + SCAN, 4 * 3 * 6, id="a scan for each component"),
        pytest.param(FRAME % 0xC2, 0, id="no scan"),
        pytest.param(SCAN_OF_ALL, 0, id="no frame"),
    ],
)
def test_coefficients_that_decoders_hold(content: bytes, blocks: int) -> None:
    stream = b"\xff\xd8" + content + b"data"
    assert coefficient_bytes(lambda count, offset: stream[offset : offset + count]) == blocks * 64 * 2


def test_contents_fit_or_are_left_out() -> None:
    whole = application_segment(0xE1, bytes(MAX_CONTENT))
    assert (whole[:4], len(whole)) == (b"\xff\xe1\xff\xff", 0xFFFF + 2)
    assert application_segment(0xE1, bytes(MAX_CONTENT + 1)) == b""


@pytest.mark.parametrize("length", [200, ICC_STEP, ICC_STEP + 1, 5 * ICC_STEP])
def test_pillow_joins_a_profile(length: int) -> None:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG")
    icc = bytes(range(200)) * (length // 200 + 1)
    profile = icc_segments(icc[:length])
    assert profile is not None
    image = Image.open(io.BytesIO(file.getvalue()[:2] + profile + file.getvalue()[2:]))
    assert image.info["icc_profile"] == icc[:length]


def test_profiles_are_cut_into_numbered_segments() -> None:
    icc = bytes(ICC_STEP) + b"tail"
    segments = icc_segments(icc)
    assert segments is not None
    first, second = segments[: ICC_STEP + 18], segments[ICC_STEP + 18 :]
    assert first[:18] == b"\xff\xe2\xff\xffICC_PROFILE\0\x01\x02"
    assert second == b"\xff\xe2\x00\x14ICC_PROFILE\0\x02\x02tail"


def test_a_profile_fits_in_255_segments_or_not_at_all() -> None:
    assert icc_segments(b"") == b""
    assert icc_segments(bytes(255 * ICC_STEP)) is not None
    assert icc_segments(bytes(255 * ICC_STEP + 1)) is None
