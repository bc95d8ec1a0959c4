"""What libvips leaves out, against Pillow, imagecodecs and the animation's own arithmetic."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from iipserve.errors import UnsupportedImage
from iipserve.geometry import Region
from iipserve.image import ColorSpace
from iipserve.sources.vips import FORMAT, decoders
from tests.contracts.source import open_source

RAMP = np.tile(np.linspace(0, 255, 128).astype(np.uint8), (64, 1))


def shown(path: Path, layer: int = 0) -> NDArray[np.generic]:
    source = open_source(FORMAT, path, layer=layer)
    return source.read_region(0, Region.of_size(source.info.size), source.info.size)


# -- gray of limited range ---------------------------------------------------------------------------


def hide_parameters(path: Path) -> None:
    """Take the file's color parameters away, so that only the bitstream says which range it has."""
    path.write_bytes(path.read_bytes().replace(b"colrnclx", b"udesnclx"))


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("range", ["limited", "full"])
@pytest.mark.parametrize("mode", ["L", "LA"])
def test_gray_avif_has_full_range(tmp_path: Path, mode: str, range: str, hidden: bool) -> None:
    picture = RAMP if mode == "L" else np.dstack([RAMP, RAMP[:, ::-1]])
    path = tmp_path / "a"
    Image.fromarray(picture, mode).save(path, "AVIF", quality=100, subsampling="4:0:0", range=range)
    expected = imagecodecs.avif_decode(path.read_bytes()).reshape(64, 128, -1).astype(int)
    if hidden:
        hide_parameters(path)
    pixels = shown(path)
    assert np.abs(pixels[:, :, 0] - expected[:, :, 0]).max() <= 1
    if mode == "LA":
        assert np.array_equal(pixels[:, :, -1], expected[:, :, 1])


def test_colors_of_limited_range_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    Image.fromarray(np.dstack([RAMP] * 3)).save(path, "AVIF", quality=100, range="limited")
    assert np.abs(shown(path)[:, :, 1].astype(int) - RAMP).max() <= 2


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_gray_avif_of_limited_range(tmp_path: Path, bits: int) -> None:
    """The range is said by one bit of `nclx`; an encoder of full range wrote the samples."""
    white = (1 << bits) - 1
    picture = np.tile(np.linspace(0, white, 128), (64, 1)).astype(np.uint16)
    data = imagecodecs.avif_encode(picture, level=100, bitspersample=bits, pixelformat="400")
    stored = imagecodecs.avif_decode(data).astype(float)
    at = data.index(b"nclx") + 10
    assert data[at] == 0x80
    (tmp_path / "a").write_bytes(data[:at] + b"\0" + data[at + 1 :])
    unit = 1 << bits - 8
    expected = np.clip(np.rint((stored - 16 * unit) * white / (219 * unit)), 0, white)
    pixels = shown(tmp_path / "a")
    assert pixels.dtype == np.uint16
    assert np.abs(pixels[:, :, 0] - expected).max() <= 1


# -- bare canvas of GIF ------------------------------------------------------------------------------

CANVAS = (12, 8)
COLORS = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)], np.uint8)


class Frame(NamedTuple):
    x: int
    y: int
    width: int
    height: int
    disposal: int
    color: int


def gif(frames: list[Frame]) -> bytes:
    """A GIF without transparency, its frames of one color each, coded without compression."""
    parts = [b"GIF89a", struct.pack("<2HBBB", *CANVAS, 0xF1, 0, 0), COLORS.tobytes()]
    for frame in frames:
        # a clear code before every second pixel keeps codes at three bits
        codes = [
            code
            for index in range(frame.width * frame.height)
            for code in ([4] if index % 2 == 0 else []) + [frame.color]
        ]
        value = sum(code << 3 * index for index, code in enumerate([*codes, 5]))
        data = value.to_bytes(len(codes), "little")
        blocks = b"".join(
            bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255)
        )
        parts += [
            b"\x21\xf9\4", bytes([frame.disposal << 2]), b"\5\0\0\0",
            struct.pack("<B4HB", 0x2C, *frame[:4], 0), b"\2", blocks, b"\0",
        ]  # fmt: skip
    return b"".join((*parts, b";"))


def canvas_of(frames: list[Frame]) -> NDArray[np.uint8]:
    """The canvas when the last frame is shown: RGBA."""
    canvas = np.zeros((CANVAS[1], CANVAS[0], 4), np.uint8)
    for frame in frames:
        before = canvas.copy()
        place = np.s_[frame.y : frame.y + frame.height, frame.x : frame.x + frame.width]
        canvas[place] = (*COLORS[frame.color], 255)
        if frame is not frames[-1]:
            if frame.disposal == 2:
                canvas[place] = 0
            elif frame.disposal == 3:
                canvas = before
    return canvas


ANIMATIONS = {
    "background": [Frame(2, 1, 4, 3, 2, 1), Frame(0, 0, 2, 2, 1, 2), Frame(7, 4, 5, 4, 0, 3)],
    "left": [Frame(2, 1, 4, 3, 1, 1), Frame(0, 0, 2, 2, 0, 2), Frame(3, 2, 5, 4, 1, 3)],
    "previous": [Frame(2, 1, 4, 3, 1, 1), Frame(0, 0, 5, 5, 3, 2), Frame(7, 4, 5, 4, 0, 3)],
    "whole, then background": [Frame(0, 0, 12, 8, 2, 1), Frame(3, 2, 5, 4, 1, 3)],
    "one": [Frame(3, 2, 5, 4, 0, 3)],
}


@pytest.mark.parametrize("frames", ANIMATIONS.values(), ids=ANIMATIONS)
def test_a_gif_is_clear_where_no_frame_is(tmp_path: Path, frames: list[Frame]) -> None:
    (tmp_path / "a").write_bytes(gif(frames))
    for layer in range(len(frames)):
        expected = canvas_of(frames[: layer + 1])
        pixels = shown(tmp_path / "a", layer)
        if pixels.shape[2] == 3:
            assert expected[:, :, 3].min() == 255, "all of it is covered"
        opaque = expected[:, :, 3] == 255
        assert np.array_equal(pixels[opaque][:, :3], expected[opaque][:, :3])
        assert pixels.shape[2] == 3 or np.array_equal(pixels[:, :, 3], expected[:, :, 3])


def test_a_covered_canvas_has_no_opacity(tmp_path: Path) -> None:
    frames = [Frame(0, 0, 12, 8, 1, 1), Frame(3, 2, 5, 4, 1, 3)]
    (tmp_path / "a").write_bytes(gif(frames))
    for layer in range(2):
        assert np.array_equal(shown(tmp_path / "a", layer), canvas_of(frames[: layer + 1])[:, :, :3])


def test_webp_frames_smaller_than_the_canvas(tmp_path: Path) -> None:
    whole = Image.new("RGBA", (40, 30))
    whole.paste((255, 0, 0, 255), (10, 10, 20, 20))
    second = whole.copy()
    second.paste((0, 0, 255, 255), (30, 20, 34, 24))
    whole.save(
        tmp_path / "a", "WEBP", save_all=True, append_images=[second], lossless=True, minimize_size=True
    )
    for layer, picture in enumerate((whole, second)):
        expected = np.asarray(picture)
        pixels = shown(tmp_path / "a", layer)
        assert np.array_equal(pixels[:, :, 3], expected[:, :, 3])
        assert np.array_equal(pixels[expected[:, :, 3] > 0], expected[expected[:, :, 3] > 0])


# -- what opens can be decoded -----------------------------------------------------------------------


def test_hevc_is_decoded_or_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(decoders.HEVC)
    if decoders.heif_failure(b"hvc1"):
        with pytest.raises(UnsupportedImage, match="cannot decode HEIF with HEVC"):
            open_source(FORMAT, tmp_path / "a")
    else:
        assert shown(tmp_path / "a").shape == (16, 16, 3)


def test_an_unknown_codec_in_heif_is_refused(tmp_path: Path) -> None:
    data = decoders.LIMITED_GRAY.replace(b"av01", b"xx01")
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(UnsupportedImage):
        open_source(FORMAT, tmp_path / "a")


@pytest.mark.parametrize("options", [{"bitspersample": 12}, {"lossless": True}], ids=str)
def test_rare_jpeg_is_decoded_or_refused(tmp_path: Path, options: dict[str, int]) -> None:
    picture = np.arange(4096).reshape(64, 64).astype(np.uint16 if "bitspersample" in options else np.uint8)
    (tmp_path / "a").write_bytes(imagecodecs.jpeg8_encode(picture, **options))
    try:
        source = open_source(FORMAT, tmp_path / "a")
    except UnsupportedImage as error:
        assert "JPEG" in str(error)  # noqa: PT017 (either is right, by build)
    else:
        assert source.info.color_space is ColorSpace.GRAY
        assert np.array_equal(shown(tmp_path / "a").squeeze(), picture)
