"""Makes findings independent of how busy the machine is."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_time_is_long() -> Iterator[None]:
    """No opening and no decoding is slow."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MAX_MILLISECONDS", "MAX_OPENING"):
            patch.setattr(f"iipserve.diagnosis.findings.{name}", math.inf)
        yield
