"""Settings of Python's garbage collector."""

from __future__ import annotations

import gc

THRESHOLD = 10_000
"""Objects by which those that are tracked may grow before the youngest are searched for cycles; Python's is 700. Opening
an image creates some hundreds that stay, so with 700 every search of the oldest would come soon, too."""


def tune_collector() -> None:
    """Leave out of the search for cycles what lives as long as the process; call it once the application is built.

    Of the 460 microseconds that it takes to open a TIFF pyramid and answer a tile of it, the collector took 90 with
    Python's settings, and takes 10 with these.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD, *gc.get_threshold()[1:])
