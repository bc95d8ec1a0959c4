"""SVG and PDF: drawn at the stated resolution, complete or refused."""

from __future__ import annotations

import io
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.config import Config
from iipserve.errors import DecodeError, ImageNotFound, UnsupportedImage
from iipserve.geometry import Region, Size
from iipserve.image import StackLayer
from iipserve.sources import Source, SourceFormat, pdf, svg
from tests.contracts.source import open_file


def opened(format: SourceFormat, path: Path, config: Config | None = None, layer: int = 0) -> Source:
    file = replace(open_file(path, layer=layer), config=config or Config())
    assert format.matches(file.head)
    return format.open(file)


def whole(source: Source) -> NDArray[np.generic]:
    return source.read_region(0, Region.of_size(source.info.size), source.info.size)


# -- SVG -------------------------------------------------------------------------------------------

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="20">'
RED = '<rect x="0" y="0" width="10" height="20" fill="#f00"/>'


def svg_file(path: Path, content: str, before: str = "") -> Path:
    path.write_text(f"{before}{HEAD}{content}</svg>")
    return path


@pytest.mark.parametrize(("dpi", "scale"), [(96.0, 1), (192.0, 2), (48.0, 0.5)])
def test_svg_is_drawn_at_the_resolution_of_the_setting(tmp_path: Path, dpi: float, scale: float) -> None:
    source = opened(svg.FORMAT, svg_file(tmp_path / "a", RED), Config(svg_dpi=dpi))
    assert source.info.size == Size(round(40 * scale), round(20 * scale))
    assert source.info.has_alpha
    assert source.info.resolution is not None
    assert source.info.resolution.per_inch == pytest.approx((dpi, dpi))
    pixels, edge = whole(source), round(10 * scale)
    assert (pixels[:, :edge] == (255, 0, 0, 255)).all()
    assert (pixels[:, edge:, 3] == 0).all()


ENTITIES = '<!DOCTYPE svg [<!ENTITY r "#f00">]>'
INSIDE = [
    ("", f'<defs><g id="a">{RED}</g></defs><use xlink:href="#a"/><use href="#a"/>'),
    ("", '<a href="https://example.org/">' + RED + "</a>"),
    ("", '<linearGradient id="g"/><rect width="9" height="9" style="fill: url(#g)"/><style>a{}</style>'),
    (ENTITIES, '<rect width="9" height="9" fill="&r;"/>'),
    ('<?xml version="1.0" standalone="no"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">', RED),
    ("<!-- a comment -->", RED),
]


@pytest.mark.parametrize(("before", "content"), INSIDE)
def test_svg_that_is_complete(tmp_path: Path, before: str, content: str) -> None:
    assert whole(opened(svg.FORMAT, svg_file(tmp_path / "a", content, before)))[3, 3, 3] in (0, 255)


OUTSIDE = [
    ("", '<image href="other.png" width="9" height="9"/>'),
    ("", '<image xlink:href="file:///etc/passwd" width="9" height="9"/>'),
    ("", '<use href="other.svg#a"/>'),
    ("", '<rect width="9" height="9" fill="url(other.svg#g)"/>'),
    ("", "<rect width='9' height='9' style='fill: url( \"other.svg#g\")'/>"),
    ("", "<style>@import 'other.css';</style>"),
    ("", "<style>rect { fill: url(other.svg#g) }</style>"),
    ("", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="other.svg"/>'),
    ('<?xml-stylesheet href="other.css"?>', RED),
    ('<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "<text>&x;</text>"),
]


@pytest.mark.parametrize(("before", "content"), OUTSIDE)
def test_svg_with_other_files_is_refused(tmp_path: Path, before: str, content: str) -> None:
    path = svg_file(tmp_path / "a", content, before)
    if not svg.FORMAT.matches(path.read_bytes()[:64]):
        path.write_text('<?xml version="1.0"?>' + path.read_text())
    with pytest.raises(UnsupportedImage, match="refers to another file"):
        opened(svg.FORMAT, path)


def bomb() -> str:
    entities = "".join(
        f'<!ENTITY e{index} "{f"&e{index - 1};" * 10 if index else "aaaaaaaaaa"}">' for index in range(12)
    )
    return f"<!DOCTYPE svg [{entities}]>"


@pytest.mark.parametrize(
    ("before", "content"),
    [
        (bomb(), "<text>&e11;</text>"),
        ("", "<rect"),
        ('<?xml version="1.0"?><html/>', ""),
        ("", "<g>" * 1000),
        ("<!--" + "a" * 11_000_000 + "-->", RED),
    ],
    ids=["entities", "cut off", "two roots", "not closed", "long"],
)
def test_refused_svg(tmp_path: Path, before: str, content: str) -> None:
    with pytest.raises(UnsupportedImage):
        opened(svg.FORMAT, svg_file(tmp_path / "a", content, before))


def test_other_xml_is_refused_by_its_root(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('<?xml version="1.0"?><OME/>')
    with pytest.raises(UnsupportedImage, match="its root is 'OME'"):
        opened(svg.FORMAT, tmp_path / "a")


def test_svg_too_large_at_this_resolution(tmp_path: Path) -> None:
    svg_file(tmp_path / "a", RED)
    text = (tmp_path / "a").read_text().replace('width="40"', 'width="40000"')
    (tmp_path / "a").write_text(text)
    with pytest.raises(UnsupportedImage, match="40000 x 20 pixels"):
        opened(svg.FORMAT, tmp_path / "a")


# -- PDF -------------------------------------------------------------------------------------------


def pdf_file(path: Path, *pages: tuple[float, float, str]) -> Path:
    """Pages of width, height in points and content, without outside help."""
    out, offsets = io.BytesIO(), []

    def add(body: bytes) -> int:
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (len(offsets), body))
        return len(offsets)

    out.write(b"%PDF-1.4\n")
    kids = " ".join(f"{3 + 2 * index} 0 R" for index in range(len(pages)))
    add(b"<</Type/Catalog/Pages 2 0 R>>")
    add(f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode())
    for index, (width, height, content) in enumerate(pages):
        stream = zlib.compress(content.encode())
        add(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]/Contents {4 + 2 * index} 0 R>>".encode()
        )
        add(b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(stream), stream))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1))
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, start))
    path.write_bytes(out.getvalue())
    return path


LEFT_RED = "1 0 0 rg 0 0 36 144 re f"


@pytest.mark.parametrize("dpi", [72.0, 144.0, 300.0])
def test_pdf_is_drawn_at_the_resolution_of_the_setting(tmp_path: Path, dpi: float) -> None:
    source = opened(pdf.FORMAT, pdf_file(tmp_path / "a", (72, 144, LEFT_RED)), Config(pdf_dpi=dpi))
    assert source.info.size == Size(round(dpi), round(2 * dpi))
    assert source.info.resolution is not None
    assert source.info.resolution.per_inch == pytest.approx((dpi, dpi))
    pixels, edge = whole(source), round(dpi / 2)
    assert (pixels[:, :edge] == (255, 0, 0)).all()
    assert (pixels[:, edge:] == 255).all()


def test_pages_are_a_stack(tmp_path: Path) -> None:
    pdf_file(tmp_path / "a", (72, 144, LEFT_RED), (144, 72, "0 0 1 rg 0 0 144 72 re f"))
    stack = opened(pdf.FORMAT, tmp_path / "a").info.stack
    assert stack == (StackLayer("page 1"), StackLayer("page 2"))
    second = opened(pdf.FORMAT, tmp_path / "a", layer=1)
    assert second.info.size == Size(600, 300)
    assert (whole(second) == (0, 0, 255)).all()
    with pytest.raises(ImageNotFound, match="0 to 1"):
        opened(pdf.FORMAT, tmp_path / "a", layer=2)


def test_strips_of_a_page_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "2 w " + " ".join(f"{x} 0 m {144 - x} 144 l S" for x in range(0, 145, 7))
    pdf_file(tmp_path / "a", (144, 144, content))
    expected = whole(opened(pdf.FORMAT, tmp_path / "a"))
    monkeypatch.setattr(pdf, "STRIP_BYTES", 4 * 600 * 77)
    apart = whole(opened(pdf.FORMAT, tmp_path / "a")).astype(int) - expected
    assert np.abs(apart).max() <= 2  # of coverage, rounded anew in each strip


def test_many_threads_draw(tmp_path: Path) -> None:
    pages = [(72, 72, f"{index / 7} g 0 0 72 72 re f") for index in range(8)]
    pdf_file(tmp_path / "a", *pages)
    with ThreadPoolExecutor(4) as pool:
        grays = list(
            pool.map(lambda page: int(whole(opened(pdf.FORMAT, tmp_path / "a", layer=page)).max()), range(8))
        )
    assert grays == pytest.approx([255 * index / 7 for index in range(8)], abs=1)


@pytest.mark.parametrize("content", [b"%PDF-1.4\nrubbish", b"%PDF-1.4\n"])
def test_damaged_pdf(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UnsupportedImage, match="cannot be read"):
        opened(pdf.FORMAT, tmp_path / "a")


def test_a_page_too_large_at_this_resolution(tmp_path: Path) -> None:
    pdf_file(tmp_path / "a", (14_400, 72, ""))
    with pytest.raises(UnsupportedImage, match="PDF_DPI"):
        opened(pdf.FORMAT, tmp_path / "a")


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(UnsupportedImage, match="pypdfium2"):
        opened(pdf.FORMAT, pdf_file(tmp_path / "a", (72, 72, "")))


def test_a_file_cut_off_while_open_is_an_error(tmp_path: Path) -> None:
    path = pdf_file(tmp_path / "a", (72, 144, LEFT_RED))
    source = opened(pdf.FORMAT, path)
    path.write_bytes(b"")
    with pytest.raises(DecodeError):
        whole(source)
