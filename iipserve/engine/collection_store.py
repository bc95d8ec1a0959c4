"""The store of collections of a worker: opened in the process that uses it, and again when it was away."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable

from iipserve.collections.store import Store, open_store
from iipserve.config import Config
from iipserve.errors import ConfigError, NotInstalled, StoreUnavailable
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.leader import hand_over

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""After the store could not be opened, how long requests are answered so without another attempt."""
AWAY = "the store of collections cannot be used at present; ask again later"

Settings = Callable[[], CollectionSettings | None]


class CollectionStore:
    """Opens the store of the service file. Safe for many threads."""

    def __init__(self, config: Config, settings: Settings) -> None:
        """Open nothing.

        Args:
            config: names the service.
            settings: what the service file says of collections at present.
        """
        self._holder = holder(config)
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: tuple[str, Store] | None = None
        self._failed_at = -RETRY_SECONDS
        """On the monotonic clock."""

    @property
    def settings(self) -> CollectionSettings | None:
        """What the service file says of collections at present."""
        return self._settings()

    def begin(self) -> None:
        """Open the store at the start, so that of two services with one store the second one does not start.

        A store that is away, and packages that are missing, are reported to the requests that need them.

        Raises:
            ConfigError: another service holds it, or its address is none.
        """
        settings = self._settings()
        if settings is not None and settings.store:
            try:
                self._opened = settings.store, open_store(settings.store, self._holder)
            except (StoreUnavailable, NotInstalled) as error:
                log.warning("the store of collections is not open yet: %s", error)

    @property
    def is_open(self) -> bool:
        """The store has been opened, and can probably be used."""
        return self._opened is not None

    def current(self) -> Store | None:
        """The store; None where the service has none.

        Raises:
            NotInstalled: a package that it needs is missing.
            StoreUnavailable: it cannot be opened at present, or another service holds it; the log says why.
        """
        settings, opened = self._settings(), self._opened
        if settings is None or not settings.store:
            return None
        if opened is not None and opened[0] == settings.store:
            return opened[1]
        hand_over()
        with self._lock:
            if self._opened is None or self._opened[0] != settings.store:
                self._open(settings.store)
            assert self._opened is not None
            return self._opened[1]

    def close(self) -> None:
        """Close the store until it is used again."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened[1].close()

    def _open(self, address: str) -> None:
        """Open the store at an address; the one that a service file named before is closed."""
        if time.monotonic() - self._failed_at < RETRY_SECONDS:
            raise StoreUnavailable(AWAY)
        try:
            store = open_store(address, self._holder)
        except (ConfigError, StoreUnavailable) as error:
            self._failed_at = time.monotonic()
            log.error("the store of collections cannot be opened: %s", error)
            raise StoreUnavailable(AWAY) from error
        previous, self._opened = self._opened, (address, store)
        if previous is not None:
            previous[1].close()


def holder(config: Config) -> str:
    """The name of a service, the same for all its processes on a host: host and service file."""
    return f"{socket.gethostname()}:{os.path.realpath(config.services)}"
