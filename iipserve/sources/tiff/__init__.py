"""TIFF and BigTIFF: tiles are read one by one, strips are spooled once."""

from __future__ import annotations

from iipserve.containers.ifd import VARIANTS, Directory, Reader, read_chain
from iipserve.containers.tags import COMPRESSION, TILE_WIDTH, Compression
from iipserve.sources import OpenFile, Source, SourceFormat, closed_on_error
from iipserve.sources.tiff.pages import page_of_layer, read_strip_pages, read_tiled_pages
from iipserve.sources.tiff.strips import open_strips
from iipserve.sources.tiff.support import support
from iipserve.sources.tiff.tiled import open_tiled


def _open(file: OpenFile) -> Source:
    """Open one image as what its directory says it is, tiles or strips.

    Raises:
        UnsupportedImage: the image is stored in a way that is not supported.
        DecodeError: the directories are damaged.
        ImageNotFound: the file has no such layer.
    """
    with closed_on_error(file):
        chain = tuple(read_chain(Reader.of(file.descriptor, file.head, file.version.length)))
        open_pages, pages = open_tiled, read_tiled_pages(chain)
        if _is_spooled(chain[0]):
            with_strips = read_strip_pages(chain)
            if _is_spooled(page_of_layer(with_strips, file.layer).first):
                open_pages, pages = open_strips, with_strips
    return open_pages(file, pages)


def _is_spooled(directory: Directory) -> bool:
    """Whether the image is in strips, or in tiles that can only be decoded all at once."""
    return TILE_WIDTH not in directory or directory.integer(COMPRESSION, 1) == Compression.OLD_JPEG


def _matches(head: bytes) -> bool:
    return head[:4] in VARIANTS


FORMAT = SourceFormat("tiff", _matches, _open, support=support)
