"""PBM, PGM, PPM and PAM, against the pictures they were made from and against Pillow."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from iipserve.errors import DecodeError, ImageNotFound, UnsupportedImage
from iipserve.geometry import Region
from iipserve.image import ColorSpace
from iipserve.sources import Source
from iipserve.sources.netpbm import FORMAT
from tests.contracts.source import SourceContract, open_file, open_source
from tests.images import Picture, gradient


def shown(path: Path) -> NDArray[np.generic]:
    source = open_source(FORMAT, path)
    return source.read_region(0, Region.of_size(source.info.size), source.info.size)


class TestPpm(SourceContract):
    format_name = "netpbm"

    @pytest.fixture
    def levels(self) -> list[Picture]:
        return [gradient((600, 401))]

    @pytest.fixture
    def source(self, tmp_path: Path, levels: list[Picture]) -> Source:
        (tmp_path / "a").write_bytes(b"P6\n600 401\n255\n" + levels[0].tobytes())
        return open_source(FORMAT, tmp_path / "a")


COMMENT = b"# a comment such as programs write, with the name of the program, a date, and more than that\n"
HEADERS = [
    b"P6\n60 40\n255\n",
    b"P6\n# CREATOR: a program\n# CREATOR: another program\n60 40\n255\n",
    b"P6 60 40 255 ",
    b"P6\n" + COMMENT * 20 + b"60\n" + COMMENT + b"40\n" + COMMENT + b"255\n",
    b"P6# at once\n60#glued\n40 # 7 8 9\n255\n",
    b"P6\r\n60 40\r\n255\n",
    b"P6\n\n\t 60\n40\n\n00255\n",
]


@pytest.mark.parametrize("header", HEADERS)
def test_headers_with_comments_and_white_space(tmp_path: Path, header: bytes) -> None:
    picture = gradient((60, 40))
    (tmp_path / "a").write_bytes(header + picture.tobytes())
    assert np.array_equal(shown(tmp_path / "a"), picture)


@pytest.mark.parametrize("kind", [5, 6])
@pytest.mark.parametrize("most", [1, 15, 100, 255, 256, 1000, 4095, 65535])
def test_the_header_says_which_sample_is_white(tmp_path: Path, most: int, kind: int) -> None:
    bands = 3 if kind == 6 else 1
    rng = np.random.default_rng(1)
    picture = rng.integers(0, most + 1, (40, 60, bands)).astype("u1" if most < 256 else "u2")
    data = picture.astype(">u2" if most > 255 else "u1").tobytes()
    (tmp_path / "a").write_bytes(b"P%d\n%s60 40\n%d\n" % (kind, COMMENT, most) + data)
    source = open_source(FORMAT, tmp_path / "a")
    assert source.info.band_ranges == ((0.0, float(most)),) * bands
    assert source.info.color_space is (ColorSpace.SRGB if bands == 3 else ColorSpace.GRAY)
    assert np.array_equal(shown(tmp_path / "a"), picture)


@pytest.mark.parametrize("most", [1, 15, 255, 4095])
@pytest.mark.parametrize("kind", [2, 3])
def test_plain_numbers(tmp_path: Path, kind: int, most: int) -> None:
    rng = np.random.default_rng(1)
    bands = 3 if kind == 3 else 1
    picture = rng.integers(0, most + 1, (40, 60, bands))
    numbers = "".join(
        f"{value}{rng.choice([' ', chr(10), '  ', ' # 12 13' + chr(10)])}" for value in picture.ravel()
    )
    (tmp_path / "a").write_bytes(b"P%d 60 40 %d\n" % (kind, most) + numbers.encode())
    assert np.array_equal(shown(tmp_path / "a"), picture)


def test_plain_numbers_in_many_pieces(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 65536, (700, 600, 1))
    text = b" ".join(b"%d" % value for value in picture.ravel())
    assert len(text) > 2 << 20
    (tmp_path / "a").write_bytes(b"P2\n600 700\n65535\n" + text)
    assert np.array_equal(shown(tmp_path / "a"), picture)


@pytest.mark.parametrize("gap", ["", " ", "\n"])
def test_plain_bits_with_and_without_spaces(tmp_path: Path, gap: str) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (9, 13))
    rows = "\n".join(gap.join(map(str, row)) for row in bits)
    (tmp_path / "a").write_text(f"P1\n# comment\n13 9\n{rows}\n")
    with Image.open(tmp_path / "a") as image:
        expected = np.asarray(image.convert("L"))
    pixels = shown(tmp_path / "a")
    assert np.array_equal(pixels[:, :, 0], expected)
    assert np.array_equal(pixels[:, :, 0], 255 - 255 * bits)


@pytest.mark.parametrize("width", [1, 7, 8, 9, 100])
def test_packed_bits(tmp_path: Path, width: int) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (9, width)).astype(bool)
    Image.fromarray(bits).save(tmp_path / "a", "PPM")
    assert (tmp_path / "a").read_bytes().startswith(b"P4")
    assert np.array_equal(shown(tmp_path / "a")[:, :, 0], bits * 255)


def pam(tuple_type: str, bands: int, most: int) -> tuple[bytes, NDArray[np.generic]]:
    samples = np.random.default_rng(1).integers(0, most + 1, (40, 60, bands))
    line = f"TUPLTYPE {tuple_type}\n" if tuple_type else ""
    head = f"P7\n# comment\nWIDTH 60\nHEIGHT 40\nDEPTH {bands}\nMAXVAL {most}\n{line}ENDHDR\n"
    return head.encode() + samples.astype(">u2" if most > 255 else "u1").tobytes(), samples


PAMS = [
    ("BLACKANDWHITE", 1, 1, ColorSpace.GRAY, False),
    ("GRAYSCALE", 1, 255, ColorSpace.GRAY, False),
    ("GRAYSCALE_ALPHA", 2, 255, ColorSpace.GRAY, True),
    ("RGB", 3, 4095, ColorSpace.SRGB, False),
    ("RGB_ALPHA", 4, 255, ColorSpace.SRGB, True),
    ("RGB_ALPHA", 4, 65535, ColorSpace.SRGB, True),
    ("RGB_ALPHA", 4, 15, ColorSpace.SRGB, True),
    ("CMYK", 4, 255, ColorSpace.CMYK, False),
    ("", 3, 255, ColorSpace.SRGB, False),
    ("", 5, 255, ColorSpace.GRAY, False),
    ("something else", 2, 255, ColorSpace.GRAY, False),
]


@pytest.mark.parametrize(("tuple_type", "bands", "most", "space", "has_alpha"), PAMS)
def test_pam(
    tmp_path: Path, tuple_type: str, bands: int, most: int, space: ColorSpace, has_alpha: bool
) -> None:
    data, samples = pam(tuple_type, bands, most)
    (tmp_path / "a").write_bytes(data)
    info = open_source(FORMAT, tmp_path / "a").info
    assert (info.bands, info.color_space, info.has_alpha) == (bands, space, has_alpha)
    pixels = shown(tmp_path / "a")
    white = info.band_ranges[0][1]
    assert np.array_equal(pixels, np.rint(samples * (white / most)))
    if has_alpha:
        assert white == (255 if most < 256 else 65535)


REFUSED = [
    b"P6\n60 40\n",
    b"P6\n60 0\n255\n",
    b"P6\n60 40 65536\n",
    b"P6\n60 40 0\n",
    b"P6\n60 x 255\n",
    b"P5\n99999999 99999999\n255\n",
    b"P6\n" + b"#" * 70_000,
    b"P7 332\n#XVVERSION\n80 60 255\n",
    b"P7\nWIDTH 60\nHEIGHT 40\nDEPTH x\nMAXVAL 255\nENDHDR\n",
    b"P7\nWIDTH 60\nHEIGHT 40\nDEPTH 4000\nMAXVAL 255\nENDHDR\n",
    b"P1 and so on, as a text may begin",
]


@pytest.mark.parametrize("data", REFUSED, ids=lambda data: data[:30])
def test_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    file = open_file(tmp_path / "a")
    with pytest.raises(UnsupportedImage):
        FORMAT.open(file)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.descriptor)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"P3\n2 1\n255\n1 2 3 4 5", "too early"),
        (b"P3\n2 1\n255\n1 2 3 4 5 x", "not all numbers"),
        (b"P3\n2 1\n255\n1 2 3 4 5 -6", "not all numbers"),
        (b"P3\n2 1\n255\n1 2 3 4 5 1234567890123456789", "not all numbers"),
        (b"P3\n2 1\n200\n1 2 3 4 5 201", "highest"),
        (b"P1\n3 1\n012", "0 and 1"),
        (b"P4\n9 1\n\1", "too early"),
        (b"P5\n4000 4000\n255\n", "too early"),
    ],
)
def test_damaged_samples_are_an_error(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(DecodeError, match=reason):
        open_source(FORMAT, tmp_path / "a").read_tile(0, 0, 0)


def test_binary_samples_above_the_highest_are_white_as_pillow_shows_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"P5\n3 1\n15\n\1\x0f\xff")
    with Image.open(tmp_path / "a") as image:
        assert np.asarray(image).tolist() == [[17, 255, 255]]
    assert shown(tmp_path / "a").ravel().tolist() == [1, 15, 15]


def test_a_cut_file_shows_what_it_holds(tmp_path: Path) -> None:
    picture = gradient((600, 401))
    (tmp_path / "a").write_bytes(b"P6\n600 401\n255\n" + picture.tobytes()[: 600 * 300 * 3 + 1000])
    source = open_source(FORMAT, tmp_path / "a")
    assert np.array_equal(source.read_tile(0, 1, 0), picture[:256, 256:512])
    with pytest.raises(DecodeError, match="only 300 of 401 lines"):
        source.read_tile(0, 1, 1)


def test_other_images_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"P5\n1 1\n255\n\0")
    with pytest.raises(ImageNotFound):
        open_source(FORMAT, tmp_path / "a", layer=1)
