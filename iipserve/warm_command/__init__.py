"""`iipserve warm`: fills caches with tiles before visitors ask for them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TextIO
from urllib.parse import urlsplit

from iipserve import registry
from iipserve.cache.memcached_server import connect
from iipserve.command_line import finished, settings, terminable
from iipserve.command_line.cluster import results_of
from iipserve.command_line.progress import Progress
from iipserve.config import Config
from iipserve.engine.library import Library
from iipserve.errors import ConfigError, InvalidRequest
from iipserve.warm_command.addresses import PROTOCOLS
from iipserve.warm_command.record import record_path, recorded
from iipserve.warm_command.visiting import Visits, Warmed, warmed

DESCRIPTION = """\
Makes tiles of images before visitors ask for them: with --server it asks a running server (or the web server in front of
it) for them, which fill its caches; without, it fills the memcached servers of the settings. A command that was interrupted
goes on where it was."""
USUAL_LARGEST = 2048
PATIENCE = 3.0
"""Seconds for the answer of a memcached."""


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog="iipserve warm", description=DESCRIPTION, allow_abbrev=False)
    made.add_argument(
        "prefixes", nargs="*", metavar="PREFIX",
        help="beginnings of the names of images, such as books/ (all images below FILESYSTEM_PREFIX)",
    )  # fmt: skip
    made.add_argument("--server", type=_address, metavar="URL", help="http://HOST:PORT of the server")
    made.add_argument(
        "--up-to", type=_number, default=USUAL_LARGEST, metavar="PIXELS",
        help=f"levels whose longer side has at most so many pixels ({USUAL_LARGEST}); 0 for all levels",
    )  # fmt: skip
    made.add_argument(
        "--protocol", choices=PROTOCOLS, default=PROTOCOLS[0],
        help="whose addresses are asked for, which matters to caches in front of the server only (deepzoom)",
    )  # fmt: skip
    made.add_argument("--jobs", type=_number, default=0, metavar="N", help="images at once (one per core)")
    made.add_argument(
        "--scheduler",
        default="",
        metavar="ADDRESS",
        help="do it on the Dask cluster of this scheduler (extra `cluster`)",
    )
    return made


def main(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run the command. The exit status is 0, or 1 if tiles were not made, and 2 for wrong usage.

    Args:
        arguments: after `warm`.
        environ: environment with the settings.
        out: stream for the sum at the end.
        err: stream for progress, failures and mistakes.
    """
    options = parser().parse_args(arguments)
    config = settings(environ, err)
    if config is None:
        return 1
    with terminable():
        return finished(partial(_warm, options, config, environ, out, err), err)


def _warm(
    options: argparse.Namespace, config: Config, environ: Mapping[str, str], out: TextIO, err: TextIO
) -> int:
    if not options.server:
        _check_memcached(config)
    visits = Visits(config, options.server or "", options.protocol, options.up_to)
    names = _names(options.prefixes, config)
    failures: list[Warmed] = []
    tiles = 0
    known = (config.image_prefix, config.memcached_servers, *visits[1:], sorted(options.prefixes))
    with (
        recorded(record_path(environ, known), err) as record,
        Progress(err, "warming", len(names)) as progress,
    ):
        waiting = [name for name in names if name not in record.done]
        progress.step(len(names) - len(waiting))
        work = partial(warmed, visits=visits)
        for each in results_of(work, waiting, Warmed, jobs=options.jobs, scheduler=options.scheduler):
            progress.step()
            tiles += each.tiles
            if each.failure:
                failures.append(each)
            else:
                record.note(each.identifier)
        if not failures:
            record.forget()
    done = len(waiting) - len(failures)
    out.write(
        f"{done} images, {tiles} tiles, {len(names) - len(waiting)} done before, {len(failures)} failed\n"
    )
    err.writelines(f"{each.identifier}: {each.failure}\n" for each in sorted(failures))
    return 1 if failures else 0


def _names(prefixes: Sequence[str], config: Config) -> list[str]:
    """Identifiers of the images that are meant.

    Raises:
        InvalidRequest: there are none.
    """
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    beginnings = tuple(prefixes) or ("",)
    found = [name for name in library.identifiers(sys.maxsize) if name.startswith(beginnings)]
    if not found:
        raise InvalidRequest(f"no image below {config.filesystem_prefix!r} has a name that begins so")
    return found


def _check_memcached(config: Config) -> None:
    """See that there is something to fill.

    Raises:
        ConfigError: there is not.
    """
    if not config.memcached_servers:
        raise ConfigError(
            "nothing to fill: name a server by --server, or memcached servers in MEMCACHED_SERVERS"
        )
    for address in config.memcached_servers:
        try:
            connect(address, PATIENCE).close()
        except OSError as error:
            raise ConfigError(f"memcached {address} cannot be reached: {error.strerror or error}") from error


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as http://localhost:8080")
    return text


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)
