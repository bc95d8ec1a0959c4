"""Images that packages of Debian, the Python index and npm carry: right by two other readers, or refused by name."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from iipserve.app import build
from tests.contracts.file import Served, check_cuts, settings
from tests.corpus import readers
from tests.corpus.readers import Reader
from tests.images import Picture

SHARE = Path(sys.prefix) / "share" / "iipserve"
SAMPLES = SHARE / "samples"
"""Where scripts/setup --test unpacks packages of the Python index."""
PIXEL_DATA = re.compile(rb"\xe0\x7f\x10\x00(?:O[BW]\0\0)?\xff{4}")
"""Where encapsulated pixels begin in a DICOM file of little endian (PS3.5 section A.4)."""
MAX_PROMISES = 3
"""Files of a row of which everything that info.json promises is asked for."""
MAX_CUT = 2_000_000
"""Bytes of the largest file that is cut off."""
ITEM = bytes.fromhex("feff00e0")


class Expected(NamedTuple):
    """What files must be answered with."""

    readers: Sequence[Reader] = ()
    """Whose images must be shown; none where the file is refused."""
    tolerances: Sequence[int] = (0, 0)
    """Largest differences from each reader in levels of 255."""
    refused: str = ""
    """Regular expression for the reason."""
    switched_on: tuple[str, ...] = ()
    """As EXTRA_FORMATS."""


PNG = Expected((readers.pillow, readers.libpng))
GIF = Expected((readers.pillow, readers.giflib))
WEBP = Expected((readers.pillow, readers.rust_webp))
JPEG = Expected((readers.pillow, readers.rust_jpeg), (0, 5))
JPEG_2000 = Expected((readers.openjpeg, readers.openjpeg_in_rust), (1, 1))
NETPBM = Expected((readers.pillow, readers.netpbm), (1, 1))
"""The server truncates to 8 bits where they round."""
TIFF = Expected((readers.tiff, readers.libtiff))
BMP = Expected((readers.pillow, readers.bmp), switched_on=("bmp",))
BMP_OFF = Expected(refused="BMP.*EXTRA_FORMATS")


class Row(NamedTuple):
    """Files of a package."""

    package: str
    folder: Path
    files: str
    """As in `Path.glob`."""
    expected: Expected
    minimum: int = 1
    """Number of files that there must be."""


def dicom(files: str, expected: Expected) -> Row:
    return Row("pydicom", SAMPLES / "pydicom" / "data" / "test_files", files, expected)


GLYMUR = Path(getattr(find_spec("glymur"), "origin", None) or "glymur").parent / "data"
APACHE = Path("/usr/share/apache2/icons")
VIPS = Path("/usr/share/gtk-doc/html/libvips")
JBIG = Path("/usr/share/jbigkit-testdata")
SKIMAGE, PYGAME = SAMPLES / "skimage" / "data", SAMPLES / "pygame"

TABLE = [
    Row("scikit-image", SKIMAGE, "*.png", PNG, 20),
    Row("scikit-image", SKIMAGE, "*.jpg", JPEG, 3),
    Row("scikit-image", SKIMAGE, "*.gif", GIF),
    Row("scikit-image", SKIMAGE, "multipage.tif", TIFF),
    # Pillow and libtiff read no samples of 64 bits in planes
    Row("scikit-image", SKIMAGE, "multipage_rgb.tif", Expected((readers.tiff,), (0,))),
    Row("pygame", PYGAME, "examples/data/*.png", PNG, 10),
    Row("pygame", PYGAME, "examples/data/*.gif", GIF, 8),
    Row("pygame", PYGAME, "examples/data/*.jpg", JPEG, 2),
    Row("pygame", PYGAME, "examples/data/*.webp", WEBP),
    Row("pygame", PYGAME, "examples/data/*.tif", TIFF),
    Row("pygame", PYGAME, "examples/data/*.p[gpn]m", NETPBM, 3),
    Row("pygame", PYGAME, "**/*.bmp", BMP, 3),
    Row("pygame", PYGAME, "**/*.bmp", BMP_OFF, 3),
    Row("mahotas", SAMPLES / "mahotas", "**/*.png", PNG, 3),
    Row("mahotas", SAMPLES / "mahotas", "**/*.jpg", JPEG, 2),
    Row("mahotas", SAMPLES / "mahotas", "**/*.bmp", BMP),
    Row("ndev-sampledata", SAMPLES / "ndev_sampledata", "**/*.png", PNG),
    Row("ndev-sampledata", SAMPLES / "ndev_sampledata", "**/*.tiff", TIFF, 3),
    Row("glymur", GLYMUR, "*.j*2*", JPEG_2000, 2),
    dicom("693_J2KI.dcm", JPEG_2000),
    dicom("GDCMJ2K_TextGBR.dcm", JPEG_2000),
    dicom("J2K_pixelrep_mismatch.dcm", JPEG_2000),
    dicom("JPEG2000.dcm", JPEG_2000),
    dicom("MR_small_jp2klossless.dcm", JPEG_2000),
    dicom("SC_rgb_gdcm_KY.dcm", JPEG_2000),
    dicom("examples_jpeg2k.dcm", JPEG_2000),
    dicom("JPEG2000-embedded-sequence-delimiter.dcm", Expected(refused="declares an image")),
    dicom("examples_ybr_color.dcm", JPEG),
    dicom("SC_jpeg*.dcm", JPEG),
    dicom("SC_rgb*+eb+c*.dcm", JPEG),
    dicom("SC_rgb_jpeg_app14_dcmd.dcm", JPEG),
    dicom("SC_rgb_jpeg_dcmtk.dcm", JPEG),
    dicom("SC_rgb_jpeg_*gdcm.dcm", JPEG),
    dicom("SC_rgb_small_odd_jpeg.dcm", JPEG),
    dicom("JPGExtended.dcm", Expected(refused="JPEG of 12 bits")),
    dicom("JPEG-lossy.dcm", Expected(refused="JPEG of 12 bits")),
    dicom("*JPEGLS*.dcm", Expected(refused="JPEG-LS")),
    dicom("*jls*.dcm", Expected(refused="JPEG-LS")),
    dicom("MR_small_jpeg_ls_lossless.dcm", Expected(refused="JPEG-LS")),
    Row("openseadragon", SHARE / "node_modules" / "openseadragon", "**/*.png", PNG, 10),
    Row("apache2-data", APACHE, "*.gif", GIF, 50),
    Row("apache2-data", APACHE, "*.png", PNG, 50),
    Row("jbigkit-testdata", JBIG, "[st]*.p[bg]m", NETPBM, 2),
    Row("jbigkit-testdata", JBIG, "multi.pgm", Expected(refused="the highest sample is 4294967295")),
    Row("libvips-doc", VIPS, "*.png", PNG, 5),
    Row("libvips-doc", VIPS, "*.jpg", JPEG, 2),
]


def name_of(row: Row) -> str:
    return f"{row.package}:{row.files}{':off' * (row.expected is BMP_OFF)}"


@pytest.fixture(params=TABLE, ids=name_of)
def row(request: pytest.FixtureRequest) -> Row:
    row: Row = request.param
    if not row.folder.is_dir():
        pytest.skip(f"{row.package} is not installed")
    return row


def content_of(path: Path) -> bytes:
    """The file; of DICOM the coded image in it."""
    data = path.read_bytes()
    return unwrapped(data) if path.suffix == ".dcm" else data


def unwrapped(data: bytes) -> bytes:
    """The only frame of a DICOM file: its fragments without the table of offsets (PS3.5 section A.4)."""
    offset = [match.end() for match in PIXEL_DATA.finditer(data)][-1]
    fragments = []
    while data[offset : offset + 4] == ITEM:
        length = int.from_bytes(data[offset + 4 : offset + 8], "little")
        fragments.append(data[offset + 8 : offset + 8 + length])
        offset += 8 + length
    return b"".join(fragments[1:])


def test_shows_what_others_read_or_says_why_not(row: Row, tmp_path: Path) -> None:
    files = sorted(row.folder.glob(row.files))
    assert len(files) >= row.minimum
    for path in files:
        (tmp_path / path.name).write_bytes(content_of(path))
    application = build(settings(tmp_path, extra_formats=row.expected.switched_on))
    try:
        for path in files:
            check(Served(application, quote(path.name)), (tmp_path / path.name).read_bytes(), row.expected)
        if not row.expected.refused:
            for path in files[:MAX_PROMISES]:
                Served(application, quote(path.name)).check_promised()
    finally:
        application.clear()


@pytest.mark.parametrize("row", [row for row in TABLE if row.expected.readers], ids=name_of, indirect=True)
def test_shows_nothing_of_what_is_cut_off(row: Row, tmp_path: Path) -> None:
    path = next(path for path in sorted(row.folder.glob(row.files)) if path.stat().st_size < MAX_CUT)
    (tmp_path / path.name).write_bytes(content_of(path))
    (tmp_path / "cut").mkdir()
    check_cuts(tmp_path / path.name, tmp_path / "cut")


def check(served: Served, data: bytes, expected: Expected) -> None:
    if expected.refused:
        check_refused(served, expected.refused)
        return
    served.check_listed()
    for layer in range(served.layers()):
        answer = served.get(f";{layer}/full/max/0/default.png")
        assert answer.status == 200, (served.identifier, answer)
        with Image.open(io.BytesIO(answer.body), formats=["PNG"]) as image:
            pixels = np.atleast_3d(np.asarray(image))
        for read, tolerance in zip(expected.readers, expected.tolerances, strict=True):
            compare(
                pixels, read(data, layer), tolerance, f"{served.identifier} layer {layer} {read.__name__}"
            )


def check_refused(served: Served, reason: str) -> None:
    """Check that neither information nor pixels are answered, and that the reason is named."""
    for request in ("/info.json", "/full/max/0/default.png", "/full/9,/0/default.jpg"):
        answer = served.get(request)
        assert answer.status in (415, 422), (served.identifier, answer)
        assert re.search(reason, answer.body.decode()), (served.identifier, answer)


def compare(pixels: Picture, read: Picture, tolerance: int, name: str) -> None:
    """Compare what can be seen: clear pixels have no color, and gray may be three equal bands."""
    assert pixels.shape[:2] == read.shape[:2], name
    apart = np.abs(in_rgba(pixels) - in_rgba(read))
    assert apart.max() <= tolerance, (name, apart.max(), float((apart > tolerance).mean()))


def in_rgba(pixels: Picture) -> NDArray[np.int16]:
    """As 4 bands of `int16`, colors 0 where opacity is 0."""
    bands = pixels.astype(np.int16)
    count = bands.shape[2]
    opacity = bands[:, :, -1:] if count in (2, 4) else np.full_like(bands[:, :, :1], 255)
    colors = np.broadcast_to(bands[:, :, : 3 if count >= 3 else 1], (*bands.shape[:2], 3))
    return np.concatenate([np.where(opacity == 0, 0, colors), opacity], axis=2)


def test_jpeg_2000_equals_what_it_was_made_from(tmp_path: Path) -> None:
    """By the same image without compression in the same package."""
    folder = SAMPLES / "pydicom" / "data" / "test_files"
    if not folder.is_dir():
        pytest.skip("pydicom is not installed")
    (tmp_path / "a").write_bytes(unwrapped((folder / "MR_small_jp2klossless.dcm").read_bytes()))
    plain = (folder / "MR_small.dcm").read_bytes()
    start = plain.rindex(b"\xe0\x7f\x10\x00OW\0\0") + 12
    samples = np.frombuffer(plain[start : start + 64 * 64 * 2], "<i2").reshape(64, 64)
    application = build(settings(tmp_path))
    try:
        body = Served(application, "a").get("/full/max/0/default.png").body
    finally:
        application.clear()
    with Image.open(io.BytesIO(body)) as image:
        compare(np.atleast_3d(np.asarray(image)), readers.shown(samples), 1, "MR_small_jp2klossless")
