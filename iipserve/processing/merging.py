"""Pictures of which each pixel of the result shows the mean, or the least or greatest value, of those that have one."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Region, Size
from iipserve.processing import Pixels
from iipserve.processing.layering import with_bands, within


class Merging(ABC):
    """What has been merged of pictures that have a place in the result. Opacity is the greatest of theirs."""

    def __init__(self, size: Size, bands: int = 4) -> None:
        """Nothing is there yet.

        Args:
            size: of the result.
            bands: of the result: 4, or 2 if all pictures are gray.
        """
        self._size = size
        self._bands = bands
        self._result: Pixels | None = None
        """Colors as far as they are known, and opacity."""

    def add(self, pixels: Pixels, place: Region) -> None:
        """Merge a picture.

        Args:
            pixels: gray or RGB, with or without opacity, of 8 or 16 bits; all of one type.
            place: where in the result it is.
        """
        picture = with_bands(pixels, self._bands)
        if self._result is None:
            self._result = np.zeros((self._size.height, self._size.width, self._bands), picture.dtype)
        result = self._result[within(place)]
        self._merge(picture, result, place)
        np.maximum(result[..., -1], picture[..., -1], out=result[..., -1])

    @property
    def is_empty(self) -> bool:
        """No picture was added."""
        return self._result is None

    @abstractmethod
    def _merge(self, picture: Pixels, result: Pixels, place: Region) -> None:
        """Take the colors of a picture into account.

        Args:
            picture: with opacity.
            result: as of `_result`, in the place of the picture; opacity is that of the pictures before.
            place: of the picture.
        """

    def pixels(self) -> Pixels:
        """Colors and opacity of all pictures that were added, of which there must be one."""
        assert self._result is not None
        return self._result


class Mean(Merging):
    """The means of colors, weighted by opacity, rounded to the nearest."""

    def __init__(self, size: Size, bands: int = 4) -> None:
        """Nothing is there yet; arguments as of `Merging`."""
        super().__init__(size, bands)
        self._sums: NDArray[np.float32] = np.zeros((size.height, size.width, bands), np.float32)
        """Of colors, weighted, and of weights."""

    def _merge(self, picture: Pixels, result: Pixels, place: Region) -> None:
        weighted = picture.astype(np.float32)
        weighted[..., -1] /= np.iinfo(picture.dtype.name).max
        weighted[..., :-1] *= weighted[..., -1:]
        self._sums[within(place)] += weighted

    def pixels(self) -> Pixels:
        """As `Merging.pixels`."""
        result = super().pixels()
        weights = np.maximum(self._sums[..., -1], np.float32(1e-6))
        maximum = np.iinfo(result.dtype.name).max
        for band in range(self._bands - 1):
            result[..., band] = np.clip(np.rint(self._sums[..., band] / weights), 0, maximum)
        return result


class Least(Merging):
    """The least value of each band by itself, of the pictures that are not clear there."""

    def _merge(self, picture: Pixels, result: Pixels, place: Region) -> None:
        self._choose(picture, result, np.less)

    def _choose(self, picture: Pixels, result: Pixels, is_better: np.ufunc) -> None:
        shown, is_first = picture[..., -1] > 0, result[..., -1] == 0  # type: ignore[operator]
        for band in range(self._bands - 1):
            colors, best = picture[..., band], result[..., band]
            np.copyto(best, colors, where=shown & (is_first | is_better(colors, best)))


class Greatest(Least):
    """The greatest value of each band by itself, of the pictures that are not clear there."""

    def _merge(self, picture: Pixels, result: Pixels, place: Region) -> None:
        self._choose(picture, result, np.greater)
