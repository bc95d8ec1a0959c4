"""Samples of several images in the type and units of their files, of which one is made: the mean, the least or the greatest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.processing.missing import Mask

HALF_BITS = 32
"""Of integers, whose upper and lower halves are added up by themselves, so that sums of 64 bits are exact."""


class SampleMerging(ABC):
    """What has been made of the samples of some images, all of one type and shape."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Nothing is there yet.

        Args:
            shape: of the result.
            dtype: type of the samples.
        """
        self._dtype = dtype
        self._counts: NDArray[np.int64] = np.zeros(shape, np.int64)

    def add(self, samples: NDArray[Any], valid: Mask) -> None:
        """Take the samples of an image into account.

        Args:
            samples: of the shape of the result.
            valid: which of them there are, of the same shape.
        """
        self._merge(samples, valid)
        self._counts += valid

    @abstractmethod
    def _merge(self, samples: NDArray[Any], valid: Mask) -> None:
        """As `add`; `_counts` are those of the images before."""

    @abstractmethod
    def _merged(self) -> NDArray[Any]:
        """The result, with anything where no image has a sample."""

    def result(self, empty: NDArray[Any]) -> NDArray[Any]:
        """The samples that are made of all, in their type.

        Args:
            empty: what is shown where no image has a sample, of the shape of the result.
        """
        return np.where(self._counts > 0, self._merged(), empty)


class FloatMean(SampleMerging):
    """Means of floats, of sums in floats of 64 bits."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """As `SampleMerging`."""
        super().__init__(shape, dtype)
        self._sums: NDArray[np.float64] = np.zeros(shape, np.float64)

    def _merge(self, samples: NDArray[Any], valid: Mask) -> None:
        with np.errstate(all="ignore"):
            np.add(self._sums, samples, out=self._sums, where=valid)

    def _merged(self) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            return (self._sums / np.maximum(self._counts, 1)).astype(self._dtype)


class IntegerMean(SampleMerging):
    """Means of integers of any number of bits: exact, then rounded to the nearest integer, halves to the even one."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """As `SampleMerging`."""
        super().__init__(shape, dtype)
        self._upper: NDArray[np.int64] = np.zeros(shape, np.int64)
        self._lower: NDArray[np.int64] = np.zeros(shape, np.int64)

    def _merge(self, samples: NDArray[Any], valid: Mask) -> None:
        if samples.dtype.itemsize * 8 <= HALF_BITS:
            np.add(self._lower, samples, out=self._lower, where=valid)
            return
        upper = (samples >> HALF_BITS).astype(np.int64)
        lower = (samples & np.array((1 << HALF_BITS) - 1, samples.dtype)).astype(np.int64)
        np.add(self._upper, upper, out=self._upper, where=valid)
        np.add(self._lower, lower, out=self._lower, where=valid)

    def _merged(self) -> NDArray[Any]:
        counts = np.maximum(self._counts, 1)
        upper, rest = np.divmod(self._upper, counts)
        lower, rest = np.divmod((rest << HALF_BITS) + self._lower, counts)
        whole = (upper << HALF_BITS) + lower
        is_up = (2 * rest > counts) | ((2 * rest == counts) & (whole & 1 == 1))
        return (whole + is_up).astype(self._dtype)


class Least(SampleMerging):
    """The least samples."""

    _is_better: np.ufunc = np.less

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """As `SampleMerging`."""
        super().__init__(shape, dtype)
        self._best: NDArray[Any] = np.zeros(shape, dtype)

    def _merge(self, samples: NDArray[Any], valid: Mask) -> None:
        is_first = self._counts == 0
        np.copyto(self._best, samples, where=valid & (is_first | self._is_better(samples, self._best)))

    def _merged(self) -> NDArray[Any]:
        return self._best


class Greatest(Least):
    """The greatest samples."""

    _is_better: np.ufunc = np.greater


def sample_merging(rule: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> SampleMerging:
    """What makes one sample of several.

    Args:
        rule: `mean`, `min` or `max`.
        shape: of the result.
        dtype: type of the samples.
    """
    if rule == "mean":
        return FloatMean(shape, dtype) if dtype.kind == "f" else IntegerMean(shape, dtype)
    return {"min": Least, "max": Greatest}[rule](shape, dtype)
