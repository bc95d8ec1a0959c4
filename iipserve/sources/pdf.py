"""Pages of PDF files, drawn by PDFium at the resolution that PDF_DPI states. Pages are a stack."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from iipserve.errors import DecodeError, ImageNotFound, UnsupportedImage
from iipserve.geometry import Size, round_half_up
from iipserve.image import ColorSpace, PhysicalResolution, StackLayer
from iipserve.sources import OpenFile, Source, SourceFormat, Support, closed_on_error
from iipserve.sources.rows import RowSource, plain_info

POINTS_PER_INCH = 72
MAX_PAGES = 10_000
MAX_SIDE = 32_767
"""Pixels that PDFium draws."""
STRIP_BYTES = 32 << 20
"""Memory in which a page is drawn; longer pages are drawn in several strips."""
LOCK = threading.Lock()
"""PDFium may be used by one thread at a time."""
WHITE = 0xFFFFFFFF


def _open(file: OpenFile) -> Source:
    """One page of a file.

    Raises:
        UnsupportedImage: PDFium is not installed or cannot read the file, or the page is too large.
        ImageNotFound: the file has no such page.
    """
    with closed_on_error(file):
        pages, size = _page_size(file)
        density = file.config.pdf_dpi / 0.0254
        info = plain_info(
            file, "pdf", size, "uint8", ColorSpace.SRGB, ((0.0, 255.0),) * 3, bands=3, bits=8,
            resolution=PhysicalResolution(density, density),
            stack=tuple(StackLayer(f"page {index + 1}") for index in range(pages)) if pages > 1 else (),
        )  # fmt: skip
    return RowSource(file, info, lambda: _strips(file, size))


def _library() -> ModuleType:
    """The package with PDFium.

    Raises:
        UnsupportedImage: it is not installed.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise UnsupportedImage(
            "PDF files need the Python package pypdfium2, which is not installed"
        ) from error
    module: ModuleType = pypdfium2
    return module


@contextmanager
def _document(file: OpenFile) -> Iterator[Any]:
    """The opened document, while no other thread uses PDFium.

    Raises:
        UnsupportedImage: it cannot be read.
    """
    library = _library()
    with LOCK:
        try:
            document = library.PdfDocument(io.BufferedReader(_PositionedFile(file)), autoclose=True)
        except library.PdfiumError as error:
            raise UnsupportedImage(f"the PDF file cannot be read: {error}") from error
        try:
            yield document
        finally:
            document.close()


def _page_size(file: OpenFile) -> tuple[int, Size]:
    """Number of pages, and size of the selected one in pixels."""
    with _document(file) as document:
        pages = min(len(document), MAX_PAGES)
        if not 0 <= file.layer < pages:
            raise ImageNotFound(f"there is no page {file.layer}; the file has 0 to {pages - 1}")
        try:
            points = document.get_page_size(file.layer)
        except _library().PdfiumError as error:
            raise UnsupportedImage(f"page {file.layer} of the PDF file cannot be read: {error}") from error
    scale = file.config.pdf_dpi / POINTS_PER_INCH
    width, height = (max(1, round_half_up(side * scale)) for side in points)
    if max(width, height) > MAX_SIDE:
        raise UnsupportedImage(
            f"page {file.layer} of the PDF file has {width} x {height} pixels at {file.config.pdf_dpi:g} dpi; "
            f"at most {MAX_SIDE} on a side are supported; PDF_DPI sets the resolution"
        )
    return pages, Size(width, height)


def _strips(file: OpenFile, size: Size) -> Iterator[memoryview]:
    """The page in strips; each is drawn with the whole page's content, clipped.

    Raises:
        DecodeError: the page cannot be drawn.
    """
    rows = max(1, STRIP_BYTES // (4 * size.width))
    for top in range(0, size.height, rows):
        try:
            yield _strip(file, size, top, min(rows, size.height - top))
        except UnsupportedImage as error:
            raise DecodeError(str(error)) from error


def _strip(file: OpenFile, size: Size, top: int, rows: int) -> memoryview:
    library = _library()
    raw = library.raw
    with _document(file) as document:
        try:
            page = document[file.layer]
            bitmap = library.PdfBitmap.new_native(size.width, rows, raw.FPDFBitmap_BGRx)
        except library.PdfiumError as error:
            raise DecodeError(f"the page cannot be drawn: {error}") from error
        raw.FPDFBitmap_FillRect(bitmap, 0, 0, size.width, rows, WHITE)
        raw.FPDF_RenderPageBitmap(bitmap, page, 0, -top, size.width, size.height, 0, raw.FPDF_ANNOT)
        pixels = np.ascontiguousarray(bitmap.to_numpy()[:, :, 2::-1])
        bitmap.close()
        page.close()
    return pixels.data.cast("B")


class _PositionedFile(io.RawIOBase):
    """A file read by position, whose descriptor stays open."""

    def __init__(self, file: OpenFile) -> None:
        self._descriptor, self._length, self._offset = file.descriptor, file.version.length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._offset}.get(whence, self._length)
        self._offset = start + offset
        return self._offset

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._descriptor, len(buffer), self._offset)
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)


def _support() -> list[Support]:
    try:
        return [Support("PDF", f"pypdfium2 {_library().PYPDFIUM_INFO}")]
    except UnsupportedImage as error:
        return [Support("PDF", "", str(error))]


FORMAT = SourceFormat("pdf", lambda head: head.startswith(b"%PDF-"), _open, optional=True, support=_support)
