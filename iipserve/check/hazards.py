"""What will hurt, although the server starts with it: a line for each."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from iipserve.check.limits import descriptors_needed, workers_of
from iipserve.check.machine import memory_limit
from iipserve.check.nginx import short_connections
from iipserve.config import Config
from iipserve.config.memory import allowed_bytes
from iipserve.errors import ConfigError
from iipserve.geo import missing_packages
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.geo.service import load

OTHERS_READ = 0o004
ENVIRONMENT_FILE = "/etc/default/iipserve"
"""Of the unit file."""


def hazards(config: Config, fastcgi: str = "") -> list[str]:
    """A line for each.

    Args:
        config: the settings in force.
        fastcgi: where the server listens for FastCGI, as `--bind` has it; empty if that is not known.
    """
    return [
        *_whole_disk(config),
        *_readable_secrets(config),
        *readable_environment(config),
        *_few_descriptors(config),
        *_little_memory(config),
        *short_connections(fastcgi),
    ]


def _whole_disk(config: Config) -> Iterator[str]:
    if os.path.realpath(config.filesystem_prefix or "/") == "/":
        said = repr(config.filesystem_prefix) if config.filesystem_prefix else "empty"
        yield (
            f"FILESYSTEM_PREFIX is {said}: clients can ask for every image of this machine that the server's user "
            "can read; set it to the folder of the images"
        )


def _readable_secrets(config: Config) -> Iterator[str]:
    settings = _collections(config)
    if settings is None:
        return
    if settings.tokens and _others_read(settings.tokens):
        yield _readable(settings.tokens, "the hashes of tokens")
    if settings.is_database and urlsplit(settings.store).password and _others_read(config.services):
        yield _readable(config.services, "the password of the database")


def readable_environment(config: Config, path: str = ENVIRONMENT_FILE) -> list[str]:
    """A line if everybody can read the secret of purges in the file of settings."""
    if config.purge_secret and _others_read(path):
        with suppress(OSError), open(path, encoding="utf-8", errors="surrogateescape") as file:
            if config.purge_secret in file.read():
                return [_readable(path, "PURGE_SECRET")]
    return []


def _collections(config: Config) -> CollectionSettings | None:
    if not config.services or missing_packages():
        return None
    with suppress(ConfigError):  # reported elsewhere
        return CollectionSettings.of(load(config).metadata.options)
    return None


def _others_read(path: str) -> bool:
    with suppress(OSError):
        return bool(os.stat(path).st_mode & OTHERS_READ)
    return False


def _readable(path: str, what: str) -> str:
    return f"{path} holds {what}, and every user of this machine can read it: chmod o-rwx {path}"


def _few_descriptors(config: Config) -> Iterator[str]:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = descriptors_needed(config)
    if hard != resource.RLIM_INFINITY and hard < needed:
        yield (
            f"open files: {hard:,} are allowed here (ulimit -n, LimitNOFILE= of systemd); MAX_OPEN_IMAGES and "
            f"THREADS let a worker use {needed:,}"
        )


def _little_memory(config: Config) -> Iterator[str]:
    limit = memory_limit()
    workers = workers_of(config)
    total = workers * allowed_bytes(config)
    if limit is not None and total > limit:
        yield (
            f"memory: {workers} workers may take {total / 1e6:,.0f} MB together, and there are {limit / 1e6:,.0f} MB "
            "(of this machine, or of its container); WORKERS, MAX_RENDER_MEMORY and the sizes of the caches decide"
        )
