"""Scaling of pixels in memory, by libvips."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock
from typing import NamedTuple

import numpy as np

from iipserve import libvips
from iipserve.geometry import Size
from iipserve.libvips import pyvips
from iipserve.processing import Pixels
from iipserve.processing.layout import has_alpha

MAX_KEPT = 16
"""Resizers that are kept."""
MAX_USES = 256
"""Of one resizer: libvips (8.18) keeps 300 bytes of each computation as long as the image that is computed."""
MAX_KEPT_BYTES = 1 << 20
"""Of the pixels that a kept one takes: setting up libvips' operations takes longer than to compute so few."""


class _Form(NamedTuple):
    """What a resizer is for."""

    shape: tuple[int, ...]
    dtype: str
    size: Size
    is_clear: bool
    """Opacity is not full everywhere."""


class _Resizer:
    """libvips' operations, set up once for all pixels of one form."""

    def __init__(self, form: _Form) -> None:
        self._pixels = np.empty(form.shape, form.dtype)
        self._result = libvips.resized(libvips.from_pixels(self._pixels), form.size, alpha=form.is_clear)
        self.uses = 0

    def __call__(self, pixels: Pixels) -> Pixels:
        self.uses += 1
        np.copyto(self._pixels, pixels)
        return libvips.to_pixels(self._result)


_idle: OrderedDict[_Form, _Resizer] = OrderedDict()
"""Those that no thread uses, the one used last at the end."""
_idle_lock = Lock()


def scale(pixels: Pixels, size: Size, *, nearest: bool = False) -> Pixels:
    """The pixels, of 8 or 16 bits, at exactly `size`, larger or smaller.

    Reduction does not alias: whole ratios on both axes average, others use Lanczos. Enlargement is bicubic.
    Colors are weighted by opacity, the last of 2 or 4 bands, so that clear pixels contribute none.

    Args:
        pixels: to scale; returned unchanged if they have the size.
        size: of the result, in pixels.
        nearest: repeat and drop pixels instead, as iipsrv does (pixel `i` comes from `floor(i * from / to)`).
    """
    height, width = pixels.shape[:2]
    if (width, height) == (size.width, size.height):
        return pixels
    if nearest:
        down = np.arange(size.height) * height // size.height
        across = np.arange(size.width) * width // size.width
        return pixels.take(down, axis=0).take(across, axis=1)
    if pixels.nbytes > MAX_KEPT_BYTES:
        pixels = np.ascontiguousarray(pixels)
        return libvips.to_pixels(_resized(pixels, size))
    form = _Form(pixels.shape, pixels.dtype.name, size, _is_clear(pixels))
    with _idle_lock:
        resizer = _idle.pop(form, None)
    if resizer is None:
        resizer = _Resizer(form)
    result = resizer(pixels)
    with _idle_lock:
        if resizer.uses < MAX_USES:
            _idle[form] = resizer
        if len(_idle) > MAX_KEPT:
            _idle.popitem(last=False)
    return result


def scale_in_strips(pixels: Pixels, size: Size, rows: int, *, nearest: bool = False) -> Iterator[Pixels]:
    """What `scale` returns, in strips of `rows` rows, each made on demand."""
    pixels = np.ascontiguousarray(pixels)
    height, image = pixels.shape[0], _resized(pixels, size)
    for top in range(0, size.height, rows):
        bottom = min(top + rows, size.height)
        if nearest:
            down = np.arange(top, bottom) * height // size.height
            yield scale(pixels.take(down, axis=0), Size(size.width, bottom - top), nearest=True)
        else:
            yield libvips.to_pixels(image.crop(0, top, size.width, bottom - top))


def _resized(pixels: Pixels, size: Size) -> pyvips.Image:
    """Contiguous pixels at another size. Evaluated lazily: the pixels must be kept until then."""
    return libvips.resized(libvips.from_pixels(pixels), size, alpha=_is_clear(pixels))


def _is_clear(pixels: Pixels) -> bool:
    """Whether opacity is not full everywhere."""
    opaque = (1 << 8 * pixels.itemsize) - 1
    return has_alpha(pixels.shape[2]) and bool(np.any(pixels[:, :, -1] != opaque))
