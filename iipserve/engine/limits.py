"""What a request may cost: refused before decoding if too much, made to wait if too much at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from iipserve.config import MEGABYTE, Config
from iipserve.engine.assembly import STRIP_PIXELS, held_pixels
from iipserve.errors import Overloaded, TooLarge
from iipserve.geometry import ceil_div
from iipserve.image import ImageInfo
from iipserve.plan import RenderPlan
from iipserve.processing import Stage, pipeline
from iipserve.turn import step_aside

STRIP_COPIES = 4
"""Of the finished pixels of a strip: scaled, cut, changed, and regrouped by the encoder."""


LARGE_PIXELS = 4_000_000
"""Pixels to be read from which on an image waits for other large ones, not with the tiles."""


class Limits:
    """The memory budget of one worker, how many it renders at once, and the most one request may decode.

    More renderings at once than cores only take the processor's caches, and the interpreter's lock, from
    one another: half the throughput was measured with 8 instead of 2 on one core.
    """

    def __init__(self, config: Config) -> None:
        self._budget = int(config.max_render_memory * MEGABYTE)
        self._max_pixels = int(config.max_decode * 1_000_000)
        self._patience = config.request_timeout / 2
        self._free = self._budget
        self._changed = threading.Condition()
        cores = _own_cores(config.workers)
        self._single_core = cores == 1
        at_once = config.max_renders or cores + 1
        self._tiles = threading.Semaphore(at_once)
        self._exports = threading.Semaphore(at_once)

    @contextmanager
    def admitted(
        self,
        plan: RenderPlan,
        info: ImageInfo,
        memory_factor: int = 2,
        *,
        in_strips: bool = False,
        brief: bool = False,
    ) -> Iterator[None]:
        """Hold a place among those that render, and the memory that rendering `plan` takes.

        Waits for both while other requests hold them.

        Args:
            plan: what is rendered.
            info: its image.
            memory_factor: of the encoder.
            in_strips: never more than a strip of it is held.
            brief: it takes a millisecond or so. A worker with one core to itself then does it before it serves
                others: handing over to another thread and back would cost a quarter more.

        Raises:
            TooLarge: more than one request may ever have.
            Overloaded: place or memory did not become free in time.
        """
        self._check_pixels(plan, info)
        needed = strip_memory(plan, info) if in_strips else render_memory(plan, info, memory_factor)
        self._check_memory(plan, needed)
        places = self._exports if plan.region.width * plan.region.height > LARGE_PIXELS else self._tiles
        if not (brief and self._single_core and places.acquire(blocking=False)):
            step_aside()
            if not places.acquire(timeout=self._patience):
                raise Overloaded("the server is busy with other images; ask again later")
        try:
            with self._reserved(needed):
                yield
        finally:
            places.release()

    @contextmanager
    def _reserved(self, needed: int) -> Iterator[None]:
        with self._changed:
            if not self._changed.wait_for(lambda: self._free >= needed, self._patience):
                raise Overloaded("the server is busy with other large images; ask again later")
            self._free -= needed
        try:
            yield
        finally:
            with self._changed:
                self._free += needed
                self._changed.notify_all()

    def _check_pixels(self, plan: RenderPlan, info: ImageInfo) -> None:
        pixels = plan.region.width * plan.region.height
        if pixels > self._max_pixels:
            raise TooLarge(
                f"this needs {pixels / 1e6:.0f} megapixels of {info.identifier!r} to be decoded, and the limit is "
                f"{self._max_pixels / 1e6:.0f}; the image has no smaller level that would do"
            )

    def _check_memory(self, plan: RenderPlan, needed: int) -> None:
        if needed > self._budget:
            raise TooLarge(
                f"an image of {plan.size.width} x {plan.size.height} pixels needs {needed / MEGABYTE:.0f} MB "
                f"while it is made, and the limit is {self._budget / MEGABYTE:.0f}; ask for a smaller one"
            )


def finished_bytes(plan: RenderPlan, info: ImageInfo) -> int:
    """Bytes of one finished pixel, at most."""
    bands = min(info.bands, 4)
    makes_colors = any(operation.stage is Stage.NORMALIZED for operation in plan.operations)
    return (4 if makes_colors else bands) * plan.encoding.bits // 8


def render_memory(plan: RenderPlan, info: ImageInfo, memory_factor: int = 2) -> int:
    """An upper estimate of the bytes held while rendering: what is read, and the finished pixels several times.

    They are held once themselves, once more while an operation changes them, and `memory_factor` times
    while they are encoded.
    """
    read = min(plan.region.width * plan.region.height, STRIP_PIXELS + plan.region.width * 4096)
    made = plan.size.area
    for operation in pipeline.finishing(plan.operations):
        made = max(made, operation.output_size(plan.size).area)
    finished = finished_bytes(plan, info)
    copies = 1 + memory_factor + bool(plan.operations)
    return read * (_sample_bytes(info) + _developed_bytes(plan, info)) + made * copies * finished


def strip_memory(plan: RenderPlan, info: ImageInfo) -> int:
    """As `render_memory`, for an image that is read, made and encoded in strips.

    One strip is held while the next is read, and the finished one while it is scaled, changed and encoded.
    """
    read, made = held_pixels(info, plan)
    finished = finished_bytes(plan, info)
    return 2 * read * (_sample_bytes(info) + _developed_bytes(plan, info)) + STRIP_COPIES * made * finished


def _sample_bytes(info: ImageInfo) -> int:
    """Bytes of one pixel as it is read."""
    return info.bands * np.dtype(info.dtype).itemsize


def _developed_bytes(plan: RenderPlan, info: ImageInfo) -> int:
    """Bytes of one pixel between reading and scaling; none where what is read is finished."""
    if info.dtype == "uint8" and info.bands <= 4 and not pipeline.developing(plan.operations):
        return 0
    return finished_bytes(plan, info)


def _own_cores(workers: int) -> int:
    """Processor cores for each of so many workers, rounded up; 0 workers is one per core."""
    cores = len(os.sched_getaffinity(0))
    return ceil_div(cores, workers or cores)
