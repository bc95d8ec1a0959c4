"""Which files are opened, by which loader, and which are refused."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pyvips

from iipserve import libvips
from iipserve.errors import UnsupportedImage
from iipserve.geometry import Size
from iipserve.sources.vips import FORMAT
from iipserve.sources.vips.source import loader_of
from tests.contracts.source import open_file, open_source
from tests.images import gradient
from tests.sources.vips.files import as_image
from tests.tiff_corpus.further import KINDS

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
    pytest.param(b"P6\n100 100\n255\n", None, id="PPM"),
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
def test_chooses_the_loader_by_the_first_bytes(head: bytes, loader: str | None) -> None:
    assert loader_of(head) == loader
    assert FORMAT.matches(head) is (loader is not None)


def test_it_is_asked_last() -> None:
    assert FORMAT.fallback


def test_other_loaders_are_blocked(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_file(str(tmp_path / "a.svg"))


def test_a_format_this_libvips_lacks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"GIF89a")
    monkeypatch.setattr(libvips, "knows", lambda operation: operation != "gifload")
    with pytest.raises(UnsupportedImage, match="cannot read GIF files"):
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
