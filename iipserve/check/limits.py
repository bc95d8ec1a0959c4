"""Limits of this installation that no setting raises, or only together with the system."""

from __future__ import annotations

import math
import os
import resource
import shutil
import tempfile

from iipserve.config import Config
from iipserve.config.memory import allowed_bytes, replaced_bytes
from iipserve.engine.folder_tree import MAX_NAMES
from iipserve.engine.library import MAX_HELD
from iipserve.engine.output_policy import MAX_MARK_PIXELS
from iipserve.leader import MAX_WAITING
from iipserve.processing.colormap_files import MAX_COLORS, MIN_COLORS
from iipserve.protocols.iip.samples import MAX_SAMPLES, MAX_VIEWS
from iipserve.protocols.iip.tiles import MAX_TILES
from iipserve.router import MAX_ADDRESS_LENGTH
from iipserve.sources.svg import MAX_BYTES as MAX_SVG
from iipserve.sources.vips.file_reader import MAX_HELD_BYTES

FIXED = (
    f"address of a request: {MAX_ADDRESS_LENGTH:,} characters",
    f"TIL: {MAX_TILES:,} tiles",
    f"PFL and SPECTRA: {MAX_SAMPLES:,} samples of {MAX_VIEWS:,} images",
    f"color maps in the folder of COLORMAPS: {MIN_COLORS} to {MAX_COLORS:,} colors",
    f"watermark: {MAX_MARK_PIXELS // 1_000_000} megapixels",
    f"gallery: {MAX_NAMES:,} images and folders of a folder, or below one",
    f"SVG: {MAX_SVG // 1_000_000} MB; GIF and WebP: {MAX_HELD_BYTES >> 20} MiB",
)
"""Limits that no setting changes."""


def limits(config: Config) -> list[str]:
    """A line for each limit."""
    return [*FIXED, _memory(config), _descriptors(config), _temporary_files()]


def workers_of(config: Config) -> int:
    """Number of worker processes."""
    return config.workers or len(os.sched_getaffinity(0))


def descriptors_needed(config: Config) -> int:
    """Files that a worker may have open at once."""
    files = config.max_open_images + min(config.max_open_images, MAX_HELD)
    return files + (1 + MAX_WAITING) * config.threads


def _memory(config: Config) -> str:
    workers = workers_of(config)
    each, replaced = allowed_bytes(config) / 1e6, replaced_bytes(config) / 1e6
    text = f"memory: {workers} workers of at most {each:,.0f} MB each, {workers * each:,.0f} MB together"
    if math.isinf(replaced):
        return f"{text}; a worker that grows is not replaced"
    return f"{text}; a worker of more than {replaced:,.0f} MB is replaced"


def _descriptors(config: Config) -> str:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = descriptors_needed(config)
    available = "any number" if hard == resource.RLIM_INFINITY else f"{hard:,}"
    return f"open files: {available} (ulimit -n); MAX_OPEN_IMAGES and THREADS use up to {needed:,} per worker"


def _temporary_files() -> str:
    try:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free // 1_000_000
    except OSError as error:
        return f"temporary files (TMPDIR): none can be written ({error.strerror})"
    return f"temporary files (TMPDIR): {folder}, {free:,} MB free"
