"""What those who operate the server want to know of a worker: whether it can render, and what its caches hold."""

from __future__ import annotations

import os
from collections.abc import Mapping

from iipserve import exchange
from iipserve.cache import MemoryCache
from iipserve.config import Config
from iipserve.engine.renderer import Renderer
from iipserve.errors import IIPServeError
from iipserve.geometry import Size
from iipserve.plan import Blank, Encoding, RenderPlan

PICTURE = RenderPlan(Blank(Size(64, 16), "ready"), Encoding("jpeg", 75))
"""No cache keeps it, as it has a message."""


class Trial:
    """Tries a worker. Safe for many threads."""

    def __init__(self, config: Config, renderer: Renderer) -> None:
        self._prefix = config.filesystem_prefix
        self._renderer = renderer

    def fault(self) -> str:
        """Why images cannot be served; empty if they can. Takes as long as the storage does."""
        if self._prefix and not os.path.isdir(self._prefix):
            return "the folder of images is not there"
        try:
            self._renderer.render(PICTURE)
        except IIPServeError as error:
            return f"no picture can be made: {error}"
        return ""

    def gauges(self) -> Mapping[str, float]:
        """Numbers by the names of metrics."""
        memory = self._renderer.tiles
        found: dict[str, float] = {
            "waiting_requests": self._renderer.admission.waiting(),
            "images_opened": exchange.opened(),
        }
        if isinstance(memory, MemoryCache):
            found |= {
                "cache_bytes": memory.bytes,
                "cache_capacity_bytes": memory.capacity,
                "cache_entries": memory.entries,
            }
        return found
