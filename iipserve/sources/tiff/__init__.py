"""TIFF and BigTIFF: tiles are read one by one, strips are spooled once."""

from __future__ import annotations

from iipserve.containers.ifd import VARIANTS, Directory, Reader, read_chain
from iipserve.sources import OpenFile, Source, SourceFormat, closed_on_error
from iipserve.sources.tiff import strips, tiled
from iipserve.sources.tiff.comparison import Comparison
from iipserve.sources.tiff.pages import page_of_layer, read_pages, without_unreadable
from iipserve.sources.tiff.plain_pyramid import read_plain
from iipserve.sources.tiff.support import support


def _open(file: OpenFile) -> Source:
    """Open one image as what its directory says it is, tiles or strips.

    Raises:
        UnsupportedImage: the image is stored in a way that is not supported.
        DecodeError: the directories are damaged.
        ImageNotFound: the file has no such layer.
    """
    with closed_on_error(file):
        chain = tuple(read_chain(Reader.of(file.read_at, file.head, file.version.length)))
        plain = read_plain(chain) if file.layer == 0 else None
    return tiled.open_plain(file, chain[0], plain) if plain is not None else open_grouped(file, chain)


def open_grouped(file: OpenFile, chain: tuple[Directory, ...]) -> Source:
    """Open one image of a file of any number of images."""
    same, length = Comparison(file), file.version.length
    with closed_on_error(file):
        pages = without_unreadable(
            read_pages(chain, same),
            lambda page: tiled.can_open(page) if page.is_tiled else strips.can_open(page, length),
        )
        is_tiled = page_of_layer(pages, file.layer).is_tiled
    return tiled.open_tiled(file, pages, same) if is_tiled else strips.open_strips(file, pages)


def _matches(head: bytes) -> bool:
    return head[:4] in VARIANTS


FORMAT = SourceFormat("tiff", _matches, _open, support=support)
