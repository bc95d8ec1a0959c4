"""Admission control: a request that costs too much is refused before decoding, others wait while resources are short."""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from iipserve.config import MEGABYTE, Config
from iipserve.errors import Overloaded, TooLarge
from iipserve.exchange import WAITING, phase
from iipserve.geometry import Size, ceil_div
from iipserve.leader import hand_over, waiting_long

HEAVY_PIXELS = 2048 * 2048
"""Requests that decode or make more pixels are admitted apart from others. No tile does by itself."""
BRIEF_PIXELS = 512 * 512
"""Pixels that are decoded and encoded in about a millisecond, unless decoding is expensive."""
QUICK_BYTES = 4 << 20
"""Tiles that take no more wait for a place only, and not for memory that others hold: a few are rendered at once."""


class Cost(NamedTuple):
    """What a request takes, estimated before anything is decoded."""

    identifier: str
    """The image's, for messages."""
    size: Size
    """Of the result, for messages."""
    read: int
    """Pixels of the stored level that are read."""
    decoded: int
    """Pixels that the source decodes in order to read them: whole tiles, or all of an image."""
    is_expensive: bool
    """The source takes long to decode pixels."""
    made: int
    """Pixels of the result."""
    pixel_bytes: int
    """Bytes of one pixel of the result, at most."""
    memory: int
    """Maximum bytes held at the same time."""
    decoding: int = 0
    """How many of these are held by the decoder, however little of the image is read."""

    @property
    def is_heavy(self) -> bool:
        """Whether light requests would wait long behind it."""
        return self.decoded > HEAVY_PIXELS or self.made > HEAVY_PIXELS

    @property
    def is_quick(self) -> bool:
        """Whether it is done in some milliseconds, with little memory: as most tiles."""
        return not (self.is_heavy or self.is_expensive) and self.memory <= QUICK_BYTES

    @property
    def is_brief(self) -> bool:
        """Whether reading takes about a millisecond."""
        return not self.is_expensive and self.decoded <= BRIEF_PIXELS and self.made <= BRIEF_PIXELS

    @property
    def result_bytes(self) -> int:
        """Bytes of the result's pixels, at most."""
        return self.made * self.pixel_bytes

    def processed(self, made: int, copies: int, pixel_bytes: int) -> Cost:
        """The cost with the result held `copies` times while it is changed and encoded, `made` pixels each.

        What it was read from is released by then.
        """
        memory = max(self.memory, made * copies * pixel_bytes)
        return Cost(
            *self[:5], made, pixel_bytes, memory, self.decoding
        )  # `_replace` takes three times as long


def bytes_with_opacity(pixel_bytes: int) -> int:
    """Bytes of a pixel once it has opacity, at most; four bands of 8 bits have it already, if it is not color."""
    return min(pixel_bytes + 1, 4) if pixel_bytes <= 4 else pixel_bytes + ceil_div(pixel_bytes, 3)


@dataclass(slots=True, eq=False)
class Waiter:
    """A request that waits."""

    number: int
    """Those that came earlier have smaller ones."""
    memory: int
    """Bytes it needs."""
    entered: threading.Event = field(default_factory=threading.Event)
    """It has a place, and its memory."""


@dataclass(slots=True, eq=False)
class Lane:
    """Requests of one kind, which wait for places in turns, and not for those of another lane."""

    free: int
    """How many more may enter."""
    held: int = 0
    """Bytes of those that have entered."""
    waiting: deque[Waiter] = field(default_factory=deque)
    """Those that have not, the first one first."""


class AdmissionControl:
    """The memory budget of one worker, how many requests it renders at once, and the maximum one may decode.

    More renderings at once than cores only compete for the processor's caches and the interpreter's lock: with
    8 instead of 2 on one core, half the throughput was measured.
    """

    def __init__(self, config: Config) -> None:
        self._budget = int(config.max_render_memory * MEGABYTE)
        self._max_decoded = int(config.max_decode * 1_000_000)
        self._patience = config.request_timeout / 2
        cores = _own_cores(config.workers)
        self._single_core = cores == 1
        self._lock = threading.Lock()
        self._free_memory = self._budget
        self._lanes = tuple(Lane(config.max_renders or cores + 1) for _ in range(4))
        self._quick, self._slow, self._heavy, self._bundles = self._lanes
        self._bundles.free = config.max_renders or cores
        self._numbers = itertools.count()

    def admit(self, cost: Cost, *, brief: bool = False) -> Reservation:
        """A place among the requests that render, and memory for one of this cost, held while it is entered.

        Entering waits until both are free.

        Args:
            cost: of the request.
            brief: it takes about a millisecond. A worker with one core to itself then keeps serving with the same
                thread: handing over to another one and back would cost more than it gains.

        Raises:
            TooLarge: the cost is more than any request may have.
            Overloaded: on entering; place or memory did not become free in time.
        """
        self._check(cost)
        lane = self._heavy if cost.is_heavy else self._quick if cost.is_quick else self._slow
        memory = 0 if lane is self._quick else cost.memory
        return Reservation(self, lane, memory, brief and self._single_core)

    def admit_bundle(self) -> Reservation:
        """A place among the answers that are put together of many renditions, each of which is admitted by itself.

        Many bundles at once would take all turns of their kind, and the interpreter's lock, from single tiles: so there is
        one for each core, and none besides that is ready while these wait.

        Raises:
            Overloaded: on entering; a place did not become free in time.
        """
        return Reservation(self, self._bundles, 0, at_once=False)

    def fits(self, cost: Cost) -> bool:
        """Whether a request of this cost is admitted at all."""
        return max(cost.read, cost.decoded) <= self._max_decoded and cost.memory <= self._budget

    def waiting(self) -> int:
        """How many requests wait."""
        with self._lock:
            return sum(len(lane.waiting) for lane in self._lanes)

    def acquire(self, lane: Lane, memory: int, *, at_once: bool) -> None:
        """Take a place and memory. The thread hands over before it waits, and unless both are free `at_once`.

        Raises:
            Overloaded: they did not become free in time.
        """
        if at_once:
            with self._lock:
                if self._enters(lane, memory):
                    return
        hand_over()
        with self._lock:
            if self._enters(lane, memory):
                return
            waiter = Waiter(next(self._numbers), memory)
            lane.waiting.append(waiter)
        try:
            self._wait(lane, waiter)
        except Overloaded:
            if self._gives_up(lane, waiter):
                raise

    def _wait(self, lane: Lane, waiter: Waiter) -> None:
        with phase(WAITING):
            if lane is self._quick:
                entered = waiter.entered.wait(self._patience)
            else:
                with waiting_long():
                    entered = waiter.entered.wait(self._patience)
        if not entered:
            raise Overloaded("the server is busy with other images; ask again later")

    def _gives_up(self, lane: Lane, waiter: Waiter) -> bool:
        """Wait no longer; False if it has entered by now."""
        with self._lock:
            if waiter.entered.is_set():
                return False
            lane.waiting.remove(waiter)
            self._let_in()  # it may have kept others back
            return True

    def release(self, lane: Lane, memory: int) -> None:
        """Free both."""
        with self._lock:
            lane.free += 1
            lane.held -= memory
            self._free_memory += memory
            self._let_in()

    def _enters(self, lane: Lane, memory: int) -> bool:
        """Take both for a request that comes now, if it need not wait. The lock is held."""
        earlier = [other for other in self._lanes if other.waiting]
        if lane in earlier or not self._may_enter(lane, memory, earlier):
            return False
        self._take(lane, memory)
        return True

    def _let_in(self) -> None:
        """Let those enter that need not wait any longer; only these wake up. The lock is held."""
        while (lane := self._next()) is not None:
            waiter = lane.waiting.popleft()
            self._take(lane, waiter.memory)
            waiter.entered.set()

    def _next(self) -> Lane | None:
        """The lane whose first request may enter; of several, the one whose came first."""
        waiting = sorted(
            (lane for lane in self._lanes if lane.waiting), key=lambda lane: lane.waiting[0].number
        )
        for index, lane in enumerate(waiting):
            if self._may_enter(lane, lane.waiting[0].memory, waiting[:index]):
                return lane
        return None

    def _may_enter(self, lane: Lane, memory: int, earlier: Sequence[Lane]) -> bool:
        """Whether both are free, and no first request of lanes that came `earlier` is passed on the way to memory."""
        if lane.free < 1 or not memory:
            return lane.free > 0
        left = self._free_memory - memory
        return left >= 0 and not any(self._is_passed(other, left) for other in earlier)

    def _is_passed(self, lane: Lane, left: int) -> bool:
        """Whether the first request of a lane only waits for memory of other lanes, and would not find it in `left`.

        It would wait forever for enough if later ones went on to take it. One that waits for others of its own lane
        is passed.
        """
        memory = lane.waiting[0].memory
        return lane.free > 0 and left < memory <= self._budget - lane.held

    def _take(self, lane: Lane, memory: int) -> None:
        lane.free -= 1
        lane.held += memory
        self._free_memory -= memory

    def _check(self, cost: Cost) -> None:
        decoded = max(cost.read, cost.decoded)
        if decoded > self._max_decoded:
            raise TooLarge(
                f"this request would decode {decoded / 1e6:.0f} megapixels of {cost.identifier!r}; the limit is "
                f"{self._max_decoded / 1e6:.0f}, and the image has no smaller level that would do"
            )
        if cost.decoding > self._budget:
            raise TooLarge(
                f"decoding {cost.identifier!r} takes {cost.decoding / MEGABYTE:.0f} MB, however little of it is shown; "
                f"the limit is {self._budget / MEGABYTE:.0f}"
            )
        if cost.memory > self._budget:
            raise TooLarge(
                f"an image of {cost.size.width} x {cost.size.height} pixels takes {cost.memory / MEGABYTE:.0f} MB to "
                f"render; the limit is {self._budget / MEGABYTE:.0f}: request a smaller one"
            )


class Reservation:
    """A place and memory, held while it is entered. (`contextlib.contextmanager` would take six times as long.)"""

    __slots__ = ("_admission", "_at_once", "_lane", "_memory")

    def __init__(self, admission: AdmissionControl, lane: Lane, memory: int, at_once: bool) -> None:
        self._admission = admission
        self._lane = lane
        self._memory = memory
        self._at_once = at_once

    def __enter__(self) -> None:
        self._admission.acquire(self._lane, self._memory, at_once=self._at_once)

    def __exit__(self, *_: object) -> None:
        self._admission.release(self._lane, self._memory)


def _own_cores(workers: int) -> int:
    """Processor cores per worker, rounded up; 0 workers means one per core."""
    cores = len(os.sched_getaffinity(0))
    return ceil_div(cores, workers or cores)
