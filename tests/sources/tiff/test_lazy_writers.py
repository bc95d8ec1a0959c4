"""Files whose fields are missing, contradictory or wrong, as real writers leave them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from iipserve.errors import DecodeError, UnreadableSamples
from iipserve.sources.tiff import FORMAT
from tests.contracts.source import open_source
from tests.images import smooth
from tests.tiff_corpus.tiff_writer import LONG, SHORT, Page, write_tiff

PICTURE = smooth((70, 60))
FIELDS: dict[int, Any] = {
    256: (LONG, [70]), 257: (LONG, [60]), 258: (SHORT, [8, 8, 8]), 259: (SHORT, [1]), 262: (SHORT, [2]),
    277: (SHORT, [3]), 278: (LONG, [60]),
}  # fmt: skip
ENCODERS: dict[int, Any] = {
    1: bytes, 5: imagecodecs.lzw_encode, 8: zlib.compress, 32773: imagecodecs.packbits_encode,
    50000: imagecodecs.zstd_encode,
}  # fmt: skip


def strips(
    path: Path, segments: list[bytes], fields: dict[int, Any], counts: list[int] | None
) -> NDArray[Any]:
    """The samples of a file of strips with these byte counts; None leaves the field out."""
    offsets, data = [], bytearray(8)
    for segment in segments:
        offsets.append(len(data))
        data += segment
    fields = fields | {273: (LONG, offsets)} | ({} if counts is None else {279: (LONG, counts)})
    write_tiff(path, [Page(fields)])
    # the strips follow the directory
    body, shift = path.read_bytes(), 0
    for _ in range(2):
        shift = len(body) - 8
        write_tiff(path, [Page(fields | {273: (LONG, [offset + shift for offset in offsets])})])
        body = path.read_bytes()
    path.write_bytes(body + bytes(data[8:]))
    return read(path)


def read(path: Path) -> NDArray[Any]:
    source = open_source(FORMAT, path)
    return np.array(source.read_tile(0, 0, 0))


def cut(rows: int) -> list[bytes]:
    return [PICTURE[top : top + rows].tobytes() for top in range(0, 60, rows)]


@pytest.mark.parametrize("compression", ENCODERS)
@pytest.mark.parametrize("rows", [60, 25])
@pytest.mark.parametrize("lie", ["zero", "missing", "too large"])
def test_byte_counts(tmp_path: Path, lie: str, rows: int, compression: int) -> None:
    segments = [bytes(ENCODERS[compression](one)) for one in cut(rows)]
    counts = {"zero": [0] * len(segments), "missing": None, "too large": [1 << 30] * len(segments)}[lie]
    fields = FIELDS | {278: (LONG, [rows]), 259: (SHORT, [compression])}
    assert np.array_equal(strips(tmp_path / "a.tif", segments, fields, counts), PICTURE)


def test_the_last_strip_at_full_height(tmp_path: Path) -> None:
    whole = np.pad(PICTURE, ((0, 4), (0, 0), (0, 0)))
    segments = [
        bytes(imagecodecs.jpeg8_encode(whole[top : top + 32], 100, subsampling="444", colorspace="RGB"))
        for top in (0, 32)
    ]
    fields = FIELDS | {278: (LONG, [32]), 259: (SHORT, [7]), 262: (SHORT, [6]), 530: (SHORT, [1, 1])}
    seen = strips(tmp_path / "a.tif", segments, fields, [len(one) for one in segments])
    assert np.abs(seen.astype(int) - PICTURE).max() <= 6


def test_the_end_of_the_file_before_the_offset_of_the_next_directory(tmp_path: Path) -> None:
    data = struct.pack("<2sHI", b"II", 42, 8 + PICTURE.size) + PICTURE.tobytes()
    fields = FIELDS | {258: (SHORT, [8]), 273: (LONG, [8]), 279: (LONG, [PICTURE.size])}
    data += struct.pack("<H", len(fields))
    for tag, (kind, values) in sorted(fields.items()):
        data += struct.pack("<HHII", tag, kind, 1, values[0])
    (tmp_path / "a.tif").write_bytes(data)
    assert np.array_equal(read(tmp_path / "a.tif"), PICTURE)


@pytest.mark.parametrize("bits", [[8], [8, 8, 8, 1], [8, 8, 8, 16]])
def test_numbers_of_bits_that_do_not_match_the_samples(tmp_path: Path, bits: list[int]) -> None:
    seen = strips(tmp_path / "a.tif", cut(60), FIELDS | {258: (SHORT, bits)}, [PICTURE.size])
    assert np.array_equal(seen, PICTURE)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("bands", [1, 3])
def test_no_photometric(tmp_path: Path, bands: int, dtype: str) -> None:
    pixels = np.ascontiguousarray(PICTURE[..., :bands].astype(dtype))
    fields = {tag: value for tag, value in FIELDS.items() if tag != 262}
    fields |= {258: (SHORT, [8 * pixels.itemsize] * bands), 277: (SHORT, [bands])}
    fields |= {339: (SHORT, [3 if dtype == "f4" else 1] * bands)}
    seen = strips(tmp_path / "a.tif", [pixels.tobytes()], fields, [pixels.nbytes])
    assert np.array_equal(seen, pixels)


def test_old_jpeg_without_samples_per_pixel(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.jpg", quality=95)
    stream = (tmp_path / "a.jpg").read_bytes()
    fields = {tag: value for tag, value in FIELDS.items() if tag != 277}
    fields |= {259: (SHORT, [6]), 262: (SHORT, [6]), 513: (LONG, [8]), 514: (LONG, [len(stream)])}
    write_tiff(tmp_path / "a.tif", [Page(fields, [stream], striped=True)])
    shown = np.asarray(Image.open(tmp_path / "a.jpg"))
    assert np.abs(read(tmp_path / "a.tif").astype(int) - shown).max() <= 12


@pytest.mark.parametrize("tiled", [False, True])
def test_old_jpeg_of_complete_files(tmp_path: Path, tiled: bool) -> None:
    picture, streams = smooth((128, 64)), []
    parts = [picture[:, :64], picture[:, 64:]] if tiled else [picture[:32], picture[32:]]
    for part in parts:
        Image.fromarray(part).save(tmp_path / "a.jpg", quality=95)
        streams.append((tmp_path / "a.jpg").read_bytes())
    fields = FIELDS | {256: (LONG, [128]), 257: (LONG, [64]), 259: (SHORT, [6]), 262: (SHORT, [6])}
    fields |= {322: (LONG, [64]), 323: (LONG, [64])} if tiled else {278: (LONG, [32])}
    write_tiff(tmp_path / "a.tif", [Page(fields, streams, striped=not tiled)])
    assert np.abs(read(tmp_path / "a.tif").astype(int) - picture).max() <= 12


@pytest.mark.parametrize("compression", [1, 5, 8, 32773, 50000])
@pytest.mark.parametrize("predictor", [1, 2, 3])
def test_strips_never_written_with_any_predictor(tmp_path: Path, predictor: int, compression: int) -> None:
    fields = FIELDS | {258: (SHORT, [32]), 259: (SHORT, [compression]), 262: (SHORT, [1]), 277: (SHORT, [1])}
    fields |= {273: (LONG, [0]), 279: (LONG, [0]), 317: (SHORT, [predictor]), 339: (SHORT, [3])}
    write_tiff(tmp_path / "a.tif", [Page(fields)])
    assert not read(tmp_path / "a.tif").any()


REFUSED = [
    ({258: (SHORT, [64] * 3), 339: (SHORT, [6] * 3)}, "complex numbers"),
    ({258: (SHORT, [32] * 3), 339: (SHORT, [5] * 3)}, "complex numbers"),
    ({262: (SHORT, [32845]), 259: (SHORT, [34676])}, "logluv"),
    ({262: (SHORT, [32844]), 277: (SHORT, [1])}, "logl"),
    ({262: (SHORT, [8]), 258: (SHORT, [32] * 3)}, "CIELAB"),
]


@pytest.mark.parametrize(("fields", "name"), REFUSED)
def test_what_is_refused_by_its_name(tmp_path: Path, fields: dict[int, Any], name: str) -> None:
    write_tiff(tmp_path / "a.tif", [Page(FIELDS | fields, [bytes(100_000)], striped=True)])
    with pytest.raises(UnreadableSamples, match=name):
        open_source(FORMAT, tmp_path / "a.tif")


# no writer stores the least significant byte first in a big-endian file
@pytest.mark.parametrize(("stored", "order"), ["<<", "><", ">>"])
def test_integers_of_24_bits_in_either_byte_order(tmp_path: Path, stored: str, order: str) -> None:
    samples = np.add.outer(np.arange(60) * 900, np.arange(70) * 40).astype(np.uint32)
    octets = samples.astype(stored + "u4").view(np.uint8).reshape(60, 70, 4)
    octets = octets[..., 1:] if stored == ">" else octets[..., :3]
    fields = FIELDS | {258: (SHORT, [24]), 277: (SHORT, [1]), 262: (SHORT, [1])}
    page = Page(fields, [octets.tobytes()], striped=True)
    write_tiff(tmp_path / "a.tif", [page], order=order)
    assert np.array_equal(read(tmp_path / "a.tif")[..., 0], samples)


def test_floats_of_24_bits(tmp_path: Path) -> None:
    samples = np.linspace(0, 2000, 4200, dtype=np.float32).reshape(60, 70)
    octets = bytes(imagecodecs.float24_encode(samples, byteorder="<"))
    fields = FIELDS | {258: (SHORT, [24]), 277: (SHORT, [1]), 262: (SHORT, [1]), 339: (SHORT, [3])}
    write_tiff(tmp_path / "a.tif", [Page(fields, [octets], striped=True)])
    # 16 bits of mantissa
    assert np.allclose(read(tmp_path / "a.tif")[..., 0], samples, rtol=2**-16)


@pytest.mark.parametrize("compression", ENCODERS)
def test_a_file_that_is_cut_off_is_damaged(tmp_path: Path, compression: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, PICTURE.shape, np.uint8)
    stream = ENCODERS[compression](noise.tobytes())
    fields = FIELDS | {259: (SHORT, [compression])}
    strips(tmp_path / "a.tif", [stream], fields, [len(stream)])
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[:-2000])
    with pytest.raises(DecodeError):
        read(tmp_path / "a.tif")
