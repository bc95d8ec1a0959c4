"""Kinds of TIFF files in strips: those of `tests.tiff_corpus`, and some that are never tiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import imagecodecs
import numpy as np
import tifffile

from iipserve.image import ColorSpace
from tests.tiff_corpus import KINDS
from tests.tiff_corpus.layout import Layout, Maker, Written, scene, span, whole
from tests.tiff_corpus.plain import as_image
from tests.tiff_corpus.tiff_writer import LONG, SHORT, Page, Samples, write_tiff

STRIP_ROWS = 38
"""Rows of a strip: no divisor of the height, and even, for colors that rows share."""


def striped_page(layout: Layout, pixels: Samples, *, kind: int = 0, reduced: Sequence[Page] = ()) -> Page:
    """As `Layout.page`, in strips."""
    height, width, bands = pixels.shape
    planes = np.split(pixels, bands, axis=2) if layout.planar else [pixels]
    strips = [
        (layout.encode or layout.encoded)(np.ascontiguousarray(plane[top : top + STRIP_ROWS]))
        for plane in planes
        for top in range(0, height, STRIP_ROWS)
    ]
    fields = {
        254: (LONG, [kind]), 256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [layout.bits] * bands),
        259: (SHORT, [layout.compression]), 262: (SHORT, [layout.photometric]), 277: (SHORT, [bands]),
        278: (LONG, [STRIP_ROWS]), 284: (SHORT, [1 + layout.planar]), 317: (SHORT, [layout.predictor]),
        339: (SHORT, [layout.format] * bands),
    }  # fmt: skip
    extra = {338: (SHORT, layout.extra)} if layout.extra else {}
    return Page({**fields, **extra, **layout.fields}, strips, reduced, striped=True)


def striped(name: str) -> Maker:
    """A kind of `tests.tiff_corpus` in strips, of which only the full size is shown."""

    def make(path: Path) -> Written:
        with mock.patch.object(Layout, "page", striped_page):
            written = KINDS[name](path)
        layers = [(title, levels[:1]) for title, levels in written.layers]
        return replace(written, levels=written.levels[:1], layers=layers)

    return make


def one_strip(path: Path) -> Written:
    """Uncompressed, all of it in one strip, whose height nobody tells."""
    (shown,) = whole([scene(3)], 16)
    tifffile.imwrite(path, shown, photometric="rgb", rowsperstrip=2**31 - 1, metadata=None)
    return Written([shown], ColorSpace.SRGB, 16, ranges=span(3, 0, 65535))


def jpeg_strips(path: Path) -> Written:
    """YCbCr in JPEG with halved chroma, by libtiff."""
    (shown,) = whole([scene(3)], 8)
    as_image(shown).save(path, "TIFF", compression="jpeg", quality=95)
    return Written([shown], ColorSpace.SRGB, ranges=span(3, 0, 255), tolerance=12)


def old_jpeg(bands: int) -> Maker:
    """A JPEG file that is the only strip, in the compression of 1992 (TIFF 6.0 section 22)."""

    def make(path: Path) -> Written:
        (shown,) = whole([scene(bands)], 8)
        chroma = "444" if bands == 3 else None
        stored = shown if bands == 3 else shown[:, :, 0]
        stream = bytes(imagecodecs.jpeg8_encode(stored, level=95, subsampling=chroma))
        height, width = shown.shape[:2]
        fields = {
            254: (LONG, [0]), 256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [8] * bands),
            259: (SHORT, [6]), 262: (SHORT, [6 if bands == 3 else 1]), 277: (SHORT, [bands]), 278: (LONG, [height]),
            512: (SHORT, [1]), 513: (LONG, [8]), 514: (LONG, [len(stream)]), 530: (SHORT, [1, 1]),
        }  # fmt: skip
        # the writer puts the first strip behind the header of 8 bytes, to where 513 leads
        write_tiff(path, [Page(fields, [stream], striped=True)])
        space = ColorSpace.SRGB if bands == 3 else ColorSpace.GRAY
        return Written([shown], space, ranges=span(bands, 0, 255), tolerance=4)

    return make


STRIPS: Mapping[str, Maker] = {
    **{f"strips-{name}": striped(name) for name in KINDS},
    "strips-one": one_strip,
    "strips-jpeg": jpeg_strips,
    "strips-old-jpeg": old_jpeg(3),
    "strips-old-jpeg-gray": old_jpeg(1),
}
