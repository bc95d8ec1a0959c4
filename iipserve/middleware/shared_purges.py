"""What hosts that share memcached servers purge: each of them asks every second, and all servers hold all of it."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Sequence
from time import monotonic
from urllib.parse import unquote

from iipserve.cache import memcached_keys
from iipserve.cache.memcached_server import Server
from iipserve.cache.memcached_servers import FAILURES_AND_REFUSALS, PATIENCE
from iipserve.config import Config, MemcachedAddress
from iipserve.middleware.passed_bodies import OWNER
from iipserve.purges import EVERYTHING, Purges, normal
from iipserve.purges.board import PurgeBoard

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two questions."""
MAX_AGE = 3.0
"""Seconds since the last answer after which a host keeps no bodies, as it may not know what has been purged."""
SETTLED = 3.5
"""Seconds after which no host keeps bodies of what has been purged."""


class SharedPurges:
    """Exchanges purges with other hosts through memcached. Safe for many threads."""

    def __init__(self, config: Config, board: PurgeBoard, patience: float = PATIENCE) -> None:
        """Use the servers of the settings."""
        self._board = board
        self._servers = {address: Server(address, patience) for address in config.memcached_servers}
        installation = config.filesystem_prefix.encode("utf-8", "surrogateescape")
        self._key = f"iipserve-purges:{hashlib.blake2b(installation, digest_size=6).hexdigest()}"

    def start(self) -> None:
        """Exchange now, and in a thread from now on."""
        if self._board.leads():
            self.exchange()
        threading.Thread(target=self._run, name="purges", daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(INTERVAL)
            if self._board.leads():
                self.exchange()

    @property
    def is_current(self) -> bool:
        """Whether this host has lately heard what others have purged."""
        return monotonic() - self._board.exchanged_at < MAX_AGE

    def exchange(self) -> list[MemcachedAddress]:
        """Learn what all servers hold, and let them hold all of it; those that do not answer."""
        started, held, silent = monotonic(), {}, []
        for address, server in self._servers.items():
            try:
                held[address] = text = server.get(self._key.encode())
                if text is not None:
                    self._board.add(Purges.decoded(text))
            except FAILURES_AND_REFUSALS:
                silent.append(address)
        known = self._board.read()[1].encoded()
        for address, text in held.items():
            if text != known and known != b"{}":
                self._write(address, known, silent)
        if len(silent) < len(self._servers):
            self._board.exchanged_at = started
        return silent

    def _write(self, address: MemcachedAddress, text: bytes, silent: list[MemcachedAddress]) -> None:
        try:
            self._servers[address].set(self._key, text, 0)
        except FAILURES_AND_REFUSALS:
            silent.append(address)

    def remove_bodies(
        self, names: Sequence[str], without: Sequence[MemcachedAddress] = ()
    ) -> tuple[int, list[MemcachedAddress]]:
        """Remove bodies of images from all servers but some; their number, and the servers that do not answer."""
        count, silent = 0, []
        for address in self._servers.keys() - without:
            try:
                count += memcached_keys.remove(address, lambda key: is_body_of(key, names))
            except OSError as error:
                log.warning("memcached %s may still hold bodies of what was purged: %s", address, error)
                silent.append(address)
        return count, silent


def is_body_of(key: str, names: Sequence[str]) -> bool:
    """Whether a key may be that of a body of an image: any whose address contains the name, however it is escaped."""
    owner = OWNER.match(key)
    if owner is None or not key.startswith("/", owner.end()):
        return False
    text, texts = key[owner.end() :], set()
    # nginx escapes percent signs, clients escape slashes, and some escape twice
    for _ in range(4):
        texts |= {normal(text), normal(text.replace("+", " "))}
        unescaped = unquote(text, errors="surrogateescape")
        if unescaped == text:
            break
        text = unescaped
    if any(name == EVERYTHING or UPWARDS.search(text) for name in names):
        return True
    return any(name in text for name in names for text in texts)


UPWARDS = re.compile(r"(?:^|[/=])\.\.(?:/|$)")
