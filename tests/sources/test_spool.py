"""Pixels in temporary files."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import pytest

from iipserve.errors import ImageUnavailable
from iipserve.sources.spool import spool
from tests.images import gradient


def test_pixels_survive_and_cannot_be_changed() -> None:
    picture = gradient((70, 50), 4)
    kept = spool(picture)
    assert np.array_equal(kept, picture)
    with pytest.raises(ValueError, match="read-only"):
        kept[0, 0, 0] = 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32"])
def test_samples_of_any_type_survive(dtype: str) -> None:
    samples = np.arange(70 * 50 * 3).reshape(50, 70, 3).astype(dtype)
    kept = spool(samples)
    assert kept.dtype == samples.dtype
    assert np.array_equal(kept, samples)
    assert np.array_equal(spool(samples[::2, ::-3]), samples[::2, ::-3])


def test_no_room_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(ImageUnavailable, match="no room"):
        spool(gradient((70, 50)))
