"""Pages of test files, described by what their directories say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tests.tiff_corpus.layout import DEFLATE, RGB, Layout
from tests.tiff_corpus.tiff_writer import SHORT, Page


class Directory(NamedTuple):
    """A directory of a test file: side lengths, NewSubfileType, and what else it has."""

    size: tuple[int, int]
    kind: int | None = 0
    bands: int = 1
    tiled: bool = True
    below: tuple[Directory, ...] = ()
    """SubIFDs."""
    old_kind: int = 0
    """SubfileType."""


def page_of(directory: Directory, value: int) -> Page:
    """A page all of one value."""
    pixels = np.full((directory.size[1], directory.size[0], directory.bands), value, np.uint8)
    layout = Layout(compression=DEFLATE, photometric=RGB if directory.bands == 3 else 1)
    reduced = [page_of(one, value) for one in directory.below]
    page = layout.page(pixels, kind=directory.kind or 0, reduced=reduced)
    fields = dict(page.fields)
    if directory.kind is None:
        del fields[254]
    if directory.old_kind:
        fields[255] = SHORT, [directory.old_kind]
    if not directory.tiled:
        del fields[322], fields[323]
    return Page(fields, page.tiles, page.reduced)
