"""A request while it is answered: what is found out about it, by the thread that answers it.

The transport begins an exchange for each request. Whatever is called meanwhile in the same thread notes in it what was
asked for and where time goes, without being passed it. What the log and the metrics tell is made of it at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from threading import get_ident
from time import monotonic
from types import MappingProxyType
from typing import Any

MEMORY, MEMCACHED, RENDERED, PASSED, NONE = "memory", "memcached", "rendered", "passed-through", "none"
"""Where the bytes of an answer come from: a cache, the decoder, a tile of the file as it is; or it has no pixels."""
RANKS = {MEMORY: 0, MEMCACHED: 1, PASSED: 2, RENDERED: 3}
"""Of several renditions in one answer, the one that cost most counts."""
WAITING, OPENING, READING, PROCESSING, ENCODING = "waiting", "opening", "reading", "processing", "encoding"
SENDING = "sending"
PHASES = (WAITING, OPENING, READING, PROCESSING, ENCODING, SENDING)
"""What takes long: waiting for other requests, opening files, reading and decoding and scaling pixels, changing them,
encoding them, and the client's reading of the answer."""

INTERNAL = "InternalError"
"""Kind of error of a fault of this server; other kinds are names of classes."""
NO_SECONDS: Mapping[str, float] = MappingProxyType({})


class Exchange:
    """One request. What has its default has not been found out: a hit of the caches notes only `known`."""

    request: Any = None
    """`iipserve.http.Request`; None of one that could not be read."""
    response: Any = None
    """`iipserve.http.Response`."""
    id = ""
    """What all its lines of the log have, once there is one."""
    started = 0.0
    """On the monotonic clock."""
    answered = 0.0
    """When the answer was ready, if the client did not take all of it at once; on the monotonic clock."""
    known: Any = None
    """`iipserve.address_cache.CachedAnswer` of an address that was asked for before."""
    protocol = ""
    images: Iterable[Any] = ()
    """`iipserve.image.ImageName` of each image that the query names."""
    content: Any = None
    """What was planned."""
    cache = ""
    """Where the bytes come from; empty if everything was in memory."""
    renders = 0
    """Images that were made for it."""
    missing: tuple[str, ...] = ()
    """Identifiers of images that the answer lacks, as they cannot be opened or read."""
    error = ""
    """Name of the class of the error that is the answer."""
    sent = 0
    """Bytes of a body whose length was not known before."""
    logged = False
    """The log has its line, which came before the client had the answer."""
    seconds: Mapping[str, float] = NO_SECONDS
    """By phase, without those of phases within it."""
    on_work: Callable[[Any], None] | None = None
    """What is called with the request when work begins."""
    works = False
    """Its answer is not in memory."""
    phase = ""
    """The present one."""
    reading = ""
    """Identifier of the image that is being opened or read."""
    _phase_began = 0.0

    def begin_work(self) -> None:
        """Tell once that the answer is not in memory: what comes now may take long, or end the process."""
        if not self.works:
            self.works = True
            if self.on_work is not None:
                self.on_work(self.request)

    def enter(self, phase: str) -> None:
        """Begin a phase, which is work, and end the present one."""
        self.begin_work()
        now = monotonic()
        if self.phase:
            if self.seconds is NO_SECONDS:
                self.seconds = {}
            spent: Any = self.seconds
            spent[self.phase] = spent.get(self.phase, 0.0) + now - self._phase_began
        self.phase, self._phase_began = phase, now

    def identifiers(self) -> list[str]:
        """Of the images that it is about, each once."""
        names = self.images if self.known is None else (name for name, _ in self.known.images)
        return list(dict.fromkeys(name[0] for name in names))

    def came_from(self, cache: str) -> None:
        """Note where bytes came from."""
        if not self.cache or RANKS[cache] > RANKS[self.cache]:
            self.cache = cache


running: dict[int, Exchange] = {}
"""The exchange of each thread that answers a request."""


class _Words:
    """What says what was planned: `iipserve.plan_words.words`, once there is an application."""

    of: Callable[[object], str] = staticmethod(lambda content: "")


def describe_by(words: Callable[[object], str]) -> None:
    """Let plans be described by this function."""
    _Words.of = staticmethod(words)


def described(content: object) -> str:
    """What was planned, in a few words."""
    return _Words.of(content)


def current() -> Exchange | None:
    """The exchange of this thread, if it answers a request."""
    return running.get(get_ident())


def came_from(cache: str) -> None:
    """Note where bytes of the answer came from."""
    exchange = running.get(get_ident())
    if exchange is not None:
        exchange.came_from(cache)


def begin_work() -> None:
    """Tell that the answer is not in memory."""
    exchange = running.get(get_ident())
    if exchange is not None:
        exchange.begin_work()


def asks(protocol: str, images: Iterable[Any] = ()) -> None:
    """Note what is asked, and about which images."""
    exchange = running.get(get_ident())
    if exchange is not None:
        exchange.known, exchange.protocol, exchange.images = None, protocol, images


def planned(content: object, images: Iterable[Any]) -> None:
    """Note what was planned, and all images that it is about."""
    exchange = running.get(get_ident())
    if exchange is not None:
        exchange.content, exchange.images = content, images


def failed(kind: str) -> None:
    """Note what kind of error is the answer."""
    exchange = running.get(get_ident())
    if exchange is not None:
        exchange.error = kind


def rendered() -> None:
    """Note that an image was made."""
    exchange = running.get(get_ident())
    if exchange is not None:
        exchange.renders += 1


def lacks(identifier: str) -> None:
    """Note that the answer is without an image."""
    exchange = running.get(get_ident())
    if exchange is not None and identifier not in exchange.missing:
        exchange.missing = (*exchange.missing, identifier)


def images_being_read() -> list[str]:
    """Identifiers of the images that this thread reads; in a thread of a library, of those that any thread reads."""
    own = running.get(get_ident())
    exchanges = [own] if own is not None else list(running.values())
    return sorted({exchange.reading for exchange in exchanges if exchange.reading})


def opened() -> int:
    """How many times this process has opened a file of an image."""
    return _openings.total


class _Openings:
    def __init__(self) -> None:
        self._numbers = count(1)  # atomic
        self.total = 0

    def add(self) -> None:
        self.total = next(self._numbers)


_openings = _Openings()


class phase:  # noqa: N801 (used as a function)
    """While the current thread is in a phase of its exchange; phases may be within each other."""

    __slots__ = ("_exchange", "_image", "_name", "_outer")

    def __init__(self, name: str, image: str = "") -> None:
        """Begin one of `PHASES`, which opens or reads the image with this identifier."""
        self._name = name
        self._image = image
        self._exchange = running.get(get_ident())

    def __enter__(self) -> None:
        """Begin it."""
        exchange = self._exchange
        if exchange is not None:
            self._outer = exchange.phase, exchange.reading
            exchange.enter(self._name)
            exchange.reading = self._image or exchange.reading

    def __exit__(self, *_: object) -> None:
        """End it; the phase around it goes on."""
        exchange = self._exchange
        if exchange is not None:
            outer, exchange.reading = self._outer
            exchange.enter(outer)


def opening(identifier: str) -> phase:
    """The phase in which the file of an image is opened, which is counted."""
    _openings.add()
    return phase(OPENING, identifier)
