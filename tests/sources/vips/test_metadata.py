"""Metadata of files that libvips opens."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from iipserve.codecs import Metadata, png, png_chunks
from iipserve.containers.png import unpacks_to_more
from iipserve.geometry import Size
from iipserve.image import ColorSpace
from iipserve.plan import Encoding
from iipserve.sources.vips import FORMAT
from tests.bombs import black_png, packed_zeros, png_chunk
from tests.contracts.source import open_source
from tests.images import gradient, smooth
from tests.sources.vips.files import as_image
from tests.tiff_corpus.profiles import SRGB_PROFILE

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


# -- texts and Exif of PNG ---------------------------------------------------------------------------


def png_with(path: Path, *chunks: bytes) -> None:
    """A PNG of 64 x 48 pixels with further chunks before its pixels."""
    buffer = io.BytesIO()
    as_image(smooth((64, 48))).save(buffer, "PNG")
    data = buffer.getvalue()
    path.write_bytes(b"".join((data[:33], *chunks, data[33:])))


@pytest.mark.parametrize("kind", ["tEXt", "zTXt"])
def test_texts_in_latin_1(tmp_path: Path, kind: str) -> None:
    """Keywords and texts of PNG are Latin-1 (PNG 3, sections 11.3.3.2 and 11.3.3.3)."""
    texts = {"Überschrift": "nichts", "Title": "Blätter", "Author": "plain"}
    chunks = []
    for keyword, text in texts.items():
        body = text.encode("latin-1")
        content = b"\0" + zlib.compress(body) if kind == "zTXt" else body
        chunks.append(png_chunks.chunk(kind.encode(), keyword.encode("latin-1") + b"\0" + content))
    png_with(tmp_path / "a", *chunks)
    info = open_source(FORMAT, tmp_path / "a").info
    assert dict(info.text) == {"title": "Blätter", "creator": "plain"}


def test_international_texts_stay(tmp_path: Path) -> None:
    png_with(tmp_path / "a", png_chunks.international_text("Title", "Žluťoučký"))
    assert open_source(FORMAT, tmp_path / "a").info.text["title"] == "Žluťoučký"


def test_undecodable_text_of_exif_is_no_error(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "A #####"
    as_image(smooth((64, 48))).save(tmp_path / "a", "JPEG", exif=exif)
    data = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(data.replace(b"A #####", b"A \xe9\xff\xfe\x80\xf1"))
    assert open_source(FORMAT, tmp_path / "a").info.text["description"] == "A éÿþ\x80ñ"


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_exif_as_text(tmp_path: Path, name: str, zipped: bool) -> None:
    """As ImageMagick wrote it before PNG had eXIf: hexadecimal digits after a name and a length."""
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "A. Painter"
    block = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    digits = block.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = PngImagePlugin.PngInfo()
    text.add_text(f"Raw profile type {name}", f"\n{name}\n{len(block):8}\n{lines}\n", zip=zipped)
    as_image(smooth((64, 48))).save(tmp_path / "a", "PNG", pnginfo=text)
    info = open_source(FORMAT, tmp_path / "a").info
    assert info.size == Size(48, 64)
    assert info.exif == block.removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("text", ["", "\nexif\n", "\nexif\n 4\nxyz", "\nexif\n 2\n0"])
def test_damaged_exif_as_text_is_passed_over(tmp_path: Path, text: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", text)
    as_image(smooth((64, 48))).save(tmp_path / "a", "PNG", pnginfo=info)
    assert not open_source(FORMAT, tmp_path / "a").info.exif


@pytest.mark.parametrize("kind", [b"zTXt\0", b"iTXt\1\0en\0\0", b"iTXt\0\0en\0\0"])
@pytest.mark.parametrize("length", [1000, 200_000])
def test_compressed_texts_are_bounded(kind: bytes, length: int) -> None:
    is_packed = kind[4:6] != b"\0\0"
    content = b"Comment\0" + kind[4:] + (packed_zeros(length) if is_packed else bytes(length))
    file = black_png(8, interlaced=False, further=[png_chunk(kind[:4], content)])
    more = unpacks_to_more(lambda count, offset: file[offset : offset + count], 100_000)
    assert more is (is_packed and length > 100_000)
