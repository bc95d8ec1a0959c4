"""Samples without a file around them."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.codecs import raw
from iipserve.plan import Encoding
from tests.contracts.encoder import EVERYTHING, picture

ENCODING = Encoding("raw", 0, profile=True, metadata=True)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_samples_in_the_order_of_the_machine(bands: int, bits: int) -> None:
    pixels = picture((37, 53), bands, bits)
    body = raw.encode(pixels, ENCODING, EVERYTHING)
    assert type(body) is bytes
    read = np.frombuffer(body, f"=u{bits // 8}").reshape(53, 37, bands)
    np.testing.assert_array_equal(read, pixels)
