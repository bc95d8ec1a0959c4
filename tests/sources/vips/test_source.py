"""Everything libvips opens: with the library in use, and once more with the other build in a child process."""

from __future__ import annotations

import gc
import io
import os
import shutil
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, PngImagePlugin

import iipserve
from iipserve import libvips
from iipserve.codecs import Metadata, png
from iipserve.errors import DecodeError, IIPServeError, ImageNotFound, UnsupportedImage
from iipserve.geometry import Region, Size
from iipserve.image import ColorSpace
from iipserve.plan import Encoding
from iipserve.sources import Source
from iipserve.sources.vips import FORMAT
from iipserve.sources.vips.source import _page_of, loader_of
from tests.contracts.source import SourceContract, open_file, open_source, tiles_of
from tests.images import Picture, gradient, smooth, write_tiff_pyramid
from tests.tiff_corpus.further import KINDS
from tests.tiff_corpus.profiles import SRGB_PROFILE
from tests.tiff_corpus.stacks import TURNS

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def as_image(picture: Picture) -> Image.Image:
    return Image.fromarray(picture if picture.shape[2] > 1 else picture[:, :, 0], MODES[picture.shape[2]])


def whole(source: Source) -> Picture:
    """The picture in one piece."""
    pixels = source.read_region(0, Region.of_size(source.info.size), source.info.size)
    assert pixels.dtype == np.uint8
    return pixels  # type: ignore[return-value]


class VipsContract(SourceContract):
    format_name = "vips"
    picture = gradient((600, 401))

    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        raise TypeError("a contract needs a file")

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        self.write(tmp_path / "picture", self.picture)
        return tmp_path / "picture"

    @pytest.fixture
    def source(self, path: Path) -> Source:
        return open_source(FORMAT, path)

    @pytest.fixture
    def levels(self) -> list[Picture]:
        return [self.picture]

    def test_regions_are_slices(self, source: Source, levels: list[Picture]) -> None:
        for x, y, width, height in [
            (0, 0, 600, 401),
            (599, 400, 1, 1),
            (17, 23, 300, 200),
            (0, 390, 600, 11),
        ]:
            pixels = source.read_region(0, Region(x, y, width, height), Size(width, height))
            self.check(pixels, levels[0][y : y + height, x : x + width])

    @pytest.mark.parametrize("size", [Size(1, 1), Size(300, 200), Size(37, 19), Size(700, 500)], ids=str)
    def test_regions_have_exactly_the_size_asked(self, source: Source, size: Size) -> None:
        pixels = source.read_region(0, Region(0, 0, 600, 400), size)
        assert pixels.shape == (size.height, size.width, self.picture.shape[2])


class TestJpeg(VipsContract):
    picture = smooth((600, 401))
    tolerance = 4

    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        as_image(picture).save(path, "JPEG", quality=95)


class TestGrayJpeg(TestJpeg):
    picture = smooth((600, 401), 1)


class TestPng(VipsContract):
    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        as_image(picture).save(path, "PNG")


class TestPngWithOpacity(TestPng):
    picture = gradient((600, 401), 4)


class TestGrayPngWithOpacity(TestPng):
    picture = gradient((600, 401), 2)


class TestLosslessWebp(VipsContract):
    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        as_image(picture).save(path, "WEBP", lossless=True, exact=True)


class TestStripedTiff(VipsContract):
    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        tifffile.imwrite(path, picture, rowsperstrip=7, compression="zlib", predictor=True, photometric="rgb")


class TestTiledTiff(VipsContract):
    """Read tile by tile, without unpacking."""

    picture = gradient((600, 401), 4)

    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        write_tiff_pyramid(path, [picture], tile=(128, 64), compression="lzw")


class TestGif(VipsContract):
    picture = np.repeat(gradient((600, 401), 1), 3, axis=2)

    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        as_image(picture[:, :, :1]).save(path, "GIF")

    @pytest.fixture
    def levels(self, source: Source) -> list[Picture]:
        """libvips 8.14 gives gray GIFs three bands, later ones may give one."""
        return [self.picture[:, :, : source.info.bands]]


def test_avif(tmp_path: Path) -> None:
    picture = smooth((300, 200))
    as_image(picture).save(tmp_path / "a", "AVIF", quality=90)
    assert np.abs(whole(open_source(FORMAT, tmp_path / "a")).astype(int) - picture).max() <= 6


@pytest.mark.parametrize("mode", ["1", "P"])
def test_shallow_and_palette_files_are_expanded(tmp_path: Path, mode: str) -> None:
    image = as_image(smooth((300, 200))).convert(mode)
    image.save(tmp_path / "a", "PNG")
    expected = np.asarray(image.convert("L" if mode == "1" else "RGB")).reshape(200, 300, -1)
    assert np.array_equal(whole(open_source(FORMAT, tmp_path / "a")), expected)


def open_if_known(path: Path, operation: str) -> Source | None:
    """The opened file; None where this libvips was built without its loader, which must be said."""
    if libvips.knows(operation):
        return open_source(FORMAT, path)
    with pytest.raises(UnsupportedImage, match=r"the installed libvips .* cannot read"):
        open_source(FORMAT, path)
    return None


@pytest.mark.parametrize("most", [100, 255, 1000, 65535])
def test_ppm_says_which_sample_is_white(tmp_path: Path, most: int) -> None:
    picture = np.random.default_rng(1).integers(0, most + 1, (40, 60, 3)).astype("u1" if most < 256 else "u2")
    data = picture.astype(">u2" if most > 255 else "u1").tobytes()
    (tmp_path / "a").write_bytes(b"P6\n# a comment\n60 40\n%d\n" % most + data)
    source = open_if_known(tmp_path / "a", "ppmload")
    if source:
        assert source.info.band_ranges == ((0.0, float(most)),) * 3
        assert np.array_equal(source.read_region(0, Region(0, 0, 60, 40), Size(60, 40)), picture)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_jpeg_xl(tmp_path: Path, dtype: str, bands: int) -> None:
    picture = smooth((60, 40), bands).astype(dtype)
    picture = (
        picture / np.float32(255)
        if dtype == "float32"
        else picture * np.array(257 if dtype == "uint16" else 1, dtype)
    )
    (tmp_path / "a").write_bytes(imagecodecs.jpegxl_encode(picture.squeeze(), lossless=True))
    source = open_if_known(tmp_path / "a", "jxlload")
    if source:
        assert (source.info.dtype, source.info.has_alpha) == (dtype, bands in (2, 4))
        assert np.array_equal(source.read_region(0, Region(0, 0, 60, 40), Size(60, 40)), picture)


# -- recognition -----------------------------------------------------------------------------------

HEADS = [
    pytest.param(b"\xff\xd8\xff\xe0\0\x10JFIF", "jpegload", id="JPEG"),
    pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "pngload", id="PNG"),
    pytest.param(b"RIFF\x24\n\0\0WEBPVP8 ", "webpload", id="WebP with a line feed in its length"),
    pytest.param(b"RIFF\x24\0\0\0WAVEfmt ", None, id="WAVE"),
    pytest.param(b"GIF89a", "gifload", id="GIF"),
    pytest.param(b"II*\0\x08\0\0\0", "tiffload", id="TIFF, little-endian"),
    pytest.param(b"MM\0*\0\0\0\x08", "tiffload", id="TIFF, big-endian"),
    pytest.param(b"II+\0\x08\0\0\0", "tiffload", id="BigTIFF, little-endian"),
    pytest.param(b"MM\0+\0\x08\0\0", "tiffload", id="BigTIFF, big-endian"),
    pytest.param(b"\0\0\0\x1cftypavif\0\0\0\0", "heifload", id="AVIF"),
    pytest.param(b"\0\0\0\x18ftypheic\0\0\0\0", "heifload", id="HEIC"),
    pytest.param(b"\0\0\0\x18ftypmif1\0\0\0\0", "heifload", id="HEIF"),
    pytest.param(b"\0\0\0\x18ftypisom\0\0\0\0iso2avc1", None, id="MP4"),
    pytest.param(b"P6\n100 100\n255\n", "ppmload", id="PPM"),
    pytest.param(b"PF\n100 100\n-1\n", None, id="PFM"),
    pytest.param(b"\xff\x0a\0\0", "jxlload", id="JPEG XL codestream"),
    pytest.param(b"\0\0\0\x0cJXL \r\n\x87\n", "jxlload", id="JPEG XL"),
    pytest.param(b"\0\0\0\x0cjP  \r\n\x87\n", None, id="JPEG 2000"),
    pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", None, id="SVG"),
    pytest.param(b"%PDF-1.7", None, id="PDF"),
    pytest.param(b"push graphic-context", None, id="ImageMagick's MVG"),
    pytest.param(b"this is text", None, id="text"),
    pytest.param(b"", None, id="empty"),
]


@pytest.mark.parametrize(("head", "loader"), HEADS)
def test_formats_are_told_by_their_bytes(head: bytes, loader: str | None) -> None:
    assert loader_of(head) == loader
    assert FORMAT.matches(head) is (loader is not None)


def test_it_is_asked_last() -> None:
    assert FORMAT.fallback


def test_other_loaders_are_blocked(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_file(str(tmp_path / "a.svg"))


def test_a_format_this_libvips_lacks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"P6\n1 1\n255\nabc")
    monkeypatch.setattr(libvips, "knows", lambda operation: operation != "ppmload")
    with pytest.raises(UnsupportedImage, match="cannot read PPM files"):
        open_source(FORMAT, tmp_path / "a")


# -- refused kinds ---------------------------------------------------------------------------------


def _declare_huge(width: int, height: int, bits: int = 8) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        buffer = io.BytesIO()
        as_image(gradient((64, 64))).save(buffer, "PNG")
        data = bytearray(buffer.getvalue())
        data[16:25] = struct.pack(">IIB", width, height, bits)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        path.write_bytes(bytes(data))

    return write


def _save_ycc(path: Path) -> None:
    KINDS["strips-ycc-444"](path)


REFUSED = [
    pytest.param(_declare_huge(100_000, 100_000), "100000 x 100000 pixels", id="huge"),
    pytest.param(_declare_huge(40_000, 40_000, 16), "40000 x 40000 pixels of 3 bands, which take 9600000000 bytes", id="huge for 16 bits"),
    pytest.param(_save_ycc, "YCbCr colors", id="YCbCr that libvips takes for RGB"),
    pytest.param(lambda path: path.write_bytes(b"\xff\xd8\xff" + b"rubbish" * 9), "cannot be read", id="JPEG rubbish"),
    pytest.param(lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "cannot be read", id="PNG cut off"),
    pytest.param(lambda path: path.write_bytes(b"II*\0\x08\0\0\0"), "cannot be read", id="TIFF cut off"),
]  # fmt: skip


@pytest.mark.parametrize(("write", "reason"), REFUSED)
def test_refused_with_the_reason(tmp_path: Path, write: Callable[[Path], Any], reason: str) -> None:
    write(tmp_path / "a")
    file = open_file(tmp_path / "a")
    with pytest.raises(UnsupportedImage, match=reason) as caught:
        FORMAT.open(file)
    assert "/" not in str(caught.value)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.descriptor)


def test_many_pixels_of_few_bytes_are_read(tmp_path: Path) -> None:
    _declare_huge(40_000, 40_000)(tmp_path / "a")
    assert open_source(FORMAT, tmp_path / "a").info.size == Size(40_000, 40_000)


# -- metadata --------------------------------------------------------------------------------------


def test_metadata_of_a_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x8298] = "A view, (with) brackets", "A. Painter", "© nobody"
    icc = bytes(128 + 8)
    as_image(smooth((64, 48))).save(
        tmp_path / "a", "JPEG", exif=exif, icc_profile=icc, dpi=(254, 127), xmp=b"<x:xmpmeta/>"
    )
    info = open_source(FORMAT, tmp_path / "a").info
    assert (info.bits, info.dtype, info.color_space, info.tile) == (
        8,
        "uint8",
        ColorSpace.SRGB,
        Size(256, 256),
    )
    assert info.icc == icc
    assert info.xmp == b"<x:xmpmeta/>"
    assert info.exif is not None
    assert info.exif[:2] in (b"II", b"MM")
    assert info.resolution is not None
    assert (round(info.resolution.x), round(info.resolution.y)) == (10_000, 5_000)
    assert info.text["description"] == "A view, (with) brackets"
    assert info.text["creator"] == "A. Painter"


def test_metadata_of_a_png(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "A view")
    text.add_text("Comment", "not asked for")
    as_image(gradient((64, 48))).save(tmp_path / "a", "PNG", pnginfo=text, dpi=(254, 254))
    info = open_source(FORMAT, tmp_path / "a").info
    assert dict(info.text) == {"title": "A view"}
    assert info.resolution is not None
    assert round(info.resolution.x) == 10_000


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_what_is_embedded_does_not_turn_the_picture_again(
    tmp_path: Path, format: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = orientation, "A. Painter"
    attribute = f"<rdf:Description tiff:Orientation='{orientation}' other='7'/>".encode()
    packet = b"<x:xmpmeta>" + attribute + f"<tiff:Orientation> {orientation}</tiff:Orientation>".encode()
    as_image(smooth((64, 48))).save(
        tmp_path / "a", format, exif=exif, **({"xmp": packet} if format == "JPEG" else {})
    )
    info = open_source(FORMAT, tmp_path / "a").info
    assert info.exif is not None
    body = png.encode(smooth((8, 8)), Encoding("png", 1, metadata=True), Metadata(exif=info.exif))
    held = Image.open(io.BytesIO(body)).getexif()
    # libheif's writer leaves the field out
    assert {0x0112: 1, **held} == {0x0112: 1, 0x013B: "A. Painter"}
    assert info.size == (Size(48, 64) if orientation == 6 else Size(64, 48))
    if format == "JPEG":
        upright = packet.replace(f"'{orientation}'".encode(), b"'1'").replace(
            f" {orientation}<".encode(), b" 1<"
        )
        assert info.xmp == upright


def test_the_resolution_turns_with_the_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    as_image(smooth((64, 48))).save(tmp_path / "a", "JPEG", exif=exif, dpi=(254, 127))
    resolution = open_source(FORMAT, tmp_path / "a").info.resolution
    assert resolution is not None
    assert (round(resolution.x), round(resolution.y)) == (5_000, 10_000)


def test_a_profile_for_other_colors_is_dropped(tmp_path: Path) -> None:
    for picture, kept in [(smooth((64, 48)), True), (smooth((64, 48), 1), False)]:
        as_image(picture).save(tmp_path / "a", "JPEG", icc_profile=SRGB_PROFILE)
        assert (open_source(FORMAT, tmp_path / "a").info.icc == SRGB_PROFILE) is kept


def test_nothing_is_made_up(tmp_path: Path) -> None:
    as_image(gradient((64, 48))).save(tmp_path / "a", "PNG")
    info = open_source(FORMAT, tmp_path / "a").info
    assert (info.icc, info.xmp, info.exif, info.resolution, dict(info.text)) == (None, None, None, None, {})


# -- scaling ---------------------------------------------------------------------------------------


def test_a_whole_ratio_takes_means(tmp_path: Path) -> None:
    picture = gradient((600, 400))
    as_image(picture).save(tmp_path / "a", "PNG")
    pixels = open_source(FORMAT, tmp_path / "a").read_region(0, Region(100, 40, 400, 200), Size(200, 100))
    means = picture[40:240, 100:500].reshape(100, 2, 200, 2, 3).mean(axis=(1, 3))
    assert np.abs(pixels - means).max() < 1.5  # rounded once for each axis


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("bands", [3, 4])
def test_much_smaller_pictures_come_from_an_overview_and_look_the_same(
    tmp_path: Path, format: str, bands: int
) -> None:
    picture = smooth((2003, 1501), bands if format == "PNG" else 3)
    as_image(picture).save(tmp_path / "a", format)
    source = open_source(FORMAT, tmp_path / "a")
    for region in (Region(0, 0, 2003, 1501), Region(801, 403, 1202, 1000)):
        pixels = source.read_region(0, region, Size(100, 75))
        part = as_image(picture).crop((region.x, region.y, region.right, region.bottom))
        expected = np.asarray(part.resize((100, 75), Image.Resampling.BOX)).astype(int)
        assert np.abs(pixels - expected).max() <= 4


def test_reduction_does_not_alias(tmp_path: Path) -> None:
    board = (np.indices((1024, 1024)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "a", "PNG")
    source = open_source(FORMAT, tmp_path / "a")
    for size in (Size(512, 512), Size(300, 300), Size(100, 90)):
        pixels = source.read_region(0, Region(0, 0, 1024, 1024), size)
        inside = pixels[2:-2, 2:-2].astype(int)
        assert np.abs(inside - 127.5).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_are_reduced_like_upright_ones(tmp_path: Path, orientation: int) -> None:
    picture = smooth((1203, 901))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(TURNS[orientation](picture))
    as_image(stored).save(tmp_path / "turned", "PNG", exif=exif)
    as_image(picture).save(tmp_path / "upright", "PNG")
    turned, upright = (open_source(FORMAT, tmp_path / name) for name in ("turned", "upright"))
    for region, size in [
        (Region(0, 0, 1203, 901), Size(120, 90)),  # from an overview
        (Region(100, 50, 600, 400), Size(300, 200)),
        (Region(100, 50, 600, 400), Size(190, 310)),
        (Region(100, 50, 60, 40), Size(100, 90)),
    ]:
        apart = turned.read_region(0, region, size).astype(int) - upright.read_region(0, region, size)
        assert np.abs(apart).max() <= 1


def test_deep_samples_are_reduced_too(tmp_path: Path) -> None:
    picture = smooth((1203, 901), 4).astype(np.uint16) * 257
    (tmp_path / "a").write_bytes(imagecodecs.png_encode(picture))
    source = open_source(FORMAT, tmp_path / "a")
    for size in (Size(401, 300), Size(120, 90)):
        pixels = source.read_region(0, Region(0, 0, 1203, 901), size)
        assert pixels.dtype == np.uint16
        as_bytes = np.rint(pixels.astype(np.float64) / 257).astype(np.uint8)
        expected = np.asarray(
            as_image(smooth((1203, 901), 4)).resize((size.width, size.height), Image.Resampling.BOX)
        )
        assert np.abs(as_bytes.astype(int) - expected).max() <= 4


# -- damaged files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_cut_file_shows_what_it_holds_and_fails_below(tmp_path: Path, format: str) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (1600, 600, 3), dtype=np.uint8)
    picture = smooth((600, 1600)) if format == "JPEG" else noise
    path = tmp_path / "a"
    as_image(picture).save(path, format)
    os.truncate(path, path.stat().st_size * 7 // 10)
    source = open_source(FORMAT, path)
    for _ in range(2):
        top = source.read_tile(0, 0, 0)
        assert np.abs(top.astype(int) - picture[:256, :256]).max() <= (6 if format == "JPEG" else 0)
        with pytest.raises(DecodeError, match="lines can be decoded") as caught:
            source.read_tile(0, 1, 6)
        assert "/" not in str(caught.value)
        with pytest.raises(DecodeError):
            source.read_region(0, Region(0, 0, 600, 1600), Size(60, 160))


BROKEN_TILE = """
    import sys
    import numpy as np
    {choose}
    from iipserve.errors import DecodeError
    from iipserve import libvips
    from iipserve.sources.vips import FORMAT
    from tests.contracts.source import open_source
    print(libvips.library_version())
    tiled, striped, picture = sys.argv[1:]
    picture = np.load(picture)
    for path, bad_row in ((tiled, 1), (striped, 1)):
        source = open_source(FORMAT, path)
        assert np.array_equal(source.read_tile(0, 0, 0), picture[:256, :256])
        try:
            pixels = source.read_tile(0, 0, bad_row)
        except DecodeError as error:
            assert "/" not in str(error), error
        else:
            raise SystemExit(f"no error, mean {{pixels.mean()}}")
    source = open_source(FORMAT, tiled)
    assert np.array_equal(source.read_tile(0, 1, 1), picture[256:512, 256:512])
"""

BUILDS = [
    pytest.param("", id="as installed"),
    pytest.param("sys.modules['_libvips'] = None", id="of the system"),
]


def system_libvips() -> bool:
    """Whether a libvips can be loaded by its name, as pyvips does without its wheel."""
    script = "import sys; sys.modules['_libvips'] = None; import pyvips"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def broken_tiffs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A tiled and a striped TIFF whose second row of data is destroyed, and the picture."""
    folder = tmp_path_factory.mktemp("broken")
    picture = gradient((512, 512))
    np.save(folder / "picture.npy", picture)
    write_tiff_pyramid(folder / "tiled.tif", [picture], tile=(256, 256), compression="lzw")
    tifffile.imwrite(
        folder / "striped.tif", picture, rowsperstrip=256, compression="lzw", photometric="rgb", metadata=None
    )
    for name, number in (("tiled.tif", 2), ("striped.tif", 1)):
        with tifffile.TiffFile(folder / name) as tiff:
            page = tiff.pages[0]
            offset, count = page.dataoffsets[number], page.databytecounts[number]
        with (folder / name).open("r+b") as file:
            file.seek(offset)
            file.write(np.random.default_rng(1).bytes(count))
    return [str(folder / name) for name in ("tiled.tif", "striped.tif", "picture.npy")]


@pytest.mark.parametrize("choose", BUILDS)
def test_a_tile_that_cannot_be_decoded_is_an_error_never_black(broken_tiffs: list[str], choose: str) -> None:
    if choose and not system_libvips():
        choose = ""  # only one build here: it is the one that counts
    script = textwrap.dedent(BROKEN_TILE.format(choose=choose))
    result = subprocess.run(
        [sys.executable, "-c", script, *broken_tiffs], capture_output=True, text=True, timeout=60, check=False,
        cwd=Path(iipserve.__file__).parents[1],
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")


def test_turned_pictures_that_are_cut_fail_where_they_end(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (1600, 600, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # the stored top is the right edge
    path = tmp_path / "a"
    as_image(noise).save(path, "PNG", exif=exif)
    os.truncate(path, path.stat().st_size * 7 // 10)
    source = open_source(FORMAT, path)
    assert source.info.size == Size(1600, 600)
    shown = np.rot90(noise, -1)
    assert np.array_equal(source.read_tile(0, 5, 1), shown[256:512, 1280:1536])
    with pytest.raises(DecodeError, match="lines can be decoded"):
        source.read_tile(0, 0, 0)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF"])
def test_damaged_data_never_does_worse_than_an_error(tmp_path: Path, format: str) -> None:
    buffer = io.BytesIO()
    as_image(smooth((200, 150))).save(buffer, format)
    rng = np.random.default_rng(5)
    for _ in range(40):
        data = np.frombuffer(buffer.getvalue(), np.uint8).copy()
        places = rng.integers(16, len(data), 6)
        data[places] = rng.integers(0, 256, 6)
        (tmp_path / "a").write_bytes(data[: rng.integers(100, 2 * len(data))].tobytes())
        messages = []
        try:
            whole(open_source(FORMAT, tmp_path / "a"))
        except IIPServeError as error:
            messages.append(str(error))
        assert not any(str(tmp_path) in message for message in messages)


# -- files and memory ------------------------------------------------------------------------------


def test_a_replaced_file_is_not_mixed_with_the_old_one(tmp_path: Path) -> None:
    old, new = gradient((600, 400)), 255 - gradient((600, 400))
    path = tmp_path / "a"
    as_image(old).save(path, "PNG")
    source = open_source(FORMAT, path)
    as_image(new).save(tmp_path / "b", "PNG")
    (tmp_path / "b").replace(path)
    assert np.array_equal(source.read_tile(0, 1, 1), old[256:, 256:512])
    assert np.array_equal(open_source(FORMAT, path).read_tile(0, 1, 1), new[256:, 256:512])


def test_another_file_on_the_same_descriptor_shows_its_own_pixels(tmp_path: Path) -> None:
    pictures = [gradient((300, 300)), 255 - gradient((300, 300))]
    for number, picture in enumerate(pictures):
        as_image(picture).save(tmp_path / str(number), "PNG")
    for _ in range(3):
        for number, picture in enumerate(pictures):
            source = open_source(FORMAT, tmp_path / str(number))
            assert np.array_equal(whole(source), picture)
            del source
            gc.collect()


def test_the_descriptor_lives_as_long_as_the_source(tmp_path: Path) -> None:
    as_image(gradient((300, 300))).save(tmp_path / "a", "PNG")
    file = open_file(tmp_path / "a")
    source: Source | None = FORMAT.open(file)
    assert source is not None
    source.read_tile(0, 0, 0)
    os.fstat(file.descriptor)
    del source
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.descriptor)


def test_a_file_is_unpacked_once_whatever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_image(gradient((1000, 700))).save(tmp_path / "a", "PNG")
    source = open_source(FORMAT, tmp_path / "a")
    calls = []
    original = pyvips.Operation.call
    monkeypatch.setattr(
        pyvips.Operation, "call", lambda name, *a, **k: calls.append(name) or original(name, *a, **k)
    )
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda tile: source.read_tile(*tile), tiles_of(source) * 2))
    assert calls.count("pngload") == 1


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_image(gradient((300, 300))).save(tmp_path / "a", "PNG")
    source = open_source(FORMAT, tmp_path / "a")
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(DecodeError, match="no room"):
            source.read_tile(0, 0, 0)
    assert source.read_tile(0, 0, 0).shape == (256, 256, 3)


@pytest.mark.parametrize(("primary", "pages"), [(0, [0, 1, 2, 3]), (2, [2, 0, 1, 3]), (3, [3, 0, 1, 2])])
def test_the_primary_image_of_heif_is_the_first_layer(primary: int, pages: list[int]) -> None:
    image = pyvips.Image.black(4, 3)
    image.set_type(pyvips.GValue.gint_type, "heif-primary", primary)
    # of layer 0 no page is named, which is the primary one
    assert [primary, *(_page_of(image, layer, 4) for layer in range(1, 4))] == pages
    with pytest.raises(ImageNotFound, match="has 0 to 3"):
        _page_of(image, 4, 4)
