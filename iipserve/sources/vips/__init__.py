"""Other formats that libvips reads: JPEG, PNG, WebP, GIF, HEIF and more, each image decoded once."""

from __future__ import annotations

from iipserve.sources import SourceFormat
from iipserve.sources.vips.source import VipsSource, loader_of
from iipserve.sources.vips.support import support


def _matches(head: bytes) -> bool:
    return loader_of(head) is not None


FORMAT = SourceFormat("vips", _matches, VipsSource, fallback=True, support=support)
