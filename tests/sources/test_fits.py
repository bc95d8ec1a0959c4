"""FITS, against the arrays that the files were made from (FITS Standard 4.0)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.errors import DecodeError, ImageNotFound, UnsupportedImage
from iipserve.geometry import Region
from iipserve.image import StackLayer
from iipserve.sources import Source
from iipserve.sources.fits import FORMAT
from tests.contracts.source import SourceContract, open_source

BITPIX = {"u1": 8, ">i2": 16, ">i4": 32, ">i8": 64, ">f4": -32, ">f8": -64}


def unit(
    array: NDArray[np.generic] | None, cards: Mapping[str, object] | None = None, first: bool = True
) -> bytes:
    """A header and its data; numpy's last axis is the first of FITS."""
    sides = array.shape[::-1] if array is not None else ()
    bits = BITPIX[array.dtype.str.removeprefix("|")] if array is not None else 8
    values: dict[str, object] = {"SIMPLE": True} if first else {"XTENSION": "IMAGE"}
    values |= {"BITPIX": bits, "NAXIS": len(sides)}
    values |= {f"NAXIS{axis + 1}": side for axis, side in enumerate(sides)} | dict(cards or {})
    header = "".join(
        f"{keyword:8}= {_text(value):>20} / comment".ljust(80) for keyword, value in values.items()
    )
    data = array.tobytes() if array is not None else b""
    return _padded((header + "END".ljust(80)).encode(), b" ") + _padded(data, b"\0")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    return f"'{value}'" if isinstance(value, str) else str(value)


def _padded(data: bytes, by: bytes) -> bytes:
    return data + by * (-len(data) % 2880)


def shown(path: Path, layer: int = 0) -> NDArray[np.generic]:
    source = open_source(FORMAT, path, layer=layer)
    return source.read_region(0, Region.of_size(source.info.size), source.info.size)[:, :, 0]


class TestFits(SourceContract):
    format_name = "fits"

    @pytest.fixture
    def levels(self) -> list[NDArray[np.float32]]:
        return [np.random.default_rng(1).normal(0, 100, (401, 600, 1)).astype(np.float32)]

    @pytest.fixture
    def source(self, tmp_path: Path, levels: list[NDArray[np.float32]]) -> Source:
        (tmp_path / "a").write_bytes(unit(levels[0][::-1, :, 0].astype(">f4")))
        return open_source(FORMAT, tmp_path / "a")


KINDS = [
    ("u1", {}, "uint8"),
    ("u1", {"BZERO": -128}, "int16"),
    (">i2", {}, "int16"),
    (">i2", {"BZERO": 32768, "BSCALE": 1.0}, "uint16"),
    (">i4", {}, "int32"),
    (">i4", {"BZERO": 2147483648}, "uint32"),
    (">i8", {}, "float32"),
    (">f4", {}, "float32"),
    (">f8", {}, "float32"),
    (">i2", {"BZERO": "1.5D1", "BSCALE": 0.25}, "float32"),
    (">i2", {"BLANK": -7}, "float32"),
]


@pytest.mark.parametrize(("stored", "cards", "dtype"), KINDS, ids=str)
def test_samples(tmp_path: Path, stored: str, cards: dict[str, object], dtype: str) -> None:
    rng = np.random.default_rng(1)
    array = rng.integers(0 if stored == "u1" else -100, 100, (40, 60)).astype(stored)
    array[3, 4] = -7 if stored != "u1" else 7
    (tmp_path / "a").write_bytes(unit(array, cards))
    values = array[::-1].astype(np.float64) * float(str(cards.get("BSCALE", 1)))
    values += float(str(cards.get("BZERO", 0)).replace("D", "E"))
    if "BLANK" in cards:
        values[array[::-1] == -7] = np.nan
    pixels = shown(tmp_path / "a")
    assert pixels.dtype == dtype
    assert np.array_equal(pixels, values.astype(dtype), equal_nan=True)


def test_the_file_says_what_is_black_and_white(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(
        unit(np.zeros((4, 6), ">f4"), {"DATAMIN": -2.5, "DATAMAX": "7E3", "OBJECT": "M 31"})
    )
    info = open_source(FORMAT, tmp_path / "a").info
    assert info.band_ranges == ((-2.5, 7000.0),)
    assert info.text["title"] == "M 31"


def test_planes_and_extensions_are_a_stack(tmp_path: Path) -> None:
    cube = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype(">i2")
    other = np.arange(42).reshape(6, 7).astype(">f4")
    table = unit(np.zeros((9, 30), "u1"), {"PCOUNT": 100, "GCOUNT": 1}, first=False)
    table = table.replace(b"'IMAGE'", b"'TABLE'") + bytes(0)
    data = unit(None) + unit(cube, {"EXTNAME": "SCI"}, first=False) + table + unit(other, first=False)
    (tmp_path / "a").write_bytes(data)
    stack = open_source(FORMAT, tmp_path / "a").info.stack
    assert stack == (*(StackLayer(f"SCI {index}") for index in range(6)), StackLayer("image3"))
    for layer in range(6):
        assert np.array_equal(shown(tmp_path / "a", layer), cube.reshape(6, 4, 5)[layer, ::-1])
    assert np.array_equal(shown(tmp_path / "a", 6), other[::-1])
    with pytest.raises(ImageNotFound):
        open_source(FORMAT, tmp_path / "a", layer=7)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (unit(None), "no image"),
        (unit(np.zeros(9, "u1")), "no image"),
        (unit(np.zeros((4, 6), "u1"))[:400], "no image"),
        (unit(np.zeros((4, 6), "u1"), {"BITPIX": 7}), "BITPIX"),
        (unit(np.zeros((4, 6), "u1"), {"NAXIS": 9999}), "NAXIS"),
        (unit(np.zeros((4, 6), "u1"), {"NAXIS1": 10**9}), "pixels"),
        (unit(np.zeros((4, 6), "u1"), {"NAXIS1": "many"}), "NAXIS1"),
        (unit(np.zeros((4, 6), "u1"), {"BZERO": "NAN"}), "BZERO"),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(UnsupportedImage, match=reason):
        open_source(FORMAT, tmp_path / "a")


def test_a_file_cut_off_shows_nothing_instead(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(unit(np.zeros((400, 600), ">f4"))[:500_000])
    with pytest.raises(DecodeError, match="too early"):
        shown(tmp_path / "a")
