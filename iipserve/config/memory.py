"""How the settings add up to the memory of a worker, and from which size on it is replaced."""

from __future__ import annotations

import math

from iipserve.config import MEGABYTE, Config

WORKER_BYTES = 70e6
"""Of a worker without caches and images (docs/performance.md)."""
HEADER_BYTES = 10e3
"""Of one image whose header is cached."""
MAX_UNREAD_LENGTH = 256 << 20
"""Bytes that one worker keeps in memory of answers that are not read yet and of requests that have not arrived entirely,
unless it is a single one."""
MARGIN = 1.5
"""Memory of a worker that is replaced, to what the settings allow: allocators keep some of what was freed."""


def allowed_bytes(config: Config) -> float:
    """Bytes that a worker holds at most, by what the settings allow; headers are not counted if they are unlimited."""
    headers = HEADER_BYTES * max(0, config.max_metadata_cache_size)
    held = config.max_image_cache_size + config.max_map_tiles_size + config.max_render_memory
    return WORKER_BYTES + headers + held * MEGABYTE + MAX_UNREAD_LENGTH


def replaced_bytes(config: Config) -> float:
    """Bytes from which a worker is replaced (MAX_WORKER_MEMORY); infinite if it never is."""
    if config.max_worker_memory:
        return math.inf if config.max_worker_memory < 0 else config.max_worker_memory * MEGABYTE
    return math.inf if config.max_metadata_cache_size < 0 else MARGIN * allowed_bytes(config)
