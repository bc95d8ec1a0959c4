"""What a request may cost: refused before decoding if too much, made to wait if too much at once."""

from __future__ import annotations

import os
import threading

from iipserve.config import MEGABYTE, Config
from iipserve.engine.assembly import STRIP_PIXELS, held_pixels
from iipserve.errors import Overloaded, TooLarge
from iipserve.geometry import ceil_div
from iipserve.image import ImageInfo
from iipserve.leader import hand_over
from iipserve.plan import Encoding, RenderPlan
from iipserve.processing import Stage, pipeline

READ_ONLY = Encoding("raw", 0)
"""Of a plan that is made to be admitted, where nothing is encoded."""
STRIP_COPIES = 4
"""Of the finished pixels of a strip: scaled, cut, changed, and regrouped by the encoder."""
SAMPLE_BYTES = {"uint8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "float32": 4}
"""By `ImageInfo.dtype`; any other has no more than 8."""
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
        cores = _own_cores(config.workers)
        self._single_core = cores == 1
        self._changed = threading.Condition()
        self._free = self._budget
        self._places = dict.fromkeys((True, False), config.max_renders or cores + 1)
        """Free ones for large images, and for others."""

    def admitted(
        self,
        plan: RenderPlan,
        info: ImageInfo,
        memory_factor: int = 2,
        *,
        in_strips: bool = False,
        brief: bool = False,
    ) -> Admission:
        """A place among those that render, and the memory that rendering `plan` takes, while it is entered.

        Entering waits for both while other requests hold them.

        Args:
            plan: what is rendered.
            info: its image.
            memory_factor: of the encoder.
            in_strips: never more than a strip of it is held.
            brief: it takes a millisecond or so. A worker with one core to itself then does it before it serves
                others: handing over to another thread and back costs more than it gains there.

        Raises:
            TooLarge: more than one request may ever have.
            Overloaded: place or memory did not become free in time.
        """
        self._check_pixels(plan, info)
        needed = strip_memory(plan, info) if in_strips else render_memory(plan, info, memory_factor)
        self._check_memory(plan, needed)
        is_large = plan.view.region.width * plan.view.region.height > LARGE_PIXELS
        return Admission(self, is_large, needed, brief and self._single_core)

    def take(self, is_large: bool, needed: int, at_once: bool) -> None:
        """Take a place and memory; aside from the thread's turn, unless they are there `at_once`.

        Raises:
            Overloaded: they did not become free in time.
        """
        if not (at_once and self._takes(is_large, needed, 0)):
            hand_over()
            if not self._takes(is_large, needed, self._patience):
                raise Overloaded("the server is busy with other images; ask again later")

    def give(self, is_large: bool, needed: int) -> None:
        """Give both back."""
        with self._changed:
            self._places[is_large] += 1
            self._free += needed
            self._changed.notify_all()

    def _takes(self, is_large: bool, needed: int, patience: float) -> bool:
        """Whether place and memory could be taken in so many seconds."""
        with self._changed:
            if not (self._fits(is_large, needed) or (patience and self._waits(is_large, needed, patience))):
                return False
            self._places[is_large] -= 1
            self._free -= needed
            return True

    def _waits(self, is_large: bool, needed: int, patience: float) -> bool:
        return self._changed.wait_for(lambda: self._fits(is_large, needed), patience)

    def _fits(self, is_large: bool, needed: int) -> bool:
        return self._places[is_large] > 0 and self._free >= needed

    def _check_pixels(self, plan: RenderPlan, info: ImageInfo) -> None:
        pixels = plan.view.region.width * plan.view.region.height
        if pixels > self._max_pixels:
            raise TooLarge(
                f"this needs {pixels / 1e6:.0f} megapixels of {info.identifier!r} to be decoded, and the limit is "
                f"{self._max_pixels / 1e6:.0f}; the image has no smaller level that would do"
            )

    def _check_memory(self, plan: RenderPlan, needed: int) -> None:
        size = plan.view.size
        if needed > self._budget:
            raise TooLarge(
                f"an image of {size.width} x {size.height} pixels needs {needed / MEGABYTE:.0f} MB "
                f"while it is made, and the limit is {self._budget / MEGABYTE:.0f}; ask for a smaller one"
            )


class Admission:
    """A place and memory, held while it is entered."""

    __slots__ = ("_at_once", "_is_large", "_limits", "_needed")

    def __init__(self, limits: Limits, is_large: bool, needed: int, at_once: bool) -> None:
        self._limits = limits
        self._is_large = is_large
        self._needed = needed
        self._at_once = at_once

    def __enter__(self) -> None:
        self._limits.take(self._is_large, self._needed, self._at_once)

    def __exit__(self, *_: object) -> None:
        self._limits.give(self._is_large, self._needed)


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
    read = min(plan.view.region.width * plan.view.region.height, STRIP_PIXELS + plan.view.region.width * 4096)
    made = plan.view.size.area
    for operation in pipeline.after_scaling(plan.operations):
        made = max(made, operation.output_size(plan.view.size).area)
    finished = finished_bytes(plan, info)
    copies = 1 + memory_factor + bool(plan.operations)
    return read * _read_bytes(plan, info, finished) + made * copies * finished


def strip_memory(plan: RenderPlan, info: ImageInfo) -> int:
    """As `render_memory`, for an image that is read, made and encoded in strips.

    One strip is held while the next is read, and the finished one while it is scaled, changed and encoded.
    """
    read, made = held_pixels(info, plan)
    finished = finished_bytes(plan, info)
    return 2 * read * _read_bytes(plan, info, finished) + STRIP_COPIES * made * finished


def _read_bytes(plan: RenderPlan, info: ImageInfo, finished: int) -> int:
    """Bytes of one pixel between reading and scaling: as read and, where that is not the same, finished."""
    read = info.bands * SAMPLE_BYTES.get(info.dtype, 8)
    if info.dtype == "uint8" and info.bands <= 4 and not pipeline.before_scaling(plan.operations):
        return read
    return read + finished


def _own_cores(workers: int) -> int:
    """Processor cores for each of so many workers, rounded up; 0 workers is one per core."""
    cores = len(os.sched_getaffinity(0))
    return ceil_div(cores, workers or cores)
