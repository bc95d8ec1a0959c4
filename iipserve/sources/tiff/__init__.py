"""TIFF and BigTIFF: tiles are read one by one, strips are unpacked once."""

from __future__ import annotations

import os
from dataclasses import replace

from iipserve.containers.ifd import FORMATS
from iipserve.errors import UnsupportedImage
from iipserve.sources import OpenFile, Source, SourceFormat
from iipserve.sources.tiff.strips import open_strips
from iipserve.sources.tiff.tiled import open_tiled


def _open(file: OpenFile) -> Source:
    """The source for tiles, or the one for strips where the former does not read the file.

    Raises:
        UnsupportedImage: neither reads it.
        ImageNotFound: the file has no page of that number.
    """
    try:
        tiled = open_tiled(replace(file, descriptor=os.dup(file.descriptor)))
    except UnsupportedImage:
        return open_strips(file)
    except BaseException:
        os.close(file.descriptor)
        raise
    os.close(file.descriptor)
    return tiled


def _matches(head: bytes) -> bool:
    return head[:4] in FORMATS


FORMAT = SourceFormat("tiff", _matches, _open)
