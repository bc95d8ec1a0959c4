"""PFM, BMP and Radiance HDR, against the pictures they were made from, Pillow and libvips."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from iipserve.errors import DecodeError, ImageNotFound, UnsupportedImage
from iipserve.geometry import Region
from iipserve.image import ColorSpace
from iipserve.sources import Source, SourceFormat, bmp, hdr, pfm
from tests.contracts.source import SourceContract, open_source
from tests.images import Picture, gradient, smooth


def shown(format: SourceFormat, path: Path) -> NDArray[np.generic]:
    source = open_source(format, path)
    return source.read_region(0, Region.of_size(source.info.size), source.info.size)


@pytest.mark.parametrize(
    ("format", "data"), [(pfm.FORMAT, b"Pf\n1 1\n1\n1234"), (bmp.FORMAT, b"BM" + bytes(60))]
)
def test_files_have_one_image(tmp_path: Path, format: SourceFormat, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ImageNotFound):
        open_source(format, tmp_path / "a", layer=1)


# -- PFM -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pfm(tmp_path: Path, bands: int, order: str) -> None:
    picture = np.random.default_rng(1).normal(0, 10, (300, 200, bands)).astype(np.float32)
    head = f"P{'F' if bands == 3 else 'f'}\n200 300\n{'-1.0' if order == '<' else '1'}\n"
    (tmp_path / "a").write_bytes(head.encode() + picture[::-1].astype(f"{order}f4").tobytes())
    info = open_source(pfm.FORMAT, tmp_path / "a").info
    assert (info.dtype, info.color_space) == ("float32", ColorSpace.SRGB if bands == 3 else ColorSpace.GRAY)
    assert np.array_equal(shown(pfm.FORMAT, tmp_path / "a"), picture)


@pytest.mark.parametrize("data", [b"PF\n", b"PF\n3 x 1\n", b"Pf\n9999999999 9999999999\n-1\n"])
def test_damaged_pfm(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(UnsupportedImage):
        open_source(pfm.FORMAT, tmp_path / "a")


# -- BMP -------------------------------------------------------------------------------------------


class TestBmp(SourceContract):
    format_name = "bmp"

    @pytest.fixture
    def levels(self) -> list[Picture]:
        return [gradient((601, 401))]

    @pytest.fixture
    def source(self, tmp_path: Path, levels: list[Picture]) -> Source:
        Image.fromarray(levels[0]).save(tmp_path / "a", "BMP", dpi=(254, 254))
        return open_source(bmp.FORMAT, tmp_path / "a")

    def test_resolution(self, source: Source) -> None:
        assert source.info.resolution is not None
        assert round(source.info.resolution.x) == 10_000


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("width", [1, 7, 8, 33])
def test_bmp_of_pillow(tmp_path: Path, mode: str, width: int) -> None:
    image = Image.fromarray(smooth((width, 20), 4)).convert(mode)
    image.save(tmp_path / "a", "BMP")
    with Image.open(tmp_path / "a") as stored:
        expected = np.asarray(stored.convert("RGB"))  # the fourth byte is reserved
    assert np.array_equal(shown(bmp.FORMAT, tmp_path / "a"), expected)


def bmp_file(
    bits: int,
    size: tuple[int, int],
    rows: bytes,
    *,
    compression: int = 0,
    masks: bytes = b"",
    palette: bytes = b"",
) -> bytes:
    start = 14 + 40 + len(masks) + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, *size, 1, bits, compression, len(rows), 0, 0, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + info + masks + palette + rows


@pytest.mark.parametrize(
    ("compression", "masks", "bits"),
    [(0, (), (5, 5, 5)), (3, (0xF800, 0x07E0, 0x001F), (5, 6, 5)), (3, (0x0F00, 0x00F0, 0x000F), (4, 4, 4))],
)
@pytest.mark.parametrize("height", [3, -3])
def test_bmp_of_16_bits(
    tmp_path: Path, compression: int, masks: tuple[int, ...], bits: tuple[int, ...], height: int
) -> None:
    numbers = np.random.default_rng(1).integers(0, 1 << sum(bits), (3, 5)).astype("<u2")
    rows = b"".join(row.tobytes() + bytes(2) for row in numbers)
    data = bmp_file(
        16, (5, height), rows, compression=compression, masks=struct.pack(f"<{len(masks)}I", *masks)
    )
    (tmp_path / "a").write_bytes(data)
    red, green, blue = bits
    fields = [numbers >> green + blue, numbers >> blue & ((1 << green) - 1), numbers & ((1 << blue) - 1)]
    expected = np.stack(
        [np.floor(f * 255 / ((1 << n) - 1) + 0.5) for f, n in zip(fields, bits, strict=True)], 2
    )
    expected[:, :, 0] = np.floor((fields[0] & ((1 << red) - 1)) * 255 / ((1 << red) - 1) + 0.5)
    pixels = shown(bmp.FORMAT, tmp_path / "a")
    assert np.array_equal(pixels, expected[::-1] if height > 0 else expected)


def test_bmp_with_opacity(tmp_path: Path) -> None:
    """A BITMAPV4HEADER has a mask of opacity."""
    picture = smooth((7, 5), 4)
    masks = struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", 108, 7, -5, 1, 32, 3, 0, 0, 0, 0, 0) + masks + bytes(108 - 56)
    (tmp_path / "a").write_bytes(b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 108) + info + picture.tobytes())
    assert open_source(bmp.FORMAT, tmp_path / "a").info.has_alpha
    assert np.array_equal(shown(bmp.FORMAT, tmp_path / "a"), picture)


def test_bmp_with_run_lengths(tmp_path: Path) -> None:
    palette = bytes(range(4 * 6))
    rows = bytes([3, 1, 1, 2, 0, 0, 0, 4, 5, 4, 3, 2, 0, 1])  # 1 1 1 2, next row 5 4 3 2, end
    (tmp_path / "a").write_bytes(bmp_file(8, (4, 2), rows, compression=1, palette=palette))
    colors = np.frombuffer(palette, np.uint8).reshape(-1, 4)[:, 2::-1]
    expected = colors[np.array([[5, 4, 3, 2], [1, 1, 1, 2]])]
    assert np.array_equal(shown(bmp.FORMAT, tmp_path / "a"), expected)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a").convert("RGB")), expected)


def test_bmp_of_os2(tmp_path: Path) -> None:
    """Its color table has three bytes in an entry."""
    head = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 12 + 6) + struct.pack("<IHHHH", 12, 2, 1, 1, 1)
    (tmp_path / "a").write_bytes(head + bytes([1, 2, 3, 4, 5, 6]) + bytes([0b01000000, 0, 0, 0]))
    assert shown(bmp.FORMAT, tmp_path / "a").tolist() == [[[3, 2, 1], [6, 5, 4]]]


@pytest.mark.parametrize(
    "data",
    [
        b"BM" + bytes(20),
        bmp_file(24, (0, 5), b""),
        bmp_file(24, (5, 0), b""),
        bmp_file(13, (5, 5), b""),
        bmp_file(24, (5, 5), b"", compression=4),
        bmp_file(24, (2_000_000_000, 2_000_000_000), b""),
    ],
)
def test_refused_bmp(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(UnsupportedImage):
        open_source(bmp.FORMAT, tmp_path / "a")


@pytest.mark.parametrize(
    "data",
    [
        bmp_file(24, (50, 50), bytes(100)),
        bmp_file(8, (4, 1), bytes([0, 1, 2, 3]), palette=bytes(8)),
        bmp_file(8, (400, 400), bytes([255, 1]), compression=1, palette=bytes(8)),
        bmp_file(8, (100_000, 20_000), bytes([255, 1]), compression=1, palette=bytes(8)),
    ],
)
def test_damaged_bmp(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    source = open_source(bmp.FORMAT, tmp_path / "a")
    with pytest.raises(DecodeError):
        source.read_tile(0, 0, 0)


def test_damaged_headers_never_do_worse_than_an_error(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(smooth((20, 15))).convert("P").save(buffer, "BMP")
    rng = np.random.default_rng(5)
    for _ in range(200):
        data = np.frombuffer(buffer.getvalue(), np.uint8).copy()
        data[rng.integers(2, 54)] = rng.integers(0, 256)
        (tmp_path / "a").write_bytes(data.tobytes())
        if bmp.FORMAT.matches(data[:64].tobytes()):
            with suppress(UnsupportedImage, DecodeError):
                open_source(bmp.FORMAT, tmp_path / "a").read_tile(0, 0, 0)


# -- Radiance HDR ------------------------------------------------------------------------------------


def hdr_file(
    path: Path, size: tuple[int, int], *, rle: bool = True, resolution: str = ""
) -> NDArray[np.float32]:
    """Write scan lines; returns them as decoded."""
    blocks = np.random.default_rng(1).gamma(1, 2, (size[1], size[0] // 10, 3))
    picture = np.repeat(blocks, 10, axis=1).astype(np.float32)
    data = imagecodecs.rgbe_encode(picture, header=False, rle=rle)
    head = f"#?RADIANCE\n# comment\nEXPOSURE=1\nFORMAT=32-bit_rle_rgbe\n\n{resolution or f'-Y {size[1]} +X {size[0]}'}\n"
    path.write_bytes(head.encode() + data)
    decoded = np.empty_like(picture)
    return imagecodecs.rgbe_decode(data, header=False, rle=rle, out=decoded)


@pytest.mark.parametrize("rle", [True, False])
def test_hdr(tmp_path: Path, rle: bool) -> None:
    expected = hdr_file(tmp_path / "a", (90, 60), rle=rle)
    info = open_source(hdr.FORMAT, tmp_path / "a").info
    assert (info.dtype, info.color_space, info.band_ranges) == ("float32", ColorSpace.SRGB, ())
    assert np.array_equal(shown(hdr.FORMAT, tmp_path / "a"), expected)


@pytest.mark.parametrize(
    ("resolution", "turn"),
    [
        ("-Y 60 +X 90", lambda lines: lines),
        ("-Y 60 -X 90", lambda lines: lines[:, ::-1]),
        ("+Y 60 -X 90", lambda lines: lines[::-1, ::-1]),
        ("+Y 60 +X 90", lambda lines: lines[::-1]),
        ("+X 60 -Y 90", lambda lines: lines.transpose(1, 0, 2)),
        ("+X 60 +Y 90", lambda lines: lines.transpose(1, 0, 2)[::-1]),
        ("-X 60 -Y 90", lambda lines: lines.transpose(1, 0, 2)[:, ::-1]),
        ("-X 60 +Y 90", lambda lines: lines.transpose(1, 0, 2)[::-1, ::-1]),
    ],
)
def test_order_of_scan_lines(tmp_path: Path, resolution: str, turn: object) -> None:
    lines = hdr_file(tmp_path / "a", (90, 60), resolution=resolution)
    assert callable(turn)
    assert np.array_equal(shown(hdr.FORMAT, tmp_path / "a"), turn(lines))


@pytest.mark.parametrize(
    "data",
    [
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n",
        b"#?RADIANCE\n\n-Y 3 -Y 4\n",
        b"#?RADIANCE\nFORMAT=32-bit_rle_xyze\n\n-Y 1 +X 1\nabcd",
        b"#?RADIANCE\n\n-Y 9999999 +X 9999999\n",
        b"#?RADIANCE\n\n-Y 10 +X 10\n\1\1\1\x64",
    ],
)
def test_refused_hdr(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(UnsupportedImage):
        open_source(hdr.FORMAT, tmp_path / "a")


def test_hdr_cut_off_is_an_error(tmp_path: Path) -> None:
    hdr_file(tmp_path / "a", (90, 60))
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:1500])
    with pytest.raises(DecodeError):
        shown(hdr.FORMAT, tmp_path / "a")
